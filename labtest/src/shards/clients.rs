//! Clerks, and what the tests do with them.

use labapi::{KvClerk, MakeEnd, Sharded};
use labrpc::End;
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::Ordering;

use super::Cluster;
use super::links::make_end_of_clerk;
use crate::kv::{History, Recorder, perform};
use porcupine::models::kv::KvOp;

impl<S: Sharded> Cluster<S> {
    /// A clerk of the key/value service.
    pub fn make_client(&self) -> Client<S::Clerk> {
        let ends = self.make_clerk_ends();
        self.client_of(ends, make_end_of_clerk(&self.net))
    }

    /// A clerk of the key/value service that asks the second controller.
    pub fn make_client_of_second(&self) -> Client<S::Clerk> {
        let ends = self.make_ends_to_second();
        self.client_of(ends, make_end_of_clerk(&self.net))
    }

    /// A number for another clerk in the trace.
    pub(super) fn next_clerk_number(&self) -> u32 {
        self.next_clerk.fetch_add(1, Ordering::Relaxed)
    }

    fn client_of(&self, ends: Vec<End>, make_end: MakeEnd) -> Client<S::Clerk> {
        Client { clerk: S::clerk(ends, make_end), number: self.next_clerk_number(), recorder: None }
    }

    /// A clerk of the controller.
    pub fn make_ctrler_clerk(&self) -> S::CtrlerClerk {
        S::ctrler_clerk(self.make_clerk_ends())
    }
}

/// A clerk under test.
pub struct Client<C> {
    clerk: C,
    /// Its number in the trace, unless it is recorded as somebody else.
    number: u32,
    recorder: Option<Recorder>,
}

impl<C: KvClerk> Client<C> {
    /// The same, with all its operations recorded as those of client number `client`.
    pub fn recorded(self, history: &Arc<History>, client: u32) -> Client<C> {
        Client { recorder: Some(Recorder::new(history, client)), ..self }
    }

    /// The value of a key.
    pub fn get(&mut self, key: &str) -> String {
        self.perform(KvOp::Get, key, "")
    }

    /// Replaces a value.
    pub fn put(&mut self, key: &str, value: &str) {
        self.perform(KvOp::Put, key, value);
    }

    /// Adds to the end of a value.
    pub fn append(&mut self, key: &str, value: &str) {
        self.perform(KvOp::Append, key, value);
    }

    fn perform(&mut self, op: KvOp, key: &str, value: &str) -> String {
        perform(&mut self.clerk, self.number, self.recorder.as_mut(), op, key, value)
    }

    /// The value must be `expected`.
    #[track_caller]
    pub fn check(&mut self, key: &str, expected: &str) {
        let value = self.get(key);
        assert!(value == expected, "Get({key}): expected {expected:?}, received {value:?}");
    }
}

/// `len` random letters, as the course's `randstring` makes them.
pub fn random_text(len: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |_| char::from(ALPHABET[usize::try_from(rng::below(64)).expect("below 64")]);
    (0..len).map(letter).collect()
}
