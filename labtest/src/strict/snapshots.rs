//! Snapshots, and messages that arrive late (section 7, 5.3).

use labapi::RaftPeer;
use labrpc::NetworkOptions;
use labrt::rng;
use labrt::time::{Duration, sleep};

use super::{others, restart, settled};
use crate::harness::Case;
use crate::raft::{Cluster, Retry, SNAPSHOT_INTERVAL, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("terms_under_a_snapshot", terms_under_a_snapshot::<R>),
        Case::ours("late_messages_3", || late_messages::<R>(3)),
        Case::ours("late_messages_5", || late_messages::<R>(5)),
    ]
}

/// Section 7 and 5.4.1: a snapshot contains the term of the last entry that it replaces. If the log has no
/// entry after the snapshot, an election must use this term as the term of the last entry.
///
/// The log has entries of many terms. Two of three servers have a snapshot of the whole log, so no entry is
/// left in their logs. The third server lacks the last entries. Then all servers crash, and the third server
/// restarts together with one of the two others. The third server must not win, because it lacks committed
/// entries.
///
/// Finds: if the log has no entry after the snapshot, a server uses 0 or another wrong term as the term of
/// its last entry; the term is lost in a restart.
fn terms_under_a_snapshot<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): entries of many terms under a snapshot");
    for _ in 0..3 {
        // The leader restarts after each entry. So each entry has a term of its own.
        let mut last = 0;
        while last % SNAPSHOT_INTERVAL != SNAPSHOT_INTERVAL / 2 {
            last = cfg.one(Value::random(), 3, Retry::Yes);
            let (leader, _) = settled(&cfg);
            restart(&cfg, leader);
        }
        let (leader, _) = settled(&cfg);
        let [behind, second] = others(&cfg, &[leader])[..] else { unreachable!("three servers") };
        cfg.disconnect(behind);
        while last % SNAPSHOT_INTERVAL != SNAPSHOT_INTERVAL - 1 {
            let (leader, _) = settled(&cfg);
            restart(&cfg, leader);
            last = cfg.one(Value::random(), 2, Retry::Yes);
        }
        // Both connected services have applied the last entry. Now they get the time to give their snapshots
        // to Raft.
        sleep(Duration::from_millis(20));

        (0..3).for_each(|i| cfg.crash1(i));
        let (full, third) = if rng::below(2) == 0 { (leader, second) } else { (second, leader) };
        restart(&cfg, full);
        restart(&cfg, behind);
        let winner = cfg.check_one_leader();
        assert_eq!(winner, full, "server {behind} must not win: it lacks the committed entry {last}");
        cfg.one(Value::random(), 2, Retry::Yes);
        restart(&cfg, third);
        all_agree(&cfg);
    }
    cfg.end();
}

/// Section 7 and 5.3: messages may arrive in any order, late or twice. A server must handle all of them.
///
/// Two thirds of the requests wait up to 2.2 s in the network, and half of the requests arrive twice.
/// Meanwhile servers are cut off, restart, and need snapshots. So old entries and old snapshots arrive after
/// newer ones. A service must get each index once, and in order. It must never get a snapshot that is older
/// than its state. In the end the log must be short again.
///
/// Finds: an older snapshot replaces a newer one; entries that the snapshot contains are appended again; an
/// old message removes newer entries; a reply to an old message counts for newer entries.
fn late_messages<R: RaftPeer>(servers: usize) {
    /// The tests of part 2D have the same limit for the size of a Raft state.
    const MAX_LOG_SIZE: usize = 2000;

    let cfg = make_config::<R>(Setup::of(servers).with_snapshots().strict());
    cfg.begin(&format!("Test (strict2): late and repeated messages ({servers} servers)"));
    cfg.one(Value::random(), servers, Retry::Yes);
    cfg.set_network(NetworkOptions {
        reorder_requests: true,
        duplicated_requests: 500,
        latency: Duration::ZERO..=Duration::from_millis(5),
        ..NetworkOptions::default()
    });
    for _ in 0..6 {
        let victim = rng::below(servers as u64) as usize;
        cfg.disconnect(victim);
        submit_for_a_while(&cfg);
        if rng::below(2) == 0 {
            cfg.start1(victim);
        }
        cfg.connect(victim);
        submit_for_a_while(&cfg);
    }

    cfg.set_network(NetworkOptions::default());
    settled(&cfg);
    for _ in 0..=SNAPSHOT_INTERVAL {
        cfg.one(Value::random(), servers, Retry::Yes);
    }
    all_agree(&cfg);
    let size = cfg.log_size();
    assert!(size < MAX_LOG_SIZE, "Log size too large: {size} bytes, the limit is {MAX_LOG_SIZE}");
    cfg.end();
}

/// For about a second, submits commands to each server that believes that it leads.
pub(super) fn submit_for_a_while<R: RaftPeer>(cfg: &Cluster<R>) {
    for _ in 0..25 {
        for i in 0..cfg.servers() {
            cfg.start(i, Value::random());
        }
        sleep(Duration::from_millis(10 + rng::below(60)));
    }
}

/// Commits one more command on all servers, and checks that all of them have applied the same commands.
#[track_caller]
pub(super) fn all_agree<R: RaftPeer>(cfg: &Cluster<R>) {
    let last = cfg.one(Value::random(), cfg.servers(), Retry::Yes);
    for index in 1..=last {
        let count = cfg.n_committed(index).count;
        assert_eq!(count, cfg.servers(), "servers that have applied index {index} of {last}");
    }
}
