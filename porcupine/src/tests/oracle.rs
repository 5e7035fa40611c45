//! Compares the checker with an oracle, which is a simple checker that tries all orders. Both check many
//! small random histories, and must have the same verdict.

use labrt::collections::BTreeMap;

use super::partials::is_valid;
use super::support::{Answer, Ask, Lock, Outcome, Random, Register, Use};
use crate::models::kv::{KvInput, KvModel, KvOp, KvOutput, Text};
use crate::{Event, EventKind, Model, Operation, Options, Part, Verdict, check, check_events};

const HISTORIES: u64 = 10_000;

/// One operation for the oracle. It has the time of the call, the time of the return (if the operation has
/// returned), and a function for its effect on a state. The oracle needs this function, because it must not
/// use the model under test.
struct Op<S> {
    call: u64,
    ret: Option<u64>,
    apply: Apply<S>,
}

/// A function from the state before an operation to the state after it. It returns `None` if the operation is
/// not possible.
type Apply<S> = Box<dyn Fn(&S) -> Option<S>>;

/// Tries all orders. Returns whether one of them is possible. `left` has a bit for each operation that is not
/// placed yet.
fn has_order<S>(ops: &[Op<S>], left: u32, state: &S) -> bool {
    let is_left = |at: usize| left & (1 << at) != 0;
    if (0..ops.len()).all(|at| !is_left(at) || ops[at].ret.is_none()) {
        return true;
    }
    (0..ops.len()).filter(|&at| is_left(at)).any(|at| {
        let ended_before = |other: usize| ops[other].ret.is_some_and(|ret| ret < ops[at].call);
        !(0..ops.len()).any(|other| is_left(other) && ended_before(other))
            && (ops[at].apply)(state).is_some_and(|after| has_order(ops, left & !(1 << at), &after))
    })
}

fn expected<S>(ops: &[Op<S>], init: &S) -> Verdict {
    if has_order(ops, (1 << ops.len()) - 1, init) { Verdict::Ok } else { Verdict::Illegal }
}

/// Returns the times of up to seven operations. For each operation these are the call, the moment at which
/// the operation takes effect, and the return. If `equal` is true, there are only a few different times, so
/// many times are equal. Otherwise all times are different.
fn times(random: &mut Random, equal: bool) -> Vec<[u64; 3]> {
    let span = if equal { 6 } else { 1_000_000 };
    let count = 1 + random.below(7);
    let mut all: Vec<[u64; 3]> = Vec::new();
    while all.len() < count as usize {
        let mut times = [(); 3].map(|()| u64::from(random.below(span)));
        times.sort_unstable();
        let taken = |time: &u64| all.iter().flatten().any(|other| other == time);
        if equal || !times.iter().any(taken) {
            all.push(times);
        }
    }
    all
}

/// Random operations with answers. Each operation takes effect at the second of its three times, and gets the
/// right answer for this order. Then some of the answers are changed.
fn history<I: Clone, O>(
    random: &mut Random,
    equal: bool,
    mut ask: impl FnMut(&mut Random) -> I,
    mut perform: impl FnMut(&I) -> O,
    mut spoil: impl FnMut(&mut Random, &mut O),
) -> Vec<Operation<I, O>> {
    let mut times = times(random, equal);
    times.sort_by_key(|times| times[1]);
    let mut history = Vec::new();
    for (client, [call, _, ret]) in (0..).zip(times) {
        let input = ask(random);
        let mut output = perform(&input);
        if random.one_in(6) {
            spoil(random, &mut output);
        }
        history.push(Operation { client, input, call, output, ret });
    }
    // The order of the operations in the history must not matter. So the operations are shuffled.
    for at in 1..history.len() {
        history.swap(at, random.below(at as u32 + 1) as usize);
    }
    history
}

fn register_history(random: &mut Random, equal: bool) -> Vec<Operation<Ask, Answer>> {
    let mut state = 0;
    let ask = |random: &mut Random| match random.below(3) {
        0 => Ask::Read,
        1 => Ask::Write(random.below(3)),
        _ => Ask::Cas(random.below(3), random.below(3)),
    };
    let perform = |ask: &Ask| {
        let (answer, after) = Register::perform(state, *ask);
        state = after;
        answer
    };
    history(random, equal, ask, perform, |random, answer| match answer {
        Answer::Found(value) => *value = random.below(3),
        Answer::Written(written) => *written = !*written,
        Answer::Unknown => {}
    })
}

/// A store with two keys and real strings.
type Store = BTreeMap<String, String>;

fn perform_kv(store: &mut Store, op: KvOp, key: &str, value: &str) -> String {
    let stored = store.entry(key.to_string()).or_default();
    match op {
        KvOp::Get => return stored.clone(),
        KvOp::Put => *stored = value.to_string(),
        KvOp::Append => *stored += value,
    }
    String::new()
}

fn kv_history(random: &mut Random, equal: bool) -> Vec<Operation<(KvOp, String, String), String>> {
    let mut store = Store::new();
    let ask = |random: &mut Random| {
        let op = [KvOp::Get, KvOp::Get, KvOp::Put, KvOp::Append, KvOp::Append][random.below(5) as usize];
        let value = if op == KvOp::Get { String::new() } else { ["x", "y"][random.below(2) as usize].into() };
        (op, ["k", "l"][random.below(2) as usize].to_string(), value)
    };
    history(
        random,
        equal,
        ask,
        |(op, key, value)| perform_kv(&mut store, *op, key, value),
        |random, output| *output = ["", "x", "y", "xy"][random.below(4) as usize].into(),
    )
}

/// Random uses of a lock. Only half of the answers say that the use took place.
fn lock_history(random: &mut Random, equal: bool) -> Vec<Operation<Use, Outcome>> {
    let mut taken = false;
    let ask = |random: &mut Random| {
        taken = taken == random.one_in(6);
        if taken { Use::Take } else { Use::GiveBack }
    };
    let mut history = history(random, equal, ask, |_| Outcome::Done, |_, _| {});
    leave_unknown(random, &mut history, &Outcome::Unknown);
    history
}

/// Makes about a third of the answers unknown. Most of these operations then return after all others.
fn leave_unknown<I, O: Clone>(random: &mut Random, history: &mut [Operation<I, O>], unknown: &O) {
    let end = history.iter().map(|operation| operation.ret).max().unwrap_or(0);
    for operation in history {
        if random.one_in(3) {
            operation.output = unknown.clone();
            if !random.one_in(4) {
                operation.ret = end + 10 + u64::from(random.below(10));
            }
        }
    }
}

fn lock_ops(history: &[Operation<Use, Outcome>], answered: &[bool]) -> Vec<Op<bool>> {
    let op = |(operation, &answered): (&Operation<Use, Outcome>, &bool)| {
        let input = operation.input;
        Op {
            call: operation.call,
            ret: answered.then_some(operation.ret),
            apply: Box::new(move |taken: &bool| Lock::perform(*taken, input)),
        }
    };
    history.iter().zip(answered).map(op).collect()
}

fn register_ops(history: &[Operation<Ask, Answer>], answered: &[bool]) -> Vec<Op<u32>> {
    let op = |(operation, &answered): (&Operation<Ask, Answer>, &bool)| {
        let (ask, answer) = (operation.input, operation.output);
        Op {
            call: operation.call,
            ret: answered.then_some(operation.ret),
            apply: Box::new(move |state: &u32| {
                let (given, after) = Register::perform(*state, ask);
                (!answered || answer == Answer::Unknown || given == answer).then_some(after)
            }),
        }
    };
    history.iter().zip(answered).map(op).collect()
}

fn kv_ops(history: &[Operation<(KvOp, String, String), String>], answered: &[bool]) -> Vec<Op<Store>> {
    let op = |(operation, &answered): (&Operation<(KvOp, String, String), String>, &bool)| {
        let ((op, key, value), output) = (operation.input.clone(), operation.output.clone());
        Op {
            call: operation.call,
            ret: answered.then_some(operation.ret),
            apply: Box::new(move |store: &Store| {
                let mut store = store.clone();
                let given = perform_kv(&mut store, op, &key, &value);
                (!answered || op != KvOp::Get || given == output).then_some(store)
            }),
        }
    };
    history.iter().zip(answered).map(op).collect()
}

/// Replaces each `x` by `xs` letters, and each `y` by `ys` letters. If these numbers are large, a `Text`
/// cannot contain the whole text. Afterwards, texts that were different are still different.
fn for_the_model(
    history: Vec<Operation<(KvOp, String, String), String>>,
    [xs, ys]: [usize; 2],
) -> Vec<Operation<KvInput, KvOutput>> {
    let text = |short: &str| Text::new(&short.replace('x', &"x".repeat(xs)).replace('y', &"y".repeat(ys)));
    let operation = |operation: Operation<(KvOp, String, String), String>| {
        let Operation { client, input: (op, key, value), call, output, ret } = operation;
        let input = KvInput { op, key, value: text(&value) };
        Operation { client, input, call, output: KvOutput { value: text(&output) }, ret }
    };
    history.into_iter().map(operation).collect()
}

/// Returns the history as events. At equal times, calls come before returns. An operation that was not
/// answered has no return.
fn events<I: Clone, O: Clone>(history: &[Operation<I, O>], answered: &[bool]) -> Vec<Event<I, O>> {
    let mut ends = Vec::new();
    for (id, operation) in history.iter().enumerate() {
        ends.push((operation.call, false, id));
        if answered[id] {
            ends.push((operation.ret, true, id));
        }
    }
    ends.sort_unstable();
    let event = |(_, is_return, id): (u64, bool, usize)| {
        let Operation { client, input, output, .. } = &history[id];
        let kind = if is_return { EventKind::Return(output.clone()) } else { EventKind::Call(input.clone()) };
        Event { client: *client, id: 1000 - id as u64, kind }
    };
    ends.into_iter().map(event).collect()
}

/// Checks the partial linearizations of a report. Each partial linearization must be valid. If a part is
/// legal, its partial linearization must be complete.
fn judge_partials<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], parts: &[Part]) {
    for part in parts {
        for sequence in &part.partials {
            assert!(is_valid(model, history, part, sequence), "{sequence:?} of {part:?}");
        }
        assert!(part.partials.is_sorted_by_key(|sequence| usize::MAX - sequence.len()));
        let longest = part.partials.first().map_or(0, Vec::len);
        match part.verdict {
            Verdict::Ok => assert_eq!(longest, part.operations.len()),
            Verdict::Illegal => {
                assert!(longest < part.operations.len());
                let blocked = part.blocked.expect("an illegal part has an operation without a place");
                assert!(!part.partials.first().is_some_and(|sequence| sequence.contains(&blocked)));
            }
            Verdict::Unknown => panic!("the verdict is Unknown, but the check had no limit"),
        }
    }
}

/// How often each verdict was found. If a verdict is rare, the test does not show much, so it fails.
#[derive(Default)]
struct Tally([u64; 2]);

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        self.0[usize::from(verdict == Verdict::Ok)] += 1;
    }

    fn judge(&self) {
        let [illegal, ok] = self.0;
        assert!(illegal.min(ok) > (illegal + ok) / 10, "{illegal} illegal, {ok} legal");
    }
}

fn options(partials: bool) -> Options {
    Options { partials, threads: Some(1), ..Options::default() }
}

fn compare<M: Model>(
    model: &M,
    history: &[Operation<M::Input, M::Output>],
    answered: &[bool],
    [of_operations, of_events]: [Verdict; 2],
    seed: u64,
) where
    M::Input: Clone,
    M::Output: Clone,
{
    let report = check(model, history, &options(false));
    assert_eq!(report.verdict, of_operations, "seed {seed}: {history:?}");
    let report = check(model, history, &options(true));
    assert_eq!(report.verdict, of_operations, "with partials, seed {seed}: {history:?}");
    judge_partials(model, history, &report.parts);
    for partials in [false, true] {
        let events = events(history, answered);
        let report = check_events(model, &events, &options(partials)).expect("a history");
        assert_eq!(report.verdict, of_events, "seed {seed}: {events:?}");
    }
}

/// Compares random histories of a register. `change` changes a history before the comparison.
fn compare_registers(change: impl Fn(&mut Random, &mut [Operation<Ask, Answer>])) {
    let (mut of_operations, mut of_events) = (Tally::default(), Tally::default());
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let mut history = register_history(&mut random, seed % 2 == 0);
        change(&mut random, &mut history);
        let all = vec![true; history.len()];
        let answered: Vec<bool> = history.iter().map(|_| !random.one_in(4)).collect();
        let verdicts = [&all, &answered].map(|answered| expected(&register_ops(&history, answered), &0));
        of_operations.add(verdicts[0]);
        of_events.add(verdicts[1]);
        for tells_reads in [false, true] {
            compare(&Register { tells_reads }, &history, &answered, verdicts, seed);
        }
    }
    of_operations.judge();
    of_events.judge();
}

#[test]
fn registers() {
    compare_registers(|_, _| ());
}

/// Some answers are unknown. The oracle takes their returns literally, and the checker ignores some of them.
#[test]
fn registers_with_unknown_answers() {
    compare_registers(|random, history| leave_unknown(random, history, &Answer::Unknown));
}

/// An unknown answer of a lock is not possible in every state. So the checker must take each return
/// literally.
#[test]
fn locks_with_unknown_answers() {
    let (mut of_operations, mut of_events) = (Tally::default(), Tally::default());
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let history = lock_history(&mut random, seed % 2 == 0);
        let all = vec![true; history.len()];
        let answered: Vec<bool> = history.iter().map(|_| !random.one_in(4)).collect();
        let verdicts = [&all, &answered].map(|answered| expected(&lock_ops(&history, answered), &false));
        of_operations.add(verdicts[0]);
        of_events.add(verdicts[1]);
        compare(&Lock { lies: false }, &history, &answered, verdicts, seed);
    }
    of_operations.judge();
    of_events.judge();
}

#[test]
fn stores() {
    let (mut of_operations, mut of_events) = (Tally::default(), Tally::default());
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let history = kv_history(&mut random, seed % 2 == 0);
        let all = vec![true; history.len()];
        let answered: Vec<bool> = history.iter().map(|_| !random.one_in(4)).collect();
        let verdicts = [&all, &answered].map(|answered| expected(&kv_ops(&history, answered), &Store::new()));
        of_operations.add(verdicts[0]);
        of_events.add(verdicts[1]);
        let lengths = [[1, 1], [1, 1], [40, 50], [90, 200]][seed as usize / 2 % 4];
        compare(&KvModel, &for_the_model(history, lengths), &answered, verdicts, seed);
    }
    of_operations.judge();
    of_events.judge();
}
