//! The result of a run.

use crate::node::NodeId;
use std::path::PathBuf;
use std::time::Duration;

/// The first failure of a run.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The thread that failed, with its node where it has one: `S2 raft-2-ticker`.
    pub thread: String,
    /// The text of its panic, and the place.
    pub message: String,
    /// The time of the failure since the start of the run, on the run's clock.
    pub at: Duration,
}

/// Counters of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// How long the run took on its own clock, in nanoseconds.
    pub time_ns: u64,
    /// CPU time that the process used during the run, in nanoseconds.
    pub cpu_ns: u64,
    /// Scheduling decisions (virtual time only).
    pub steps: u64,
    /// Decisions that moved to another task (virtual time only).
    pub switches: u64,
    /// Threads started.
    pub spawns: u64,
    /// The most threads alive at one time.
    pub max_live: usize,
    /// Threads that were unwound because the body had returned.
    pub cancelled: usize,
    /// Threads that could not be unwound; in virtual time their stacks leak.
    pub leaked: usize,
    /// Warnings printed, see [`warning`](crate::warning).
    pub warnings: u64,
}

/// The result of one run of one seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The hash of its trace; 0 on real threads.
    pub trace: u64,
    /// The 1-in-n rate of preemption it ran with (virtual time; 0: never).
    pub preempt: u64,
    /// Its counters.
    pub stats: Stats,
    /// Its first failure; None: it passed.
    pub failure: Option<Failure>,
    /// The file with its events, if they were written.
    pub events: Option<PathBuf>,
}

/// The result of several runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// The number of runs.
    pub runs: u64,
    /// The first seed.
    pub seed: u64,
    /// Seconds on the runs' own clock, all together.
    pub seconds: f64,
    /// CPU seconds, all together.
    pub cpu_seconds: f64,
    /// Warnings printed, all together.
    pub warnings: u64,
}

/// The text of a panic.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()))
        .unwrap_or_else(|| "panic with a payload that is no text".into())
}

/// The name of a thread in reports: its node, and its name or number.
pub(crate) fn title(node: NodeId, name: &str, number: u64) -> String {
    match (node.is_none(), name.is_empty()) {
        (true, true) => format!("thread {number}"),
        (true, false) => name.to_string(),
        (false, true) => format!("{node} thread {number}"),
        (false, false) => format!("{node} {name}"),
    }
}
