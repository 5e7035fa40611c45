//! What a checker is told about the data type whose history it judges.

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential data type: what one copy of the data does, one operation at a time.
///
/// All functions must be pure: the same arguments, the same result.
pub trait Model: Sync {
    /// What a client asks.
    type Input: Debug + Sync;
    /// What it is answered.
    type Output: Debug + Sync;
    /// The state of one part of the data. Two configurations are one if their states are equal.
    type State: Clone + Debug + Eq + Hash + Send + Sync;

    /// Splits a history into parts that share no state, such that it is linearizable if and only if every part is
    /// (section 3 of Horn and Kroening, 2015): for each part the indices of its inputs, in ascending order. Every
    /// index belongs to one part. By default all operations are one part.
    fn partition(&self, inputs: &[&Self::Input]) -> Vec<Vec<usize>> {
        vec![(0..inputs.len()).collect()]
    }

    /// The state before the first operation of a part.
    fn init(&self) -> Self::State;

    /// May `input` be answered by `output` in `state`? Then the state after it.
    fn step(&self, state: &Self::State, input: &Self::Input, output: &Self::Output) -> Option<Self::State>;

    /// The state after an `input` whose answer nobody has seen, such as one by a client that crashed; `None` if it
    /// cannot take effect in `state`. Only histories of [events](super::check_events) have such operations.
    fn step_unanswered(&self, state: &Self::State, input: &Self::Input) -> Option<Self::State>;

    /// Is it certain that `input` changes no state, whatever the state is? Such an operation costs the search next
    /// to nothing. `false` is always right.
    fn read_only(&self, _input: &Self::Input) -> bool {
        false
    }

    /// Might the read `input` still be answered by `output`, if it comes after `state` and any of the `others`, in
    /// any order? `true` is always right; each `false` spares the search all that would follow in vain.
    fn attainable<'a>(
        &self,
        _state: &Self::State,
        _others: impl Iterator<Item = &'a Self::Input>,
        _input: &Self::Input,
        _output: &Self::Output,
    ) -> bool
    where
        Self::Input: 'a,
    {
        true
    }

    /// How many bytes a state takes, with what it owns: for the [memory cap](super::Options::memory).
    fn footprint(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }

    /// The name of the part that an operation with this input belongs to, as in a sentence: `key 'x'`. `None`: the
    /// parts have no names.
    fn describe_part(&self, _input: &Self::Input) -> Option<String> {
        None
    }

    /// An operation in a few words, for a person.
    fn describe_operation(&self, input: &Self::Input, output: &Self::Output) -> String {
        format!("{input:?} -> {output:?}")
    }

    /// A state in a few words, for a person.
    fn describe_state(&self, state: &Self::State) -> String {
        format!("{state:?}")
    }
}
