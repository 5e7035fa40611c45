//! Tests of the limits that stop a search. If a search was stopped, its verdict is Unknown.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use labrt::offload;
use labrt::sync::Arc;
use labrt::time::Duration;

use super::support::{Register, endless, read, write};
use crate::models::kv::{KvInput, KvModel, KvOutput, Operation};
use crate::{EXPLAIN_FOR, Limit, Options, Report, Verdict, check};

#[track_caller]
fn is_unknown(report: &Report, why: Limit) {
    assert_eq!((report.verdict, report.why_unknown), (Verdict::Unknown, Some(why)));
    assert!(report.parts.iter().all(|part| part.verdict != Verdict::Illegal));
}

#[test]
fn a_search_ends_at_the_limit_of_time() {
    let limit = Duration::from_millis(50);
    for partials in [false, true] {
        let options = Options { limit: Some(limit), partials, ..Options::default() };
        let report = check(&Register::NEW, &endless(), &options);
        is_unknown(&report, Limit::Time);
        assert!(report.took >= limit, "{:?}", report.took);
    }
}

#[test]
fn a_limit_of_no_time_decides_nothing() {
    let options = Options { limit: Some(Duration::ZERO), ..Options::default() };
    is_unknown(&check(&Register::NEW, &[write(1, 0, 1), read(0, 2, 3)], &options), Limit::Time);
}

#[test]
fn a_limit_of_steps_strikes_at_the_same_place_each_time() {
    let steps = |threads| {
        let options = Options { steps: Some(100_000), threads: Some(threads), ..Options::default() };
        let report = check(&Register::NEW, &endless(), &options);
        is_unknown(&report, Limit::Steps);
        (report.parts[0].steps, report.parts[0].blocked)
    };
    assert_eq!(steps(1), steps(2));
    assert!((100_000..100_100).contains(&steps(1).0));
}

#[test]
fn enough_steps_change_nothing() {
    let history = [write(1, 0, 10), write(2, 0, 10), read(1, 20, 30)];
    let needed = check(&Register::NEW, &history, &Options::default()).parts[0].steps;
    let with = |steps| check(&Register::NEW, &history, &Options { steps: Some(steps), ..Options::default() });
    assert_eq!(with(needed + 1).verdict, Verdict::Ok);
    is_unknown(&with(1), Limit::Steps);
}

#[test]
fn a_search_ends_at_the_memory_cap() {
    let options = Options { memory: 1_000_000, ..Options::default() };
    is_unknown(&check(&Register::NEW, &endless(), &options), Limit::Memory);
}

#[test]
fn a_check_that_is_cancelled_ends() {
    let cancel = Arc::new(AtomicBool::new(true));
    let options = Options { cancel: Some(cancel.clone()), ..Options::default() };
    is_unknown(&check(&Register::NEW, &endless(), &options), Limit::Cancelled);
    // Another thread may also cancel the check while it runs.
    cancel.store(false, Ordering::Relaxed);
    let report = offload::scope(|scope| {
        let searching = scope.spawn(|| check(&Register::NEW, &endless(), &options));
        cancel.store(true, Ordering::Relaxed);
        searching.join().expect("a check does not panic")
    });
    is_unknown(&report, Limit::Cancelled);
}

/// A history with two keys. The search of the first key never ends. There are too few appends for the value
/// that the get has read, but the model does not count them. So the search must try all subsets of the
/// appends. The search of the second key ends soon: this part is illegal.
fn endless_and_illegal() -> Vec<Operation> {
    let operation = |input, output, call, ret| Operation { client: 0, input, call, output, ret };
    let append = |_| operation(KvInput::append("endless", "a"), KvOutput::none(), 0, 10);
    let mut history: Vec<_> = (0..60).map(append).collect();
    let found = KvOutput::value("a".repeat(1_000).as_str());
    history.push(operation(KvInput::get("endless"), found, 20, 30));
    history.push(operation(KvInput::get("illegal"), KvOutput::value("?"), 20, 30));
    history
}

#[test]
fn progress_counts_the_operations_of_finished_parts() {
    let operation = |key: &str, found| Operation {
        client: 0,
        input: KvInput::get(key),
        call: 0,
        output: KvOutput::value(found),
        ret: 10,
    };
    let history = [operation("a", ""), operation("b", ""), operation("a", ""), operation("c", "?")];
    let progress = Arc::new(AtomicUsize::new(0));
    let options = Options { progress: Some(progress.clone()), partials: true, ..Options::default() };
    assert_eq!(check(&KvModel, &history, &options).verdict, Verdict::Illegal);
    assert_eq!(
        progress.load(Ordering::Relaxed),
        history.len(),
        "each part counts once, although the illegal part is searched twice"
    );
}

#[test]
fn an_illegal_part_ends_the_check() {
    let report = check(&KvModel, &endless_and_illegal(), &Options::default());
    assert_eq!((report.verdict, report.why_unknown), (Verdict::Illegal, None));
    assert_eq!(report.parts[0].why_unknown, Some(Limit::Settled));
}

#[test]
fn partials_are_searched_for_in_the_time_that_is_left() {
    for (limit, least) in [(None, EXPLAIN_FOR), (Some(Duration::from_millis(80)), Duration::from_millis(80))]
    {
        let options = Options { limit, partials: true, ..Options::default() };
        let report = check(&KvModel, &endless_and_illegal(), &options);
        assert_eq!((report.verdict, report.why_unknown), (Verdict::Illegal, None));
        assert_eq!(report.parts[0].verdict, Verdict::Unknown);
        assert_eq!(report.parts[0].partials[0].len(), 60, "the sequence has all appends");
        assert!(report.took >= least, "{:?}", report.took);
    }
}
