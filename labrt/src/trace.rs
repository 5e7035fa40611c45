//! Events: a record of what happened in a run. All events have the same form.
//!
//! An event has a time, the node and the thread where it happened, a [`Kind`], [`Links`] and named fields.
//! The [`Links`] say to which message or operation the event belongs, and which message or operation has
//! caused the event. They also name the cause in words. The events are used for three things:
//!
//! * the **trace hash** of a virtual-time run, which is the same for two runs of one seed;
//! * the trace file of `LAB_TRACE`: JSON lines if its name ends in `.jsonl`, otherwise text for `diff`;
//! * the record of the last events of a test on real threads, because such a test cannot be replayed.
//!
//! The crates that use labrt define their own kinds. `docs/trace.md` lists all of them.
//!
//! # The cause of an event
//!
//! A thread acts *under* a message while it runs the handler of the message, or the callback for the reply
//! ([`under`]). A thread acts under an operation between the client's call and the return of this call. While
//! a thread acts under a message or operation, this message or operation is the parent of the thread's
//! events, and of the messages that the thread sends. A pooled thread ([`crate::thread::spawn`]) continues
//! the work of the thread that spawns it, so it acts under the same message or operation. A named thread
//! ([`crate::thread::spawn_named`]) has work of its own, so at its start it acts under no message and no
//! operation.
//!
//! ```
//! use labrt::trace::{self, Kind, Links};
//! const DROPPED: Kind = Kind::new("rpc.dropped");
//!
//! labrt::run(|| {
//!     let id = trace::next_id();
//!     let links = Links { id, cause: "unreliable request", ..Links::NONE };
//!     trace::emit(DROPPED, links, &[("bytes", 17u64.into())]);
//! });
//! ```

use crate::node::NodeId;
use crate::outcome::Outcome;
use crate::rng::hash_str;
use crate::run::Run;
use crate::{context, imp};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::atomic::Ordering::Relaxed;

pub use crate::observer::{LiveEvent, Observer};

/// The name of a kind of event. It has the form `area.what`, for example `rpc.sent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    name: &'static str,
    hash: u64,
}

impl Kind {
    /// Makes a kind of event. Each kind should be a constant.
    pub const fn new(name: &'static str) -> Kind {
        Kind { name, hash: hash_str(name) }
    }

    /// The name of the kind.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// The relations of an event to messages and operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links {
    /// The message or operation to which the event belongs. 0 means none.
    pub id: u64,
    /// The message or operation under which the event happened. 0 means none. If this is 0, [`emit`] sets it.
    pub parent: u64,
    /// Why the event happened. This is a short text that is written in the code. The text is empty if there
    /// is no special cause.
    pub cause: &'static str,
}

impl Links {
    /// The links of an event that belongs to no message and no operation.
    pub const NONE: Links = Links { id: 0, parent: 0, cause: "" };

    /// The links of an event that belongs to the message or operation `id`.
    pub const fn id(id: u64) -> Links {
        Links { id, ..Links::NONE }
    }

    /// The same links with a cause.
    pub const fn because(self, cause: &'static str) -> Links {
        Links { cause, ..self }
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Field<'a> {
    /// A count, an index, a term or another number that is never negative.
    U(u64),
    /// A number that may be negative.
    I(i64),
    /// A truth value.
    B(bool),
    /// A text.
    T(Cow<'a, str>),
    /// A node.
    N(NodeId),
    /// A hash: sixteen hexadecimal digits.
    X(u64),
    /// A text for the readers of the trace, which is not part of the trace hash. Compute it only if
    /// [`recording`] is true.
    Said(Cow<'a, str>),
}

impl Field<'_> {
    /// Makes a copy that does not borrow its text.
    fn to_kept(&self) -> Field<'static> {
        match self {
            Field::U(v) => Field::U(*v),
            Field::I(v) => Field::I(*v),
            Field::B(v) => Field::B(*v),
            Field::T(v) => Field::T(Cow::Owned(v.to_string())),
            Field::N(v) => Field::N(*v),
            Field::X(v) => Field::X(*v),
            Field::Said(v) => Field::Said(Cow::Owned(v.to_string())),
        }
    }
}

macro_rules! field_from {
    ($($t:ty => |$v:ident| $e:expr;)*) => {$(
        impl<'a> From<$t> for Field<'a> {
            fn from($v: $t) -> Field<'a> {
                $e
            }
        }
    )*};
}
field_from! {
    u64 => |v| Field::U(v);
    u32 => |v| Field::U(v as u64);
    u16 => |v| Field::U(v as u64);
    usize => |v| Field::U(v as u64);
    i64 => |v| Field::I(v);
    bool => |v| Field::B(v);
    &'a str => |v| Field::T(Cow::Borrowed(v));
    String => |v| Field::T(Cow::Owned(v));
    NodeId => |v| Field::N(v);
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::U(v) => v.fmt(f),
            Field::I(v) => v.fmt(f),
            Field::B(v) => v.fmt(f),
            Field::T(v) => v.fmt(f),
            Field::N(v) => v.fmt(f),
            Field::X(v) => write!(f, "{v:016x}"),
            Field::Said(v) => v.fmt(f),
        }
    }
}

/// An event that is kept in memory or written to a file.
#[derive(Clone, Debug)]
pub struct Event {
    /// The time since the start of the run, in nanoseconds.
    pub time: u64,
    /// The number of the thread. The event `thread.spawn` gives the name for this number.
    pub thread: u64,
    /// The node in whose code the event happened.
    pub node: NodeId,
    /// The kind of the event.
    pub kind: Kind,
    /// The links of the event.
    pub links: Links,
    /// The named fields.
    pub fields: Vec<(&'static str, Field<'static>)>,
}

/// Copies the fields, for an event that is kept.
pub(crate) fn kept(fields: &[(&'static str, Field<'_>)]) -> Vec<(&'static str, Field<'static>)> {
    fields.iter().map(|(name, value)| (*name, value.to_kept())).collect()
}

/// Computes a hash of bytes, for a field of an event. With such a field, the trace hash depends on the data,
/// and not only on the schedule. Each step handles eight bytes. This is so fast that a test can compute a
/// hash for each of its messages.
pub fn digest(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |state: u64, word: u64| (state.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let mut words = bytes.chunks_exact(8);
    let mut state = bytes.len() as u64;
    for word in words.by_ref() {
        state = mix(state, u64::from_le_bytes(word.try_into().expect("chunks_exact(8) gives eight bytes")));
    }
    words.remainder().iter().fold(state, |state, byte| mix(state, u64::from(*byte)))
}

/// True if the run uses events: for its trace hash, for a record or for its observer. Outside a run this is
/// false. If it takes long to compute the fields of an event, call this function first.
#[inline]
#[track_caller]
pub fn on() -> bool {
    imp::tracing()
}

/// True if the events of this run are kept: for the trace file, or as the last events of a test on real
/// threads. Many runs in virtual time only have a trace hash. In such a run, nobody reads a
/// [`Field::Said`] or a [`note`], so the caller need not compute them.
#[inline]
#[track_caller]
pub fn recording() -> bool {
    imp::recording()
}

/// Records an event of the current [node](crate::node) for the readers of the trace. The event is not part of
/// the trace hash, and the observer does not see it. So a run with notes and a run without notes have the
/// same hash. If the events of the run are not [kept](recording), the call does nothing.
#[track_caller]
pub fn note(kind: Kind, links: Links, fields: &[(&'static str, Field<'_>)]) {
    if recording() {
        let (node, current) = context::node_and_parent();
        let inherits = links.parent == 0 && links.id != current;
        let parent = if inherits { current } else { links.parent };
        imp::note(node, kind, Links { parent, ..links }, fields);
    }
}

/// Returns a number for a message or operation. The number is unique in the run.
#[track_caller]
pub fn next_id() -> u64 {
    imp::with_world(|w| w.ids.fetch_add(1, Relaxed))
}

/// Records an event of the current [node](crate::node). If `links` has no parent, the message or operation
/// that this thread acts [under] becomes the parent. But if the event belongs to this message or operation
/// itself, the event has no parent. Outside a run, or if the run does not use events, the call does nothing.
#[inline]
#[track_caller]
pub fn emit(kind: Kind, links: Links, fields: &[(&'static str, Field<'_>)]) {
    if on() {
        emit_here(kind, links, fields);
    }
}

#[track_caller]
fn emit_here(kind: Kind, links: Links, fields: &[(&'static str, Field<'_>)]) {
    let (node, current) = context::node_and_parent();
    let inherits = links.parent == 0 && links.id != current;
    let parent = if inherits { current } else { links.parent };
    keep(imp::emit(node, kind, Links { parent, ..links }, fields));
}

/// If the observer of the run has returned an error, panics with the text of this error. The panic names the
/// place of the caller.
#[track_caller]
fn keep(seen: Result<(), String>) {
    if let Err(found) = seen {
        panic!("{found}");
    }
}

/// Records an event of `node` with exactly these links. Use this function when a network or a test does
/// something to a server.
#[inline]
#[track_caller]
pub fn emit_of(node: NodeId, kind: Kind, links: Links, fields: &[(&'static str, Field<'_>)]) {
    if on() {
        keep(imp::emit(node, kind, links, fields));
    }
}

/// Returns the message or operation that this thread acts [under]. 0 means none.
pub fn parent() -> u64 {
    context::node_and_parent().1
}

/// Until the guard is dropped, this thread acts under the message or operation `id`: its events have `id` as
/// their parent. If `id` is 0, the thread acts under no message and no operation.
pub fn under(id: u64) -> ParentGuard {
    ParentGuard { before: context::set_parent(id), here: std::marker::PhantomData }
}

/// The guard of [`under`](fn@under). When the guard is dropped, the thread acts under the same message or
/// operation as before the call of [`under`](fn@under).
#[must_use = "the parent is set only as long as the guard lives"]
pub struct ParentGuard {
    before: u64,
    /// A guard must be dropped on the thread that has made it.
    here: std::marker::PhantomData<*const ()>,
}

impl Drop for ParentGuard {
    fn drop(&mut self) {
        context::set_parent(self.before);
    }
}

/// Wraps `f` for another thread. There, `f` acts under the same message or operation as this thread.
pub(crate) fn carried<T>(f: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let parent = parent();
    move || {
        let _under = under(parent);
        f()
    }
}

/// The hash of a trace. Each step adds one number of 64 bits to the hash.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "sim"), allow(dead_code))]
pub(crate) struct Hash(pub(crate) u64);

#[cfg_attr(not(feature = "sim"), allow(dead_code))]
impl Hash {
    pub(crate) const fn new() -> Hash {
        Hash(hash_str("labrt trace"))
    }

    #[inline]
    pub(crate) fn mix(&mut self, x: u64) {
        let h = (self.0.rotate_left(5) ^ x).wrapping_mul(0x517c_c1b7_2722_0a95);
        self.0 = h ^ (h >> 29);
    }

    pub(crate) fn mix_event(
        &mut self,
        node: NodeId,
        kind: Kind,
        links: &Links,
        fields: &[(&'static str, Field<'_>)],
    ) {
        for x in [kind.hash, node.pack(), links.id, links.parent, hash_str(links.cause)] {
            self.mix(x);
        }
        for (_, v) in fields {
            self.mix(match v {
                Field::U(v) | Field::X(v) => *v,
                Field::I(v) => *v as u64,
                Field::B(v) => *v as u64,
                Field::T(v) => hash_str(v),
                Field::N(v) => v.pack(),
                Field::Said(_) => continue,
            });
        }
    }
}

/// Prints the event as one line of text, for comparison with `diff`. The line has the form `seconds thread
/// node kind #id<-parent (cause) name=value ...`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9} {:>4} {:>4} {}", self.time as f64 / 1e9, self.thread, self.node, self.kind.name)?;
        if self.links.id != 0 {
            write!(f, " #{}", self.links.id)?;
        }
        if self.links.parent != 0 {
            write!(f, "<-{}", self.links.parent)?;
        }
        if !self.links.cause.is_empty() {
            write!(f, " ({})", self.links.cause)?;
        }
        for (name, v) in &self.fields {
            match v {
                Field::T(text) | Field::Said(text) if text.contains('\n') => {
                    write!(f, " {name}={}", text.replace('\n', "\\n"))?
                }
                _ => write!(f, " {name}={v}")?,
            }
        }
        Ok(())
    }
}

impl Event {
    /// Returns the event as one JSON object, without a newline. The documentation of `LAB_TRACE` lists the
    /// members.
    pub fn to_json(&self) -> String {
        let mut s = format!("{{\"t\":{},\"thread\":{}", self.time, self.thread);
        if !self.node.is_none() {
            let n = self.node;
            write!(
                s,
                ",\"node\":\"{n}\",\"group\":{},\"index\":{},\"inc\":{}",
                n.group, n.index, n.incarnation
            )
            .expect("writing to a String never fails");
        }
        s += ",\"kind\":";
        json_string(&mut s, self.kind.name);
        if self.links.id != 0 {
            s += &format!(",\"id\":{}", self.links.id);
        }
        if self.links.parent != 0 {
            s += &format!(",\"parent\":{}", self.links.parent);
        }
        if !self.links.cause.is_empty() {
            s += ",\"cause\":";
            json_string(&mut s, self.links.cause);
        }
        for (name, v) in &self.fields {
            s.push(',');
            json_string(&mut s, &format!("f.{name}"));
            s.push(':');
            match v {
                Field::U(_) | Field::I(_) | Field::B(_) => s += &v.to_string(),
                Field::T(_) | Field::N(_) | Field::X(_) | Field::Said(_) => {
                    json_string(&mut s, &v.to_string())
                }
            }
        }
        s.push('}');
        s
    }
}

fn json_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The kind of the event of a run's first failure.
pub(crate) const FAILED: Kind = Kind::new("test.failed");
const RUN: Kind = Kind::new("run.begin");

/// Makes the event of a run's failure.
pub(crate) fn failed(time: u64, thread: u64, node: NodeId, who: &str, message: &str) -> Event {
    let fields = kept(&[("thread", who.into()), ("message", message.into())]);
    Event { time, thread, node, kind: FAILED, links: Links::NONE, fields }
}

/// Makes the event for the first line of a file. This event identifies the run. It also says how many events
/// were `lost`: they happened before the event in the second line, and are not in the file. If the run has
/// failed, the event has the replay line, and the hints for the failure.
pub(crate) fn heading(run: &Run, outcome: &Outcome, lost: u64) -> Event {
    let clock = if crate::is_sim() { "virtual" } else { "real" };
    let replay = outcome.failure.as_ref().map(|_| run.replay_line(outcome));
    let hints = run.hints(outcome.failure.as_ref()).join("\n");
    let mut fields = vec![
        ("test", run.identity.test.as_str().into()),
        ("seed", Field::X(outcome.seed)),
        ("clock", clock.into()),
        ("lost", lost.into()),
    ];
    if let Some(replay) = &replay {
        fields.push(("replay", replay.as_str().into()));
    }
    if !hints.is_empty() {
        fields.push(("hints", hints.as_str().into()));
    }
    let fields = kept(&fields);
    Event { time: 0, thread: 0, node: NodeId::NONE, kind: RUN, links: Links::NONE, fields }
}

/// Writes the `heading` and the events to a file: JSON lines if the file's name ends in `.jsonl`, otherwise
/// text.
pub(crate) fn write_file<'a>(
    path: &std::path::Path,
    heading: &'a Event,
    events: impl Iterator<Item = &'a Event>,
) -> std::io::Result<()> {
    use std::io::Write as _;
    let json = path.extension().is_some_and(|e| e == "jsonl");
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for e in std::iter::once(heading).chain(events) {
        match json {
            true => writeln!(out, "{}", e.to_json())?,
            false => writeln!(out, "{e}")?,
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Event {
        Event {
            time: 1_500_000_000,
            thread: 3,
            node: NodeId::first(1),
            kind: Kind::new("rpc.dropped"),
            links: Links { id: 9, parent: 4, cause: "one-way link" },
            fields: vec![
                ("bytes", 17u64.into()),
                ("text", "a \"quoted\"\nline".into()),
                ("ok", false.into()),
            ],
        }
    }

    #[test]
    fn as_text() {
        let text = sample().to_string();
        assert!(
            text.starts_with("1.500000000    3   S1 rpc.dropped #9<-4 (one-way link) bytes=17"),
            "{text}"
        );
    }

    #[test]
    fn as_json() {
        let want = r#"{"t":1500000000,"thread":3,"node":"S1","group":0,"index":1,"inc":1,"kind":"rpc.dropped","id":9,"parent":4,"cause":"one-way link","f.bytes":17,"f.text":"a \"quoted\"\nline","f.ok":false}"#;
        assert_eq!(sample().to_json(), want);
    }

    #[test]
    fn every_part_counts_in_the_hash() {
        let e = sample();
        let hash = |node, kind, links: Links, fields: &[(&'static str, Field<'_>)]| {
            let mut h = Hash::new();
            h.mix_event(node, kind, &links, fields);
            h.0
        };
        let base = hash(e.node, e.kind, e.links, &e.fields);
        assert_ne!(base, hash(NodeId::first(2), e.kind, e.links, &e.fields));
        assert_ne!(base, hash(e.node, Kind::new("rpc.sent"), e.links, &e.fields));
        assert_ne!(base, hash(e.node, e.kind, e.links.because("other"), &e.fields));
        assert_ne!(base, hash(e.node, e.kind, e.links, &e.fields[1..]));
        let said = [&e.fields[..], &[("args", Field::Said("a text".into()))]].concat();
        assert_eq!(base, hash(e.node, e.kind, e.links, &said), "a text for the readers does not count");
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let base: Vec<u8> = (0..19).collect();
        for at in 0..base.len() {
            let mut other = base.clone();
            other[at] ^= 1;
            assert_ne!(digest(&base), digest(&other), "byte {at}");
        }
        assert_ne!(digest(&[0; 8]), digest(&[0; 16]));
        assert_ne!(digest(&[]), digest(&[0]));
    }
}
