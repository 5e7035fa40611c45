//! The promises of acceptors, and what they learn.

use super::*;

fn prepare(core: &mut Core, ballot: Ballot, from: u64) -> PrepareReply {
    core.prepare(&PrepareArgs { ballot, from }, START)
}

#[test]
fn an_acceptor_promises_only_to_higher_ballots() {
    let mut core = Core::new(0, 3);
    assert_eq!(prepare(&mut core, ballot(5, 1), 1).promised, ballot(5, 1));
    assert_eq!(prepare(&mut core, ballot(4, 2), 1).promised, ballot(5, 1), "round 4 is lower than 5");
    assert_eq!(prepare(&mut core, ballot(5, 0), 1).promised, ballot(5, 1), "server 0 is lower than 1");
    assert_eq!(prepare(&mut core, ballot(5, 2), 1).promised, ballot(5, 2));
}

#[test]
fn an_acceptor_accepts_nothing_below_its_promise() {
    let mut core = Core::new(0, 3);
    prepare(&mut core, ballot(5, 1), 1);
    let _ = core.take_effects();
    assert_eq!(accepts(&mut core, ballot(4, 2), &[(1, "x")]).promised, ballot(5, 1));
    assert_eq!(core.accepted(1), None);
    assert!(core.take_effects().persist.is_empty());
    assert_eq!(accepts(&mut core, ballot(5, 1), &[(1, "x")]).promised, ballot(5, 1));
    assert_eq!(core.accepted(1), Some((ballot(5, 1), &value("x"))));
}

#[test]
fn to_accept_is_also_to_promise() {
    let mut core = Core::new(0, 3);
    accepts(&mut core, ballot(7, 2), &[(1, "x")]);
    assert_eq!(core.promised(), ballot(7, 2));
    assert_eq!(prepare(&mut core, ballot(6, 1), 1).promised, ballot(7, 2));
}

#[test]
fn a_promise_contains_what_was_accepted_and_a_refusal_does_not() {
    let mut core = Core::new(0, 3);
    accepts(&mut core, ballot(1, 1), &[(1, "a"), (2, "b")]);
    accepts(&mut core, ballot(2, 2), &[(2, "c"), (4, "d")]);
    let accepted = vec![(2, ballot(2, 2), value("c")), (4, ballot(2, 2), value("d"))];
    let promise = PrepareReply { promised: ballot(3, 1), accepted, chosen: 0 };
    assert_eq!(prepare(&mut core, ballot(3, 1), 2), promise);
    assert_eq!(prepare(&mut core, ballot(3, 1), 2), promise, "a repeated request gets the same promise");
    assert_eq!(prepare(&mut core, ballot(1, 2), 2).accepted, Vec::new());
}

#[test]
fn an_answer_says_what_the_acceptor_has_in_this_ballot() {
    let mut core = Core::new(0, 3);
    accepts(&mut core, ballot(1, 1), &[(2, "b")]);
    let reply = accepts(&mut core, ballot(2, 2), &[(1, "a"), (3, "c"), (5, "e")]);
    // The value in slot 2 is of an older ballot: the leader of the new ballot may have another one.
    assert_eq!(reply, AcceptReply { promised: ballot(2, 2), up_to: 1, beyond: vec![3, 5] });
    let reply = accepts(&mut core, ballot(2, 2), &[(2, "b")]);
    assert_eq!(reply, AcceptReply { promised: ballot(2, 2), up_to: 3, beyond: vec![5] });
}

#[test]
fn only_a_value_of_the_same_ballot_is_learned_from_a_leader() {
    let mut core = Core::new(0, 3);
    accepts(&mut core, ballot(1, 1), &[(1, "old")]);
    let says =
        |chosen, all: &[(u64, &str)]| AcceptArgs { ballot: ballot(2, 2), proposals: proposals(all), chosen };
    core.accept(&says(2, &[]), START);
    assert_eq!((core.chosen(), core.take_apply(9)), (0, Vec::new()), "the value may be another one");
    core.accept(&says(2, &[(2, "b")]), START);
    assert_eq!(core.chosen(), 0);
    core.accept(&says(2, &[(1, "a")]), START);
    assert_eq!(core.take_apply(9), proposals(&[(1, "a"), (2, "b")]));
    // An old message says less, and changes nothing.
    core.accept(&says(1, &[]), START);
    assert_eq!(core.chosen(), 2);
}

#[test]
fn an_old_message_of_the_same_ballot_changes_nothing() {
    let mut core = Core::new(0, 3);
    accepts(&mut core, ballot(1, 1), &[(1, "a")]);
    let _ = core.take_effects();
    accepts(&mut core, ballot(1, 1), &[(1, "a")]);
    assert!(core.take_effects().persist.is_empty());
}
