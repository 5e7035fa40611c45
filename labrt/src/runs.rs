//! The runs of the process that go on now.

use crate::{foreign, imp::Running};
use parking_lot::Mutex;
use std::sync::Arc;

struct Entry {
    run: Arc<Running>,
    /// The run in which somebody asked for this one.
    outer: Option<Arc<Running>>,
}

static RUNS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Lists the run, which the calling thread asks for as part of run `outer`, until the guard is
/// dropped.
pub(crate) fn enlist(run: &Arc<Running>, outer: Option<Arc<Running>>) -> GoingOn {
    foreign::prepare();
    RUNS.lock().push(Entry { run: run.clone(), outer });
    GoingOn(run.clone())
}

/// The run goes on as long as this lives.
#[must_use = "the run is listed only as long as the guard lives"]
pub(crate) struct GoingOn(Arc<Running>);

impl Drop for GoingOn {
    fn drop(&mut self) {
        let mut runs = RUNS.lock();
        let at = runs.iter().position(|e| Arc::ptr_eq(&e.run, &self.0));
        let gone = at.map(|at| runs.swap_remove(at));
        drop(runs);
        // Outside the lock: it may be the last owner of the outer run.
        drop(gone);
    }
}

/// Calls `f` for each run, with whether another run goes on inside it. No run ends meanwhile.
pub(crate) fn each(mut f: impl FnMut(&Running, bool)) {
    let runs = RUNS.lock();
    for entry in runs.iter() {
        let has_inner =
            runs.iter().any(|e| e.outer.as_ref().is_some_and(|outer| Arc::ptr_eq(outer, &entry.run)));
        f(&entry.run, has_inner);
    }
}

/// Calls `f` for each run in which no other run goes on.
pub(crate) fn each_innermost(mut f: impl FnMut(&Running)) {
    each(|run, has_inner| {
        if !has_inner {
            f(run);
        }
    });
}
