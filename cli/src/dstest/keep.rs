//! The files that are kept when runs have failed. Their folder is made at the first failure.
//!
//! * `<target>-<test>-<seed>.log`: what failed, how to repeat the failure, whether a replay repeated it, and
//!   the output. The lines before the output begin with `#`, so that `lab dslogs` can show the file.
//! * `<target>-<test>-<seed>.trace.jsonl`: the events of the replay (virtual time only).
//! * `<target>-<test>-<seed>.html`: an HTML page that shows the run, if the test writes such pages. If the
//!   run has failed because of a history, `<target>-<test>-<seed>-history.html` shows the history.
//! * `failures.txt`: a line for each failure, even if no other file of this failure is kept.
//!
//! `failures.txt` has all failures. A [`Shortlist`] chooses for which failures the other files are kept. If a
//! failure with a shorter run takes the place of another failure, the files of the other failure are removed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::report::escape;
use super::run::{Evidence, Replayed, Run, Test};
use super::scratch::{forget, history_beside, move_file};
use super::shortlist::{MOST_OF_A_TEST, Place, Shortlist, cause};
use crate::shell::shown;
use crate::style::Style;

/// The largest trace that is kept, in bytes. A run that hangs in virtual time can write gigabytes.
const LARGEST_TRACE: u64 = 64 << 20;

/// A failure that is kept.
struct Failure {
    run: Run,
    replayed: Option<Replayed>,
    log: Option<PathBuf>,
    trace: Option<PathBuf>,
    page: Option<PathBuf>,
    history: Option<PathBuf>,
}

impl Failure {
    fn new(run: Run) -> Failure {
        Failure { run, replayed: None, log: None, trace: None, page: None, history: None }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.log, &self.trace, &self.page, &self.history].into_iter().flatten()
    }
}

/// The failures of a test with one cause.
struct Group {
    count: u64,
    /// The run with the smallest seed.
    smallest: Run,
}

/// Keeps the failures of a campaign.
pub struct Keeper {
    dir: PathBuf,
    shortlist: Shortlist,
    index: Option<File>,
    failures: Vec<Failure>,
    /// The failures of each test with each cause.
    groups: BTreeMap<(usize, String), Group>,
    complaints: Vec<String>,
    /// The project's folder, if the working folder is not inside it.
    elsewhere: Option<PathBuf>,
}

impl Keeper {
    /// Makes a keeper. It keeps failures in the folder `dir`: at most `each` failures of one test with one
    /// cause. The folder need not exist yet. `tests` is the number of tests.
    pub fn new(dir: PathBuf, each: usize, tests: usize) -> Keeper {
        Keeper {
            dir,
            shortlist: Shortlist::new(tests, each),
            index: None,
            failures: Vec::new(),
            groups: BTreeMap::new(),
            complaints: Vec::new(),
            elsewhere: None,
        }
    }

    /// Sets the project's folder. The commands that repeat failures work only in this folder.
    #[must_use]
    pub fn of_project(mut self, root: &Path) -> Keeper {
        let inside = std::env::current_dir().is_ok_and(|here| here.starts_with(root));
        self.elsewhere = (!inside).then(|| root.to_owned());
        self
    }

    /// Notes a failed run. Returns whether it is the first failure of this test with this cause.
    pub fn failure(&mut self, tests: &[Test], run: &Run) -> bool {
        if let Err(e) = self.note(&tests[run.test], run) {
            self.complain(&format!("cannot note failures in {}: {e}", shown(&self.dir)));
        }
        let group = self.groups.entry((run.test, cause(&run.message)));
        let group = group.or_insert_with(|| Group { count: 0, smallest: run.clone() });
        group.count += 1;
        if run.seed < group.smallest.seed {
            group.smallest = run.clone();
        }
        let is_first = group.count == 1;
        match if run.kept { self.shortlist.offer(run) } else { Place::Counted } {
            Place::Kept => {}
            Place::Instead(seed) => self.remove(run.test, seed),
            Place::Counted => return is_first,
        }
        self.failures.push(Failure::new(run.clone()));
        is_first
    }

    /// The failures of this test with this cause that are kept.
    fn kept_of(&self, test: usize, wanted: &str) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(move |f| f.run.test == test && cause(&f.run.message) == wanted)
    }

    fn note(&mut self, test: &Test, run: &Run) -> io::Result<()> {
        if self.index.is_none() {
            fs::create_dir_all(&self.dir)?;
            self.index = Some(File::options().create(true).append(true).open(self.dir.join("failures.txt"))?);
        }
        let Some(index) = &mut self.index else { return Ok(()) };
        let message = escape(&run.message);
        writeln!(index, "{}\t{}\t{:#x}\t{message}\t{}", test.target, test.name, run.seed, run.replay)
    }

    fn remove(&mut self, test: usize, seed: u64) {
        let gone = |failure: &mut Failure| failure.run.test == test && failure.run.seed == seed;
        for failure in self.failures.extract_if(.., gone) {
            failure.files().for_each(|path| forget(path));
        }
    }

    /// Adds the files of a failure, and the result of its replay.
    pub fn evidence(&mut self, tests: &[Test], evidence: Evidence) {
        let found =
            self.failures.iter_mut().find(|f| f.run.test == evidence.test && f.run.seed == evidence.seed);
        let history = evidence.page.as_deref().map(history_beside);
        let files =
            [&evidence.log, &evidence.first, &evidence.trace, &evidence.page, &history].map(Clone::clone);
        if let Some(failure) = found {
            let written = write(&self.dir, &tests[evidence.test], failure, evidence);
            if let Err(e) = written {
                self.complain(&format!("cannot keep a failure in {}: {e}", shown(&self.dir)));
            }
        }
        files.iter().flatten().for_each(|path| forget(path));
    }

    fn complain(&mut self, text: &str) {
        if !self.complaints.iter().any(|c| c == text) {
            self.complaints.push(text.to_owned());
        }
    }

    /// Writes the files of failures that were not replayed. This function is called when all runs have ended.
    pub fn complete(&mut self, tests: &[Test]) {
        let missing: Vec<(usize, u64)> =
            self.failures.iter().filter(|f| f.replayed.is_none()).map(|f| (f.run.test, f.run.seed)).collect();
        for (test, seed) in missing {
            let replayed = Replayed::No("the campaign ended before".to_owned());
            self.evidence(
                tests,
                Evidence { test, seed, replayed, log: None, first: None, trace: None, page: None },
            );
        }
        self.failures.sort_by_key(|failure| (failure.run.test, failure.run.seed));
    }

    /// Describes all failures, with one block for each cause in each test.
    pub fn report(&self, tests: &[Test], style: Style) -> String {
        let mut out = String::new();
        // If a test fails with very many causes, only some causes have a block. The other causes share one
        // line.
        let (mut blocks, mut others): (BTreeMap<usize, usize>, BTreeMap<usize, (u64, u64)>) =
            Default::default();
        for (test, cause, group) in self.sorted() {
            let blocks = blocks.entry(test).or_default();
            if *blocks >= MOST_OF_A_TEST {
                let (causes, failures) = others.entry(test).or_default();
                (*causes, *failures) = (*causes + 1, *failures + group.count);
                continue;
            }
            *blocks += 1;
            self.block(&mut out, &tests[test], cause, group, style);
        }
        for (test, (causes, count)) in others {
            let name = &tests[test].name;
            out += &format!("{count} more failures of {name}, with {causes} other causes\n");
        }
        if self.index.is_some() {
            let index = self.dir.join("failures.txt");
            out += &format!("Each failure has a line in {}.\n", style.path(&index));
        }
        if let (Some(root), false) = (&self.elsewhere, self.groups.is_empty()) {
            out += &format!("The commands after \"repeat\" work in {}.\n", root.display());
        }
        for complaint in &self.complaints {
            out += &format!("{} {complaint}\n", style.bad("ERROR:"));
        }
        out
    }

    /// The failures, grouped by test and cause. The tests have the order of the campaign. In each test, the
    /// cause with the smallest seed comes first.
    fn sorted(&self) -> Vec<(usize, &str, &Group)> {
        let all = self.groups.iter().map(|((test, cause), group)| (*test, cause.as_str(), group));
        let mut all: Vec<(usize, &str, &Group)> = all.collect();
        all.sort_by_key(|(test, _, group)| (*test, group.smallest.seed));
        all
    }

    /// Describes the failures of a test with one cause. The failure with the smallest seed comes first.
    fn block(&self, out: &mut String, test: &Test, cause: &str, group: &Group, style: Style) {
        let Group { count, smallest } = group;
        let more = if *count == 1 { String::new() } else { format!(" and {} more", count - 1) };
        let message = smallest.message.lines().next().unwrap_or("no message");
        let (target, name, seed) = (&test.target, &test.name, smallest.seed);
        *out += &format!("{} {target} {name} seed {seed:#x}{more}: {message}\n", style.bad("FAIL"));
        let mut line = |name: &str, value: &str| {
            *out += &format!("     {} {value}\n", style.faint(&format!("{name:<8}")));
        };
        let path = |path: &Option<PathBuf>| path.as_deref().map(|path| style.path(path));
        let length = |run: &Run| run.seconds.map_or_else(String::new, |seconds| format!(" ({seconds:.1} s)"));
        // The shortest runs are kept, and the run with the smallest seed need not be one of them. Then the
        // page of the first run that is kept comes before the command, which is about another seed.
        let is_kept = self.kept_of(smallest.test, cause).any(|failure| failure.run.seed == seed);
        let other = if is_kept { "also" } else { "shorter" };
        let mut kept = self.kept_of(smallest.test, cause);
        if !is_kept && let Some(first) = kept.next() {
            let file = path(&first.page).map(|file| ("page", file));
            if let Some((name, file)) = file.or_else(|| Some(("log", path(&first.log)?))) {
                line(name, &format!("of seed {:#x}{}: {file}", first.run.seed, length(&first.run)));
            }
            if let Some(Replayed::Nondeterministic(_)) = first.replayed {
                line("", &first.replayed.iter().map(ToString::to_string).collect::<String>());
            }
        }
        line("repeat", &smallest.replay);
        for failure in kept {
            let (page, log, trace) = (path(&failure.page), path(&failure.log), path(&failure.trace));
            let history = path(&failure.history);
            let is_loud = matches!(failure.replayed, Some(Replayed::Nondeterministic(_)));
            let replayed = failure.replayed.iter().map(ToString::to_string).next();
            if failure.run.seed == seed {
                for (name, value) in [
                    ("replayed", replayed),
                    ("page", page),
                    ("history", history),
                    ("log", log),
                    ("trace", trace),
                ] {
                    if let Some(value) = value {
                        line(name, &value);
                    }
                }
            } else if let Some(path) = page.or(log) {
                line(other, &format!("seed {:#x}{}: {path}", failure.run.seed, length(&failure.run)));
                if let Some(replayed) = replayed.filter(|_| is_loud) {
                    line("", &replayed);
                }
            }
        }
    }

    /// All failures as JSON: an object for each cause in each test.
    pub fn json(&self, tests: &[Test]) -> Value {
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let kept = |it: &Failure| {
            json!({
                "seed": format!("{:#x}", it.run.seed),
                "replayed": it.replayed.as_ref().map(ToString::to_string),
                "log": text(&it.log), "trace": text(&it.trace), "page": text(&it.page),
                "history": text(&it.history),
            })
        };
        let group = |(test, cause, it): (usize, &str, &Group)| {
            json!({
                "target": tests[test].target, "test": tests[test].name, "cause": cause, "count": it.count,
                "seed": format!("{:#x}", it.smallest.seed), "message": it.smallest.message,
                "repeat": it.smallest.replay,
                "kept": self.kept_of(test, cause).map(kept).collect::<Vec<Value>>(),
            })
        };
        self.sorted().into_iter().map(group).collect()
    }
}

fn write(dir: &Path, test: &Test, failure: &mut Failure, evidence: Evidence) -> io::Result<()> {
    let replayed = failure.replayed.insert(evidence.replayed);
    let stem = dir.join(format!("{}-{}-{:#x}", plain(&test.target), plain(&test.name), failure.run.seed));
    let path = stem.with_extension("log");
    let bytes =
        evidence.trace.as_deref().map_or(Ok(0), |trace| fs::metadata(trace).map(|file| file.len()))?;
    let (kept, dropped) = match bytes > 0 && bytes <= LARGEST_TRACE {
        true => (evidence.trace.as_deref(), None),
        false => (None, evidence.trace.as_deref()),
    };
    let page = stem.with_extension("html");
    let history = evidence.page.as_deref().map(history_beside).filter(|history| history.exists());
    let moves = [
        (kept, stem.with_extension("trace.jsonl")),
        (history.as_deref(), history_beside(&page)),
        (evidence.page.as_deref(), page),
    ];
    let new_paths = new_paths(test, &moves);
    let mut file = BufWriter::new(File::create(&path)?);
    let run = &failure.run;
    writeln!(file, "# test      {} {}", test.target, test.name)?;
    writeln!(file, "# seed      {:#x}", run.seed)?;
    if let Some(hash) = run.hash {
        writeln!(file, "# hash      {hash:016x}")?;
    }
    writeln!(file, "# failure   {}", run.message.trim_end().replace('\n', "\n#           "))?;
    writeln!(file, "# repeat    {}", run.replay)?;
    writeln!(file, "# replayed  {replayed}")?;
    if let Some(trace) = dropped {
        let why = match bytes {
            0 => "it is empty".to_owned(),
            _ => format!("it has {} MB, and the limit is {} MB", bytes >> 20, LARGEST_TRACE >> 20),
        };
        writeln!(file, "# trace     not kept: {why}")?;
        forget(trace);
    }
    append(&mut file, "output", evidence.log.as_deref(), &new_paths)?;
    append(
        &mut file,
        "output of the process in which it failed first",
        evidence.first.as_deref(),
        &new_paths,
    )?;
    file.flush()?;
    failure.log = Some(path);
    let [trace, history, page] = moves;
    failure.trace = moved(trace)?;
    failure.history = moved(history)?;
    failure.page = moved(page)?;
    Ok(())
}

fn moved((from, to): (Option<&Path>, PathBuf)) -> io::Result<Option<PathBuf>> {
    let Some(from) = from else { return Ok(None) };
    move_file(from, &to)?;
    Ok(Some(to))
}

/// Pairs of texts: a path in the output of a test, and the path that replaces it in the log. The old paths
/// would be wrong in the log: some files were moved, and a relative path in the output begins in the
/// package's folder.
fn new_paths(test: &Test, moves: &[(Option<&Path>, PathBuf)]) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let absolute = |path: &Path| text(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    let moved = moves.iter().filter_map(|(from, to)| Some((text((*from)?), absolute(to))));
    let events = "[lab] the last events of the run: ";
    let relative = (format!("{events}out/"), format!("{events}{}/", text(&test.dir.join("out"))));
    moved.chain([relative]).collect()
}

fn append(
    file: &mut impl Write,
    title: &str,
    from: Option<&Path>,
    new_paths: &[(String, String)],
) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    writeln!(file, "#\n# {title}:")?;
    let mut reader = BufReader::new(File::open(from)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        match std::str::from_utf8(&line) {
            Ok(text) if new_paths.iter().any(|(old, _)| text.contains(old)) => {
                let text = new_paths.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new));
                file.write_all(text.as_bytes())?;
            }
            _ => file.write_all(&line)?,
        }
        line.clear();
    }
    Ok(())
}

/// A name that is safe in a path.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::run::{Build, How};
    use super::super::scratch::random;
    use super::*;

    /// Keeps a failure whose trace has `bytes` bytes. Returns the log, and whether the trace was kept.
    fn kept(bytes: u64) -> (String, bool) {
        let dir = std::env::temp_dir().join(format!("lab-keep-{:x}", random()));
        fs::create_dir_all(&dir).expect("the folder can be made");
        let trace = dir.join("trace");
        // The file has a hole of this size, and takes no space on the disk.
        File::create(&trace).and_then(|file| file.set_len(bytes)).expect("a file with a hole can be made");
        let test = Test {
            package: "fake".to_owned(),
            target: "lab2a".to_owned(),
            name: "test_2a".to_owned(),
            ignored: false,
            build: Build::default(),
            binary: PathBuf::new(),
            dir: dir.clone(),
        };
        let run = Run {
            test: 0,
            seed: 7,
            passed: false,
            kept: true,
            how: How::Reported,
            hash: None,
            seconds: None,
            cpu: None,
            message: "it failed".to_owned(),
            replay: String::new(),
            warnings: 0,
        };
        let replayed = Replayed::No("a test of the limit".to_owned());
        let evidence =
            Evidence { test: 0, seed: 7, replayed, log: None, first: None, trace: Some(trace), page: None };
        let mut failure = Failure::new(run);
        write(&dir, &test, &mut failure, evidence).expect("the failure can be kept");
        let log = failure
            .log
            .as_ref()
            .map(fs::read_to_string)
            .expect("the failure has a log")
            .expect("the log is text");
        let is_kept = failure.trace.is_some_and(|path| path.exists());
        assert!(!dir.join("trace").exists(), "the trace stays in the scratch folder");
        fs::remove_dir_all(&dir).expect("the test has made this folder");
        (log, is_kept)
    }

    #[test]
    fn a_trace_that_is_empty_or_huge_is_not_kept() {
        let (log, is_kept) = kept(1000);
        assert!(is_kept && !log.contains("not kept"), "{log}");
        assert!(kept(LARGEST_TRACE).1);
        let (log, is_kept) = kept(LARGEST_TRACE + (1 << 20));
        assert!(
            !is_kept && log.contains("# trace     not kept: it has 65 MB, and the limit is 64 MB"),
            "{log}"
        );
        let (log, is_kept) = kept(0);
        assert!(!is_kept && log.contains("# trace     not kept: it is empty"), "{log}");
    }
}
