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
    /// The state of one part of the data. The search compares states with `==` to know whether it was there
    /// before.
    type State: Clone + Debug + Eq + Hash + Send + Sync;

    /// Splits a history into parts that share no state. The history must be linearizable if and only if every
    /// part is (section 3 of Horn and Kroening, 2015). The result has the indices of the inputs of each part,
    /// in ascending order. Every index belongs to exactly one part. By default all operations are one part.
    fn partition(&self, inputs: &[&Self::Input]) -> Vec<Vec<usize>> {
        vec![(0..inputs.len()).collect()]
    }

    /// The state before the first operation of a part.
    fn init(&self) -> Self::State;

    /// If `output` is a possible answer to `input` in `state`: the state after it. Otherwise `None`.
    fn step(&self, state: &Self::State, input: &Self::Input, output: &Self::Output) -> Option<Self::State>;

    /// The state after an `input` that was never answered, such as one from a client that crashed. `None` if
    /// it cannot take effect in `state`. Only histories of [events](super::check_events) have such
    /// operations.
    fn step_unanswered(&self, state: &Self::State, input: &Self::Input) -> Option<Self::State>;

    /// Is it certain that `input` changes no state, whatever the state is? Such an operation costs the search
    /// almost nothing. `false` is always correct.
    fn read_only(&self, _input: &Self::Input) -> bool {
        false
    }

    /// Could the read `input` still get the answer `output`, if it comes after `state` and after any of the
    /// `others`, in any order? `true` is always correct. Each `false` saves the search from work that leads
    /// nowhere.
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

    /// How many bytes a state takes, with all that it owns. The [memory cap](super::Options::memory) uses it.
    fn footprint(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }

    /// The name of the part that an operation with this input belongs to, as in a sentence: `key 'x'`. `None`
    /// if the parts have no names.
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
