//! The check of the history, and the report.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread::{self, JoinHandle};
use labrt::time::Duration;
use labtest::marks::Mark;
use porcupine::models::kv::{KvModel, Operation};
use porcupine::{self, Limit, Options, Verdict};

/// Makes sure that the report can be written. If it cannot be written, the user learns this before the demo
/// and not after it.
///
/// # Errors
/// If the report cannot be written. The error is a message for the user.
pub fn prepare(report: &Path) -> Result<(), String> {
    let refused = |error: io::Error| {
        format!("--report {}: {error}; expected a file that can be written", report.display())
    };
    if let Some(folder) = report.parent() {
        fs::create_dir_all(folder).map_err(refused)?;
    }
    OpenOptions::new().create(true).append(true).open(report).map(drop).map_err(refused)
}

/// The result of the demo, with its verdict.
#[derive(Debug)]
pub struct Judged {
    pub verdict: Verdict,
    pub why_unknown: Option<Limit>,
    pub operations: usize,
    pub clients: u32,
    pub keys: usize,
    /// How long the clients worked.
    pub worked: Duration,
    pub faults: u64,
    /// How long the check took.
    pub took: Duration,
    pub report: PathBuf,
    /// The result of writing the page.
    pub page: io::Result<()>,
    /// An operation for which the checker found no place in the order, if there is one.
    pub blocked: Option<String>,
}

impl Judged {
    /// The verdict as a sentence.
    pub fn sentence(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "linearizable",
            Verdict::Illegal => "NOT linearizable",
            Verdict::Unknown => "undecided",
        };
        let Judged { operations, clients, keys, faults, .. } = self;
        let (worked, took) = (self.worked.as_secs_f64(), self.took.as_secs_f64());
        let mut sentence = format!(
            "{verdict}: {operations} operations of {clients} clients on {keys} keys in {worked:.1} s, {faults} faults (checked in {took:.1} s)"
        );
        if let Some(why) = self.why_unknown {
            sentence += &format!("\n  the check has ended early: {why}");
        }
        if let Some(blocked) = &self.blocked {
            sentence += &format!("\n  no place is left for {blocked}");
        }
        sentence
    }

    /// A line that says in which file the page is.
    pub fn where_the_page_is(&self) -> String {
        match &self.page {
            Ok(()) => format!("report: {}", self.report.display()),
            Err(error) => format!("report: {} cannot be written: {error}", self.report.display()),
        }
    }
}

/// The history to check, and everything else that the report needs.
pub struct Case {
    pub title: String,
    pub operations: Vec<Operation>,
    pub marks: Vec<Mark>,
    pub clients: u32,
    pub worked: Duration,
    pub faults: u64,
    pub report: PathBuf,
    pub limit: Duration,
}

/// A check that is in progress.
pub struct Judge {
    thread: JoinHandle<Judged>,
    progress: Arc<AtomicUsize>,
    cancel: Arc<AtomicBool>,
    writes: Arc<AtomicBool>,
    /// How many operations the history has.
    pub operations: usize,
}

impl Judge {
    /// Starts the check.
    pub fn begin(case: Case) -> Judge {
        let (progress, cancel) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let writes = Arc::new(AtomicBool::new(false));
        let operations = case.operations.len();
        let options = Options {
            limit: Some(case.limit),
            partials: true,
            cancel: Some(cancel.clone()),
            progress: Some(progress.clone()),
            ..Options::default()
        };
        let writing = writes.clone();
        let thread = thread::spawn_named("judge", move || judge(case, &options, &writing));
        Judge { thread, progress, cancel, writes, operations }
    }

    /// How many operations have been checked.
    pub fn done(&self) -> usize {
        self.progress.load(Ordering::Relaxed).min(self.operations)
    }

    /// Is the verdict already known? Then the page is being written.
    pub fn writes(&self) -> bool {
        self.writes.load(Ordering::Relaxed)
    }

    /// Has the check ended?
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Makes the check end soon. Then there is no verdict.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Waits for the result of the check.
    pub fn join(self) -> Judged {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn judge(case: Case, options: &Options, writes: &AtomicBool) -> Judged {
    let Case { title, operations, marks, clients, worked, faults, report, .. } = case;
    let found = porcupine::check(&KvModel, &operations, options);
    writes.store(true, Ordering::Relaxed);
    let blocked = found.illegal().find_map(|part| part.blocked).map(|index| {
        let Operation { client, input, .. } = &operations[index];
        format!("client {client}'s {input}")
    });
    let page = porcupine::picture(&KvModel, &operations, &found, title, marks).write(&report);
    Judged {
        verdict: found.verdict,
        why_unknown: found.why_unknown,
        operations: operations.len(),
        clients,
        keys: found.parts.len(),
        worked,
        faults,
        took: found.took,
        report,
        page,
        blocked,
    }
}
