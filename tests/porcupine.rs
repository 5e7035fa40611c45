//! Tests of the checker with recorded histories. Small histories of this project are in
//! `tests/data/porcupine`. The environment variable `PORCUPINE_DATA` can name a folder with histories of
//! other projects. Then these histories are checked, too:
//!
//! ```text
//! PORCUPINE_DATA=folder cargo test --release --test porcupine -- --nocapture
//! ```
//!
//! If the name of a file ends in `-ok.txt`, the history in it is linearizable. If the name ends in
//! `-bad.txt`, the history is not linearizable.

use std::fs;
use std::io::Write;
use std::path::Path;

use labrt::time::Duration;
use porcupine::models::{kv::KvModel, kv_log};
use porcupine::{Options, Report, Verdict, check_events};

/// Checks all histories in a folder. Returns how many of them are linearizable, and how many are not.
fn check_folder(folder: &Path) -> (usize, usize) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| {
        panic!("{}: {error}; expected a folder of histories", folder.display());
    });
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
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

        // The check is done again, now with partial linearizations. The verdict must be the same, and a legal
        // part must have a complete linearization.
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
        // The text is not printed with println!, because the test harness does not show the output of a test
        // that passes.
        let skipped = "SKIPPED the histories of others: PORCUPINE_DATA does not name a folder of histories";
        writeln!(std::io::stderr(), "{skipped}").expect("stderr is open");
        return;
    };
    let (good, bad) = check_folder(Path::new(&folder));
    assert!(good + bad > 0, "no *-ok.txt and no *-bad.txt in PORCUPINE_DATA={folder:?}");
}

/// A check may be called inside a run. The check is then one step of the run. It takes no virtual time, and
/// its threads do not interact with the threads of the run. This is true on the real clock and in virtual
/// time.
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
