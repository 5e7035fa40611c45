//! What the threads of a run want to do and have not finished yet. If a run does not end in time, its report
//! lists these tasks. So the reader sees what the run waited for.

use crate::imp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// At most this number of unfinished tasks is listed in a report.
const LISTED: usize = 20;

/// All unfinished tasks of a run, in the order in which they began.
#[derive(Default)]
pub(crate) struct AllUnfinished(Mutex<Tasks>);

#[derive(Default)]
struct Tasks {
    begun: u64,
    open: BTreeMap<u64, (Duration, String)>,
}

/// A task that a thread has begun and has not finished. The task is finished when this value is dropped.
///
/// If the run fails because of its time limit or a deadlock, the message of the failure lists all unfinished
/// tasks and the times at which they began. Outside a run, this does nothing.
#[must_use = "the task is finished when this value is dropped"]
pub struct Unfinished(Option<u64>);

/// Tells the current run that a task begins. `what` describes the task, for example `get("x") of client 3`.
///
/// ```
/// labrt::run(|| {
///     let _task = labrt::unfinished("the second half of the test");
///     // If the run hangs here, its report contains this text.
/// });
/// ```
pub fn unfinished(what: impl Into<String>) -> Unfinished {
    let since = imp::time::since_start();
    let what = what.into();
    Unfinished(imp::with_world_if_any(|world| {
        let mut tasks = world?.unfinished.0.lock();
        tasks.begun += 1;
        let number = tasks.begun;
        tasks.open.insert(number, (since, what));
        Some(number)
    }))
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(number) = self.0 else { return };
        imp::with_world_if_any(|world| {
            if let Some(world) = world {
                world.unfinished.0.lock().open.remove(&number);
            }
        });
    }
}

impl AllUnfinished {
    /// Returns the part of a report that lists the unfinished tasks. If there are none, returns an empty
    /// text.
    pub(crate) fn report(&self) -> String {
        let tasks = self.0.lock();
        if tasks.open.is_empty() {
            return String::new();
        }
        let lines = tasks.open.values().take(LISTED);
        let mut text = String::from(" not finished:");
        text.extend(lines.map(|(since, what)| format!("\n    {what}, since t={:.6}s", since.as_secs_f64())));
        if let more @ 1.. = tasks.open.len().saturating_sub(LISTED) {
            text += &format!("\n    and {more} more");
        }
        text + "\n "
    }
}
