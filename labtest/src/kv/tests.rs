//! Tests of how a history is judged and drawn.

use std::path::PathBuf;

use labrt::time::Duration;
use porcupine::models::kv::{KvInput, KvOutput, Operation};

use super::history::{History, IfUnknown};
use crate::marks::{Mark, MarkKind};

/// The limit of the check is high, because a check may take a long time on a busy machine.
const UNDECIDED_FAILS: IfUnknown = IfUnknown::Fails(Duration::from_secs(60));

#[track_caller]
fn expect_start(message: &str, expected: &str) {
    assert!(message.starts_with(expected), "{message:?} does not begin with {expected:?}");
}

/// A history with one write by client 0 and some reads by client 1. Each read has a call time and a value.
fn history_of(reads: &[(u64, &str)]) -> History {
    let history = History::new();
    let (call, ret) = (10, 20);
    let put = KvInput::put("k", "new");
    history.push(Operation { client: 0, input: put, call, output: KvOutput::none(), ret });
    for &(call, value) in reads {
        let (input, output) = (KvInput::get("k"), KvOutput::value(value));
        history.push(Operation { client: 1, input, call, output, ret: call + 5 });
    }
    history
}

/// A folder for the pictures of one test.
fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mit6824-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the test can make a folder");
    folder
}

#[test]
fn a_picture_is_drawn_of_what_is_not_linearizable_and_of_nothing_else() {
    labrt::run(|| {
        let folder = folder("pictures");
        let mark = Mark { from: 5, to: Some(30), kind: MarkKind::Partition, text: "S0 | S1 S2".into() };
        let judge = |reads: &[(u64, &str)]| {
            let history = history_of(reads);
            history.judge(UNDECIDED_FAILS, "a title", vec![mark.clone()], &folder)
        };
        let pictures = || std::fs::read_dir(&folder).expect("the test has made this folder").count();
        assert_eq!(judge(&[(0, ""), (12, "new"), (25, "new")]), Ok(()));
        assert_eq!(pictures(), 0);

        let error = judge(&[(12, "new"), (25, "")]).expect_err("the last value is old");
        expect_start(&error, "history is not linearizable: key \"k\": of 3 operations at most 2 fit");
        assert!(error.contains("client 1's get('k') -> ''"), "{error}");
        assert_eq!(pictures(), 1);
        let picture = std::fs::read_dir(&folder)
            .expect("the test has made this folder")
            .next()
            .expect("the folder has one file")
            .expect("the folder can be read");
        assert!(picture.file_name().to_string_lossy().ends_with(".html"));
        let page = std::fs::read_to_string(picture.path()).expect("the picture is a text");
        for text in ["a title", "S0 | S1 S2", "get('k') -> ''", "put('k', 'new')"] {
            assert!(page.contains(text), "no {text:?} in the page");
        }

        judge(&[(25, "")]).expect_err("a client has read an old value");
        assert_eq!(pictures(), 2, "each picture has a name of its own");
        std::fs::remove_dir_all(&folder).expect("the test has made this folder");

        let error = judge(&[(25, "")]).expect_err("the verdict does not need the picture");
        expect_start(&error, "history is not linearizable");
    });
}

/// A history with many appends of the same letter at the same time, and then a read. The read returns more
/// letters than all the appends have written. The checker has to try all subsets of these appends.
fn hard_history() -> History {
    let history = History::new();
    for client in 0..60u32 {
        let input = KvInput::append("k", "a");
        history.push(Operation { client, input, call: 0, output: KvOutput::none(), ret: 1000 });
    }
    let (input, output) = (KvInput::get("k"), KvOutput::value("a".repeat(1000).as_str()));
    history.push(Operation { client: 60, input, call: 2000, output, ret: 3000 });
    history
}

#[test]
fn what_could_not_be_judged_passes_or_fails_as_the_test_says() {
    labrt::run(|| {
        let limit = Duration::from_millis(100);
        let judge =
            |if_unknown| hard_history().judge(if_unknown, "a title", Vec::new(), &folder("undecided"));
        assert_eq!(judge(IfUnknown::Passes(limit)), Ok(()));
        let error = judge(IfUnknown::Fails(limit)).expect_err("a history without a verdict fails");
        expect_start(&error, "linearizability check of 61 operations ended undecided after 0.");
        let _ = std::fs::remove_dir_all(folder("undecided"));
    });
}
