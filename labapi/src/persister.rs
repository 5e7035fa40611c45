//! The simulated disk of one server: its Raft state and its snapshot.
//!
//! A save never fails, and the saved data is durable at once. To simulate a crash, the harness makes a copy
//! of the disk ([`Persister::copy`]) and starts a new server with this copy. If the old server saves
//! something after the copy was made, this data is lost.
//!
//! # Two levels
//!
//! The course's operations (`save_raft_state`, `read_raft_state`, ...) treat the state as one byte string. So
//! a Raft may save its whole state each time. But if the log is long, it takes too much time to write the
//! whole log for each new entry. So the state can also be a sequence of **frames**: first one *head* (term,
//! vote, and the index at which the log begins), then one frame for each log entry. [`Persister::update`]
//! adds frames at the end of the sequence, and removes entry frames at the beginning or at the end. Its cost
//! depends only on the size of the change.
//!
//! Frames can also be read as one byte string. In this byte string, the length of each frame comes before the
//! frame. The length has four bytes, the least significant byte first. If a state was saved as a byte string
//! of this form, it can be read as frames.
//!
//! # The trace
//!
//! The persister itself reports each save to the trace, as the event `persister.save`. The event has the
//! sizes and the digests of the Raft state and of the snapshot after the save. So the users of a persister do
//! not have to report saves. The digest of the frames is updated with each change of the frames, so it costs
//! no more than the change.
//!
//! # Faults
//!
//! A harness can be called at each save ([`Persister::on_save`]). So it can simulate a crash at the very
//! moment of a save.

use crate::observe;
use labrt::collections::VecDeque;
use labrt::sync::{Arc, Mutex};
use labrt::trace::{self, Field, Kind, Links};
use std::convert::Infallible;
use std::fmt;

#[cfg(test)]
mod tests;

/// The kind of an event that reports a save: of the Raft state, of the snapshot or of both.
const SAVE: Kind = Kind::new("persister.save");

/// The number of bytes in which the length of a frame is written.
const PREFIX: usize = size_of::<u32>();

/// The simulated disk of one server. Every operation is atomic.
#[derive(Default)]
pub struct Persister {
    disk: Mutex<Disk>,
}

/// A step of a save, for the hook of [`Persister::on_save`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveStep {
    /// A server has called the persister, and the disk has not changed yet.
    Before {
        /// True if the server saves a snapshot.
        snapshot: bool,
    },
    /// The disk has changed, and the call of the persister has not returned yet.
    After {
        /// True if the server has saved a snapshot.
        snapshot: bool,
    },
}

type SaveHook = Arc<dyn Fn(&Persister, SaveStep) + Send + Sync>;

/// The contents of a persister. A persister and its copy share the contents until one of the two changes
/// them.
#[derive(Clone, Default)]
struct Disk {
    raft_state: RaftState,
    snapshot: Arc<[u8]>,
    /// The digest of the snapshot. When a new snapshot is saved, this becomes `None`. It is computed when the
    /// trace needs it for the first time.
    snapshot_digest: Option<u64>,
    bytes_written: u64,
    hook: Hook,
    /// See [`Writer::explain`].
    explain: Option<Explain>,
}

/// The hook of [`Persister::on_save`]. A copy of a disk has no hook.
#[derive(Default)]
struct Hook(Option<SaveHook>);

impl Clone for Hook {
    fn clone(&self) -> Hook {
        Hook(None)
    }
}

#[derive(Clone)]
enum RaftState {
    /// A state that was saved as one byte string.
    Raw(Arc<[u8]>),
    /// A state that is kept as frames.
    Framed(Arc<Frames>),
}

/// The Raft state as frames.
#[derive(Clone, Default)]
pub struct Frames {
    head: Option<Arc<[u8]>>,
    entries: VecDeque<Arc<[u8]>>,
    /// The number of bytes of all frames. The bytes of their lengths count, too.
    size: usize,
    /// The digest of the entry frames. It is `None` until the trace needs it for the first time. If the
    /// frames are changed when no events are recorded, it becomes `None` again.
    digest: Option<SequenceDigest>,
}

impl Persister {
    /// Makes an empty disk.
    pub fn new() -> Persister {
        Persister::default()
    }

    /// Returns a new, independent persister with the same contents. The two persisters share the bytes in
    /// memory until one of the two is changed.
    pub fn copy(&self) -> Persister {
        Persister { disk: Mutex::new(Disk { bytes_written: 0, ..self.disk.lock().clone() }) }
    }

    /// Calls `hook` before and after each later save to this object. A new hook replaces an earlier one. A
    /// copy of this object has no hook.
    ///
    /// The hook runs on the thread of the server that saves, and this thread may hold a lock of the server.
    /// So the hook must not wait, and must not call the server. The disk is not locked during the call, so
    /// the hook may copy it.
    pub fn on_save(&self, hook: impl Fn(&Persister, SaveStep) + Send + Sync + 'static) {
        self.disk.lock().hook = Hook(Some(Arc::new(hook)));
    }

    /// Makes a save: calls the hook, changes the disk with `change`, reports the save to the trace, and calls
    /// the hook again. `snapshot` says whether `change` replaces the snapshot.
    fn save<E>(&self, snapshot: bool, change: impl FnOnce(&mut Disk) -> Result<(), E>) -> Result<(), E> {
        let mut disk = self.disk.lock();
        let hook = disk.hook.0.clone();
        if let Some(hook) = &hook {
            drop(disk);
            hook(self, SaveStep::Before { snapshot });
            disk = self.disk.lock();
        }
        change(&mut disk)?;
        disk.tell();
        drop(disk);
        if let Some(hook) = &hook {
            hook(self, SaveStep::After { snapshot });
        }
        Ok(())
    }

    /// Replaces the Raft state. The snapshot does not change.
    pub fn save_raft_state(&self, state: &[u8]) {
        let Ok(()) = self.save(false, |disk| {
            disk.save_raft_state(state);
            Ok::<(), Infallible>(())
        });
    }

    /// Returns the Raft state. It is empty if no state was saved.
    pub fn read_raft_state(&self) -> Vec<u8> {
        match self.disk.lock().raft_state.clone() {
            RaftState::Raw(bytes) => bytes.to_vec(),
            RaftState::Framed(frames) => frames.to_bytes(),
        }
    }

    /// Returns the number of bytes that [`read_raft_state`](Persister::read_raft_state) would return. This
    /// function does not copy the bytes.
    pub fn raft_state_size(&self) -> usize {
        match &self.disk.lock().raft_state {
            RaftState::Raw(bytes) => bytes.len(),
            RaftState::Framed(frames) => frames.size,
        }
    }

    /// Replaces the Raft state and the snapshot in one step. So a copy has both new values or both old
    /// values.
    pub fn save_state_and_snapshot(&self, state: &[u8], snapshot: &[u8]) {
        let Ok(()) = self.save(true, |disk| {
            disk.save_raft_state(state);
            disk.save_snapshot(snapshot.into());
            Ok::<(), Infallible>(())
        });
    }

    /// Returns the snapshot. It is empty if no snapshot was saved.
    pub fn read_snapshot(&self) -> Arc<[u8]> {
        self.disk.lock().snapshot.clone()
    }

    /// Returns the length of the snapshot in bytes.
    pub fn snapshot_size(&self) -> usize {
        self.disk.lock().snapshot.len()
    }

    /// Returns the Raft state as frames.
    ///
    /// # Errors
    /// If the state was saved as bytes that are not a sequence of frames.
    pub fn frames(&self) -> Result<Frames, FrameError> {
        match self.disk.lock().raft_state.clone() {
            RaftState::Raw(bytes) => Frames::parse(&bytes),
            RaftState::Framed(frames) => Ok(Arc::unwrap_or_clone(frames)),
        }
    }

    /// Changes frames in one step. If the closure `write` replaces the snapshot, the snapshot changes in the
    /// same step. The closure only lists the changes. After that, the persister makes these changes in the
    /// same order. The closure is called before the disk is locked.
    ///
    /// # Errors
    /// If the present state was saved as bytes that are not a sequence of frames. If there is an error,
    /// nothing is changed.
    ///
    /// # Panics
    /// If the closure keeps or drops more frames than there are, or appends a frame to a state without a
    /// head. If this function panics, nothing is changed.
    pub fn update(&self, write: impl FnOnce(&mut Writer)) -> Result<(), FrameError> {
        let mut writer = Writer::default();
        write(&mut writer);
        let snapshot = writer.steps.iter().any(|step| matches!(step, Step::Snapshot(_)));
        self.save(snapshot, |disk| {
            disk.explain = writer.explain;
            disk.apply(writer.steps)
        })
    }

    /// Returns how many bytes all saves to this object have written so far. For a copy, the number begins
    /// with 0.
    pub fn bytes_written(&self) -> u64 {
        self.disk.lock().bytes_written
    }
}

impl fmt::Debug for Persister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, snapshot) = (self.raft_state_size(), self.snapshot_size());
        write!(f, "Persister(Raft state {state} bytes, snapshot {snapshot} bytes)")
    }
}

/// The steps of one [`Persister::update`].
#[derive(Default)]
pub struct Writer {
    steps: Vec<Step>,
    explain: Option<Explain>,
}

/// What a server has saved, for the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The term.
    pub term: u64,
    /// The vote in this term.
    pub voted_for: Option<usize>,
    /// The index up to which a snapshot covers the log.
    pub last_included_index: u64,
    /// The index of the last log entry.
    pub last: u64,
}

/// Reads what the frames say about a server.
pub type Explain = fn(&Frames) -> Option<Saved>;

enum Step {
    Head(Vec<u8>),
    TruncateTo(usize),
    Append(Vec<u8>),
    DropFront(usize),
    Snapshot(Arc<[u8]>),
}

impl Writer {
    /// Names a function that reads the frames after this update. If the events of the run are kept, the trace
    /// gets its result ([`observe::saved`]).
    pub fn explain(&mut self, explain: Explain) {
        self.explain = Some(explain);
    }

    /// Replaces the head frame.
    pub fn head(&mut self, frame: Vec<u8>) {
        self.steps.push(Step::Head(frame));
    }

    /// Keeps the first `kept` entry frames and drops the others.
    pub fn truncate_to(&mut self, kept: usize) {
        self.steps.push(Step::TruncateTo(kept));
    }

    /// Adds an entry frame at the end.
    pub fn append(&mut self, frame: Vec<u8>) {
        self.steps.push(Step::Append(frame));
    }

    /// Drops the first `dropped` entry frames.
    pub fn drop_front(&mut self, dropped: usize) {
        self.steps.push(Step::DropFront(dropped));
    }

    /// Replaces the snapshot.
    pub fn snapshot(&mut self, snapshot: Arc<[u8]>) {
        self.steps.push(Step::Snapshot(snapshot));
    }
}

impl Disk {
    fn save_raft_state(&mut self, state: &[u8]) {
        self.bytes_written += state.len() as u64;
        self.raft_state = RaftState::Raw(state.into());
    }

    fn save_snapshot(&mut self, snapshot: Arc<[u8]>) {
        self.bytes_written += snapshot.len() as u64;
        self.snapshot = snapshot;
        self.snapshot_digest = None;
    }

    /// Reports the saved contents to the trace. The caller holds the disk's lock, so the events are in the
    /// order of the saves.
    fn tell(&mut self) {
        if !trace::on() {
            return;
        }
        let (bytes, state) = match &mut self.raft_state {
            RaftState::Raw(bytes) => (bytes.len(), trace::digest(bytes)),
            RaftState::Framed(frames) => (frames.size, Arc::make_mut(frames).digest()),
        };
        let snapshot = *self.snapshot_digest.get_or_insert_with(|| trace::digest(&self.snapshot));
        let fields = [
            ("bytes", bytes.into()),
            ("state", Field::X(state)),
            ("snapshot_bytes", self.snapshot.len().into()),
            ("snapshot", Field::X(snapshot)),
        ];
        trace::emit(SAVE, Links::NONE, &fields);
        if let (Some(explain), RaftState::Framed(frames)) = (self.explain, &self.raft_state) {
            observe::saved(|| explain(frames));
        }
    }

    fn apply(&mut self, steps: Vec<Step>) -> Result<(), FrameError> {
        if let RaftState::Raw(bytes) = &self.raft_state {
            self.raft_state = RaftState::Framed(Arc::new(Frames::parse(bytes)?));
        }
        let RaftState::Framed(shared) = &mut self.raft_state else {
            unreachable!("the raw bytes have just been replaced by frames");
        };
        shared.check(&steps);
        // If a copy of the persister shares the frames, this clones the pointers to the frames, but not the
        // bytes of the frames.
        let frames = Arc::make_mut(shared);
        if !trace::on() {
            frames.digest = None;
        }
        let mut new_snapshot = None;
        for step in steps {
            match step {
                Step::Head(frame) => self.bytes_written += frames.set_head(frame),
                Step::TruncateTo(kept) => frames.truncate_to(kept),
                Step::Append(frame) => self.bytes_written += frames.append(frame),
                Step::DropFront(dropped) => frames.drop_front(dropped),
                Step::Snapshot(snapshot) => new_snapshot = Some(snapshot),
            }
        }
        if let Some(snapshot) = new_snapshot {
            self.save_snapshot(snapshot);
        }
        Ok(())
    }
}

impl Default for RaftState {
    fn default() -> RaftState {
        RaftState::Raw(Arc::default())
    }
}

impl Frames {
    /// The head frame. It is `None` if nothing was ever saved.
    pub fn head(&self) -> Option<&[u8]> {
        self.head.as_deref()
    }

    /// The entry frames. The oldest frame is the first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.entries.iter().map(|frame| &**frame)
    }

    /// Reads frames from bytes.
    ///
    /// # Errors
    /// If the bytes end inside a frame or inside a frame's length.
    pub fn parse(bytes: &[u8]) -> Result<Frames, FrameError> {
        let mut frames = Frames { size: bytes.len(), ..Frames::default() };
        let mut rest = bytes;
        while !rest.is_empty() {
            let error = |claimed| FrameError {
                frame: frames.head.iter().len() + frames.entries.len(),
                offset: bytes.len() - rest.len(),
                length: bytes.len(),
                claimed,
            };
            let (prefix, body) = rest.split_first_chunk::<PREFIX>().ok_or_else(|| error(None))?;
            let claimed = u32::from_le_bytes(*prefix) as usize;
            let (frame, after) = body.split_at_checked(claimed).ok_or_else(|| error(Some(claimed)))?;
            match frames.head {
                None => frames.head = Some(frame.into()),
                Some(_) => frames.entries.push_back(frame.into()),
            }
            rest = after;
        }
        Ok(frames)
    }

    /// Returns the frames as bytes. The length of each frame comes before the frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size);
        for frame in self.head.iter().chain(&self.entries) {
            let length = u32::try_from(frame.len()).expect("the length was checked when the frame was added");
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    /// Checks the steps of an update. Panics if one of the steps is not possible.
    fn check(&self, steps: &[Step]) {
        let (mut has_head, mut count) = (self.head.is_some(), self.entries.len());
        for step in steps {
            match step {
                Step::Head(frame) => {
                    has_head = true;
                    assert_fits(frame);
                }
                Step::Append(frame) => {
                    assert!(
                        has_head,
                        "Persister::update: an entry frame is appended, but there is no head frame"
                    );
                    assert_fits(frame);
                    count += 1;
                }
                Step::TruncateTo(kept) => {
                    assert!(*kept <= count, "Persister::update: keep {kept} entry frames of {count}");
                    count = *kept;
                }
                Step::DropFront(dropped) => {
                    assert!(*dropped <= count, "Persister::update: drop {dropped} entry frames of {count}");
                    count -= dropped;
                }
                Step::Snapshot(_) => {}
            }
        }
    }

    fn set_head(&mut self, frame: Vec<u8>) -> u64 {
        let size = PREFIX + frame.len();
        self.size = self.size + size - self.head.as_ref().map_or(0, |old| PREFIX + old.len());
        self.head = Some(frame.into());
        size as u64
    }

    fn append(&mut self, frame: Vec<u8>) -> u64 {
        let size = PREFIX + frame.len();
        self.size += size;
        if let Some(digest) = &mut self.digest {
            digest.push_back(&frame);
        }
        self.entries.push_back(frame.into());
        size as u64
    }

    fn truncate_to(&mut self, kept: usize) {
        for frame in self.entries.drain(kept..).rev() {
            self.size -= PREFIX + frame.len();
            if let Some(digest) = &mut self.digest {
                digest.pop_back(&frame);
            }
        }
    }

    fn drop_front(&mut self, dropped: usize) {
        for frame in self.entries.drain(..dropped) {
            self.size -= PREFIX + frame.len();
            if let Some(digest) = &mut self.digest {
                digest.pop_front(&frame);
            }
        }
    }

    /// Returns a digest of all frames: equal frames have equal digests. The first call reads all frames.
    /// Later calls read only the head.
    fn digest(&mut self) -> u64 {
        let entries = &self.entries;
        let digest = self.digest.get_or_insert_with(|| {
            let mut digest = SequenceDigest::default();
            entries.iter().for_each(|frame| digest.push_back(frame));
            digest
        });
        let head = self.head.as_ref().map_or(0, |head| trace::digest(head));
        (head.rotate_left(32) ^ digest.value).wrapping_add(entries.len() as u64)
    }
}

impl PartialEq for Frames {
    fn eq(&self, other: &Frames) -> bool {
        (&self.head, &self.entries) == (&other.head, &other.entries)
    }
}

impl Eq for Frames {}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("head", &self.head).field("entries", &self.entries).finish()
    }
}

/// The digest of a sequence of frames. The sequence can change at both ends: when a frame is added or
/// removed, only this frame must be read. The digest is the polynomial `d0 + d1*B + d2*B^2 + ...` modulo
/// 2^64, where `d0`, `d1` and so on are the digests of the frames. The digest depends only on the sequence of
/// frames. It does not depend on the steps that made the sequence.
#[derive(Clone, Copy)]
struct SequenceDigest {
    value: u64,
    /// `B` to the power of the number of frames.
    power: u64,
}

impl SequenceDigest {
    /// The `B` of the polynomial. This number is odd, so it has an inverse modulo 2^64. A multiplication by
    /// the inverse removes a factor `B`.
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;
    const INVERSE: u64 = inverse(SequenceDigest::BASE);

    fn push_back(&mut self, frame: &[u8]) {
        self.value = self.value.wrapping_add(trace::digest(frame).wrapping_mul(self.power));
        self.power = self.power.wrapping_mul(SequenceDigest::BASE);
    }

    fn pop_back(&mut self, frame: &[u8]) {
        self.power = self.power.wrapping_mul(SequenceDigest::INVERSE);
        self.value = self.value.wrapping_sub(trace::digest(frame).wrapping_mul(self.power));
    }

    fn pop_front(&mut self, frame: &[u8]) {
        self.value = self.value.wrapping_sub(trace::digest(frame)).wrapping_mul(SequenceDigest::INVERSE);
        self.power = self.power.wrapping_mul(SequenceDigest::INVERSE);
    }
}

impl Default for SequenceDigest {
    fn default() -> SequenceDigest {
        SequenceDigest { value: 0, power: 1 }
    }
}

/// Returns the inverse of `odd` modulo 2^64: the product of `odd` and its inverse is 1. The first
/// approximation is `odd` itself, whose lowest three bits are right. Each step of Newton's method doubles the
/// number of right bits.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut step = 0;
    while step < 5 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        step += 1;
    }
    x
}

fn assert_fits(frame: &[u8]) {
    assert!(
        u32::try_from(frame.len()).is_ok(),
        "Persister::update: a frame of {} bytes is too long",
        frame.len()
    );
}

/// The error for bytes that are not a sequence of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The number of the frame that is wrong. The head has the number 0.
    pub frame: usize,
    /// The byte at which that frame begins.
    pub offset: usize,
    /// The length of the whole Raft state in bytes.
    pub length: usize,
    /// The length that the bytes give for that frame. It is `None` if the bytes end inside the bytes of the
    /// length.
    pub claimed: Option<usize>,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameError { frame, offset, length, claimed } = self;
        let left = length - offset;
        write!(f, "Raft state, frame {frame} at byte {offset} of {length}: ")?;
        match claimed {
            None => write!(f, "expected a length of {PREFIX} bytes, only {left} bytes are left"),
            Some(claimed) => {
                write!(f, "expected {claimed} bytes after the length, only {} are left", left - PREFIX)
            }
        }
    }
}

impl std::error::Error for FrameError {}
