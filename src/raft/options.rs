//! Time intervals of a server.

use std::ops::Range;
use std::time::Duration;

/// Time intervals of a server.
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
}

impl Default for Options {
    fn default() -> Options {
        Options {
            election_timeout: Duration::from_millis(300)..Duration::from_millis(600),
            heartbeat_interval: Duration::from_millis(100),
            entries_interval: Duration::from_millis(10),
            commit_interval: Duration::from_millis(10),
            apply_interval: Duration::from_millis(1),
        }
    }
}
