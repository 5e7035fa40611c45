//! Phase 1, choosing values, and applying them in order.

use super::*;

/// Lets the peer answer the request.
fn promises(core: &mut Core, peer: &mut Core, (sent, args): (Sent, PrepareArgs)) {
    let reply = peer.prepare(&args, START);
    core.prepare_reply(sent, &reply, START);
}

#[test]
fn a_server_leads_with_the_promises_of_a_majority() {
    let mut core = Core::new(0, 5);
    let asked = begins(&mut core, &[1, 2, 3]);
    let mut peers: Vec<Core> = (1..4).map(|me| Core::new(me, 5)).collect();
    promises(&mut core, &mut peers[0], asked[0].clone());
    promises(&mut core, &mut peers[0], asked[0].clone());
    assert!(!core.is_leader(), "a promise that arrives twice counts once");
    promises(&mut core, &mut peers[1], asked[1].clone());
    assert!(core.is_leader());
    assert_eq!(core.take_effects().leads, Some(true));
    promises(&mut core, &mut peers[2], asked[2].clone());
    assert_eq!(core.take_effects().leads, None, "one more promise changes nothing");
}

#[test]
fn a_refusal_ends_phase_1_and_the_next_ballot_is_higher() {
    let mut core = Core::new(0, 3);
    let mut peer = Core::new(1, 3);
    accepts(&mut peer, ballot(6, 2), &[]);
    let asked = begins(&mut core, &[1, 2]);
    promises(&mut core, &mut peer, asked[0].clone());
    assert_eq!(core.next_deadline(2), None);
    // A promise for the ballot that was given up has no effect.
    let promise = PrepareReply { promised: asked[1].1.ballot, accepted: Vec::new(), chosen: 0 };
    core.prepare_reply(asked[1].0, &promise, START);
    assert!(!core.is_leader());
    assert_eq!(begins(&mut core, &[1])[0].1.ballot, ballot(7, 0));
}

#[test]
fn a_new_leader_proposes_the_value_of_the_highest_ballot() {
    // Whatever the order of the answers is, and also if the value of the highest ballot is its own.
    for order in [[1, 2], [2, 1]] {
        let mut core = Core::new(0, 5);
        accepts(&mut core, ballot(2, 4), &[(1, "middle"), (2, "highest")]);
        let mut peers = [1, 2].map(|me| Core::new(me, 5));
        accepts(&mut peers[0], ballot(1, 3), &[(1, "lowest"), (2, "lowest")]);
        accepts(&mut peers[1], ballot(3, 3), &[(1, "highest")]);
        // The first ballot of the server is (3, 0). Server 2 refuses it, because it has promised (3, 3).
        for _ in 0..2 {
            let asked = begins(&mut core, &[1, 2]);
            for peer in order {
                promises(&mut core, &mut peers[peer - 1], asked[peer - 1].clone());
            }
        }
        let own = core.promised();
        assert!(core.is_leader() && own > ballot(3, 3));
        assert_eq!(core.accepted(1), Some((own, &value("highest"))));
        assert_eq!(core.accepted(2), Some((own, &value("highest"))));
        assert_eq!(propose(&mut core, "new"), 3);
    }
}

#[test]
fn a_new_leader_fills_gaps_with_no_ops() {
    let mut core = Core::new(0, 3);
    let mut peer = Core::new(1, 3);
    accepts(&mut peer, ballot(1, 2), &[(2, "b"), (5, "e")]);
    // The first ballot of the server is (1, 0), which is lower.
    let asked = begins(&mut core, &[1]);
    promises(&mut core, &mut peer, asked[0].clone());
    let asked = begins(&mut core, &[1]);
    promises(&mut core, &mut peer, asked[0].clone());
    let slots: Vec<&Value> = (1..=5).filter_map(|slot| Some(core.accepted(slot)?.1)).collect();
    let no_op = &Value::NoOp;
    assert_eq!(slots, [no_op, &value("b"), no_op, no_op, &value("e")]);
    assert_eq!(propose(&mut core, "f"), 6);
    // The no-ops are sent, chosen and applied like commands.
    let (sent, args, _) = next_accept(&mut core, 1, START).expect("there are slots to send");
    let reply = peer.accept(&args, START);
    core.accept_reply(sent, &reply, START);
    let applied = core.take_apply(9);
    let expected = [Value::NoOp, value("b"), Value::NoOp, Value::NoOp, value("e"), value("f")];
    assert_eq!(applied, (1..).zip(expected).collect::<Vec<_>>());
}

#[test]
fn slots_are_chosen_in_any_order_and_applied_in_order() {
    let mut core = leader_of(3);
    propose_all(&mut core, &["a", "b", "c"]);
    let (sent, ..) = next_accept(&mut core, 1, START).expect("there are slots to send");
    core.accept_reply(sent, &has(sent, 0, &[2, 3]), START);
    let effects = core.take_effects();
    assert_eq!((effects.chosen, effects.wake_applier), (vec![2, 3], false));
    assert!(core.is_chosen(2) && core.is_chosen(3) && !core.is_chosen(1));
    assert_eq!((core.chosen(), core.take_apply(9)), (0, Vec::new()));
    core.accept_reply(sent, &has(sent, 3, &[]), START);
    let effects = core.take_effects();
    assert_eq!((effects.chosen, effects.wake_applier), (vec![1], true));
    assert_eq!(core.take_apply(2), proposals(&[(1, "a"), (2, "b")]));
    assert_eq!(core.take_apply(2), proposals(&[(3, "c")]));
}

#[test]
fn different_slots_may_have_different_majorities() {
    let mut core = leader_of(3);
    propose_all(&mut core, &["a", "b"]);
    let sent = [1, 2].map(|peer| next_accept(&mut core, peer, START).expect("there are slots").0);
    core.accept_reply(sent[0], &has(sent[0], 0, &[2]), START);
    core.accept_reply(sent[1], &has(sent[1], 1, &[]), START);
    assert_eq!(core.chosen(), 2);
}

#[test]
fn one_acceptor_counts_once_and_an_older_ballot_does_not_count() {
    let mut core = leader_of(5);
    propose(&mut core, "a");
    let (sent, ..) = next_accept(&mut core, 1, START).expect("there is a slot to send");
    core.accept_reply(sent, &has(sent, 1, &[]), START);
    core.accept_reply(sent, &has(sent, 1, &[]), START);
    assert_eq!(core.chosen(), 0);
    let older = Sent { peer: 2, ballot: ballot(0, 4), ..sent };
    core.accept_reply(older, &has(older, 1, &[]), START);
    assert_eq!(core.chosen(), 0);
    let other = Sent { peer: 2, ..sent };
    core.accept_reply(other, &has(other, 1, &[]), START);
    assert_eq!(core.chosen(), 1);
}

#[test]
fn a_leader_gives_up_when_it_sees_a_higher_ballot() {
    let mut core = leader_of(3);
    propose(&mut core, "a");
    let (sent, ..) = next_accept(&mut core, 1, START).expect("there is a slot to send");
    let refusal = AcceptReply { promised: ballot(9, 2), up_to: 0, beyond: Vec::new() };
    core.accept_reply(sent, &refusal, START);
    assert_eq!(core.take_effects().leads, Some(false));
    assert_eq!(core.propose(Command::new("b")), None);
    // What the acceptors have answered to the old ballot no longer counts.
    core.accept_reply(sent, &has(sent, 1, &[]), START);
    assert_eq!(core.chosen(), 0);
    assert!(core.election_deadline().is_some());

    let mut core = leader_of(3);
    core.prepare(&PrepareArgs { ballot: ballot(9, 2), from: 1 }, START);
    assert_eq!((core.take_effects().leads, core.promised()), (Some(false), ballot(9, 2)));
}

#[test]
fn a_single_server_chooses_at_once() {
    let mut core = Core::new(0, 1);
    core.election_timeout(START);
    propose(&mut core, "a");
    assert_eq!(core.take_apply(9), proposals(&[(1, "a")]));
}
