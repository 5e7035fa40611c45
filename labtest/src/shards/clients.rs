//! Clerks, and their operations.

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
    /// Makes a clerk of the key/value service.
    pub fn make_client(&self) -> Client<S::Clerk> {
        let ends = self.make_clerk_ends();
        self.client_of(ends, make_end_of_clerk(&self.net))
    }

    /// Makes a clerk of the key/value service. The clerk asks the second controller.
    pub fn make_client_of_second(&self) -> Client<S::Clerk> {
        let ends = self.make_ends_to_second();
        self.client_of(ends, make_end_of_clerk(&self.net))
    }

    /// Returns the number that a new clerk gets in the trace.
    pub(super) fn next_clerk_number(&self) -> u32 {
        self.next_clerk.fetch_add(1, Ordering::Relaxed)
    }

    fn client_of(&self, ends: Vec<End>, make_end: MakeEnd) -> Client<S::Clerk> {
        Client { clerk: S::clerk(ends, make_end), number: self.next_clerk_number(), recorder: None }
    }

    /// Makes a clerk of the controller.
    pub fn make_ctrler_clerk(&self) -> S::CtrlerClerk {
        S::ctrler_clerk(self.make_clerk_ends())
    }
}

/// A clerk under test.
pub struct Client<C> {
    clerk: C,
    /// The clerk's number in the trace. A clerk that is recorded in a history uses its number in the history
    /// instead.
    number: u32,
    recorder: Option<Recorder>,
}

impl<C: KvClerk> Client<C> {
    /// Returns the same clerk. From now on, all its operations are recorded in `history`, as operations of
    /// client number `client`.
    pub fn recorded(self, history: &Arc<History>, client: u32) -> Client<C> {
        Client { recorder: Some(Recorder::new(history, client)), ..self }
    }

    /// Reads the value of a key.
    pub fn get(&mut self, key: &str) -> String {
        self.perform(KvOp::Get, key, "")
    }

    /// Replaces the value of a key.
    pub fn put(&mut self, key: &str, value: &str) {
        self.perform(KvOp::Put, key, value);
    }

    /// Appends a text to the value of a key.
    pub fn append(&mut self, key: &str, value: &str) {
        self.perform(KvOp::Append, key, value);
    }

    fn perform(&mut self, op: KvOp, key: &str, value: &str) -> String {
        perform(&mut self.clerk, self.number, self.recorder.as_mut(), op, key, value)
    }

    /// Fails the test if the value of a key is not `expected`.
    #[track_caller]
    pub fn check(&mut self, key: &str, expected: &str) {
        let value = self.get(key);
        assert!(value == expected, "Get({key}): expected {expected:?}, received {value:?}");
    }
}

/// A text of `len` random characters. They are from the same alphabet as in the course's `randstring`.
pub fn random_text(len: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |_| char::from(ALPHABET[usize::try_from(rng::below(64)).expect("63 is a usize")]);
    (0..len).map(letter).collect()
}
