//! The Raft that labs 3 and 4 use. By default it is your own Raft. With the feature `solved-raft` it is a
//! complete Raft of this project instead.
//!
//! The services import [`Raft`] from this file. They may use only the methods of
//! [`RaftPeer`](labapi::RaftPeer). Then they run on both Rafts without a change.
//!
//! The tests of lab 2 always test your own Raft, in [`raft`](crate::raft).

#[cfg(not(feature = "solved-raft"))]
pub use crate::raft::Raft;
#[cfg(feature = "solved-raft")]
pub use solved::Raft;

#[cfg(feature = "solved-raft")]
mod solved {
    use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
    use labrpc::{End, Service};
    use labrt::chan::Sender;
    use labrt::sync::Arc;

    /// A complete Raft. Like your own Raft, it has only the methods of [`RaftPeer`].
    pub struct Raft(Arc<mit6824::raft::Raft>);

    impl RaftPeer for Raft {
        fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
            Raft(Arc::new(RaftPeer::make(peers, me, persister, apply)))
        }

        fn start(&self, command: Command) -> Option<Started> {
            RaftPeer::start(&*self.0, command)
        }

        fn get_state(&self) -> (u64, bool) {
            RaftPeer::get_state(&*self.0)
        }

        fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
            RaftPeer::snapshot(&*self.0, index, snapshot);
        }

        fn kill(&self) {
            RaftPeer::kill(&*self.0);
        }

        fn service(self: &Arc<Raft>) -> Service {
            RaftPeer::service(&self.0)
        }
    }
}
