//! The page of a failed run: an HTML file that shows what happened in the run. By default the page of a
//! failed run is written, and its path is printed.
//!
//! In real time every run keeps its last events, and the page shows them. In virtual time a run keeps no
//! events, so a run that passes needs no time for them. If a run fails, it is repeated with the same seed.
//! This second run records events, and prints nothing. Only the first failure of a test gets a page.
//!
//! The variable `LAB_PAGE` has one of these values: `0` for no page, `1` (the default) for a page in `out/`,
//! or the name of the file to write, which must end in `.html`.

use std::fs;
use std::path::{Path, PathBuf};

use labrt::{Failed, Run};

use super::output;
use labview::spacetime;

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
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let test: String = run.identity.test.chars().map(plain).collect();
        match self {
            Place::Nowhere => None,
            Place::Out => Some(Path::new("out").join(format!("{test}-{seed:x}.html"))),
            Place::File(path) => Some(path),
        }
    }
}

/// Writes the page of a failed run and prints its path, or prints why there is no page. This function can be
/// used as [`Run::on_failure`].
pub fn write(failed: &Failed<'_>) {
    let seed = failed.outcome.seed;
    let Ok(Some(page)) = Place::from_env().map(|place| place.file(failed.run, seed)) else { return };
    match output::silently(|| draw(failed, &page)) {
        // Cargo starts a test in the folder of its package. The user may be in another folder, so the printed
        // path is absolute.
        Ok(()) => {
            eprintln!("[lab] the run as a page: {}", std::path::absolute(&page).unwrap_or(page).display())
        }
        Err(error) => eprintln!("[lab] the run has no page: {error}"),
    }
}

fn draw(failed: &Failed<'_>, page: &Path) -> Result<(), String> {
    if let Some(dir) = page.parent() {
        // If the folder cannot be made, the file cannot be written either, and that error is reported.
        let _ = fs::create_dir_all(dir);
    }
    let written = failed.outcome.events.as_ref();
    if let Some(trace) = written.filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        if fs::metadata(trace).is_ok_and(|file| file.len() > LONGEST_DRAWN) {
            return Err(format!("the trace is long; scripts/trace.sh {} makes one", trace.display()));
        }
        return spacetime::draw(trace, page, spacetime::MOST_EVENTS);
    }
    if !labrt::is_sim() {
        return Err("its events are not there as JSON lines".to_owned());
    }
    let trace = page.with_extension(format!("{}.jsonl", std::process::id()));
    let again = Run {
        trace_file: Some(trace.clone()),
        trace_most: MOST_EVENTS,
        quiet: true,
        check: false,
        report: None,
        on_failure: None,
        ..failed.run.clone()
    };
    let outcome = failed.again(&again);
    if outcome.trace != failed.outcome.trace {
        let (was, is) = (failed.outcome.trace, outcome.trace);
        eprintln!("[lab] not deterministic: the page is of a run with the trace {is:016x}, not {was:016x}");
    }
    let drawn = spacetime::draw(&trace, page, spacetime::MOST_EVENTS);
    let _ = fs::remove_file(&trace);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_first_failure_of_a_test_gets_a_page_that_shows_it() {
        let dir = std::env::temp_dir().join(format!("mit6824-page-{}", std::process::id()));
        let page = dir.join("page.html");
        fs::create_dir_all(&dir).expect("the test can make a folder");
        // In real time the events of a failed run are in a file. Here the test sets the path of this file.
        let trace = (!labrt::is_sim()).then(|| dir.join("run.jsonl"));
        static PAGE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        PAGE.set(page.clone()).expect("only this test sets PAGE, and only once");
        let write_there = |failed: &Failed<'_>| {
            let page = PAGE.get().expect("PAGE was set above");
            assert!(!page.exists(), "a test gets only one page");
            draw(failed, page).expect("the page can be made");
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
