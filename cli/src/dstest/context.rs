//! What all chunks of a campaign share.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::child;
use super::process::Plan;
use super::run::{Mode, Stop, Test};
use super::scratch::Scratch;
use super::shortlist::Shortlist;

/// What all chunks of a campaign share.
pub struct Context {
    /// The tests.
    pub tests: Vec<Test>,
    /// The clock they run on.
    pub mode: Mode,
    /// How long one seed may take, by the real clock.
    pub limit: Duration,
    /// Whether warnings fail a run.
    pub strict: bool,
    /// How many failures of each test and cause are replayed and kept.
    pub keep: usize,
    /// Whether the first failure ends the campaign.
    pub until_fail: bool,
    /// Whether the campaign is to end.
    pub stop: Stop,
    /// Where the temporary files go.
    pub scratch: Scratch,
    /// The failures that are kept so far.
    pub shortlist: Mutex<Shortlist>,
    /// Whether the processes of a test report nothing. Then no more of them are started.
    pub broken: Vec<AtomicBool>,
}

impl Context {
    /// The child that runs `count` seeds of the test with this index.
    pub fn plan(&self, test: usize, first: u64, count: u64, report: &Path) -> Plan {
        let mut plan = child::plan(&self.tests[test], first, count, report);
        if self.strict {
            plan.set.push(("LAB_STRICT".to_owned(), "1".into()));
        }
        plan
    }

    /// The failures that are kept so far, to look at and to change.
    pub fn shortlist(&self) -> std::sync::MutexGuard<'_, Shortlist> {
        self.shortlist.lock().expect("no thread panics while it holds this lock")
    }
}
