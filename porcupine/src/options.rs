//! What may be asked of a check.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use labrt::sync::Arc;
use labrt::time::Duration;

/// How a history is checked. The default: as long as it takes, in at most 1 GiB, on all cores, for a verdict alone.
#[derive(Clone, Debug)]
pub struct Options {
    /// No longer than this, on the machine's clock (in virtual time, too); `None`: as long as it takes. What is
    /// not decided then is Unknown. As the machine may be busy, the same check can be decided once and Unknown
    /// another time; use `steps` where that matters.
    pub limit: Option<Duration>,
    /// No more steps than this in each part: operations tried, some million a second. `None`: any number. It is a
    /// measure of computing, not of time: it strikes at the same place each time.
    pub steps: Option<u64>,
    /// No more than about so many bytes of visited configurations, all parts together; more is Unknown.
    pub memory: usize,
    /// How many threads may search; `None`: as many as the machine has cores.
    pub threads: Option<usize>,
    /// If the history is illegal, have partial linearizations of what is not Ok, for a picture. They take a second
    /// search once the verdict is known, for as much time as is left, [`EXPLAIN_FOR`] at most. If the history is
    /// Ok they cost nothing.
    pub partials: bool,
    /// Set by somebody to have the check end soon; what is not decided then is Unknown.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Grows by the number of operations of each part that is through with its search, whatever came out: for
    /// whoever waits. The second search for partial linearizations adds nothing.
    pub progress: Option<Arc<AtomicUsize>>,
}

/// How long an illegal history is searched at most for partial linearizations.
pub const EXPLAIN_FOR: Duration = Duration::from_secs(1);

impl Default for Options {
    fn default() -> Options {
        Options {
            limit: None,
            steps: None,
            memory: 1 << 30,
            threads: None,
            partials: false,
            cancel: None,
            progress: None,
        }
    }
}
