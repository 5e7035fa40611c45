//! Tests of the partial linearizations. The picture of a failure is made from them.

use super::support::{Answer, Ask, Register, read, write};
use crate::models::kv::{self, KvInput, KvModel, KvOutput};
use crate::{Model, Operation, Options, Part, Verdict, check};

fn only_part(history: &[Operation<Ask, Answer>]) -> Part {
    let limit = Some(labrt::time::Duration::from_millis(50));
    let options = Options { partials: true, limit, ..Options::default() };
    let mut parts = check(&Register::NEW, history, &options).parts;
    assert_eq!(parts.len(), 1);
    parts.remove(0)
}

/// Returns true if this sequence is a partial linearization. The model must allow the operations in this
/// order. If operation A ended before operation B began, A must come before B in the sequence.
pub fn is_valid<M: Model>(
    model: &M,
    history: &[Operation<M::Input, M::Output>],
    part: &Part,
    sequence: &[usize],
) -> bool {
    let mut placed = vec![false; history.len()];
    let mut state = Some(model.init());
    for &index in sequence {
        let next = &history[index];
        let late = part.operations.iter().any(|&other| !placed[other] && history[other].ret < next.call);
        if late || placed[index] || !part.operations.contains(&index) {
            return false;
        }
        placed[index] = true;
        state = state.and_then(|state| model.step(&state, &next.input, &next.output));
    }
    state.is_some()
}

#[test]
fn a_legal_history_has_one_complete_linearization() {
    let part = only_part(&[write(1, 0, 10), write(2, 0, 10), read(1, 20, 30)]);
    assert_eq!((part.verdict, part.blocked), (Verdict::Ok, None));
    assert_eq!(part.partials, [[1, 0, 2]]);
}

#[test]
fn an_illegal_history_shows_the_longest_prefix_and_the_operation_that_blocks() {
    let history = [write(1, 0, 10), read(1, 20, 30), read(2, 40, 50), read(1, 60, 70)];
    let part = only_part(&history);
    assert_eq!((part.verdict, part.blocked), (Verdict::Illegal, Some(2)));
    assert_eq!(part.partials, [[0, 1]]);
}

#[test]
fn every_operation_that_can_be_placed_is_in_a_sequence() {
    // Each of the two cas operations says that it has found 0, so only one of them can have happened. The
    // history does not show which one.
    let cas = |to| Operation { input: Ask::Cas(0, to), ..write(to, 0, 10) };
    let part = only_part(&[cas(1), cas(2)]);
    assert_eq!(part.verdict, Verdict::Illegal);
    assert_eq!(part.partials, [[0], [1]]);
}

#[test]
fn it_may_be_that_no_operation_has_a_place() {
    let part = only_part(&[read(5, 0, 10)]);
    assert_eq!((part.verdict, part.blocked), (Verdict::Illegal, Some(0)));
    assert_eq!(part.partials, Vec::<Vec<usize>>::new());
}

/// A search that collects no partial linearizations does not place a write if a later read could then never
/// get its answer. But a picture must show this write.
#[test]
fn the_blocked_operation_is_shown_after_all_that_could_be_placed() {
    let operation = |input, output, call, ret| kv::Operation { client: 0, input, call, output, ret };
    let history = [
        operation(KvInput::append("k", "a"), KvOutput::none(), 0, 10),
        operation(KvInput::append("k", "b"), KvOutput::none(), 20, 30),
        operation(KvInput::get("k"), KvOutput::value("a"), 40, 50),
    ];
    for partials in [false, true] {
        let report = check(&KvModel, &history, &Options { partials, ..Options::default() });
        let part = &report.parts[0];
        assert_eq!((part.verdict, part.blocked), (Verdict::Illegal, Some(2)));
        assert_eq!(part.partials, if partials { vec![vec![0, 1]] } else { vec![] });
    }
}

#[test]
fn there_are_no_partials_without_the_option() {
    let report = check(&Register::NEW, &[read(5, 0, 10)], &Options::default());
    assert!(report.parts[0].partials.is_empty());
    assert_eq!(report.parts[0].blocked, Some(0));
}
