//! Helper functions that make the tests short and readable.

use crate::raft::*;
use labapi::{Command, Role};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// If a test passes this duration, the clock of the [`Server`] does not move.
pub(super) const AT_ONCE: Duration = Duration::ZERO;
/// The intervals of [`Options::default`]: this constant and the next two.
pub(super) const ENTRIES_INTERVAL: Duration = Duration::from_millis(10);
pub(super) const COMMIT_INTERVAL: Duration = Duration::from_millis(10);
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);

/// A core together with a clock. Because of the clock, a test does not have to pass the time in each call.
/// Each time a test reads the state or calls a rule, the invariants of the whole state are checked.
#[derive(Clone)]
pub(super) struct Server {
    core: Core,
    pub(super) now: Duration,
}

impl Server {
    /// Makes a server of `core`. Discards the effects of `core`, so that a test sees only new effects.
    pub(super) fn of(mut core: Core) -> Server {
        let _ = core.take_effects();
        Server { core, now: Duration::ZERO }
    }

    pub(super) fn new(me: usize, n: usize) -> Server {
        Server::of(Core::new(me, n))
    }

    pub(super) fn election_timeout(&mut self) {
        self.core.election_timeout(self.now);
    }

    pub(super) fn request_vote(&mut self, args: &RequestVoteArgs) -> RequestVoteReply {
        self.core.request_vote(args, self.now)
    }

    pub(super) fn append_entries(&mut self, args: &AppendEntriesArgs) -> AppendEntriesReply {
        self.core.append_entries(args, self.now)
    }

    pub(super) fn install_snapshot(&mut self, args: &InstallSnapshotArgs) -> InstallSnapshotReply {
        self.core.install_snapshot(args, self.now)
    }

    pub(super) fn vote_reply(&mut self, sent: Sent, reply: &RequestVoteReply) {
        self.core.vote_reply(sent, reply, self.now);
    }

    pub(super) fn append_reply(&mut self, sent: Sent, reply: &AppendEntriesReply) {
        self.core.append_reply(sent, reply, self.now);
    }

    pub(super) fn snapshot_reply(&mut self, sent: Sent, reply: &InstallSnapshotReply) {
        self.core.snapshot_reply(sent, reply, self.now);
    }

    pub(super) fn pre_vote(&mut self, args: &RequestVoteArgs) -> RequestVoteReply {
        self.core.pre_vote(args, self.now)
    }

    pub(super) fn pre_vote_reply(&mut self, sent: Sent, reply: &RequestVoteReply) {
        self.core.pre_vote_reply(sent, reply, self.now);
    }

    pub(super) fn transfer_vote(&mut self, args: &RequestVoteArgs) -> RequestVoteReply {
        self.core.transfer_vote(args, self.now)
    }

    pub(super) fn transfer_leadership(&mut self, target: usize) -> Result<(), TransferError> {
        self.core.transfer_leadership(target, self.now)
    }

    pub(super) fn timeout_now(&mut self, args: &TimeoutNowArgs) -> TimeoutNowReply {
        self.core.timeout_now(args, self.now)
    }

    pub(super) fn begin_read(&mut self) -> Option<ReadStart> {
        self.core.begin_read(self.now)
    }

    /// Sets the clock forward by `passed`. Returns the next message to `peer`.
    pub(super) fn next_message(&mut self, peer: usize, passed: Duration) -> Option<Outgoing> {
        self.now += passed;
        self.core.next_message(peer, self.now)
    }

    /// The time until a message to `peer` is due.
    pub(super) fn due_in(&self, peer: usize) -> Option<Duration> {
        self.core.next_deadline(peer).map(|at| at.saturating_sub(self.now))
    }
}

impl Deref for Server {
    type Target = Core;

    fn deref(&self) -> &Core {
        self.core.check_invariants();
        &self.core
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Core {
        self.core.check_invariants();
        &mut self.core
    }
}

/// The command that these tests use for an index and a term. Two such commands are equal only if both numbers
/// are equal.
pub(super) fn command(index: u64, term: u64) -> Command {
    Command::new(format!("command {index} of term {term}"))
}

/// Entries with these terms. The first entry has the index `first`.
pub(super) fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
    (first..).zip(terms).map(|(index, &term)| Entry { term, command: command(index, term) }).collect()
}

/// An AppendEntries of the leader `leader_id`. It has entries of the terms `terms`, after `prev` = (index,
/// term).
pub(super) fn append(leader_id: usize, term: u64, prev: (u64, u64), terms: &[u64]) -> AppendEntriesArgs {
    AppendEntriesArgs {
        term,
        leader_id,
        prev_log_index: prev.0,
        prev_log_term: prev.1,
        entries: entries(prev.0 + 1, terms),
        leader_commit: 0,
    }
}

/// The message `args`, but from a leader that has committed the entries up to `leader_commit`.
pub(super) fn committed(leader_commit: u64, args: AppendEntriesArgs) -> AppendEntriesArgs {
    AppendEntriesArgs { leader_commit, ..args }
}

/// A log with these terms.
fn log(terms: &[u64]) -> RaftLog {
    RaftLog::after(0, 0, entries(1, terms))
}

/// A follower in term `term`, server 0 of `n`, with a log of these terms.
pub(super) fn follower(n: usize, term: u64, terms: &[u64]) -> Server {
    Server::of(Core::of(0, n, term, None, log(terms), Role::Follower))
}

/// A candidate in term `term`, server 0 of `n`, with a log of these terms.
pub(super) fn candidate(n: usize, term: u64, terms: &[u64]) -> Server {
    Server::of(Core::of(0, n, term, Some(0), log(terms), Role::Candidate))
}

/// The leader of `term`, server 0 of `n`, with a log of these terms. It has not sent any message as leader
/// yet.
pub(super) fn leader(n: usize, term: u64, terms: &[u64]) -> Server {
    Server::of(Core::of(0, n, term, Some(0), log(terms), Role::Leader))
}

/// Delivers the vote of `peer` to the candidate.
pub(super) fn give_vote(core: &mut Server, peer: usize) {
    if let Some(outgoing) = core.next_message(peer, HEARTBEAT_INTERVAL) {
        let reply = RequestVoteReply { term: core.current_term(), vote_granted: true };
        core.vote_reply(outgoing.sent, &reply);
    }
}

pub(super) fn forget_effects(core: &mut Server) {
    let _ = core.take_effects();
}

/// The terms of the entries in memory.
pub(super) fn terms(core: &Core) -> Vec<u64> {
    core.log().iter_from(1).map(|entry| entry.term).collect()
}

/// The next message to `peer`, which must be an AppendEntries.
pub(super) fn next_append(core: &mut Server, peer: usize, passed: Duration) -> (Sent, AppendEntriesArgs) {
    match core.next_message(peer, passed) {
        Some(Outgoing { sent, message: Message::AppendEntries(args) }) => (sent, args),
        other => panic!("expected an AppendEntries for S{peer}, got {other:?}"),
    }
}

/// The next message to `peer`, which must be an InstallSnapshot.
pub(super) fn next_snapshot(core: &mut Server, peer: usize, passed: Duration) -> (Sent, InstallSnapshotArgs) {
    match core.next_message(peer, passed) {
        Some(Outgoing { sent, message: Message::InstallSnapshot(args) }) => (sent, args),
        other => panic!("expected an InstallSnapshot for S{peer}, got {other:?}"),
    }
}

/// Delivers the reply of a follower that has accepted the entries.
pub(super) fn success(core: &mut Server, sent: Sent) {
    core.append_reply(sent, &AppendEntriesReply { term: sent.term, success: true, conflict: None });
}

/// Delivers the reply of a follower that has refused the entries. The logs may agree up to `index`, where the
/// follower has an entry of `term`.
pub(super) fn refusal(core: &mut Server, sent: Sent, index: u64, term: u64) {
    let conflict = Some(Conflict { index, term });
    core.append_reply(sent, &AppendEntriesReply { term: sent.term, success: false, conflict });
}

/// Delivers messages to `peer` until the leader has nothing more to send. The first message may be a
/// heartbeat. `peer` accepts all messages.
pub(super) fn catch_up(core: &mut Server, peer: usize) {
    let (sent, _) = next_append(core, peer, HEARTBEAT_INTERVAL);
    success(core, sent);
    accept_all(core, peer, COMMIT_INTERVAL);
}

/// The follower `peer` accepts all messages until no message is due after `pause`. Returns these messages.
///
/// # Panics
/// If the messages do not end.
pub(super) fn accept_all(core: &mut Server, peer: usize, pause: Duration) -> Vec<Message> {
    const MOST: usize = 100;
    let mut messages = Vec::new();
    while let Some(outgoing) = core.next_message(peer, pause) {
        success(core, outgoing.sent);
        messages.push(outgoing.message);
        assert!(
            messages.len() < MOST,
            "the leader does not stop sending to S{peer}, although S{peer} accepts all: {:?}",
            &messages[MOST - 3..]
        );
    }
    messages
}

pub(super) fn has_leader_view(core: &Core, peer: usize) -> (u64, u64) {
    let progress = core.progress(peer).expect("the server leads, and the peer is another server");
    (progress.match_index(), progress.next_index())
}

/// A small generator of random numbers that always gives the same sequence (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// Returns true once in `n` calls on average.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
