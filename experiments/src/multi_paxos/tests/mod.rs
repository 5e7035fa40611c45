//! Tests of the rules. `experiments/tests/multi_paxos.rs` tests the servers.

mod acceptors;
mod chaos;
mod leaders;
mod sending;
mod storage;

use super::*;
use labapi::Command;
use std::time::Duration;

const START: Duration = Duration::ZERO;

fn ballot(round: u64, server: usize) -> Ballot {
    Ballot { round, server }
}

fn value(text: &str) -> Value {
    Value::Command(Command::new(text))
}

fn proposals(all: &[(u64, &str)]) -> Vec<(u64, Value)> {
    all.iter().map(|(slot, text)| (*slot, value(text))).collect()
}

/// Lets the acceptor promise in this ballot, and accept these values in it.
fn accepts(core: &mut Core, ballot: Ballot, all: &[(u64, &str)]) -> AcceptReply {
    core.accept(&AcceptArgs { ballot, proposals: proposals(all), chosen: 0 }, START)
}

/// Lets the server begin phase 1. Returns its requests to the others.
fn begins(core: &mut Core, peers: &[usize]) -> Vec<(Sent, PrepareArgs)> {
    core.election_timeout(START);
    let prepare = |peer: &usize| match core.next_message(*peer, START) {
        Some(Outgoing { sent, message: Message::Prepare(args) }) => (sent, args),
        other => panic!("expected Prepare for S{peer}, got {other:?}"),
    };
    peers.iter().map(prepare).collect()
}

/// Server 0 of `n` leads. As many others as necessary have promised, and have accepted nothing before.
fn leader_of(n: usize) -> Core {
    let mut core = Core::new(0, n);
    for (sent, args) in begins(&mut core, &(1..=n / 2).collect::<Vec<_>>()) {
        let reply = PrepareReply { promised: args.ballot, accepted: Vec::new(), chosen: 0 };
        core.prepare_reply(sent, &reply, START);
    }
    assert!(core.is_leader());
    let _ = core.take_effects();
    core
}

fn propose(core: &mut Core, text: &str) -> u64 {
    core.propose(Command::new(text)).expect("the server leads")
}

fn propose_all(core: &mut Core, all: &[&str]) {
    for text in all {
        propose(core, text);
    }
}

/// The next message to the peer, which must be an `Accept`, and the slots in it.
fn next_accept(core: &mut Core, peer: usize, now: Duration) -> Option<(Sent, AcceptArgs, Vec<u64>)> {
    let Outgoing { sent, message } = core.next_message(peer, now)?;
    let Message::Accept(args) = message else { panic!("expected Accept, got {message:?}") };
    let slots = args.proposals.iter().map(|(slot, _)| *slot).collect();
    Some((sent, args, slots))
}

/// The answer of an acceptor that has these slots.
fn has(sent: Sent, up_to: u64, beyond: &[u64]) -> AcceptReply {
    AcceptReply { promised: sent.ballot, up_to, beyond: beyond.to_vec() }
}
