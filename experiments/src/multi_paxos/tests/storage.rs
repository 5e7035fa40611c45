//! The restart from what was saved.

use super::*;
use labapi::Persister;

fn save(core: &mut Core, disk: &Persister) {
    let effects = core.take_effects();
    core.persist_to(disk, &effects.persist);
}

#[test]
fn a_restarted_acceptor_keeps_its_promise_and_what_it_has_accepted() {
    let disk = Persister::new();
    let mut core = Core::new(0, 3);
    accepts(&mut core, ballot(1, 1), &[(1, "a"), (3, "c")]);
    save(&mut core, &disk);
    accepts(&mut core, ballot(2, 2), &[(1, "a2"), (2, "b")]);
    save(&mut core, &disk);
    core.prepare(&PrepareArgs { ballot: ballot(4, 1), from: 1 }, START);
    save(&mut core, &disk);

    let mut again = Core::restore(0, 3, &disk).expect("a server has saved this");
    assert_eq!(again.promised(), ballot(4, 1));
    assert_eq!(again.accepted(1), Some((ballot(2, 2), &value("a2"))));
    assert_eq!(again.accepted(2), Some((ballot(2, 2), &value("b"))));
    assert_eq!(again.accepted(3), Some((ballot(1, 1), &value("c"))));
    assert_eq!(accepts(&mut again, ballot(3, 2), &[(4, "d")]).promised, ballot(4, 1));
}

#[test]
fn a_restarted_leader_is_a_follower_and_does_not_use_its_ballot_again() {
    let disk = Persister::new();
    let mut core = leader_of(3);
    // `leader_of` has discarded the effects of phase 1, so the persister gets everything here.
    propose(&mut core, "a");
    let mut delta = core.take_effects().persist;
    delta.head = true;
    core.persist_to(&disk, &delta);

    let mut again = Core::restore(0, 3, &disk).expect("a server has saved this");
    assert!(!again.is_leader());
    assert_eq!(again.propose(Command::new("b")), None);
    assert!(begins(&mut again, &[1])[0].1.ballot > core.promised());
}

#[test]
fn the_ballot_is_saved_before_another_server_hears_of_it() {
    let mut core = Core::new(0, 3);
    core.election_timeout(START);
    assert!(core.take_effects().persist.head);
}

#[test]
fn a_restarted_server_applies_again_what_it_knew_to_be_chosen() {
    let disk = Persister::new();
    let mut core = Core::new(0, 3);
    let all = proposals(&[(1, "a"), (2, "b"), (3, "c")]);
    core.accept(&AcceptArgs { ballot: ballot(1, 1), proposals: all, chosen: 2 }, START);
    assert_eq!(core.take_apply(9).len(), 2);
    save(&mut core, &disk);
    let mut again = Core::restore(0, 3, &disk).expect("a server has saved this");
    assert!(again.take_effects().wake_applier);
    assert_eq!(again.take_apply(9), proposals(&[(1, "a"), (2, "b")]));
}

#[test]
fn an_empty_persister_gives_a_new_server() {
    let core = Core::restore(2, 3, &Persister::new()).expect("this is the first start");
    assert_eq!((core.promised(), core.last_slot(), core.chosen()), (Ballot::default(), 0, 0));
}

#[test]
fn a_state_that_no_server_can_have_saved_is_refused() {
    let saved = |head: &[u8], frames: &[Vec<u8>]| {
        let disk = Persister::new();
        let write = |w: &mut labapi::Writer| {
            w.head(head.to_vec());
            frames.iter().for_each(|frame| w.append(frame.clone()));
        };
        disk.update(write).expect("the persister is empty");
        Core::restore(0, 3, &disk).expect_err("the state is bad").to_string()
    };
    let head = |promised: Ballot, chosen: u64| labgob::encode(&(promised, chosen));
    let slot = |slot: u64, ballot: Ballot| labgob::encode(&(slot, ballot, Value::NoOp));
    assert!(saved(b"\xff", &[]).contains("frame 0"));
    assert!(saved(&head(ballot(1, 1), 0), &[vec![255]]).contains("frame 1"));
    assert!(saved(&head(ballot(1, 3), 0), &[]).contains("a promise to server 3, expected one below 3"));
    assert!(saved(&head(ballot(1, 1), 0), &[slot(1, ballot(2, 1))]).contains("slot 1"));
    assert!(saved(&head(ballot(1, 1), 2), &[slot(1, ballot(1, 1))]).contains("2 slots are chosen"));
    let disk = Persister::new();
    disk.save_raft_state(&[9]);
    assert!(matches!(Core::restore(0, 3, &disk), Err(RestoreError::Frames(_))));
}
