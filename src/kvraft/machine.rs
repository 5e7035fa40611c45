//! The replicated state: the data, and the last write of each client.

use super::messages::{GetArgs, KvError, Op, PutAppendArgs, PutOrAppend, Reply, Value};
use crate::rsm::{Sessions, StateMachine};
use labapi::observe::shards::Contents;
use labgob::DecodeError;
use labrt::collections::BTreeMap;
use labrt::trace;
use serde::{Deserialize, Serialize};

/// A key/value store that does each write exactly once.
///
/// The store remembers the last write of each client, in `sessions`. The sessions are also in snapshots, and
/// in the data that moves to other groups (lab 4). They are needed there: a client may send a write again to
/// a server that has restarted from a snapshot, or to the group that got the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kv {
    data: BTreeMap<String, Value>,
    sessions: Sessions<()>,
}

impl Kv {
    /// An empty store.
    pub fn new() -> Kv {
        Kv::default()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`KvError::ErrNoKey`] if the key has no value.
    pub fn get(&self, args: &GetArgs) -> Reply {
        self.data.get(&args.key).cloned().ok_or(KvError::ErrNoKey)
    }

    /// Does the write, unless the same write was done before. The reply is the same in both cases, and it is
    /// never an error.
    pub fn put_append(&mut self, args: PutAppendArgs) -> Reply {
        let data = &mut self.data;
        self.sessions.once(args.stamp, || match (args.op, data.get_mut(&args.key)) {
            (PutOrAppend::Append, Some(value)) => value.append(&args.value),
            (PutOrAppend::Put, Some(value)) => *value = args.value.into(),
            (_, None) => drop(data.insert(args.key, args.value.into())),
        });
        Ok(Value::default())
    }

    /// Digests of the data and of the sessions, for the trace.
    pub fn contents(&self) -> Contents {
        let digest = |bytes: Vec<u8>| trace::digest(&bytes);
        Contents {
            data: digest(labgob::encode(&self.data)),
            sessions: digest(labgob::encode(&self.sessions)),
        }
    }

    /// The number of bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.data.iter().map(|(key, value)| key.len() + value.as_str().len()).sum()
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
        labgob::encode(self)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        *self = labgob::decode(snapshot)?;
        Ok(())
    }
}
