//! Clerks, and what the tests do with them.

use labrt::rng;

use super::Cluster;
use super::links::make_end_of_clerk;
use super::system::{KvClerk, Sharded};

impl<S: Sharded> Cluster<S> {
    /// A clerk of the key/value service.
    pub fn make_client(&self) -> Client<S::Clerk> {
        let ends = self.make_clerk_ends();
        Client { clerk: S::clerk(ends, make_end_of_clerk(&self.net)) }
    }

    /// A clerk of the controller.
    pub fn make_ctrler_clerk(&self) -> S::CtrlerClerk {
        S::ctrler_clerk(self.make_clerk_ends())
    }
}

/// A clerk under test.
pub struct Client<C> {
    clerk: C,
}

impl<C: KvClerk> Client<C> {
    /// The value of a key.
    pub fn get(&mut self, key: &str) -> String {
        self.clerk.get(key)
    }

    /// Replaces a value.
    pub fn put(&mut self, key: &str, value: &str) {
        self.clerk.put(key, value);
    }

    /// Adds to the end of a value.
    pub fn append(&mut self, key: &str, value: &str) {
        self.clerk.append(key, value);
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
