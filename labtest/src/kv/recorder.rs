//! Records an operation in a history: the client, the times of the call and the return, and the result.

use labapi::KvClerk;
use labrt::collections::BTreeMap;
use labrt::sync::Arc;

use super::history::History;
use super::spare;
use crate::events::ClientCall;
use porcupine::models::kv::{KvInput, KvOp, KvOutput, Operation, Text};

/// Records the operations of one client in a history.
pub struct Recorder {
    history: Arc<History>,
    client: u32,
    seen: Seen,
}

impl Recorder {
    /// A recorder for the operations of client number `client`.
    pub fn new(history: &Arc<History>, client: u32) -> Recorder {
        Recorder { history: Arc::clone(history), client, seen: Seen::default() }
    }
}

/// Makes one operation of a client. Returns the value that a get has read, or an empty text after a put or an
/// append. For a get, `value` is empty. In the trace the client has the same number as in its history. If the
/// operation is not recorded in a history, the client has the number `number` in the trace.
pub(crate) fn perform(
    clerk: &mut impl KvClerk,
    number: u32,
    recorder: Option<&mut Recorder>,
    op: KvOp,
    key: &str,
    value: &str,
) -> String {
    let number = recorder.as_ref().map_or(number, |it| it.client);
    let traced = ClientCall::begin(number, op.name(), key, value);
    let call = recorder.as_ref().map(|it| it.history.time());
    let spare = if recorder.is_none() { spare::called(number, op, key, value) } else { None };
    let mut output = String::new();
    match op {
        KvOp::Get => output = clerk.get(key),
        KvOp::Put => clerk.put(key, value),
        KvOp::Append => clerk.append(key, value),
    }
    if let Some((Recorder { history, client, seen }, call)) = recorder.zip(call) {
        let ret = history.time();
        let read = if op == KvOp::Get { seen.text(key, &output) } else { Text::EMPTY };
        history.push(Operation {
            client: *client,
            input: KvInput { op, key: key.to_owned(), value: value.into() },
            call,
            output: KvOutput { value: read },
            ret,
        });
    }
    if let Some(place) = spare {
        spare::returned(place, number, op, key, &output);
    }
    traced.returned(&output);
    output
}

/// The last value that a client has read of each key. If the clients only append to a key, each value of the
/// key begins with the value before it. Then only the new part of a value has to be converted to a [`Text`].
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, (String, Text)>);

impl Seen {
    /// A client has read `value` under `key`. This method converts `value` to the form in which a history
    /// records it.
    pub(super) fn text(&mut self, key: &str, value: &str) -> Text {
        let Some((seen, text)) = self.0.get_mut(key) else {
            let text = Text::new(value);
            self.0.insert(key.to_owned(), (value.to_owned(), text.clone()));
            return text;
        };
        if let Some(more) = value.strip_prefix(seen.as_str()) {
            *text = text.followed_by(&Text::new(more));
            seen.push_str(more);
        } else {
            *text = Text::new(value);
            value.clone_into(seen);
        }
        text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_in_by_what_is_new() {
        let mut seen = Seen::default();
        let long = "x 0 1 y".repeat(100);
        let values = ["", "a", "ab", &long, &format!("{long}b"), "other", &long];
        for (key, value) in values.iter().flat_map(|value| [("k", *value), ("l", *value)]) {
            assert_eq!(seen.text(key, value), Text::new(value), "{key}");
        }
    }
}
