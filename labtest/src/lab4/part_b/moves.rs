//! Tests with one client at a time. They check which group serves which shard, and whether the data is right
//! after shards have moved.

use labapi::{KvClerk, Sharded};
use labrt::chan::{self, Receiver, RecvTimeoutError};
use labrt::thread;
use labrt::time::Duration;

use super::{Keys, key, pause};
use crate::shards::{Client, Config, Setup, make_config};

/// No shard moves. Each group serves its half of the shards and nothing else.
pub(super) fn static_shards<S: Sharded>() {
    let cfg = make_config::<S>("Test: static shards ...", Setup::new());
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    cfg.join(1);
    keys.put(10, 20);
    keys.check();

    // One group stops. For each key, a new clerk tries to read this key.
    cfg.shutdown_group(1);
    cfg.checklogs();
    let reports = get_in_background(&keys, || cfg.make_client());

    // The keys of the group that is up can be read. These are half of the keys.
    let completed = count_until_idle(&reports);
    assert!(completed == 5, "expected 5 completions with one shard dead; got {completed}");

    // The group is started again. The Gets that were waiting can finish now. As in the course, the test does
    // not check these Gets.
    cfg.start_group(1);
    keys.check();
    cfg.end();
}

/// Reads each key in a thread of its own. When a thread has read a value, it sends a report with the number
/// of its key and the value.
pub(super) fn get_in_background<C: KvClerk>(
    keys: &Keys<C>,
    make_client: impl Fn() -> Client<C>,
) -> Receiver<Report> {
    let (tx, rx) = chan::unbounded();
    for (i, expected) in keys.values.iter().cloned().enumerate() {
        let (tx, mut clerk) = (tx.clone(), make_client());
        thread::spawn_named(format!("client-{i}"), move || {
            let received = clerk.get(&key(i));
            // If the test has ended, nobody receives the report, and the send fails. This error is ignored.
            let _ = tx.send(Report { key: i, expected, received });
        });
    }
    rx
}

/// The outcome of one Get.
pub(super) struct Report {
    key: usize,
    expected: String,
    received: String,
}

impl Report {
    /// Fails the test if the value is wrong. Returns the key.
    #[track_caller]
    pub(super) fn check(self) -> usize {
        let Report { key, expected, received } = self;
        assert!(
            !received.is_empty() || expected.is_empty(),
            "Get({key}): the group answered for a key that is none of its own: expected {expected:?}, received \
             nothing"
        );
        assert!(expected == received, "Get({key}): expected {expected:?}, received {received:?}");
        key
    }
}

/// Counts the Gets that finish, until no Get has finished for two seconds. A wrong value fails the test at
/// once.
#[track_caller]
pub(super) fn count_until_idle(reports: &Receiver<Report>) -> usize {
    let mut completed = 0;
    loop {
        match reports.recv_timeout(Duration::from_secs(2)) {
            Ok(report) => {
                report.check();
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return completed,
        }
        completed += 1;
    }
}

/// A group joins and another group leaves. The data must move with the shards.
pub(super) fn join_leave<S: Sharded>() {
    let cfg = make_config::<S>("Test: join then leave ...", Setup::new());
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(10, 5);
    keys.check();

    cfg.join(1);
    keys.check_and_append(5);

    cfg.leave(0);
    keys.check_and_append(5);

    // The shards get time to move. Then the test shuts down the group that has left.
    pause(1000);
    cfg.checklogs();
    cfg.shutdown_group(0);
    keys.check();
    cfg.end();
}

/// Groups join and leave, and the servers take snapshots. At the end all servers of the groups restart.
pub(super) fn snapshot<S: Sharded>() {
    let cfg = make_config::<S>("Test: snapshots, join, and leave ...", Setup::new().maxraftstate(1000));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(30, 20);
    keys.check();

    cfg.join(1);
    cfg.join(2);
    cfg.leave(0);
    keys.check_and_append(20);

    cfg.leave(1);
    cfg.join(0);
    keys.check_and_append(20);

    pause(1000);
    keys.check();
    pause(1000);
    cfg.checklogs();

    (0..3).for_each(|gi| cfg.shutdown_group(gi));
    (0..3).for_each(|gi| cfg.start_group(gi));
    keys.check();
    cfg.end();
}

/// One replica of each group is down during some changes of the configuration. Later another replica of each
/// group is down. Then a group has no majority without the replica that was down first.
pub(super) fn miss_change<S: Sharded>() {
    let cfg =
        make_config::<S>("Test: servers miss configuration changes...", Setup::new().maxraftstate(1000));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(10, 20);
    keys.check();

    cfg.join(1);
    each_group(&cfg, |gi| cfg.shutdown_server(gi, 0));

    cfg.join(2);
    cfg.leave(1);
    cfg.leave(0);
    keys.check_and_append(20);

    cfg.join(1);
    keys.check_and_append(20);

    each_group(&cfg, |gi| cfg.start_server(gi, 0));
    keys.check_and_append(20);

    // During this pause, the restarted servers can apply the changes that they have missed. Afterwards there
    // is no majority without these servers.
    pause(2000);
    each_group(&cfg, |gi| cfg.shutdown_server(gi, 1));

    cfg.join(0);
    cfg.leave(2);
    keys.check_and_append(20);

    each_group(&cfg, |gi| cfg.start_server(gi, 1));
    keys.check();
    cfg.end();
}

fn each_group<S: Sharded>(cfg: &Config<S>, f: impl Fn(usize)) {
    (0..cfg.groups()).for_each(f);
}
