//! Tests of single questions that a check must answer. For example: do two operations overlap, and when may
//! an unanswered write take effect? Most histories are so small that a person can check them.

use super::support::{Answer, Ask, Register, endless, read, write};
use crate::models::kv::{KvInput, KvModel, KvOutput};
use crate::{Event, EventKind, HistoryError, Model, Operation, Options, Verdict, check, check_events};

fn verdict(history: &[Operation<Ask, Answer>]) -> Verdict {
    check(&Register::NEW, history, &Options::default()).verdict
}

fn call(id: u64, ask: Ask) -> Event<Ask, Answer> {
    Event { client: 0, id, kind: EventKind::Call(ask) }
}

fn answer(id: u64, answer: Answer) -> Event<Ask, Answer> {
    Event { client: 0, id, kind: EventKind::Return(answer) }
}

fn verdict_of_events(history: &[Event<Ask, Answer>]) -> Verdict {
    check_events(&Register::NEW, history, &Options::default()).expect("these events are a history").verdict
}

#[test]
fn an_empty_history_is_ok() {
    let report = check(&Register::NEW, &[], &Options::default());
    assert_eq!(report.verdict, Verdict::Ok);
    assert_eq!(check(&KvModel, &[], &Options::default()).verdict, Verdict::Ok);
    assert_eq!(verdict_of_events(&[]), Verdict::Ok);
}

#[test]
fn a_later_read_finds_the_last_write() {
    assert_eq!(verdict(&[write(1, 0, 10), read(1, 20, 30)]), Verdict::Ok);
    assert_eq!(verdict(&[write(1, 0, 10), read(0, 20, 30)]), Verdict::Illegal);
}

#[test]
fn a_read_beside_a_write_finds_either() {
    assert_eq!(verdict(&[write(1, 0, 10), read(1, 5, 30)]), Verdict::Ok);
    assert_eq!(verdict(&[write(1, 0, 10), read(0, 5, 30)]), Verdict::Ok);
    assert_eq!(verdict(&[write(1, 0, 10), read(2, 5, 30)]), Verdict::Illegal);
}

#[test]
fn reads_do_not_go_back() {
    let write = write(1, 0, 100);
    assert_eq!(verdict(&[write.clone(), read(0, 10, 20), read(1, 30, 40)]), Verdict::Ok);
    assert_eq!(verdict(&[write, read(1, 10, 20), read(0, 30, 40)]), Verdict::Illegal);
}

#[test]
fn operations_that_touch_overlap() {
    assert_eq!(verdict(&[write(1, 0, 10), read(0, 10, 20)]), Verdict::Ok);
    assert_eq!(verdict(&[write(1, 0, 10), read(0, 11, 20)]), Verdict::Illegal);
    // Operations also overlap if all their times are the same.
    assert_eq!(verdict(&[read(1, 5, 5), write(1, 5, 5), read(0, 5, 5)]), Verdict::Ok);
}

#[test]
fn an_unanswered_write_takes_effect_late_or_never() {
    let reads = |values: &[u32]| {
        let mut history = vec![call(100, Ask::Write(7))];
        for (id, &value) in (0..).zip(values) {
            history.extend([call(id, Ask::Read), answer(id, Answer::Found(value))]);
        }
        verdict_of_events(&history)
    };
    assert_eq!(reads(&[0, 0, 0]), Verdict::Ok);
    assert_eq!(reads(&[0, 0, 7]), Verdict::Ok);
    assert_eq!(reads(&[0, 7, 0]), Verdict::Illegal, "the write takes effect only once");
    assert_eq!(reads(&[0, 8, 8]), Verdict::Illegal);
}

#[test]
fn an_unanswered_write_takes_no_effect_before_its_call() {
    let read = [call(0, Ask::Read), answer(0, Answer::Found(7))];
    assert_eq!(verdict_of_events(&[&read[..], &[call(1, Ask::Write(7))]].concat()), Verdict::Illegal);
    assert_eq!(verdict_of_events(&[&[call(1, Ask::Write(7))], &read[..]].concat()), Verdict::Ok);
}

#[test]
fn events_that_are_not_a_history_are_refused() {
    let check = |history: &[Event<Ask, Answer>]| {
        check_events(&Register::NEW, history, &Options::default())
            .expect_err("these events are not a history")
    };
    let found = answer(5, Answer::Found(0));
    let read = call(5, Ask::Read);
    assert_eq!(check(std::slice::from_ref(&found)), HistoryError::NotOpen { event: 0, id: 5 });
    let twice = [read.clone(), found.clone(), found.clone()];
    assert_eq!(check(&twice), HistoryError::NotOpen { event: 2, id: 5 });
    assert_eq!(check(&[read.clone(), found, read]), HistoryError::CalledTwice { event: 2, id: 5 });
    assert_eq!(
        check(&twice).to_string(),
        "event 2 returns from id 5, which is not open; expected one return after its call"
    );
}

#[test]
#[should_panic(expected = "operation 1 returns at 3 ns, before its call at 5 ns")]
fn an_operation_does_not_return_before_its_call() {
    verdict(&[write(1, 0, 10), write(2, 5, 3)]);
}

#[test]
fn parts_are_judged_one_by_one_and_reported_in_the_order_of_the_model() {
    let operation = |input, output, time| Operation { client: 0, input, call: time, output, ret: time + 1 };
    let history = [
        operation(KvInput::put("b", "1"), KvOutput::none(), 0),
        operation(KvInput::get("c"), KvOutput::value(""), 10),
        operation(KvInput::get("a"), KvOutput::value("?"), 20),
        operation(KvInput::get("b"), KvOutput::value("1"), 30),
    ];
    for threads in 1..=3 {
        let options = Options { partials: true, threads: Some(threads), ..Options::default() };
        let report = check(&KvModel, &history, &options);
        assert_eq!(report.verdict, Verdict::Illegal);
        assert_eq!(report.why_unknown, None);
        let parts: Vec<_> = report.parts.iter().map(|part| (part.operations.clone(), part.verdict)).collect();
        assert_eq!(parts, [(vec![2], Verdict::Illegal), (vec![0, 3], Verdict::Ok), (vec![1], Verdict::Ok)]);
        assert_eq!(report.illegal().map(|part| part.blocked).collect::<Vec<_>>(), [Some(2)]);
    }
}

/// A register with a wrong partition.
struct Split(Vec<Vec<usize>>);

impl Model for Split {
    type Input = Ask;
    type Output = Answer;
    type State = u32;

    fn partition(&self, _: &[&Ask]) -> Vec<Vec<usize>> {
        self.0.clone()
    }

    fn init(&self) -> u32 {
        0
    }

    fn step(&self, state: &u32, input: &Ask, output: &Answer) -> Option<u32> {
        Register::NEW.step(state, input, output)
    }

    fn step_unanswered(&self, state: &u32, input: &Ask) -> Option<u32> {
        Register::NEW.step_unanswered(state, input)
    }
}

#[test]
#[should_panic(expected = "operation 1 is in no part")]
fn a_model_that_loses_an_operation_is_found_out() {
    check(&Split(vec![vec![0]]), &[write(1, 0, 1), write(2, 0, 1)], &Options::default());
}

#[test]
#[should_panic(expected = "operation 0 is in two parts")]
fn a_model_that_repeats_an_operation_is_found_out() {
    check(&Split(vec![vec![0], vec![1, 0]]), &[write(1, 0, 1), write(2, 0, 1)], &Options::default());
}

/// In this history, more than 64 operations are open at the same time, so their slots need more than one
/// word.
#[test]
fn hundreds_of_operations_may_be_open_at_once() {
    const OPEN: u32 = 300;
    let cas = |from, to| Operation {
        client: from,
        input: Ask::Cas(from, to),
        call: u64::from(OPEN - from),
        output: Answer::Written(true),
        ret: 1_000 + u64::from(from * 7 % OPEN),
    };
    // Operation `from` needs the value that operation `from - 1` writes. But operation `from` is called
    // earlier. So the operation that is called last must be the first one in the order.
    let mut history: Vec<_> = (0..OPEN).map(|from| cas(from, from + 1)).collect();
    assert_eq!(verdict(&history), Verdict::Ok);
    history[OPEN as usize / 2].input = Ask::Cas(OPEN / 2, 5_000);
    assert_eq!(verdict(&history), Verdict::Illegal);
}

/// In this history, one slow operation overlaps with all others. The time of a step, and the memory of a
/// configuration, must not grow with the number of past operations.
#[test]
fn a_long_history_costs_no_more_an_operation_than_a_short_one() {
    const ROUNDS: u64 = 20_000;
    let mut history = vec![Operation { ret: 1_000_000, ..read(0, 0, 10) }];
    for round in 1..=ROUNDS {
        history.push(write(round as u32, 20 * round, 20 * round + 10));
        history.push(read(round as u32, 20 * round + 1, 20 * round + 11));
    }
    // The search needs less than this memory. It has 20,000 configurations of 40 bytes, and a table.
    let options = Options { memory: 4_000_000, ..Options::default() };
    let report = check(&Register::NEW, &history, &options);
    assert_eq!((report.verdict, report.why_unknown), (Verdict::Ok, None));
    assert!(report.parts[0].steps < 10 * ROUNDS, "{} steps", report.parts[0].steps);
}

#[test]
fn an_illegal_part_is_found_behind_endless_ones() {
    // There are three parts and one thread. The last part is illegal.
    let mut history = endless();
    let one = history.len();
    history.extend(endless());
    let two = history.len();
    history.extend([write(1, 0, 10), read(0, 20, 30)]);
    let model = Split(vec![(0..one).collect(), (one..two).collect(), vec![two, two + 1]]);
    let report = check(&model, &history, &Options { threads: Some(1), ..Options::default() });
    assert_eq!(report.verdict, Verdict::Illegal);
    let verdicts: Vec<_> = report.parts.iter().map(|part| part.verdict).collect();
    assert_eq!(verdicts, [Verdict::Unknown, Verdict::Unknown, Verdict::Illegal]);
}
