//! Lab 2: what the suites require of a Raft.

use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;

use crate::{ApplyMsg, Command, Persister, Strictness};

/// One Raft peer. It corresponds to the comments above `Make` in the course's `raft.go`.
///
/// The harness calls [`make`](RaftPeer::make) first, then [`service`](RaftPeer::service) once, then puts the
/// service on the network and connects the peer. As soon as `make` has returned, the test's thread and
/// threads of the harness may call the other methods, even before `service`. The harness calls
/// [`kill`](RaftPeer::kill) at the end. But calls of the other methods may not have returned yet at that
/// moment, or may still follow. These calls must not panic.
///
/// While the harness calls a peer, the peer is labrt's current node: the threads that the peer spawns, its
/// log lines and its events are recorded as the peer's own. The harness holds no lock of its own during a
/// call.
pub trait RaftPeer: Send + Sync + 'static {
    /// What the suite does when a peer still has threads after `kill`, locks two locks in both orders, or
    /// makes an RPC while it holds a lock. By default the suite only warns, and the course's own verdicts do
    /// not change.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// Starts a peer with the state in `persister`. If the persister is empty, this is the peer's first
    /// start.
    ///
    /// `peers[i]` is the end to peer `i`; `peers[me]` is the end to the peer itself. `make` must return soon.
    /// No thread reads `apply` yet, and the peer is not on the network yet. So `make` must not deliver a
    /// message and must not wait for an RPC. Start threads for that.
    ///
    /// `apply` is a rendezvous channel: a send ends when the service receives the message. So hold no lock
    /// during a send. Between its start and its `kill`, a peer delivers each committed command once, in the
    /// order of the indices. After a restart begin with index 1. But if the persister has a snapshot, begin
    /// after the last index that the snapshot covers. Do not deliver that snapshot: the service reads it from
    /// the persister itself. Deliver a snapshot only when the leader has sent one.
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Self;

    /// Starts agreement on a command and returns at once.
    ///
    /// Returns the current term, and the index that the command will have if it is ever committed. Returns
    /// `None` if this peer is not the leader or has been killed. Index 1 is the first index. Two calls in one
    /// term never return the same index.
    fn start(&self, command: Command) -> Option<Started>;

    /// Returns the current term, and whether this peer believes that it is the leader.
    fn get_state(&self) -> (u64, bool);

    /// Part 2D: `snapshot` has the effect of all commands up to and including `index`. So the log may drop
    /// these entries.
    ///
    /// The harness calls this from the thread that reads the apply channel. So if a peer waits here until
    /// that channel is read, it waits forever.
    fn snapshot(&self, index: u64, snapshot: Vec<u8>);

    /// Part 2D of 2022 only: may the service switch to this snapshot? The harness calls this from the thread
    /// that reads the apply channel.
    ///
    /// From 2023 on, the answer is always yes. This is the default here.
    fn cond_install_snapshot(&self, term: u64, index: u64, snapshot: &[u8]) -> bool {
        let _ = (term, index, snapshot);
        true
    }

    /// The peer is no longer needed. Its threads must end within 100 ms, and it must deliver no further
    /// message.
    ///
    /// A call to a peer that cannot be reached takes up to seven seconds. So close the ends here
    /// ([`End::close`]): then calls that wait fail at once. Do not wait here for the threads to end.
    fn kill(&self);

    /// The RPC handlers, as a service named `Raft`.
    fn service(self: &Arc<Self>) -> Service;
}

/// What a leader returns for a command that it has added to its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The index that the command has if it is ever committed.
    pub index: u64,
    /// The leader's term.
    pub term: u64,
}

/// What a server is at the moment (section 5.1 of the paper).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The server answers the requests of candidates and leaders. Each server starts with this role.
    #[default]
    Follower,
    /// The server asks the others for their votes.
    Candidate,
    /// The server is the leader of its term.
    Leader,
}

impl Role {
    /// The role in one word: `follower`, `candidate`, `leader`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        }
    }
}

/// The state of a server's Raft at one moment, for people who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftStatus {
    /// The server's current term.
    pub term: u64,
    /// The role that the server believes it has in that term.
    pub role: Role,
    /// The highest index that the server knows to be committed.
    pub commit_index: u64,
    /// The highest index that the server's Raft has given to its service.
    pub last_applied: u64,
    /// The highest index in the server's log.
    pub last_index: u64,
    /// The last index that the server's snapshot covers. It is 0 if the server has no snapshot.
    pub snapshot_index: u64,
}
