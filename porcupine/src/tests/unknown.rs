//! Tests of answers that are possible in every state. The search ignores the return of such an operation if
//! nothing is called after it. In each test, a search that ignored one return more would have the wrong
//! verdict.

use super::support::{Answer, Ask, Lock, Outcome, Register, Use, read, write};
use crate::{Model, Operation, Options, Report, Verdict, check};

fn run<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>]) -> Report {
    check(model, history, &Options { partials: true, threads: Some(1), ..Options::default() })
}

fn verdict(history: &[Operation<Ask, Answer>]) -> Verdict {
    run(&Register::NEW, history).verdict
}

fn unknown(input: Ask, call: u64, ret: u64) -> Operation<Ask, Answer> {
    Operation { client: 2, input, call, output: Answer::Unknown, ret }
}

#[test]
fn an_unknown_write_that_returns_at_the_end_takes_effect_at_any_time() {
    for seen in [0, 1, 2] {
        let history = [unknown(Ask::Write(1), 0, 90), read(seen, 20, 30)];
        assert_eq!(verdict(&history), if seen < 2 { Verdict::Ok } else { Verdict::Illegal });
    }
    let back = [unknown(Ask::Write(1), 0, 90), read(1, 20, 30), read(0, 40, 50)];
    assert_eq!(verdict(&back), Verdict::Illegal, "the write takes effect only once");
}

#[test]
fn an_unknown_write_that_returns_before_a_call_has_taken_effect() {
    let history = |ret| [unknown(Ask::Write(1), 0, ret), read(0, 20, 30)];
    assert_eq!(verdict(&history(19)), Verdict::Illegal);
    assert_eq!(verdict(&history(20)), Verdict::Ok, "a return and a call at the same time overlap");
    // A call of an operation with an unknown answer counts, too.
    let cas = |ret| {
        [unknown(Ask::Write(1), 0, ret), unknown(Ask::Write(2), 20, 90), read(2, 30, 40), read(1, 50, 60)]
    };
    assert_eq!(verdict(&cas(19)), Verdict::Illegal);
    assert_eq!(verdict(&cas(90)), Verdict::Ok);
}

#[test]
fn a_known_answer_at_the_end_must_be_right() {
    let cas = |written, ret| Operation {
        client: 2,
        input: Ask::Cas(1, 2),
        call: 0,
        output: Answer::Written(written),
        ret,
    };
    assert_eq!(verdict(&[cas(true, 90), read(0, 20, 30)]), Verdict::Illegal, "nobody has written 1");
    assert_eq!(verdict(&[cas(false, 90), read(0, 20, 30)]), Verdict::Ok);
    assert_eq!(verdict(&[cas(true, 90), write(1, 20, 30)]), Verdict::Ok);
}

#[test]
fn an_order_has_the_operations_whose_returns_were_ignored() {
    let history = [
        unknown(Ask::Write(1), 0, 90),
        unknown(Ask::Read, 0, 90),
        unknown(Ask::Cas(5, 6), 0, 90),
        read(0, 20, 30),
    ];
    let report = run(&Register::NEW, &history);
    assert_eq!((report.verdict, &report.parts[0].partials), (Verdict::Ok, &vec![vec![3, 0, 1, 2]]));
}

/// The first part ends early, and the second one is longer. Only the calls of its own part count for a
/// return.
#[test]
fn each_part_has_its_own_end() {
    struct Two;
    impl Model for Two {
        type Input = (u8, Ask);
        type Output = Answer;
        type State = u32;
        fn partition(&self, inputs: &[&(u8, Ask)]) -> Vec<Vec<usize>> {
            let of = |part| (0..inputs.len()).filter(|&index| inputs[index].0 == part).collect();
            vec![of(0), of(1)]
        }
        fn init(&self) -> u32 {
            0
        }
        fn step(&self, state: &u32, input: &(u8, Ask), output: &Answer) -> Option<u32> {
            Register::NEW.step(state, &input.1, output)
        }
        fn step_unanswered(&self, state: &u32, input: &(u8, Ask)) -> Option<u32> {
            Register::NEW.step_unanswered(state, &input.1)
        }
        fn always_possible(&self, input: &(u8, Ask), output: &Answer) -> bool {
            Register::NEW.always_possible(&input.1, output)
        }
    }
    let on = |part: u8, operation: Operation<Ask, Answer>| Operation {
        client: operation.client,
        input: (part, operation.input),
        call: operation.call,
        output: operation.output,
        ret: operation.ret,
    };
    let history =
        [on(0, unknown(Ask::Write(1), 0, 19)), on(1, unknown(Ask::Write(1), 0, 19)), on(1, read(0, 20, 30))];
    let verdicts: Vec<_> = run(&Two, &history).parts.iter().map(|part| part.verdict).collect();
    assert_eq!(verdicts, [Verdict::Ok, Verdict::Illegal]);
}

/// Two clients take a lock, and nobody gives it back. One answer is unknown.
fn taken_twice() -> [Operation<Use, Outcome>; 2] {
    let take = |output, ret| Operation { client: 0, input: Use::Take, call: 0, output, ret };
    [take(Outcome::Done, 10), take(Outcome::Unknown, 20)]
}

#[test]
fn the_end_of_the_history_counts_if_an_answer_is_not_possible_in_every_state() {
    let report = run(&Lock { lies: false }, &taken_twice());
    assert_eq!((report.verdict, report.parts[0].blocked), (Verdict::Illegal, Some(1)));
}

#[test]
#[should_panic(
    expected = "the model says that the answer Unknown to Take is always possible, but it is not possible in \
                state true"
)]
fn a_model_that_is_wrong_about_an_answer_is_found_out() {
    run(&Lock { lies: true }, &taken_twice());
}

/// The last read finds a value that was replaced. Unknown writes can replace it, too, but they cannot bring
/// it back. If each subset of the unknown writes had its own configuration, there would be 2^40 of them.
#[test]
fn many_unknown_answers_cost_few_steps() {
    let writes: Vec<_> = (0..40).map(|value| unknown(Ask::Write(value), 10, 1_000)).collect();
    let history = [&writes[..], &[write(50, 20, 30), write(51, 40, 50), read(50, 60, 70)]].concat();
    let report = check(&Register::NEW, &history, &Options { steps: Some(100_000), ..Options::default() });
    assert_eq!((report.verdict, report.why_unknown), (Verdict::Illegal, None));
}
