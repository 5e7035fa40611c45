//! The cost of what one thread does without another thread: a lock that no other thread wants, the smallest
//! message of Raft as bytes and back, a copy of bytes.
//!
//! Together with the cost of a hand-over ([`Floor`](crate::Floor)), these costs say how fast an operation can
//! be on this machine at this moment.

use crate::samples::time_each;
use labrt::sync::Mutex;
use mit6824::raft::AppendEntriesArgs;
use std::hint::black_box;

/// How often a sample repeats its operation.
const REPEATS: u32 = 100_000;
/// How many bytes [`copy`] copies at a time. They fit into the cache of a core.
pub const COPIED: usize = 64 << 10;

/// Takes one sample: the time to take a lock that no other thread wants and to give it back, in nanoseconds.
/// It must be used inside a [`labrt::Run`].
pub fn lock() -> f64 {
    let lock = Mutex::new(0_u64);
    time_each(REPEATS, || *black_box(&lock).lock() += 1)
}

/// Takes one sample: the time to encode an AppendEntries message without entries, in nanoseconds.
pub fn encode() -> f64 {
    let args = heartbeat();
    time_each(REPEATS, || drop(labgob::encode(black_box(&args))))
}

/// Takes one sample: the time to decode an AppendEntries message without entries, in nanoseconds.
pub fn decode() -> f64 {
    let bytes = labgob::encode(&heartbeat());
    time_each(REPEATS, || {
        drop(labgob::decode::<AppendEntriesArgs>(black_box(&bytes)).expect("labgob has encoded this"));
    })
}

/// Takes one sample: the time to copy [`COPIED`] bytes, in nanoseconds.
pub fn copy() -> f64 {
    let (from, mut to) = (vec![7_u8; COPIED], vec![0_u8; COPIED]);
    time_each(REPEATS / 10, || black_box(&mut to).copy_from_slice(black_box(&from)))
}

fn heartbeat() -> AppendEntriesArgs {
    AppendEntriesArgs {
        term: 7,
        leader_id: 0,
        prev_log_index: 200_000,
        prev_log_term: 7,
        entries: Vec::new(),
        leader_commit: 200_000,
    }
}
