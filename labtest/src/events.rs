//! The events that a test writes into the trace: the beginning and the end of the test, its changes of the
//! servers and the network, and the operations of its clients.
//!
//! An event about one server belongs to that server. So a diagram shows the event on the line of the server.
//! All other events belong to the test. If a field of an event has several nodes, their names are joined into
//! one text. For example, `S0,S1|S2` means a partition with two sides: S0 and S1 are on one side, and S2 is
//! on the other. `docs/trace.md` describes all events and fields.

use labrpc::Link;
use labrt::Unfinished;
use labrt::node::NodeId;
use labrt::time::Duration;
use labrt::trace::{self, Field, Kind, Links, ParentGuard};
use std::borrow::Cow;

use porcupine::Verdict;
use porcupine::models::kv::Operation;

const BEGIN: Kind = Kind::new("test.begin");
const END: Kind = Kind::new("test.end");
const CRASH: Kind = Kind::new("fault.crash");
const RESTART: Kind = Kind::new("fault.restart");
const CONNECT: Kind = Kind::new("fault.connect");
const DISCONNECT: Kind = Kind::new("fault.disconnect");
const ISOLATE: Kind = Kind::new("fault.isolate");
const ISOLATE_FROM_GROUP: Kind = Kind::new("fault.isolate_from_group");
const PARTITION: Kind = Kind::new("fault.partition");
const HEAL: Kind = Kind::new("fault.heal");
const LINK: Kind = Kind::new("fault.link");
const SLOW: Kind = Kind::new("fault.slow");
const PAUSE: Kind = Kind::new("fault.pause");
const RESUME: Kind = Kind::new("fault.resume");
const HOLD: Kind = Kind::new("fault.hold");
const RELEASE: Kind = Kind::new("fault.release");
const RELIABLE: Kind = Kind::new("net.reliable");
const UNRELIABLE: Kind = Kind::new("net.unreliable");
const LONG_REORDERING: Kind = Kind::new("net.long_reordering");
const CALL: Kind = Kind::new("client.call");
const RETURN: Kind = Kind::new("client.return");
const VERDICT: Kind = Kind::new("check.verdict");

/// The trace contains at most this number of characters of a value or a result.
const EXCERPT: usize = 64;

/// Records that a test begins.
pub fn begin(title: &str) {
    trace::emit(BEGIN, Links::NONE, &[("title", title.into())]);
}

/// Records that a test has passed.
pub fn end() {
    trace::emit(END, Links::NONE, &[]);
}

/// Records that a server crashes. Only the state that the server has saved remains.
pub fn crash(server: NodeId) {
    of(server, CRASH);
}

/// Records that a server starts, for the first time or again. The incarnation in `server` is the number of
/// this start.
pub fn restart(server: NodeId) {
    of(server, RESTART);
}

/// Records that a server is paused. This lasts until the event of [`resume`] or [`crash`].
pub fn pause(server: NodeId) {
    of(server, PAUSE);
}

/// Records that a paused server goes on.
pub fn resume(server: NodeId) {
    of(server, RESUME);
}

/// Records that a server is connected to the network.
pub fn connect(server: NodeId) {
    of(server, CONNECT);
}

/// Records that a server is disconnected from the network.
pub fn disconnect(server: NodeId) {
    of(server, DISCONNECT);
}

/// Records that a server is cut off from the other servers. The server stays cut off until the event of
/// [`heal`].
pub fn isolate(server: NodeId) {
    of(server, ISOLATE);
}

/// Records that a server is cut off only from the other servers of its group. The server stays cut off until
/// the event of [`heal`].
pub fn isolate_from_group(server: NodeId) {
    of(server, ISOLATE_FROM_GROUP);
}

/// Records that the network is split into these sides. A server that is on no side can reach no other server.
pub fn partition(sides: &[Vec<NodeId>]) {
    if !trace::on() {
        return;
    }
    let names = |side: &Vec<NodeId>| side.iter().map(NodeId::to_string).collect::<Vec<_>>().join(",");
    let sides: Vec<String> = sides.iter().map(names).collect();
    trace::emit(PARTITION, Links::NONE, &[("sides", sides.join("|").into())]);
}

/// Records the end of these faults: partitions, isolated servers, slow servers, and faults of single links.
pub fn heal() {
    trace::emit(HEAL, Links::NONE, &[]);
}

/// Records how the network treats the calls from server `from` to server `to` from now on. There are three
/// possibilities: all messages go through; the requests or the replies are lost; the requests or the replies
/// wait in the network.
pub fn link(from: NodeId, to: NodeId, link: Link) {
    let (kind, field, what) = match link {
        Link::Both => (LINK, "loses", "nothing"),
        Link::RequestsLost => (LINK, "loses", "requests"),
        Link::RepliesLost => (LINK, "loses", "replies"),
        Link::RequestsHeld => (HOLD, "holds", "requests"),
        Link::RepliesHeld => (HOLD, "holds", "replies"),
    };
    trace::emit(kind, Links::NONE, &[("from", from.into()), ("to", to.into()), (field, what.into())]);
}

/// Records that the messages of a server, and the messages to it, take up to `longest` from now on. The
/// server stays slow until the event of [`heal`].
pub fn slow(server: NodeId, longest: &Duration) {
    let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    trace::emit_of(server, SLOW, Links::NONE, &[("longest_us", longest.into())]);
}

/// Records that the network does not hold messages of the calls from server `from` to server `to` any more.
/// The requests and replies that have waited go on.
pub fn release(from: NodeId, to: NodeId) {
    trace::emit(RELEASE, Links::NONE, &[("from", from.into()), ("to", to.into())]);
}

/// Records that the network begins to lose and delay messages (`true`), or that it becomes reliable again
/// (`false`).
pub fn unreliable(unreliable: bool) {
    trace::emit(if unreliable { UNRELIABLE } else { RELIABLE }, Links::NONE, &[]);
}

/// Records that the network begins to delay many replies for a long time (`true`), or that it stops doing so
/// (`false`).
pub fn long_reordering(on: bool) {
    trace::emit(LONG_REORDERING, Links::NONE, &[("on", on.into())]);
}

/// Records the verdict of the checker about a history with this number of operations. If the history is not
/// linearizable, `blocked` is the operation that the checker could not put into an order. The page of the run
/// opens at this operation.
pub fn verdict(verdict: Verdict, operations: usize, blocked: Option<&Operation>) {
    if !trace::on() {
        return;
    }
    let word = match verdict {
        Verdict::Ok => "ok",
        Verdict::Illegal => "illegal",
        Verdict::Unknown => "unknown",
    };
    let mut fields = vec![("verdict", Field::from(word)), ("operations", operations.into())];
    if let Some(Operation { client, input, call, ret, .. }) = blocked {
        fields.extend([
            ("key", input.key.as_str().into()),
            ("client", (*client).into()),
            ("called", (*call).into()),
            ("returned", (*ret).into()),
        ]);
    }
    trace::emit(VERDICT, Links::NONE, &fields);
}

fn of(server: NodeId, kind: Kind) {
    trace::emit_of(server, kind, Links::NONE, &[]);
}

/// An operation that a client has called and that has not returned yet. The messages that the client's thread
/// sends during the operation belong to the operation.
///
/// If a `ClientCall` is dropped without a call of [`returned`](ClientCall::returned), the trace has no event
/// for the end of the operation. Then the outcome of the operation is unknown.
///
/// If the run does not end in time, its report lists the operations that have not returned.
///
/// ```
/// # use labtest::events::ClientCall;
/// labrt::run(|| {
///     let call = ClientCall::begin(3, "put", "k", "v");
///     // clerk.put("k", "v");
///     call.returned("");
/// });
/// ```
#[must_use = "the operation lasts until it has returned"]
pub struct ClientCall {
    id: u64,
    client: u32,
    _under: ParentGuard,
    _unfinished: Unfinished,
}

impl ClientCall {
    /// Records that client number `client` calls `op` (`get`, `put`, `append`, `join`, ...) on `key` with
    /// `value`. The key and the value may be empty. Only the beginning of a long value is recorded.
    pub fn begin(client: u32, op: &str, key: &str, value: &str) -> ClientCall {
        let id = trace::next_id();
        if trace::on() {
            let excerpt = excerpt(value);
            let fields = [
                ("client", client.into()),
                ("op", op.into()),
                ("key", key.into()),
                ("value", (&*excerpt).into()),
            ];
            trace::emit(CALL, Links::id(id), &fields);
        }
        let unfinished = labrt::unfinished(format!("{op}({:?}) of client {client}", excerpt(key)));
        ClientCall { id, client, _under: trace::under(id), _unfinished: unfinished }
    }

    /// The operation's id in the trace. In the trace, this id is the parent of the operation's messages.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Records that the operation has returned `result`. Only the beginning of a long result is recorded.
    pub fn returned(self, result: &str) {
        if trace::on() {
            let excerpt = excerpt(result);
            let fields = [("client", self.client.into()), ("result", (&*excerpt).into())];
            trace::emit(RETURN, Links::id(self.id), &fields);
        }
    }
}

/// Returns a short text as it is. Of a long text, returns the beginning and the length in bytes.
fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(EXCERPT) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}... ({} bytes)", &text[..end], text.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(excerpt("short"), "short");
        let exact = "é".repeat(EXCERPT);
        assert_eq!(excerpt(&exact), exact);
        let long = "é".repeat(EXCERPT + 1);
        assert_eq!(excerpt(&long), format!("{exact}... (130 bytes)"));
    }
}
