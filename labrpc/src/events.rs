//! The events that the network records in the trace. Each thing that happens to a message is one event. All
//! events of a message have the message's id.
//!
//! `rpc.delivered`, `rpc.duplicated` and `rpc.answered` are events of the node that is called. All other
//! events are events of the sender's node, even if they happen on another thread.
//!
//! `rpc.sent` and `rpc.answered` have a hash of the bytes. So the trace hash of a run depends not only on the
//! schedule, but also on the data.

use crate::faults::Dice;
use crate::message::Message;
use crate::name::Name;
use labrt::time::Duration;
use labrt::trace::{self, Field, Kind, Links};
use serde::Serialize;

const SENT: Kind = Kind::new("rpc.sent");
const DELIVERED: Kind = Kind::new("rpc.delivered");
const DROPPED: Kind = Kind::new("rpc.dropped");
const DELAYED: Kind = Kind::new("rpc.delayed");
const HELD: Kind = Kind::new("rpc.held");
const DUPLICATED: Kind = Kind::new("rpc.duplicated");
const REPLY: Kind = Kind::new("rpc.reply");
const ANSWERED: Kind = Kind::new("rpc.answered");
const REPLIED: Kind = Kind::new("rpc.replied");
const FAILED: Kind = Kind::new("rpc.failed");

/// The reasons why a message is lost, delayed, held back or refused.
pub(crate) mod cause {
    pub const DISABLED: &str = "disabled";
    pub const NOT_CONNECTED: &str = "not connected";
    pub const NO_SERVER: &str = "no server";
    pub const UNRELIABLE: &str = "unreliable";
    pub const UNRELIABLE_REQUEST: &str = "unreliable request";
    pub const UNRELIABLE_REPLY: &str = "unreliable reply";
    pub const ONE_WAY_REQUEST: &str = "one-way link, request";
    pub const ONE_WAY_REPLY: &str = "one-way link, reply";
    pub const LONG_REORDERING: &str = "long reordering";
    pub const LATENCY: &str = "latency";
    pub const HELD_LINK: &str = "held by the link";
    pub const CHOSEN: &str = "chosen";
    pub const COST: &str = "cost";
    pub const SERVER_GONE: &str = "server gone";
    pub const END_CLOSED: &str = "end closed";
    pub const NO_REPLY: &str = "no reply";
    pub const GIVEN_UP: &str = "given up";
    pub const NETWORK_GONE: &str = "network gone";
}

pub(crate) type Cause = &'static str;

/// Records that a request is sent to the server with this name. The random decisions about the message depend
/// on the fields `end` and `nth`.
pub(crate) fn sent(message: &Message, server: Option<&Name>, method: &str, args: &[u8], says: &str) {
    if !trace::on() {
        return;
    }
    let Dice { end, nth } = message.dice;
    let mut fields = [
        ("method", method.into()),
        ("server", server.map_or("none".into(), Name::to_field)),
        ("end", end.into()),
        ("nth", nth.into()),
        ("bytes", args.len().into()),
        ("hash", Field::X(trace::digest(args))),
        ("to", message.to.into()),
        ("args", Field::Said(says.into())),
    ];
    // `to` is left out if there is no node to show. This happens in three cases: the end is not connected, no
    // server has ever had the name `server`, or that server belongs to no node. `args` is left out if it is
    // empty.
    const TO: usize = 6;
    let mut known = fields.len() - usize::from(says.is_empty());
    if message.to.is_none() {
        fields.swap(TO, TO + 1);
        known -= 1;
    }
    let links = Links { parent: trace::parent(), ..Links::id(message.id) };
    trace::emit_of(message.from, SENT, links, &fields[..known]);
}

/// What is in the arguments of a request, for the readers of the trace. The text is empty if there are none.
pub(crate) fn said<T: Serialize + ?Sized>(args: &T) -> String {
    if trace::recording() { labgob::short(args) } else { String::new() }
}

/// Does the trace get a text for each reply to this method? Raft records its own events about its replies.
pub(crate) fn tells_replies(method: &str) -> bool {
    trace::recording() && !method.starts_with("Raft.")
}

/// Records what is in the reply to the message `id`, just before [`handler_replied`].
pub(crate) fn reply_says<T: Serialize>(id: u64, reply: &T) {
    let says = labgob::short(reply);
    trace::note(REPLY, Links::id(id), &[("reply", Field::Said(says.into()))]);
}

/// Records that a request reaches its handler.
pub(crate) fn delivered(message: &Message, method: &str) {
    trace::emit_of(message.to, DELIVERED, Links::id(message.id), &[("method", method.into())]);
}

/// Records that a request reaches its handler a second time.
pub(crate) fn duplicated(message: &Message, method: &str) {
    trace::emit_of(message.to, DUPLICATED, Links::id(message.id), &[("method", method.into())]);
}

/// Records that the handler has replied, and that the network now transports the reply to the sender.
pub(crate) fn handler_replied(message: &Message, reply: &[u8]) {
    if trace::on() {
        let fields = [("bytes", reply.len().into()), ("hash", Field::X(trace::digest(reply)))];
        trace::emit_of(message.to, ANSWERED, Links::id(message.id), &fields);
    }
}

/// Records that the sender gets the reply.
pub(crate) fn reply_delivered(message: &Message) {
    trace::emit_of(message.from, REPLIED, Links::id(message.id), &[]);
}

/// Records that the network tells the sender that there will be no reply.
pub(crate) fn failed(message: &Message, cause: Cause) {
    trace::emit_of(message.from, FAILED, Links::id(message.id).because(cause), &[]);
}

/// Records that the network loses a request or a reply.
pub(crate) fn dropped(message: &Message, cause: Cause) {
    trace::emit_of(message.from, DROPPED, Links::id(message.id).because(cause), &[]);
}

/// Records that the network delays a request.
pub(crate) fn delayed(message: &Message, cause: Cause, delay: Duration) {
    emit_delay(DELAYED, message, cause, delay);
}

/// Records that the network holds a reply back.
pub(crate) fn held(message: &Message, cause: Cause, delay: Duration) {
    emit_delay(HELD, message, cause, delay);
}

fn emit_delay(kind: Kind, message: &Message, cause: Cause, delay: Duration) {
    let us = delay.as_micros() as u64;
    trace::emit_of(message.from, kind, Links::id(message.id).because(cause), &[("us", us.into())]);
}
