//! Part 2D: log compaction. The services make a snapshot every ten commands, and the log must stay short.

use labapi::RaftPeer;
use labrt::rng;

use crate::harness::Case;
use crate::raft::{Config, Retry, SNAPSHOT_INTERVAL, Setup, make_config, note};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::of_course("snapshot_basic_2d", "TestSnapshotBasic2D", snapshot_basic_2d::<R>),
        Case::of_course("snapshot_install_2d", "TestSnapshotInstall2D", snapshot_install_2d::<R>),
        Case::of_course(
            "snapshot_install_unreliable_2d",
            "TestSnapshotInstallUnreliable2D",
            snapshot_install_unreliable_2d::<R>,
        ),
        Case::of_course(
            "snapshot_install_crash_2d",
            "TestSnapshotInstallCrash2D",
            snapshot_install_crash_2d::<R>,
        ),
        Case::of_course(
            "snapshot_install_un_crash_2d",
            "TestSnapshotInstallUnCrash2D",
            snapshot_install_un_crash_2d::<R>,
        ),
        Case::of_course("snapshot_all_crash_2d", "TestSnapshotAllCrash2D", snapshot_all_crash_2d::<R>),
        Case::of_course("snapshot_init_2d", "TestSnapshotInit2D", snapshot_init_2d::<R>),
        Case::ours("snapshot_all_crash_unreliable_2d", snapshot_all_crash_unreliable_2d::<R>),
        Case::ours("snapshot_init_unreliable_2d", snapshot_init_unreliable_2d::<R>),
    ]
}

/// The Raft state may never be this large, in bytes.
const MAX_LOG_SIZE: usize = 2000;

/// What happens to one server in each round of [`snapshots`].
#[derive(Clone, Copy, Eq, PartialEq)]
enum Fault {
    None,
    Disconnect,
    Crash,
}

fn snapshot_basic_2d<R: RaftPeer>() {
    snapshots::<R>("Test (2D): snapshots basic", Setup::of(3), Fault::None);
}

fn snapshot_install_2d<R: RaftPeer>() {
    snapshots::<R>("Test (2D): install snapshots (disconnect)", Setup::of(3), Fault::Disconnect);
}

fn snapshot_install_unreliable_2d<R: RaftPeer>() {
    let title = "Test (2D): install snapshots (disconnect+unreliable)";
    snapshots::<R>(title, Setup::of(3).unreliable(), Fault::Disconnect);
}

fn snapshot_install_crash_2d<R: RaftPeer>() {
    snapshots::<R>("Test (2D): install snapshots (crash)", Setup::of(3), Fault::Crash);
}

fn snapshot_install_un_crash_2d<R: RaftPeer>() {
    let title = "Test (2D): install snapshots (unreliable+crash)";
    snapshots::<R>(title, Setup::of(3).unreliable(), Fault::Crash);
}

/// 30 rounds of up to 15 commands, or 17 with a fault. Then one server misses 7 to 16 of them: mostly so many
/// that it has to be brought up with a snapshot.
fn snapshots<R: RaftPeer>(title: &str, setup: Setup, fault: Fault) {
    let cfg = make_config::<R>(setup.with_snapshots());
    cfg.begin(title);
    cfg.one(Value::random(), 3, Retry::Yes);
    let mut leader1 = cfg.check_one_leader();
    let mut largest = 0;

    for round in 0..30 {
        // Every third round the old leader is the victim; else it is a follower.
        let follower = cfg.after(leader1, 1);
        let (victim, sender) = if round % 3 == 1 { (leader1, follower) } else { (follower, leader1) };
        strike(&cfg, fault, victim);

        // Perhaps enough commands for a snapshot, then one that all who are left apply.
        for _ in 0..burst() {
            cfg.start(sender, Value::random());
        }
        let applied_by = if fault == Fault::None { 3 } else { 2 };
        cfg.one(Value::random(), applied_by, Retry::Yes);

        // The log has been cut.
        let size = cfg.log_size();
        assert!(size < MAX_LOG_SIZE, "Log size too large: {size} bytes, the limit is {MAX_LOG_SIZE}");
        largest = largest.max(size);

        // The victim is back. It may need a snapshot before it applies what the others do.
        if recover(&cfg, fault, victim) {
            cfg.one(Value::random(), 3, Retry::Yes);
            leader1 = cfg.check_one_leader();
        }
    }
    note(&format!("largest Raft state {largest} of {MAX_LOG_SIZE} bytes"));
    cfg.end();
}

/// 5 to 14 commands.
fn burst() -> u64 {
    SNAPSHOT_INTERVAL / 2 + rng::below(SNAPSHOT_INTERVAL)
}

fn strike<R: RaftPeer>(cfg: &Config<R>, fault: Fault, victim: usize) {
    match fault {
        Fault::None => return,
        Fault::Disconnect => cfg.disconnect(victim),
        Fault::Crash => cfg.crash1(victim),
    }
    cfg.one(Value::random(), 2, Retry::Yes);
}

/// Brings the victim back; says whether there was one.
fn recover<R: RaftPeer>(cfg: &Config<R>, fault: Fault, victim: usize) -> bool {
    if fault == Fault::Crash {
        cfg.start1(victim);
    }
    if fault != Fault::None {
        cfg.connect(victim);
    }
    fault != Fault::None
}

fn snapshot_all_crash_2d<R: RaftPeer>() {
    all_crash::<R>("Test (2D): crash and restart all servers", Setup::of(3));
}

/// Ours: later years run [`snapshot_all_crash_2d`] on this network.
fn snapshot_all_crash_unreliable_2d<R: RaftPeer>() {
    all_crash::<R>("Test (2D, ours): crash and restart all servers (unreliable)", Setup::of(3).unreliable());
}

fn all_crash<R: RaftPeer>(title: &str, setup: Setup) {
    let cfg = make_config::<R>(setup.with_snapshots());
    cfg.begin(title);
    cfg.one(Value::random(), 3, Retry::Yes);

    for _ in 0..5 {
        // Perhaps enough commands for a snapshot.
        for _ in 0..burst() {
            cfg.one(Value::random(), 3, Retry::Yes);
        }
        let before = cfg.one(Value::random(), 3, Retry::Yes);

        // All crash and come back: the log goes on where it was.
        restart_all(&cfg);
        let after = cfg.one(Value::random(), 3, Retry::Yes);
        assert!(after > before, "index decreased from {before} to {after}");
    }
    cfg.end();
}

fn snapshot_init_2d<R: RaftPeer>() {
    init::<R>("Test (2D): snapshot initialization after crash", Setup::of(3));
}

/// Ours: later years run [`snapshot_init_2d`] on this network.
fn snapshot_init_unreliable_2d<R: RaftPeer>() {
    init::<R>("Test (2D, ours): snapshot initialization after crash (unreliable)", Setup::of(3).unreliable());
}

/// Do servers load their snapshot when they start? One that does not will overwrite it with an empty one.
fn init<R: RaftPeer>(title: &str, setup: Setup) {
    let cfg = make_config::<R>(setup.with_snapshots());
    cfg.begin(title);
    cfg.one(Value::random(), 3, Retry::Yes);

    // Enough commands for a snapshot.
    for _ in 0..=SNAPSHOT_INTERVAL {
        cfg.one(Value::random(), 3, Retry::Yes);
    }
    restart_all(&cfg);

    // One command, so that every server persists something anew.
    cfg.one(Value::random(), 3, Retry::Yes);
    restart_all(&cfg);

    // Whoever has lost its snapshot cannot go on from here.
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// All servers crash, then all start again.
fn restart_all<R: RaftPeer>(cfg: &Config<R>) {
    (0..cfg.servers()).for_each(|i| cfg.crash1(i));
    for i in 0..cfg.servers() {
        cfg.start1(i);
        cfg.connect(i);
    }
}
