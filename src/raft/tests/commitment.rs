//! Sections 5.3 and 5.4.2: which entries are committed, and when.

use super::support::*;
use crate::raft::*;
use labapi::ApplyMsg;

/// Section 5.3: an entry is committed as soon as a majority of the servers has it.
#[test]
fn a_majority_commits_5_3() {
    for (n, others_needed) in [(2, 1), (3, 1), (4, 2), (5, 2), (7, 3)] {
        let mut core = leader(n, 1, &[]);
        core.propose(command(1, 1)).expect("the server leads");
        for peer in 1..=others_needed {
            assert_eq!(core.commit_index(), 0, "{n} servers, {} copies", peer);
            catch_up(&mut core, peer);
        }
        assert_eq!(core.commit_index(), 1, "{n} servers, {} copies", others_needed + 1);
        assert!(core.take_effects().wake_applier);
    }
    // In a group of one server the leader alone is a majority.
    let mut alone = leader(1, 1, &[]);
    alone.propose(command(1, 1)).expect("the server leads");
    assert_eq!(alone.commit_index(), 1);
}

/// Section 5.4.2: entries of older terms are not committed by counting. They are committed together with an
/// entry of the leader's own term.
#[test]
fn older_terms_are_not_committed_by_counting_5_4_2() {
    let mut core = leader(3, 4, &[2, 2]);
    catch_up(&mut core, 1);
    catch_up(&mut core, 2);
    assert_eq!(has_leader_view(&core, 1), (2, 3), "all servers have the old entries");
    assert_eq!(core.commit_index(), 0, "but these entries are not committed");

    core.propose(command(3, 4)).expect("the server leads");
    catch_up(&mut core, 1);
    assert_eq!(core.commit_index(), 3);
}

/// Figure 8: S1 leads term 4 and has copied an entry of term 2 to a majority. In (d) S5 is elected, because
/// its last entry is of term 3. Then S5 overwrites the entry of term 2. So S1 must not commit the entry of
/// term 2 in (c). In (e) S1 has copied an entry of its own term to a majority, so S5 cannot win an election.
#[test]
fn figure_8_5_4_2() {
    let ask_s5 = RequestVoteArgs { term: 5, candidate_id: 4, last_log_index: 2, last_log_term: 3 };

    // (c) Entry 2 of term 2 reaches S2 and S3. Together with S1, three of the five servers have the entry.
    let mut s1 = leader(5, 4, &[1, 2]);
    catch_up(&mut s1, 1);
    catch_up(&mut s1, 2);
    assert_eq!(s1.commit_index(), 0);
    // (d) S2 votes for S5. S5 then overwrites the entry on S2.
    let mut s2 = follower(5, 4, &[1, 2]);
    assert!(s2.request_vote(&ask_s5).vote_granted);
    assert!(s2.append_entries(&append(4, 5, (1, 1), &[3])).success);
    assert_eq!(terms(&s2), [1, 3]);

    // (e) A majority has an entry of term 4. Both entries are committed, and S2 does not vote for S5.
    s1.propose(command(3, 4)).expect("the server leads");
    catch_up(&mut s1, 1);
    catch_up(&mut s1, 2);
    assert_eq!(s1.commit_index(), 3);
    let mut s2 = follower(5, 4, &[1, 2, 4]);
    assert!(!s2.request_vote(&ask_s5).vote_granted);
}

/// The service gets each committed command exactly once, in order, in batches.
#[test]
fn committed_commands_are_applied_once_in_order() {
    let mut core = follower(3, 2, &[1, 1, 2]);
    assert_eq!(core.take_apply(10), None);
    core.append_entries(&committed(3, append(1, 2, (3, 2), &[])));
    let message = |index, term| ApplyMsg::Command { index, term, command: command(index, term) };
    assert_eq!(core.take_apply(2), Some(vec![message(1, 1), message(2, 1)]));
    assert_eq!(core.take_apply(2), Some(vec![message(3, 2)]));
    assert_eq!((core.take_apply(2), core.last_applied()), (None, 3));
}
