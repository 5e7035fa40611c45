//! `lab dslogs`: the exact text that it prints.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

const LOG: &str = "\
running 1 test
000012 TIMR S0 T0 election timeout
000012 VOTE S0 T1 asks S1 and S2 for their votes in term 1
000013 TEST the net is reliable
000020 VOTE S1 T1 votes for S0
garbage between the lines, which is left as it is, however long it may be, even beyond the width
000031 LEAD S0 T1 leader
000040 LOG2 S2 T1 日本語のログ行をここに
000041 ERRO S1 T1 ]averyveryverylongwordwithoutanyspace[
";

fn dslogs(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.arg("dslogs").args(args).env_remove("COLUMNS").env_remove("NO_COLOR");
    command
}

fn feed(args: &[&str], input: &[u8]) -> Output {
    let mut command = dslogs(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lab runs");
    let mut stdin = child.stdin.take().expect("the child has pipes");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("lab ends");
    writer.join().expect("the thread has not panicked");
    output
}

#[track_caller]
fn shows(args: &[&str], input: &str, wanted: &str) {
    let output = feed(args, input.as_bytes());
    let printed = String::from_utf8(output.stdout).expect("the output is UTF-8");
    // In this file, each wanted text begins with a newline, so that it starts on a line of its own.
    let wanted = wanted.strip_prefix('\n').unwrap_or(wanted);
    assert_eq!(printed, wanted, "printed:\n{printed}\nwanted:\n{wanted}");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_log_in_three_columns() {
    let wanted = "
running 1 test
   time  S0             S1             S2
     12  TIMR T0
         election
         timeout
     12  VOTE T1 asks
         S1 and S2 for
         their votes in
         term 1
     13  TEST the net is reliable
     20                 VOTE T1 votes
                        for S0
garbage between the lines, which is left as it is, however long it may be, even beyond the width
     31  LEAD T1 leader
     40                                LOG2 T1
                                       日本語のログ行
                                       をここに
     41                 ERRO T1
                        ]averyveryvery
                        longwordwithou
                        tanyspace[
";
    shows(&["-w", "55"], LOG, wanted);
}

#[test]
fn topics_are_chosen_and_ignored() {
    let wanted = "
running 1 test
   time  S0                     S1
     12  VOTE T1 asks S1 and S2
         for their votes in
         term 1
     20                         VOTE T1 votes for S0
garbage between the lines, which is left as it is, however long it may be, even beyond the width
";
    shows(&["-w", "54", "--just", "VOTE,lead", "-i", "LEAD"], LOG, wanted);
}

#[test]
fn columns_can_be_given_and_grow_when_a_server_is_new() {
    let log = "1 VOTE S0 T1 a\n2 VOTE S3 T1 b\n3 VOTE S1 T1 c\n";
    let wanted = "
   time  S0              S1
      1  VOTE T1 a
   time  S0         S1         S3
      2                        VOTE T1 b
      3             VOTE T1 c
";
    shows(&["-w", "41", "-c", "2"], log, wanted);
}

#[test]
fn in_a_narrow_terminal_lines_are_shortened_and_no_line_is_too_long() {
    let log =
        "1 VOTE S0 T1 asks for votes\n2 VOTE S4 T1 votes for S0\n3 LEAD S0 T1\n4 TEST the net is reliable\n";
    let wanted = "
   time  S0       S1       S2       S3       S4
      1  VOTE T1…
      2                                      VOTE T1…
      3  LEAD T1
      4  TEST the net is reliable
";
    shows(&["-w", "54", "-c", "5"], log, wanted);
    let wanted = "
   time  server, topic, text
      1  S0 VOTE T1 asks for
         votes
      2  S4 VOTE T1 votes for
         S0
      3  S0 LEAD T1
      4  TEST the net is
         reliable
";
    shows(&["-w", "29", "-c", "5"], log, wanted);
}

#[test]
fn servers_of_groups_have_their_columns_in_order() {
    let log = "1 INFO G101S0 T1 x\n2 INFO G100S1 T1 y\n3 INFO S0 T1 ctrl\n4 INFO G100S0 T2 z\n";
    let wanted = "
   time  S0           G100S0       G100S1       G101S0
      1                                         INFO T1 x
      2                            INFO T1 y
      3  INFO T1 ctrl
      4               INFO T2 z
";
    shows(&["-w", "60"], log, wanted);
}

#[test]
fn a_pipe_has_no_colours_unless_asked() {
    let log = "1 LEAD S0 T1 a\n2 TEST b\n";
    let wanted = "\x1b[1;4m   time  S0\x1b[0m\n      1  \x1b[1;33mLEAD T1 a\x1b[0m\n      2  \x1b[1;35mTEST b\x1b[0m\n";
    shows(&["-w", "60", "--color", "always"], log, wanted);
    let plain = "   time  S0\n      1  LEAD T1 a\n      2  TEST b\n";
    shows(&["-w", "60"], log, plain);
    shows(&["-w", "60", "--color", "never"], log, plain);
}

#[test]
fn the_width_comes_from_the_environment_without_a_terminal() {
    let mut command = dslogs(&["-"]);
    command.env("COLUMNS", "30");
    let missing = command.output().expect("lab runs");
    assert_eq!(missing.status.code(), Some(1), "there is no file with the name -");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot read -"));
    let mut child = dslogs(&[])
        .env("COLUMNS", "30")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("lab runs");
    let mut stdin = child.stdin.take().expect("the child has pipes");
    stdin.write_all(b"1 INFO S0 T1 one two three four five six\n").expect("lab reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("lab ends");
    let printed = String::from_utf8(output.stdout).expect("the output is UTF-8");
    assert_eq!(printed, "   time  S0\n      1  INFO T1 one two three\n         four five six\n");
}

#[test]
fn hostile_input_is_no_panic() {
    let mut input =
        b"1 INFO S0 T1 \xff\xfe\x00\x1b[2J\n99999999999999999999999 INFO S0 x\n1 INFO S99999999 x\n".to_vec();
    input.extend(std::iter::repeat_n(b'x', 1 << 20));
    input.extend(b"\n1 INFO S0 T1 ");
    input.extend(std::iter::repeat_n(b'y', 1 << 16));
    let output = feed(&["-w", "20"], &input);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).expect("the output is UTF-8");
    assert!(printed.starts_with("   time  S0\n      1  INFO T1"), "{:?}", &printed[..40]);
    assert!(!printed.contains('\x1b'));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_unknown_topic_is_named_with_the_known_ones() {
    for flag in ["-j", "-i"] {
        let output = feed(&[flag, "VOTE,NOPE"], b"");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(complaint.contains("\"NOPE\"") && complaint.contains("TIMR, VOTE, LEAD"), "{complaint}");
    }
    assert_eq!(feed(&["-c", "0"], b"").status.code(), Some(2));
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let mut child = dslogs(&["-c", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lab runs");
    let mut stdin = child.stdin.take().expect("the child has pipes");
    stdin.write_all(b"1 INFO S0 T1 a\n").expect("lab reads its input");
    let mut stdout = BufReader::new(child.stdout.take().expect("the child has pipes"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("the head is printed before the input ends");
    assert_eq!(line, "   time  S0\n");
    drop(stdout);
    // When the program notices that nobody reads its output, it ends. Then writing to its input fails, and
    // this loop ends.
    while stdin.write_all(b"1 INFO S0 T1 a\n").is_ok() {}
    let output = child.wait_with_output().expect("lab ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
