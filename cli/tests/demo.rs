//! `lab demo` in a terminal and without one.
#![cfg(feature = "demo")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]

use std::process::{Command, Output, Stdio};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Runs `lab` without a terminal.
fn lab(args: &[&str]) -> Output {
    Command::new(LAB)
        .args(args)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .output()
        .expect("lab can be run")
}

#[track_caller]
fn refused(args: &[&str], words: &[&str]) {
    let output = lab(args);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
    for word in words {
        assert!(message.contains(word), "{args:?}: no {word:?} in {message}");
    }
    assert!(output.stdout.is_empty(), "{args:?}: nothing is started");
}

#[test]
fn bad_arguments_are_named_with_what_is_expected() {
    refused(&["demo", "--seconds", "0"], &["'0'", "--seconds", "1 to 300"]);
    refused(&["--seconds", "soon"], &["'soon'", "--seconds", "1 to 300"]);
    refused(&["demo", "--clients", "65"], &["'65'", "--clients", "1 to 64"]);
    refused(&["demo", "--faults", "many"], &["'many'", "--faults", "none", "auto"]);
    refused(&["demo", "--seed", "0xyz"], &["'0xyz'", "--seed", "decimal or 0x"]);
    refused(&["demo", "--sconds", "3"], &["--sconds", "--seconds"]);
    refused(&["dmo"], &["dmo", "demo"]);
}

#[test]
fn help_shows_everything() {
    let output = lab(&["--help"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0));
    for word in ["demo", "dstest", "dslogs", "--seconds", "--seed"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
}

#[cfg(feature = "sim")]
#[test]
fn in_virtual_time_it_says_that_it_is_for_real_threads() {
    refused(&["demo"], &["virtual time", "real threads"]);
    refused(&[], &["virtual time", "real threads"]);
}

#[cfg(not(feature = "sim"))]
mod pty;

#[cfg(not(feature = "sim"))]
mod live {
    use super::pty::{Terminal, svg};
    use super::{LAB, lab, refused};

    use labrt::Run;
    use mit6824_demo::terminal::Screen;

    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    fn folder() -> &'static Path {
        Path::new(env!("CARGO_TARGET_TMPDIR"))
    }

    /// The path of the report of a test.
    fn report(name: &str) -> PathBuf {
        folder().join(format!("demo-{name}-{}.html", std::process::id()))
    }

    /// Starts the demo in a terminal. The demo makes no faults by itself, and runs for longer than the test
    /// takes.
    fn demo(name: &str, rows: u16, columns: u16) -> (Terminal, PathBuf) {
        demo_for("300", name, rows, columns)
    }

    /// Starts the demo in the same way, but for a given number of seconds.
    fn demo_for(seconds: &str, name: &str, rows: u16, columns: u16) -> (Terminal, PathBuf) {
        let report = report(name);
        let path = report.to_str().expect("cargo's folders have plain names");
        let args = ["--seconds", seconds, "--faults", "none", "--seed", "7", "--report", path];
        (Terminal::start(LAB, &args, folder(), rows, columns), report)
    }

    #[test]
    fn faults_by_key_are_seen_and_the_end_is_a_verdict() {
        let (mut terminal, report) = demo("keys", 30, 100);
        terminal.sees("★ leader");
        terminal.sees_row(&["group 100", "serves 0 1 2 3"]);
        // At the start, the first server of the first group is selected.
        terminal.press("p");
        terminal.sees_row(&["▸1 G100S0", "cut off"]);
        terminal.sees_row(&["✗ G100S0", "is cut off"]);
        terminal.press("5");
        terminal.sees_row(&["5 G101S1", "✗ down"]);
        terminal.sees_row(&["✗ G101S1", "crashes"]);
        terminal.press("u");
        terminal.sees("the network is unreliable");
        terminal.press("x");
        terminal.sees_row(&["✓ G101S1 restarts"]);
        terminal.sees_row(&["▸1 G100S0", "● up"]);
        // The first server of the last group is six rows below.
        terminal.press("\x1b[B\x1b[B\x1b[B\x1b[B\x1b[B\x1b[B");
        terminal.sees("▸7 G102S0");
        terminal.press("l");
        terminal.sees_row(&["configuration 2: groups 100 101"]);
        terminal.sees_row(&["group 102", "serves nothing"]);
        terminal.press("?");
        terminal.sees("crash the server with this number");
        terminal.press("q");

        let left = terminal.left();
        assert_eq!(left.status.code(), Some(0), "{}", left.text);
        assert!(left.text.contains("linearizable: "), "{}", left.text);
        assert!(left.text.contains("of 8 clients") && left.text.contains("report: "), "{}", left.text);
        assert!(left.modes_are_back && left.screen_is_back, "{}", left.text);
        let page = fs::read_to_string(&report).expect("the report is at the path that the test has chosen");
        assert!(page.contains("Linearizable: live demo") && page.contains("G101S1 down"));
        fs::remove_file(report).expect("the test has made this file");
    }

    #[test]
    fn control_c_is_the_end_as_well() {
        let (mut terminal, report) = demo("control-c", 24, 80);
        terminal.sees("★ leader");
        terminal.press("\x03");
        let left = terminal.left();
        assert_eq!(left.status.code(), Some(0), "{}", left.text);
        assert!(left.text.contains("linearizable: "), "{}", left.text);
        fs::remove_file(report).expect("the test has made this file");
    }

    #[test]
    fn a_terminal_may_be_too_small_and_grow() {
        let (mut terminal, report) = demo("size", 10, 30);
        terminal.sees("is too small");
        terminal.sees("needs 70 x 24");
        terminal.resize(24, 80);
        terminal.sees_row(&["▸1 G100S0", "● up"]);
        terminal.resize(3, 8);
        terminal.sees("is too");
        terminal.resize(50, 160);
        terminal.sees_row(&["▸1 G100S0", "● up"]);
        terminal.press("q");
        let left = terminal.left();
        assert_eq!(left.status.code(), Some(0), "{}", left.text);
        fs::remove_file(report).expect("the test has made this file");
    }

    #[test]
    fn a_killed_run_gives_the_terminal_back() {
        let (terminal, report) = demo("killed", 24, 80);
        terminal.sees("★ leader");
        let id = i32::try_from(terminal.id()).expect("a process id fits into an i32");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("the demo runs");
        let left = terminal.left();
        assert_eq!(left.status.code(), Some(128 + 15), "{}", left.text);
        assert!(left.modes_are_back && left.screen_is_back, "{}", left.text);
        assert!(left.text.contains("signal 15") && !left.text.contains("linearizable"), "{}", left.text);
        fs::remove_file(report).expect("the test has made this file");
    }

    /// This variable is set for the process that panics with an open screen.
    const PANICS: &str = "LAB_DEMO_TEST_PANICS";

    /// This test starts itself again, in a terminal.
    #[test]
    fn a_panic_in_any_thread_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(PANICS).is_some() {
            return panic_with_a_screen_open();
        }
        let program = std::env::current_exe().expect("the system knows the path of this test");
        let (program, variable) =
            (program.to_str().expect("cargo's folders have plain names"), format!("{PANICS}=1"));
        let name = "live::a_panic_in_any_thread_gives_the_terminal_back_before_it_is_told";
        let terminal =
            Terminal::start("env", &[&variable, program, "--exact", name, "--nocapture"], folder(), 40, 120);
        let left = terminal.left();
        assert!(left.status.success(), "{}", left.text);
        // If a text is printed before the terminal is restored, the text disappears with the screen of the
        // demo.
        assert!(left.text.contains("a server has failed on purpose"), "{}", left.text);
        assert!(left.text.contains("the screen was open"), "{}", left.text);
        assert!(left.modes_are_back && left.screen_is_back, "{}", left.text);
    }

    fn panic_with_a_screen_open() {
        let outcome = Run::default().once(1, || {
            let screen = Screen::open().expect("this process has a terminal");
            labrt::thread::spawn_named("server", || panic!("a server has failed on purpose"));
            loop {
                // labrt ends this thread when the run is over.
                labrt::time::sleep(Duration::from_millis(10));
                let _ = &screen;
            }
        });
        assert_eq!(outcome.failure.expect("the run has failed").thread, "server");
        println!("the screen was open");
    }

    #[test]
    fn without_a_terminal_there_are_plain_lines() {
        let report = report("plain");
        let path = report.to_str().expect("cargo's folders have plain names");
        let output = lab(&["--seconds", "3", "--clients", "2", "--seed", "3", "--report", path]);
        let text = String::from_utf8(output.stdout).expect("the output is UTF-8");
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(!text.contains('\x1b'), "the output has escape codes: {text:?}");
        assert!(
            text.lines().filter(|line| line.contains(" op/s ")).count() >= 3,
            "there is not a line for each second: {text}"
        );
        assert!(text.contains(" s  * "), "the output has no events: {text}");
        assert!(text.lines().any(|line| line.starts_with("linearizable: ")), "{text}");
        assert!(text.contains("of 2 clients") && text.contains("seed 0x3"), "{text}");
        fs::remove_file(report).expect("the test has made this file");
    }

    #[test]
    fn whoever_stops_to_listen_ends_it() {
        let report = report("pipe");
        let path = report.to_str().expect("cargo's folders have plain names");
        let mut child = Command::new(LAB)
            .args(["demo", "--seconds", "300", "--report", path])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("lab can be run");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        assert!(lines.next().expect("a first line").expect("the line can be read").contains("8 clients"));
        drop(lines);
        let output = child.wait_with_output().expect("this test has started the child");
        let said = String::from_utf8(output.stderr).expect("the output is UTF-8");
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.contains("the program that read the output has ended") && !said.contains("terminal"),
            "{said}"
        );
        fs::remove_file(report).expect("the test has made this file");
    }

    #[test]
    fn a_report_that_cannot_be_written_is_said_at_once() {
        let below_a_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/report.html");
        refused(&["demo", "--report", below_a_file], &["--report", below_a_file, "expected a file"]);
    }

    /// Makes a picture of the screen. With `LAB_REGENERATE=1`, the run is longer, and the picture replaces
    /// the picture in the guide.
    #[test]
    fn the_screen_as_a_picture() {
        let regenerate = std::env::var("LAB_REGENERATE").is_ok_and(|it| it == "1");
        let (mut terminal, report) = demo_for("60", "picture", 31, 104);
        terminal.sees("★ leader");
        if regenerate {
            wait_for_clock(&terminal, "0:05");
            terminal.press("m");
            wait_for_clock(&terminal, "0:08");
            terminal.press("u");
            wait_for_clock(&terminal, "0:10");
            terminal.press("x");
            wait_for_clock(&terminal, "0:14");
        }
        terminal.press("8");
        terminal.sees_row(&["8 G102S1", "✗ down"]);
        if regenerate {
            wait_for_clock(&terminal, "0:17");
        }
        cut_off_a_leader(&mut terminal);
        terminal.sees("old leader");
        // The list of events is at the bottom of the screen and is drawn last. When it shows the election of
        // the new leader, the rest of the screen shows the new leader, too.
        terminal.sees_row(&["leads group 100 in term"]);
        let picture = svg::of(&terminal.screen());
        terminal.press("q");
        assert_eq!(terminal.left().status.code(), Some(0));
        fs::remove_file(report).expect("the test has made this file");

        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.len() < 200_000, "{} bytes", picture.len());
        assert!(picture.contains("old\u{a0}leader") && picture.contains("G102S1"), "{picture}");
        if regenerate {
            let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/demo.svg");
            fs::write(guide, picture).expect("the guide can be written");
        }
    }

    /// Selects the leader of the first group with the arrow keys, and presses `p`.
    fn cut_off_a_leader(terminal: &mut Terminal) {
        let leads = |row: &str, server: &str| row.contains(server) && row.contains("★ leader");
        let asked = Instant::now();
        let index = loop {
            let text = terminal.screen().contents();
            let index = (0..3).find(|i| text.lines().any(|row| leads(row, &format!("G100S{i}"))));
            match index {
                Some(index) => break index,
                None => assert!(asked.elapsed() < Duration::from_secs(60), "{text}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        (0..index).for_each(|_| terminal.press("\x1b[B"));
        terminal.sees(&format!("▸{} G100S{index}", index + 1));
        terminal.press("p");
    }

    fn wait_for_clock(terminal: &Terminal, clock: &str) {
        terminal.sees(&format!("{clock} / 1:00"));
    }
}
