//! The page of a failed run: an HTML file that shows what happened in the run. By default the page of a
//! failed run is written, and its path is printed.
//!
//! In real time every run keeps its last events, and the page shows them. In virtual time a run keeps no
//! events, so a run that passes needs no time for them. If a run fails, it is repeated with the same seed.
//! This second run records events, and prints nothing. Only the first failure of a test gets a page.
//!
//! If a history of operations is not linearizable, a second page shows the history. In virtual time, this is
//! also done for tests that do not check the history themselves. The two pages lie in the
//! same folder and link to each other. The name of the second page is the name of the first page with
//! `-history` at its end: `out/TEST-SEED.html` and `out/TEST-SEED-history.html`.
//!
//! The variable `LAB_PAGE` has one of these values: `0` for no page, `1` (the default) for a page in `out/`,
//! or the name of the file to write, which must end in `.html`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::{Failed, Outcome, Run};

use super::kv::{picture_of, spare};
use super::output;
use labview::spacetime;
use porcupine::visualization::Picture;

/// In virtual time, the trace for a page has at least this number of the run's last events, including the
/// events of the scheduler.
const MOST_EVENTS: usize = 400_000;

/// A page is made automatically only if the trace has at most this number of bytes. A page of a larger trace
/// would need much memory and time.
const LONGEST_DRAWN: u64 = 1 << 29;

/// Where the pages of failed runs are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// No pages are written.
    Nowhere,
    /// Pages are written into the folder `out/`. The name of a page contains the name of the test and the
    /// seed.
    Out,
    /// The page is written into this file.
    File(PathBuf),
}

impl Place {
    /// Reads the variable `LAB_PAGE`.
    ///
    /// # Errors
    /// If the value of the variable is wrong. The error message names this value and the expected values.
    pub fn from_env() -> Result<Place, String> {
        Place::of(std::env::var_os("LAB_PAGE").map(PathBuf::from))
    }

    fn of(value: Option<PathBuf>) -> Result<Place, String> {
        let Some(value) = value.filter(|value| !value.as_os_str().is_empty()) else { return Ok(Place::Out) };
        match value.to_str() {
            Some("0") => Ok(Place::Nowhere),
            Some("1") => Ok(Place::Out),
            _ if value.extension().is_some_and(|e| e == "html") => Ok(Place::File(value)),
            _ => Err(format!(
                "LAB_PAGE={}: expected 0 (no page), 1 (one in out/) or the name of a file that ends in .html",
                value.display()
            )),
        }
    }

    fn file(self, run: &Run, seed: u64) -> Option<PathBuf> {
        match self {
            Place::Nowhere => None,
            Place::Out => Some(Path::new("out").join(format!("{}.html", name_of(run, seed)))),
            Place::File(path) => Some(path),
        }
    }
}

/// What happens to the page of a history that is not linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistoryPage {
    /// There is no page, because `LAB_PAGE` is 0 or wrong.
    None,
    /// The page is written after the run, beside the page of the run ([`hold`]).
    BesideTheRun,
    /// Nothing writes a page of the run. So the code that checks the history must write the page of the
    /// history.
    OnItsOwn,
}

/// True if failed runs get pages by [`write`].
static ON: AtomicBool = AtomicBool::new(false);

/// Histories that are not linearizable and whose pages are not written yet. Each history has the message with
/// which its test fails. The message tells to which run the history belongs.
#[expect(
    clippy::disallowed_types,
    reason = "in virtual time, labrt's lock may let another thread run; then a run would depend on LAB_PAGE"
)]
static HELD: std::sync::Mutex<Vec<(String, Picture)>> = std::sync::Mutex::new(Vec::new());

/// At most this number of histories is held. Only the first failure of a test gets pages. So the histories of
/// later failures stay here, and are dropped when there are too many. Several tests can fail at the same
/// time, and each of them must still find its own history.
const MOST_HELD: usize = 16;

/// The value of [`Run::on_failure`] for the tests of this process: [`write`], or `None` if `LAB_PAGE` is 0.
///
/// # Errors
/// If the value of `LAB_PAGE` is wrong.
pub(crate) fn of_failures() -> Result<Option<fn(&Failed<'_>)>, String> {
    let on = Place::from_env()? != Place::Nowhere;
    ON.store(on, Ordering::SeqCst);
    Ok(on.then_some(write as fn(&Failed<'_>)))
}

/// What happens to the page of a history in this process.
pub(crate) fn of_histories() -> HistoryPage {
    match Place::from_env() {
        Err(_) | Ok(Place::Nowhere) => HistoryPage::None,
        Ok(_) if ON.load(Ordering::SeqCst) => HistoryPage::BesideTheRun,
        Ok(_) => HistoryPage::OnItsOwn,
    }
}

/// Holds a history until its run has ended, so that [`write`] can write its page. `message` is the message
/// with which the test fails because of this history.
pub(crate) fn hold(message: &str, picture: Picture) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|(of, _)| of != message);
    if held.len() == MOST_HELD {
        held.remove(0);
    }
    held.push((message.to_owned(), picture));
}

/// The history that has made a run fail with this message.
fn held(message: &str) -> Option<Picture> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let at = held.iter().position(|(of, _)| message.contains(of))?;
    Some(held.remove(at).1)
}

/// The name of the page of a history, if the page of its run has the name `page`.
fn beside(page: &Path) -> PathBuf {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    page.with_file_name(format!("{stem}-history.html"))
}

/// Writes the page of a failed run and prints its path, or prints why there is no page. If the run has failed
/// because of a history, writes the page of the history, too. This function can be used as
/// [`Run::on_failure`].
pub fn write(failed: &Failed<'_>) {
    let seed = failed.outcome.seed;
    if let Ok(Some(page)) = Place::from_env().map(|place| place.file(failed.run, seed)) {
        write_both(failed, &page);
    }
}

/// Writes the page of a failed run into the file `page`, and the page of its history into a file beside it.
fn write_both(failed: &Failed<'_>, page: &Path) {
    if let Some(dir) = page.parent() {
        // If the folder cannot be made, the files cannot be written either, and that error is reported.
        let _ = fs::create_dir_all(dir);
    }
    let mut history = failed.outcome.failure.as_ref().and_then(|failure| held(&failure.message));
    // Cargo starts a test in the folder of its package. The user may be in another folder, so the printed
    // paths are absolute.
    let shown =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let drawn = output::silently(|| draw(failed, page, &mut history));
    match &drawn {
        Ok(()) => eprintln!("[lab] the run as a page: {}", shown(page)),
        Err(error) => eprintln!("[lab] the run has no page: {error}"),
    }
    if let Some(history) = history {
        let path = beside(page);
        match (Picture { beside_run: drawn.is_ok(), ..history }).write(&path) {
            Ok(()) => eprintln!("[lab] the history of its clients as a page: {}", shown(&path)),
            Err(error) => eprintln!("[lab] the history has no page: {}: {error}", path.display()),
        }
    }
}

/// The name of the files about a run: the test and the seed.
pub(crate) fn name_of(run: &Run, seed: u64) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let test: String = run.identity.test.chars().map(plain).collect();
    format!("{test}-{seed:x}")
}

/// Repeats a failed run, prints nothing about it, and writes at least its `most` last events into the file
/// `trace`.
pub(crate) fn again(failed: &Failed<'_>, trace: &Path, most: usize) -> Outcome {
    failed.again(&Run {
        trace_file: Some(trace.to_owned()),
        trace_most: most,
        quiet: true,
        check: false,
        report: None,
        on_failure: None,
        ..failed.run.clone()
    })
}

/// Draws the page of a failed run. `history` is the history for the page that will lie beside it. If there is
/// none, and the operations of the clients turn out to be not linearizable, `history` gets them.
fn draw(failed: &Failed<'_>, page: &Path, history: &mut Option<Picture>) -> Result<(), String> {
    let written = failed.outcome.events.as_ref();
    if let Some(trace) = written.filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        if fs::metadata(trace).is_ok_and(|file| file.len() > LONGEST_DRAWN) {
            return Err(format!("the trace is long; scripts/trace.sh {} makes one", trace.display()));
        }
        return spacetime::draw(trace, page, spacetime::MOST_EVENTS, history.is_some());
    }
    if !labrt::is_sim() {
        return Err("its events are not there as JSON lines".to_owned());
    }
    let trace = page.with_extension(format!("{}.jsonl", std::process::id()));
    let (outcome, operations) = spare::collected(|| again(failed, &trace, MOST_EVENTS));
    if history.is_none() {
        *history = picture_of(&operations, &failed.run.identity.test);
    }
    if outcome.trace != failed.outcome.trace {
        let (was, is) = (failed.outcome.trace, outcome.trace);
        eprintln!("[lab] not deterministic: the page is of a run with the trace {is:016x}, not {was:016x}");
    }
    let drawn = spacetime::draw(&trace, page, spacetime::MOST_EVENTS, history.is_some());
    let _ = fs::remove_file(&trace);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::ClientCall;
    use crate::kv::{History, IfUnknown};
    use labrt::time::{Duration, sleep};
    use porcupine::models::kv::{KvInput, KvOutput, Operation};

    #[test]
    fn the_variable_is_checked() {
        let of = |value: &str| Place::of(Some(PathBuf::from(value)));
        assert_eq!(Place::of(None), Ok(Place::Out));
        assert_eq!((of(""), of("1")), (Ok(Place::Out), Ok(Place::Out)));
        assert_eq!(of("0"), Ok(Place::Nowhere));
        assert_eq!(of("a/b.html"), Ok(Place::File("a/b.html".into())));
        for bad in ["yes", "page", "page.txt"] {
            let error = of(bad).expect_err(bad);
            assert!(error.starts_with(&format!("LAB_PAGE={bad}: expected 0 (no page)")), "{error}");
        }
    }

    #[test]
    fn a_page_is_named_by_test_and_seed() {
        let run = Run { identity: labrt::here!().with_test("mod::a_test", false), ..Run::default() };
        let file = |place: Place| place.file(&run, 0x2a);
        assert_eq!(file(Place::Out), Some(PathBuf::from("out/mod--a_test-2a.html")));
        assert_eq!(file(Place::Nowhere), None);
    }

    /// A folder for the files of one test.
    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("mit6824-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("the test can make a folder");
        dir
    }

    /// Returns the numbers of a list in the data of a page. If several lists have this name, it is the first
    /// one.
    fn list(html: &str, name: &str) -> Vec<u64> {
        let (_, rest) = html.split_once(&format!("\"{name}\":[")).expect("the page has this list");
        let (list, _) = rest.split_once(']').expect("the list ends");
        list.split(',').map(|number| number.parse().expect("a number")).collect()
    }

    #[test]
    fn the_history_lies_beside_the_run_and_both_name_the_same_operation() {
        let dir = folder("beside");
        static PAGE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        PAGE.set(dir.join("t-1.html")).expect("only this test sets PAGE, and only once");
        ON.store(true, Ordering::SeqCst);
        let run = Run {
            quiet: true,
            trace_file: (!labrt::is_sim()).then(|| dir.join("run.jsonl")),
            on_failure: Some(|failed| write_both(failed, PAGE.get().expect("PAGE was set above"))),
            ..Run::default()
        };
        let failure = run.execute(|| {
            let history = History::new();
            let client = |number: u32, input: KvInput, found: &str| {
                let event = ClientCall::begin(number, input.op.name(), &input.key, "");
                let call = history.time();
                sleep(Duration::from_millis(1));
                let (output, ret) = (KvOutput::value(found), history.time());
                event.returned(found);
                history.push(Operation { client: number, input, call, output, ret });
            };
            client(1, KvInput::put("k", "old"), "");
            client(2, KvInput::put("k", "new"), "");
            client(3, KvInput::get("k"), "old");
            history.check(IfUnknown::Fails(Duration::from_secs(60)), "a stale read", Vec::new());
        });
        let message = failure.expect_err("the read is stale");
        assert!(message.contains("history is not linearizable: key \"k\""), "{message}");

        let [of_run, of_history] = ["t-1.html", "t-1-history.html"]
            .map(|name| fs::read_to_string(dir.join(name)).expect("the page can be read"));
        assert!(of_run.contains(r#""history":true"#) && of_history.contains(r#""besideRun":true"#));
        // The page of the history has one part, for the key. The third operation is the one that has no place
        // in the order.
        assert!(of_history.contains(r#""title":"key 'k'""#));
        let (call, ret) = (list(&of_history, "call")[2], list(&of_history, "ret")[2]);
        let seconds = |ns: u64| Duration::from_nanos(ns).as_secs_f64();
        let told = format!("client 3's get('k') -> 'old', {:.6} to {:.6} s", seconds(call), seconds(ret));
        assert!(message.contains(&told), "{told} is not in {message}");
        // The page of the run opens at the same operation, and the event of the checker has the same times.
        assert!(of_run.contains(r#""operation":2}"#), "the page of the run names another operation");
        let fields = format!(r#""k",3,{call},{ret}"#);
        assert!(of_run.contains(&fields), "{fields} is not in the page of the run");
        fs::remove_dir_all(&dir).expect("the test has made this folder");
    }

    /// In virtual time the run is repeated for its page, and this second run records the operations.
    #[test]
    fn a_history_that_the_test_does_not_check_gets_a_page() {
        struct Stale;
        impl labapi::KvClerk for Stale {
            fn get(&mut self, _: &str) -> String {
                "old".to_owned()
            }
            fn put(&mut self, _: &str, _: &str) {}
            fn append(&mut self, _: &str, _: &str) {}
        }
        if !labrt::is_sim() {
            return;
        }
        let dir = folder("spare");
        static PAGE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        PAGE.set(dir.join("t-1.html")).expect("only this test sets PAGE, and only once");
        let run = Run {
            quiet: true,
            on_failure: Some(|failed| write_both(failed, PAGE.get().expect("PAGE was set above"))),
            ..Run::default()
        };
        let failure = run.execute(|| {
            let op = |op, value: &str| crate::kv::perform(&mut Stale, 3, None, op, "a spare key", value);
            op(porcupine::models::kv::KvOp::Put, "new");
            sleep(Duration::from_millis(1));
            assert_eq!(op(porcupine::models::kv::KvOp::Get, ""), "new");
        });
        assert!(failure.is_err(), "the value is an old one");
        let [of_run, of_history] = ["t-1.html", "t-1-history.html"]
            .map(|name| fs::read_to_string(dir.join(name)).expect("the page can be read"));
        assert!(of_run.contains(r#""history":true"#), "the page of the run has a link to the history");
        assert!(of_history.contains("a spare key") && of_history.contains("-> 'old'"));
        fs::remove_dir_all(&dir).expect("the test has made this folder");
    }

    #[test]
    fn the_first_failure_of_a_test_gets_a_page_that_shows_it() {
        let dir = folder("page");
        let page = dir.join("page.html");
        // In real time the events of a failed run are in a file. Here the test sets the path of this file.
        let trace = (!labrt::is_sim()).then(|| dir.join("run.jsonl"));
        static PAGE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        PAGE.set(page.clone()).expect("only this test sets PAGE, and only once");
        let write_there = |failed: &Failed<'_>| {
            let page = PAGE.get().expect("PAGE was set above");
            assert!(!page.exists(), "a test gets only one page");
            write_both(failed, page);
        };
        let run = Run {
            runs: 2,
            quiet: true,
            report: Some(dir.join("report")),
            trace_file: trace,
            on_failure: Some(write_there),
            ..Run::default()
        };
        let failure = run.execute(|| {
            super::super::events::begin("a test that fails");
            labrt::time::sleep(labrt::time::Duration::from_millis(3));
            panic!("one is not two");
        });
        assert!(failure.is_err_and(|error| error.contains("one is not two")));
        let html = fs::read_to_string(&page).expect("the page can be read");
        assert!(
            html.contains("a test that fails") && html.contains("one is not two"),
            "the page shows the run"
        );
        let mut left: Vec<_> = fs::read_dir(&dir)
            .expect("the test has made this folder")
            .flatten()
            .map(|e| e.file_name())
            .collect();
        left.retain(|name| name != "run.jsonl");
        left.sort();
        assert_eq!(left, ["page.html", "report"], "the folder has no other files");
        fs::remove_dir_all(&dir).expect("the test has made this folder");
    }
}
