//! The check of a whole history. The model divides the history into parts. The check searches all parts on
//! several threads, watches the limits, and gives the verdict.
//!
//! Every part has its own search. The searches run in rounds. In each round the unfinished searches are
//! divided among the threads, and each search runs for one slice of steps. The slices grow from round to
//! round. So an illegal part is found soon, even if it is the last one and the searches of other parts never
//! end. No thread is idle for long.
//!
//! A *partial linearization* is an allowed order of some of the operations. If the caller wants partial
//! linearizations and the history is illegal, there is a second search of the parts that are not Ok. It
//! visits every dead end, and it reports the partial linearizations that it finds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use labrt::offload;
use labrt::sync::Arc;
use labrt::time::Duration;

use super::history::{self, Event, HistoryError, Operation, Span};
use super::model::Model;
use super::options::{EXPLAIN_FOR, Options};
use super::report::{Limit, Part, Report, Verdict};
use super::search::Search;

/// How many steps the first slice has. They take less than a millisecond, so a key with a short proof gets
/// its turn early.
const FIRST_SLICE: u64 = 1 << 10;

/// The first search finds the verdict. The second search finds partial linearizations. It gets at least this
/// much time, even if the verdict came late.
const EXPLAIN_FOR_AT_LEAST: Duration = Duration::from_millis(50);

/// Checks whether a history of operations is linearizable.
///
/// # Panics
/// The function panics if an operation returns before its call. It also panics if the model's partition
/// leaves out an operation or has an operation twice.
pub fn check<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], options: &Options) -> Report {
    check_spans(model, &history::of_operations(history), options)
}

/// Checks whether a history of calls and returns is linearizable. In the report, the operations are numbered
/// in the order of their calls.
///
/// # Errors
/// If two calls have the same id, or if a return has the id of an operation that is not open.
///
/// # Panics
/// If the model's partition leaves out an operation, or has an operation twice.
pub fn check_events<M: Model>(
    model: &M,
    history: &[Event<M::Input, M::Output>],
    options: &Options,
) -> Result<Report, HistoryError> {
    Ok(check_spans(model, &history::of_events(history)?, options))
}

fn check_spans<M: Model>(model: &M, spans: &[Span<'_, M::Input, M::Output>], options: &Options) -> Report {
    let start = offload::real_time();
    let parts = labrt::offload(|| {
        let watch = Watch::of_check(start, options);
        let mut parts = search_all(model, spans, partition(model, spans), false, &watch, options);
        if !options.partials {
            parts.iter_mut().for_each(|part| part.partials.clear());
        } else if parts.iter().any(|part| part.verdict == Verdict::Illegal) {
            explain(model, spans, &mut parts, start, options);
        }
        parts
    });
    let has = |verdict| parts.iter().any(|part| part.verdict == verdict);
    let verdict = match () {
        () if has(Verdict::Illegal) => Verdict::Illegal,
        () if has(Verdict::Unknown) => Verdict::Unknown,
        () => Verdict::Ok,
    };
    let why_unknown = parts.iter().find_map(|part| part.why_unknown).filter(|_| verdict == Verdict::Unknown);
    Report { verdict, why_unknown, parts, took: offload::real_time() - start }
}

/// Searches again in the parts that are not Ok, now for partial linearizations.
fn explain<M: Model>(
    model: &M,
    spans: &[Span<'_, M::Input, M::Output>],
    parts: &mut [Part],
    start: Duration,
    options: &Options,
) {
    let watch = Watch::of_explanation(start, options);
    let unclear: Vec<&mut Part> = parts.iter_mut().filter(|part| part.verdict != Verdict::Ok).collect();
    let operations = unclear.iter().map(|part| part.operations.clone()).collect();
    let explained = search_all(model, spans, operations, true, &watch, options);
    for (part, explained) in unclear.into_iter().zip(explained) {
        part.partials = explained.partials;
        part.blocked = explained.blocked.or(part.blocked);
        part.steps += explained.steps;
        // A limit may have stopped the first search, which looks for a verdict. If the second search came to
        // its end, the verdict of the second search counts.
        if explained.verdict != Verdict::Unknown {
            (part.verdict, part.why_unknown) = (explained.verdict, None);
        }
    }
}

fn partition<M: Model>(model: &M, spans: &[Span<'_, M::Input, M::Output>]) -> Vec<Vec<usize>> {
    let inputs: Vec<&M::Input> = spans.iter().map(|span| span.input).collect();
    let mut parts = model.partition(&inputs);
    // An operation that is in no part would not be checked at all.
    let mut in_part = vec![false; inputs.len()];
    for &index in parts.iter().flatten() {
        assert!(
            !std::mem::replace(&mut in_part[index], true),
            "operation {index} is in two parts of the model"
        );
    }
    if let Some(lost) = in_part.iter().position(|&found| !found) {
        panic!("operation {lost} is in no part of the model");
    }
    parts.iter_mut().for_each(|part| part.sort_unstable());
    parts
}

fn search_all<M: Model>(
    model: &M,
    spans: &[Span<'_, M::Input, M::Output>],
    parts: Vec<Vec<usize>>,
    explain: bool,
    watch: &Watch,
    options: &Options,
) -> Vec<Part> {
    let threads = options.threads.unwrap_or_else(|| offload::available_parallelism().map_or(1, usize::from));
    let search = |part| Search::new(model, spans, part, explain);
    let mut searches: Vec<_> = parts.into_iter().map(search).collect();
    let mut slice = FIRST_SLICE;
    while one_round(&mut searches, threads.max(1), slice, watch) {
        slice = slice.saturating_mul(2);
    }
    searches.into_iter().map(Search::into_part).collect()
}

/// Runs each unfinished search for one slice. Returns false if there was no unfinished search.
fn one_round<M: Model>(searches: &mut [Search<'_, M>], threads: usize, slice: u64, watch: &Watch) -> bool {
    let mut hands: Vec<Vec<&mut Search<'_, M>>> = Vec::new();
    for (place, search) in searches.iter_mut().filter(|search| search.is_open()).enumerate() {
        match hands.get_mut(place % threads) {
            Some(hand) => hand.push(search),
            None => hands.push(vec![search]),
        }
    }
    let Some(own) = hands.pop() else { return false };
    let run = |hand: Vec<&mut Search<'_, M>>| {
        for search in hand {
            search.run(slice, watch);
            if !search.is_open() {
                watch.count_done(search.operations());
            }
        }
    };
    offload::scope(|scope| {
        let others: Vec<_> = hands.into_iter().map(|hand| scope.spawn(|| run(hand))).collect();
        run(own);
        for other in others {
            // If the model has panicked in another thread, this thread panics with the same message.
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    true
}

/// The limits that stop the searches. All searches of a check have the same `Watch`.
pub(super) struct Watch {
    /// The time at which the searches must stop, on the machine's clock. `None` means no time limit.
    deadline: Option<Duration>,
    /// How many steps the search of one part may take.
    pub(super) steps: u64,
    memory: usize,
    /// How many bytes all searches together hold.
    used: AtomicUsize,
    cancel: Option<Arc<AtomicBool>>,
    /// How many operations are in parts that have been searched. The caller may show this number while the
    /// check runs.
    progress: Option<Arc<AtomicUsize>>,
    /// If true, one illegal part ends the searches of all other parts.
    first_illegal_settles: bool,
    settled: AtomicBool,
}

impl Watch {
    /// The limits of the search for a verdict.
    fn of_check(start: Duration, options: &Options) -> Watch {
        Watch {
            deadline: options.limit.map(|limit| start.saturating_add(limit)),
            steps: options.steps.unwrap_or(u64::MAX),
            memory: options.memory,
            used: AtomicUsize::new(0),
            cancel: options.cancel.clone(),
            progress: options.progress.clone(),
            first_illegal_settles: true,
            settled: AtomicBool::new(false),
        }
    }

    /// The limits of the search for partial linearizations. This search may use the time that the first
    /// search has not used.
    fn of_explanation(start: Duration, options: &Options) -> Watch {
        let mut watch = Watch::of_check(start, options);
        let now = offload::real_time();
        let left = watch.deadline.map_or(EXPLAIN_FOR, |deadline| deadline.saturating_sub(now));
        watch.deadline = Some(now + left.clamp(EXPLAIN_FOR_AT_LEAST, EXPLAIN_FOR));
        watch.first_illegal_settles = false;
        watch.progress = None;
        watch
    }

    /// The limit that has been reached, if there is one.
    pub(super) fn struck(&self) -> Option<Limit> {
        if self.settled.load(Relaxed) {
            return Some(Limit::Settled);
        }
        if self.cancel.as_ref().is_some_and(|cancel| cancel.load(Relaxed)) {
            return Some(Limit::Cancelled);
        }
        if self.used.load(Relaxed) > self.memory {
            return Some(Limit::Memory);
        }
        self.deadline.filter(|&deadline| offload::real_time() >= deadline).map(|_| Limit::Time)
    }

    /// Notes that a search now holds `bytes` bytes. Before, it held `counted` bytes.
    pub(super) fn count_memory(&self, bytes: usize, counted: &mut usize) {
        // If the search needs less memory than before, the subtraction wraps around. The atomic addition
        // wraps around, too, so the sum is right again.
        self.used.fetch_add(bytes.wrapping_sub(*counted), Relaxed);
        *counted = bytes;
    }

    /// Notes that the search of a part with this many operations has ended.
    fn count_done(&self, operations: usize) {
        if let Some(progress) = &self.progress {
            progress.fetch_add(operations, Relaxed);
        }
    }

    /// Notes that a part is illegal.
    pub(super) fn found_illegal(&self) {
        if self.first_illegal_settles {
            self.settled.store(true, Relaxed);
        }
    }
}
