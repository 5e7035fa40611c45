//! Scenarios of the paper as text. Each scenario is a script. The test plays it with the core of Raft
//! ([`Core`](mit6824::raft::Core)), without threads and without a network. A script consists of blocks. A
//! block has some steps, and below them the results that these steps must have.
//!
//! Each `*.txt` file in this folder is a scenario. It looks like this:
//!
//! ```text
//! # A comment tells the reader what happens and why.
//! servers S1 S2 S3
//! timeout S1
//! S1 -> S2
//! ----
//! S1: enters term 1, stands for election
//! S1 -> S2  RequestVote, term 1: the candidate's log is empty
//!   S2: enters term 1, votes for S1
//! S1 <- S2  granted
//!   S1: leads term 1
//! ```
//!
//! A block ends with an empty line. The test compares the lines below `----` with what happens in the steps.
//! If you change these results on purpose, use this command to write the lines again:
//!
//! ```text
//! LAB_REGENERATE=1 cargo test --test golden
//! ```
//!
//! # The steps
//!
//! | step | what it does |
//! |---|---|
//! | `servers A B C` | makes a cluster of new servers with these names |
//! | `log A B @7: 1 1 4` | A and B are followers in term 7; their entries have the terms 1, 1 and 4 |
//! | `timeout A` | A has not heard from a leader for its election timeout |
//! | `wait 250` | 250 ms pass; timeouts and heartbeats happen at their times |
//! | `A -> B C` | A sends its next message to B and its next message to C, and they answer |
//! | `A => B C` | A sends messages until it has nothing more to send, not even a heartbeat |
//! | `A -> B lost` | the request is lost |
//! | `A -> B reply lost` | the request arrives, and the answer is lost |
//! | `A -> B held as x`, `deliver x` | the request arrives later |
//! | `propose A x y` | clients give the commands x and y to A |
//! | `snapshot A 5` | A's service makes a snapshot of everything up to index 5 |
//! | `crash A`, `restart A` | A loses everything that it has not persisted |
//! | `partition A B \| C D` | messages between the two sides are lost |
//! | `heal` | the partition ends |
//! | `show` | shows the terms of all logs, by index |
//!
//! Instead of `B C`, a step may say `all`, which means all other servers. If A has nothing else to send to a
//! server, `->` sends a heartbeat. The election timeout of the first server is 300 ms. The timeout of each
//! further server is 100 ms longer than the timeout of the server before it. In the output of `show`, `|`
//! comes after the last committed entry, and `.` is an entry that a snapshot covers.
//!
//! After each call of a core, the test persists what must be persisted, and applies the committed entries.
//! The threads of a real server do the same.

mod cluster;
mod step;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use cluster::Cluster;

macro_rules! scenarios {
    ($($name:ident)*) => {
        const SCENARIOS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                labrt::run(|| play(stringify!($name)));
            }
        )*
    };
}

scenarios! {
    figure_7
    figure_8
    figure_8_e
    partitioned_leader
    lagging_follower_needs_a_snapshot
    next_index_backs_up_by_terms
    late_message_cuts_nothing_off
    lost_replies
    votes_are_remembered
    election_timeouts_and_heartbeats
    no_answers
}

/// Checks that every scenario file is in the list above.
#[test]
fn each_file_is_played() {
    let files = fs::read_dir(folder()).expect("the folder of the scenarios can be read");
    let names = files.filter_map(|file| {
        let path = file.expect("the folder can be read").path();
        (path.extension()? == "txt").then(|| path.file_stem()?.to_str().map(str::to_owned))?
    });
    for name in names {
        assert!(SCENARIOS.contains(&name.as_str()), "{name}.txt is not in the list above");
    }
}

/// A bad script is refused. The error has the number of the line, and says what was expected.
#[test]
fn a_bad_script_is_refused() {
    let refusals = [
        ("elect S1", "expected a step, such as `timeout A`"),
        ("timeout S9", "no server is called S9; there are S1 S2 S3"),
        ("log S1 @x: 1", "expected `log A B @TERM: TERMS`"),
        ("log S1 @2: 1 3", "entries of term 3 in term 2"),
        ("log S1 @2: 2 1", "terms must not decrease along a log"),
        ("wait x", "expected `wait MILLISECONDS`"),
        ("deliver x", "nothing is held as x"),
        ("S1 -> S2 lsot", "no server is called lsot; there are S1 S2 S3"),
        ("propose S2 x", "S2 is not the leader"),
        ("snapshot S1 3", "only 0 commands were applied"),
        ("restart S1", "S1 is running"),
        ("servers S1 S1", "two servers are called S1"),
    ];
    labrt::run(move || {
        for (step, expected) in refusals {
            let script = format!("servers S1 S2 S3\n{step}\n----\n");
            let error = replay("bad.txt", &script).expect_err(step);
            assert!(error.starts_with("bad.txt:2: ") && error.contains(expected), "{step}: {error}");
        }
    });
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Plays a scenario and compares the result with the file. With `LAB_REGENERATE=1`, the function writes the
/// file again instead.
fn play(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let played = replay(&format!("tests/golden/{name}.txt"), &text).unwrap_or_else(|error| panic!("{error}"));
    if played == text {
        return;
    }
    if regenerates() {
        fs::write(&path, played).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let differs = |(wanted, found): &(&str, &str)| wanted != found;
    let mut lines = text.lines().chain([""; 2]).zip(played.lines().chain([""; 2])).zip(1..);
    let ((wanted, found), line) = lines.find(|(pair, _)| differs(pair)).expect("the texts differ somewhere");
    panic!(
        "tests/golden/{name}.txt:{line}: expected\n    {wanted}\nbut the result is\n    {found}\n\
         If this is intended: run LAB_REGENERATE=1 cargo test --test golden, and read the difference.\n\nThe whole result:\n{played}"
    );
}

fn regenerates() -> bool {
    match std::env::var("LAB_REGENERATE").as_deref() {
        Err(_) | Ok("" | "0") => false,
        Ok("1") => true,
        Ok(other) => panic!("LAB_REGENERATE={other}: expected 0 or 1"),
    }
}

/// Plays a script. Returns the script with the results below each `----`.
fn replay(name: &str, script: &str) -> Result<String, String> {
    let mut cluster = Cluster::default();
    let mut out = String::new();
    let mut happened: Vec<String> = Vec::new();
    let mut in_expectation = false;
    for (line, number) in script.lines().zip(1..) {
        if line.is_empty() {
            in_expectation = false;
        }
        if in_expectation {
            continue;
        }
        out += line;
        out.push('\n');
        if line == "----" {
            in_expectation = true;
            for line in happened.drain(..) {
                out += &line;
                out.push('\n');
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            let step = step::parse(line).map_err(|error| format!("{name}:{number}: {line}: {error}"))?;
            happened.extend(cluster.play(step).map_err(|error| format!("{name}:{number}: {line}: {error}"))?);
        }
    }
    if !happened.is_empty() {
        return Err(format!("{name}: the last steps have no `----`"));
    }
    Ok(out)
}
