//! Turns a report into plain data for the page: texts, states in words, and as many orders as a page can
//! hold.

use labrt::collections::BTreeSet;

use super::visualization::{Bar, LastFit, Mark, Picture, PicturePart, Step};
use super::{Model, Operation, Part, Report, Verdict};

/// All partial linearizations of a picture together have at most this many steps; the longest one of each
/// part does not count. The limit is there so that a page opens at once.
const MOST_STEPS: usize = 300_000;

/// A text of an operation that is longer than this is cut; in bytes.
const LONGEST_OPERATION: usize = 1 << 20;

/// A text of a state that is longer than this is cut; in bytes. It is small, because a picture has one state
/// for each step.
const LONGEST_STATE: usize = 2_000;

/// What the check of `history` by `model` has found, for people, with the faults that happened meanwhile.
///
/// The lines through the operations, and the words about the operation that does not fit, need a report with
/// [partial linearizations](super::Options::partials).
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
    // The rest of the space goes to the parts that a reader will look at.
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
    Picture { title: title.into(), verdict: report.verdict, parts, marks }
}

/// One part, with its longest partial linearization.
fn picture_part<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], part: &Part) -> PicturePart {
    let bar = |&index: &usize| {
        let Operation { client, input, call, output, ret } = &history[index];
        let text = cut(model.describe_operation(input, output), LONGEST_OPERATION);
        Bar { client: *client, call: *call, ret: *ret, text }
    };
    // If no operation can be the first, the report has no sequence. The page must be told so.
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
        last_fit: longest.as_ref().map_or(LastFit::Unknown, |replay| replay.last_fit),
        partials: longest.map(|replay| replay.steps).into_iter().collect(),
    }
}

/// Can none of the operations of a part be the first?
fn none_fits<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], part: &Part) -> bool {
    let operations = || part.operations.iter().map(|&index| &history[index]);
    let first_return = operations().map(|operation| operation.ret).min().unwrap_or(u64::MAX);
    let mut first = operations().filter(|operation| operation.call <= first_return);
    let state = model.init();
    first.all(|Operation { input, output, .. }| model.step(&state, input, output).is_none())
}

/// The operation at which a partial linearization ends. Of the operations that are not in it, this is the one
/// that returned first.
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

/// The states that a partial linearization goes through, and the last place where the blocked operation would
/// have fitted.
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
        let bar = part.operations.binary_search(&index).expect("it has operations of its part");
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

/// The text itself, or if it is longer than `limit` bytes: its beginning, the number of bytes left out, and
/// its end.
fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=limit / 2).rev().find(boundary).expect("0 is one");
    let tail = (text.len() - limit / 2..=text.len()).find(boundary).expect("the end is one");
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
