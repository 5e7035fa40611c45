//! The checker on recorded histories: small ones of our own in `tests/data/porcupine`, and those of others in the
//! folder that the environment variable `PORCUPINE_DATA` names, if it is set:
//!
//! ```text
//! PORCUPINE_DATA=folder cargo test --release --test porcupine -- --nocapture
//! ```
//!
//! A file whose name ends in `-ok.txt` is linearizable, one in `-bad.txt` is not.

use std::fs;
use std::io::Write;
use std::path::Path;

use labrt::time::Duration;
use porcupine::models::{kv::KvModel, kv_log};
use porcupine::{Options, Report, Verdict, check_events};

/// Checks all histories in a folder; returns how many of each kind there were.
fn check_folder(folder: &Path) -> (usize, usize) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| {
        panic!("{}: {error}; expected a folder of histories", folder.display());
    });
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let (mut good, mut bad) = (0, 0);
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let expected = match () {
            () if name.ends_with("-ok.txt") => Verdict::Ok,
            () if name.ends_with("-bad.txt") => Verdict::Illegal,
            () => continue,
        };
        let report = check_file(&path, &Options::default());
        println!("{name}: {:?} after {:?}", report.verdict, report.took);
        assert_eq!(report.verdict, expected, "{}", path.display());

        // For pictures: the same verdict; whatever is legal is explained to the end.
        let limit = Some(Duration::from_secs(2));
        let report = check_file(&path, &Options { limit, partials: true, ..Options::default() });
        assert_eq!(report.verdict, expected, "{} with partial linearizations", path.display());
        for part in report.parts.iter().filter(|part| part.verdict == Verdict::Ok) {
            assert_eq!(part.partials.len(), 1, "{}", path.display());
        }
        for part in report.illegal() {
            assert!(part.blocked.is_some(), "{}", path.display());
        }
        *if expected == Verdict::Ok { &mut good } else { &mut bad } += 1;
    }
    (good, bad)
}

fn check_file(path: &Path, options: &Options) -> Report {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let events = kv_log::parse(&text).unwrap_or_else(|error| panic!("{}, {error}", path.display()));
    check_events(&KvModel, &events, options).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn our_own_histories() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/porcupine");
    assert_eq!(check_folder(&folder), (3, 5), "legal and illegal histories");
}

#[test]
fn the_histories_of_others() {
    let Some(folder) = std::env::var_os("PORCUPINE_DATA") else {
        // Not by println!, which the test harness keeps to itself when a test passes.
        let skipped = "SKIPPED the histories of others: PORCUPINE_DATA names no folder of recorded histories";
        writeln!(std::io::stderr(), "{skipped}").expect("stderr is open");
        return;
    };
    let (good, bad) = check_folder(Path::new(&folder));
    assert!(good + bad > 0, "no *-ok.txt and no *-bad.txt in PORCUPINE_DATA={folder:?}");
}

/// Within a run, on either clock, a check is a step of the run: no time passes in virtual time, and threads of the
/// run and of the check do not meet.
#[test]
fn a_check_within_a_run() {
    labrt::run(|| {
        let before = labrt::time::Instant::now();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/porcupine/five-clients-ok.txt");
        for threads in [1, 4] {
            let report = check_file(&path, &Options { threads: Some(threads), ..Options::default() });
            assert_eq!(report.verdict, Verdict::Ok);
        }
        if labrt::is_sim() {
            assert_eq!(before.elapsed(), Duration::ZERO);
        }
    });
}
