//! What the clients did, and whether it is linearizable.
//!
//! Values are recorded as [`Text`](porcupine::models::kv::Text)s, not as strings. The reason is memory: on
//! real threads the value of one key grows to hundreds of kilobytes and is read tens of thousands of times.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;

use labrt::sync::Mutex;
use labrt::sync::atomic::{AtomicU64, Ordering};
use labrt::time::Duration;

use crate::events;
use crate::marks::{Mark, now};
use crate::output::{info, silent};
use porcupine::models::kv::{KvModel, Operation};
use porcupine::{self, Model, Options, Report, Verdict};

/// What happens if the checker cannot judge a history in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfUnknown {
    /// The test passes, and a line says why. The checker has this much time.
    Passes(Duration),
    /// The test fails. The checker has this much time.
    Fails(Duration),
}

impl IfUnknown {
    fn limit(self) -> Duration {
        match self {
            IfUnknown::Passes(limit) | IfUnknown::Fails(limit) => limit,
        }
    }
}

impl Default for IfUnknown {
    /// On the real clock this is the course's rule: the test passes after a second. In virtual time the test
    /// fails after a minute.
    fn default() -> IfUnknown {
        match labrt::is_sim() {
            true => IfUnknown::Fails(Duration::from_secs(60)),
            false => IfUnknown::Passes(Duration::from_secs(1)),
        }
    }
}

/// How long the checker looks for the operations to draw if a history is not linearizable.
const PICTURE_LIMIT: Duration = Duration::from_secs(10);

/// All operations of a test's clients.
///
/// No two calls or returns have the same time. The reason is this: if one operation returns at the time at
/// which another one is called, they overlap for the checker, and it accepts both orders. In virtual time the
/// next call of a client comes at the time of its last return. So without different times the checker would
/// accept every history in which neighbours have changed places.
#[derive(Default)]
pub struct History {
    operations: Mutex<Vec<Operation>>,
    last: AtomicU64,
}

impl History {
    /// A history without operations.
    pub fn new() -> History {
        History::default()
    }

    /// The time for a call that is about to be made, or that has just returned: now, in nanoseconds since the
    /// start of the run. It is later than all times that this function has returned before.
    pub fn time(&self) -> u64 {
        let now = now();
        let later = |last: u64| Some(now.max(last + 1));
        match self.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later) {
            Ok(last) | Err(last) => now.max(last + 1),
        }
    }

    /// Adds an operation that has returned.
    pub fn push(&self, operation: Operation) {
        self.operations.lock().push(operation);
    }

    /// Removes and returns all operations, for a test that does not use [`check`](History::check).
    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut *self.operations.lock())
    }

    /// Fails the test if the operations are not linearizable. Then it writes a picture of them into the
    /// system's folder for temporary files, and a line says where.
    #[track_caller]
    pub fn check(&self, if_unknown: IfUnknown, title: &str, marks: Vec<Mark>) {
        if let Err(error) = self.judge(if_unknown, title, marks, &std::env::temp_dir()) {
            panic!("{error}");
        }
    }

    /// The same, with the picture in the given folder.
    ///
    /// # Errors
    /// If the operations are not linearizable, or if they could not be judged and that is a failure.
    pub fn judge(
        &self,
        if_unknown: IfUnknown,
        title: &str,
        marks: Vec<Mark>,
        pictures: &Path,
    ) -> Result<(), String> {
        let operations = self.take();
        let limit = if_unknown.limit();
        let options = Options { limit: Some(limit), ..Options::default() };
        let report = porcupine::check(&KvModel, &operations, &options);
        if report.verdict != Verdict::Illegal {
            events::verdict(report.verdict, operations.len(), None);
        }
        match report.verdict {
            Verdict::Ok => Ok(()),
            Verdict::Unknown => unknown(if_unknown, &operations, &report),
            Verdict::Illegal => {
                // It takes longer to find the operations that fit than to find out that one does not fit.
                let options = Options { limit: Some(PICTURE_LIMIT), partials: true, ..options };
                let detailed = porcupine::check(&KvModel, &operations, &options);
                let picture = porcupine::picture(&KvModel, &operations, &detailed, title, marks);
                if !silent() {
                    let path = pictures.join(random_name());
                    info(&written(&path, &picture.write(&path)));
                }
                let told = if detailed.verdict == Verdict::Illegal { &detailed } else { &report };
                events::verdict(Verdict::Illegal, operations.len(), blocked(&operations, told));
                Err(format!("history is not linearizable: {}", describe(&operations, told)))
            }
        }
    }
}

fn unknown(if_unknown: IfUnknown, operations: &[Operation], report: &Report) -> Result<(), String> {
    let why = report.why_unknown.map_or_else(|| "for no known reason".to_owned(), |limit| limit.to_string());
    let what = format!(
        "linearizability check of {} operations ended undecided after {:.1} s: {why}",
        operations.len(),
        report.took.as_secs_f64()
    );
    match if_unknown {
        IfUnknown::Fails(_) => Err(what),
        IfUnknown::Passes(_) => {
            info(&format!("{what}; assuming history is ok"));
            Ok(())
        }
    }
}

/// The first operation that cannot be placed.
fn blocked<'a>(operations: &'a [Operation], report: &Report) -> Option<&'a Operation> {
    let part = report.illegal().next()?;
    part.blocked.or_else(|| part.operations.first().copied()).map(|index| &operations[index])
}

/// A text that says which part is illegal, and which operation does not fit.
fn describe(operations: &[Operation], report: &Report) -> String {
    let Some(part) = report.illegal().next() else { return "no part is".to_owned() };
    let Some(blocked) = blocked(operations, report) else { return "an empty part is".to_owned() };
    let placed = part.partials.first().map_or(0, Vec::len);
    format!(
        "key {:?}: of {} operations at most {placed} fit, then no place is left for client {}'s {}, {:.6} to {:.6} s",
        blocked.input.key,
        part.operations.len(),
        blocked.client,
        KvModel.describe_operation(&blocked.input, &blocked.output),
        seconds(blocked.call),
        seconds(blocked.ret)
    )
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

fn written(path: &Path, outcome: &io::Result<()>) -> String {
    match outcome {
        Ok(()) => format!("wrote history visualization to {}", path.display()),
        Err(error) => format!("failed to write history visualization to {}: {error}", path.display()),
    }
}

/// A name that no other file has. The random part comes from the system, not from the run, because the same
/// seed may be run many times.
fn random_name() -> String {
    format!("{:016x}.html", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrt::sync::Arc;
    use labrt::thread;
    use labrt::time::sleep;

    #[test]
    fn every_time_is_given_once() {
        labrt::run(|| {
            let history = Arc::new(History::new());
            let start = now();
            let taker = |_| {
                let history = Arc::clone(&history);
                thread::spawn(move || {
                    let times: Vec<u64> = (0..1000).map(|_| history.time()).collect();
                    assert!(times.is_sorted_by(|a, b| a < b), "the times of one thread go forward");
                    times
                })
            };
            let takers: Vec<_> = (0..4).map(taker).collect();
            let mut times: Vec<u64> = takers.into_iter().flat_map(|it| it.join().expect("times")).collect();
            times.sort_unstable();
            times.dedup();
            assert_eq!(times.len(), 4000);
            sleep(Duration::from_millis(1));
            let time = history.time();
            assert!(time >= start + 1_000_000 && time > times[3999], "they follow the clock");
            if labrt::is_sim() {
                assert!(time - now() < 4000, "and are at most their number ahead of it");
            }
        });
    }
}
