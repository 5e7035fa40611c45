//! The operations of clients whose history the test itself does not check.
//!
//! Most tests of lab 3 compare only the last values. If such a test fails, the history of its clients can
//! tell more than its message. A run that passes does not record these operations, because the values would
//! need memory. A failed run in virtual time is repeated for its [page](crate::page), and this second run
//! records them. If they are not linearizable, the history gets a page, too.

use std::sync::PoisonError;

use labrt::collections::BTreeMap;
use labrt::sync::atomic::{AtomicBool, Ordering};

use super::recorder::Seen;
use crate::marks::now;
use porcupine::models::kv::{KvInput, KvOp, KvOutput, Operation, Text};

/// True while a failed run is repeated.
static ON: AtomicBool = AtomicBool::new(false);

#[expect(
    clippy::disallowed_types,
    reason = "in virtual time, labrt's lock may let another thread run; then the second run would differ"
)]
static OPERATIONS: std::sync::Mutex<Option<Spare>> = std::sync::Mutex::new(None);

/// Held while a failed run is repeated. Tests of this crate fail at the same time on several threads.
#[expect(clippy::disallowed_types, reason = "the threads that wait for this lock belong to no run")]
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[derive(Default)]
struct Spare {
    operations: Vec<Operation>,
    /// For each client, the values that it has read.
    seen: BTreeMap<u32, Seen>,
    last: u64,
}

impl Spare {
    /// The time. It is later than all earlier times, for the reason that [`History`](super::History) gives.
    fn time(&mut self) -> u64 {
        self.last = now().max(self.last + 1);
        self.last
    }
}

/// Calls `run`, and returns its result and the operations of the clients that the tests do not record. An
/// append or a put that has not returned is among them, because the servers may have done it. It ends with
/// the run.
pub(crate) fn collected<T>(run: impl FnOnce() -> T) -> (T, Vec<Operation>) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    *OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Spare::default());
    ON.store(true, Ordering::SeqCst);
    let result = run();
    ON.store(false, Ordering::SeqCst);
    let spare = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    let Spare { mut operations, last, .. } = spare;
    operations.retain(|it| it.ret < u64::MAX || it.input.op != KvOp::Get);
    for operation in &mut operations {
        operation.ret = operation.ret.min(last + 1);
    }
    (result, operations)
}

/// Notes that a client calls. Returns the place of the operation.
pub(super) fn called(client: u32, op: KvOp, key: &str, value: &str) -> Option<usize> {
    if !ON.load(Ordering::SeqCst) {
        return None;
    }
    let mut spare = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let spare = spare.as_mut()?;
    let call = spare.time();
    let input = KvInput { op, key: key.to_owned(), value: value.into() };
    spare.operations.push(Operation {
        client,
        input,
        call,
        output: KvOutput { value: Text::EMPTY },
        ret: u64::MAX,
    });
    Some(spare.operations.len() - 1)
}

/// Notes that the operation at this place has returned.
pub(super) fn returned(place: usize, client: u32, op: KvOp, key: &str, output: &str) {
    let mut spare = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(spare) = spare.as_mut() else { return };
    let ret = spare.time();
    let value = match op {
        KvOp::Get => spare.seen.entry(client).or_default().text(key, output),
        KvOp::Put | KvOp::Append => Text::EMPTY,
    };
    if let Some(operation) = spare.operations.get_mut(place) {
        (operation.output, operation.ret) = (KvOutput { value }, ret);
    }
}
