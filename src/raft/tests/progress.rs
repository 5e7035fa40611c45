//! A leader's view of a follower (5.3). The leader sends entries at once, in few messages. A lost or delayed
//! message never stops later entries.

use super::support::*;
use crate::raft::progress::{MAX_BATCH_BYTES, WINDOW};
use crate::raft::*;
use labapi::{Command, Role};
use std::time::Duration;

/// The leader of three servers, in term 1, with an empty log. Follower 1 has already answered the leader.
fn in_touch() -> Server {
    let mut core = leader(3, 1, &[]);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    success(&mut core, sent);
    assert_eq!(state(&core), State::Replicate { at_once: false });
    core
}

fn state(core: &Server) -> State {
    core.progress(1).expect("the server leads").state()
}

fn propose(core: &mut Server, count: usize) {
    for _ in 0..count {
        let index = core.log().last_index() + 1;
        core.propose(command(index, 1)).expect("the server leads");
    }
}

/// The `prev_log_index` of a message, and the number of its entries.
fn shape(args: &AppendEntriesArgs) -> (u64, usize) {
    (args.prev_log_index, args.entries.len())
}

/// A leader has a view of each other server. The other roles have no views.
#[test]
fn a_leader_views_the_others_but_not_itself() {
    let has_view = |core: &Core| [0, 1, 2, 3].map(|peer| core.progress(peer).is_some());
    assert_eq!(has_view(&leader(3, 1, &[])), [false, true, true, false]);
    assert_eq!(has_view(&candidate(3, 1, &[])), [false; 4]);
    assert_eq!(has_view(&follower(3, 1, &[])), [false; 4]);
}

#[test]
fn an_entry_goes_out_at_once_and_others_share_the_next_message() {
    let mut core = in_touch();
    propose(&mut core, 1);
    let (first, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (0, 1));
    // New entries wait while the first message is on its way. They are sent when the answer arrives.
    propose(&mut core, 5);
    assert_eq!(core.next_message(1, AT_ONCE), None);
    success(&mut core, first);
    let (_, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (1, 5));
    // If there is no answer, the entries are sent at the end of the entries interval.
    propose(&mut core, 2);
    assert_eq!(core.due_in(1), Some(ENTRIES_INTERVAL));
    let (_, args) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    assert_eq!(shape(&args), (6, 2));
    assert_eq!(core.progress(1).map(Progress::inflight), Some(2), "messages with entries on their way");
}

/// The deadline until which a peer's sender thread sleeps. If a message is due now, the deadline is the
/// current time. Otherwise it is the end of the heartbeat interval or of the entries interval, whichever
/// comes first.
#[test]
fn a_deadline_says_when_there_is_something_to_send() {
    let mut core = in_touch();
    assert_eq!((core.due_in(1), core.due_in(2)), (Some(HEARTBEAT_INTERVAL), Some(AT_ONCE)));
    next_append(&mut core, 2, AT_ONCE);
    propose(&mut core, 1);
    let (served, probed) = (core.due_in(1), core.due_in(2));
    assert_eq!((served, probed), (Some(AT_ONCE), Some(HEARTBEAT_INTERVAL)), "S2 has not answered yet");
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(core.due_in(1), Some(HEARTBEAT_INTERVAL));
    // The next entries now wait for the answer, or for the end of the entries interval.
    for _ in 0..2 {
        propose(&mut core, 1);
        assert_eq!(core.due_in(1), Some(ENTRIES_INTERVAL));
    }
    success(&mut core, sent);
    assert_eq!(core.due_in(1), Some(AT_ONCE));
    assert_eq!((core.next_deadline(0), follower(3, 1, &[]).next_deadline(1)), (None, None));
}

#[test]
fn an_idle_follower_gets_heartbeats_and_nothing_else() {
    let mut core = in_touch();
    for tick in [AT_ONCE, ENTRIES_INTERVAL, COMMIT_INTERVAL] {
        assert_eq!(core.next_message(1, tick), None);
    }
    let (_, args) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    assert_eq!(shape(&args), (0, 0));
}

/// Entries and heartbeats carry the commit index. The leader sends the commit index in a message of its own
/// only if it sends no other message for 10 ms. At most one such message is on its way.
#[test]
fn the_commit_index_is_sent_alone_only_if_nothing_else_is_sent() {
    let mut core = in_touch();
    propose(&mut core, 1);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    success(&mut core, sent);
    assert_eq!(core.commit_index(), 1);
    assert_eq!(core.due_in(1), Some(COMMIT_INTERVAL));

    // There are new entries, so they carry the commit index.
    let mut busy = core.clone();
    propose(&mut busy, 1);
    let (_, args) = next_append(&mut busy, 1, AT_ONCE);
    assert_eq!((shape(&args), args.leader_commit), ((1, 1), 1));
    assert_eq!(busy.next_message(1, COMMIT_INTERVAL), None);

    // There are no new entries, so the commit index is sent alone, once. It is not sent again while that
    // message is on its way, or after the follower has answered it.
    let (alone, args) = next_append(&mut core, 1, COMMIT_INTERVAL);
    assert_eq!((shape(&args), args.leader_commit), ((1, 0), 1));
    assert_eq!(core.next_message(1, COMMIT_INTERVAL), None);
    let mut unlucky = core.clone();
    success(&mut core, alone);
    assert_eq!(core.next_message(1, COMMIT_INTERVAL), None);
    // If the message with the commit index is lost, it is sent again.
    unlucky.message_lost(alone);
    assert_eq!(next_append(&mut unlucky, 1, COMMIT_INTERVAL).1.leader_commit, 1);
}

/// If many commits have not been reported to a follower, the leader sends the commit index at once. Suppose
/// that a caller has started as many commands as it may, and waits until some of them are applied. Without
/// this rule, the caller would wait for 10 ms.
#[test]
fn many_commits_are_told_at_once() {
    for (commands, told) in [(63, false), (64, true)] {
        let mut core = in_touch();
        propose(&mut core, commands);
        let (sent, _) = next_append(&mut core, 1, AT_ONCE);
        success(&mut core, sent);
        assert_eq!(core.due_in(1) == Some(AT_ONCE), told, "{commands} commits");
        let message = core.next_message(1, AT_ONCE);
        assert_eq!(message.is_some(), told, "{commands} commits");
        assert_eq!(
            core.next_message(1, COMMIT_INTERVAL).is_some(),
            !told,
            "only one such message is on its way"
        );
    }
}

/// If new entries wait for the end of the entries interval, the leader does not send the commit index in a
/// message of its own. It sends the commit index together with these entries.
#[test]
fn the_commit_index_waits_for_entries_that_follow() {
    let mut core = in_touch();
    core.options.commit_interval = ENTRIES_INTERVAL / 2;
    propose(&mut core, 1);
    let (first, _) = next_append(&mut core, 1, AT_ONCE);
    propose(&mut core, 1);
    next_append(&mut core, 1, ENTRIES_INTERVAL);
    propose(&mut core, 1);
    success(&mut core, first);
    assert_eq!(core.commit_index(), 1, "the follower does not know this commit index yet");
    assert_eq!(core.next_message(1, ENTRIES_INTERVAL / 2), None);
    let (_, args) = next_append(&mut core, 1, ENTRIES_INTERVAL / 2);
    assert_eq!((shape(&args), args.leader_commit), ((2, 1), 1));
}

/// The course limits the number of RPCs: twelve commands may need at most 42 RPCs to both followers together.
/// This test counts the RPCs with a simulated clock, for many speeds of the network and of the caller. The
/// greatest number of RPCs is needed if each command is sent, acknowledged and committed before the next
/// command comes.
#[test]
fn twelve_commands_cost_at_most_42_rpcs_on_any_schedule() {
    let mut worst = 0;
    for round_trip in [10, 100, 1000, 3000, 9000, 15_000, 40_000] {
        for between_commands in [0, 10, 150, 700, 1500, 5000, 9900] {
            let count = rpcs_for_twelve_commands(round_trip, between_commands);
            assert!(
                count <= 42,
                "{count} RPCs: round trip {round_trip} us, one command every {between_commands} us"
            );
            worst = worst.max(count);
        }
    }
    assert!(worst >= 24, "the worst schedule, a round trip for each command, was not tested: {worst}");
}

/// Counts all requests from the first command until both followers know that all commands are committed. All
/// times are in microseconds.
fn rpcs_for_twelve_commands(round_trip: u64, between_commands: u64) -> usize {
    const START: u64 = 200_000;
    const LONGEST: u64 = 2_000_000;
    struct Peer {
        told: u64,
        replies: Vec<(u64, Sent)>,
    }
    let mut core = leader(3, 1, &[]);
    let mut peers: Vec<Peer> = Vec::new();
    for peer in [1, 2] {
        let (sent, _) = next_append(&mut core, peer, AT_ONCE);
        success(&mut core, sent);
        // The course's test waits for a moment without messages. So here the leader has just sent its last
        // heartbeat.
        core.now = Duration::from_micros(START);
        let (sent, _) = next_append(&mut core, peer, AT_ONCE);
        success(&mut core, sent);
        core.now = AT_ONCE;
        peers.push(Peer { told: 0, replies: Vec::new() });
    }
    let (mut count, mut proposed) = (0, 0);
    for now in (START..START + LONGEST).step_by(10) {
        core.now = Duration::from_micros(now);
        while proposed < 12 && now >= START + proposed * between_commands {
            propose(&mut core, 1);
            proposed += 1;
            // A sender thread can run at any time, for example between two commands.
            if between_commands == 0 && proposed % 2 == 0 {
                break;
            }
        }
        for (i, peer) in peers.iter_mut().enumerate() {
            while let Some(at) = peer.replies.iter().position(|(due, _)| *due <= now) {
                let (_, sent) = peer.replies.remove(at);
                success(&mut core, sent);
            }
            let Some(outgoing) = core.next_message(i + 1, AT_ONCE) else { continue };
            count += 1;
            if let Message::AppendEntries(args) = &outgoing.message {
                let last = args.prev_log_index + args.entries.len() as u64;
                peer.told = peer.told.max(args.leader_commit.min(last));
            }
            peer.replies.push((now + round_trip, outgoing.sent));
        }
        if peers.iter().all(|peer| peer.told == 12) {
            return count;
        }
    }
    panic!(
        "after {LONGEST} us the followers do not know that 12 commands are committed: {}",
        core.commit_index()
    )
}

#[test]
fn a_new_leader_probes_before_it_sends_entries() {
    let mut core = leader(3, 1, &[]);
    propose(&mut core, 3);
    assert_eq!(state(&core), State::Probe { at_once: true });
    let (sent, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (0, 0), "Figure 2: upon election, an empty AppendEntries");
    assert_eq!(core.next_message(1, ENTRIES_INTERVAL), None);
    success(&mut core, sent);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (0, 3));
}

/// After the first loss, the leader sends the entries again at once. After the second loss in a row, the
/// leader assumes that the follower is dead. Then it sends one message in each heartbeat interval until the
/// follower answers (5.3: the leader retries indefinitely).
#[test]
fn a_lossy_follower_is_served_at_once_and_a_dead_one_at_heartbeats() {
    let mut core = in_touch();
    propose(&mut core, 3);
    let (first, _) = next_append(&mut core, 1, AT_ONCE);
    core.message_lost(first);
    let (second, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (0, 3), "the entries are sent again at once");

    core.message_lost(second);
    assert_eq!(state(&core), State::Probe { at_once: false });
    propose(&mut core, 1);
    for tick in [AT_ONCE, ENTRIES_INTERVAL, COMMIT_INTERVAL] {
        assert_eq!(core.next_message(1, tick), None);
    }
    for _ in 0..5 {
        // Perhaps only the answers were lost. So the follower still gets the entries, but the leader sends
        // only one message with entries at a time.
        let (retry, args) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
        assert_eq!(shape(&args), (0, 4));
        let (_, args) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
        assert_eq!(shape(&args), (4, 0));
        core.message_lost(retry);
        assert_eq!(core.next_message(1, ENTRIES_INTERVAL), None, "entries are no longer sent at once");
    }
    // The follower answers. From now on the leader sends entries at once again.
    let (retry, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    propose(&mut core, 1);
    success(&mut core, retry);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (4, 1));
}

/// The network may report a loss seven seconds after the message was sent. If the follower has answered a
/// later message since then, the loss does not show that the follower is dead.
#[test]
fn old_losses_do_not_count_against_a_follower() {
    let mut core = in_touch();
    let old: Vec<Sent> = (0..3).map(|_| next_append(&mut core, 1, HEARTBEAT_INTERVAL).0).collect();
    let (new, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    success(&mut core, new);
    old.into_iter().for_each(|sent| core.message_lost(sent));
    assert_eq!(state(&core), State::Replicate { at_once: false });
}

/// A delayed message does not stop later entries. Later entries must wait only when [`WINDOW`] messages are
/// on their way.
#[test]
fn a_held_message_does_not_stop_the_log() {
    let mut core = in_touch();
    let mut held = Vec::new();
    for i in 0..WINDOW as u64 {
        propose(&mut core, 1);
        let (sent, args) = next_append(&mut core, 1, ENTRIES_INTERVAL);
        assert_eq!(shape(&args), (i, 1), "each message continues where the one before it ended");
        held.push(sent);
    }
    propose(&mut core, 1);
    assert_eq!(core.next_message(1, ENTRIES_INTERVAL), None, "the greatest number of messages is on its way");

    // The leader sends a heartbeat after the last message. If the follower accepts the heartbeat, it has all
    // entries, even though it has answered no other message.
    let (heartbeat, args) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    assert_eq!(shape(&args), (WINDOW as u64, 0));
    success(&mut core, heartbeat);
    assert_eq!(has_leader_view(&core, 1).0, WINDOW as u64);
    assert_eq!(core.progress(1).map(|progress| progress.inflight()), Some(0));
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (WINDOW as u64, 1));
    // The answers to the delayed messages arrive seconds later. They change nothing.
    let before = has_leader_view(&core, 1);
    held.into_iter().for_each(|sent| success(&mut core, sent));
    assert_eq!(has_leader_view(&core, 1), before);
}

/// One of several messages is lost. The leader sends the entries of this message again, and also the entries
/// after them.
#[test]
fn a_gap_is_filled() {
    let mut core = in_touch();
    let mut sent = Vec::new();
    for _ in 0..4 {
        propose(&mut core, 2);
        sent.push(next_append(&mut core, 1, ENTRIES_INTERVAL).0);
    }
    core.message_lost(sent[1]);
    let (again, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (2, 6));
    // The first message is answered. Then the message with the repeated entries is lost, too. The missing
    // entries are still the same.
    success(&mut core, sent[0]);
    core.message_lost(again);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (2, 6));
}

/// Two messages arrive in the wrong order. The later message arrives first and is refused, because the
/// entries of the earlier message are missing. The leader ignores one such refusal.
#[test]
fn a_refusal_by_reordering_costs_one_message() {
    let mut core = in_touch();
    propose(&mut core, 2);
    let (first, _) = next_append(&mut core, 1, AT_ONCE);
    propose(&mut core, 3);
    let (second, _) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    // The second message arrives first. The follower's log ends at 0.
    refusal(&mut core, second, 0, 0);
    assert_eq!(core.next_message(1, AT_ONCE), None, "the first message is still on its way");
    success(&mut core, first);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (2, 3));
}

/// As in the test before, two messages arrive in the wrong order. But here the refusal reaches the leader
/// after the missing entries have reached the follower. So the refusal only shows that the entries of the
/// refused message are missing.
#[test]
fn a_refusal_that_comes_late_only_costs_its_own_entries() {
    let mut core = in_touch();
    propose(&mut core, 2);
    let (first, _) = next_append(&mut core, 1, AT_ONCE);
    propose(&mut core, 3);
    let (second, _) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    success(&mut core, first);
    refusal(&mut core, second, 0, 0);
    assert_eq!(has_leader_view(&core, 1), (2, 3));
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (2, 3));
}

/// The leader ignores only one refusal until the follower acknowledges more entries. The answer to an old
/// heartbeat acknowledges nothing new. So the leader believes the second refusal, and sends all entries
/// again.
#[test]
fn two_refusals_without_a_new_entry_are_believed() {
    let mut core = in_touch();
    let (heartbeat, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    propose(&mut core, 2);
    next_append(&mut core, 1, AT_ONCE);
    let later = [3, 1].map(|count| {
        propose(&mut core, count);
        next_append(&mut core, 1, ENTRIES_INTERVAL).0
    });
    refusal(&mut core, later[0], 0, 0);
    assert_eq!(has_leader_view(&core, 1), (0, 3), "the first message may still bring the first two entries");
    success(&mut core, heartbeat);
    refusal(&mut core, later[1], 0, 0);
    assert_eq!(has_leader_view(&core, 1), (0, 1));
}

/// A message was lost. But a later message of the leader brings the follower all entries, so the leader has
/// nothing to repeat.
#[test]
fn a_success_that_covers_a_loss_ends_the_hurry() {
    let mut core = in_touch();
    propose(&mut core, 1);
    let (first, _) = next_append(&mut core, 1, AT_ONCE);
    propose(&mut core, 1);
    let (second, _) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    core.message_lost(first);
    assert_eq!(state(&core), State::Replicate { at_once: true });
    success(&mut core, second);
    assert_eq!(state(&core), State::Replicate { at_once: false });
    assert_eq!(has_leader_view(&core, 1), (2, 3));
}

/// A follower may give a hint that is out of date. The leader does not go back behind an entry that the
/// follower has acknowledged.
#[test]
fn a_hint_does_not_reach_behind_an_acknowledged_entry() {
    let mut core = in_touch();
    propose(&mut core, 2);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    success(&mut core, sent);
    propose(&mut core, 3);
    next_append(&mut core, 1, AT_ONCE);
    propose(&mut core, 1);
    let (last, args) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    assert_eq!(shape(&args), (5, 1));
    refusal(&mut core, last, 0, 0);
    assert_eq!(has_leader_view(&core, 1), (2, 6));
}

/// The first loss may be an accident, so a new leader asks again at once. After the second loss it asks once
/// in each heartbeat interval.
#[test]
fn a_lost_probe_is_repeated_at_once_but_only_once() {
    let mut core = leader(3, 1, &[1]);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    core.message_lost(sent);
    assert_eq!((state(&core), core.due_in(1)), (State::Probe { at_once: true }, Some(AT_ONCE)));
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    core.message_lost(sent);
    assert_eq!((state(&core), core.due_in(1)), (State::Probe { at_once: false }, Some(HEARTBEAT_INTERVAL)));
}

/// When the follower has answered a message that only has the commit index, the leader can send the next
/// such message.
#[test]
fn a_commit_index_can_be_told_alone_again() {
    let mut core = leader(5, 1, &[]);
    for peer in [1, 2] {
        catch_up(&mut core, peer);
    }
    propose(&mut core, 1);
    let (first, _) = next_append(&mut core, 2, AT_ONCE);
    propose(&mut core, 1);
    let (second, _) = next_append(&mut core, 2, ENTRIES_INTERVAL);
    let (both, _) = next_append(&mut core, 1, AT_ONCE);
    success(&mut core, both);
    // Each answer of S2 commits an entry that S1 already has.
    for (committed, sent) in [(1, first), (2, second)] {
        success(&mut core, sent);
        let (told, args) = next_append(&mut core, 1, COMMIT_INTERVAL);
        assert_eq!((shape(&args).1, args.leader_commit), (0, committed));
        success(&mut core, told);
    }
}

/// The two logs really differ, so the leader goes back to the last common entry. After each refusal it sends
/// the next message at once. Each refusal lowers `next_index`, even if the follower's hint is wrong.
#[test]
fn the_search_for_the_last_common_entry_ends() {
    let mut core = leader(3, 9, &[1, 1, 4, 4, 5, 5, 6, 6]);
    let (mut sent, mut args) = next_append(&mut core, 1, AT_ONCE);
    let mut prevs = vec![args.prev_log_index];
    // This follower always replies with an index far beyond its log.
    while args.prev_log_index > 0 {
        refusal(&mut core, sent, 99, 77);
        (sent, args) = next_append(&mut core, 1, AT_ONCE);
        prevs.push(args.prev_log_index);
        assert!(prevs.is_sorted_by(|a, b| a > b), "each refusal lowers next_index: {prevs:?}");
    }
    // The leader goes back by whole terms: the follower's last term is 4, and the leader's last entry of term
    // 4 is at index 4.
    let mut core = leader(3, 9, &[1, 1, 4, 4, 5, 5, 6, 6]);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    refusal(&mut core, sent, 7, 4);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (4, 4));
}

/// The leader has gone back. After that, a refusal of an older message counts only if it shows that the
/// leader must go back further. The leader never sends an acknowledged entry again.
#[test]
fn old_refusals_are_ignored_unless_they_reach_further_back() {
    let mut core = leader(3, 9, &[1, 1, 4, 4, 5, 5]);
    let old: Vec<Sent> = (0..3).map(|_| next_append(&mut core, 1, HEARTBEAT_INTERVAL).0).collect();
    refusal(&mut core, old[0], 5, 4);
    let (_, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (4, 2));
    // This refusal reports missing entries that the leader is already sending again.
    let before = has_leader_view(&core, 1);
    refusal(&mut core, old[1], 4, 4);
    assert_eq!(has_leader_view(&core, 1), before);
    assert_eq!(core.next_message(1, AT_ONCE), None);
    // This refusal shows that the follower needs entries that no message has brought.
    refusal(&mut core, old[2], 2, 1);
    let (sent, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(shape(&args), (2, 4));
    success(&mut core, sent);
    refusal(&mut core, sent, 0, 0);
    refusal(&mut core, old[2], 0, 0);
    assert_eq!(has_leader_view(&core, 1), (6, 7));
}

/// A message is refused, and no older message on its way has the missing entries. So the leader sends again
/// all entries that are not acknowledged.
#[test]
fn a_refusal_that_no_other_message_repairs_is_believed() {
    let mut core = in_touch();
    propose(&mut core, 2);
    next_append(&mut core, 1, AT_ONCE);
    propose(&mut core, 3);
    let (second, _) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    propose(&mut core, 1);
    let (third, args) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    assert_eq!(shape(&args), (5, 1));
    core.message_lost(second);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (2, 4));
    // The entries after 2 are on their way only in a message that was sent after the refused message.
    refusal(&mut core, third, 2, 1);
    assert_eq!(has_leader_view(&core, 1), (0, 1));

    // Here the first message is lost. The older message on its way begins just after the missing entry.
    let mut core = in_touch();
    let [first, _, third] = [2, 3, 1].map(|count| {
        propose(&mut core, count);
        next_append(&mut core, 1, ENTRIES_INTERVAL).0
    });
    core.message_lost(first);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (0, 6));
    refusal(&mut core, third, 1, 1);
    assert_eq!(has_leader_view(&core, 1), (0, 1));
}

/// Entries on their way do not stop the message that only has the commit index.
#[test]
fn the_commit_index_does_not_wait_for_entries_on_their_way() {
    let mut core = leader(5, 1, &[]);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    success(&mut core, sent);
    propose(&mut core, 2);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    success(&mut core, sent);
    propose(&mut core, 1);
    assert_eq!(shape(&next_append(&mut core, 1, AT_ONCE).1), (2, 1));
    catch_up(&mut core, 2);
    assert_eq!(core.commit_index(), 2);
    let (_, args) = next_append(&mut core, 1, COMMIT_INTERVAL);
    assert_eq!((shape(&args), args.leader_commit), ((2, 0), 2));
}

/// The leader ignores answers to messages of an older term. It also ignores reports that such messages were
/// lost.
#[test]
fn answers_of_another_term_are_ignored() {
    let mut core = in_touch();
    propose(&mut core, 1);
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    core.append_entries(&append(2, 2, (1, 1), &[]));
    core.election_timeout();
    give_vote(&mut core, 1);
    assert_eq!((core.role(), core.current_term()), (Role::Leader, 3));
    forget_effects(&mut core);
    success(&mut core, sent);
    core.message_lost(sent);
    core.message_lost(sent);
    // The follower had already reached the leader's term when the old message arrived. So it refused the
    // message, which has an older term.
    core.append_reply(sent, &AppendEntriesReply { term: 3, success: false, conflict: None });
    assert_eq!(has_leader_view(&core, 1), (0, 2));
    assert_eq!(state(&core), State::Probe { at_once: true }, "the follower has not answered in this term");
    assert_eq!(
        (core.due_in(1), core.due_in(2)),
        (Some(AT_ONCE), Some(AT_ONCE)),
        "the first heartbeats are due"
    );
}

#[test]
fn large_commands_are_sent_in_several_messages() {
    let mut core = in_touch();
    for _ in 0..3 {
        core.propose(Command::new(vec![0; MAX_BATCH_BYTES / 2])).expect("the server leads");
    }
    core.propose(Command::new(vec![0; MAX_BATCH_BYTES + 1])).expect("the server leads");
    let shape = |message: &Message| match message {
        Message::AppendEntries(args) => shape(args),
        other => panic!("expected an AppendEntries, got {other:?}"),
    };
    let shapes: Vec<_> = accept_all(&mut core, 1, AT_ONCE).iter().map(shape).collect();
    assert_eq!(shapes, [(0, 2), (2, 1), (3, 1)]);
}

/// The leader has lost an entry on its way, and has compacted its log, so a snapshot is on its way. Then an
/// old answer comes, and a later message is lost, too. `next_index` stays at or before the end of the
/// snapshot, although another message on its way has the entries between.
#[test]
fn next_index_does_not_rise_while_a_snapshot_is_on_its_way() {
    let mut core = in_touch();
    propose(&mut core, 1);
    let (first, _) = next_append(&mut core, 1, AT_ONCE);
    let (heartbeat, args) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    assert_eq!(shape(&args), (1, 0));
    propose(&mut core, 2);
    let (_, args) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    assert_eq!(shape(&args), (1, 2));
    propose(&mut core, 1);
    let (last, args) = next_append(&mut core, 1, ENTRIES_INTERVAL);
    assert_eq!(shape(&args), (3, 1));
    catch_up(&mut core, 2);
    let _ = core.take_apply(usize::MAX);
    core.snapshot(3, vec![7]).expect("command 3 was applied");

    core.message_lost(first);
    let (_, args) = next_snapshot(&mut core, 1, AT_ONCE);
    assert_eq!(args.last_included_index, 3);
    success(&mut core, heartbeat);
    core.message_lost(last);
    assert!(
        matches!(state(&core), State::Snapshot { resend: Resend::No, .. }),
        "the loss of another message does not repeat the snapshot: {:?}",
        state(&core)
    );
    assert_eq!(has_leader_view(&core, 1), (1, 2), "match_index and next_index");
}
