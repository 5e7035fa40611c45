//! The environment of a bench: the real clock, and a [`labrt::Run`] without recording and without checks.

use labrt::Run;
use labrt::locks::Discipline;
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;
use std::process::ExitCode;

/// How thorough a bench is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Takes enough samples for a result, as with `cargo bench`.
    Full,
    /// Only shows that the bench works. All commands except `cargo bench` do this, for example `cargo test`.
    Miniature,
}

impl Effort {
    /// Returns `full` for a full bench, or `miniature` for a miniature one.
    pub fn pick<T>(self, full: T, miniature: T) -> T {
        match self {
            Effort::Full => full,
            Effort::Miniature => miniature,
        }
    }
}

/// The `main` of a bench. It runs `body` on the real clock. If the bench is built for virtual time, `main`
/// only prints that the bench needs the real clock.
pub fn bench_main(body: impl FnOnce(Effort)) -> ExitCode {
    if labrt::is_sim() {
        println!("real clock only");
        return ExitCode::SUCCESS;
    }
    let asked = |argument: &str| std::env::args().any(|given| given == argument);
    body(if asked("--bench") { Effort::Full } else { Effort::Miniature });
    ExitCode::SUCCESS
}

/// What is recorded and checked during a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    /// Are events recorded?
    pub events: bool,
    /// Are locks watched?
    pub locks: bool,
}

impl Watched {
    /// Nothing is recorded or checked, as in a bench.
    pub const NOTHING: Watched = Watched { events: false, locks: false };
    /// Everything is recorded and checked, as in a test.
    pub const ALL: Watched = Watched { events: true, locks: true };
}

/// Runs `body` in a new [`labrt::Run`] and returns the result of `body`.
///
/// # Panics
/// If the run fails.
pub fn in_run<T: Send + 'static>(watched: Watched, body: impl Fn() -> T + Send + Sync + 'static) -> T {
    let run = Run {
        events: watched.events,
        discipline: if watched.locks { Discipline::Fail } else { Discipline::Off },
        limit: Duration::from_secs(600),
        ..Run::default()
    };
    let result = Arc::new(Mutex::new(None));
    let kept = result.clone();
    let outcome = run.once(0, move || {
        let value = body();
        *kept.lock() = Some(value);
    });
    if let Some(failure) = outcome.failure {
        panic!("the bench failed in {}: {}", failure.thread, failure.message);
    }
    let value = result.lock().take();
    value.expect("a run that has not failed has reached the end of its body")
}
