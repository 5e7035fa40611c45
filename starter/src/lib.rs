//! The labs, to be written by you: Raft, and the services on it.
//!
//! | lab | file | what it becomes |
//! |---|---|---|
//! | 2A to 2D | [`raft`] | a Raft peer |
//! | 3A, 3B | [`kvraft`] | a replicated key/value service |
//! | 4A | [`shardctrler`] | the controller, which says which group serves which shard |
//! | 4B | [`shardkv`] | a key/value service of several groups, each of which serves some of the shards |
//!
//! [`raft_in_use`] chooses the Raft that labs 3 and 4 stand on. The README beside `src` has the order of work
//! and the commands.
//!
//! All of it compiles as it is and passes no test. A part that a test needs and that is not written yet fails
//! the test at once, with a sentence that names the place ([`not_written`]).

#![forbid(unsafe_code)]

pub mod kvraft;
pub mod raft;
pub mod raft_in_use;
pub mod shardctrler;
pub mod shardkv;

pub use kvraft::KvServer;
pub use raft::Raft;
pub use shardctrler::ShardCtrler;
pub use shardkv::ShardKv;

/// Fails the test, because it needs something that is not written yet. `part` is the part of the lab, `expected`
/// says what is missing. The report of the failure names the place of the call.
///
/// The skeletons call this where your code goes. Put your code in its place.
#[track_caller]
pub fn not_written(part: &str, expected: &str) -> ! {
    labrt::fatal(format!("lab {part} is not written yet: expected {expected}, found the skeleton"))
}
