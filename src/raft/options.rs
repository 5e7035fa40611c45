//! Time intervals of a server, and rules that a test can break.

use std::ops::Range;
use std::time::Duration;

/// Time intervals of a server, and rules that a test can break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Each election timeout is drawn from this range (5.2: random, so that split votes are rare). It must be
    /// well above [`heartbeat_interval`](Options::heartbeat_interval). Otherwise a few lost heartbeats depose
    /// a good leader.
    pub election_timeout: Range<Duration>,
    /// A leader that has nothing else to send to a peer sends a heartbeat after this interval. A candidate
    /// asks again for a vote after this interval. A shorter interval costs more messages. With a longer
    /// interval failures are noticed later.
    pub heartbeat_interval: Duration,
    /// If a peer has not answered a message with entries for this long, it gets the next entries
    /// nevertheless. Until then new entries wait and are sent together.
    pub entries_interval: Duration,
    /// A peer learns of a new commit index with the next entries, or after this long in a message of its own.
    /// Until then several commits are collected.
    pub commit_interval: Duration,
    /// A server that does not lead waits this long between two batches for its service. No client waits for
    /// such a server, and each batch costs the waking of a thread.
    pub apply_interval: Duration,
    /// Rules that a test can break, to show why they are needed.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            election_timeout: Duration::from_millis(300)..Duration::from_millis(600),
            heartbeat_interval: Duration::from_millis(100),
            entries_interval: Duration::from_millis(10),
            commit_interval: Duration::from_millis(10),
            apply_interval: Duration::from_millis(1),
            rules: Rules::default(),
        }
    }
}

/// Rules that can be broken on purpose, for tests that show what happens then. The default breaks no rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// A leader that has not heard from a majority for an election timeout becomes a follower. This looks
    /// careful. But the server then starts elections and raises its term again and again while it is cut off.
    /// When it comes back, its high term deposes a good leader.
    pub step_down_without_majority: bool,
    /// A leader also commits entries of older terms by counting replicas. Figure 8 of the paper shows how
    /// such an entry can still be overwritten.
    pub commit_older_terms_by_count: bool,
}
