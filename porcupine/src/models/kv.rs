//! The model of the key/value store of labs 3 and 4, with get, put and append. The course's checker has the
//! same model.
//!
//! Keys are independent of each other. So each key is a part of its own, and the state is the value of this
//! key. A key that was never written has the empty value. Values are [`Text`]s, which are small even if the
//! strings are long.

use std::fmt;

use labrt::collections::BTreeMap;

use super::kv_difference;
pub use super::text::Text;
use crate::{Model, Piece};

/// The request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvInput {
    /// The kind of the operation.
    pub op: KvOp,
    /// The key.
    pub key: String,
    /// The value that is put or appended. It is empty for a get.
    pub value: Text,
}

/// The kind of an operation on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvOp {
    /// Read the key's value.
    Get,
    /// Replace the key's value.
    Put,
    /// Add a text at the end of the key's value.
    Append,
}

impl KvOp {
    /// The name of the clerk's method: `get`, `put` or `append`.
    pub const fn name(self) -> &'static str {
        match self {
            KvOp::Get => "get",
            KvOp::Put => "put",
            KvOp::Append => "append",
        }
    }
}

/// The answer that a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvOutput {
    /// The value that a get has read. For a put or an append, the value is empty.
    pub value: Text,
}

/// An operation of a recorded history.
pub type Operation = crate::Operation<KvInput, KvOutput>;

/// The call or the return of an operation in a recorded history.
pub type Event = crate::Event<KvInput, KvOutput>;

impl KvInput {
    /// Returns the input of a get.
    pub fn get(key: impl Into<String>) -> KvInput {
        KvInput { op: KvOp::Get, key: key.into(), value: Text::EMPTY }
    }

    /// Returns the input of a put.
    pub fn put(key: impl Into<String>, value: impl Into<Text>) -> KvInput {
        KvInput { op: KvOp::Put, key: key.into(), value: value.into() }
    }

    /// Returns the input of an append.
    pub fn append(key: impl Into<String>, value: impl Into<Text>) -> KvInput {
        KvInput { op: KvOp::Append, key: key.into(), value: value.into() }
    }
}

impl KvOutput {
    /// Returns the output of a put or of an append.
    pub fn none() -> KvOutput {
        KvOutput { value: Text::EMPTY }
    }

    /// Returns the output of a get that has read this value.
    pub fn value(value: impl Into<Text>) -> KvOutput {
        KvOutput { value: value.into() }
    }
}

/// Shows the input as a call, for example `append('k', 'v')`.
impl fmt::Display for KvInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KvInput { op, key, value } = self;
        match op {
            KvOp::Get => write!(f, "get('{key}')"),
            KvOp::Put => write!(f, "put('{key}', '{value}')"),
            KvOp::Append => write!(f, "append('{key}', '{value}')"),
        }
    }
}

/// The model of one key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KvModel;

impl Model for KvModel {
    type Input = KvInput;
    type Output = KvOutput;
    type State = Text;

    /// Makes one part for each key. The parts are in the order of their keys, compared by bytes.
    fn partition(&self, inputs: &[&KvInput]) -> Vec<Vec<usize>> {
        let mut of_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, input) in inputs.iter().enumerate() {
            of_key.entry(&input.key).or_default().push(index);
        }
        of_key.into_values().collect()
    }

    fn init(&self) -> Text {
        Text::EMPTY
    }

    fn step(&self, state: &Text, input: &KvInput, output: &KvOutput) -> Option<Text> {
        let allowed = input.op != KvOp::Get || output.value == *state;
        allowed.then(|| after(state, input))
    }

    fn step_unanswered(&self, state: &Text, input: &KvInput) -> Option<Text> {
        Some(after(state, input))
    }

    fn read_only(&self, input: &KvInput) -> bool {
        input.op == KvOp::Get
    }

    /// A put or an append has no answer that could be wrong.
    fn always_possible(&self, input: &KvInput, _output: &KvOutput) -> bool {
        input.op != KvOp::Get
    }

    fn describe_part(&self, input: &KvInput) -> Option<String> {
        Some(format!("key '{}'", input.key))
    }

    /// A get can only return a text that begins with the present value, or with the value of a put in
    /// `others`. Appends may have added more text after this beginning.
    fn attainable<'a>(
        &self,
        state: &Text,
        mut others: impl Iterator<Item = &'a KvInput>,
        _get: &KvInput,
        output: &KvOutput,
    ) -> bool {
        state.may_begin(&output.value)
            || others.any(|other| other.op == KvOp::Put && other.value.may_begin(&output.value))
    }

    fn describe_difference(
        &self,
        placed: &[&KvInput],
        others: &[&KvInput],
        input: &KvInput,
        output: &KvOutput,
    ) -> Vec<Piece> {
        match input.op {
            KvOp::Get => kv_difference::of(placed, others, &output.value),
            KvOp::Put | KvOp::Append => Vec::new(),
        }
    }

    fn describe_operation(&self, input: &KvInput, output: &KvOutput) -> String {
        match input.op {
            KvOp::Get => format!("{input} -> '{}'", output.value),
            KvOp::Put | KvOp::Append => input.to_string(),
        }
    }

    fn describe_state(&self, state: &Text) -> String {
        state.to_string()
    }
}

fn after(state: &Text, input: &KvInput) -> Text {
    match input.op {
        KvOp::Get => state.clone(),
        KvOp::Put => input.value.clone(),
        KvOp::Append => state.followed_by(&input.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_replaces_and_append_adds() {
        let step =
            |state: &Text, input| KvModel.step(state, &input, &KvOutput::none()).expect("a write is allowed");
        let state = step(&KvModel.init(), KvInput::append("k", "a"));
        let state = step(&state, KvInput::append("k", "b"));
        assert_eq!(state, Text::new("ab"));
        assert_eq!(step(&state, KvInput::put("k", "c")), Text::new("c"));
    }

    #[test]
    fn a_get_finds_the_value_or_is_refused() {
        let get = |state: &str, found: &str| {
            KvModel.step(&Text::new(state), &KvInput::get("k"), &KvOutput::value(found))
        };
        assert_eq!(get("v", "v"), Some(Text::new("v")));
        assert_eq!(get("v", "w"), None);
        assert_eq!(get("", ""), Some(Text::EMPTY), "a key that was never written has the empty value");
    }

    #[test]
    fn a_get_is_attainable_by_appends_or_from_a_put() {
        let attainable = |state: &str, others: &[KvInput], found: &str| {
            let output = KvOutput::value(found);
            KvModel.attainable(&Text::new(state), others.iter(), &KvInput::get("k"), &output)
        };
        let others = [KvInput::append("k", "z"), KvInput::put("k", "x")];
        assert!(attainable("a", &[], "a"));
        assert!(attainable("a", &[], "ab"), "the model does not check whether there is an append");
        assert!(!attainable("a", &[], "ba"));
        assert!(!attainable("a", &others, "ba"));
        assert!(attainable("a", &others, "xa"));
        assert!(!attainable("a", &others, "za"), "an append is not a put");
    }

    #[test]
    fn keys_are_parts_in_the_order_of_their_bytes() {
        let inputs = ["b", "a", "10", "b", "9", "é"].map(KvInput::get);
        let parts = KvModel.partition(&inputs.each_ref());
        assert_eq!(parts, [vec![2], vec![4], vec![1], vec![0, 3], vec![5]]);
    }

    #[test]
    fn operations_are_described_as_calls() {
        let describe = |input, output| KvModel.describe_operation(&input, &output);
        assert_eq!(describe(KvInput::get("k"), KvOutput::value("v")), "get('k') -> 'v'");
        assert_eq!(describe(KvInput::put("k", "v"), KvOutput::none()), "put('k', 'v')");
        assert_eq!(describe(KvInput::append("k", "v"), KvOutput::none()), "append('k', 'v')");
    }
}
