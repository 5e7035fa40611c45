//! A register with its model, random numbers, and a history whose search never ends.

use crate::{Model, Operation};

/// A register that holds one number.
pub struct Register {
    /// If true, the model tells the checker which operations only read.
    pub tells_reads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Read,
    Write(u32),
    /// Writes the second number, if the register contains the first number. (`Cas` means "compare and swap".)
    Cas(u32, u32),
}

/// The answer of the register. A read gets the value of the register. A cas gets the information whether it
/// has written. The answer `Unknown` says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Found(u32),
    Written(bool),
    Unknown,
}

impl Register {
    pub const NEW: Register = Register { tells_reads: true };

    /// Performs an operation on one copy of the register. Returns the answer and the state after the
    /// operation.
    pub fn perform(state: u32, ask: Ask) -> (Answer, u32) {
        match ask {
            Ask::Read => (Answer::Found(state), state),
            Ask::Write(value) => (Answer::Written(true), value),
            Ask::Cas(from, to) if from == state => (Answer::Written(true), to),
            Ask::Cas(..) => (Answer::Written(false), state),
        }
    }
}

impl Model for Register {
    type Input = Ask;
    type Output = Answer;
    type State = u32;

    fn init(&self) -> u32 {
        0
    }

    fn step(&self, state: &u32, input: &Ask, output: &Answer) -> Option<u32> {
        let (answer, after) = Register::perform(*state, *input);
        (*output == Answer::Unknown || answer == *output).then_some(after)
    }

    fn step_unanswered(&self, state: &u32, input: &Ask) -> Option<u32> {
        Some(Register::perform(*state, *input).1)
    }

    fn always_possible(&self, input: &Ask, output: &Answer) -> bool {
        matches!((input, output), (_, Answer::Unknown) | (Ask::Write(_), Answer::Written(true)))
    }

    fn read_only(&self, input: &Ask) -> bool {
        self.tells_reads && *input == Ask::Read
    }
}

/// A lock. It can be taken only if it is free, and it can be given back only if it is taken.
pub struct Lock {
    /// If true, the model claims that an unknown answer is possible in every state. This is wrong.
    pub lies: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Take,
    GiveBack,
}

/// The answer of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Nobody has said how the operation ended. But it must have taken effect, and this is not possible in
    /// every state.
    Unknown,
}

impl Lock {
    /// The state after an operation: whether the lock is taken.
    pub fn perform(taken: bool, input: Use) -> Option<bool> {
        let takes = input == Use::Take;
        (taken != takes).then_some(takes)
    }
}

impl Model for Lock {
    type Input = Use;
    type Output = Outcome;
    type State = bool;

    fn init(&self) -> bool {
        false
    }

    fn step(&self, taken: &bool, input: &Use, _output: &Outcome) -> Option<bool> {
        Lock::perform(*taken, *input)
    }

    fn step_unanswered(&self, taken: &bool, input: &Use) -> Option<bool> {
        Lock::perform(*taken, *input)
    }

    fn always_possible(&self, _input: &Use, output: &Outcome) -> bool {
        self.lies && *output == Outcome::Unknown
    }
}

pub fn write(value: u32, call: u64, ret: u64) -> Operation<Ask, Answer> {
    Operation { client: 0, input: Ask::Write(value), call, output: Answer::Written(true), ret }
}

pub fn read(value: u32, call: u64, ret: u64) -> Operation<Ask, Answer> {
    Operation { client: 1, input: Ask::Read, call, output: Answer::Found(value), ret }
}

/// Writes of different values, all at the same time, and then a read of a value that was never written. The
/// history is illegal. But the search uses no special knowledge about registers. So it must try all subsets
/// of the writes, and there are so many subsets that the search never ends.
pub fn endless() -> Vec<Operation<Ask, Answer>> {
    let mut history: Vec<_> = (1..=60).map(|value| write(value, 0, 10)).collect();
    history.push(read(99, 20, 30));
    history
}

/// Random numbers for the tests (splitmix64). They are the same each time, inside and outside of a
/// [`labrt::Run`].
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 33) as u32 % n
    }

    /// True with a probability of 1 / `n`.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}
