//! What the programs have in common: they need virtual time, make runs with different seeds, and write a
//! picture.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use labrt::Run;
use labrt::sync::{Arc, Mutex};

/// Runs an experiment that prints its tables and returns its picture, and writes the picture into the file
/// `svg`. The exit code is 2 if the program cannot work: it has no virtual time, or cannot write the file.
/// The exit code is 1 if the experiment fails.
pub fn run(svg: Option<&Path>, experiment: impl FnOnce() -> Result<String, String>) -> ExitCode {
    let fails = |code: u8, message: String| {
        eprintln!("error: {message}");
        ExitCode::from(code)
    };
    if !labrt::is_sim() {
        return fails(2, "this experiment runs in virtual time only: add --features sim".to_owned());
    }
    let write = |text: &str| write("--svg", svg, text);
    // If the file cannot be written, the user sees the error now, and not after the runs.
    if let Err(message) = write("") {
        return fails(2, message);
    }
    match experiment() {
        Err(message) => fails(1, message),
        Ok(picture) => write(&picture).map_or_else(|message| fails(2, message), |()| ExitCode::SUCCESS),
    }
}

/// Writes a text into the file of an option. If the user has not given the option, nothing is written.
///
/// # Errors
/// If the file cannot be written. The error names the option and the file.
pub fn write(option: &str, path: Option<&Path>, text: &str) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, text).map_err(|error| format!("{option} {}: {error}", path.display()))
}

/// Runs `experiment` once for each seed, and returns the results in the order of the seeds.
///
/// # Errors
/// If a run fails. The error has the seed, and the message of the failure.
pub fn each<T: Send + 'static>(
    run: &Run,
    seed: u64,
    runs: u64,
    experiment: impl Fn() -> T + Clone + Send + Sync + 'static,
) -> Result<Vec<T>, String> {
    (0..runs).map(|i| once(run, seed.wrapping_add(i), experiment.clone())).collect()
}

/// Runs `experiment` with one seed, and returns its result.
///
/// # Errors
/// As for [`each`].
pub fn once<T: Send + 'static>(
    run: &Run,
    seed: u64,
    experiment: impl Fn() -> T + Send + Sync + 'static,
) -> Result<T, String> {
    let found = Arc::new(Mutex::new(None));
    let kept = found.clone();
    let outcome = run.once(seed, move || {
        let result = experiment();
        *kept.lock() = Some(result);
    });
    if let Some(failure) = outcome.failure {
        return Err(format!("seed {seed}: {}: {}", failure.thread, failure.message));
    }
    let found = found.lock().take();
    found.ok_or_else(|| format!("seed {seed}: the run found nothing"))
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_function_of_its_seed_and_a_failure_names_its_seed() {
        let run = Run { quiet: true, ..Run::default() };
        let draws = || each(&run, 7, 3, || labrt::rng::below(1_000_000)).expect("no run fails");
        assert_eq!(draws(), draws());
        let fails = || assert!(labrt::rng::below(10) > 10, "too small");
        let error = each(&run, 7, 1, fails).expect_err("it fails");
        assert!(error.starts_with("seed 7: ") && error.contains("too small"), "{error}");
    }
}
