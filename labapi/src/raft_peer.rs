//! The trait of lab 2: a Raft peer.

use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;

use crate::{ApplyMsg, Command, Persister, Strictness};

/// One Raft peer. The comments in the course's `raft.go` describe the same methods.
///
/// The harness calls [`make`](RaftPeer::make) first, then [`service`](RaftPeer::service) once, then puts the
/// service on the network and connects the peer. As soon as `make` has returned, the test's thread and
/// threads of the harness may call the other methods, even before `service`. The harness calls
/// [`kill`](RaftPeer::kill) at the end. At that moment, calls of the other methods may still be running, and
/// more calls may follow. None of these calls may panic.
///
/// While the harness calls a peer, the peer is labrt's current node: the threads that the peer spawns, its
/// log lines and its events are recorded as the peer's own. The harness holds no lock of its own during a
/// call.
pub trait RaftPeer: Send + Sync + 'static {
    /// What the suite does about three faults: a peer still has threads after `kill`, it makes an RPC while
    /// it holds a lock, or it locks two locks sometimes in one order and sometimes in the other. By default
    /// the suite only warns, and the warning does not change the result of the test.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// Starts a peer with the state in `persister`. If the persister is empty, this is the peer's first
    /// start.
    ///
    /// `peers[i]` is the end to peer `i`; `peers[me]` is the end to the peer itself. `make` must return soon.
    /// No thread reads `apply` yet, and the peer is not on the network yet. So `make` must not send to
    /// `apply` and must not wait for an RPC. Start threads for these things.
    ///
    /// `apply` is a rendezvous channel: a send returns only after the service has received the message. So
    /// the peer must not hold a lock during a send. Between its start and its `kill`, a peer sends each
    /// committed command once, in the order of the indices. After a restart, index 1 comes first again. But
    /// if the persister has a snapshot, the index after the snapshot comes first. The peer does not send that
    /// snapshot, because the service itself reads it from the persister. The peer sends a snapshot only if
    /// the leader has sent this snapshot to the peer.
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Self;

    /// Asks this peer to add a command to the log. Returns at once, before the command is committed.
    ///
    /// Returns the current term, and the index that the command will have if it is ever committed. Returns
    /// `None` if this peer is not the leader or has been killed. The first index is 1. Two calls in the same
    /// term never return the same index. Indices count commands only. If the log also has entries that are no
    /// commands, the peer must convert its own indices into such indices. `docs/others.md` shows how.
    fn start(&self, command: Command) -> Option<Started>;

    /// Returns the current term, and whether this peer believes that it is the leader. The term must be saved
    /// before this method returns it. So no later call returns a lower term, even if the peer crashes and
    /// starts again.
    fn get_state(&self) -> (u64, bool);

    /// Part 2D: the service has made a snapshot. `snapshot` contains the effect of all commands up to and
    /// including `index`. So the log may drop the entries of these commands.
    ///
    /// The harness calls this from the thread that reads the apply channel. So if a peer waits in this method
    /// until that channel is read, it waits forever.
    fn snapshot(&self, index: u64, snapshot: Vec<u8>);

    /// Part 2D, only in the course of 2022: returns whether the service may switch to this snapshot. The
    /// harness calls this from the thread that reads the apply channel.
    ///
    /// From 2023 on, the service may always switch. So this method returns `true` by default.
    fn cond_install_snapshot(&self, term: u64, index: u64, snapshot: &[u8]) -> bool {
        let _ = (term, index, snapshot);
        true
    }

    /// Stops this peer, because it is no longer needed. Its threads must end within 100 ms, and the peer must
    /// send no further message to `apply`.
    ///
    /// A call to a peer that cannot be reached takes up to seven seconds. So close the ends in this method
    /// ([`End::close`]). Then the calls that wait fail at once. Do not wait in this method until the threads
    /// have ended.
    fn kill(&self);

    /// Returns the RPC handlers of this peer, as a service with the name `Raft`.
    fn service(self: &Arc<Self>) -> Service;
}

/// The result of [`RaftPeer::start`] if the leader has added the command to its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The index that the command has if it is ever committed.
    pub index: u64,
    /// The leader's term.
    pub term: u64,
}

/// The role of a server (section 5.1 of the paper).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The server answers the requests of candidates and leaders. Each server starts with this role.
    #[default]
    Follower,
    /// The server asks the other servers for their votes.
    Candidate,
    /// The server is the leader of its term.
    Leader,
}

impl Role {
    /// Returns the name of the role: `follower`, `candidate` or `leader`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        }
    }
}

/// The cause of a change of role: a leader becomes a follower in its own term, because a majority has not
/// answered it for an election timeout (CheckQuorum). The monitor accepts the change only with this text.
pub const NO_QUORUM: &str = "no answer from a majority";

/// The cause of a refused vote: the server has a leader, so it ignores a candidate of a higher term and does
/// not take over that term (CheckQuorum). The monitor accepts the reply only with this text.
pub const HAS_A_LEADER: &str = "has a leader";

/// Like [`HAS_A_LEADER`], but the server has no leader in its own term. With leases, it has promised to vote
/// for nobody for a while, when it heard from a leader. A server that restarts may have promised this before.
pub const PROMISED: &str = "promised to vote for nobody";

/// The state of a server's Raft at one moment. Programs such as the demo show this state to the user.
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
