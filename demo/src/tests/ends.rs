//! Tests of how the demo ends: the exit codes and the printed sentences.

use std::io;
use std::path::PathBuf;

use labrt::time::Duration;
use porcupine::{Limit, Verdict};

use crate::code_of;
use crate::course::Ended;
use crate::judge::Judged;

fn judged(verdict: Verdict) -> Judged {
    Judged {
        verdict,
        why_unknown: (verdict == Verdict::Unknown).then_some(Limit::Time),
        operations: 12_345,
        clients: 8,
        keys: 40,
        worked: Duration::from_millis(60_040),
        faults: 7,
        took: Duration::from_millis(1_230),
        report: PathBuf::from("out/demo.html"),
        page: Ok(()),
        blocked: (verdict == Verdict::Illegal).then(|| "client 3's get('a0')".to_owned()),
    }
}

#[test]
fn every_end_has_its_code() {
    assert_eq!(code_of(&Ended::Judged(judged(Verdict::Ok))), 0);
    assert_eq!(code_of(&Ended::Judged(judged(Verdict::Illegal))), 1);
    assert_eq!(code_of(&Ended::Judged(judged(Verdict::Unknown))), 3);
    assert_eq!(code_of(&Ended::Stuck { clients: 1, waited: Duration::from_secs(30) }), 3);
    assert_eq!(code_of(&Ended::Lost(io::ErrorKind::BrokenPipe.into())), 3);
    assert_eq!(code_of(&Ended::Signal(15)), 143);
}

#[test]
fn a_verdict_is_a_sentence() {
    let tail = "12345 operations of 8 clients on 40 keys in 60.0 s, 7 faults (checked in 1.2 s)";
    assert_eq!(judged(Verdict::Ok).sentence(), format!("linearizable: {tail}"));
    assert_eq!(
        judged(Verdict::Illegal).sentence(),
        format!("NOT linearizable: {tail}\n  no place is left for client 3's get('a0')")
    );
    assert_eq!(
        judged(Verdict::Unknown).sentence(),
        format!("undecided: {tail}\n  the check has ended early: the time limit was reached")
    );
}

#[test]
fn a_page_that_could_not_be_written_is_reported() {
    assert_eq!(judged(Verdict::Ok).where_the_page_is(), "report: out/demo.html");
    let failed = Judged { page: Err(io::Error::other("disk full")), ..judged(Verdict::Ok) };
    assert_eq!(failed.where_the_page_is(), "report: out/demo.html cannot be written: disk full");
}
