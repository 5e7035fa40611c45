//! The search for a linearization of one part. The search can be interrupted and continued.
//!
//! The operations that are not placed are in three linked lists, in the order of their calls: reads, writes,
//! and operations that were never answered. One of these operations returned first. An operation may be the
//! next one only if it was called before this return. The *horizon* is the smallest number of an operation
//! that was called later. In each list, the operations below the horizon come first. The lists consist of
//! indices, and no function calls itself. So only the memory limits the length of a history.

use std::borrow::Cow;

use labrt::collections::BTreeSet;

use super::check::Watch;
use super::history::Span;
use super::linearized::Linearized;
use super::model::Model;
use super::part::{Kind, PartHistory};
use super::partial::Partials;
use super::report::{Limit, Part, Verdict};
use super::visited::Visited;

/// The search takes this many steps between two checks of the limits.
const LOOK_EVERY: u64 = 128;

/// Before the search places a write, it checks whether the next reads can still get their answers. It checks
/// this number of reads.
const LOOK_AHEAD: usize = 4;

/// A search in one part.
pub(super) struct Search<'a, M: Model> {
    model: &'a M,
    spans: &'a [Span<'a, M::Input, M::Output>],
    operations: Vec<usize>,
    history: PartHistory,

    /// The operations that are placed, and their order.
    set: Linearized,
    stack: Vec<Placed>,
    /// The operations that are not placed.
    lists: Lists,
    /// The next write to try in this configuration. If all writes have been tried, this is the next
    /// unanswered operation to try. All reads that the state allows are already placed.
    cursor: u32,
    /// The index of the present state in `visited`.
    state: u32,
    visited: Visited<M::State>,

    /// The partial linearizations. This is `None` if the caller does not need them. A search that collects
    /// partial linearizations visits all dead ends. It does not check the next reads before it places a
    /// write.
    partials: Option<Partials>,
    /// The length of the longest sequence of placed operations at a dead end so far, and an operation that
    /// could not follow this sequence.
    blocked: Option<(usize, u32)>,
    steps: u64,
    /// How many bytes the [`Watch`] has counted for this search.
    counted: usize,
    end: Option<Result<Verdict, Limit>>,
    /// If the part is Ok, these are the indices of the answered operations that come after all placed ones.
    at_the_end: Vec<usize>,
}

/// An operation on the path of the search.
struct Placed {
    op: u32,
    /// The state before this operation, as an index in `visited`.
    state: u32,
}

impl<'a, M: Model> Search<'a, M> {
    /// Searches the part of `spans` that consists of `operations`. If `explain` is true, the search also
    /// collects partial linearizations.
    pub(super) fn new(
        model: &'a M,
        spans: &'a [Span<'a, M::Input, M::Output>],
        operations: Vec<usize>,
        explain: bool,
    ) -> Search<'a, M> {
        // A picture shows where every answered operation has its place. So a search for pictures ignores no
        // return.
        let always_possible = |input: &_, output: &_| !explain && model.always_possible(input, output);
        let history = PartHistory::new(spans, &operations, |input| model.read_only(input), always_possible);
        let set = Linearized::none_of(&history);
        let lists = Lists::new(&history.kind);
        // A search for pictures visits all dead ends. So it compares configurations completely.
        let mut visited =
            Visited::new(if explain { history.slots.div_ceil(64) } else { history.answered_words });
        let init = model.init();
        let footprint = model.footprint(&init);
        let state = visited.insert(&set, init, footprint).expect("the first configuration is new");
        let mut search = Search {
            model,
            spans,
            operations,
            set,
            stack: Vec::new(),
            cursor: 0,
            lists,
            state,
            visited,
            partials: explain.then(|| Partials::new(history.len())),
            history,
            blocked: None,
            steps: 0,
            counted: 0,
            end: None,
            at_the_end: Vec::new(),
        };
        search.arrive();
        search
    }

    /// How many operations the part has.
    pub(super) fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Returns true if the search is not finished.
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Continues the search for about this many steps, or until it ends.
    pub(super) fn run(&mut self, slice: u64, watch: &Watch) {
        let until = (self.steps + slice).min(watch.steps);
        let mut look = self.steps;
        while self.steps < until {
            if self.steps >= look {
                if let Some(limit) = self.look(watch) {
                    return self.finish(Err(limit), watch);
                }
                look = self.steps + LOOK_EVERY;
            }
            if self.set.is_complete(&self.history) {
                return self.finish(Ok(Verdict::Ok), watch);
            }
            self.steps += 1;
            match self.candidate() {
                Some(op) if self.try_place(op) => self.arrive(),
                Some(op) => self.cursor = self.lists.next(op),
                None => {
                    self.note_dead_end();
                    if !self.go_back() {
                        return self.finish(Ok(Verdict::Illegal), watch);
                    }
                }
            }
        }
        if self.steps >= watch.steps {
            self.finish(Err(Limit::Steps), watch);
        }
    }

    /// The next operation to try in this configuration.
    fn candidate(&mut self) -> Option<u32> {
        let horizon = self.set.horizon(&self.history);
        if self.cursor >= horizon && self.lists.kind[self.cursor as usize] == Kind::Write {
            // There are no more writes, or the other writes are not below the horizon.
            self.cursor = self.lists.first(Kind::Unanswered);
        }
        (self.cursor < horizon).then_some(self.cursor)
    }

    /// Places a write or an unanswered operation, if the model allows it and the configuration is new. A
    /// configuration is not new if an earlier one had the same state and the same answered operations, and
    /// only operations that this one has, too (see the crate's page).
    /// Returns whether the operation was placed.
    fn try_place(&mut self, op: u32) -> bool {
        let Some(next) = self.step(op) else { return false };
        let now = self.visited.state(self.state);
        if self.history.kind[op as usize] == Kind::Unanswered && next == *now {
            // In this state the unanswered operation would change nothing. So it need not be placed here.
            return false;
        }
        if self.makes_last_needless(op, &next) {
            return false;
        }
        if let Some(read) = self.out_of_reach(op, &next) {
            self.note_blocked(self.stack.len() + 1, read);
            return false;
        }
        self.set.insert(op, &self.history);
        let footprint = self.model.footprint(&next);
        let Some(state) = self.visited.insert(&self.set, next, footprint) else {
            self.set.remove(op, &self.history);
            return false;
        };
        self.push(op);
        self.state = state;
        true
    }

    /// `next` is the state after `op`, if the search places `op` now. Is this also the state after `op` if
    /// the search does not place the last operation, and need it not be placed?
    fn makes_last_needless(&self, op: u32, next: &M::State) -> bool {
        let Some(last) = self.stack.last() else { return false };
        self.partials.is_none()
            && self.history.kind[last.op as usize] == Kind::Unanswered
            && self.step_from(last.state, op).as_ref() == Some(next)
    }

    /// `state` is the state after `write`, if the search places `write` now. This method checks the next
    /// reads. It returns a read that could then never get its answer, or `None` if it finds no such read.
    fn out_of_reach(&self, write: u32, state: &M::State) -> Option<u32> {
        if self.partials.is_some() {
            return None;
        }
        let input = |op: u32| self.span(op).input;
        let attainable = |&read: &u32| {
            let Some(output) = self.span(read).output else { return true };
            let called_before = self.history.called_before[self.history.rank[read as usize] as usize];
            let in_time = |kind| self.lists.walk(kind).take_while(|&op| op < called_before);
            let others = in_time(Kind::Write).chain(in_time(Kind::Unanswered)).filter(|&op| op != write);
            self.model.attainable(state, others.map(input), input(read), output)
        };
        self.lists.walk(Kind::Read).take(LOOK_AHEAD).find(|read| !attainable(read))
    }

    /// Begins the work in a new configuration. Places all reads that the state allows, and sets the cursor to
    /// the first write.
    fn arrive(&mut self) {
        let mut read = self.lists.first(Kind::Read);
        while !self.set.is_complete(&self.history) && read < self.set.horizon(&self.history) {
            self.steps += 1;
            let next = self.lists.next(read);
            if self.step(read).is_some() {
                self.set.insert(read, &self.history);
                self.push(read);
            }
            read = next;
        }
        self.cursor = self.lists.first(Kind::Write);
    }

    fn step(&self, op: u32) -> Option<M::State> {
        self.step_from(self.state, op)
    }

    /// Like [`step`](Search::step), but from a state that is an index in `visited`.
    fn step_from(&self, state: u32, op: u32) -> Option<M::State> {
        let span = self.span(op);
        let state = self.visited.state(state);
        match span.output {
            Some(output) => self.model.step(state, span.input, output),
            None => self.model.step_unanswered(state, span.input),
        }
    }

    fn span(&self, op: u32) -> &'a Span<'a, M::Input, M::Output> {
        &self.spans[self.history.index[op as usize]]
    }

    fn push(&mut self, op: u32) {
        self.lists.unlink(op);
        self.stack.push(Placed { op, state: self.state });
        if let Some(partials) = &mut self.partials {
            partials.push(op);
        }
    }

    /// Removes the last operation that is not a read, and all reads after it, from the order. Continues with
    /// the next candidate. Returns false if the order has only reads. Then the search has tried all orders.
    fn go_back(&mut self) -> bool {
        while let Some(Placed { op, state }) = self.stack.pop() {
            self.set.remove(op, &self.history);
            self.lists.relink(op);
            if let Some(partials) = &mut self.partials {
                partials.pop();
            }
            if self.history.kind[op as usize] != Kind::Read {
                self.state = state;
                self.cursor = self.lists.next(op);
                return true;
            }
        }
        false
    }

    fn note_dead_end(&mut self) {
        self.note_blocked(self.stack.len(), self.history.by_return[self.set.frontier as usize]);
        if let Some(partials) = &mut self.partials {
            partials.note();
        }
    }

    fn note_blocked(&mut self, length: usize, op: u32) {
        if self.blocked.is_none_or(|(longest, _)| longest < length) {
            self.blocked = Some((length, op));
        }
    }

    /// The limit that has been reached, if there is one.
    fn look(&mut self, watch: &Watch) -> Option<Limit> {
        let bytes = self.visited.bytes() + self.partials.as_ref().map_or(0, Partials::bytes);
        watch.count_memory(bytes, &mut self.counted);
        watch.struck()
    }

    /// Ends the search and frees its memory.
    fn finish(&mut self, end: Result<Verdict, Limit>, watch: &Watch) {
        if end == Ok(Verdict::Ok) {
            self.at_the_end = self.place_the_rest();
        }
        self.end = Some(end);
        self.visited = Visited::new(0);
        watch.count_memory(0, &mut self.counted);
        if end == Ok(Verdict::Illegal) {
            watch.found_illegal();
        }
    }

    /// Places the operations that were answered, but are not in the order, because their returns were
    /// ignored. Returns their indices in the whole history.
    ///
    /// # Panics
    /// If the model refuses such an operation, although it has said that the answer is always possible.
    fn place_the_rest(&self) -> Vec<usize> {
        let mut rest: BTreeSet<usize> = self.history.ignored.iter().copied().collect();
        if !rest.is_empty() {
            for Placed { op, .. } in &self.stack {
                rest.remove(&self.history.index[*op as usize]);
            }
        }
        let mut state = Cow::Borrowed(self.visited.state(self.state));
        for &index in &rest {
            let Span { input, output, .. } = &self.spans[index];
            let output = output.expect("only a return can be ignored");
            let next = self.model.step(&state, input, output);
            state = Cow::Owned(next.unwrap_or_else(|| {
                panic!(
                    "the model says that the answer {output:?} to {input:?} is always possible, but it is not \
                     possible in state {state:?}"
                )
            }));
        }
        rest.into_iter().collect()
    }

    /// The result of the search.
    pub(super) fn into_part(self) -> Part {
        let end = self.end.unwrap_or(Err(Limit::Settled));
        let verdict = end.unwrap_or(Verdict::Unknown);
        let sequences = match &self.partials {
            _ if verdict == Verdict::Ok => vec![self.stack.iter().map(|placed| placed.op).collect()],
            Some(partials) => partials.sequences(),
            None => Vec::new(),
        };
        let index_of = |op: u32| self.history.index[op as usize];
        // `at_the_end` is empty if the part is not Ok.
        let indices_of = |sequence: Vec<u32>| {
            sequence.into_iter().map(index_of).chain(self.at_the_end.iter().copied()).collect()
        };
        Part {
            verdict,
            why_unknown: end.err(),
            partials: sequences.into_iter().map(indices_of).collect(),
            blocked: self.blocked.filter(|_| verdict != Verdict::Ok).map(|(_, op)| index_of(op)),
            steps: self.steps,
            operations: self.operations,
        }
    }
}

/// Three linked lists of operations, one for each [`Kind`]. Each list is in the order of the operations'
/// numbers.
///
/// Each list is a ring with a head of its own. The numbers of the heads are greater than the numbers of all
/// operations.
struct Lists {
    /// The links of the operations, in the order of their numbers, and then the links of the heads.
    links: Vec<Link>,
    kind: Vec<Kind>,
}

struct Link {
    previous: u32,
    next: u32,
}

impl Lists {
    fn new(kinds: &[Kind]) -> Lists {
        let heads = [Kind::Read, Kind::Write, Kind::Unanswered];
        let kind: Vec<Kind> = kinds.iter().chain(&heads).copied().collect();
        let alone = |number| Link { previous: number as u32, next: number as u32 };
        let mut lists = Lists { links: (0..kind.len()).map(alone).collect(), kind };
        for (op, &kind) in (0..).zip(kinds) {
            let head = lists.head(kind);
            let link = Link { previous: lists.links[head as usize].previous, next: head };
            lists.links[op as usize] = link;
            lists.relink(op);
        }
        lists
    }

    fn head(&self, kind: Kind) -> u32 {
        (self.links.len() - 3) as u32 + kind as u32
    }

    /// The first operation in a list. If the list is empty, this is the head of the list.
    fn first(&self, kind: Kind) -> u32 {
        self.next(self.head(kind))
    }

    /// All operations in a list.
    fn walk(&self, kind: Kind) -> impl Iterator<Item = u32> {
        let head = self.head(kind);
        std::iter::successors(Some(self.next(head)), |&op| Some(self.next(op)))
            .take_while(move |&op| op != head)
    }

    /// The operation after `op` in its list. If `op` is the last operation, this is the head of the list.
    fn next(&self, op: u32) -> u32 {
        self.links[op as usize].next
    }

    fn unlink(&mut self, op: u32) {
        let Link { previous, next } = self.links[op as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
    }

    /// Puts an operation back into its list, at its old place. If several operations were unlinked, they must
    /// be put back in the reverse order.
    fn relink(&mut self, op: u32) {
        let Link { previous, next } = self.links[op as usize];
        self.links[previous as usize].next = op;
        self.links[next as usize].previous = op;
    }
}
