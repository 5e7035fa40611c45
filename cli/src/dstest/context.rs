//! What all chunks of a campaign share.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::child;
use super::first::First;
use super::process::Plan;
use super::run::{Mode, Stop, Test};
use super::scratch::Scratch;
use super::shortlist::Shortlist;

/// What all chunks of a campaign share.
pub struct Context {
    /// The tests.
    pub tests: Vec<Test>,
    /// The clock on which the tests run.
    pub mode: Mode,
    /// How long one seed may take, by the real clock.
    pub limit: Duration,
    /// Whether a run fails if it has warnings.
    pub strict: bool,
    /// How many failures are replayed and kept, for each cause in each test.
    pub keep: usize,
    /// With `--until-fail`, the first failure so far. This failure ends the campaign.
    pub first: Option<First>,
    /// Says whether the campaign must end.
    pub stop: Stop,
    /// The folder for temporary files.
    pub scratch: Scratch,
    /// The failures that are kept so far.
    pub shortlist: Mutex<Shortlist>,
    /// For each test, whether its processes report nothing. If so, no more processes of this test are
    /// started.
    pub broken: Vec<AtomicBool>,
}

impl Context {
    /// The plan of the child that runs `count` seeds of the test with the index `test`.
    pub fn plan(&self, test: usize, first: u64, count: u64, report: &Path) -> Plan {
        let mut plan = child::plan(&self.tests[test], first, count, report);
        if self.strict {
            plan.set.push(("LAB_STRICT".to_owned(), "1".into()));
        }
        plan
    }

    /// Whether the chunk with this number, and all later chunks, must not start or go on.
    pub fn is_over(&self, chunk: usize) -> bool {
        self.stop.interrupted().is_some() || self.first.as_ref().is_some_and(|first| first.is_before(chunk))
    }

    /// Locks the list of the failures that are kept so far.
    pub fn shortlist(&self) -> std::sync::MutexGuard<'_, Shortlist> {
        self.shortlist.lock().expect("no thread panics while it holds this lock")
    }
}
