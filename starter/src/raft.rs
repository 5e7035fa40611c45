//! A Raft peer that you will write: lab 2.
//!
//! The places for the parts of the lab are marked `2A` to `2D`. Read Figure 2 of the paper while you work:
//! nearly all of it belongs in this file. The code here is a proposal. Change whatever you like, but keep an
//! implementation of [`RaftPeer`].
//!
//! Keep three rules (the "rules of the house"). Then everything also runs in virtual time:
//!
//! * threads, locks, channels, clocks and random numbers come from [`labrt`], never from `std`;
//! * no lock is held during an RPC or while a message is sent to the service;
//! * every thread of a peer ends soon after [`RaftPeer::kill`].
//!
//! The calls of [`observe`] write into the run's trace what the peer does: roles, terms, votes, logs. When a
//! run fails, its HTML page shows this. The calls do not change what the peer does. You may delete them; then
//! the page shows less.

use crate::not_written;
use labapi::observe;
use labapi::{ApplyMsg, Command, Persister, RaftPeer, Role, Started};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::{Arc, Mutex, Signal};
use labrt::trace;
use serde::{Deserialize, Serialize};

/// The arguments of the RequestVote RPC (Figure 2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestVoteArgs {
    /// The candidate's term.
    pub term: u64,
    /// The peer that asks for the vote.
    pub candidate_id: usize,
    // Your data here (2A, 2B).
}

/// The reply of the RequestVote RPC (Figure 2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term. If it is higher than the candidate's term, the candidate must change to this term.
    pub term: u64,
    /// Did the candidate get the vote?
    pub vote_granted: bool,
}

/// An entry of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The term in which a leader received the command.
    pub term: u64,
    /// The command that Raft gives to the service when the entry is committed.
    pub command: Command,
}

/// A Raft peer.
pub struct Raft {
    /// The data that the peer's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The ends through which this peer calls the others. `peers[me]` leads to this peer itself.
    peers: Vec<End>,
    /// The index of this peer.
    me: usize,
    /// The disk of the peer. It keeps the peer's state when the peer crashes.
    #[allow(dead_code, reason = "delete this line when `persist` uses this field")]
    persister: Arc<Persister>,
    /// The channel to the service. Send committed commands here, without holding the lock.
    apply: Sender<ApplyMsg>,
    /// This signal is raised by `kill`.
    killed: Signal,
    state: Mutex<State>,
}

/// The state of Figure 2. The lock protects it.
struct State {
    current_term: u64,
    voted_for: Option<usize>,
    role: Role,
    /// The entries; the first one has index 1.
    log: Vec<Entry>,
    commit_index: u64,
    last_applied: u64,
    // Your data here (2A, 2B, 2D).
}

/// The small steps of Figure 2. Each step changes the state, and reports the change to the trace.
///
/// Call these methods while you hold the lock. After a change of the term, the vote or the log, call
/// `persist` before another server or the service can see the change.
#[allow(dead_code, reason = "delete this line when your code calls all of these steps")]
impl State {
    /// Changes to a higher term, in which this peer has not voted yet.
    fn raise_term(&mut self, term: u64) {
        (self.current_term, self.voted_for) = (term, None);
        observe::term(term);
    }

    /// Gives this peer's vote in the current term.
    fn vote_for(&mut self, candidate: usize) {
        self.voted_for = Some(candidate);
        observe::vote(candidate, self.current_term);
    }

    /// Changes the role of this peer. `cause` gives the reason in a few words.
    fn change_role(&mut self, role: Role, cause: &'static str) {
        self.role = role;
        observe::role(role, self.current_term, cause);
    }

    /// The index of the last entry. It is 0 for an empty log. (2D: the log then begins after the snapshot. So
    /// add the index of the snapshot's last entry.)
    fn last_index(&self) -> u64 {
        self.log.len() as u64
    }

    /// Adds entries at the end of the log.
    fn append(&mut self, entries: Vec<Entry>) {
        let (first, old) = (self.last_index() + 1, self.log.len());
        self.log.extend(entries);
        observe::append(first, self.log[old..].iter().map(|entry| (entry.term, &entry.command)));
    }

    /// Removes the entry at `index` and all entries after it. (2D: to find the entry in `log`, subtract the
    /// index of the snapshot's last entry.)
    fn truncate_from(&mut self, index: u64) {
        let dropped = self.last_index() + 1 - index;
        self.log.truncate((index - 1) as usize);
        observe::truncate(index, dropped);
    }

    /// Notes that everything up to `index` is committed.
    fn commit_to(&mut self, index: u64) {
        self.commit_index = index;
        observe::commit(index, self.current_term);
    }

    /// Takes the next committed entry that has not gone to the service yet. Returns it with its index. (2D:
    /// to find the entry in `log`, subtract the index of the snapshot's last entry.)
    fn next_to_apply(&mut self) -> Option<(u64, Entry)> {
        if self.last_applied >= self.commit_index {
            return None;
        }
        let entry = self.log.get(self.last_applied as usize)?.clone();
        self.last_applied += 1;
        observe::apply(self.last_applied);
        Some((self.last_applied, entry))
    }
}

impl RaftPeer for Raft {
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        // Restore the state that was saved before a crash.
        let state = read_persist(&persister);

        // Your initialization code here (2A, 2B, 2C).

        let restored = observe::Restored {
            term: state.current_term,
            voted_for: state.voted_for,
            // The index and the term of the last entry that the snapshot covers (2D).
            last_included_index: 0,
            last_included_term: 0,
            snapshot: &persister.read_snapshot(),
        };
        observe::restore(&restored, state.log.iter().map(|entry| (entry.term, &entry.command)));

        let state = Mutex::new(state);
        let inner = Arc::new(Inner { peers, me, persister, apply, killed: Signal::new(), state });

        // Start the ticker, which starts elections.
        let ticker = Arc::clone(&inner);
        labrt::thread::spawn_named(format!("raft-{me}-ticker"), move || ticker.tick());

        Raft { inner }
    }

    fn start(&self, command: Command) -> Option<Started> {
        // Your code here (2B). Return `None` if this peer is not the leader.
        let _ = command;
        not_written("2B", "Raft::start to take a command into the log of a leader")
    }

    fn get_state(&self) -> (u64, bool) {
        let state = self.inner.state.lock();
        (state.current_term, state.role == Role::Leader)
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        // Your code here (2D). Immediately after you have cut the log, while you still hold the lock, call
        // observe::snapshot("own", ...). After InstallSnapshot has cut the log, call
        // observe::snapshot("from the leader", ...) instead.
        let _ = (index, snapshot);
    }

    fn kill(&self) {
        self.inner.killed.raise();
        // When the ends are closed, calls that wait for a reply fail at once. So their threads can end.
        self.inner.peers.iter().for_each(End::close);
        // Your code here, if desired.
    }

    fn service(self: &Arc<Raft>) -> Service {
        let inner = Arc::clone(&self.inner);
        // Register the handlers of your other RPCs here, too (2A, 2D).
        Service::new("Raft").handler("RequestVote", move |args: RequestVoteArgs| inner.request_vote(args))
    }
}

/// Restores the state that `persist` has saved. A peer that starts for the first time has saved nothing.
fn read_persist(persister: &Persister) -> State {
    let state = State {
        current_term: 0,
        voted_for: None,
        role: Role::Follower,
        log: Vec::new(),
        commit_index: 0,
        last_applied: 0,
    };
    let saved = persister.read_raft_state();
    // Your code here (2C): restore the state, but only if `saved` is not empty. Example:
    // let mut decoder = labgob::Decoder::new(&saved);
    // state.current_term = decoder.decode().expect("written by persist");
    let _ = saved;
    state
}

impl Inner {
    /// Saves the state that has to survive a crash (Figure 2). The caller of this method holds the lock
    /// already, and a thread cannot take the lock twice. So the caller passes the state that it has locked.
    #[allow(dead_code, reason = "delete this line when you call `persist` after each change of that state")]
    fn persist(&self, state: &State) {
        // Your code here (2C). Example:
        // let mut encoder = labgob::Encoder::new();
        // encoder.encode(&state.current_term);
        // encoder.encode(&state.voted_for);
        // self.persister.save_raft_state(&encoder.into_bytes());
        let _ = state;
    }

    /// The RequestVote RPC handler.
    fn request_vote(&self, args: RequestVoteArgs) -> RequestVoteReply {
        let state = self.state.lock();
        // Your code here (2A, 2B). If you refuse a vote, call observe::vote_refused(candidate, term, "why").
        let _ = args;
        let reply = RequestVoteReply { term: state.current_term, vote_granted: false };
        observe::vote_reply(reply.term, reply.vote_granted);
        reply
    }

    // Your code here: the handlers of AppendEntries (2A, 2B) and InstallSnapshot (2D). At its end, after
    // `persist`, each handler calls observe::append_reply(...) or observe::snapshot_reply(...).

    /// Calls the RequestVote handler of a peer.
    ///
    /// `None` means that no reply has come, because of a dead server, a lost message or a slow network. A
    /// call to a server that cannot be reached takes up to seven seconds. So call each peer on a separate
    /// thread ([`labrt::thread::spawn`]), and never while you hold the lock.
    #[allow(
        dead_code,
        reason = "this is an example of an RPC; delete this line when an election calls this function"
    )]
    fn send_request_vote(&self, server: usize, args: &RequestVoteArgs) -> Option<RequestVoteReply> {
        let id = trace::next_id();
        // Replace the two zeros by the index and the term of the last entry (2B).
        observe::request_vote(id, args.term, args.candidate_id, (0, 0));
        self.peers[server].call_as(id, "Raft.RequestVote", args)
    }

    // Your code here: the senders of AppendEntries (2A, 2B) and InstallSnapshot (2D). Each sender gets an
    // id from trace::next_id(), and passes it to observe::append_entries(id, ...) or
    // observe::install_snapshot(id, ...). Then it makes the call with the same id, as above.

    /// Starts an election when this peer has not heard from a leader recently.
    ///
    /// An election calls each peer on a separate thread. `self` is an `Arc`, so each of these threads can
    /// have a clone of it.
    fn tick(self: &Arc<Inner>) {
        while !self.killed.is_raised() {
            // Your code here (2A): should an election be started?

            // Pause for a random time. Unlike a sleep, this pause ends at once when the peer is killed.
            let pause = labrt::time::Duration::from_millis(50 + labrt::rng::below(300));
            self.killed.wait_until(labrt::time::Instant::now() + pause);
        }
    }

    /// Gives a committed command to the service. Returns `false` if the service is gone or this peer has been
    /// killed.
    #[allow(
        dead_code,
        reason = "delete this line when you call this function for each committed command, in the log's order"
    )]
    fn apply(&self, index: u64, term: u64, command: Command) -> bool {
        let message = ApplyMsg::Command { index, term, command };
        labrt::dlog!(CMIT, term, "S{} applies {index}", self.me);
        self.apply.send_unless(message, &self.killed).is_ok()
    }
}
