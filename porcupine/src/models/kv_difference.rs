//! A get has read a value, but an order of operations gives another value. The code in this file compares the
//! two values, and says in words what differs: which writes are missing, which are there twice, and which
//! stand in the wrong order.
//!
//! Long values are not in the history as bytes, only as a [`Text`]: a fingerprint and the last bytes. That is
//! enough for most mistakes. The last bytes are taken apart into values that were written. The fingerprint of
//! the rest is compared with the fingerprints of all earlier values of the order. If none is equal, the
//! search tries values in which one write is missing, is there twice, or has another place.

use labrt::collections::HashMap;

use super::kv::{KvInput, KvOp};
use super::text::{Print, Text};
use crate::Piece;

/// A sentence names at most this number of operations.
const MOST_NAMED: usize = 3;

/// The search looks for one write that is there twice or has another place. It tries only this number of last
/// writes.
const DEEPEST: usize = 400;

/// A write: its index in the list of all inputs, and the print of its value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Write {
    index: usize,
    value: Print,
}

/// What is wrong with a value. The numbers are indices of inputs.
#[derive(Debug, PartialEq)]
enum Wrong {
    /// The value is an earlier value of the order. These writes came after it.
    Old(Vec<usize>),
    /// The value is empty, although there were these writes.
    Empty(Vec<usize>),
    /// These writes are missing. The value has the effect of a later write.
    Missing(Vec<usize>, usize),
    /// This write is there twice.
    Twice(usize),
    /// The first write stands before the second one.
    Order(usize, usize),
    /// The value has the effect of this write, which the order does not have.
    NotPlaced(usize),
    /// No write has written the end of the value.
    Unknown,
}

/// Says how `value` differs from the value after `placed`.
pub(super) fn of(placed: &[&KvInput], others: &[&KvInput], value: &Text) -> Vec<Piece> {
    let wrong = Comparison::new(placed, others, value).find();
    wrong.into_iter().enumerate().flat_map(|(at, wrong)| sentence(at, &wrong, placed)).collect()
}

struct Comparison<'a> {
    placed: &'a [&'a KvInput],
    /// `states[n]` is the value after the first n placed operations.
    states: Vec<Print>,
    /// The writes that make the last value of the order: the last put, if there is one, and the appends after
    /// it.
    writes: Vec<Write>,
    /// The last writes of the value that was read, from the last one backwards.
    tail: Vec<Write>,
    /// `rests[n]` is the print of the value without its last n writes.
    rests: Vec<Print>,
    empty: bool,
}

impl<'a> Comparison<'a> {
    fn new(placed: &'a [&'a KvInput], others: &'a [&'a KvInput], value: &'a Text) -> Comparison<'a> {
        let mut states = vec![Text::EMPTY.print()];
        let mut writes = Vec::new();
        for (index, input) in placed.iter().enumerate() {
            let print = input.value.print();
            let state = states[index];
            states.push(match input.op {
                KvOp::Get => state,
                KvOp::Put => print,
                KvOp::Append => state.followed_by(print),
            });
            match input.op {
                KvOp::Get => continue,
                KvOp::Put => writes.clear(),
                KvOp::Append => {}
            }
            writes.push(Write { index, value: print });
        }
        let (tail, rests) = tail(placed, others, value);
        Comparison { placed, states, writes, tail, rests, empty: value.is_empty() }
    }

    /// What is wrong with the value. The list is empty if the search has found nothing.
    fn find(&self) -> Vec<Wrong> {
        let later = |from: usize| -> Vec<usize> {
            (from..self.placed.len()).filter(|&at| self.placed[at].op != KvOp::Get).collect()
        };
        if self.empty {
            return vec![Wrong::Empty(later(0))];
        }
        // If several states are equal, the last one counts.
        let of_state: HashMap<Print, usize> =
            self.states.iter().enumerate().map(|(at, &state)| (state, at)).collect();
        let start = self.rests.iter().enumerate().find_map(|(cut, rest)| Some((cut, *of_state.get(rest)?)));
        let began = self.placed.len()
            - self.placed.iter().rev().position(|input| input.op == KvOp::Put).unwrap_or(self.placed.len());
        match start {
            Some((0, state)) => vec![Wrong::Old(later(state))],
            // The value begins with an earlier value, which a later put has replaced. The earlier value may
            // be empty.
            Some((cut, state)) if state < began => {
                let tail: Vec<Write> = self.tail[..cut].iter().rev().copied().collect();
                if self.states[state].len() == 0 {
                    self.compare(0, &tail)
                } else {
                    vec![Wrong::Old(later(state))]
                }
            }
            Some((cut, state)) => {
                let tail: Vec<Write> = self.tail[..cut].iter().rev().copied().collect();
                let common = self.writes.iter().take_while(|write| write.index < state).count();
                self.compare(common, &tail)
            }
            None if self.tail.is_empty() => vec![Wrong::Unknown],
            None => self.search(),
        }
    }

    /// Compares the writes of the order with the writes of the value. The first `common` writes are the same.
    fn compare(&self, common: usize, found: &[Write]) -> Vec<Wrong> {
        let expected = &self.writes[common..];
        let has = |list: &[Write], value: Print| list.iter().any(|write| write.value == value);
        let mut wrong = Vec::new();
        let missing: Vec<Write> = expected.iter().copied().filter(|write| !has(found, write.value)).collect();
        if let Some(first) = missing.first() {
            let after =
                expected.iter().skip_while(|write| *write != first).find(|write| has(found, write.value));
            let missing = missing.iter().map(|write| write.index).collect();
            wrong.push(after.map_or(Wrong::Old(missing), |after| {
                let before = expected.iter().take_while(|write| *write != after);
                Wrong::Missing(
                    before.filter(|write| !has(found, write.value)).map(|write| write.index).collect(),
                    after.index,
                )
            }));
        }
        for (at, write) in found.iter().enumerate() {
            if has(&found[..at], write.value) || has(&self.writes[..common], write.value) {
                wrong.push(Wrong::Twice(write.index));
            } else if !has(expected, write.value) {
                wrong.push(Wrong::NotPlaced(write.index));
            }
        }
        if wrong.is_empty() {
            let differ = expected.iter().zip(found).find(|(expected, found)| expected.value != found.value);
            wrong.extend(differ.map(|(expected, found)| Wrong::Order(found.index, expected.index)));
        }
        wrong.truncate(2);
        wrong
    }

    /// Looks for one mistake that is far from the value's end: a write is missing, is there twice, or has
    /// another place.
    fn search(&self) -> Vec<Wrong> {
        let foreign =
            self.tail.iter().take_while(|write| !self.writes.iter().any(|own| own.value == write.value));
        let (cut, rest) = (foreign.clone().count(), self.rests[foreign.count()]);
        let mut wrong: Vec<Wrong> = self.one_mistake(rest).into_iter().collect();
        if !wrong.is_empty() {
            wrong.extend(self.tail[..cut].last().map(|write| Wrong::NotPlaced(write.index)));
        }
        wrong
    }

    fn one_mistake(&self, rest: Print) -> Option<Wrong> {
        let n = self.writes.len();
        let mut starts = vec![Text::EMPTY.print()];
        for write in &self.writes {
            starts.push(starts[starts.len() - 1].followed_by(write.value));
        }
        let between = |from: usize, to: usize| starts[to].without_start(starts[from]);
        let of_length = |len: u64| starts.binary_search_by_key(&len, |start| start.len()).ok();
        for (at, write) in self.writes.iter().enumerate() {
            let Some(end) = of_length(rest.len() + write.value.len()).filter(|&end| end > at) else {
                continue;
            };
            if starts[at].followed_by(between(at + 1, end)?) == rest {
                let after = self.writes.get(at + 1).filter(|_| end > at + 1);
                let index = write.index;
                return Some(
                    after.map_or(Wrong::Old(vec![index]), |after| Wrong::Missing(vec![index], after.index)),
                );
            }
        }
        for (at, write) in self.writes.iter().enumerate().skip(n.saturating_sub(DEEPEST)) {
            let Some(end) = rest.len().checked_sub(write.value.len()).and_then(of_length) else { continue };
            for (place, start) in starts.iter().enumerate().take(end + 1).skip(at + 1) {
                if start.followed_by(write.value).followed_by(between(place, end)?) == rest {
                    return Some(Wrong::Twice(write.index));
                }
            }
        }
        let end = of_length(rest.len())?;
        for (at, write) in self.writes.iter().enumerate().take(end).skip(n.saturating_sub(DEEPEST)) {
            for place in n.saturating_sub(DEEPEST)..=end {
                let parts = match place {
                    _ if place < at => {
                        [starts[place], write.value, between(place, at)?, between(at + 1, end)?]
                    }
                    _ if place > at + 1 => {
                        [starts[at], between(at + 1, place)?, write.value, between(place, end)?]
                    }
                    _ => continue,
                };
                if parts[1..].iter().fold(parts[0], |text, part| text.followed_by(*part)) == rest {
                    let [moved, other] =
                        [write.index, self.writes[if place < at { place } else { place - 1 }].index];
                    return Some(if place < at {
                        Wrong::Order(moved, other)
                    } else {
                        Wrong::Order(other, moved)
                    });
                }
            }
        }
        None
    }
}

/// Takes the known end of a value apart into values that were written. Returns two lists. The first list has
/// these writes, from the last one backwards. Item n of the second list is the print of the value without its
/// last n writes.
fn tail(placed: &[&KvInput], others: &[&KvInput], value: &Text) -> (Vec<Write>, Vec<Print>) {
    let inputs: Vec<&KvInput> = placed.iter().chain(others).copied().collect();
    // If several writes have the same value, the first one counts.
    let writes: HashMap<&[u8], Write> = inputs
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, input)| input.op != KvOp::Get && !input.value.is_empty())
        .filter_map(|(index, input)| {
            Some((input.value.bytes()?, Write { index, value: input.value.print() }))
        })
        .collect();
    let mut lengths: Vec<usize> = writes.keys().map(|bytes| bytes.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let (mut known, mut rest) = (value.known_end(), value.print());
    let (mut tail, mut rests) = (Vec::new(), vec![rest]);
    while let Some(write) =
        lengths.iter().rev().find_map(|len| writes.get(&known[known.len().checked_sub(*len)?..]))
    {
        known = &known[..known.len() - write.value.len() as usize];
        rest = rest.without_end(write.value).expect("the value ends with this text");
        tail.push(*write);
        rests.push(rest);
    }
    (tail, rests)
}

/// The sentence about a mistake. `at` is the number of the sentence.
fn sentence(at: usize, wrong: &Wrong, placed: &[&KvInput]) -> Vec<Piece> {
    let text = |text: &str| Piece::Text(text.to_owned());
    let mut pieces = if at > 0 { vec![text(" ")] } else { Vec::new() };
    let be = |list: &[usize]| text(if list.len() == 1 { " is missing" } else { " are missing" });
    match wrong {
        Wrong::Old(later) => match later.iter().find(|&&index| placed[index].op == KvOp::Put) {
            Some(&put) => pieces.extend([
                text("The value is an old one: "),
                Piece::Operation(put),
                text(" had replaced it."),
            ]),
            None => {
                pieces.push(text("The value lacks its end: "));
                pieces.extend(named(later));
                pieces.extend([be(later), text(".")]);
            }
        },
        Wrong::Empty(writes) => {
            pieces.push(text("The value is empty: "));
            pieces.extend(named(writes));
            pieces.extend([be(writes), text(".")]);
        }
        Wrong::Missing(missing, after) => {
            pieces.push(text("In the value, "));
            pieces.extend(named(missing));
            pieces.extend([
                be(missing),
                text(", although "),
                Piece::Operation(*after),
                text(" is there, which comes later."),
            ]);
        }
        Wrong::Twice(index) => {
            pieces.extend([text("In the value, "), Piece::Operation(*index), text(" is there twice.")]);
        }
        Wrong::Order(first, second) => pieces.extend([
            text("In the value, "),
            Piece::Operation(*first),
            text(" stands before "),
            Piece::Operation(*second),
            text(". In the order of the operations, it comes after it."),
        ]),
        Wrong::NotPlaced(index) => pieces.extend([
            text("The value has the text of "),
            Piece::Operation(*index),
            text(if *index < placed.len() {
                ", which a later put had removed."
            } else {
                ", which has no place in the order before."
            }),
        ]),
        Wrong::Unknown => pieces.push(text("No operation on this key has written the end of the value.")),
    }
    pieces
}

/// A list of operations in words, for example `a, b and 4 others`.
fn named(list: &[usize]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let shown = if list.len() > MOST_NAMED + 1 { MOST_NAMED } else { list.len() };
    for (at, &index) in list[..shown].iter().enumerate() {
        if at > 0 {
            let last = at + 1 == list.len();
            pieces.push(Piece::Text(if last { " and " } else { ", " }.to_owned()));
        }
        pieces.push(Piece::Operation(index));
    }
    if shown < list.len() {
        pieces.push(Piece::Text(format!(" and {} others", list.len() - shown)));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(placed: &[KvInput], others: &[KvInput], value: &str) -> String {
        let (placed, others): (Vec<&KvInput>, Vec<&KvInput>) =
            (placed.iter().collect(), others.iter().collect());
        let all: Vec<&KvInput> = placed.iter().chain(&others).copied().collect();
        let words = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Operation(index) => all[index].value.to_string(),
        };
        of(&placed, &others, &Text::new(value)).into_iter().map(words).collect()
    }

    /// Appends of `<0>`, `<1>` and so on.
    fn appends(n: usize) -> Vec<KvInput> {
        (0..n).map(|at| KvInput::append("k", format!("<{at}>").as_str())).collect()
    }

    fn joined(places: impl IntoIterator<Item = usize>) -> String {
        places.into_iter().map(|at| format!("<{at}>")).collect()
    }

    #[test]
    fn an_end_that_is_missing_is_named() {
        for n in [5, 200] {
            let placed = appends(n);
            let last = n - 1;
            assert_eq!(
                said(&placed, &[], &joined(0..last)),
                format!("The value lacks its end: <{last}> is missing.")
            );
            let told = said(&placed, &[], &joined(0..n - 2));
            assert_eq!(told, format!("The value lacks its end: <{}> and <{last}> are missing.", n - 2));
        }
        assert_eq!(
            said(&appends(50), &[], &joined(0..10)),
            "The value lacks its end: <10>, <11>, <12> and 37 others are missing."
        );
        assert_eq!(said(&appends(2), &[], ""), "The value is empty: <0> and <1> are missing.");
    }

    #[test]
    fn a_value_that_a_put_has_replaced_is_old() {
        let mut placed = appends(20);
        placed.push(KvInput::put("k", "new"));
        placed.extend(appends(3));
        assert_eq!(said(&placed, &[], &joined(0..20)), "The value is an old one: new had replaced it.");
        assert_eq!(said(&placed, &[], "new<0>"), "The value lacks its end: <1> and <2> are missing.");
    }

    #[test]
    fn one_write_that_is_missing_or_twice_or_elsewhere_is_found_in_values_of_any_length() {
        for n in [6, 90] {
            let placed = appends(n);
            let far = 3;
            for at in [1, far, n - 2] {
                let value = joined((0..n).filter(|&one| one != at));
                let after = at + 1;
                let told = format!(
                    "In the value, <{at}> is missing, although <{after}> is there, which comes later."
                );
                assert_eq!(said(&placed, &[], &value), told);
                let twice = joined((0..n).chain([at]));
                assert_eq!(said(&placed, &[], &twice), format!("In the value, <{at}> is there twice."));
                let twice = joined((0..=at).chain([at]).chain(at + 1..n));
                assert_eq!(said(&placed, &[], &twice), format!("In the value, <{at}> is there twice."));
                let swapped = joined((0..at).chain([at + 1, at]).chain(at + 2..n));
                let told = format!(
                    "In the value, <{after}> stands before <{at}>. In the order of the operations, it comes after it."
                );
                assert_eq!(said(&placed, &[], &swapped), told);
            }
        }
    }

    #[test]
    fn a_write_that_is_not_in_the_order_is_named() {
        let others = [KvInput::append("k", "(late)")];
        for n in [3, 90] {
            let value = joined(0..n) + "(late)";
            let told = "The value has the text of (late), which has no place in the order before.";
            assert_eq!(said(&appends(n), &others, &value), told);
        }
        let told = "No operation on this key has written the end of the value.";
        assert_eq!(said(&appends(3), &[], "<0>?"), told);
    }
}
