//! Paused servers. A paused server is like a process that the operating system has stopped. Later the server
//! does not know that it was paused. So it goes on with what it believed before (5.1, 5.2, section 7).
//!
//! A pause exists only in virtual time.

use labapi::RaftPeer;
use labrt::rng;
use labrt::time::{Duration, sleep};

use super::snapshots::all_agree;
use super::{SOON, others, restart, settled, state, until};
use crate::harness::Case;
use crate::raft::{Cluster, Retry, SNAPSHOT_INTERVAL, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    if !labrt::is_sim() {
        return Vec::new();
    }
    vec![
        Case::ours("leader_is_paused_3", || leader_is_paused::<R>(3)),
        Case::ours("leader_is_paused_5", || leader_is_paused::<R>(5)),
        Case::ours("follower_is_paused_through_a_snapshot", follower_is_paused_through_a_snapshot::<R>),
    ]
}

/// 5.1 and 5.3: a leader that was paused still believes that it leads, but its term is over. So it commits
/// nothing any more, and steps down when it hears of the later term.
///
/// A leader gets a command, and is paused at once or a little later. The other servers elect a leader, and
/// commit other commands. Then the old leader goes on, and gets one more command, which it may accept. This
/// second command must never be committed. The first command may be committed or lost, but no server may
/// apply it at an index at which another server applies something else.
///
/// Finds: a leader trusts its clock instead of the answers of a majority; a leader of an old term still leads
/// after the pause, because it gets replies that have waited.
fn leader_is_paused<R: RaftPeer>(servers: usize) {
    let cfg = make_config::<R>(Setup::of(servers).strict());
    cfg.begin(&format!("Test (strict2): the leader is paused ({servers} servers)"));
    for round in 0..6 {
        cfg.one(Value::random(), servers, Retry::Yes);
        let (old, term) = settled(&cfg);
        let rest = others(&cfg, &[old]);
        let first = Value::random();
        let promised = cfg.start(old, first.clone());
        if round % 2 == 1 {
            // When the pause comes, the command or the replies to it may be on their way.
            sleep(Duration::from_micros(rng::below(600)));
        }
        cfg.pause(old);
        assert_eq!(cfg.get_state(old), None, "server {old} is paused, so it does not answer");
        cfg.check_one_leader_among(&rest);
        for _ in 0..3 {
            cfg.one(Value::random(), servers - 1, Retry::Yes);
        }

        cfg.resume(old);
        let second = Value::random();
        let late = cfg.start(old, second.clone()).filter(|late| late.term == term);
        until(&cfg, SOON, "the old leader steps down", || state(&cfg, old).0 > term);
        let last = cfg.one(Value::random(), servers, Retry::Yes);
        let places =
            |value: &Value| (1..=last).filter(|&at| cfg.applied(old, at).as_ref() == Some(value)).count();
        assert!(places(&first) <= 1, "the command {promised:?} is applied at several indices");
        if late.is_some() {
            assert_eq!(
                places(&second),
                0,
                "server {old} has accepted a command in term {term}, which was over"
            );
        }
    }
    all_agree(&cfg);
    cfg.end();
}

/// Section 7: a follower that was paused gets all messages that have waited for it, and needs a snapshot.
///
/// A follower is paused. The others commit so many commands that the leader replaces their entries by a
/// snapshot. When the follower goes on, its election timeout has passed. Old entries, old heartbeats and
/// perhaps an old snapshot arrive all at once. In some rounds, the follower crashes instead of going on. Then
/// the messages reach nobody.
///
/// Finds: old messages that come together set the follower back; a follower that was away for long never gets
/// a snapshot.
fn follower_is_paused_through_a_snapshot<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): a follower is paused through a snapshot");
    for round in 0..6 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let paused = others(&cfg, &[leader])[0];
        commit_some(&cfg, rng::below(SNAPSHOT_INTERVAL));
        cfg.pause(paused);
        commit_some(&cfg, 2 * SNAPSHOT_INTERVAL);
        if round % 3 == 2 {
            restart(&cfg, paused);
        } else {
            cfg.resume(paused);
        }
        cfg.one(Value::random(), 3, Retry::Yes);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Commits this number of commands on two servers.
fn commit_some<R: RaftPeer>(cfg: &Cluster<R>, commands: u64) {
    for _ in 0..commands {
        cfg.one(Value::random(), 2, Retry::Yes);
    }
}
