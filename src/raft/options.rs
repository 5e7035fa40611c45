//! Time intervals and options of a server.

use std::ops::Range;
use std::time::Duration;

/// Time intervals of a server, and what it does beyond Figure 2 of the paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Each election timeout is drawn from this range (5.2: the timeouts are random, so that split votes are
    /// rare). Each timeout in the range must be much longer than
    /// [`heartbeat_interval`](Options::heartbeat_interval). Otherwise a few lost heartbeats depose a good
    /// leader.
    pub election_timeout: Range<Duration>,
    /// A leader that has nothing else to send to a peer sends a heartbeat after this interval. A candidate
    /// asks again for a vote after this interval. A shorter interval costs more messages. With a longer
    /// interval, servers notice failures later.
    pub heartbeat_interval: Duration,
    /// If a peer does not answer a message with entries within this time, the leader sends it the next
    /// entries nevertheless. Until then the leader collects new entries, and later sends them together.
    pub entries_interval: Duration,
    /// The leader sends a new commit index to a peer together with the next entries. If there are no new
    /// entries within this time, the leader sends the commit index in a message of its own. So one message
    /// can report several commits.
    pub commit_interval: Duration,
    /// A server that does not lead waits this long between two batches for its service. The wait does no
    /// harm, because no client waits for the results of such a server. It saves work, because each batch
    /// wakes a thread.
    pub apply_interval: Duration,
    /// PreVote: before this server starts an election, it asks whether a majority would vote for it. Use it
    /// if servers can be cut off: a server that comes back then has no higher term, so it does not depose the
    /// leader. An election takes one more round of messages, and sometimes one more election timeout. Without
    /// [`check_quorum`](Options::check_quorum), a leader that reaches some servers but no majority can
    /// prevent every election.
    pub pre_vote: bool,
    /// CheckQuorum: if this leader gets no answer from a majority for the longest election timeout, it
    /// becomes a follower in its own term. Also, a server that has a leader refuses other candidates, and
    /// does not take over their terms. Use it if links between servers can break. What changes: a leader
    /// becomes a follower also without a higher term. All servers need the same shortest election timeout,
    /// because a server refuses candidates for this time after each message from its leader.
    pub check_quorum: bool,
    /// Leases: a leader answers reads without a round of messages, as long as a majority has promised to
    /// elect nobody else. Use it if reads must be fast and the clocks of the servers can be trusted. It
    /// includes [`check_quorum`](Options::check_quorum). What breaks: if the clocks differ by more than
    /// [`clock_drift`](Options::clock_drift), a leader that was deposed may answer a read with an old value.
    /// All servers of a group need this option and the same shortest election timeout.
    pub lease: bool,
    /// The assumption about clocks on which [`lease`](Options::lease) depends, in percent: while the fastest
    /// clock of the group counts 100 seconds, the slowest clock counts at least 100 minus this number. A
    /// lease is shorter than the shortest election timeout by this part. With a greater number, leases end
    /// earlier. The heartbeat interval must be shorter than a lease, otherwise reads often need a round.
    pub clock_drift: u32,
}

impl Options {
    /// Is CheckQuorum on, by itself or for leases?
    pub(super) fn checks_quorum(&self) -> bool {
        self.check_quorum || self.lease
    }

    /// The length of a lease, from the time at which the answered messages were sent.
    pub(super) fn lease_length(&self) -> Duration {
        self.election_timeout.start * 100_u32.saturating_sub(self.clock_drift) / 100
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            election_timeout: Duration::from_millis(300)..Duration::from_millis(600),
            heartbeat_interval: Duration::from_millis(100),
            entries_interval: Duration::from_millis(10),
            commit_interval: Duration::from_millis(10),
            apply_interval: Duration::from_millis(1),
            pre_vote: false,
            check_quorum: false,
            lease: false,
            clock_drift: 10,
        }
    }
}
