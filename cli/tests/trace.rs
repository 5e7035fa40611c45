//! `lab trace`: the pages that it writes, the input that it refuses, and its messages.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TRACE: &str = r#"{"t":0,"thread":0,"kind":"run.begin","f.test":"t_2a","f.seed":"2a","f.clock":"virtual","f.lost":0}
{"t":5,"thread":1,"node":"S0","group":0,"index":0,"inc":1,"kind":"raft.role","cause":"won","f.role":"leader","f.term":1}
{"t":9,"thread":1,"node":"S0","group":0,"index":0,"inc":1,"kind":"test.failed","f.thread":"S0","f.message":"</script> one is not two"}
"#;

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let dir = std::env::temp_dir().join(format!("lab-trace-{}-{test}", std::process::id()));
        fs::create_dir_all(&dir).expect("the folder can be made");
        Folder(dir)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lab(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("trace")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lab runs");
    // The program may end before it has read the input. Then writing fails, but the test must not fail.
    let _ = child.stdin.take().expect("stdin is a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("lab ends")
}

#[track_caller]
fn refuses(output: &Output, code: i32, said: &str) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{complaint}");
    assert!(complaint.contains(said), "{said}\nis not in\n{complaint}");
    assert!(output.stdout.is_empty(), "without a page, no path is printed");
}

#[test]
fn the_page_is_written_and_its_path_printed() {
    let folder = Folder::new("written");
    folder.write("run.jsonl", TRACE);
    for (args, input, page) in [
        (&["run.jsonl"][..], "", "run.html"),
        (&["run.jsonl", "-o", "other.html"], "", "other.html"),
        (&["run.jsonl", "--output", "few.html", "-n", "1"], "", "few.html"),
        (&["-", "-o", "piped.html"], TRACE, "piped.html"),
    ] {
        let output = lab(&folder.0, args, input);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{page}\n"));
        let html = fs::read_to_string(folder.0.join(page)).expect("the page can be read");
        assert!(
            html.starts_with("<!DOCTYPE html>") && html.contains("<title>Failed: t_2a</title>"),
            "{page}"
        );
        assert!(html.contains(r"\u003c/script> one is not two"), "markup in a text is escaped");
    }
}

#[test]
fn what_is_no_trace_is_named_with_the_line_and_what_was_expected() {
    let folder = Folder::new("refused");
    let bad = format!("{TRACE}{}\n", r#"{"t":"soon","kind":"x"}"#);
    for (name, text, said) in [
        ("bad.jsonl", bad.as_str(), "bad.jsonl: line 4: `t` is \"soon\": expected a whole number"),
        ("run.txt", "0.0031 4 S1 raft.vote\n", "run.txt: line 1: expected an object such as {"),
        ("run.txt", "0.0031 4 S1 raft.vote\n", "(a trace is recorded as JSON lines by LAB_TRACE=run.jsonl)"),
        ("empty.jsonl", "", "empty.jsonl: no events: expected the JSON lines of a trace"),
    ] {
        folder.write(name, text);
        refuses(&lab(&folder.0, &[name], ""), 2, said);
    }
    refuses(&lab(&folder.0, &["nowhere.jsonl"], ""), 2, "cannot read nowhere.jsonl");
    refuses(&lab(&folder.0, &["run.txt", "-n", "0"], ""), 2, "0 is not in 1..=100000000");
    refuses(&lab(&folder.0, &[], ""), 2, "<FILE>");
    folder.write("run.jsonl", TRACE);
    refuses(
        &lab(&folder.0, &["run.jsonl", "-o", "no/such/dir.html"], ""),
        1,
        "cannot write no/such/dir.html",
    );
    let pages = fs::read_dir(&folder.0).expect("the folder can be read").flatten();
    let pages = pages.filter(|entry| entry.path().extension().is_some_and(|e| e == "html")).count();
    assert_eq!(pages, 0, "no page is written for refused input");
}

#[test]
fn a_trace_that_was_cut_off_is_shown_as_far_as_it_goes() {
    let folder = Folder::new("cut");
    folder.write("run.jsonl", format!("{TRACE}{}", r#"{"t":10,"kin"#));
    let output = lab(&folder.0, &["run.jsonl"], "");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let html = fs::read_to_string(folder.0.join("run.html")).expect("the page can be read");
    assert!(html.contains("The file ends within line 4"));
}
