//! The result of a run.

use crate::node::NodeId;
use std::path::PathBuf;
use std::time::Duration;

/// The first failure of a run.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The name of the thread that failed, for example `S2 raft-2-ticker`. It begins with the thread's node,
    /// if there is one.
    pub thread: String,
    /// The text and the place of the thread's panic.
    pub message: String,
    /// The time from the start of the run to the failure, on the run's clock.
    pub at: Duration,
    /// What the observer of the run knew at the time of the failure (see `Run::observer`). It is empty if the
    /// run has no observer.
    pub known: Vec<String>,
}

/// Counters of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// How long the run took on its own clock, in nanoseconds.
    pub time_ns: u64,
    /// The CPU time that the process used during the run, in nanoseconds.
    pub cpu_ns: u64,
    /// The number of scheduling decisions (virtual time only).
    pub steps: u64,
    /// The number of scheduling decisions that chose another task than the running one (virtual time only).
    pub switches: u64,
    /// The number of threads that were started.
    pub spawns: u64,
    /// The largest number of threads that were alive at one time.
    pub max_live: usize,
    /// The number of threads that were unwound because the run was over.
    pub cancelled: usize,
    /// The number of threads that could not be unwound. In virtual time the memory of their stacks is not
    /// freed.
    pub leaked: usize,
    /// The number of printed warnings (see [`warning`](crate::warning)).
    pub warnings: u64,
}

/// The result of one run with one seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed of the run.
    pub seed: u64,
    /// The hash of the run's trace. It is 0 on real threads.
    pub trace: u64,
    /// The rate of preemption in this run (virtual time only): `n` means that the chance of a preemption was
    /// 1 in `n`. 0 means that there was no preemption.
    pub preempt: u64,
    /// The counters of the run.
    pub stats: Stats,
    /// The first failure of the run. `None` means that the run passed.
    pub failure: Option<Failure>,
    /// The file with the run's events, if there is one.
    pub events: Option<PathBuf>,
}

/// The result of several runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// The number of runs.
    pub runs: u64,
    /// The first seed.
    pub seed: u64,
    /// The sum of the times of all runs, on their own clock, in seconds.
    pub seconds: f64,
    /// The sum of the CPU times of all runs, in seconds.
    pub cpu_seconds: f64,
    /// The number of warnings that all runs have printed.
    pub warnings: u64,
}

/// Returns the text of a panic.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()))
        .unwrap_or_else(|| "panic with a payload that is no text".into())
}

/// Returns the name of a thread for reports. It consists of the thread's node, and of the thread's name or
/// number.
pub(crate) fn title(node: NodeId, name: &str, number: u64) -> String {
    match (node.is_none(), name.is_empty()) {
        (true, true) => format!("thread {number}"),
        (true, false) => name.to_string(),
        (false, true) => format!("{node} thread {number}"),
        (false, false) => format!("{node} {name}"),
    }
}
