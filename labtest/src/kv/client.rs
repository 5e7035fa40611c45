//! A clerk whose operations are counted. If the test wants a history, the operations are also recorded.

use labrt::dlog;
use labrt::sync::Arc;

use super::KvService;
use super::appends::difference;
use super::history::History;
use super::recorder::{Recorder, perform};
use crate::service::{self, Cluster};
use porcupine::models::kv::KvOp;

/// A clerk under test.
pub struct Client<S: KvService> {
    cluster: Arc<Cluster<S>>,
    client: service::Client<S::Clerk>,
    recorder: Option<Recorder>,
}

/// Makes a clerk that can reach the servers `to`. The clerk does not record its operations.
pub fn make_client<S: KvService>(cluster: &Arc<Cluster<S>>, to: &[usize]) -> Client<S> {
    Client { cluster: Arc::clone(cluster), client: cluster.make_client(to), recorder: None }
}

impl<S: KvService> Client<S> {
    /// From now on, this clerk records its operations in `history`, as operations of client number `number`.
    pub fn record(&mut self, history: &Arc<History>, number: u32) {
        self.recorder = Some(Recorder::new(history, number));
    }

    /// The clerk's number in the harness.
    pub fn id(&self) -> service::ClientId {
        self.client.id()
    }

    /// The clerk itself, for operations that are neither counted nor recorded.
    pub fn clerk(&mut self) -> &mut S::Clerk {
        &mut self.client
    }

    /// Reads the value of a key.
    pub fn get(&mut self, key: &str) -> String {
        self.operation(KvOp::Get, key, "")
    }

    /// Replaces the value of a key.
    pub fn put(&mut self, key: &str, value: &str) {
        self.operation(KvOp::Put, key, value);
    }

    /// Appends a text to the value of a key.
    pub fn append(&mut self, key: &str, value: &str) {
        self.operation(KvOp::Append, key, value);
    }

    fn operation(&mut self, op: KvOp, key: &str, value: &str) -> String {
        let number = self.id().number();
        let output = perform(&mut *self.client, number, self.recorder.as_mut(), op, key, value);
        self.cluster.op();
        dlog!(CLNT, "{} {}({key:?}, {value:?}) -> {} bytes", self.id(), op.name(), output.len());
        output
    }

    /// Fails the test if the value of a key is not `expected`.
    #[track_caller]
    pub fn check(&mut self, key: &str, expected: &str) {
        let value = self.get(key);
        if value != expected {
            panic!("Get({key}): {}", difference(expected, &value));
        }
    }

    /// Deletes the clerk from the cluster.
    pub fn delete(self) {
        self.cluster.delete_client(self.client);
    }
}
