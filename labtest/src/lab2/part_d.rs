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

/// The Raft state must always be smaller than this number of bytes.
const MAX_LOG_SIZE: usize = 2000;

/// The fault of one server in each round of [`snapshots`].
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

/// Makes 30 rounds. A round has up to 15 commands without a fault, and up to 17 commands with a fault. With a
/// fault, one server misses 7 to 16 commands. In most rounds it misses so many commands that it needs a
/// snapshot from the leader.
fn snapshots<R: RaftPeer>(title: &str, setup: Setup, fault: Fault) {
    let cfg = make_config::<R>(setup.with_snapshots());
    cfg.begin(title);
    cfg.one(Value::random(), 3, Retry::Yes);
    let mut leader1 = cfg.check_one_leader();
    let mut largest = 0;

    for round in 0..30 {
        // The victim is the old leader in every third round, and a follower in the other rounds.
        let follower = cfg.after(leader1, 1);
        let (victim, sender) = if round % 3 == 1 { (leader1, follower) } else { (follower, leader1) };
        strike(&cfg, fault, victim);

        // There may be so many commands that the servers make a snapshot. After these commands, the test
        // waits until all servers except the victim have applied one more command.
        for _ in 0..burst() {
            cfg.start(sender, Value::random());
        }
        let applied_by = if fault == Fault::None { 3 } else { 2 };
        cfg.one(Value::random(), applied_by, Retry::Yes);

        // The snapshots must keep the log short.
        let size = cfg.log_size();
        assert!(size < MAX_LOG_SIZE, "Log size too large: {size} bytes, the limit is {MAX_LOG_SIZE}");
        largest = largest.max(size);

        // The victim is started or connected again. It may need a snapshot before it can apply the new
        // commands.
        if recover(&cfg, fault, victim) {
            cfg.one(Value::random(), 3, Retry::Yes);
            leader1 = cfg.check_one_leader();
        }
    }
    note(&format!("largest Raft state {largest} of {MAX_LOG_SIZE} bytes"));
    cfg.end();
}

/// Submits 5 to 14 commands.
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

/// Starts or connects the victim again. Returns whether there was a victim.
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

/// This test is not in the course of 2022. In later years, the course runs [`snapshot_all_crash_2d`] with an
/// unreliable network.
fn snapshot_all_crash_unreliable_2d<R: RaftPeer>() {
    all_crash::<R>("Test (2D, ours): crash and restart all servers (unreliable)", Setup::of(3).unreliable());
}

fn all_crash<R: RaftPeer>(title: &str, setup: Setup) {
    let cfg = make_config::<R>(setup.with_snapshots());
    cfg.begin(title);
    cfg.one(Value::random(), 3, Retry::Yes);

    for _ in 0..5 {
        // These commands may be enough for a snapshot.
        for _ in 0..burst() {
            cfg.one(Value::random(), 3, Retry::Yes);
        }
        let before = cfg.one(Value::random(), 3, Retry::Yes);

        // All servers crash and restart. The next index must be higher than the last index before the crash.
        restart_all(&cfg);
        let after = cfg.one(Value::random(), 3, Retry::Yes);
        assert!(after > before, "index decreased from {before} to {after}");
    }
    cfg.end();
}

fn snapshot_init_2d<R: RaftPeer>() {
    init::<R>("Test (2D): snapshot initialization after crash", Setup::of(3));
}

/// This test is not in the course of 2022. In later years, the course runs [`snapshot_init_2d`] with an
/// unreliable network.
fn snapshot_init_unreliable_2d<R: RaftPeer>() {
    init::<R>("Test (2D, ours): snapshot initialization after crash (unreliable)", Setup::of(3).unreliable());
}

/// Servers must load their snapshot when they start. If a server does not do this, it replaces the snapshot
/// by an empty one when it saves its state the next time.
fn init<R: RaftPeer>(title: &str, setup: Setup) {
    let cfg = make_config::<R>(setup.with_snapshots());
    cfg.begin(title);
    cfg.one(Value::random(), 3, Retry::Yes);

    // There are so many commands that each server makes a snapshot.
    for _ in 0..=SNAPSHOT_INTERVAL {
        cfg.one(Value::random(), 3, Retry::Yes);
    }
    restart_all(&cfg);

    // After one more command, each server has saved its state again.
    cfg.one(Value::random(), 3, Retry::Yes);
    restart_all(&cfg);

    // A server that has lost its snapshot cannot apply this command.
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// Crashes all servers, then starts and connects all of them again.
fn restart_all<R: RaftPeer>(cfg: &Config<R>) {
    (0..cfg.servers()).for_each(|i| cfg.crash1(i));
    for i in 0..cfg.servers() {
        cfg.start1(i);
        cfg.connect(i);
    }
}
