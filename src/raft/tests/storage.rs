//! Persistence (Figure 2): which state is persisted, when it is persisted, and which state is restored.

use super::support::*;
use crate::raft::*;
use labapi::{Bytes, Persister, Role};

/// Persists the changes, as a real server does after every call of its core.
fn settle(core: &mut Server, persister: &Persister) {
    let effects = core.take_effects();
    core.persist_to(persister, &effects.persist);
}

fn same(restored: &Core, core: &Core) {
    assert_eq!(restored.current_term(), core.current_term());
    assert_eq!(restored.voted_for(), core.voted_for());
    assert_eq!(restored.log().last_included_index(), core.log().last_included_index());
    assert_eq!(restored.log().last_included_term(), core.log().last_included_term());
    assert!(restored.log().iter_from(0).eq(core.log().iter_from(0)));
}

/// Figure 2: `currentTerm`, `votedFor` and `log[]` are persistent. They are saved before any reply that
/// depends on them. So if a server crashes after any call, it restarts with the same state.
#[test]
fn what_a_reply_shows_is_persistent() {
    labrt::run(|| {
        let persister = Persister::new();
        let mut core =
            Server::of(Core::restore(0, 3, &persister).expect("an empty persister gives a new server"));
        let vote = |term| RequestVoteArgs { term, candidate_id: 2, last_log_index: 99, last_log_term: 99 };
        let snapshot = |index, last_included_term| InstallSnapshotArgs {
            term: 9,
            leader_id: 1,
            last_included_index: index,
            last_included_term,
            data: Bytes::from(&b"state"[..]),
        };
        type Call<'a> = (&'a str, Box<dyn Fn(&mut Server)>);
        let calls: Vec<Call<'_>> = vec![
            (
                "entries",
                Box::new(|c| {
                    c.append_entries(&append(1, 1, (0, 0), &[1, 1, 1]));
                }),
            ),
            (
                "a vote",
                Box::new(move |c| {
                    c.request_vote(&vote(3));
                }),
            ),
            (
                "a conflict",
                Box::new(|c| {
                    c.append_entries(&append(2, 3, (1, 1), &[3, 3, 3]));
                }),
            ),
            ("an election", Box::new(Server::election_timeout)),
            (
                "a command",
                Box::new(|c| {
                    give_vote(c, 1);
                    c.propose(command(5, 4)).expect("the server leads now");
                }),
            ),
            (
                "a higher term",
                Box::new(|c| {
                    c.append_entries(&committed(4, append(1, 9, (5, 4), &[9])));
                }),
            ),
            (
                "a snapshot",
                Box::new(|c| {
                    let _ = c.take_apply(10);
                    c.snapshot(3, vec![1]).expect("4 commands were applied");
                }),
            ),
            (
                "more entries",
                Box::new(|c| {
                    c.append_entries(&append(1, 9, (6, 9), &[9, 9]));
                }),
            ),
            (
                "a conflict after it",
                Box::new(|c| {
                    c.append_entries(&append(1, 10, (5, 4), &[10, 10]));
                }),
            ),
            (
                "a snapshot in the log",
                Box::new(move |c| {
                    c.install_snapshot(&InstallSnapshotArgs { term: 10, ..snapshot(6, 10) });
                }),
            ),
            (
                "a snapshot beyond it",
                Box::new(move |c| {
                    c.install_snapshot(&InstallSnapshotArgs { term: 10, ..snapshot(50, 10) });
                }),
            ),
            (
                "entries after it",
                Box::new(|c| {
                    c.append_entries(&append(1, 10, (50, 10), &[10]));
                }),
            ),
        ];
        for (what, call) in calls {
            let before = persister.read_raft_state();
            call(&mut core);
            settle(&mut core, &persister);
            assert_ne!(persister.read_raft_state(), before, "{what} must change the saved state");
            let restored =
                Core::restore(0, 3, &persister.copy()).unwrap_or_else(|e| panic!("after {what}: {e}"));
            same(&restored, &core);
            // Entries that a snapshot covers count as applied. Later entries are applied again.
            assert_eq!(restored.last_applied(), core.log().last_included_index(), "{what}");
            assert_eq!(restored.commit_index(), core.log().last_included_index(), "{what}");
            assert_eq!(restored.role(), Role::Follower);
        }
        assert_eq!(&*persister.read_snapshot(), b"state");
    });
}

/// The caller may make several calls, and then take their effects together.
#[test]
fn changes_add_up_between_two_visits_to_the_disk() {
    labrt::run(|| {
        let persister = Persister::new();
        let mut core = Server::new(0, 3);
        core.append_entries(&committed(2, append(1, 1, (0, 0), &[1, 1, 1])));
        settle(&mut core, &persister);
        // Entries, a conflict, a snapshot of the service and more entries are persisted in one step.
        core.append_entries(&append(1, 2, (3, 1), &[2, 2]));
        core.append_entries(&append(1, 3, (4, 2), &[3]));
        let _ = core.take_apply(10);
        core.snapshot(1, vec![1]).expect("2 commands were applied");
        core.append_entries(&append(1, 3, (5, 3), &[3]));
        core.snapshot(2, vec![2]).expect("2 commands were applied");
        settle(&mut core, &persister);
        let restored = Core::restore(0, 3, &persister).expect("a core has written this state");
        same(&restored, &core);
        assert_eq!((terms(&restored), restored.log().first_index()), (vec![1, 2, 3, 3], 3));
        assert_eq!(&*persister.read_snapshot(), [2]);
    });
}

/// A server that begins with a state must save the whole state. It knows its own number, the size of its
/// group, and its snapshot.
#[test]
fn a_server_with_a_state_saves_all_of_it() {
    let log = RaftLog::after(3, 1, entries(4, &[1, 2]));
    let mut core = Core::of(2, 5, 2, None, log, Role::Follower);
    let persist = core.take_effects().persist;
    assert_eq!((persist.hard_state, persist.log_from), (true, Some(4)));
    assert_eq!((core.me(), core.servers()), (2, 5));
    core.append_entries(&committed(4, append(1, 2, (5, 2), &[])), AT_ONCE);
    core.take_apply(1).expect("entry 4 is committed");
    core.snapshot(4, b"four".to_vec()).expect("entry 4 is applied");
    assert_eq!(&core.snapshot_data()[..], b"four");
}

/// Twenty entries with short commands need much less than 2000 bytes, the limit of the snapshot tests (2D).
#[test]
fn an_entry_costs_few_bytes() {
    labrt::run(|| {
        let persister = Persister::new();
        let mut core = Server::new(0, 3);
        core.append_entries(&append(1, 7, (0, 0), &[7; 20]));
        settle(&mut core, &persister);
        assert!(persister.raft_state_size() < 600, "{} bytes", persister.raft_state_size());
    });
}

/// If bytes are not a Raft state, there is an error. The error says what is wrong, and where. No bytes cause
/// a panic.
#[test]
fn a_corrupt_state_gives_an_error_and_no_panic() {
    labrt::run(|| {
        let persister = Persister::new();
        let mut core = Server::new(0, 3);
        core.append_entries(&append(1, 3, (0, 0), &[1, 2, 3]));
        core.request_vote(&RequestVoteArgs { term: 4, candidate_id: 2, last_log_index: 9, last_log_term: 9 });
        settle(&mut core, &persister);
        let good = persister.read_raft_state();
        let restore = |bytes: &[u8]| {
            let corrupt = Persister::new();
            corrupt.save_raft_state(bytes);
            Core::restore(0, 3, &corrupt)
        };
        same(&restore(&good).expect("the bytes are good"), &core);

        let mut dice = Dice(6824);
        let mut refused = 0;
        for _ in 0..20_000 {
            let mut bytes = good[..good.len() - dice.below(4) * dice.below(good.len() / 4)].to_vec();
            for _ in 0..dice.below(3) {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
            refused += usize::from(restore(&bytes).is_err());
        }
        assert!(refused > 1000, "{refused} of 20000");

        let errors = [
            (vec![1, 2, 3], "frame 0 at byte 0 of 3: expected a length of 4 bytes"),
            (vec![1, 0, 0, 0, 7], "head frame: cannot decode"),
            // This head frame has term 4, and a vote for server 5 in a group of 3.
            (vec![5, 0, 0, 0, 4, 1, 5, 0, 0], "voted for server 5, expected one below 3"),
            // This head frame has a snapshot up to the index 2^64 - 1.
            (
                [&[12, 0, 0, 0, 4, 0, 253][..], &[255; 8], &[0]].concat(),
                "a snapshot up to index 18446744073709551615",
            ),
            // The head frame is good, but the entry ends too early.
            (vec![4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 4, 9], "log entry 1: cannot decode"),
            // A snapshot ends at index 7. The second entry after it has a lower term than the first one.
            (
                vec![4, 0, 0, 0, 4, 0, 7, 1, 2, 0, 0, 0, 3, 0, 2, 0, 0, 0, 2, 0],
                "log entry 9: term 2 after term 3",
            ),
            // The entry has a higher term than the current term.
            (
                vec![4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 9, 0],
                "the log reaches term 9, but the current term is 4",
            ),
        ];
        for (bytes, expected) in errors {
            let error = restore(&bytes).expect_err(expected).to_string();
            assert!(error.starts_with("cannot restore Raft: ") && error.contains(expected), "{error}");
        }
    });
}

/// The log line of a server says what the server saves.
#[test]
fn a_change_says_what_must_be_persisted() {
    let text = |core: &mut Server| core.take_effects().persist.to_string();
    let mut core = follower(3, 1, &[]);
    assert_eq!(text(&mut core), "");
    core.append_entries(&append(1, 2, (0, 0), &[2, 2]));
    assert_eq!(text(&mut core), "term and vote, the log from index 1");
    core.append_entries(&committed(2, append(1, 2, (2, 2), &[])));
    let _ = core.take_apply(2);
    core.snapshot(1, vec![1]).expect("2 commands were applied");
    assert_eq!(text(&mut core), "term and vote, a snapshot");
}
