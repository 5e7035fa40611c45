//! A clerk whose operations are counted, and recorded if the test wants a history.

use labrt::dlog;
use labrt::sync::Arc;
use labrt::trace::{self, Kind, Links};

use super::KvService;
use super::appends::difference;
use super::history::{History, Seen};
use crate::models::kv::{KvInput, KvOp, KvOutput, Operation, Text};
use crate::tester::clerks::KvClerk;
use crate::tester::marks::now;
use crate::tester::service::{self, Cluster};

const OPERATION: Kind = Kind::new("client.operation");

/// A clerk under test.
pub struct Client<S: KvService> {
    cluster: Arc<Cluster<S>>,
    client: service::Client<S::Clerk>,
    record: Option<Record>,
}

/// Where operations are recorded, and as whose.
struct Record {
    history: Arc<History>,
    number: u32,
    seen: Seen,
}

/// A clerk that reaches the servers `to`. It records nothing.
pub fn make_client<S: KvService>(cluster: &Arc<Cluster<S>>, to: &[usize]) -> Client<S> {
    Client { cluster: Arc::clone(cluster), client: cluster.make_client(to), record: None }
}

impl<S: KvService> Client<S> {
    /// From now on operations are recorded as those of client `number`.
    pub fn record(&mut self, history: &Arc<History>, number: usize) {
        let number = u32::try_from(number).expect("a test has a handful of clients");
        self.record = Some(Record { history: Arc::clone(history), number, seen: Seen::default() });
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
        self.operation(KvOp::Get, key, "", |clerk| clerk.get(key))
    }

    /// Replaces a value.
    pub fn put(&mut self, key: &str, value: &str) {
        self.operation(KvOp::Put, key, value, |clerk| {
            clerk.put(key, value);
            String::new()
        });
    }

    /// Adds to the end of a value.
    pub fn append(&mut self, key: &str, value: &str) {
        self.operation(KvOp::Append, key, value, |clerk| {
            clerk.append(key, value);
            String::new()
        });
    }

    fn operation(
        &mut self,
        op: KvOp,
        key: &str,
        value: &str,
        call: impl FnOnce(&mut S::Clerk) -> String,
    ) -> String {
        let start = now();
        let output = call(&mut self.client);
        let end = now();
        self.cluster.op();
        self.describe(op, key, value, &output);
        if let Some(record) = &mut self.record {
            let read = if op == KvOp::Get { record.seen.text(key, &output) } else { Text::EMPTY };
            record.history.push(Operation {
                client: record.number,
                input: KvInput { op, key: key.to_owned(), value: value.into() },
                call: start,
                output: KvOutput { value: read },
                ret: end,
            });
        }
        output
    }

    /// For the log and the trace.
    fn describe(&self, op: KvOp, key: &str, value: &str, output: &str) {
        let id = self.client.id();
        let what = match op {
            KvOp::Get => "get",
            KvOp::Put => "put",
            KvOp::Append => "append",
        };
        dlog!(CLNT, "{id} {what}({key:?}, {value:?}) -> {} bytes", output.len());
        if trace::on() {
            let fields = [
                ("clerk", id.to_string().into()),
                ("what", what.into()),
                ("key", key.to_owned().into()),
                ("value", trace::digest(value.as_bytes()).into()),
                ("output", trace::digest(output.as_bytes()).into()),
            ];
            trace::emit(OPERATION, Links::default(), &fields);
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
