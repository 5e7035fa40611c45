//! The replicated state: the data, and who has written what last.

use super::messages::{GetArgs, KvError, Op, PutAppendArgs, PutOrAppend, Reply, Value};
use crate::rsm::{Sessions, StateMachine};
use labgob::DecodeError;
use labrt::collections::BTreeMap;

/// A key/value store that does each write once.
///
/// Its memory of writers has one entry a client, and is in the snapshots: a copy of a write may come after them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kv {
    data: BTreeMap<String, Value>,
    sessions: Sessions<()>,
}

impl Kv {
    /// An empty store.
    pub fn new() -> Kv {
        Kv::default()
    }

    fn get(&self, args: &GetArgs) -> Reply {
        self.data.get(&args.key).cloned().ok_or(KvError::ErrNoKey)
    }

    fn put_append(&mut self, args: PutAppendArgs) -> Reply {
        let data = &mut self.data;
        // Whether it is new or a copy, its client hears the same.
        self.sessions.once(args.stamp, || match (args.op, data.get_mut(&args.key)) {
            (PutOrAppend::Append, Some(value)) => value.append(&args.value),
            (PutOrAppend::Put, Some(value)) => *value = args.value.into(),
            (_, None) => drop(data.insert(args.key, args.value.into())),
        });
        Ok(Value::default())
    }
}

impl StateMachine for Kv {
    type Op = Op;
    type Reply = Reply;

    fn apply(&mut self, op: Op) -> Reply {
        match op {
            Op::Get(args) => self.get(&args),
            Op::PutAppend(args) => self.put_append(args),
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        labgob::encode(&(&self.data, &self.sessions))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        let (data, sessions) = labgob::decode(snapshot)?;
        *self = Kv { data, sessions };
        Ok(())
    }
}
