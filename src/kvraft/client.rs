//! The client of the key/value service.

use super::messages::{GetArgs, KvError, PutAppendArgs, PutOrAppend, Reply, Value};
use crate::rsm::{Servers, Session};
use labapi::KvClerk;
use labrpc::End;

/// A client that does one operation at a time. A call returns only when the operation is done, even if this
/// takes long.
pub struct Clerk {
    servers: Servers,
    session: Session,
}

impl Clerk {
    /// Makes a client. `ends` lead to the servers of the service, in any order, and must not be empty.
    pub fn new(ends: Vec<End>) -> Clerk {
        Clerk { servers: Servers::new(ends), session: Session::new() }
    }

    /// The value of `key`. It is empty if the key has no value.
    pub fn get(&mut self, key: &str) -> String {
        let args = GetArgs { key: key.to_owned() };
        self.servers.call("KVServer.Get", &args, value).into_string()
    }

    /// Sets the value of `key` to `value`.
    pub fn put(&mut self, key: &str, value: &str) {
        self.put_append(PutOrAppend::Put, key, value);
    }

    /// Adds `value` to the end of the value of `key`.
    pub fn append(&mut self, key: &str, value: &str) {
        self.put_append(PutOrAppend::Append, key, value);
    }

    fn put_append(&mut self, op: PutOrAppend, key: &str, text: &str) {
        let stamp = self.session.next_stamp();
        let args = PutAppendArgs { op, key: key.to_owned(), value: text.to_owned(), stamp };
        self.servers.call("KVServer.PutAppend", &args, value);
    }
}

/// Returns the value in a reply, or `None` if the server does not lead.
fn value(reply: Reply) -> Option<Value> {
    match reply {
        Ok(value) => Some(value),
        Err(KvError::ErrNoKey) => Some(Value::default()),
        Err(KvError::ErrWrongLeader) => None,
    }
}

impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        Clerk::get(self, key)
    }

    fn put(&mut self, key: &str, value: &str) {
        Clerk::put(self, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        Clerk::append(self, key, value);
    }
}
