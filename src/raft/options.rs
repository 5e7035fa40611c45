//! How a server keeps time, and whether it keeps the rules.

use std::ops::Range;
use std::time::Duration;

/// How a server keeps time, and whether it keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Each election timeout is drawn from this range (5.2: randomized, so that split votes are rare). It must be
    /// well above [`heartbeat_interval`](Options::heartbeat_interval), or lost heartbeats unseat good leaders.
    pub election_timeout: Range<Duration>,
    /// A leader that has nothing else to say to a peer says so this often, and a candidate asks again this often
    /// for a vote. Shorter costs messages, longer makes failures take longer to notice.
    pub heartbeat_interval: Duration,
    /// A peer that has not answered a message with entries for so long gets the next ones all the same. Until
    /// then new entries wait and go together.
    pub entries_interval: Duration,
    /// A peer learns of a new commit index with the next entries, or after so long on its own. Until then
    /// commits are told together.
    pub commit_interval: Duration,
    /// A server that does not lead lets so much time pass from one batch for its service to the next. Nobody waits
    /// for it, and each batch costs waking a thread.
    pub apply_interval: Duration,
    /// Rules that may be broken to see what they are good for.
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

/// Rules that can be broken on purpose, for tests that show what a broken rule looks like. The default is
/// Raft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// A leader that has not heard from a majority for an election timeout becomes a follower. Looks prudent;
    /// but it then stands for election, raises its term in vain while it is cut off, and unseats a good leader
    /// when it returns.
    pub step_down_without_majority: bool,
    /// A leader commits entries of older terms, too, by counting replicas. Figure 8 of the paper shows how
    /// such an entry can still be overwritten.
    pub commit_older_terms_by_count: bool,
}
