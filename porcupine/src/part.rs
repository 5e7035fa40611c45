//! One part of a history, prepared for the search. It has the order of the calls and returns, but no times.
//!
//! Only the code in this file reads the times of a history. The operations get new numbers in the order of
//! their calls. Each answered operation also has a *rank*, which is its place in the order of returns. For
//! each rank, this file stores how many operations were called before the return with this rank. So the
//! search can compare numbers instead of times. If a call and a return have the same time, the call comes
//! first. Then the two operations overlap. (If they did not overlap, more histories would be illegal.)

use std::cmp::Reverse;

use labrt::collections::BinaryHeap;

use super::history::Span;

/// How the search treats an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The operation changes no state. The search places it as soon as possible.
    Read,
    /// The operation may change the state and was answered. The search must place it before its return.
    Write,
    /// The operation may change the state and was never answered. The search may place it at any time after
    /// its call, or never. An operation whose return is ignored (see [`PartHistory::new`]) is of this kind,
    /// too.
    Unanswered,
}

/// The operations of one part. An operation's number is its place in the order of calls. An operation whose
/// return is ignored counts as one that was never answered.
#[derive(Debug)]
pub(super) struct PartHistory {
    /// The index of each operation in the whole history.
    pub(super) index: Vec<usize>,
    pub(super) kind: Vec<Kind>,
    /// The answered operations, in the order of their returns.
    pub(super) by_return: Vec<u32>,
    /// The answered operations whose return is ignored, as indices in the whole history, in ascending order.
    pub(super) ignored: Vec<usize>,
    /// For each rank, how many operations were called before the return with this rank. If this count is n,
    /// these are the operations 0 to n - 1.
    pub(super) called_before: Vec<u32>,
    /// The rank of each operation. It is `u32::MAX` if the operation was never answered.
    pub(super) rank: Vec<u32>,
    /// The slot of each operation. A slot is a number. Operations that overlap have different slots. The
    /// slots of the answered operations come first, and their numbers are as small as possible. The slots of
    /// operations that were never answered follow, and begin with a multiple of 64.
    pub(super) slot: Vec<u32>,
    /// The number of slots.
    pub(super) slots: usize,
    /// The slots of the answered operations have this number of words with 64 bits.
    pub(super) answered_words: usize,
}

impl PartHistory {
    /// Prepares the operations in `part`, which are indices into `spans`, in ascending order. A return is
    /// ignored if no operation is called after it and `always_possible` says that its answer is possible in
    /// every state.
    ///
    /// # Panics
    /// If the history has too many operations for 32-bit numbers.
    pub(super) fn new<I, O>(
        spans: &[Span<'_, I, O>],
        part: &[usize],
        read_only: impl Fn(&I) -> bool,
        always_possible: impl Fn(&I, &O) -> bool,
    ) -> PartHistory {
        /// A call or a return of an operation. This type is used to sort calls and returns by time. At equal
        /// times, calls come before returns.
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
        struct End {
            time: u64,
            is_return: bool,
            place: usize,
        }
        let last_call = part.iter().map(|&index| spans[index].call).max();
        let says_nothing = |span: &Span<'_, I, O>| {
            last_call.is_some_and(|call| call <= span.ret)
                && span.output.is_some_and(|output| always_possible(span.input, output))
        };
        let ignored: Vec<usize> = part.iter().copied().filter(|&index| says_nothing(&spans[index])).collect();
        let is_answered =
            |index: usize| spans[index].output.is_some() && ignored.binary_search(&index).is_err();
        let mut ends = Vec::with_capacity(2 * part.len());
        for (place, &index) in part.iter().enumerate() {
            let span = &spans[index];
            if is_answered(index) {
                ends.push(End { time: span.ret, is_return: true, place });
            } else if read_only(span.input) {
                continue;
            }
            ends.push(End { time: span.call, is_return: false, place });
        }
        ends.sort_unstable();
        u32::try_from(ends.len())
            .expect("a history that fits into memory has fewer than 2^32 calls and returns");

        let mut history = PartHistory {
            index: Vec::with_capacity(part.len()),
            kind: Vec::with_capacity(part.len()),
            by_return: Vec::with_capacity(part.len()),
            ignored: Vec::new(),
            called_before: Vec::with_capacity(part.len()),
            rank: Vec::with_capacity(part.len()),
            slot: Vec::with_capacity(part.len()),
            slots: 0,
            answered_words: 0,
        };
        let mut unanswered = 0..;
        let mut number_at = vec![0; part.len()];
        let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
        for End { is_return, place, .. } in ends {
            if is_return {
                let op: u32 = number_at[place];
                history.rank[op as usize] = history.by_return.len() as u32;
                history.by_return.push(op);
                history.called_before.push(history.index.len() as u32);
                free.push(Reverse(history.slot[op as usize]));
            } else {
                number_at[place] = history.index.len() as u32;
                let index = part[place];
                history.index.push(index);
                history.kind.push(match () {
                    () if !is_answered(index) => Kind::Unanswered,
                    () if read_only(spans[index].input) => Kind::Read,
                    () => Kind::Write,
                });
                history.rank.push(u32::MAX);
                let slot = if is_answered(index) {
                    free.pop().map_or_else(
                        || {
                            history.slots += 1;
                            history.slots as u32 - 1
                        },
                        |Reverse(slot)| slot,
                    )
                } else {
                    unanswered.next().expect("a range without an end has a next number")
                };
                history.slot.push(slot);
            }
        }
        history.answered_words = history.slots.div_ceil(64);
        history.slots = 64 * history.answered_words + unanswered.start as usize;
        for (slot, kind) in history.slot.iter_mut().zip(&history.kind) {
            if *kind == Kind::Unanswered {
                *slot += 64 * history.answered_words as u32;
            }
        }
        history.ignored = ignored;
        history
    }

    /// How many operations there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// How many operations were answered. The search must place all of them.
    pub(super) fn answered(&self) -> usize {
        self.by_return.len()
    }
}
