//! Implements the trait through which the suites use a Raft server.

use super::{Options, Raft};
use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started, Strictness};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;
use std::ops::Deref;

impl RaftPeer for Raft {
    const STRICTNESS: Strictness = Strictness::Fail;

    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        match Raft::make(peers, me, persister, apply) {
            Ok(raft) => raft,
            Err(error) => panic!("server {me} cannot start from the state that it has saved: {error}"),
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

    fn kill(&self) {
        Raft::kill(self);
    }

    fn service(self: &Arc<Raft>) -> Service {
        Raft::service(self)
    }
}

/// A Raft server with the options [`pre_vote`](Options::pre_vote) and
/// [`check_quorum`](Options::check_quorum).
///
/// The suites make servers with [`RaftPeer::make`], which has no argument for options. So a suite that shall
/// run with other options needs a type of its own: `Tuned<true, false>` has PreVote, and `Tuned<true, true>`
/// has both. This is a test binary for part 2A with PreVote:
///
/// ```no_run
/// use mit6824::raft::Tuned;
///
/// fn main() -> std::process::ExitCode {
///     labtest::lab2::main_2a::<Tuned<true, false>>(labrt::here!())
/// }
/// ```
pub struct Tuned<const PRE_VOTE: bool, const CHECK_QUORUM: bool>(Arc<Raft>);

impl<const PRE_VOTE: bool, const CHECK_QUORUM: bool> Deref for Tuned<PRE_VOTE, CHECK_QUORUM> {
    type Target = Arc<Raft>;

    fn deref(&self) -> &Arc<Raft> {
        &self.0
    }
}

impl<const PRE_VOTE: bool, const CHECK_QUORUM: bool> RaftPeer for Tuned<PRE_VOTE, CHECK_QUORUM> {
    const STRICTNESS: Strictness = Raft::STRICTNESS;

    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Self {
        let options = Options { pre_vote: PRE_VOTE, check_quorum: CHECK_QUORUM, ..Options::default() };
        match Raft::make_with(peers, me, persister, apply, options) {
            Ok(raft) => Tuned(Arc::new(raft)),
            Err(error) => panic!("server {me} cannot start from the state that it has saved: {error}"),
        }
    }

    fn start(&self, command: Command) -> Option<Started> {
        self.0.start(command)
    }

    fn get_state(&self) -> (u64, bool) {
        self.0.get_state()
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        RaftPeer::snapshot(&*self.0, index, snapshot);
    }

    fn kill(&self) {
        self.0.kill();
    }

    fn service(self: &Arc<Self>) -> Service {
        self.0.service()
    }
}
