//! The table of hints.

use super::Hint;

macro_rules! hints {
    ($($(#[$doc:meta])* $table:ident: $($subject:literal, $section:literal, $heading:literal: [$($reason:literal),+ $(,)?];)*)*) => {
        $(
            $(#[$doc])*
            pub(super) const $table: &[Hint] = &[
                $(Hint { subject: $subject, section: $section, heading: $heading, reasons: &[$($reason),+] }),*
            ];
        )*
    };
}

hints! {
    /// The rules of the monitor, in their order.
    RULES:
    "Terms Rise", "paper 5.1", "Lab 2": [
        "A reply or request of an older term was handled, and its term was stored.",
        "The term was not saved before a crash, so the server started with an older one.",
        "The role changed, but the term that belongs to it was set at another moment, without the lock.",
    ];
    "Higher Term", "paper 5.1", "Lab 2": [
        "A handler or the code for a reply does not compare the message's term with its own first.",
        "The server takes over the term, but stays candidate or leader.",
        "Only requests are checked, and the terms in replies are not.",
    ];
    "Roles", "paper 5.2, Figure 4", "Lab 2": [
        "A leader steps down in its own term, for example because it hears no majority.",
        "A follower becomes leader although it has stopped being a candidate: the role is not checked when the last vote arrives.",
    ];
    "Candidate Yields", "paper 5.2", "Lab 2": [
        "AppendEntries of the candidate's own term is refused or ignored. Only a higher term makes it a follower.",
    ];
    "One Vote", "paper 5.2", "Lab 2": [
        "votedFor is not saved before the reply is sent, so it is lost in a crash.",
        "votedFor is set to none although the term stays the same, for example when a candidate becomes a follower.",
        "A candidate does not set votedFor to itself.",
    ];
    "Up-to-date Log", "paper 5.4.1", "Lab 2": [
        "Only the last index is compared. The last term decides first, then the index.",
        "The comparison uses the length of the slice, which is not the last index after a snapshot.",
    ];
    "Vote Owed", "paper 5.2, 5.4.1", "Lab 2": [
        "A server that has voted for a candidate refuses when the same candidate asks again.",
        "The log comparison is too strict: a log that is equal is up to date.",
        "votedFor is not cleared when the term rises.",
    ];
    "Votes of a Majority", "paper 5.2", "Lab 2": [
        "A vote of an earlier term is counted.",
        "The same vote is counted twice, because a repeated reply counts again.",
        "The majority is computed wrong for an even number of servers: it is n/2 + 1.",
    ];
    "Pre-vote", "thesis, 9.6", "Lab 2": [
        "A leader says yes to a server that asks for pre-votes.",
        "The logs are not compared, or the term of the request is not the term of the election that would follow.",
    ];
    "Election Safety", "paper 5.2, Figure 3", "Lab 2": [
        "A server has voted twice in the term: its vote was not saved, or was cleared.",
        "Votes of an earlier term were counted.",
        "A server became leader after it had stopped being a candidate of this term.",
    ];
    "Leader Append-Only", "paper 5.3, Figure 3", "Lab 2": [
        "A leader handles AppendEntries of its own or an older term as a follower would.",
        "An entry gets the wrong term: the term was read before the lock was taken.",
    ];
    "Log Matching", "paper 5.3, Figure 3", "Lab 2": [
        "The term of the entry at prevLogIndex is not compared, only its index.",
        "The index of an entry is computed wrong after a snapshot.",
        "The entries of a message changed while it was sent, because they were not copied.",
    ];
    "Consistency Check", "paper 5.3", "Lab 2": [
        "A follower compares prevLogIndex with its log, but not prevLogTerm.",
        "A prevLogIndex inside the snapshot is treated as a conflict, or is accepted without skipping the entries that the snapshot has.",
    ];
    "Only Conflicts", "paper 5.3", "Lab 2": [
        "The follower cuts its log after prevLogIndex in every case. It must cut only at an entry with another term.",
        "An old message with fewer entries arrives late and removes entries that were stored since.",
    ];
    "True Messages", "Figure 2", "Lab 2": [
        "The message is built after the lock was released, so its fields are from different moments.",
        "The sender is no longer leader or candidate of the term that the message names.",
    ];
    "Commitment", "paper 5.3, 5.4.2", "Lab 2": [
        "The leader counts replicas for an entry of an older term (Figure 8).",
        "matchIndex is set to the end of the log at the time of the reply, not to the last entry of the request.",
        "A follower commits up to leaderCommit, and does not stop at the last entry that the message has checked.",
    ];
    "Leader Completeness", "paper 5.4.3, Figure 3", "Lab 2": [
        "Voters do not compare the logs, or compare them wrong.",
        "An entry was committed before a majority had saved it.",
        "A follower removed or lost an entry after it had acknowledged it.",
    ];
    "State Machine Safety", "paper 5.4.3, Figure 3", "Lab 2": [
        "Look for an earlier mistake: an entry was committed too early, or a log without it won an election.",
        "The applier uses an index that is wrong by the length of the snapshot.",
    ];
    "Apply in Order", "paper 5.3", "Lab 2": [
        "lastApplied is not set when a snapshot is installed or restored.",
        "Two threads apply at the same time.",
        "The applier reads the log again after it has released the lock, and a snapshot came in between.",
    ];
    "Saved Before Said", "Figure 2", "Lab 2": [
        "persist() is missing after one of the places where the term, the vote or the log changes.",
        "persist() comes after the reply was sent or after the lock was released.",
    ];
    "Restored as Saved", "Figure 2", "Lab 2": [
        "readPersist reads the fields in another order than persist writes them.",
        "The snapshot's index and term are not saved with the log.",
        "Raft state and snapshot were saved in two steps, and the crash came between them.",
    ];
    "Snapshot", "paper 7", "Lab 2": [
        "The snapshot covers entries that are not applied yet.",
        "An older snapshot replaces a newer one, because its index is not compared.",
        "All of the log is removed, also the entries after the snapshot.",
    ];
    "One Owner", "lab 4B", "Lab 4": [
        "A group serves a shard of which the new configuration says that it belongs to another group.",
        "A group serves a shard before the data has arrived from the last owner.",
        "The ownership is checked when a request arrives, and not again when its entry is applied.",
    ];
    "Sessions Move", "lab 4B", "Lab 4": [
        "The data of a shard is sent without the memory of each client's last request.",
        "The new owner replaces its memory of the requests instead of keeping the later ones of both.",
    ];

    /// Parts of messages, for tests that restart servers. In such a test, these reasons are more frequent
    /// than those of `MESSAGES`.
    AFTER_RESTARTS:
    "commit index=", "paper 5.1, Figure 2", "Lab 2": [
        "The log was not saved before the server acknowledged the entry, so a restart lost it, and another entry took its index.",
        "The vote or the term was not saved, so a server voted twice in one term, and two leaders put entries at the same index.",
        "An entry was committed before a majority had it (Figure 8, or matchIndex that is too high).",
    ];
    "failed to reach agreement", "paper 5.1, 5.4.2", "Lab 2": [
        "The leader never commits the entries of older terms that lie before its own: it must commit them together with its first own entry.",
        "A restarted server refuses again and again: its log, term or snapshot index was not restored, or nextIndex does not go back.",
        "A committed entry is not applied again after the restart: lastApplied must begin at the snapshot's index.",
    ];

    /// Parts of messages. If a message contains several of them, the first one in this table counts.
    MESSAGES:
    "cannot restore Raft", "paper 5.1, Figure 2", "Lab 2": [
        "The term, the vote and the log are saved in several steps, and the crash came between them.",
        "One of them is not saved, or an old value is saved, for example the term of the last entry instead of the current term.",
        "The log is read with another first index than it was written with, for example after a snapshot.",
    ];
    "attempt to subtract with overflow", "Rust", "Lab 2": [
        "An index or a length became less than 0: an index was used as a place in the log without the snapshot's offset, or an index is older than the snapshot.",
        "prevLogIndex is nextIndex - 1, and nextIndex fell to 0. It must stay at 1 or more.",
        "A reply of an older request came late, so that its index is below what the server knows by now: compare before you subtract.",
    ];
    "attempt to add with overflow", "Rust", "Lab 2": [
        "A number that means \"none\", such as the greatest u64, was used as an index or a term.",
    ];
    "attempt to multiply with overflow", "Rust", "Lab 2": [
        "A time or a size is computed in a type that is too small.",
    ];
    "attempt to divide by zero", "Rust", "Lab 4": [
        "The shards are divided by the number of groups, and there is no group. A configuration without groups gives each shard to group 0.",
    ];
    "attempt to calculate the remainder with a divisor of zero", "Rust", "Lab 4": [
        "A number modulo the number of groups or servers, and there is none.",
    ];
    "index out of bounds", "Rust", "Lab 2": [
        "A log index was used as a place in the log without the snapshot's offset, or after the log was cut by a snapshot.",
        "The log is shorter than prevLogIndex, nextIndex or the commit index: compare with the last index first.",
        "The lock was released between the comparison and the use, and the log was cut meanwhile.",
    ];
    "out of range for slice", "Rust", "Lab 2": [
        "A log index was used as a place in the log without the snapshot's offset, or after the log was cut by a snapshot.",
        "The log is shorter than prevLogIndex, nextIndex or the commit index: compare with the last index first.",
    ];
    "slice index starts at", "Rust", "Lab 2": [
        "nextIndex is above the end of the log, or below the snapshot's index.",
    ];
    "called `Option::unwrap()` on a `None` value", "Rust", "Lab 2": [
        "An entry, a waiter or a client's session was expected, but a snapshot, a restart or another thread has removed it.",
        "A reply did not come: a call of the network returns None if the request or the reply is lost.",
    ];
    "called `Result::unwrap()` on an `Err` value", "Rust", "Lab 2": [
        "Bytes were decoded as another type than they were encoded from, or an empty snapshot was decoded.",
    ];
    "RefCell already borrowed", "Rust", "Lab 2": [
        "A function uses the state while its caller uses it, too.",
    ];
    "one vote in a term", "paper 5.2", "Lab 2": [
        "The RequestVote handler does not look at votedFor before it grants the vote.",
        "votedFor is set to none although the term stays the same.",
        "votedFor is not saved before the reply is sent, so it is lost in a crash.",
    ];
    "one leader in a term", "paper 5.2", "Lab 2": [
        "Votes of an earlier term, or repeated votes, were counted, or a server voted twice.",
        "A server became leader after it had stopped being a candidate of this term.",
    ];
    "terms never fall", "paper 5.1", "Lab 2": [
        "A reply or request of an older term was handled, and its term was stored.",
        "The term was not saved before a crash.",
    ];
    "roles change as in Figure 4", "paper 5.2", "Lab 2": [
        "A leader steps down in its own term, or a follower becomes leader without an election.",
    ];
    "committed entries stay", "paper 5.4", "Lab 2": [
        "A follower cuts its log at an entry that does not conflict, or because of an old message.",
        "An entry was committed before a majority had it, and the next leader does not have it.",
    ];
    "the commit index never falls", "Figure 2", "Lab 2": [
        "The commit index is set to leaderCommit, also when it is lower: take the greater of both.",
        "After a snapshot, the commit index is set to the snapshot's index, also when it is higher already.",
    ];
    "only entries of the log are committed", "Figure 2", "Lab 2": [
        "A follower sets its commit index to leaderCommit. It must not go beyond the last entry that the message has checked.",
    ];
    "of the own term commit by counting", "paper 5.4.2", "Lab 2": [
        "The leader counts replicas for an entry of an older term (Figure 8).",
    ];
    "match_index stays below next_index", "Figure 2", "Lab 2": [
        "A refusal that came late moves nextIndex back below what the follower has acknowledged.",
        "matchIndex is computed from the log's end, and not from the request.",
    ];
    "last_applied follows the commit index", "Figure 2", "Lab 2": [
        "lastApplied is not set when a snapshot is installed or restored, or the applier goes beyond the commit index.",
    ];
    "no entry is of a later term than the server", "paper 5.3", "Lab 2": [
        "The term of a message was not taken over before its entries were stored, or the term was not saved.",
    ];
    "a vote goes to a server of the group", "paper 5.2", "Lab 2": [
        "The candidate's number is wrong: the request names another server than the sender.",
    ];
    "log end are in order", "Figure 2", "Lab 2": [
        "After a snapshot, or after a restart with one, commit index and lastApplied must be at least the snapshot's index.",
        "The log was cut below the commit index.",
    ];
    "have voted for themselves", "paper 5.2", "Lab 2": [
        "A candidate does not set votedFor to itself, or gives its vote to another server in the same term.",
    ];
    "a candidate with a majority leads", "paper 5.2", "Lab 2": [
        "The majority is computed wrong: it is n/2 + 1 of all servers.",
    ];
    "of the own term is committed", "paper 5.3", "Lab 2": [
        "The commit index is not computed after each reply, or stops at an entry of an older term.",
    ];
    "in the own term is on a majority", "paper 5.4.2", "Lab 2": [
        "The majority is computed wrong, or the leader counts servers that do not have the entry.",
    ];
    "what others see is saved", "Figure 2", "Lab 2": [
        "persist() is missing after one of the places where the term, the vote or the log changes.",
        "persist() comes after the reply was sent, or after the lock was released.",
    ];
    "no entry before next_index is forgotten", "paper 5.3", "Lab 2": [
        "A message was lost, and nextIndex stays beyond its entries: go back to matchIndex + 1.",
    ];
    "a follower is told no more than is committed", "Figure 2", "Lab 2": [
        "leaderCommit is not the leader's commit index, for example its last index.",
    ];
    "leader's views end with its log", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex of an earlier leadership is kept: set both anew after an election.",
    ];
    "the clock does not move", "labrt", "Lab 2": [
        "A loop repeats at once when nothing has changed. Let it wait for an event or a time.",
        "Two servers send the same refused message to each other again and again.",
    ];
    "deadlock", "labrt", "Lab 2": [
        "Two locks are taken in different orders.",
        "A lock is held during a call, a wait or a send on a channel.",
        "A thread waits for a notification that came before it began to wait.",
    ];
    "lock discipline", "labrt", "Lab 2": [
        "A lock is held during an RPC, a sleep or a send on a channel. Release it first.",
        "A test that sees no difference may hang with snapshots: the service calls snapshot() from the thread that takes the applied commands.",
    ];
    "expected one leader, got none", "paper 5.2, 5.6", "Lab 2": [
        "If the terms rise: no candidate gets a majority. votedFor, or the votes that came in, are kept from an earlier term, or votes are refused that the rules give.",
        "If the terms stay: no server starts an election. A message that must not reset the election timer resets it.",
        "Elections interrupt each other: the timeouts are too short, are equal, or are not drawn anew.",
    ];
    "(>1) leaders", "paper 5.2", "Lab 2": [
        "A server votes twice in one term: its vote is not saved, or is cleared.",
        "Votes of an earlier term are counted.",
        "A server becomes leader after it has stopped being a candidate.",
    ];
    "servers disagree on term", "paper 5.1", "Lab 2": [
        "A server starts elections although heartbeats arrive: its election timer is not reset.",
        "A follower does not take over the term of a heartbeat.",
    ];
    "expected no leader among", "paper 5.2", "Lab 2": [
        "Votes are counted against the servers that answer. The majority is over all servers.",
        "The majority is computed wrong for an even number of servers.",
    ];
    "the term of S", "paper 5.1", "Lab 2": [
        "The term is not saved before the server answers with it, so a restart loses it.",
        "get_state reads the term without the lock.",
    ];
    "promises index", "paper 5.3", "Lab 2": [
        "start() appends without the lock, or returns before the entry is in the log.",
        "A server that is no longer leader accepts commands.",
        "The log was cut, although a leader never removes entries.",
    ];
    "committed values do not match", "paper 5.4", "Lab 2": [
        "An entry was committed before a majority had it (Figure 8, or matchIndex that is too high).",
        "A server was elected whose log lacks committed entries: voters do not compare the logs right.",
        "An old AppendEntries removed entries that a follower had acknowledged.",
    ];
    "commit index=", "paper 5.4", "Lab 2": [
        "An entry was committed before a majority had it (Figure 8, or matchIndex that is too high).",
        "A server was elected whose log lacks committed entries: voters do not compare the logs right.",
        "An old AppendEntries removed entries that a follower had acknowledged.",
    ];
    "apply out of order", "paper 5.3, 7", "Lab 2": [
        "lastApplied does not jump to the snapshot's index when a snapshot is installed or restored.",
        "Two threads apply at the same time, or the applier continues from an index that it read before a snapshot came.",
        "The offset of the log after a snapshot is wrong by one.",
    ];
    "start() returned None", "lab 2B", "Lab 2": [
        "start() is not written yet: it must append the command and return its index and term.",
        "get_state and start() use different conditions for who leads.",
    ];
    "failed to reach agreement", "paper 5.3", "Lab 2": [
        "A follower refuses again and again: nextIndex does not go back, or only by one entry at a time.",
        "No leader stays: elections interrupt each other, or a vote is refused that the rules give.",
        "A committed entry is not applied: the applier is not woken, or waits for a lock that is never released.",
    ];
    "decided for index", "paper 5.3", "Lab 2": [
        "Followers do not learn the commit index: a heartbeat carries it only after the next command.",
        "The leader commits what the followers do not have: matchIndex is too high.",
    ];
    "committed but no majority", "paper 5.3", "Lab 2": [
        "matchIndex counts servers that have not stored the entry.",
        "The majority is computed wrong.",
    ];
    "too many RPC bytes", "paper 5.3", "Lab 2": [
        "Each command is sent to a follower more than once, because a message is repeated before its answer can arrive.",
        "A heartbeat carries all entries that were not acknowledged yet.",
    ];
    "too many or few RPCs", "paper 5.2", "Lab 2": [
        "No leader was elected in the first second, or several elections were needed.",
        "Heartbeats come too often.",
    ];
    "too many RPCs", "paper 5.3", "Lab 2": [
        "Each start() sends a message of its own. Send the commands that came meanwhile together.",
        "Heartbeats come more often than ten times a second.",
        "A refused message is repeated at once.",
    ];
    "some have committed before", "lab 2B", "Lab 2": [
        "Something is applied that no one has submitted, for example the empty entry at index 0. The first command has index 1.",
    ];
    "term changed too often", "paper 5.2", "Lab 2": [
        "The leader is not stable on a network without faults: heartbeats are late, or do not reset the election timer.",
    ];
    "Log size too large", "paper 7", "Lab 2": [
        "The log in memory is cut, but the saved state is not written again.",
        "snapshot() waits for something that happens only later, or does nothing for the leader.",
    ];
    "index decreased", "paper 7", "Lab 2": [
        "start() returns an index that is wrong by the length of the snapshot.",
        "A committed entry was lost.",
    ];
    "didn't find a value", "paper 5.4", "Lab 2": [
        "A command was acknowledged as committed, and then lost. Look at matchIndex, at Figure 8, and at AppendEntries that cut the log.",
    ];
    "missing element", "lab 3", "Lab 3": [
        "A write was acknowledged before it was committed, or the entry at its index was another client's operation.",
        "A request counts as a repeat although it was never done: the sequence number is stored too early.",
    ];
    "duplicate element", "lab 3", "Lab 3": [
        "A repeated request is done again. Servers compare the client's sequence number when they apply, not only when the request arrives.",
        "The memory of the last requests is not in the snapshot.",
        "A clerk uses a new sequence number when it repeats a request.",
    ];
    "wrong order for element", "lab 3", "Lab 3": [
        "Two requests of one client are done in the wrong order: a late copy of an older request is done after a newer one.",
    ];
    "in minority completed", "lab 3", "Lab 3": [
        "A Get is answered from the memory of a server that only believes it leads. A Get goes through the log, too.",
        "The server does not check that it is still the leader of the same term when the entry at the index is applied.",
    ];
    "after the heal not all completed", "lab 3", "Lab 3": [
        "A request waits for an index where another entry was applied. Wake the waiters when the term changes.",
        "A clerk waits for one server for ever and does not try the next.",
    ];
    "history is not linearizable", "lab 3", "Lab 3": [
        "A read was answered from a server that was no longer the leader.",
        "A write was done twice, or was acknowledged and then lost.",
        "The page of the history marks the operation that has no place.",
    ];
    "logs were not trimmed", "lab 3B", "Lab 3": [
        "The size is compared only when a command arrives. Compare it after each command that is applied.",
        "snapshot() is called with an index that is too low.",
    ];
    "snapshot too large", "lab 3B", "Lab 3": [
        "The snapshot keeps more than the last request of each client, or keeps all replies.",
    ];
    "says that there shall be none", "lab 3B", "Lab 3": [
        "A maxraftstate of none means: never take a snapshot.",
    ];
    "completed too slowly", "lab 3", "Lab 3": [
        "An operation waits for the next heartbeat: start() must send its entry at once.",
        "The applier or a waiter polls with a sleep.",
        "A clerk sleeps before it asks the next server.",
    ];
    "non-minimal transfer", "lab 4A", "Lab 4": [
        "The shards are assigned anew at each change. Move only as many as are needed.",
    ];
    "moves are enough", "lab 4A", "Lab 4": [
        "The shards are assigned anew at each change. Move only from the groups that have too many to those that have too few.",
    ];
    "for no reason", "lab 4A", "Lab 4": [
        "The shards are assigned anew at each change, or a shard that was moved by hand moves back.",
    ];
    "two configurations that must be the same differ", "lab 4A", "Lab 4": [
        "The assignment depends on the order in which a map is iterated. Sort the groups first.",
        "A configuration shares its maps with an earlier one, so that a change shows in both.",
        "A server answers a query before it has applied all committed changes.",
    ];
    "Leader not found", "lab 4A", "Lab 4": [
        "No server of the controller answers as leader. Look at Raft first.",
    ];
    "was moved to", "lab 4A", "Lab 4": [
        "Move balances the shards afterwards. It must not, or it undoes itself.",
    ];
    "one group has", "lab 4A", "Lab 4": [
        "The shards are not balanced after a change: two groups may differ by at most one.",
        "A group without shards is forgotten, because the counts are taken from the shards alone.",
    ];
    "is not there", "lab 4A", "Lab 4": [
        "The shards of a group that leaves stay with it. With no group left, all shards belong to gid 0.",
    ];
    "wrong servers for group", "lab 4A", "Lab 4": [
        "The list of servers was changed after the join, or is shared with another configuration.",
    ];
    "with one shard dead", "lab 4B", "Lab 4": [
        "A group answers for shards that it does not own, or not yet.",
        "A group stops serving all shards while it waits for one.",
    ];
    "shards that were given away are still there", "lab 4B, challenge 1", "Lab 4": [
        "The old owner keeps a shard after the new owner has it. It may delete it as soon as the new owner says so.",
        "The shard is deleted in memory, but the snapshot and the log keep it: take a snapshot after the deletion.",
    ];
    "Raft state of", "lab 4B", "Lab 4": [
        "No snapshot is taken while shards move: their data is in the log.",
        "After a restart the size is not compared until the next command arrives.",
    ];
    "the group answered for a key", "lab 4B", "Lab 4": [
        "A group serves a shard before its data has arrived, and answers that there is no such key.",
        "The group does not look at its configuration when it applies an operation, only when the request arrives.",
    ];
    "get wrong value", "lab 3, lab 4", "Lab 3": [
        "A write was done twice, or was lost.",
        "The snapshot is not read at the start, or lacks a part of the state.",
        "A read was answered by a server that was no longer the leader.",
    ];
    "Get(", "lab 3, lab 4B", "Lab 4": [
        "An append was done twice: the memory of each client's last request did not move with the shard.",
        "An append was lost: the old owner still served the shard after its data was sent.",
        "A shard is served before its data has arrived.",
    ];
    "s of virtual time", "labrt", "Lab 2": [
        "Something is awaited for ever. The list above says which operations have not returned, and where each thread waits.",
        "No leader stays, so no command is committed.",
        "A request is repeated for ever: its answer is lost, or says each time that it must be tried again.",
    ];
    "the run has taken more than", "labrt", "Lab 2": [
        "Something is awaited for ever. The list above says which operations have not returned, and where each thread waits.",
        "No leader stays, so no command is committed.",
    ];
    "test took longer", "the course's limit", "Lab 2": [
        "The system makes progress, but slowly: elections take long, or nextIndex goes back by one entry at a time.",
        "Messages or entries are sent again and again.",
    ];
    "Start() failed: index", "paper 5.3", "Lab 2": [
        "start() returns an index that is wrong: the first command has index 1, and each command of a leader gets the next one.",
        "An entry that is no command, for example an empty entry of a new leader, takes an index.",
        "The leader changed, because heartbeats were late.",
    ];
    "expected index", "paper 5.3", "Lab 2": [
        "start() returns an index that is wrong: the first command has index 1, and each command of a leader gets the next one.",
        "An entry that is no command, for example an empty entry of a new leader, takes an index.",
        "The leader changed, because heartbeats were late.",
    ];
    "but expected", "paper 5.3", "Lab 2": [
        "start() returns an index that is wrong: the first command has index 1, and each command of a leader gets the next one.",
        "An entry that is no command, for example an empty entry of a new leader, takes an index.",
        "The leader changed, because heartbeats were late.",
    ];
    "unexpected index", "paper 5.3", "Lab 2": [
        "start() returns an index that is wrong: the first command has index 1, and each command of a leader gets the next one.",
        "An entry that is no command, for example an empty entry of a new leader, takes an index.",
        "The leader changed, because heartbeats were late.",
    ];
    "rejected Start()", "paper 5.3", "Lab 2": [
        "The leader of the majority does not accept a command, or get_state and start() disagree about who leads.",
    ];
    "SnapshotIndex", "paper 7", "Lab 2": [
        "The index in the apply message is not the last index that the snapshot covers.",
    ];
    "gets a snapshot up to index", "paper 7", "Lab 2": [
        "An old snapshot is delivered although newer entries are applied. Compare its index with lastApplied first.",
        "The applier delivers a snapshot that it took from the state before it released the lock.",
    ];
    "not an int", "labgob", "Lab 2": [
        "The apply message does not have the command that was submitted: the log keeps commands in another form.",
    ];
    "wrong command type", "labgob", "Lab 2": [
        "The apply message does not have the command that was submitted: the log keeps commands in another form.",
    ];
    "wrong value", "paper 5.3", "Lab 2": [
        "Two commands got the same index: start() appends without the lock.",
        "A command of another leader was committed at this index, and the term did not change.",
    ];
    "missing in", "paper 5.3", "Lab 2": [
        "A command that start() accepted in this term was lost, or was committed at another index than start() returned.",
    ];
    "no server has applied index", "paper 5.3", "Lab 2": [
        "No leader commits the entry: followers refuse it, or the leader does not count its own log.",
        "The applier is not woken after the commit index has risen.",
    ];
    "term is", "paper 5.1", "Lab 2": [
        "The first election must begin term 1: a candidate raises the term first.",
    ];
    "should make a new configuration", "lab 4A", "Lab 4": [
        "Each Join, Leave and Move makes a configuration with the next number.",
    ];
    "missing group", "lab 4A", "Lab 4": [
        "A group that has joined is not in the new configuration: its map was not copied from the last one.",
    ];
    "groups, got", "lab 4A", "Lab 4": [
        "A group that has joined is missing, or a group that has left is still there.",
    ];
    "apply error", "paper 5.3", "Lab 2": [
        "The servers apply different commands, or not in the order of the indices.",
    ];

    /// The tests of the course. This table is used only if the other two tables have no hint for a message.
    TESTS:
    "initial_election_2a", "paper 5.2", "Lab 2": [
        "Election timeouts are not random, or are shorter than two heartbeats.",
        "The election timer is reset by messages that must not reset it, or is not reset by a heartbeat or a vote that is granted.",
    ];
    "re_election_2a", "paper 5.2", "Lab 2": [
        "Election timeouts are not random, or are shorter than two heartbeats.",
        "The election timer is reset by messages that must not reset it, or is not reset by a heartbeat or a vote that is granted.",
    ];
    "many_elections_2a", "paper 5.2", "Lab 2": [
        "Something of an earlier election is kept when the term rises: votedFor, the votes that came in, or the role.",
        "Election timeouts are not random, or are shorter than two heartbeats.",
        "The election timer is reset by messages that must not reset it, or is not reset by a heartbeat or a vote that is granted.",
    ];
    "basic_agree_2b", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex is not set right when a server becomes leader.",
        "The commit index does not reach the followers, or the applier is not woken.",
    ];
    "rpc_bytes_2b", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex is not set right when a server becomes leader.",
        "The commit index does not reach the followers, or the applier is not woken.",
    ];
    "follower_failure_2b", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex is not set right when a server becomes leader.",
        "The commit index does not reach the followers, or the applier is not woken.",
    ];
    "leader_failure_2b", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex is not set right when a server becomes leader.",
        "The commit index does not reach the followers, or the applier is not woken.",
    ];
    "fail_agree_2b", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex is not set right when a server becomes leader.",
        "The commit index does not reach the followers, or the applier is not woken.",
    ];
    "fail_no_agree_2b", "paper 5.3", "Lab 2": [
        "nextIndex or matchIndex is not set right when a server becomes leader.",
        "The commit index does not reach the followers, or the applier is not woken.",
    ];
    "concurrent_starts_2b", "paper 5.3", "Lab 2": [
        "start() is not safe for several threads: index and term are read without the lock.",
        "matchIndex is computed from the log at the time of the reply.",
    ];
    "rejoin_2b", "paper 5.3", "Lab 2": [
        "A follower does not remove the entries that conflict, or removes too many.",
        "nextIndex goes back by one entry at a time.",
        "Too many messages: a refusal or a command leads to a message of its own each time.",
    ];
    "backup_2b", "paper 5.3", "Lab 2": [
        "A follower does not remove the entries that conflict, or removes too many.",
        "nextIndex goes back by one entry at a time.",
        "Too many messages: a refusal or a command leads to a message of its own each time.",
    ];
    "count_2b", "paper 5.3", "Lab 2": [
        "A follower does not remove the entries that conflict, or removes too many.",
        "nextIndex goes back by one entry at a time.",
        "Too many messages: a refusal or a command leads to a message of its own each time.",
    ];
    "persist_1_2c", "paper 5.1, 5.4.2, Figure 2", "Lab 2": [
        "persist() is missing after a change of the term, the vote or the log.",
        "readPersist does not restore all three.",
    ];
    "persist_2_2c", "paper 5.1, Figure 2", "Lab 2": [
        "persist() is missing after a change of the term, the vote or the log.",
        "readPersist does not restore all three.",
    ];
    "persist_3_2c", "paper 5.1, Figure 2", "Lab 2": [
        "persist() is missing after a change of the term, the vote or the log.",
        "readPersist does not restore all three.",
    ];
    "figure_8_2c", "paper 5.4.2", "Lab 2": [
        "An entry of an older term is committed by counting.",
        "Late and repeated messages change the state: compare the term, and set matchIndex from the request.",
        "Finding the common point of two logs takes too long.",
    ];
    "figure_8_unreliable_2c", "paper 5.4.2", "Lab 2": [
        "An entry of an older term is committed by counting.",
        "Late and repeated messages change the state: compare the term, and set matchIndex from the request.",
        "Finding the common point of two logs takes too long.",
    ];
    "unreliable_agree_2c", "paper 5.3", "Lab 2": [
        "A late or repeated message removes entries, or lowers matchIndex.",
        "A server that restarts does not catch up.",
    ];
    "reliable_churn_2c", "paper 5.3", "Lab 2": [
        "A late or repeated message removes entries, or lowers matchIndex.",
        "A server that restarts does not catch up.",
    ];
    "unreliable_churn_2c", "paper 5.3", "Lab 2": [
        "A late or repeated message removes entries, or lowers matchIndex.",
        "A server that restarts does not catch up.",
    ];
    "snapshot_basic_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_install_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_install_unreliable_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_install_crash_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_install_un_crash_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_all_crash_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_init_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_all_crash_unreliable_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "snapshot_init_unreliable_2d", "paper 7", "Lab 2": [
        "An index is used as a place in the slice without the offset of the snapshot.",
        "After a restart, commit index and last applied must begin at the snapshot's index.",
        "snapshot() is called while the applier holds the lock.",
    ];
    "basic_3a", "lab 3A", "Lab 3": [
        "The server answers before the operation is applied.",
        "A waiter is not found, because the operation was applied before it was registered.",
    ];
    "speed_3a", "lab 3A", "Lab 3": [
        "The server answers before the operation is applied.",
        "A waiter is not found, because the operation was applied before it was registered.",
    ];
    "concurrent_3a", "lab 3A", "Lab 3": [
        "The server answers before the operation is applied.",
        "A waiter is not found, because the operation was applied before it was registered.",
    ];
    "unreliable_3a", "lab 3A", "Lab 3": [
        "A repeated request is done again.",
        "A reply that belongs to an older request of the client is taken for the new one.",
    ];
    "unreliable_one_key_3a", "lab 3A", "Lab 3": [
        "A repeated request is done again.",
        "A reply that belongs to an older request of the client is taken for the new one.",
    ];
    "one_partition_3a", "lab 3A", "Lab 3": [
        "A server that has lost its leadership answers, or lets its clients wait for ever.",
        "A clerk does not try other servers.",
    ];
    "many_partitions_one_client_3a", "lab 3A", "Lab 3": [
        "A server that has lost its leadership answers, or lets its clients wait for ever.",
        "A clerk does not try other servers.",
    ];
    "many_partitions_many_clients_3a", "lab 3A", "Lab 3": [
        "A server that has lost its leadership answers, or lets its clients wait for ever.",
        "A clerk does not try other servers.",
    ];
    "persist_one_client_3a", "lab 3A", "Lab 3": [
        "After a restart the state is built from the log: the server must apply it all again, with the memory of the requests.",
        "The mistake may be in Raft: run lab 2C with many seeds.",
    ];
    "persist_concurrent_3a", "lab 3A", "Lab 3": [
        "After a restart the state is built from the log: the server must apply it all again, with the memory of the requests.",
        "The mistake may be in Raft: run lab 2C with many seeds.",
    ];
    "persist_concurrent_unreliable_3a", "lab 3A", "Lab 3": [
        "After a restart the state is built from the log: the server must apply it all again, with the memory of the requests.",
        "The mistake may be in Raft: run lab 2C with many seeds.",
    ];
    "persist_partition_3a", "lab 3A", "Lab 3": [
        "After a restart the state is built from the log: the server must apply it all again, with the memory of the requests.",
        "The mistake may be in Raft: run lab 2C with many seeds.",
    ];
    "persist_partition_unreliable_3a", "lab 3A", "Lab 3": [
        "After a restart the state is built from the log: the server must apply it all again, with the memory of the requests.",
        "The mistake may be in Raft: run lab 2C with many seeds.",
    ];
    "persist_partition_unreliable_linearizable_3a", "lab 3A", "Lab 3": [
        "After a restart the state is built from the log: the server must apply it all again, with the memory of the requests.",
        "The mistake may be in Raft: run lab 2C with many seeds.",
    ];
    "snapshot_rpc_3b", "lab 3B", "Lab 3": [
        "A snapshot that Raft delivers does not replace the state.",
        "The size of the Raft state is not compared after each command.",
    ];
    "snapshot_size_3b", "lab 3B", "Lab 3": [
        "A snapshot that Raft delivers does not replace the state.",
        "The size of the Raft state is not compared after each command.",
    ];
    "speed_3b", "lab 3B", "Lab 3": [
        "A snapshot that Raft delivers does not replace the state.",
        "The size of the Raft state is not compared after each command.",
    ];
    "snapshot_recover_3b", "lab 3B", "Lab 3": [
        "The snapshot is not read at the start.",
        "The snapshot lacks the memory of each client's last request.",
    ];
    "snapshot_recover_many_clients_3b", "lab 3B", "Lab 3": [
        "The snapshot is not read at the start.",
        "The snapshot lacks the memory of each client's last request.",
    ];
    "snapshot_unreliable_3b", "lab 3B", "Lab 3": [
        "The snapshot is not read at the start.",
        "The snapshot lacks the memory of each client's last request.",
    ];
    "snapshot_unreliable_recover_3b", "lab 3B", "Lab 3": [
        "The snapshot is not read at the start.",
        "The snapshot lacks the memory of each client's last request.",
    ];
    "snapshot_unreliable_recover_concurrent_partition_3b", "lab 3B", "Lab 3": [
        "The snapshot is not read at the start.",
        "The snapshot lacks the memory of each client's last request.",
    ];
    "snapshot_unreliable_recover_concurrent_partition_linearizable_3b", "lab 3B", "Lab 3": [
        "The snapshot is not read at the start.",
        "The snapshot lacks the memory of each client's last request.",
    ];
    "basic", "lab 4A", "Lab 4": [
        "The assignment of shards is not deterministic, not balanced, or moves too many shards.",
        "Old configurations must not change.",
    ];
    "multi", "lab 4A", "Lab 4": [
        "The assignment of shards is not deterministic, not balanced, or moves too many shards.",
        "Old configurations must not change.",
    ];
    "minimal_again", "lab 4A", "Lab 4": [
        "The assignment of shards is not deterministic, not balanced, or moves too many shards.",
        "Old configurations must not change.",
    ];
    "static_shards", "lab 4B", "Lab 4": [
        "A group serves a shard that it does not own, or not yet.",
        "Configurations are skipped. Each group takes them one by one.",
        "A change of the configuration does not go through the log.",
    ];
    "join_leave", "lab 4B", "Lab 4": [
        "A group serves a shard that it does not own, or not yet.",
        "Configurations are skipped. Each group takes them one by one.",
        "A change of the configuration does not go through the log.",
    ];
    "snapshot", "lab 4B", "Lab 4": [
        "A group serves a shard that it does not own, or not yet.",
        "Configurations are skipped. Each group takes them one by one.",
        "A change of the configuration does not go through the log.",
    ];
    "miss_change", "lab 4B", "Lab 4": [
        "A group serves a shard that it does not own, or not yet.",
        "Configurations are skipped. Each group takes them one by one.",
        "A change of the configuration does not go through the log.",
    ];
    "concurrent_1", "lab 4B", "Lab 4": [
        "The memory of each client's last request does not move with the shard.",
        "Two groups wait for each other: a lock is held during the transfer.",
        "Both the old and the new owner serve a shard at the same time.",
    ];
    "concurrent_2", "lab 4B", "Lab 4": [
        "The memory of each client's last request does not move with the shard.",
        "Two groups wait for each other: a lock is held during the transfer.",
        "Both the old and the new owner serve a shard at the same time.",
    ];
    "concurrent_3", "lab 4B", "Lab 4": [
        "The memory of each client's last request does not move with the shard.",
        "Two groups wait for each other: a lock is held during the transfer.",
        "Both the old and the new owner serve a shard at the same time.",
    ];
    "unreliable_1", "lab 4B", "Lab 4": [
        "The memory of each client's last request does not move with the shard.",
        "Two groups wait for each other: a lock is held during the transfer.",
        "Both the old and the new owner serve a shard at the same time.",
    ];
    "unreliable_2", "lab 4B", "Lab 4": [
        "The memory of each client's last request does not move with the shard.",
        "Two groups wait for each other: a lock is held during the transfer.",
        "Both the old and the new owner serve a shard at the same time.",
    ];
    "unreliable_3", "lab 4B", "Lab 4": [
        "The memory of each client's last request does not move with the shard.",
        "Two groups wait for each other: a lock is held during the transfer.",
        "Both the old and the new owner serve a shard at the same time.",
    ];
    "challenge_1_delete", "lab 4B, challenge 1", "Lab 4": [
        "Shards that were given away are not deleted.",
    ];
    "challenge_2_unaffected", "lab 4B, challenge 2", "Lab 4": [
        "A group stops serving all shards while it waits for one. Keep a state for each shard.",
    ];
    "challenge_2_partial", "lab 4B, challenge 2", "Lab 4": [
        "A group stops serving all shards while it waits for one. Keep a state for each shard.",
    ];
}
