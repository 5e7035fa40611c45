//! The options of a check.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use labrt::sync::Arc;
use labrt::time::Duration;

/// How a history is checked. By default a check has no limit of time, takes at most 1 GiB of memory, uses all
/// cores, and gives only a verdict.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest time that the check may take. It is measured on the machine's clock, even in virtual time.
    /// `None` means no limit. If a part has no verdict at the end of this time, its verdict is Unknown. On a
    /// busy machine a check does less work in the same time. So the same check can be Unknown on a busy
    /// machine, and Ok or Illegal at other times. If this is a problem, use `steps` instead.
    pub limit: Option<Duration>,
    /// How many steps the search of each part may take. A step is one operation that the search tries. A
    /// search takes a few million steps per second. `None` means no limit. This limit counts work, not time.
    /// So it stops the same search always after the same step.
    pub steps: Option<u64>,
    /// How many bytes of memory the check may use. The check counts only the visited configurations and the
    /// partial linearizations of all parts. The count is not exact. If a check needs more memory, its verdict
    /// is Unknown.
    pub memory: usize,
    /// How many threads may search. `None` means one thread for each core of the machine.
    pub threads: Option<usize>,
    /// If true, the report contains partial linearizations. A picture needs them. If the history is illegal,
    /// the check makes a second search to find the partial linearizations. It searches only the parts that
    /// are not Ok. This second search may take the rest of the time, but at most [`EXPLAIN_FOR`]. If the
    /// history is Ok, this option costs nothing.
    pub partials: bool,
    /// Another thread can set this flag to end the check early. If a part has no verdict at that time, its
    /// verdict is Unknown.
    pub cancel: Option<Arc<AtomicBool>>,
    /// When the search of a part ends, with any result, the check adds the part's number of operations to
    /// this counter. The caller may show the counter while the check runs. The second search for partial
    /// linearizations adds nothing.
    pub progress: Option<Arc<AtomicUsize>>,
}

/// How long the search for the partial linearizations of an illegal history may take.
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
