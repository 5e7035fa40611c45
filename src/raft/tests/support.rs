//! Builders that let the tests read as prose.

use crate::raft::*;
use labapi::{Command, Role};

/// The command that these tests put at an index in a term; two entries agree if and only if both agree.
pub(super) fn command(index: u64, term: u64) -> Command {
    Command::new(format!("command {index} of term {term}"))
}

/// Entries with these terms, the first of them at `first`.
pub(super) fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
    (first..).zip(terms).map(|(index, &term)| Entry { term, command: command(index, term) }).collect()
}

/// An AppendEntries of the leader `leader_id`: entries with `terms` after `prev` = (index, term).
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

/// The same, and the leader has committed up to `leader_commit`.
pub(super) fn committed(leader_commit: u64, args: AppendEntriesArgs) -> AppendEntriesArgs {
    AppendEntriesArgs { leader_commit, ..args }
}

/// A log of these terms.
fn log(terms: &[u64]) -> RaftLog {
    RaftLog::after(0, 0, entries(1, terms))
}

/// A follower, server 0 of `n`, in term `term` with a log of these terms.
pub(super) fn follower(n: usize, term: u64, terms: &[u64]) -> Core {
    Core::of(0, n, term, None, log(terms), Role::Follower)
}

/// A candidate, server 0 of `n`, in term `term` with a log of these terms.
pub(super) fn candidate(n: usize, term: u64, terms: &[u64]) -> Core {
    Core::of(0, n, term, Some(0), log(terms), Role::Candidate)
}

/// The leader of `term`, server 0 of `n`, with a log of these terms. It has not sent anything as a leader.
pub(super) fn leader(n: usize, term: u64, terms: &[u64]) -> Core {
    Core::of(0, n, term, Some(0), log(terms), Role::Leader)
}

/// `peer` answers the request for a vote with yes.
pub(super) fn give_vote(core: &mut Core, peer: usize) {
    if let Some(outgoing) = core.next_message(peer, Tick::HEARTBEAT) {
        let reply = RequestVoteReply { term: core.current_term(), vote_granted: true };
        core.vote_reply(outgoing.sent, &reply);
    }
}

pub(super) fn forget_effects(core: &mut Core) {
    let _ = core.take_effects();
}

/// The terms of the entries in memory.
pub(super) fn terms(core: &Core) -> Vec<u64> {
    core.log().iter_from(1).map(|entry| entry.term).collect()
}

/// The next message to `peer`, which must be an AppendEntries.
pub(super) fn next_append(core: &mut Core, peer: usize, tick: Tick) -> (Sent, AppendEntriesArgs) {
    match core.next_message(peer, tick) {
        Some(Outgoing { sent, message: Message::AppendEntries(args) }) => (sent, args),
        other => panic!("expected an AppendEntries for S{peer}, got {other:?}"),
    }
}

/// The next message to `peer`, which must be an InstallSnapshot.
pub(super) fn next_snapshot(core: &mut Core, peer: usize, tick: Tick) -> (Sent, InstallSnapshotArgs) {
    match core.next_message(peer, tick) {
        Some(Outgoing { sent, message: Message::InstallSnapshot(args) }) => (sent, args),
        other => panic!("expected an InstallSnapshot for S{peer}, got {other:?}"),
    }
}

/// The follower took the entries.
pub(super) fn success(core: &mut Core, sent: Sent) {
    core.append_reply(sent, &AppendEntriesReply { term: sent.term, success: true, conflict: None });
}

/// The follower refused the entries.
pub(super) fn refusal(core: &mut Core, sent: Sent, index: u64, term: Option<u64>) {
    let conflict = Some(Conflict { index, term });
    core.append_reply(sent, &AppendEntriesReply { term: sent.term, success: false, conflict });
}

/// `peer` takes everything the leader has, heartbeats included, until the leader has nothing more to say.
pub(super) fn catch_up(core: &mut Core, peer: usize) {
    let (sent, _) = next_append(core, peer, Tick::HEARTBEAT);
    success(core, sent);
    while let Some(outgoing) = core.next_message(peer, Tick::COMMIT) {
        success(core, outgoing.sent);
    }
}

pub(super) fn has_leader_view(core: &Core, peer: usize) -> (u64, u64) {
    let progress = core.progress(peer).expect("a leader's view of a peer");
    (progress.match_index(), progress.next_index())
}

/// A small generator of numbers, the same for ever (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
