//! What the suites ask of a client.

/// A client of a key/value service (the course's `Clerk` of `kvraft` and `shardkv`): one call at a time.
///
/// A call never gives up: it returns when it is done, or its thread ends with the test.
pub trait KvClerk: Send + 'static {
    /// The value of `key`; empty when it was never written.
    fn get(&mut self, key: &str) -> String;
    /// Makes `value` the value of `key`.
    fn put(&mut self, key: &str, value: &str);
    /// Adds `value` to the end of the value of `key`.
    fn append(&mut self, key: &str, value: &str);
}
