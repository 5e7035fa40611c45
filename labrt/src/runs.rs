//! The list of the runs of this process that have not ended yet.

use crate::{foreign, imp::Running};
use parking_lot::Mutex;
use std::sync::Arc;

struct Entry {
    run: Arc<Running>,
    /// The run that has started this run, if there is one.
    outer: Option<Arc<Running>>,
}

static RUNS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Adds `run` to the list until the guard is dropped. The calling thread is the one that starts this run.
/// `outer` is the run to which the calling thread itself belongs, if there is one.
pub(crate) fn enlist(run: &Arc<Running>, outer: Option<Arc<Running>>) -> GoingOn {
    foreign::prepare();
    RUNS.lock().push(Entry { run: run.clone(), outer });
    GoingOn(run.clone())
}

/// The guard of [`enlist`]. When the guard is dropped, the run is removed from the list.
#[must_use = "the run is listed only as long as the guard lives"]
pub(crate) struct GoingOn(Arc<Running>);

impl Drop for GoingOn {
    fn drop(&mut self) {
        let mut runs = RUNS.lock();
        let at = runs.iter().position(|e| Arc::ptr_eq(&e.run, &self.0));
        let gone = at.map(|at| runs.swap_remove(at));
        drop(runs);
        // `gone` must be dropped after the lock is free, because this may also drop the outer run.
        drop(gone);
    }
}

/// Calls `f` for each run. The second argument of `f` is true if a thread of this run has started another run
/// that has not ended yet. No run is removed from the list during the call.
pub(crate) fn each(mut f: impl FnMut(&Running, bool)) {
    let runs = RUNS.lock();
    for entry in runs.iter() {
        let has_inner =
            runs.iter().any(|e| e.outer.as_ref().is_some_and(|outer| Arc::ptr_eq(outer, &entry.run)));
        f(&entry.run, has_inner);
    }
}

/// Calls `f` for each run, except for runs with an inner run: a thread of such a run has started another run,
/// and this other run has not ended yet.
pub(crate) fn each_innermost(mut f: impl FnMut(&Running)) {
    each(|run, has_inner| {
        if !has_inner {
            f(run);
        }
    });
}
