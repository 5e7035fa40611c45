//! Turns a report into plain data for the page. The data has the operations and states as texts, and a
//! limited number of partial linearizations.

use labrt::collections::BTreeSet;

use super::visualization::{Bar, LastFit, Mark, Picture, PicturePart, Step};
use super::{Model, Operation, Part, Piece, Report, Verdict};

/// The picture always has the longest partial linearization of each part. All its other partial
/// linearizations together have at most this number of steps. With more steps the page would open slowly.
const MOST_STEPS: usize = 300_000;

/// If the text of an operation has more than this number of bytes, the middle of the text is left out.
const LONGEST_OPERATION: usize = 1 << 20;

/// If the text of a state has more than this number of bytes, the middle of the text is left out. The limit
/// is small, because a picture has a state for each step.
const LONGEST_STATE: usize = 2_000;

/// Makes a picture for people. It shows `history`, the result of its check with `model`, and the faults
/// during the test (`marks`).
///
/// If the report has [partial linearizations](super::Options::partials), the picture also shows an order of
/// the operations, and the operation that does not fit into this order.
///
/// # Panics
/// If the report belongs to another history or to another model.
pub fn picture<M: Model>(
    model: &M,
    history: &[Operation<M::Input, M::Output>],
    report: &Report,
    title: impl Into<String>,
    marks: Vec<Mark>,
) -> Picture {
    let mut parts: Vec<PicturePart> =
        report.parts.iter().map(|part| picture_part(model, history, part)).collect();
    // Add the other partial linearizations, until the limit of steps is reached. A reader looks first at the
    // illegal parts, so these parts come first.
    let mut room = MOST_STEPS;
    for verdict in [Verdict::Illegal, Verdict::Unknown] {
        for (shown, part) in parts.iter_mut().zip(&report.parts).filter(|(_, part)| part.verdict == verdict) {
            for partial in part.partials.iter().skip(1) {
                let Some(left) = room.checked_sub(partial.len()) else { continue };
                room = left;
                shown.partials.push(replay(model, history, part, partial).steps);
            }
        }
    }
    Picture { title: title.into(), verdict: report.verdict, parts, marks, beside_run: false }
}

/// Returns the picture of one part, with its longest partial linearization.
fn picture_part<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], part: &Part) -> PicturePart {
    let bar = |&index: &usize| {
        let Operation { client, input, call, output, ret } = &history[index];
        let text = cut(model.describe_operation(input, output), LONGEST_OPERATION);
        Bar { client: *client, call: *call, ret: *ret, text }
    };
    // If no operation can be the first one, the report has no sequence. Then the picture gets one empty
    // sequence. From this the page knows that no operation can be the first one.
    let nothing_fits =
        part.verdict == Verdict::Illegal && part.partials.is_empty() && none_fits(model, history, part);
    let none: &[usize] = &[];
    let longest = part.partials.first().map(Vec::as_slice).or(nothing_fits.then_some(none));
    let longest = longest.map(|partial| replay(model, history, part, partial));
    PicturePart {
        title: part
            .operations
            .first()
            .and_then(|&i| model.describe_part(&history[i].input))
            .unwrap_or_default(),
        verdict: part.verdict,
        initial: cut(model.describe_state(&model.init()), LONGEST_STATE),
        operations: part.operations.iter().map(bar).collect(),
        difference: difference(model, history, part).into_iter().map(|piece| in_part(part, piece)).collect(),
        last_fit: longest.as_ref().map_or(LastFit::Unknown, |replay| replay.last_fit),
        partials: longest.map(|replay| replay.steps).into_iter().collect(),
    }
}

/// Replaces an index into the history by an index into the part.
fn in_part(part: &Part, piece: Piece) -> Piece {
    match piece {
        Piece::Operation(index) => {
            Piece::Operation(part.operations.binary_search(&index).expect("the operation is in the part"))
        }
        Piece::Text(_) => piece,
    }
}

/// Says how the answer of the blocked operation of a part differs from the state after the longest order. The
/// result is one or more sentences. It is empty if the part is not illegal, or if nothing is known. The
/// operations in it are indices into the history.
pub fn difference<M: Model>(
    model: &M,
    history: &[Operation<M::Input, M::Output>],
    part: &Part,
) -> Vec<Piece> {
    let none = Vec::new();
    let order = part.partials.first().unwrap_or(&none);
    if part.partials.is_empty() && !none_fits(model, history, part) {
        return Vec::new();
    }
    let Some(blocked) = blocked(history, part, order) else { return Vec::new() };
    let placed: BTreeSet<usize> = order.iter().copied().collect();
    let left = |index: &usize| *index != blocked && !placed.contains(index);
    let others: Vec<usize> = part.operations.iter().copied().filter(left).collect();
    let inputs = |indices: &[usize]| indices.iter().map(|&index| &history[index].input).collect::<Vec<_>>();
    let Operation { input, output, .. } = &history[blocked];
    let pieces = model.describe_difference(&inputs(order), &inputs(&others), input, output);
    let index_of = |at: usize| *order.get(at).unwrap_or_else(|| &others[at - order.len()]);
    let in_history = |piece| match piece {
        Piece::Operation(at) => Piece::Operation(index_of(at)),
        Piece::Text(_) => piece,
    };
    pieces.into_iter().map(in_history).collect()
}

/// Returns true if no operation of the part can be the first one in an order.
fn none_fits<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], part: &Part) -> bool {
    let operations = || part.operations.iter().map(|&index| &history[index]);
    let first_return = operations().map(|operation| operation.ret).min().unwrap_or(u64::MAX);
    let mut first = operations().filter(|operation| operation.call <= first_return);
    let state = model.init();
    first.all(|Operation { input, output, .. }| model.step(&state, input, output).is_none())
}

/// Returns the operation that cannot follow a partial linearization. Of all operations that are not in the
/// partial linearization, this is the one that returned first.
fn blocked<I, O>(history: &[Operation<I, O>], part: &Part, partial: &[usize]) -> Option<usize> {
    if part.verdict != Verdict::Illegal {
        return None;
    }
    let placed: BTreeSet<usize> = partial.iter().copied().collect();
    let missing = part.operations.iter().copied().filter(|index| !placed.contains(index));
    missing.min_by_key(|&index| history[index].ret)
}

struct Replay {
    steps: Vec<Step>,
    last_fit: LastFit,
}

/// Returns the state after each step of a partial linearization, and the last place at which the model allows
/// the blocked operation.
fn replay<M: Model>(
    model: &M,
    history: &[Operation<M::Input, M::Output>],
    part: &Part,
    partial: &[usize],
) -> Replay {
    let mut state = model.init();
    let blocked = blocked(history, part, partial);
    let fits = |state: &M::State| {
        blocked.is_some_and(|index| {
            let Operation { input, output, .. } = &history[index];
            model.step(state, input, output).is_some()
        })
    };
    let mut last_fit = if fits(&state) { Some(0) } else { None };
    let mut steps = Vec::with_capacity(partial.len());
    for (done, &index) in partial.iter().enumerate() {
        let Operation { input, output, .. } = &history[index];
        state = model.step(&state, input, output).expect("a partial linearization is allowed by its model");
        let bar = part
            .operations
            .binary_search(&index)
            .expect("a partial linearization has only operations of its part");
        steps.push(Step { bar, state: cut(model.describe_state(&state), LONGEST_STATE) });
        if fits(&state) {
            last_fit = Some(done + 1);
        }
    }
    let last_fit = match (blocked, last_fit) {
        (None, _) => LastFit::Unknown,
        (Some(_), None) => LastFit::Never,
        (Some(_), Some(steps)) => LastFit::After(steps),
    };
    Replay { steps, last_fit }
}

/// If the text has at most `limit` bytes, returns the text. If it is longer, returns its beginning, the
/// number of bytes that are left out, and its end.
fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=limit / 2).rev().find(boundary).expect("0 is a boundary of characters");
    let tail =
        (text.len() - limit / 2..=text.len()).find(boundary).expect("the end is a boundary of characters");
    format!("{} ... {} bytes ... {}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::kv::{KvInput, KvModel, KvOutput};
    use crate::{Options, check};

    fn put(client: u32, key: &str, value: &str, call: u64, ret: u64) -> Operation<KvInput, KvOutput> {
        Operation { client, input: KvInput::put(key, value), call, output: KvOutput::none(), ret }
    }

    fn get(client: u32, key: &str, value: &str, call: u64, ret: u64) -> Operation<KvInput, KvOutput> {
        Operation { client, input: KvInput::get(key), call, output: KvOutput::value(value), ret }
    }

    fn picture_of(history: &[Operation<KvInput, KvOutput>]) -> Picture {
        let report = check(&KvModel, history, &Options { partials: true, ..Options::default() });
        picture(&KvModel, history, &report, "a test", vec![])
    }

    #[test]
    fn a_stale_get_is_shown_with_where_it_would_have_fitted() {
        let history = [
            put(0, "x", "a", 0, 10),
            put(1, "y", "z", 0, 10),
            put(0, "x", "b", 20, 30),
            get(1, "x", "b", 40, 50),
            get(2, "x", "a", 60, 70),
        ];
        let picture = picture_of(&history);
        assert_eq!(picture.verdict, Verdict::Illegal);
        assert_eq!(picture.parts.len(), 2);
        let x = &picture.parts[0];
        assert_eq!((x.title.as_str(), x.verdict, x.initial.as_str()), ("key 'x'", Verdict::Illegal, ""));
        assert_eq!(x.operations[3], Bar { client: 2, call: 60, ret: 70, text: "get('x') -> 'a'".into() });
        let steps: Vec<_> = x.partials[0].iter().map(|step| (step.bar, step.state.as_str())).collect();
        assert_eq!(steps, [(0, "a"), (1, "b"), (2, "b")]);
        assert_eq!(x.last_fit, LastFit::After(1));
        let y = &picture.parts[1];
        assert_eq!((y.title.as_str(), y.verdict, y.last_fit), ("key 'y'", Verdict::Ok, LastFit::Unknown));
        assert_eq!(y.partials[0].len(), 1);
    }

    #[test]
    fn a_value_that_was_never_written_fits_nowhere() {
        let picture = picture_of(&[put(0, "x", "a", 0, 10), get(1, "x", "b", 20, 30)]);
        assert_eq!(picture.parts[0].last_fit, LastFit::Never);
    }

    #[test]
    fn a_first_operation_that_fits_nowhere_is_not_called_a_short_search() {
        let history = [get(0, "x", "a", 0, 10), put(1, "x", "a", 20, 30)];
        let part = &picture_of(&history).parts[0];
        assert_eq!((part.partials.as_slice(), part.last_fit), ([vec![]].as_slice(), LastFit::Never));
    }

    #[test]
    fn without_partial_linearizations_there_are_bars() {
        let history = [put(0, "x", "a", 0, 10), get(1, "x", "b", 20, 30)];
        let report = check(&KvModel, &history, &Options::default());
        let picture = picture(&KvModel, &history, &report, "a test", vec![]);
        assert_eq!(picture.parts[0].operations.len(), 2);
        assert!(picture.parts[0].partials.is_empty());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short".into(), 10), "short");
        let text = cut("é".repeat(1000), 101);
        assert!(text.len() < 150 && text.starts_with("éé") && text.ends_with('é'), "{text}");
        assert!(text.contains(" ... 1900 bytes ... "), "{text}");
    }
}
