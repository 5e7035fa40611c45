//! The kinds of trace events that Raft makes. Their fields are named where they are made.

use labrt::trace::Kind;

/// A change of role: follower, candidate, leader. One for each transition.
pub const ROLE: Kind = Kind::new("raft.role");
/// The term has risen.
pub const TERM: Kind = Kind::new("raft.term");
/// A vote was granted or refused; the cause says why.
pub const VOTE: Kind = Kind::new("raft.vote");
/// Entries were added to the log.
pub const APPEND: Kind = Kind::new("raft.append");
/// Entries were taken off the end of the log, since they conflict with the leader's.
pub const TRUNCATE: Kind = Kind::new("raft.truncate");
/// The commit index has risen.
pub const COMMIT: Kind = Kind::new("raft.commit");
/// A snapshot was made here, or installed from the leader; the cause says which.
pub const SNAPSHOT: Kind = Kind::new("raft.snapshot");
/// Something was handed to the persister.
pub const PERSIST: Kind = Kind::new("raft.persist");
