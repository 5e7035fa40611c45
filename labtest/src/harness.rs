//! The `main` function of a test binary. It runs a list of cases, one after the other in the given order. `go
//! test` does the same with the tests of a package.
//!
//! Such a test binary is a target with `harness = false`. It understands the options of libtest (`--list`,
//! filters, `--exact`, `--skip`, `--ignored`, `--include-ignored`, `--test-threads`) and works with nextest.
//! A filter may also be a part of the test's name in the Go labs, for example `InitialElection`. There are
//! two differences from libtest. First, the lines of a test are printed to stdout immediately. Second, only
//! one test runs at a time, unless `--test-threads` asks for more. Tests that run at the same time slow each
//! other down, and the time limits of the course are in real time.
//!
//! Each case runs in a [`labrt::Run`] of its own, so all `LAB_*` variables apply. If `LAB_RUNS` is above 1, a
//! test prints one line for all its seeds. When a test fails for the first time, an HTML page of the failed
//! run is written ([`page`]). Some faults of the code under test normally cause only a warning. With
//! `LAB_STRICT=1` the test fails instead.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | all tests passed |
//! | 101 | a test failed |
//! | 2 | a wrong argument or a wrong variable; no test was run |

use labapi::Strictness;
use labrt::collections::BTreeSet;
use std::fs::File;
use std::process::ExitCode;

use labrt::locks::Discipline;
use labrt::sync::Arc;
use labrt::{Identity, Run, Summary};
use libtest_mimic::{Arguments, Failed, FormatSetting, Trial};
use std::fmt;

use super::raft::watch;
use super::{beside, fates, hints, monitor, output, page, strictness};

/// The code of a test. The test fails if any thread panics.
pub type Body = Arc<dyn Fn() + Send + Sync>;

/// One test of a suite.
///
/// The body is a closure, so a suite can have parameters. Each case must have a name of its own. For each
/// failed run, the replay line is printed: a command that repeats the run. This command contains the name of
/// the case. A suite with a parameter can look like this:
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
/// The `main` function of the test binary then consists of the line `harness::main(labrt::here!(),
/// MyRaft::STRICTNESS, &cases::<MyRaft>())`.
#[derive(Clone)]
pub struct Case {
    /// The test's name in this project.
    pub name: String,
    /// The test's name in the Go labs. The name is empty for a test that the course does not have.
    pub go_name: String,
    /// If true, the test runs only with `--ignored` or `--include-ignored`.
    pub ignored: bool,
    /// The code of the test.
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

    /// Changes the test: it then runs only with `--ignored` or `--include-ignored`.
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

/// Runs the cases that the command line asks for. `here` is the value of [`labrt::here!()`](labrt::here) in
/// the test binary. It is needed for replay lines. `strictness` decides what happens if a lock is held where
/// this is not allowed, or if a killed server leaves threads behind: the test fails, or it only prints a
/// warning. With `LAB_STRICT=1` in the environment, the tests fail in both cases ([`Strictness::Fail`]).
pub fn main(here: Identity, strictness: Strictness, cases: &[Case]) -> ExitCode {
    let line = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let mut args = arguments(line, cases);
    if let Err(message) = check(&args).and_then(|()| check_names(cases)) {
        eprintln!("error: {message}");
        return ExitCode::from(2);
    }
    let trials = cases.iter().map(|case| trial(&args, &here, strictness, case));
    let trials = if args.list { check_variables() } else { Ok(()) }.and_then(|()| trials.collect());
    let trials = match trials {
        Ok(trials) => trials,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    if !args.list && !here.features().is_empty() {
        eprintln!("[lab] features: {}", here.features().join(","));
    }
    args.test_threads.get_or_insert(1);
    libtest_mimic::run(&args, trials).exit_code()
}

/// Reads a command line. If libtest-mimic does not understand the command line, this function ends the
/// process.
///
/// libtest takes several filters and runs the tests that match one of them. libtest-mimic takes only one
/// filter, and does not know the names in the Go labs. So this function applies the filters. It finds all
/// tests that do not match, and tells libtest-mimic to skip the tests with these full names.
fn arguments(line: impl IntoIterator<Item = String>, cases: &[Case]) -> Arguments {
    let (line, filters) = split_filters(line);
    let mut args = Arguments::from_iter(line);
    let matching = |patterns: &[String]| -> BTreeSet<String> {
        patterns.iter().flat_map(|pattern| named(pattern, args.exact, cases)).collect()
    };
    let (wanted, unwanted) = (matching(&filters), matching(&args.skip));
    let runs = |name: &String| (filters.is_empty() || wanted.contains(name)) && !unwanted.contains(name);
    args.skip = cases.iter().map(|case| &case.name).filter(|name| !runs(name)).cloned().collect();
    args.exact = true;
    args
}

/// Separates the filters from all other arguments of a command line. The first result has the other arguments
/// and the name of the program. The second result has the filters.
fn split_filters(line: impl IntoIterator<Item = String>) -> (Vec<String>, Vec<String>) {
    /// The options whose value may be the next argument. Such a value is not a filter.
    const WITH_VALUE: [&str; 6] = ["--test-threads", "--logfile", "--skip", "--color", "--format", "-Z"];
    let mut line = line.into_iter();
    let mut rest: Vec<String> = line.next().into_iter().collect();
    let mut filters = Vec::new();
    while let Some(argument) = line.next() {
        if argument == "--" {
            filters.extend(line);
            break;
        }
        if !argument.starts_with('-') {
            filters.push(argument);
            continue;
        }
        let with_value = WITH_VALUE.contains(&argument.as_str());
        rest.push(argument);
        if with_value {
            rest.extend(line.next());
        }
    }
    (rest, filters)
}

/// Returns the names of the cases that a filter or a `--skip` selects. First the pattern is compared with the
/// cases' own names. If no own name fits, the pattern is compared with the Go names.
fn named(pattern: &str, exact: bool, cases: &[Case]) -> Vec<String> {
    let fits = |name: &str| if exact { name == pattern } else { name.contains(pattern) };
    let names = |of: fn(&Case) -> &String| -> Vec<String> {
        cases.iter().filter(|case| fits(of(case))).map(|case| case.name.clone()).collect()
    };
    let own = names(|case| &case.name);
    if own.is_empty() { names(|case| &case.go_name) } else { own }
}

/// Refuses two values that libtest-mimic accepts but cannot handle. With 0 threads, libtest-mimic waits
/// forever. If libtest-mimic cannot write the log file, it panics.
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

/// Refuses two cases with the same name, because a replay line could not say which of the two has failed.
fn check_names(cases: &[Case]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(&case.name)) {
        Some(Case { name, .. }) => Err(format!("two cases are called {name}: expected a name for each")),
        None => Ok(()),
    }
}

/// Variables that the code under test may read, and that this crate does not know. They choose a mistake in
/// the copy of the project that `lab zoo` builds. Without them, a replay would run other code.
const OF_THE_CODE: [&str; 2] = ["LAB_ZOO", "LAB_ZOO_ASSERTIONS"];

/// What the variables say that this crate reads, and not labrt.
struct Variables {
    strict: bool,
    monitor: Option<bool>,
    watch: Option<bool>,
    fates: Option<String>,
    pages: Option<fn(&labrt::Failed<'_>)>,
    beside: bool,
}

impl Variables {
    fn read() -> Result<Variables, String> {
        Ok(Variables {
            strict: strictness::read()?,
            monitor: monitor::read()?,
            watch: watch::read()?,
            fates: fates::read()?,
            pages: page::of_failures()?,
            beside: beside::read()?,
        })
    }

    /// The variables that a replay line sets.
    fn repeated(&self) -> Vec<(String, String)> {
        let switch = |value: Option<bool>| value.map(|on| u8::from(on).to_string());
        let of_the_code = OF_THE_CODE.map(|name| (name, std::env::var(name).ok().filter(|it| is_plain(it))));
        let own = [
            (strictness::VARIABLE, self.strict.then(|| "1".to_owned())),
            (monitor::VARIABLE, switch(self.monitor)),
            (watch::VARIABLE, switch(self.watch)),
            (fates::VARIABLE, self.fates.clone()),
        ];
        let all = of_the_code.into_iter().chain(own);
        all.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Whether a shell reads this value as one word without quotation marks.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Checks all variables. Some programs list the tests first, and then start a process for each test. So they
/// see a bad value before the first test runs.
fn check_variables() -> Result<(), String> {
    Run::check_env().and_then(|()| Variables::read().map(drop))
}

/// Makes the trial of a case, for libtest-mimic. The environment is read only if the trial will run.
fn trial(args: &Arguments, here: &Identity, own: Strictness, case: &Case) -> Result<Trial, String> {
    let unused = Trial::test(&case.name, || Ok(())).with_ignored_flag(case.ignored);
    if args.list || args.is_filtered_out(&unused) || args.is_ignored(&unused) {
        return Ok(unused);
    }
    let mut run = Run::from_env(here.with_test(&case.name, case.ignored))?;
    let variables = Variables::read()?;
    run.variables = variables.repeated();
    run.observer = variables.monitor.unwrap_or(labrt::is_sim()).then_some(monitor::begin);
    if strictness::in_force(own) == Strictness::Warn {
        run.discipline = Discipline::Warn;
    }
    run.hints = Some(hints::lines);
    run.on_failure = if variables.beside { Some(beside::write) } else { variables.pages };
    let mid_line = prints_name_first(args);
    let body = Arc::clone(&case.body);
    let execute = move || {
        if mid_line {
            println!();
        }
        execute(&run, &body).map_err(Failed::from)
    };
    Ok(Trial::test(&case.name, execute).with_ignored_flag(case.ignored))
}

/// True if libtest-mimic prints `test name ... ` before the test starts. Without a line break, the first line
/// of the test would begin in the middle of this line.
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

/// The line that is printed for a test that has passed with many seeds.
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

    fn parsed(line: &[&str]) -> Arguments {
        arguments([&["test"], line].concat().into_iter().map(str::to_owned), &cases())
    }

    /// The names of the tests that a command line chooses.
    fn chosen(line: &[&str]) -> Vec<String> {
        let args = parsed(line);
        let probe = |case: &Case| Trial::test(&case.name, || Ok(())).with_ignored_flag(case.ignored);
        let runs = |case: &Case| !args.is_filtered_out(&probe(case)) && !args.is_ignored(&probe(case));
        cases().into_iter().filter(runs).map(|case| case.name).collect()
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
    fn a_test_runs_if_one_of_several_filters_fits() {
        assert_eq!(chosen(&["initial", "re_election"]).len(), 2);
        assert_eq!(chosen(&["ReElection", "initial", "nothing_like_it"]).len(), 2);
        assert_eq!(chosen(&["--exact", "re_election_2a", "initial"]), ["re_election_2a"]);
        assert_eq!(chosen(&["--", "initial", "re_el"]).len(), 2);
    }

    #[test]
    fn skipped_tests_are_named_as_filters_are() {
        assert_eq!(chosen(&["--skip", "initial"]), ["re_election_2a"]);
        assert_eq!(chosen(&["--skip=InitialElection", "2a"]), ["re_election_2a"]);
        assert_eq!(chosen(&["2a", "--skip", "re_el", "--skip", "initial"]), [""; 0]);
    }

    #[test]
    fn the_value_of_an_option_is_no_filter() {
        let args = parsed(&["--test-threads", "2", "--format", "terse", "-Z", "unstable-options", "re_el"]);
        assert_eq!((args.test_threads, args.format), (Some(2), Some(FormatSetting::Terse)));
        assert_eq!(args.skip, ["initial_election_2a", "something_else"]);
    }

    #[test]
    fn arguments_that_cannot_be_honoured_are_refused() {
        let refusal = |line: &[&str]| check(&parsed(line)).err();
        assert_eq!(refusal(&[]), None);
        assert_eq!(refusal(&["--test-threads", "2"]), None);
        let message = refusal(&["--test-threads", "0"]).expect("no thread would run the tests");
        assert!(message.contains("--test-threads 0: expected"), "{message}");
        let below_a_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/log");
        let message = refusal(&["--logfile", below_a_file]).expect("Cargo.toml is no folder");
        assert!(message.contains(&format!("--logfile {below_a_file}: ")), "{message}");
    }

    #[test]
    fn each_case_needs_a_name_of_its_own() {
        assert_eq!(check_names(&cases()), Ok(()));
        let message = check_names(&[cases(), cases()].concat()).expect_err("the list has each name twice");
        assert_eq!(message, "two cases are called initial_election_2a: expected a name for each");
    }

    #[test]
    fn only_a_name_that_was_printed_is_ended() {
        let first = |line: &[&str]| prints_name_first(&parsed(line));
        assert!(first(&[]) && first(&["--test-threads", "1"]));
        assert!(!first(&["-q"]) && !first(&["--test-threads", "2"]) && !first(&["--format", "terse"]));
    }
}
