//! The history of the clients' operations, and the check whether it is linearizable.
//!
//! Values are recorded as [`Text`](porcupine::models::kv::Text)s, not as strings, because strings would need
//! too much memory. In real time the value of one key grows to hundreds of kilobytes, and the clients read it
//! tens of thousands of times.

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
use crate::page::{self, HistoryPage};
use porcupine::models::kv::{KvModel, Operation};
use porcupine::visualization::Picture;
use porcupine::{self, Model, Options, Part, Piece, Report, Verdict};

/// What happens if the checker cannot judge a history in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfUnknown {
    /// The test passes, and prints a line with the reason. The duration is the checker's time limit.
    Passes(Duration),
    /// The test fails. The duration is the checker's time limit.
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
    /// In real time the default is the course's rule: if there is no verdict after a second, the test passes.
    /// In virtual time, if there is no verdict after a minute, the test fails.
    fn default() -> IfUnknown {
        match labrt::is_sim() {
            true => IfUnknown::Fails(Duration::from_secs(60)),
            false => IfUnknown::Passes(Duration::from_secs(1)),
        }
    }
}

/// If a history is not linearizable, a second check finds out what its picture must show. This is the time
/// limit of the second check.
const PICTURE_LIMIT: Duration = Duration::from_secs(10);

/// All operations of a test's clients.
///
/// All times of calls and returns in a history are different. The reason is this: if one operation returns at
/// the same time at which another operation is called, the checker says that the two overlap, and accepts
/// both orders. In virtual time, a client often makes its next call at the same time at which its last call
/// returns. So if these times were equal, the checker would also accept these two operations in the wrong
/// order.
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

    /// Returns the time of a call or of a return that happens now, in nanoseconds since the start of the run.
    /// The time is later than all times that this function has returned before.
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

    /// Removes and returns all operations. Tests can use this method to check the operations with their own
    /// code.
    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut *self.operations.lock())
    }

    /// Fails the test if the operations are not linearizable. Then a page shows the operations. It lies
    /// beside the [page of the run](crate::page), and the two pages link to each other. If the test does not
    /// use the [harness](crate::harness), the run gets no page. Then the page of the history is written into
    /// the system's folder for temporary files, and its path is printed.
    #[track_caller]
    pub fn check(&self, if_unknown: IfUnknown, title: &str, marks: Vec<Mark>) {
        if let Err(error) = self.judge_in(if_unknown, title, marks, None) {
            panic!("{error}");
        }
    }

    /// Does the same as [`check`](History::check), but returns an error, and writes the page of the history
    /// into the given folder.
    ///
    /// # Errors
    /// There is an error in two cases: the operations are not linearizable; or `if_unknown` is
    /// [`IfUnknown::Fails`], and the checker could not judge the operations.
    pub fn judge(
        &self,
        if_unknown: IfUnknown,
        title: &str,
        marks: Vec<Mark>,
        pictures: &Path,
    ) -> Result<(), String> {
        self.judge_in(if_unknown, title, marks, Some(pictures))
    }

    /// Judges the operations. If `pictures` is `None`, [`check`](History::check) says where the page is.
    pub(crate) fn judge_in(
        &self,
        if_unknown: IfUnknown,
        title: &str,
        marks: Vec<Mark>,
        pictures: Option<&Path>,
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
                // The picture shows which operations can be put into an order. This search takes longer than
                // the first check, which only says that the history is not linearizable. So this search has
                // its own limit.
                let options = Options { limit: Some(PICTURE_LIMIT), partials: true, ..options };
                let detailed = porcupine::check(&KvModel, &operations, &options);
                let told = if detailed.verdict == Verdict::Illegal { &detailed } else { &report };
                let error = format!("history is not linearizable: {}", describe(&operations, told));
                if !silent() {
                    if let Some(difference) = difference(&operations, told) {
                        info(&difference);
                    }
                    let picture = || porcupine::picture(&KvModel, &operations, &detailed, title, marks);
                    draw(&error, picture, pictures);
                }
                events::verdict(Verdict::Illegal, operations.len(), blocked(&operations, told));
                Err(error)
            }
        }
    }
}

/// The picture of these operations; `None` if they are linearizable, or if this is not known in time.
pub(crate) fn picture_of(operations: &[Operation], title: &str) -> Option<Picture> {
    let options = Options { limit: Some(PICTURE_LIMIT), partials: true, ..Options::default() };
    let report = porcupine::check(&KvModel, operations, &options);
    let illegal = !operations.is_empty() && report.verdict == Verdict::Illegal;
    illegal.then(|| porcupine::picture(&KvModel, operations, &report, title, Vec::new()))
}

/// Makes the page of a history that is not linearizable. `error` is the message with which the test fails.
fn draw(error: &str, picture: impl FnOnce() -> Picture, folder: Option<&Path>) {
    let write = |folder: &Path, picture: &Picture| {
        let path = folder.join(random_name());
        info(&written(&path, &picture.write(&path)));
    };
    match (folder, page::of_histories()) {
        (Some(folder), _) => write(folder, &picture()),
        (None, HistoryPage::BesideTheRun) => page::hold(error, picture()),
        (None, HistoryPage::OnItsOwn) => write(&std::env::temp_dir(), &picture()),
        (None, HistoryPage::None) => {}
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

/// Returns the part that is named in the message and on the pages. If several parts are not linearizable, it
/// is the part whose blocked operation returned first.
fn first_illegal<'a>(operations: &[Operation], report: &'a Report) -> Option<&'a Part> {
    report.illegal().min_by_key(|part| part.blocked.map_or(u64::MAX, |index| operations[index].ret))
}

/// Returns the operation that the checker could not put into an order. If there are several such operations,
/// it is the one that returned first.
fn blocked<'a>(operations: &'a [Operation], report: &Report) -> Option<&'a Operation> {
    let part = first_illegal(operations, report)?;
    part.blocked.or_else(|| part.operations.first().copied()).map(|index| &operations[index])
}

/// Returns a text that names two things: the part of the history that is not linearizable, and the operation
/// that the checker could not put into an order.
fn describe(operations: &[Operation], report: &Report) -> String {
    let Some(part) = first_illegal(operations, report) else { return "no part is".to_owned() };
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

/// Says what is wrong with the value that the named operation has read, if this is known.
fn difference(operations: &[Operation], report: &Report) -> Option<String> {
    let part = first_illegal(operations, report)?;
    let words = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Operation(index) => {
            let Operation { client, input, .. } = &operations[index];
            format!("client {client}'s {input}")
        }
    };
    let told: String = porcupine::difference(&KvModel, operations, part).into_iter().map(words).collect();
    let key = &operations[*part.operations.first()?].input.key;
    (!told.is_empty()).then(|| format!("key {key:?}: {told}"))
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

/// A new file name with a random part. The random part comes from the system, not from the seed of the run.
/// Otherwise several runs with the same seed would use the same name.
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
                    assert!(times.is_sorted_by(|a, b| a < b), "the times that one thread gets must increase");
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
            assert!(
                time >= start + 1_000_000 && time > times[3999],
                "the times of the history follow the clock"
            );
            if labrt::is_sim() {
                assert!(
                    time - now() < 4000,
                    "the history's time is ahead of the clock by at most 1 ns for each time that was given"
                );
            }
        });
    }
}
