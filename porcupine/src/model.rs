//! What the checker must know about a data type in order to judge its history.

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential data type: what one copy of the data does, one operation at a time.
///
/// All functions must be pure: the same arguments give the same result.
pub trait Model: Sync {
    /// What a client asks for.
    type Input: Debug + Sync;
    /// What the client gets as an answer.
    type Output: Debug + Sync;
    /// The state of one part of the data. The search compares states with `==` to know whether it has visited
    /// a configuration before.
    type State: Clone + Debug + Eq + Hash + Send + Sync;

    /// Splits a history into parts that share no state. The history must be linearizable if and only if every
    /// part is linearizable (section 3 of Horn and Kroening, 2015). For each part, the result has the indices
    /// of its inputs, in ascending order. Every index belongs to exactly one part. By default there is one
    /// part with all operations.
    fn partition(&self, inputs: &[&Self::Input]) -> Vec<Vec<usize>> {
        vec![(0..inputs.len()).collect()]
    }

    /// The state before the first operation of a part.
    fn init(&self) -> Self::State;

    /// The state after the operation, if `output` is a possible answer to `input` in `state`. Otherwise
    /// `None`.
    fn step(&self, state: &Self::State, input: &Self::Input, output: &Self::Output) -> Option<Self::State>;

    /// The state after an operation that was never answered, for example because its client crashed. `None`
    /// if the operation cannot take effect in `state`. Only histories of [events](super::check_events) have
    /// such operations.
    fn step_unanswered(&self, state: &Self::State, input: &Self::Input) -> Option<Self::State>;

    /// Is it certain that `input` changes no state? The answer must hold for all states. Such an operation
    /// costs the search almost nothing. `false` is always correct.
    fn read_only(&self, _input: &Self::Input) -> bool {
        false
    }

    /// Can the read `input` still get the answer `output` at some later time? Before the read, any of the
    /// `others` may change `state`, in any order. `true` is always correct. Each `false` saves the search
    /// useless work.
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

    /// How many bytes a state takes, with all that it owns. The [limit of memory](super::Options::memory)
    /// counts these bytes.
    fn footprint(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }

    /// The name of the part to which an operation with this input belongs, for use in a sentence: `key 'x'`.
    /// `None` if the parts have no names.
    fn describe_part(&self, _input: &Self::Input) -> Option<String> {
        None
    }

    /// A short description of an operation, for people.
    fn describe_operation(&self, input: &Self::Input, output: &Self::Output) -> String {
        format!("{input:?} -> {output:?}")
    }

    /// A short description of a state, for people.
    fn describe_state(&self, state: &Self::State) -> String {
        format!("{state:?}")
    }
}
