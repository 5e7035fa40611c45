//! A clerk whose operations are counted, and recorded if the test wants a history.

use labrt::dlog;
use labrt::sync::Arc;

use super::KvService;
use super::appends::difference;
use super::history::{History, Request};
use crate::tester::clerks::KvClerk;
use crate::tester::events::ClientCall;
use crate::tester::marks::now;
use crate::tester::service::{self, Cluster};

/// A clerk under test.
pub struct Client<S: KvService> {
    cluster: Arc<Cluster<S>>,
    client: service::Client<S::Clerk>,
    record: Option<(Arc<History>, u32)>,
}

/// A clerk that reaches the servers `to`. It records nothing.
pub fn make_client<S: KvService>(cluster: &Arc<Cluster<S>>, to: &[usize]) -> Client<S> {
    Client { cluster: Arc::clone(cluster), client: cluster.make_client(to), record: None }
}

impl<S: KvService> Client<S> {
    /// From now on operations are recorded as those of client `number`.
    pub fn record(&mut self, history: &Arc<History>, number: usize) {
        let number = u32::try_from(number).expect("a test has a handful of clients");
        self.record = Some((Arc::clone(history), number));
    }

    /// How the harness knows the clerk.
    pub fn id(&self) -> service::ClientId {
        self.client.id()
    }

    /// The clerk itself, for operations that are neither counted nor recorded.
    pub fn clerk(&mut self) -> &mut S::Clerk {
        &mut self.client
    }

    /// The value of a key.
    pub fn get(&mut self, key: &str) -> String {
        self.operation(Request::Get, key, "")
    }

    /// Replaces a value.
    pub fn put(&mut self, key: &str, value: &str) {
        self.operation(Request::Put, key, value);
    }

    /// Adds to the end of a value.
    pub fn append(&mut self, key: &str, value: &str) {
        self.operation(Request::Append, key, value);
    }

    fn operation(&mut self, request: Request, key: &str, value: &str) -> String {
        let traced = ClientCall::begin(self.number(), request.name(), key, value);
        let call = now();
        let output = match request {
            Request::Get => self.client.get(key),
            Request::Put => {
                self.client.put(key, value);
                String::new()
            }
            Request::Append => {
                self.client.append(key, value);
                String::new()
            }
        };
        let ret = now();
        traced.returned(&output);
        self.cluster.op();
        self.log(request, key, value, &output);
        if let Some((history, number)) = &self.record {
            history.push(*number, request, key, value, &output, (call, ret));
        }
        output
    }

    /// The client's number in the history, else the harness's number of its clerk, beyond those.
    fn number(&self) -> u32 {
        self.record.as_ref().map_or_else(|| self.client.id().number(), |(_, number)| *number)
    }

    fn log(&self, request: Request, key: &str, value: &str, output: &str) {
        let id = self.client.id();
        match request {
            Request::Get => dlog!(CLNT, "{id} get({key:?}) -> {} bytes", output.len()),
            Request::Put => dlog!(CLNT, "{id} put({key:?}, {value:?})"),
            Request::Append => dlog!(CLNT, "{id} append({key:?}, {value:?})"),
        }
    }

    /// The value of a key must be `expected`.
    #[track_caller]
    pub fn check(&mut self, key: &str, expected: &str) {
        let value = self.get(key);
        if value != expected {
            panic!("Get({key}): {}", difference(expected, &value));
        }
    }

    /// The clerk is no longer needed.
    pub fn delete(self) {
        self.cluster.delete_client(self.client);
    }
}
