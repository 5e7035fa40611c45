//! Test binaries that write the same reports as the test binaries of the labs. What a test does depends on
//! its name and on the seed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Command, exit};
use std::thread::sleep;
use std::time::Duration;

/// The main function of a test binary with these tests. A `!` before a name marks an ignored test.
pub fn main(tests: &[&str]) -> ! {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    if has("--list") {
        if let Ok(value) = std::env::var("LAB_MONITOR")
            && !["", "0", "1"].contains(&value.as_str())
        {
            eprintln!("LAB_MONITOR={value}: expected 1 (on) or 0 (off)");
            exit(2);
        }
        for test in tests.iter().filter(|t| !has("--ignored") || t.starts_with('!')) {
            println!("{}: test", test.trim_start_matches('!'));
        }
        exit(0);
    }
    let wanted = args.iter().find(|a| !a.starts_with("--")).expect("dstest names the test");
    assert!(has("--exact"), "dstest asks for exactly one test");
    let ignored = tests.contains(&format!("!{wanted}").as_str());
    if ignored && !has("--include-ignored") && !has("--ignored") {
        exit(0);
    }
    exit(i32::from(run(wanted)) * 101);
}

fn number(name: &str) -> u64 {
    let text = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).expect("the text has hex digits after 0x"),
        None => text.parse().expect("the text is a number"),
    }
}

struct Report {
    file: File,
    test: String,
    seed: u64,
    hash: u64,
    seconds: f64,
    warnings: u64,
}

impl Report {
    fn write(&mut self, line: &str) {
        self.file.write_all(line.as_bytes()).expect("the report can be written");
    }

    fn start(&mut self) {
        let line = format!("start\t{}\t{:#x}\n", self.test, self.seed);
        self.write(&line);
    }

    fn end(&mut self, failure: Option<&str>) -> bool {
        let (test, seed, hash) = (&self.test, self.seed, self.hash);
        let verdict = if failure.is_some() { "FAIL" } else { "ok" };
        let message = failure.unwrap_or("");
        let replay = if failure.is_some() { format!("LAB_SEED={seed:#x} the line of {test}") } else { String::new() };
        let (seconds, warnings) = (self.seconds, self.warnings);
        let line = format!(
            "end\t{test}\t{seed:#x}\t{verdict}\t{hash:016x}\t{seconds}\t0.25\t{message}\t{replay}\t{warnings}\n"
        );
        self.write(&line);
        failure.is_some()
    }
}

/// Runs the seeds. Returns whether a seed failed.
fn run(test: &str) -> bool {
    let (first, runs) = (number("LAB_SEED"), number("LAB_RUNS"));
    let path = std::env::var_os("LAB_REPORT").expect("LAB_REPORT is set");
    if test == "silent_2b" {
        println!("I say nothing");
        return false;
    }
    if let Some(trace) = std::env::var_os("LAB_TRACE") {
        let most = std::env::var("LAB_TRACE_MOST").expect("a replay has a limit for its events");
        std::fs::write(trace, format!("the trace, {most} events\n")).expect("the trace can be written");
    }
    if let Some(page) = std::env::var_os("LAB_PAGE").filter(|page| page != "0").map(std::path::PathBuf::from) {
        println!("[lab] the run as a page: {}", page.display());
        let history = page.with_file_name(format!("{}-history.html", page.file_stem().expect("a name").display()));
        if test == "re_election_2a" {
            println!("[lab] the history of its clients as a page: {}", history.display());
            std::fs::write(history, "the history\n").expect("the page can be written");
        }
        std::fs::write(page, format!("the page of {first:#x}\n")).expect("the page can be written");
    }
    let mut failed = false;
    for seed in first..first + runs {
        println!("000001 TEST {test} has seed {seed:#x}, logs {:?}", std::env::var("LAB_LOG"));
        let file = OpenOptions::new().append(true).open(&path).expect("dstest has made the report");
        let hash = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut report = Report { file, test: test.to_owned(), seed, hash, seconds: 1.5, warnings: 0 };
        report.start();
        let unexpected = |hash: u64| std::env::var("LAB_EXPECT").is_ok_and(|expected| expected != format!("{hash:016x}"));
        let failure = behave(test, &mut report, runs).or_else(|| {
            // As in a real run, another trace than the expected one is a failure.
            unexpected(report.hash).then_some("the trace is not the expected one")
        });
        failed |= report.end(failure);
    }
    if test == "dies_late_2b" {
        exit(3);
    }
    failed
}

/// Messages that have different causes, because they differ in words and not only in numbers.
static BABBLE: [&str; 30] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x",
    "y", "z", "aa", "bb", "cc", "dd",
];

fn behave(test: &str, report: &mut Report, runs: u64) -> Option<&'static str> {
    let last = report.seed % 10;
    match test {
        "re_election_2a" if last == 7 => return Some("two leaders\\nin one term"),
        "many_elections_2a" if last == 3 => std::process::abort(),
        "segfault_2a" if last == 2 => {
            // The handler of the standard library, which detects stack overflows, takes the first signal. So
            // the signal is sent twice.
            let me = std::process::id().to_string();
            for _ in 0..2 {
                let _ = Command::new("kill").args(["-SEGV", &me]).status();
            }
        }
        "hang_2b" if last == 4 => sleep(Duration::from_secs(1000)),
        "garbage_2b" if last == 5 => report.write("en\tgarbage\u{7}\n"),
        "impostor_2b" if last == 5 => report.write("start\timpostor_2b\t0x1\n"),
        "wobbly_2b" if last == 6 => {
            report.hash = u64::from(std::process::id());
            return Some("never the same");
        }
        "heals_2b" if runs > 1 && last == 1 => {
            report.hash += 1;
            return Some("only in company");
        }
        "always_2b" => return Some("as always"),
        "length_2b" => {
            report.seconds = (100 - report.seed) as f64;
            return Some(if last < 5 { "term 7 is wrong" } else { "index is wrong" });
        }
        "warns_2b" if last < 2 => {
            report.warnings = 2;
            println!("[lab] warning: S{last} left 3 threads");
            println!("[lab] warning: a lock was held over a send");
            if std::env::var("LAB_STRICT").as_deref() == Ok("1") {
                return Some("a lock was held over a send");
            }
        }
        "babbles_2b" => return Some(BABBLE[report.seed as usize % BABBLE.len()]),
        "extra_2b" if cfg!(not(feature = "extra")) => return Some("built without the feature"),
        "late_news_2b" if report.seed == 4 => {
            sleep(Duration::from_millis(300));
            return Some("seed 4 is late");
        }
        "late_news_2b" if report.seed > 4 => return Some("a later seed is early"),
        "takes_the_folder_2b" => {
            let path = std::env::var("FAKE_FILE").expect("the path of the file");
            let _ = std::fs::write(path, "");
            return Some("the folder is lost");
        }
        "slow_2b" => sleep(Duration::from_millis(20)),
        "stays_2b" => stay(report.seed),
        _ => {}
    }
    None
}

/// Starts a child, writes both process ids to a file, and hangs.
fn stay(seed: u64) {
    let child = Command::new("sleep").arg("1000").spawn().expect("sleep exists");
    let folder = std::env::var("FAKE_PIDS").expect("the folder for process ids");
    let ids = format!("{} {}\n", std::process::id(), child.id());
    let draft = format!("{folder}/draft-{seed:x}");
    std::fs::write(&draft, ids).expect("the folder exists");
    std::fs::rename(&draft, format!("{folder}/pids-{seed:x}")).expect("the folder exists");
    sleep(Duration::from_secs(1000));
}
