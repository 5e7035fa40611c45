//! The `main` of a test binary: a list of cases, run one after the other in the order given, as Go runs a
//! package.
//!
//! A binary of these is a target with `harness = false`. It understands what libtest understands (`--list`, a
//! filter, `--exact`, `--skip`, `--ignored`, `--include-ignored`, `--test-threads`) and works under nextest.
//! A filter may also be part of a Go test's name: `InitialElection`. Two things differ from libtest: the
//! tests' own lines go to stdout as they come, and the default is one test at a time, since the course's
//! limits are in real time.
//!
//! Each case runs in a [`labrt::Run`] of its own, so all `LAB_*` variables apply. With `LAB_RUNS` above 1 a
//! test prints one line for all its seeds. The first failure of a test leaves its run as a [`page`].
//!
//! | exit code | |
//! |---|---|
//! | 0 | all passed |
//! | 101 | a test failed |
//! | 2 | bad arguments or a bad variable; nothing was run |

use labapi::Strictness;
use std::fs::File;
use std::process::ExitCode;

use labrt::locks::Discipline;
use labrt::sync::Arc;
use labrt::{Identity, Run, Summary};
use libtest_mimic::{Arguments, Failed, FormatSetting, Trial};
use std::fmt;

use super::page::Place;
use super::{output, page, strictness};

/// What a test does. A panic, in any thread, is its failure.
pub type Body = Arc<dyn Fn() + Send + Sync>;

/// One test of a suite.
///
/// The body is a closure, so a suite can have parameters. The name must be different for each of them,
/// because a replay line names the test:
///
/// ```
/// use labapi::RaftPeer;
/// use labtest::harness::Case;
/// use labtest::raft::{Retry, Setup, make_config};
///
/// fn cases<R: RaftPeer>() -> Vec<Case> {
///     let case = |servers| Case::ours(format!("agree_with_{servers}"), move || agree::<R>(servers));
///     [3, 5, 7].map(case).to_vec()
/// }
///
/// fn agree<R: RaftPeer>(servers: usize) {
///     let cfg = make_config::<R>(Setup::of(servers));
///     cfg.begin(&format!("Test: {servers} servers agree"));
///     cfg.one(1, servers, Retry::No);
///     cfg.end();
/// }
/// # use labapi::{ApplyMsg, Command, Persister, Started};
/// # use labrt::{chan::Sender, sync::{Arc, Signal}, thread};
/// # struct Alone { apply: Sender<ApplyMsg>, me: usize }
/// # impl RaftPeer for Alone {
/// #     fn make(_: Vec<labrpc::End>, me: usize, _: Arc<Persister>, apply: Sender<ApplyMsg>) -> Alone {
/// #         Alone { apply, me }
/// #     }
/// #     fn start(&self, _: Command) -> Option<Started> { None }
/// #     fn get_state(&self) -> (u64, bool) { (1, self.me == 0) }
/// #     fn snapshot(&self, _: u64, _: Vec<u8>) {}
/// #     fn kill(&self) {}
/// #     fn service(self: &Arc<Self>) -> labrpc::Service { labrpc::Service::new("Raft") }
/// # }
/// # let names: Vec<String> = cases::<Alone>().into_iter().map(|case| case.name).collect();
/// # assert_eq!(names, ["agree_with_3", "agree_with_5", "agree_with_7"]);
/// ```
///
/// The test binary then has the line `harness::main(labrt::here!(), MyRaft::STRICTNESS, &cases::<MyRaft>())`.
#[derive(Clone)]
pub struct Case {
    /// Its name here.
    pub name: String,
    /// Its name in the Go labs; empty for a test that the course does not have.
    pub go_name: String,
    /// It runs only when asked for (`--ignored`).
    pub ignored: bool,
    /// What it does.
    pub body: Body,
}

impl Case {
    /// A test of the course.
    pub fn of_course(
        name: impl Into<String>,
        go_name: impl Into<String>,
        body: impl Fn() + Send + Sync + 'static,
    ) -> Case {
        Case { name: name.into(), go_name: go_name.into(), ignored: false, body: Arc::new(body) }
    }

    /// A test that the course does not have.
    pub fn ours(name: impl Into<String>, body: impl Fn() + Send + Sync + 'static) -> Case {
        Case::of_course(name, "", body)
    }

    /// The same test, run only with `--ignored`.
    pub fn ignored(self) -> Case {
        Case { ignored: true, ..self }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { name, go_name, ignored, body: _ } = self;
        let mut shown = f.debug_struct("Case");
        shown.field("name", name).field("go_name", go_name).field("ignored", ignored).finish_non_exhaustive()
    }
}

/// Runs the cases that the command line asks for. `here` is [`labrt::here!()`](labrt::here) of the test
/// binary: what a replay line names. `strictness` says what is done about a breach of lock discipline and
/// about threads that a killed server leaves behind; `LAB_STRICT=1` in the environment makes it
/// [`Strictness::Fail`].
pub fn main(here: Identity, strictness: Strictness, cases: &[Case]) -> ExitCode {
    let mut args = Arguments::from_args();
    if let Err(message) = check(&args) {
        eprintln!("error: {message}");
        return ExitCode::from(2);
    }
    let cases = choose(&mut args, cases);
    let mut trials = Vec::new();
    for case in cases {
        match trial(&args, &here, strictness, case) {
            Ok(trial) => trials.push(trial),
            Err(message) => {
                eprintln!("{message}");
                return ExitCode::from(2);
            }
        }
    }
    if !args.list && !here.features().is_empty() {
        eprintln!("[lab] features: {}", here.features().join(","));
    }
    args.test_threads.get_or_insert(1);
    libtest_mimic::run(&args, trials).exit_code()
}

/// Refuses what libtest-mimic takes and cannot do: with no thread it waits for ever, and a file that it
/// cannot write makes it panic.
fn check(args: &Arguments) -> Result<(), String> {
    if args.test_threads == Some(0) {
        return Err("--test-threads 0: expected a number above 0".to_owned());
    }
    let Some(path) = &args.logfile else { return Ok(()) };
    match File::create(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("--logfile {path}: {error}")),
    }
}

/// Applies a filter that names Go tests; leaves every other filter to libtest.
fn choose(args: &mut Arguments, cases: &[Case]) -> Vec<Case> {
    let Some(filter) = &args.filter else { return cases.to_vec() };
    if cases.iter().any(|case| case.name.contains(filter.as_str())) {
        return cases.to_vec();
    }
    let named = |case: &&Case| match args.exact {
        true => case.go_name == *filter,
        false => case.go_name.contains(filter.as_str()),
    };
    let chosen: Vec<Case> = cases.iter().filter(named).cloned().collect();
    if chosen.is_empty() {
        return cases.to_vec();
    }
    args.filter = None;
    chosen
}

/// Makes the trial of a case. The environment is looked at only if it is to run.
fn trial(args: &Arguments, here: &Identity, own: Strictness, case: Case) -> Result<Trial, String> {
    let unused = Trial::test(&case.name, || Ok(())).with_ignored_flag(case.ignored);
    if args.list || args.is_filtered_out(&unused) || args.is_ignored(&unused) {
        return Ok(unused);
    }
    let mut run = Run::from_env(here.with_test(&case.name, case.ignored))?;
    if strictness::read()? {
        run.variables.push((strictness::VARIABLE.to_owned(), "1".to_owned()));
    }
    if strictness::in_force(own) == Strictness::Warn {
        run.discipline = Discipline::Warn;
    }
    run.on_failure = (Place::from_env()? != Place::Nowhere).then_some(page::write);
    let mid_line = prints_name_first(args);
    let execute = move || {
        if mid_line {
            println!();
        }
        execute(&run, &case.body).map_err(Failed::from)
    };
    Ok(Trial::test(&case.name, execute).with_ignored_flag(case.ignored))
}

/// Whether libtest has printed `test name ... `, without a newline, when the test starts.
fn prints_name_first(args: &Arguments) -> bool {
    let pretty = !args.quiet && matches!(args.format, None | Some(FormatSetting::Pretty));
    pretty && args.test_threads.unwrap_or(1) == 1 && args.logfile.is_none()
}

fn execute(run: &Run, body: &Body) -> Result<(), String> {
    let many = run.runs > 1 || run.check;
    output::set_quiet(many);
    let body = Arc::clone(body);
    let summary = run.execute(move || body())?;
    if many {
        println!("{}", many_passed(run, &summary));
    }
    Ok(())
}

/// The one line of a test that has passed with many seeds.
fn many_passed(run: &Run, summary: &Summary) -> String {
    let Summary { runs, seed, seconds, cpu_seconds, warnings, .. } = summary;
    let twice = if run.check && labrt::is_sim() { ", each twice" } else { "" };
    let clock = if labrt::is_sim() { "virtual" } else { "real" };
    let warned = if *warnings > 0 { format!(", {warnings} warnings") } else { String::new() };
    format!(
        "  ... Passed --  {runs} runs from seed {seed:#x}{twice}: {seconds:.1} s {clock}, {cpu_seconds:.1} s of CPU{warned}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> [Case; 3] {
        [
            Case::of_course("initial_election_2a", "TestInitialElection2A", || {}),
            Case::of_course("re_election_2a", "TestReElection2A", || {}),
            Case::ours("something_else", || {}).ignored(),
        ]
    }

    /// The tests that a command line chooses.
    fn chosen(line: &[&str]) -> Vec<String> {
        let mut args = Arguments::from_iter([&["test"], line].concat());
        let cases = choose(&mut args, &cases());
        let probe = |case: &Case| Trial::test(&case.name, || Ok(())).with_ignored_flag(case.ignored);
        let runs = |case: &Case| !args.is_filtered_out(&probe(case)) && !args.is_ignored(&probe(case));
        cases.into_iter().filter(runs).map(|case| case.name).collect()
    }

    #[test]
    fn all_run_in_order_but_the_ignored() {
        assert_eq!(chosen(&[]), ["initial_election_2a", "re_election_2a"]);
        assert_eq!(chosen(&["--ignored"]), ["something_else"]);
        assert_eq!(chosen(&["--include-ignored"]).len(), 3);
    }

    #[test]
    fn a_filter_is_part_of_either_name() {
        assert_eq!(chosen(&["re_el"]), ["re_election_2a"]);
        assert_eq!(chosen(&["ReElection"]), ["re_election_2a"]);
        assert_eq!(chosen(&["Election2A"]).len(), 2);
        assert_eq!(chosen(&["--exact", "TestReElection2A"]), ["re_election_2a"]);
        assert!(chosen(&["--exact", "ReElection"]).is_empty());
        assert!(chosen(&["nothing_like_it"]).is_empty());
    }

    #[test]
    fn arguments_that_cannot_be_honoured_are_refused() {
        let refusal = |line: &[&str]| check(&Arguments::from_iter([&["test"], line].concat())).err();
        assert_eq!(refusal(&[]), None);
        assert_eq!(refusal(&["--test-threads", "2"]), None);
        let message = refusal(&["--test-threads", "0"]).expect("no thread would run the tests");
        assert!(message.contains("--test-threads 0: expected"), "{message}");
        let below_a_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/log");
        let message = refusal(&["--logfile", below_a_file]).expect("Cargo.toml is no folder");
        assert!(message.contains(&format!("--logfile {below_a_file}: ")), "{message}");
    }

    #[test]
    fn only_a_name_that_was_printed_is_ended() {
        let first = |line: &[&str]| prints_name_first(&Arguments::from_iter([&["test"], line].concat()));
        assert!(first(&[]) && first(&["--test-threads", "1"]));
        assert!(!first(&["-q"]) && !first(&["--test-threads", "2"]) && !first(&["--format", "terse"]));
    }
}
