//! The two trials: a leader with a fixed number of commands under way, and a follower that was cut off.
//!
//! There are three servers and no elections after the first one: only server 0 has a short election timeout.
//! Saving and applying take no time, and a message takes the same time whatever its size is. So the figures
//! show what waiting for answers costs, and nothing else.

use labapi::{ApplyMsg, Command, Persister};
use labrt::chan::{self, Receiver, Sender};
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Signal};
use labrt::time::{Duration, Instant, sleep};
use mit6824::raft::{self, ApplySink, Raft};
use mit6824_experiments::wire::{Conditions, Wire};

/// How many bytes a command has in the trial of [`entries_per_second`].
const SHORT: usize = 32;
/// How many bytes a command has in the trial of [`catch_up`]. A message has at most 1 MiB, so it has about a
/// thousand of these commands.
pub const LONG: usize = 1_000;
/// How many commands [`entries_per_second`] does in each trial, for each command under way.
const ROUNDS: usize = 50;
/// A trial in which nothing happens for this long has failed.
const PATIENCE: Duration = Duration::from_secs(600);
const SERVERS: usize = 3;
/// The follower that is cut off.
const FOLLOWER: usize = 2;

/// When a leader sends entries to a follower while other entries are on their way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Never: the next message waits for the answer, or for the report of a loss.
    OneAtATime,
    /// After 10 ms. This is the default of this project.
    Default,
    /// At once.
    AtOnce,
}

impl Sending {
    /// All ways.
    pub const ALL: [Sending; 3] = [Sending::OneAtATime, Sending::Default, Sending::AtOnce];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Sending::OneAtATime => "one message at a time",
            Sending::Default => "after the answer or 10 ms",
            Sending::AtOnce => "at once",
        }
    }

    fn entries_interval(self) -> Duration {
        match self {
            Sending::OneAtATime => NEVER,
            Sending::Default => raft::Options::default().entries_interval,
            Sending::AtOnce => Duration::ZERO,
        }
    }
}

const NEVER: Duration = Duration::from_secs(1_000_000);

/// Tells the index of each entry that a server applies.
struct Teller(Sender<u64>);

impl ApplySink for Teller {
    fn deliver(&mut self, message: ApplyMsg, _stop: &Signal) -> bool {
        if let ApplyMsg::Command { index, .. } = message {
            // Nobody waits for this any more if the trial is over.
            let _ = self.0.send(index);
        }
        true
    }
}

/// Three servers, and for each server the indices that it applies.
struct Group {
    wire: Wire,
    servers: Vec<Raft>,
    applied: Vec<Receiver<u64>>,
}

impl Group {
    /// Starts the servers and waits until server 0 leads.
    fn start(sending: Sending, conditions: Conditions) -> Group {
        let wire = Wire::new(SERVERS, conditions);
        // A heartbeat never comes before the answer to the last message, or the report of its loss.
        let heartbeat_interval = conditions.timeout + Duration::from_micros(100);
        let (mut servers, mut applied) = (Vec::new(), Vec::new());
        for me in 0..SERVERS {
            let _node = node::enter(NodeId::first(me));
            let from = if me == 0 { heartbeat_interval * 10 } else { NEVER };
            let options = raft::Options {
                election_timeout: from..from + Duration::from_millis(1),
                heartbeat_interval,
                entries_interval: sending.entries_interval(),
                ..raft::Options::default()
            };
            let (tell, told) = chan::unbounded();
            let raft = Raft::make_with(wire.ends(me), me, Arc::new(Persister::new()), Teller(tell), options);
            let raft = raft.expect("the disk is empty");
            wire.add(me, raft.service());
            servers.push(raft);
            applied.push(told);
        }
        let begun = Instant::now();
        while !servers[0].get_state().1 {
            assert!(begun.elapsed() < PATIENCE, "server 0 does not lead");
            sleep(heartbeat_interval);
        }
        // In this time, the leader hears from all others.
        sleep(heartbeat_interval * 20);
        Group { wire, servers, applied }
    }

    /// Gives `count` commands to the leader, and waits until the leader has applied all of them. At most
    /// `under_way` commands are not applied at the same time.
    fn run(&self, count: usize, under_way: usize, bytes: usize) {
        let mut waiting = 0;
        for _ in 0..count {
            if waiting == under_way {
                self.wait_for(0);
                waiting -= 1;
            }
            self.servers[0].start(Command::new(vec![0; bytes])).expect("only server 0 has a timeout");
            waiting += 1;
        }
        for _ in 0..waiting {
            self.wait_for(0);
        }
    }

    /// Waits until a server applies the next entry, and returns its index.
    fn wait_for(&self, server: usize) -> u64 {
        self.applied[server].recv_timeout(PATIENCE).expect("the entries are applied")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.servers.iter().for_each(Raft::kill);
    }
}

/// How many entries a leader applies in a second if this number of commands is always under way. The function
/// must be called inside a [`labrt::Run`].
pub fn entries_per_second(sending: Sending, conditions: Conditions, under_way: usize) -> f64 {
    let group = Group::start(sending, conditions);
    let begun = Instant::now();
    let count = ROUNDS * under_way;
    group.run(count, under_way, SHORT);
    count as f64 / begun.elapsed().as_secs_f64()
}

/// How long it takes until a follower has applied all entries, from the moment at which it can be reached
/// again. It has missed this number of entries. The function must be called inside a [`labrt::Run`].
pub fn catch_up(sending: Sending, conditions: Conditions, missed: usize) -> Duration {
    let group = Group::start(sending, conditions);
    group.wire.cut(FOLLOWER, true);
    group.run(missed, 1_000, LONG);
    group.wire.cut(FOLLOWER, false);
    let begun = Instant::now();
    while group.wait_for(FOLLOWER) < missed as u64 {}
    begun.elapsed()
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use labrt::Run;
    use mit6824_experiments::command_line::once;

    const CONDITIONS: Conditions = Conditions {
        one_way: Duration::from_millis(50),
        lost: 0,
        timeout: Duration::from_millis(201),
        stream: false,
    };

    #[test]
    fn one_command_under_way_takes_a_round_trip() {
        let run = Run { jitter: Duration::ZERO, ..Run::default() };
        let rate = once(&run, 1, || entries_per_second(Sending::Default, CONDITIONS, 1)).expect("it works");
        assert!((9.8..10.5).contains(&rate), "{rate}");
    }

    #[test]
    fn a_follower_needs_a_round_trip_for_each_message_if_only_one_is_on_its_way() {
        let run = Run { jitter: Duration::ZERO, ..Run::default() };
        let time = |sending| once(&run, 1, move || catch_up(sending, CONDITIONS, 5_000)).expect("it works");
        let (one, more) = (time(Sending::OneAtATime), time(Sending::AtOnce));
        assert!(one > CONDITIONS.one_way * 2 * 4, "{one:?}");
        assert!(more < one - CONDITIONS.one_way * 2 * 3, "{more:?}, one message at a time {one:?}");
    }
}
