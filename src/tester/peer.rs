//! What the lab 2 suites ask of a Raft.

use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;

use crate::raft::{ApplyMsg, Command, Persister, Raft, Started};

/// What becomes of breaches of good order that the course does not look for: threads that outlive
/// [`RaftPeer::kill`], locks taken in both orders, an RPC made under a lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// They are reported.
    Warn,
    /// They fail the test.
    Fail,
}

/// One Raft peer, as the harness sees it (the comments over `Make` in the course's `raft.go`).
///
/// Every method may be called at any time, from any thread, also after [`kill`](RaftPeer::kill); none may
/// block for long. The harness calls them while the peer is labrt's current node, so that threads that they
/// spawn and log lines that they write are the peer's.
pub trait RaftPeer: Send + Sync + 'static {
    /// What becomes of breaches of good order. The default reports them; the course's own verdicts do not
    /// change.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// Starts a peer, with what `persister` holds (nothing at all: a first start).
    ///
    /// `peers[me]` is the end to the peer itself. Must return soon, must not deliver a message and must not
    /// wait for an RPC: nobody reads `apply` yet, and the peer is not on the network yet. `apply` is a
    /// rendezvous: a send ends when the service takes the message, so no lock may be held over it.
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Self;

    /// Starts agreement on a command, and returns at once.
    ///
    /// The index where the command will be if it is ever committed (the first is 1) and the current term;
    /// `None` when this peer is not the leader, or has been killed.
    fn start(&self, command: Command) -> Option<Started>;

    /// The current term, and whether this peer believes that it is the leader.
    fn get_state(&self) -> (u64, bool);

    /// Part 2D: the service has everything up to and including `index` in `snapshot`; the log may forget it.
    ///
    /// Called from the thread that reads the apply channel.
    fn snapshot(&self, index: u64, snapshot: Vec<u8>);

    /// Part 2D, 2022 only: may the service switch to this snapshot? Called from the thread that reads the
    /// apply channel.
    ///
    /// Since 2023 the answer is always yes, which is the default here.
    fn cond_install_snapshot(&self, term: u64, index: u64, snapshot: &[u8]) -> bool {
        let _ = (term, index, snapshot);
        true
    }

    /// The peer is no longer needed: its threads must end soon, and it must deliver no further message.
    fn kill(&self);

    /// The RPC handlers, as a service named `Raft`.
    fn service(self: &Arc<Self>) -> Service;
}

impl RaftPeer for Raft {
    const STRICTNESS: Strictness = Strictness::Fail;

    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        match Raft::make(peers, me, persister, apply) {
            Ok(raft) => raft,
            Err(error) => panic!("server {me} cannot start from what it has saved: {error}"),
        }
    }

    fn start(&self, command: Command) -> Option<Started> {
        Raft::start(self, command)
    }

    fn get_state(&self) -> (u64, bool) {
        Raft::get_state(self)
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        if let Err(error) = Raft::snapshot(self, index, snapshot) {
            panic!("the service's snapshot up to index {index} was refused: {error}");
        }
    }

    fn cond_install_snapshot(&self, term: u64, index: u64, snapshot: &[u8]) -> bool {
        Raft::cond_install_snapshot(self, term, index, snapshot)
    }

    fn kill(&self) {
        Raft::kill(self);
    }

    fn service(self: &Arc<Raft>) -> Service {
        Raft::service(self)
    }
}
