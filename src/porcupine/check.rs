//! All parts of a history at once: threads, limits, and the verdict on the whole.
//!
//! Every part has its search. The searches go on in rounds: in each, those that are not done are dealt to the threads,
//! and each is taken a slice further. The slices grow from round to round. So an illegal part is found soon even
//! if it is last and other parts take for ever, and no thread is idle for long.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use labrt::offload;
use labrt::sync::Arc;
use labrt::time::Duration;

use super::history::{self, Event, HistoryError, Operation, Span};
use super::model::Model;
use super::options::{AFTER_ILLEGAL, Options};
use super::report::{Limit, Part, Report, Verdict};
use super::search::Search;

/// The steps of the first slice: a few milliseconds.
const FIRST_SLICE: u64 = 1 << 16;

/// Is a history of operations linearizable?
///
/// # Panics
/// If an operation returns before it is called, or if the model's partition is none.
pub fn check<M: Model>(model: &M, history: &[Operation<M::Input, M::Output>], options: &Options) -> Report {
    check_spans(model, &history::of_operations(history), options)
}

/// Is a history of calls and returns linearizable? Operations are numbered in the order of their calls.
///
/// # Errors
/// If events call twice under one id, or return from what is not open.
///
/// # Panics
/// If the model's partition is none.
pub fn check_events<M: Model>(
    model: &M,
    history: &[Event<M::Input, M::Output>],
    options: &Options,
) -> Result<Report, HistoryError> {
    Ok(check_spans(model, &history::of_events(history)?, options))
}

fn check_spans<M: Model>(model: &M, spans: &[Span<'_, M::Input, M::Output>], options: &Options) -> Report {
    let watch = Watch::new(options);
    let threads = options.threads.unwrap_or_else(|| offload::available_parallelism().map_or(1, usize::from));
    let parts: Vec<Part> = labrt::offload(|| {
        let parts = partition(model, spans);
        let search = |part| Search::new(model, spans, part, options.partials);
        let mut searches: Vec<_> = parts.into_iter().map(search).collect();
        search_all(&mut searches, threads.max(1), &watch);
        searches.into_iter().map(Search::into_part).collect()
    });
    let has = |verdict| parts.iter().any(|part| part.verdict == verdict);
    let verdict = match () {
        () if has(Verdict::Illegal) => Verdict::Illegal,
        () if has(Verdict::Unknown) => Verdict::Unknown,
        () => Verdict::Ok,
    };
    let why_unknown = parts.iter().find_map(|part| part.why_unknown).filter(|_| verdict == Verdict::Unknown);
    Report { verdict, why_unknown, parts, took: offload::real_time() - watch.start }
}

fn partition<M: Model>(model: &M, spans: &[Span<'_, M::Input, M::Output>]) -> Vec<Vec<usize>> {
    let inputs: Vec<&M::Input> = spans.iter().map(|span| span.input).collect();
    let mut parts = model.partition(&inputs);
    // What is in no part would go unchecked.
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

fn search_all<M: Model>(searches: &mut [Search<'_, M>], threads: usize, watch: &Watch) {
    let mut slice = FIRST_SLICE;
    loop {
        let mut hands: Vec<Vec<&mut Search<'_, M>>> = Vec::new();
        for (place, search) in searches.iter_mut().filter(|search| search.is_open()).enumerate() {
            match hands.get_mut(place % threads) {
                Some(hand) => hand.push(search),
                None => hands.push(vec![search]),
            }
        }
        let Some(own) = hands.pop() else { return };
        let run =
            |hand: Vec<&mut Search<'_, M>>| hand.into_iter().for_each(|search| search.run(slice, watch));
        offload::scope(|scope| {
            let others: Vec<_> = hands.into_iter().map(|hand| scope.spawn(|| run(hand))).collect();
            run(own);
            for other in others {
                // A panic of the model is the caller's to see, as it is.
                other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        });
        slice = slice.saturating_mul(2);
    }
}

/// What may stop the searches, all of them.
pub(super) struct Watch {
    start: Duration,
    /// When to stop, in ns of the machine's clock; `u64::MAX`: never.
    deadline: AtomicU64,
    /// The most steps of a part.
    pub(super) steps: u64,
    memory: usize,
    /// How many bytes all searches hold.
    used: AtomicUsize,
    cancel: Option<Arc<AtomicBool>>,
    /// Does an illegal part settle it all?
    first_illegal_settles: bool,
    settled: AtomicBool,
}

impl Watch {
    fn new(options: &Options) -> Watch {
        let start = offload::real_time();
        Watch {
            start,
            deadline: AtomicU64::new(
                options.limit.map_or(u64::MAX, |limit| nanos(start.saturating_add(limit))),
            ),
            steps: options.steps.unwrap_or(u64::MAX),
            memory: options.memory,
            used: AtomicUsize::new(0),
            cancel: options.cancel.clone(),
            first_illegal_settles: !options.partials,
            settled: AtomicBool::new(false),
        }
    }

    /// Has a limit struck?
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
        let deadline = self.deadline.load(Relaxed);
        (deadline != u64::MAX && nanos(offload::real_time()) >= deadline).then_some(Limit::Time)
    }

    /// A search that held `counted` bytes now holds `bytes`.
    pub(super) fn count_memory(&self, bytes: usize, counted: &mut usize) {
        // Wrapping, as atomics do: the sum of all changes is never below zero.
        self.used.fetch_add(bytes.wrapping_sub(*counted), Relaxed);
        *counted = bytes;
    }

    /// A part is illegal.
    pub(super) fn found_illegal(&self) {
        if self.first_illegal_settles {
            self.settled.store(true, Relaxed);
        } else {
            let soon = nanos(offload::real_time() + AFTER_ILLEGAL);
            // Only if there was no limit.
            let _ = self.deadline.compare_exchange(u64::MAX, soon, Relaxed, Relaxed);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
}
