//! The information about a data type that the checker needs to judge a history.

use std::fmt::Debug;
use std::hash::Hash;

/// A piece of a sentence about a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// The index of an operation in a list. The function that returns the piece says which list this is.
    Operation(usize),
}

/// A sequential data type. It describes the behaviour of one copy of the data if one operation is done at a
/// time.
///
/// All functions must be pure: the same arguments give the same result.
pub trait Model: Sync {
    /// The request of a client.
    type Input: Debug + Sync;
    /// The answer that the client gets.
    type Output: Debug + Sync;
    /// The state of one part of the data. The search compares states with `==` to find out whether it has
    /// visited a configuration before.
    type State: Clone + Debug + Eq + Hash + Send + Sync;

    /// Splits a history into parts that share no state. The history must be linearizable if and only if every
    /// part is linearizable (section 3 of Horn and Kroening, 2015). The result has a list for each part. The
    /// list contains the indices of the part's inputs, in ascending order. Every index belongs to exactly one
    /// part. By default there is one part with all operations.
    fn partition(&self, inputs: &[&Self::Input]) -> Vec<Vec<usize>> {
        vec![(0..inputs.len()).collect()]
    }

    /// The state before the first operation of a part.
    fn init(&self) -> Self::State;

    /// Returns the state after the operation if `output` is a possible answer to `input` in `state`.
    /// Otherwise returns `None`.
    fn step(&self, state: &Self::State, input: &Self::Input, output: &Self::Output) -> Option<Self::State>;

    /// Returns the state after an operation that was never answered, for example because its client crashed.
    /// Returns `None` if the operation cannot take effect in `state`. Only histories of
    /// [events](super::check_events) have such operations.
    fn step_unanswered(&self, state: &Self::State, input: &Self::Input) -> Option<Self::State>;

    /// Returns true if it is certain that an operation with this input never changes a state. The search
    /// needs almost no time for such operations. The result `false` is always correct.
    fn read_only(&self, _input: &Self::Input) -> bool {
        false
    }

    /// Returns true if it is certain that [`step`](Model::step) allows this answer to this input in *every*
    /// state. An example is a write that returned with an unknown result. The result `false` is always
    /// correct.
    ///
    /// If no operation of the part is called after the return of such an operation, the search treats the
    /// operation as one that never returned. Then a search needs far fewer steps if the results of many
    /// operations are unknown. The crate's page [says why](super#answers-that-are-always-possible) this never
    /// changes a verdict.
    ///
    /// A wrong `true` never gives a wrong verdict. But the check may then panic.
    fn always_possible(&self, _input: &Self::Input, _output: &Self::Output) -> bool {
        false
    }

    /// Returns false if it is certain that the read `input` cannot get the answer `output`, neither now nor
    /// later. `state` is the present state. Before the read, any of the operations `others` may change the
    /// state, in any order. The result `true` is always correct. If the result is `false`, the search can
    /// skip useless work.
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

    /// Says how an answer differs from the answer that the model allows. `placed` has the inputs of some
    /// operations in an order. After these operations, the model does not allow `output` as the answer to
    /// `input`. `others` has the inputs of all other operations of the part. The result is one or more
    /// sentences. It is empty if the model has nothing to say. An [operation](Piece::Operation) in the result
    /// is an index into one list: first all of `placed`, then all of `others`.
    fn describe_difference(
        &self,
        _placed: &[&Self::Input],
        _others: &[&Self::Input],
        _input: &Self::Input,
        _output: &Self::Output,
    ) -> Vec<Piece> {
        Vec::new()
    }

    /// How many bytes a state takes, including all memory that it owns. The [limit of
    /// memory](super::Options::memory) counts these bytes.
    fn footprint(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }

    /// The name of the part to which an operation with this input belongs. The name must fit into a sentence,
    /// for example `key 'x'`. `None` means that the parts have no names.
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
