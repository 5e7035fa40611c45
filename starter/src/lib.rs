//! The labs that you will write: Raft, and the services on it.
//!
//! | lab | file | what you write in the file |
//! |---|---|---|
//! | 2A to 2D | [`raft`] | a Raft peer |
//! | 3A, 3B | [`kvraft`] | a replicated key/value service |
//! | 4A | [`shardctrler`] | the shard controller, which says which group serves which shard |
//! | 4B | [`shardkv`] | a key/value service of several groups, each of which serves some of the shards |
//!
//! [`raft_in_use`] chooses the Raft that labs 3 and 4 use. The README in the folder above `src` has the
//! commands, and the order in which to do the labs.
//!
//! The skeletons compile, but they pass no test. If a test needs code that is not written yet, the test fails
//! at once. The report of the failure says where the missing code belongs ([`not_written`]).

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

/// Fails the test, because it needs code that is not written yet. `part` is the part of the lab, and
/// `expected` says what is missing. The report of the failure has the file and the line of the call.
///
/// The skeletons call this function in the places for your code. Replace each call by your code.
#[track_caller]
pub fn not_written(part: &str, expected: &str) -> ! {
    labrt::fatal(format!("lab {part} is not written yet: expected {expected}, found the skeleton"))
}
