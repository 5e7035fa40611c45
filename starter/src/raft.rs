//! A Raft peer, to be written.
//!
//! Each part of the lab has its places here, marked `2A` to `2D`. Keep the paper's Figure 2 beside you:
//! nearly all of it ends up in this file.
//!
//! Three rules of the house make everything also run in virtual time:
//!
//! * threads, locks, channels, clocks and random numbers come from [`labrt`], never from `std`;
//! * no lock is held over an RPC or over a message to the service;
//! * every thread of a peer ends soon after [`RaftPeer::kill`].

use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::{Arc, Mutex, Signal};
use serde::{Deserialize, Serialize};

/// The arguments of the RequestVote RPC (Figure 2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestVoteArgs {
    // Your data here (2A, 2B).
}

/// The reply of the RequestVote RPC (Figure 2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestVoteReply {
    // Your data here (2A).
}

/// A Raft peer.
pub struct Raft {
    /// What the peer's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The ends over which this peer calls the others; `peers[me]` is its own.
    peers: Vec<End>,
    /// The index of this peer.
    me: usize,
    /// Keeps the peer's state over a crash.
    persister: Arc<Persister>,
    /// To the service. Send committed commands here, without holding the lock.
    apply: Sender<ApplyMsg>,
    /// Raised by `kill`.
    killed: Signal,
    state: Mutex<State>,
}

/// What the lock protects: the state of Figure 2.
#[derive(Default)]
struct State {
    current_term: u64,
    is_leader: bool,
    // Your data here (2A, 2B, 2C).
}

impl RaftPeer for Raft {
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        let state = Mutex::new(State::default());
        let inner = Arc::new(Inner { peers, me, persister, apply, killed: Signal::new(), state });

        // Your initialization code here (2A, 2B, 2C).

        // Initialize from the state that was persisted before a crash.
        inner.read_persist(&inner.persister.read_raft_state());

        // Start the ticker, which starts elections.
        let ticker = Arc::clone(&inner);
        labrt::thread::spawn_named(format!("raft-{me}-ticker"), move || ticker.tick());

        Raft { inner }
    }

    fn start(&self, command: Command) -> Option<Started> {
        // Your code here (2B).
        let _ = command;
        None
    }

    fn get_state(&self) -> (u64, bool) {
        // Your code here (2A).
        let state = self.inner.state.lock();
        (state.current_term, state.is_leader)
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        // Your code here (2D).
        let _ = (index, snapshot);
    }

    fn kill(&self) {
        self.inner.killed.raise();
        // Your code here, if desired.
    }

    fn service(self: &Arc<Raft>) -> Service {
        let inner = Arc::clone(&self.inner);
        // Register your other RPC handlers here, too (2A, 2D).
        Service::new("Raft").handler("RequestVote", move |args: RequestVoteArgs| inner.request_vote(args))
    }
}

impl Inner {
    /// Saves the state that has to survive a crash (Figure 2). Whoever changes it holds the lock already, and
    /// the lock is not re-entrant: hence `state`.
    #[allow(dead_code, reason = "to be called when that state changes")]
    fn persist(&self, state: &State) {
        // Your code here (2C). Example:
        // let mut encoder = labgob::Encoder::new();
        // encoder.encode(&state.current_term);
        // encoder.encode(&state.voted_for);
        // self.persister.save_raft_state(&encoder.into_bytes());
        let _ = state;
    }

    /// Restores what `persist` has saved; nothing at all on a first start.
    fn read_persist(&self, saved: &[u8]) {
        // Your code here (2C), unless `saved` is empty. Example:
        // let mut decoder = labgob::Decoder::new(saved);
        // let current_term: u64 = decoder.decode().expect("written by persist");
        let _ = saved;
    }

    /// The RequestVote RPC handler.
    fn request_vote(&self, args: RequestVoteArgs) -> RequestVoteReply {
        // Your code here (2A, 2B).
        let _ = args;
        RequestVoteReply {}
    }

    /// Calls the RequestVote handler of a peer.
    ///
    /// `None`: no reply, because of a dead server, a lost message or a slow network. A call to somebody who
    /// cannot be reached takes up to seven seconds, so call each peer from a thread of its own
    /// ([`labrt::thread::spawn`]), and never under the lock.
    #[allow(dead_code, reason = "an example of an RPC, to be called in an election")]
    fn send_request_vote(&self, server: usize, args: &RequestVoteArgs) -> Option<RequestVoteReply> {
        self.peers[server].call("Raft.RequestVote", args)
    }

    /// Starts an election when this peer has not heard from a leader recently.
    fn tick(&self) {
        while !self.killed.is_raised() {
            // Your code here (2A): should an election be started?

            // Pause for a random time. Unlike a sleep, this ends at once when the peer is killed.
            let pause = labrt::time::Duration::from_millis(50 + labrt::rng::below(300));
            self.killed.wait_until(labrt::time::Instant::now() + pause);
        }
    }

    /// Gives a committed command to the service. False: the service is gone, or this peer has been killed.
    #[allow(dead_code, reason = "to be called for each committed command, in the order of the log")]
    fn apply(&self, index: u64, term: u64, command: Command) -> bool {
        let message = ApplyMsg::Command { index, term, command };
        labrt::dlog!(CMIT, term, "S{} applies {index}", self.me);
        self.apply.send_unless(message, &self.killed).is_ok()
    }
}
