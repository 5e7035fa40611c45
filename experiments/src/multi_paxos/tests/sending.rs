//! When a leader sends what: new slots, slots that may be lost, news, heartbeats.

use super::*;

const MS: Duration = Duration::from_millis(1);
const HEARTBEAT: Duration = Duration::from_millis(100);

/// Proposes as many commands as there are messages to server 1, and returns these messages.
fn sends(core: &mut Core, messages: usize) -> Vec<Sent> {
    let send = |_| {
        let slot = propose(core, "x");
        let (sent, _, slots) = next_accept(core, 1, START).expect("a new slot is sent at once");
        assert_eq!(slots, [slot]);
        sent
    };
    (0..messages).map(send).collect()
}

fn slots_for_1(core: &mut Core, now: Duration) -> Vec<u64> {
    next_accept(core, 1, now).map_or(Vec::new(), |(_, _, slots)| slots)
}

#[test]
fn a_lost_slot_is_sent_again_at_once_with_all_that_may_be_missing() {
    let mut core = leader_of(3);
    let sent = sends(&mut core, 3);
    assert_eq!(next_accept(&mut core, 1, START), None, "all slots are on their way");
    core.accept_reply(sent[0], &has(sent[0], 1, &[]), START);
    core.message_lost(sent[1]);
    propose(&mut core, "new");
    assert_eq!(slots_for_1(&mut core, START), [2, 3, 4]);
    core.message_lost(sent[1]);
    core.message_lost(sent[2]);
    assert_eq!(next_accept(&mut core, 1, START), None, "the slots are on their way again");
}

#[test]
fn two_later_answers_show_a_loss_and_one_does_not() {
    let mut core = leader_of(3);
    let sent = sends(&mut core, 4);
    core.accept_reply(sent[1], &has(sent[1], 0, &[2]), START);
    assert_eq!(next_accept(&mut core, 1, START), None);
    core.accept_reply(sent[2], &has(sent[2], 0, &[2, 3]), START);
    assert_eq!(slots_for_1(&mut core, START), [1, 4]);
    core.accept_reply(sent[3], &has(sent[3], 0, &[2, 3, 4]), START);
    assert_eq!(next_accept(&mut core, 1, START), None, "slot 1 is on its way again");
}

#[test]
fn a_later_answer_replaces_a_lost_one() {
    let mut core = leader_of(3);
    let sent = sends(&mut core, 2);
    core.accept_reply(sent[1], &has(sent[1], 2, &[]), START);
    assert_eq!(core.chosen(), 2);
    core.message_lost(sent[0]);
    assert_eq!(slots_for_1(&mut core, 10 * MS), Vec::<u64>::new());
}

#[test]
fn the_window_is_full_and_then_one_message_has_many_slots() {
    let mut core = leader_of(3);
    let sent = sends(&mut core, WINDOW);
    propose_all(&mut core, &["x", "y", "z"]);
    assert_eq!(next_accept(&mut core, 1, START), None);
    core.accept_reply(sent[0], &has(sent[0], 1, &[]), START);
    let first = WINDOW as u64 + 1;
    assert_eq!(slots_for_1(&mut core, START), [first, first + 1, first + 2]);
}

#[test]
fn after_two_losses_in_a_row_only_heartbeats_are_sent() {
    let mut core = leader_of(3);
    let sent = sends(&mut core, 2);
    core.message_lost(sent[0]);
    let (again, _, slots) = next_accept(&mut core, 1, START).expect("the first loss");
    assert_eq!(slots, [1, 2]);
    core.message_lost(again);
    assert_eq!(core.next_deadline(1), Some(HEARTBEAT));
    assert_eq!(slots_for_1(&mut core, HEARTBEAT), [1, 2]);
    // An answer ends this state.
    core.accept_reply(sent[1], &has(sent[1], 0, &[2]), HEARTBEAT);
    propose(&mut core, "x");
    assert_eq!(slots_for_1(&mut core, HEARTBEAT), [3]);
}

#[test]
fn the_news_that_a_slot_is_chosen_waits_for_the_next_slot() {
    let mut core = leader_of(3);
    let sent = sends(&mut core, 1);
    core.accept_reply(sent[0], &has(sent[0], 1, &[]), MS);
    assert_eq!(next_accept(&mut core, 1, 9 * MS), None);
    let (sent, args, slots) = next_accept(&mut core, 1, 10 * MS).expect("the commit interval has passed");
    assert_eq!((args.chosen, slots), (1, Vec::new()));
    assert_eq!(core.next_deadline(1), Some(10 * MS + HEARTBEAT));
    core.message_lost(sent);
    assert_eq!(core.next_deadline(1), Some(20 * MS), "the news is lost, so it is sent again");
}

#[test]
fn a_leader_first_asks_an_acceptor_that_has_not_promised() {
    let mut core = leader_of(5);
    propose(&mut core, "a");
    // Servers 1 and 2 have promised, and server 3 has not.
    let (sent, _, slots) = next_accept(&mut core, 3, START).expect("the leader asks at once");
    assert_eq!(slots, Vec::<u64>::new());
    assert_eq!(next_accept(&mut core, 3, START), None);
    core.accept_reply(sent, &has(sent, 0, &[]), START);
    let (_, _, slots) = next_accept(&mut core, 3, START).expect("the leader knows what is missing");
    assert_eq!(slots, [1]);
}

#[test]
fn a_candidate_asks_again_after_the_heartbeat_interval() {
    let mut core = Core::new(0, 3);
    let asked = begins(&mut core, &[1]);
    core.message_lost(asked[0].0);
    assert_eq!(core.next_message(1, 99 * MS), None);
    assert!(matches!(core.next_message(1, HEARTBEAT), Some(Outgoing { message: Message::Prepare(_), .. })));
    let promise = PrepareReply { promised: asked[0].1.ballot, accepted: Vec::new(), chosen: 0 };
    core.prepare_reply(asked[0].0, &promise, HEARTBEAT);
    assert!(core.is_leader());
}
