//! A server of a replicated service. It connects the handlers, the state machine and Raft.
//!
//! One lock protects the machine. The thread that delivers for Raft takes this lock once for each batch of
//! entries. This thread is Raft's applier, or a thread that has started an operation. Another lock protects
//! the waiters. Raft holds no lock when it calls a function of this file. So these functions may
//! call Raft while they hold both locks. Locks are taken in this order:
//!
//! ```text
//! machine -> waiters -> raft
//! machine -> pending reads
//! ```

mod reads;

use super::reads::{Pending, Reads};
use super::waiters::{NotLeader, Waiters};
use crate::raft::{self, ApplySink, Raft, RestoreError, RoleChange, TransferError};
use labapi::{ApplyMsg, Bytes, Command, Persister, RaftStatus, ServerStart, Started};
use labgob::DecodeError;
use labrpc::Service;
use labrt::sync::{Arc, Mutex, Signal};
use labrt::{chan, dlog};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::OnceLock;

/// A deterministic service. Each server of a group has its own copy.
///
/// The same operations in the same order must give the same state and the same replies on every server. So a
/// machine uses no clock and no random numbers, and its results do not depend on the order of a hash map.
pub trait StateMachine: Send + 'static {
    /// An operation, as it is stored in the log.
    type Op: Serialize + DeserializeOwned + Send + 'static;
    /// The machine's reply to an operation.
    type Reply: Send + 'static;

    /// Applies a committed operation. Every server calls this method for every entry of the log, in order.
    fn apply(&mut self, op: Self::Op) -> Self::Reply;

    /// The whole state, for [`restore`](StateMachine::restore) on any server.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the state with the state in a snapshot. If this method returns an error, it must not have
    /// changed the state.
    ///
    /// # Errors
    /// If the bytes are not a snapshot of this service.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError>;

    /// Reports that the role of this server has changed. This method is called between calls of
    /// [`apply`](StateMachine::apply). On a new leader the method may return an operation. Then this
    /// operation is started at once. A leader needs an entry of its own term: without this entry, the leader
    /// cannot commit the entries of earlier terms (5.4.2 of the paper).
    fn on_role(&mut self, role: RoleChange) -> Option<Self::Op> {
        let _ = role;
        None
    }
}

/// The reason why a server cannot start from its saved state.
#[derive(Debug)]
pub enum StartError {
    /// Raft's part of the state is wrong.
    Raft(RestoreError),
    /// The service's part of the state is wrong.
    Snapshot {
        /// The size of the snapshot in bytes.
        bytes: usize,
        /// What is wrong with the snapshot.
        error: DecodeError,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Raft(error) => error.fmt(f),
            StartError::Snapshot { bytes, error } => {
                write!(f, "the saved snapshot ({bytes} bytes) is not one of this service: {error}")
            }
        }
    }
}

impl std::error::Error for StartError {}

/// One server of a replicated service. Dropping this value kills the server.
pub struct Rsm<M: StateMachine> {
    shared: Arc<Shared<M>>,
}

struct Shared<M: StateMachine> {
    machine: Mutex<M>,
    waiters: Mutex<Waiters<M::Reply>>,
    /// This server's Raft. The field is set before the first message from Raft is handled.
    raft: OnceLock<Raft>,
    persister: Arc<Persister>,
    maxraftstate: Option<usize>,
    /// How the service reads.
    reads: Reads,
    /// The reads without the log that wait for an entry.
    pending: Mutex<Pending<M>>,
}

impl<M: StateMachine> Rsm<M> {
    /// Makes a server. `machine` must be in its first state. If there is a saved snapshot, the machine is
    /// restored from it. This function returns at once. The server belongs to the
    /// [current](labrt::node::current) node.
    ///
    /// # Errors
    /// If the saved state cannot be read.
    pub fn make(start: ServerStart, machine: M) -> Result<Rsm<M>, StartError> {
        Rsm::make_with(start, machine, raft::Options::default())
    }

    /// Like [`make`](Rsm::make), but with other options for Raft than the default.
    ///
    /// # Errors
    /// The same as [`make`](Rsm::make).
    pub fn make_with(start: ServerStart, machine: M, options: raft::Options) -> Result<Rsm<M>, StartError> {
        Rsm::make_reading(start, machine, options, Reads::Log)
    }

    /// Like [`make_with`](Rsm::make_with), for a service that reads with [`Rsm::read_now`]. All servers of a
    /// group need the same value of `reads`. [`Reads::Lease`] switches on the option
    /// [`lease`](raft::Options::lease).
    ///
    /// # Errors
    /// The same as [`make`](Rsm::make).
    pub fn make_reading(
        start: ServerStart,
        mut machine: M,
        mut options: raft::Options,
        reads: Reads,
    ) -> Result<Rsm<M>, StartError> {
        options.lease |= reads == Reads::Lease;
        let ServerStart { ends, me, persister, maxraftstate } = start;
        let snapshot = persister.read_snapshot();
        if !snapshot.is_empty() {
            let bytes = snapshot.len();
            machine.restore(&snapshot).map_err(|error| StartError::Snapshot { bytes, error })?;
        }
        let shared = Arc::new(Shared {
            machine: Mutex::new(machine),
            waiters: Mutex::new(Waiters::new()),
            raft: OnceLock::new(),
            persister: persister.clone(),
            maxraftstate,
            reads,
            pending: Mutex::new(Pending::new(0)),
        });
        // While this thread holds the lock, no message from Raft is handled. So `raft` is set before the
        // first message is handled.
        let machine = shared.machine.lock();
        let raft =
            Raft::make_with(ends, me, persister, Sink(shared.clone()), options).map_err(StartError::Raft)?;
        if reads != Reads::Log {
            *shared.pending.lock() = Pending::new(raft.restored_index());
        }
        let first = shared.raft.set(raft).is_ok();
        debug_assert!(first, "`raft` is set only once");
        drop(machine);
        Ok(Rsm { shared })
    }

    /// Starts an operation and registers a waiter, `done`. `done` is called once with the outcome, which is
    /// the machine's reply or [`NotLeader`]. The call may happen before `submit` returns. If the server is
    /// killed, `done` is dropped without a call.
    ///
    /// The thread that calls `done` is the caller's thread, Raft's applier thread, or a thread that has
    /// submitted another operation. It may hold the machine's lock. So `done` must be short and must not call
    /// the `Rsm`. For the same reason the caller of this method must not hold a lock.
    pub fn submit(&self, op: &M::Op, done: impl FnOnce(Result<M::Reply, NotLeader>) + Send + 'static) {
        let command = Command::encode(op);
        // While this thread holds the lock, no entry can be applied. So the waiter is registered before the
        // entry of this operation is applied.
        let mut waiters = self.shared.waiters.lock();
        let Some(started) = self.raft().start_unsent(command) else {
            drop(waiters);
            return done(Err(NotLeader));
        };
        let older = waiters.add(started, Box::new(done));
        drop(waiters);
        older.dismiss();
        self.raft().flush();
    }

    /// Starts an operation and blocks the thread until the outcome is known. If this server is a leader that
    /// is cut off from the others, the wait can be long.
    ///
    /// # Errors
    /// If this server is not the leader, stops being the leader, or was killed. The operation may still be
    /// applied.
    pub fn submit_and_wait(&self, op: &M::Op) -> Result<M::Reply, NotLeader> {
        labrt::locks::blocking("Rsm::submit_and_wait");
        let (tx, rx) = chan::unbounded();
        self.submit(op, move |outcome| {
            // The receiver may be gone.
            let _ = tx.send(outcome);
        });
        rx.recv().unwrap_or(Err(NotLeader))
    }

    /// Starts an operation without a waiter, like [`Raft::start`]. The service uses this method for
    /// operations that no client has sent. The result is `None` if this server does not lead.
    pub fn start(&self, op: &M::Op) -> Option<Started> {
        self.raft().start(Command::encode(op))
    }

    /// Reads the machine in its current state on this server. This state may be older than the leader's, so
    /// it must not be used for a reply to a client.
    pub fn read<T>(&self, look: impl FnOnce(&M) -> T) -> T {
        look(&self.shared.machine.lock())
    }

    /// The current term, and whether this server believes that it is the leader of that term.
    pub fn get_state(&self) -> (u64, bool) {
        self.raft().get_state()
    }

    /// The status of this server's Raft, for a display.
    pub fn raft_status(&self) -> RaftStatus {
        self.raft().status()
    }

    /// Raft's own RPC handlers. Register them together with the handlers of the service.
    pub fn raft_service(&self) -> Service {
        self.raft().service()
    }

    /// Begins to transfer the leadership to server `target`, and returns at once.
    ///
    /// # Errors
    /// See [`Raft::transfer_leadership`].
    pub fn transfer_leadership(&self, target: usize) -> Result<(), TransferError> {
        self.raft().transfer_leadership(target)
    }

    /// Ends the server: its threads end, and the closures of all waiters are dropped. This method returns at
    /// once.
    pub fn kill(&self) {
        self.raft().kill();
        // Raft was killed above, so no more operations can be submitted. The queue has the waiters of all
        // earlier operations.
        let waiting = self.shared.waiters.lock().take();
        drop(waiting);
        self.shared.drop_reads();
    }

    fn raft(&self) -> &Raft {
        self.shared.raft()
    }

    /// Handles a change of role as if it came from Raft.
    #[cfg(test)]
    pub(super) fn hear_role(&self, change: RoleChange) {
        self.shared.change_role(change, &mut self.shared.machine.lock());
    }
}

impl<M: StateMachine> Drop for Rsm<M> {
    fn drop(&mut self) {
        self.kill();
    }
}

impl<M: StateMachine> Shared<M> {
    fn raft(&self) -> &Raft {
        self.raft.get().expect("`make_with` sets `raft` before it releases the machine's lock")
    }

    fn take_in(&self, message: ApplyMsg, machine: &mut M) {
        match message {
            ApplyMsg::Command { index, term, command } => self.apply(index, term, &command, machine),
            ApplyMsg::Snapshot { index, data, .. } => install(index, &data, machine),
        }
    }

    fn apply(&self, index: u64, term: u64, command: &Command, machine: &mut M) {
        let op = match labgob::decode(command.as_bytes()) {
            Ok(op) => op,
            // A new leader has proposed this entry. It changes nothing.
            Err(_) if command.is_empty() => return self.skip(index, term),
            Err(error) => labrt::fatal(format!(
                "the log is corrupt: the command at index {index} ({} bytes: {command:?}) does not decode as {}: {error}",
                command.len(),
                std::any::type_name::<M::Op>(),
            )),
        };
        let reply = machine.apply(op);
        let (done, missed) = self.waiters.lock().applied(index, term);
        missed.dismiss();
        if let Some(done) = done {
            done(Ok(reply));
        }
    }

    /// Handles an entry without an operation.
    fn skip(&self, index: u64, term: u64) {
        let (done, missed) = self.waiters.lock().applied(index, term);
        debug_assert!(done.is_none(), "no operation was started at this index in this term");
        missed.dismiss();
    }

    fn change_role(&self, role: RoleChange, machine: &mut M) {
        // The waiters of this term stay. The report may say that this server is a candidate in this term.
        // Such a report may be late: perhaps the server already leads the same term.
        let dismissed = self.waiters.lock().end_terms_before(role.term);
        dismissed.dismiss();
        if !role.is_leader {
            self.dismiss_reads();
        }
        let needs_entry = role.is_leader && self.reads != Reads::Log;
        let own = machine.on_role(role).map(|op| Command::encode(&op));
        if let Some(command) = own.or_else(|| needs_entry.then(|| Command::new(Vec::new()))) {
            // If this server no longer leads, nothing is started. The next leader starts its own operation.
            self.raft().start(command);
        }
    }

    /// Takes a snapshot up to the last applied entry, if Raft's saved state has at least `maxraftstate`
    /// bytes.
    fn compact(&self, last_applied: u64, machine: &M) {
        let Some(limit) = self.maxraftstate else { return };
        let size = self.persister.raft_state_size();
        if size < limit {
            return;
        }
        let snapshot = machine.snapshot();
        dlog!(SNAP, "snapshot up to {last_applied}: {} bytes for {size} of log", snapshot.len());
        if let Err(error) = self.raft().snapshot(last_applied, Bytes::from(snapshot)) {
            labrt::fatal(format!("Raft refused the snapshot up to index {last_applied}: {error}"));
        }
    }
}

fn install<M: StateMachine>(index: u64, data: &[u8], machine: &mut M) {
    if let Err(error) = machine.restore(data) {
        labrt::fatal(format!(
            "the leader's snapshot up to index {index} ({} bytes) is not one of this service: {error}",
            data.len()
        ));
    }
}

/// Receives the entries from Raft. Raft's applier thread calls the methods of this sink, or a thread that has
/// started an operation. A call takes the machine's lock once for a whole batch.
struct Sink<M: StateMachine>(Arc<Shared<M>>);

impl<M: StateMachine> ApplySink for Sink<M> {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        self.deliver_batch(vec![message], stop)
    }

    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        let mut machine = self.0.machine.lock();
        let mut last_applied = None;
        for message in messages {
            if stop.is_raised() {
                return false;
            }
            let (ApplyMsg::Command { index, .. } | ApplyMsg::Snapshot { index, .. }) = &message;
            last_applied = Some(*index);
            self.0.take_in(message, &mut machine);
        }
        if let Some(index) = last_applied {
            self.0.compact(index, &machine);
        }
        if let Some(index) = last_applied {
            self.0.answer_reads(index, &machine);
        }
        true
    }

    /// This sink waits only for the locks of this file. Closures of waiters and of reads must be short.
    ///
    /// With snapshots the answer is no. A client that waits for no thread can propose entries faster than the
    /// followers apply them, and a follower trims its log only after it has applied. So its log would become
    /// longer than the labs allow. If the applier delivers, the client waits for it.
    fn never_blocks(&self) -> bool {
        self.0.maxraftstate.is_none()
    }

    fn wants_roles(&self) -> bool {
        true
    }

    fn role_changed(&mut self, change: RoleChange) {
        self.0.change_role(change, &mut self.0.machine.lock());
    }
}
