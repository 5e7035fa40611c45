//! The options of a check.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use labrt::sync::Arc;
use labrt::time::Duration;

/// How a history is checked. By default a check has no limit of time, takes at most 1 GiB of memory, uses all
/// cores, and gives only a verdict.
#[derive(Clone, Debug)]
pub struct Options {
    /// The check takes no longer than this, on the machine's clock (also in virtual time). `None`: no limit.
    /// A part that is not decided by then is Unknown. The machine may be busy, so the same check can be
    /// decided one time and Unknown another time. Use `steps` where that matters.
    pub limit: Option<Duration>,
    /// The search of each part takes no more steps than this. A step is one operation that the search tries;
    /// there are some million steps a second. `None`: no limit. This limit counts work and not time, so it
    /// stops the search at the same place each time.
    pub steps: Option<u64>,
    /// The visited configurations of all parts together may take about this many bytes. If a check needs
    /// more, it is Unknown.
    pub memory: usize,
    /// How many threads may search. `None`: as many as the machine has cores.
    pub threads: Option<usize>,
    /// Find partial linearizations of the parts that are not Ok, for a picture, if the history is illegal.
    /// This takes a second search after the verdict is known. The second search takes the time that is left,
    /// and [`EXPLAIN_FOR`] at most. If the history is Ok, this option costs nothing.
    pub partials: bool,
    /// Another thread sets this to end the check soon. A part that is not decided by then is Unknown.
    pub cancel: Option<Arc<AtomicBool>>,
    /// When the search of a part ends, with any result, this grows by the part's number of operations. The
    /// caller may show it while it waits. The second search for partial linearizations adds nothing.
    pub progress: Option<Arc<AtomicUsize>>,
}

/// The longest time that an illegal history is searched for partial linearizations.
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
