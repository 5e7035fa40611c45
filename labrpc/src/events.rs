//! What the network tells the trace: one event for each turn in a message's life, all under the message's id.
//!
//! `rpc.sent`, `rpc.delivered` and `rpc.replied` carry a hash of the bytes, so that the determinism hash of a run
//! covers the data and not only the schedule.

use crate::faults::Dice;
use crate::name::Name;
use labrt::time::Duration;
use labrt::trace::{self, Field, Kind, Links};

const SENT: Kind = Kind::new("rpc.sent");
const DELIVERED: Kind = Kind::new("rpc.delivered");
const DROPPED: Kind = Kind::new("rpc.dropped");
const DELAYED: Kind = Kind::new("rpc.delayed");
const HELD: Kind = Kind::new("rpc.held");
const REPLIED: Kind = Kind::new("rpc.replied");
const FAILED: Kind = Kind::new("rpc.failed");

/// Why a message was lost, held or refused.
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
    pub const COST: &str = "cost";
    pub const SERVER_GONE: &str = "server gone";
    pub const END_CLOSED: &str = "end closed";
    pub const NO_REPLY: &str = "no reply";
    pub const GIVEN_UP: &str = "given up";
    pub const NETWORK_GONE: &str = "network gone";
}

pub(crate) type Cause = &'static str;

/// `end` and `nth` are what the dice are thrown for.
pub(crate) fn sent(id: u64, dice: Dice, server: Option<&Name>, method: &str, args: &[u8]) {
    if trace::on() {
        let server = match server {
            Some(Name::Text(text)) => Field::from(text.to_string()),
            Some(Name::Number(number)) => Field::from(*number),
            None => Field::from("none"),
        };
        trace::emit(
            SENT,
            links(id, ""),
            &[
                ("end", dice.end.into()),
                ("nth", dice.nth.into()),
                ("server", server),
                ("method", method.to_string().into()),
                ("bytes", args.len().into()),
                ("hash", trace::digest(args).into()),
            ],
        );
    }
}

pub(crate) fn delivered(id: u64, method: &str, args: &[u8]) {
    if trace::on() {
        trace::emit(
            DELIVERED,
            links(id, ""),
            &[("method", method.to_string().into()), ("bytes", args.len().into())],
        );
    }
}

pub(crate) fn replied(id: u64, reply: &[u8]) {
    if trace::on() {
        trace::emit(
            REPLIED,
            links(id, ""),
            &[("bytes", reply.len().into()), ("hash", trace::digest(reply).into())],
        );
    }
}

pub(crate) fn dropped(id: u64, cause: Cause) {
    emit(DROPPED, id, cause);
}

pub(crate) fn failed(id: u64, cause: Cause) {
    emit(FAILED, id, cause);
}

pub(crate) fn delayed(id: u64, cause: Cause, delay: Duration) {
    emit_delay(DELAYED, id, cause, delay);
}

pub(crate) fn held(id: u64, cause: Cause, delay: Duration) {
    emit_delay(HELD, id, cause, delay);
}

fn emit(kind: Kind, id: u64, cause: Cause) {
    if trace::on() {
        trace::emit(kind, links(id, cause), &[]);
    }
}

fn emit_delay(kind: Kind, id: u64, cause: Cause, delay: Duration) {
    if trace::on() {
        trace::emit(kind, links(id, cause), &[("us", (delay.as_micros() as u64).into())]);
    }
}

fn links(id: u64, cause: Cause) -> Links {
    Links { id, parent: 0, cause }
}
