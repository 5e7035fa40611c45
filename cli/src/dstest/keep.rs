//! What is kept of failures: a folder with a record of each, made when there is the first one.
//!
//! * `<target>-<test>-<seed>.log`: what failed, how to repeat it, whether that was tried, and the output. The header's
//!   lines begin with `#`, so that the file can be read with `lab dslogs`.
//! * `<target>-<test>-<seed>.trace.jsonl`: the replay's events (sim).
//! * `<target>-<test>-<seed>.html`: the same as a page, if the test writes pages.
//! * `failures.txt`: a line for every failure, also for those beyond the number that is kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::report::escape;
use super::run::{Evidence, Replayed, Run, Test};
use super::scratch::{forget, move_file};

/// A failure that is kept.
struct Failure {
    run: Run,
    replayed: Option<Replayed>,
    log: Option<PathBuf>,
    trace: Option<PathBuf>,
    page: Option<PathBuf>,
}

/// Keeps the failures of a campaign.
pub struct Keeper {
    dir: PathBuf,
    limit: u64,
    index: Option<File>,
    failures: Vec<Failure>,
    beyond: Vec<u64>,
    complaints: Vec<String>,
}

impl Keeper {
    /// Keeps the first `limit` failures of each of `tests` tests in `dir`, which need not exist.
    pub fn new(dir: PathBuf, limit: u64, tests: usize) -> Keeper {
        Keeper {
            dir,
            limit,
            index: None,
            failures: Vec::new(),
            beyond: vec![0; tests],
            complaints: Vec::new(),
        }
    }

    /// Notes a failed run; says whether it is one of those that are kept.
    pub fn failure(&mut self, tests: &[Test], run: &Run) -> bool {
        if let Err(e) = self.note(&tests[run.test], run) {
            self.complain(&format!("cannot note failures in {}: {e}", self.dir.display()));
        }
        let kept = self.failures.iter().filter(|f| f.run.test == run.test).count();
        let keep = run.kept && (kept as u64) < self.limit;
        if keep {
            self.failures.push(Failure {
                run: run.clone(),
                replayed: None,
                log: None,
                trace: None,
                page: None,
            });
        } else {
            self.beyond[run.test] += 1;
        }
        keep
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

    /// Adds what else is known of a failure.
    pub fn evidence(&mut self, tests: &[Test], evidence: Evidence) {
        let found =
            self.failures.iter_mut().find(|f| f.run.test == evidence.test && f.run.seed == evidence.seed);
        let files = [&evidence.log, &evidence.first, &evidence.trace, &evidence.page].map(Clone::clone);
        if let Some(failure) = found {
            let written = write(&self.dir, &tests[evidence.test], failure, evidence);
            if let Err(e) = written {
                self.complain(&format!("cannot keep a failure in {}: {e}", self.dir.display()));
            }
        }
        files.iter().flatten().for_each(|path| forget(path));
    }

    fn complain(&mut self, text: &str) {
        if !self.complaints.iter().any(|c| c == text) {
            self.complaints.push(text.to_owned());
        }
    }

    /// Writes the records that still lack evidence, and describes all failures.
    pub fn finish(&mut self, tests: &[Test]) -> String {
        let missing: Vec<(usize, u64)> =
            self.failures.iter().filter(|f| f.replayed.is_none()).map(|f| (f.run.test, f.run.seed)).collect();
        for (test, seed) in missing {
            let replayed = Replayed::No("the campaign ended before".to_owned());
            self.evidence(
                tests,
                Evidence { test, seed, replayed, log: None, first: None, trace: None, page: None },
            );
        }
        let mut out = String::new();
        for failure in &self.failures {
            describe(&mut out, &tests[failure.run.test], failure);
        }
        for (test, beyond) in tests.iter().zip(&self.beyond).filter(|(_, n)| **n > 0) {
            let index = self.dir.join("failures.txt");
            out += &format!("{beyond} more failures of {}: see {}\n", test.name, index.display());
        }
        for complaint in &self.complaints {
            out += &format!("ERROR: {complaint}\n");
        }
        out
    }
}

fn write(dir: &Path, test: &Test, failure: &mut Failure, evidence: Evidence) -> io::Result<()> {
    let replayed = failure.replayed.insert(evidence.replayed);
    let stem = dir.join(format!("{}-{}-{:#x}", plain(&test.target), plain(&test.name), failure.run.seed));
    let path = stem.with_extension("log");
    let mut file = File::create(&path)?;
    let run = &failure.run;
    writeln!(file, "# test      {} {}", test.target, test.name)?;
    writeln!(file, "# seed      {:#x}", run.seed)?;
    if let Some(hash) = run.hash {
        writeln!(file, "# hash      {hash:016x}")?;
    }
    writeln!(file, "# failure   {}", run.message.trim_end().replace('\n', "\n#           "))?;
    writeln!(file, "# repeat    {}", run.replay)?;
    writeln!(file, "# replayed  {replayed}")?;
    append(&mut file, "output", evidence.log.as_deref())?;
    append(&mut file, "output of the process in which it failed first", evidence.first.as_deref())?;
    failure.log = Some(path);
    if let Some(from) = evidence.trace {
        let to = stem.with_extension("trace.jsonl");
        move_file(&from, &to)?;
        failure.trace = Some(to);
    }
    if let Some(from) = evidence.page {
        let to = stem.with_extension("html");
        move_file(&from, &to)?;
        failure.page = Some(to);
    }
    Ok(())
}

fn append(file: &mut File, title: &str, from: Option<&Path>) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    writeln!(file, "#\n# {title}:")?;
    io::copy(&mut File::open(from)?, file).map(drop)
}

/// A name that is safe in a path.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

fn describe(out: &mut String, test: &Test, failure: &Failure) {
    let run = &failure.run;
    let message = run.message.lines().next().unwrap_or("no message");
    *out += &format!("FAIL {} {} seed {:#x}: {message}\n", test.target, test.name, run.seed);
    let mut line = |name: &str, value: String| *out += &format!("     {name:<8} {value}\n");
    if let Some(log) = &failure.log {
        line("log", log.display().to_string());
    }
    if let Some(trace) = &failure.trace {
        line("trace", trace.display().to_string());
    }
    if let Some(page) = &failure.page {
        line("page", page.display().to_string());
    }
    line("repeat", run.replay.clone());
    if let Some(replayed) = &failure.replayed {
        line("replayed", replayed.to_string());
    }
}
