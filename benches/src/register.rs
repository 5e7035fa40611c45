//! Histories of one register in which many results are unknown, as in the logs of Jepsen's test of etcd.
//!
//! Five clients read, write and compare-and-swap the numbers 0 to 4. While the network has a fault, calls
//! time out: nobody knows whether they have taken effect, and a new client takes the place of the old one.
//! Some reads return an old value, so some of the histories are illegal.
//!
//! A call without an answer can be recorded in two ways: as a call that never returns, or as a call that
//! returns at the end of the history with an unknown result. Each history is checked in both ways. In the
//! second way it is checked with a model that says that an unknown result is possible in every state, and
//! with a model that says nothing.

use porcupine::{Event, EventKind, Model, Options, Verdict, check_events};

/// How many histories a measurement has.
pub const HISTORIES: u64 = 102;
/// How many calls a history has.
const CALLS: usize = 170;
const CLIENTS: u64 = 5;
/// How many of 60 calls happen during a fault. A longer fault leaves more results unknown. If they are very
/// many, an illegal history whose returns are taken literally cannot be decided in a reasonable time.
const FAULTY: usize = 10;

/// A history of the register.
type History = Vec<Event<Ask, Answer>>;

/// A generator of random numbers (a linear congruential generator). It gives the same numbers every time.
pub struct Random(pub u64);

impl Random {
    /// A number from 0 to `n - 1`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// How a history says that nobody knows the result of a call, and how the checker takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The call never returns.
    NoReturn,
    /// The call returns at the end with an unknown result, and the checker looks for a place for this return.
    Literal,
    /// The call returns at the end with an unknown result, and the checker may ignore this return.
    Ignored,
}

impl Way {
    /// All ways.
    pub const ALL: [Way; 3] = [Way::NoReturn, Way::Literal, Way::Ignored];

    /// The way as text.
    pub fn name(self) -> &'static str {
        match self {
            Way::NoReturn => "never return",
            Way::Literal => "return at the end, taken literally",
            Way::Ignored => "return at the end, ignored",
        }
    }
}

/// The histories, recorded in each way.
pub struct Histories {
    open: Vec<History>,
    returned: Vec<History>,
}

impl Histories {
    /// Makes `count` histories. They are the same every time.
    pub fn make(count: u64) -> Histories {
        let open: Vec<_> = (0..count).map(history).collect();
        let returned = open.iter().map(|history| with_unknown_returns(history)).collect();
        Histories { open, returned }
    }

    /// How many calls of all histories have an unknown result.
    pub fn unknown_results(&self) -> usize {
        self.returned.iter().zip(&self.open).map(|(all, some)| all.len() - some.len()).sum()
    }

    /// Checks all histories on this thread. The verdicts must be the same in each way.
    pub fn check(&self, way: Way) -> Vec<Verdict> {
        let (tells, histories) = match way {
            Way::NoReturn => (false, &self.open),
            Way::Literal => (false, &self.returned),
            Way::Ignored => (true, &self.returned),
        };
        histories.iter().map(|history| verdict(tells, history)).collect()
    }
}

/// How many of the verdicts say that a history is not linearizable.
pub fn illegal(verdicts: &[Verdict]) -> usize {
    verdicts.iter().filter(|verdict| **verdict == Verdict::Illegal).count()
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Read,
    Write(u64),
    /// Writes the second number if the register contains the first number.
    Cas(u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Found(Option<u64>),
    /// Whether the register was written.
    Written(bool),
    Unknown,
}

/// Does an operation. The state is the number in the register, or `None` if nothing was written yet.
fn perform(state: Option<u64>, ask: Ask) -> (Answer, Option<u64>) {
    match ask {
        Ask::Read => (Answer::Found(state), state),
        Ask::Write(value) => (Answer::Written(true), Some(value)),
        Ask::Cas(from, to) if state == Some(from) => (Answer::Written(true), Some(to)),
        Ask::Cas(..) => (Answer::Written(false), state),
    }
}

struct Register {
    /// Whether the model says that an unknown result is possible in every state.
    tells: bool,
}

impl Model for Register {
    type Input = Ask;
    type Output = Answer;
    type State = Option<u64>;

    fn init(&self) -> Option<u64> {
        None
    }

    fn step(&self, state: &Option<u64>, input: &Ask, output: &Answer) -> Option<Option<u64>> {
        let (answer, after) = perform(*state, *input);
        (*output == Answer::Unknown || *output == answer).then_some(after)
    }

    fn step_unanswered(&self, state: &Option<u64>, input: &Ask) -> Option<Option<u64>> {
        Some(perform(*state, *input).1)
    }

    fn read_only(&self, input: &Ask) -> bool {
        matches!(input, Ask::Read)
    }

    fn always_possible(&self, _input: &Ask, output: &Answer) -> bool {
        self.tells && *output == Answer::Unknown
    }
}

/// A history in which unanswered calls have no return.
fn history(seed: u64) -> History {
    let mut random = Random(seed);
    let (mut state, mut old) = (None, None);
    // For each client, its open call, and the answer if the call has taken effect.
    let mut open: [Option<(u64, Ask, Option<Answer>)>; CLIENTS as usize] = Default::default();
    let (mut events, mut calls) = (Vec::new(), 0);
    // Calls that have timed out, but may still take effect.
    let mut late: Vec<Ask> = Vec::new();
    while calls < CALLS {
        let fault = calls % 60 >= 60 - FAULTY;
        let at = random.below(CLIENTS);
        let client = at as u32;
        match open[at as usize].take() {
            None => {
                let ask = match random.below(3) {
                    0 => Ask::Read,
                    1 => Ask::Write(random.below(5)),
                    _ => Ask::Cas(random.below(5), random.below(5)),
                };
                let id = calls as u64;
                calls += 1;
                events.push(Event { client, id, kind: EventKind::Call(ask) });
                open[at as usize] = Some((id, ask, None));
            }
            Some((_, ask, None)) if fault && random.below(2) == 0 => late.push(ask),
            Some((id, ask, None)) => {
                let mut answer;
                (answer, state) = perform(state, ask);
                // A server that was cut off answers reads with the value that it had before.
                if fault && matches!(ask, Ask::Read) && random.below(2) == 0 {
                    answer = Answer::Found(old);
                }
                if !fault {
                    old = state;
                }
                open[at as usize] = Some((id, ask, Some(answer)));
            }
            Some((id, _, Some(answer))) => events.push(Event { client, id, kind: EventKind::Return(answer) }),
        }
        if !late.is_empty() && random.below(4) == 0 {
            let ask = late.swap_remove(random.below(late.len() as u64) as usize);
            // Half of these calls never take effect.
            if random.below(2) == 0 {
                state = perform(state, ask).1;
            }
        }
    }
    events
}

/// Adds a return with an unknown result for each open call, at the end of the history.
fn with_unknown_returns(history: &[Event<Ask, Answer>]) -> History {
    let returned = |id: u64| history.iter().any(|it| it.id == id && matches!(it.kind, EventKind::Return(_)));
    let open = history.iter().filter(|it| !returned(it.id));
    let returns = open.map(|it| Event { kind: EventKind::Return(Answer::Unknown), ..it.clone() });
    history.iter().cloned().chain(returns.collect::<Vec<_>>()).collect()
}

fn verdict(tells: bool, history: &[Event<Ask, Answer>]) -> Verdict {
    let options = Options { threads: Some(1), ..Options::default() };
    check_events(&Register { tells }, history, &options).expect("the events are a history").verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_the_same_verdicts() {
        let histories = Histories::make(5);
        let expected = histories.check(Way::NoReturn);
        assert!(histories.unknown_results() > 5 && expected.contains(&Verdict::Ok));
        for way in Way::ALL {
            assert_eq!(histories.check(way), expected, "{}", way.name());
        }
    }
}
