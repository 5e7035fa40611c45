//! The log and the rest of the saved state, in memory and in a `Persister`.
//!
//! # Numbers and indices
//!
//! The labs count only commands: the first command has the number 1, the next one the number 2. The crate
//! counts all entries of its log, and a new leader of the crate begins its term with a blank entry, which is
//! no command. So a command has an *index* in the crate and a smaller *number* in the labs. The disk keeps
//! the number of the last command up to each entry, and [`Disk::number_at`] and [`Disk::index_of`] translate.

use labapi::{ApplyMsg, Bytes, Persister};
use labrt::collections::VecDeque;
use labrt::sync::Arc;
use protobuf::Message as _;
use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};
use serde::{Deserialize, Serialize};

/// The last entry that the snapshot covers, and the number of the last command up to this entry.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Point {
    index: u64,
    term: u64,
    number: u64,
}

/// The first frame of the saved state. The other frames are the entries.
#[derive(Serialize, Deserialize)]
struct Head {
    term: u64,
    vote: u64,
    commit: u64,
    snapshot: Point,
}

/// A change that is not saved yet.
enum Change {
    TruncateTo(usize),
    Append(Vec<u8>),
    DropFront(usize),
    Snapshot(Bytes),
}

pub(crate) struct Disk {
    persister: Arc<Persister>,
    changes: Vec<Change>,
    head_changed: bool,
    servers: ConfState,
    hard: HardState,
    snapshot: Point,
    /// The entries after the snapshot.
    entries: VecDeque<Entry>,
    /// For each entry, the number of the last command up to this entry.
    numbers: VecDeque<u64>,
}

/// Is this entry a command of the service? All other entries are blank.
pub(crate) fn is_command(entry: &Entry) -> bool {
    entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty()
}

impl Disk {
    /// Reads the saved state of a server. The group has this number of `servers`.
    pub fn load(persister: Arc<Persister>, servers: usize) -> Disk {
        let frames = persister.frames().expect("the state was saved as frames");
        let servers = ConfState::from(((1..=servers as u64).collect::<Vec<_>>(), vec![]));
        let mut disk = Disk {
            persister,
            changes: Vec::new(),
            head_changed: false,
            servers,
            hard: HardState::default(),
            snapshot: Point::default(),
            entries: VecDeque::new(),
            numbers: VecDeque::new(),
        };
        if let Some(head) = frames.head() {
            let head: Head = labgob::decode(head).expect("`save` has written the head");
            disk.hard.set_term(head.term);
            disk.hard.set_vote(head.vote);
            disk.hard.set_commit(head.commit);
            disk.snapshot = head.snapshot;
        }
        for frame in frames.entries() {
            disk.push(Entry::parse_from_bytes(frame).expect("`save` has written the entry"));
        }
        disk
    }

    /// Saves all changes in one step.
    pub fn save(&mut self) {
        if self.changes.is_empty() && !self.head_changed {
            return;
        }
        self.head_changed = false;
        let (term, vote, commit) = (self.hard.term, self.hard.vote, self.hard.commit);
        let head = labgob::encode(&Head { term, vote, commit, snapshot: self.snapshot });
        let changes = std::mem::take(&mut self.changes);
        let saved = self.persister.update(|writer| {
            writer.head(head);
            for change in changes {
                match change {
                    Change::TruncateTo(kept) => writer.truncate_to(kept),
                    Change::Append(frame) => writer.append(frame),
                    Change::DropFront(dropped) => writer.drop_front(dropped),
                    Change::Snapshot(data) => writer.snapshot(data),
                }
            }
        });
        saved.expect("the state is always saved as frames");
    }

    /// The number of the last command up to the entry at `index`.
    pub fn number_at(&self, index: u64) -> u64 {
        match index.checked_sub(self.snapshot.index + 1) {
            None => self.snapshot.number,
            Some(at) => self.numbers[at as usize],
        }
    }

    /// The index of the command with this number. The command must come after the snapshot.
    fn index_of(&self, number: u64) -> u64 {
        self.snapshot.index + 1 + self.numbers.partition_point(|&it| it < number) as u64
    }

    fn push(&mut self, entry: Entry) {
        let before = self.numbers.back().copied().unwrap_or(self.snapshot.number);
        self.numbers.push_back(before + u64::from(is_command(&entry)));
        self.entries.push_back(entry);
    }

    pub fn snapshot_index(&self) -> u64 {
        self.snapshot.index
    }

    pub fn set_hard_state(&mut self, hard: HardState) {
        self.hard = hard;
        self.head_changed = true;
    }

    pub fn set_commit(&mut self, index: u64) {
        self.hard.set_commit(index);
        self.head_changed = true;
    }

    /// Adds entries. They replace all old entries from the index of the first new entry on.
    pub fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        let kept = (first.index - self.snapshot.index - 1) as usize;
        if kept < self.entries.len() {
            self.entries.truncate(kept);
            self.numbers.truncate(kept);
            self.changes.push(Change::TruncateTo(kept));
        }
        for entry in entries {
            self.changes.push(Change::Append(entry.write_to_bytes().expect("an entry has all its fields")));
            self.push(entry);
        }
    }

    /// Replaces the first entries by a snapshot of the service. The last command in the snapshot has this
    /// number.
    pub fn compact(&mut self, number: u64, data: Vec<u8>) {
        if number <= self.snapshot.number {
            return;
        }
        let index = self.index_of(number);
        let term = self.entries[(index - self.snapshot.index - 1) as usize].term;
        let dropped = (index - self.snapshot.index) as usize;
        self.entries.drain(..dropped);
        self.numbers.drain(..dropped);
        self.snapshot = Point { index, term, number };
        self.changes.push(Change::DropFront(dropped));
        self.changes.push(Change::Snapshot(data.into()));
    }

    /// Installs a snapshot that the leader has sent. The snapshot replaces the whole log. Returns the message
    /// for the service.
    pub fn install(&mut self, snapshot: &Snapshot) -> ApplyMsg {
        let (number, data): (u64, Vec<u8>) =
            labgob::decode(&snapshot.data).expect("another server of this group has encoded the snapshot");
        let (index, term) = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        self.snapshot = Point { index, term, number };
        self.entries.clear();
        self.numbers.clear();
        self.changes.push(Change::TruncateTo(0));
        let data: Bytes = data.into();
        self.changes.push(Change::Snapshot(data.clone()));
        ApplyMsg::Snapshot { index: number, term, data }
    }
}

impl Storage for Disk {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(RaftState { hard_state: self.hard.clone(), conf_state: self.servers.clone() })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        if low <= self.snapshot.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let [low, high] = [low, high].map(|index| (index - self.snapshot.index - 1) as usize);
        let mut entries: Vec<Entry> = self.entries.range(low..high).cloned().collect();
        raft::util::limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index == self.snapshot.index {
            return Ok(self.snapshot.term);
        }
        let Some(at) = index.checked_sub(self.snapshot.index + 1) else {
            return Err(Error::Store(StorageError::Compacted));
        };
        self.entries.get(at as usize).map(|entry| entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.snapshot.index + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.snapshot.index + self.entries.len() as u64)
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> Result<Snapshot> {
        if self.snapshot.index < request_index {
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        let mut snapshot = Snapshot::default();
        let data: &[u8] = &self.persister.read_snapshot();
        snapshot.data = labgob::encode(&(self.snapshot.number, data)).into();
        let metadata = snapshot.mut_metadata();
        metadata.index = self.snapshot.index;
        metadata.term = self.snapshot.term;
        metadata.set_conf_state(self.servers.clone());
        Ok(snapshot)
    }
}
