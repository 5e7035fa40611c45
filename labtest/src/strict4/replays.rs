//! A group restarts from a snapshot that it has taken in the middle of a move, and repeats the rest of its
//! log.

use labapi::{KvClerk, Sharded, key2shard};
use labrt::sync::Arc;
use labrt::time::{Duration, Instant, sleep};

use super::handoffs::LIMIT;
use super::{SECOND, start_the_rest};
use crate::migration::{PATIENCE, leader_or_any};
use crate::shards::{
    Client, Cluster, Moment, Place, Planned, Setup, Which, make_config, random_text, within,
};

/// The key whose shard moves.
const KEY: &str = "0";

/// A key of another shard. Writes of this key fill the logs.
const OTHER: &str = "1";

/// A server makes a snapshot when its log has this number of bytes. The log entries of the two moves of a
/// round are much shorter.
const MAXRAFTSTATE: usize = 4000;

/// Lab 4B and 5.4.2: after its servers have restarted, a group continues a migration even if no client sends
/// it a request.
///
/// While a group waits for a shard, all its servers take a snapshot. Then the data comes, so the old owner
/// deletes its copy. Now all servers of the group restart from the snapshot. After the restart, they do not
/// know that the entry with the data is committed. The old owner does not send the data again, and no client
/// sends a request to the group. The group must still give the shard to a third group.
///
/// Finds: a new leader starts no entry of its own term, so it never commits the entries of older terms.
pub(super) fn restart_without_a_request<S: Sharded>() {
    let title = "Test (strict4): a group restarts after a shard has come, and gets no request ...";
    let cfg = make_config::<S>(title, setup());
    cfg.joinm(&[0, 1, 2]);
    cfg.move_shard(key2shard(OTHER), 1);
    let mut clerk = cfg.make_client();
    for round in 0..3 {
        let value = format!("round {round}");
        cfg.move_shard(key2shard(KEY), 0);
        // A new clerk asks only the newest owner. So after this, the shard has moved.
        put(cfg.make_client(), KEY, &value);
        clerk = snapshot_while_waiting(&cfg, (0, 1), clerk);
        cfg.start_group(0);
        check(cfg.make_client(), &value);
        sleep(SECOND);

        cfg.shutdown_group(1);
        cfg.start_group(1);
        cfg.move_shard(key2shard(KEY), 2);
        check(cfg.make_client(), &value);
    }
    cfg.end();
}

/// Lab 4B: the news that a shard has arrived is valid only for its own move.
///
/// A shard moves from a group to another group, comes back, and moves away again. The second time its new
/// owner is down. All servers of the old owner have a snapshot from the middle of the first move. Two of them
/// restart. One votes for the other, and crashes when it gives its vote. So the new leader cannot commit the
/// rest of its log. It knows only the first move. So it sends the data of this move again, and gets the reply
/// that the data has arrived. Then the other servers are back, and the log is repeated. At the end of the
/// log, the group learns once more that the first move is complete. It must not delete the data of the second
/// move.
///
/// Finds: a group deletes the data of a shard after a late acknowledgement of an older move.
pub(super) fn arrival_of_an_older_move<S: Sharded>() {
    let title = "Test (strict4): a group learns twice that a shard has arrived ...";
    let cfg = make_config::<S>(title, setup());
    let shard = key2shard(KEY);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(key2shard(OTHER), 0);
    let mut clerk = cfg.make_client();
    for round in 0..4 {
        cfg.move_shard(shard, 0);
        // A new clerk asks only the newest owner. So after this, the shard has moved.
        put(cfg.make_client(), KEY, &format!("first {round}"));
        cfg.shutdown_group(1);
        cfg.move_shard(shard, 1);
        sleep(SECOND);
        clerk = fill_until_snapshot(&cfg, 0, clerk);
        cfg.start_group(1);
        put(cfg.make_client(), KEY, &format!("second {round}"));
        sleep(SECOND);

        let value = format!("third {round}");
        cfg.move_shard(shard, 0);
        put(cfg.make_client(), KEY, &value);
        cfg.shutdown_group(1);
        cfg.move_shard(shard, 1);
        sleep(SECOND);

        cfg.shutdown_group(0);
        leader_without_followers(&cfg, 0);
        cfg.start_group(1);
        sleep(3 * SECOND);
        start_the_rest(&cfg, 0);
        check(cfg.make_client(), &value);
    }
    cfg.end();
}

/// Lab 4B: a group takes the data of a shard only once for each move, also if it restarts in between.
///
/// A group waits for a shard, and all its servers take a snapshot. Then the data comes, and a client writes a
/// new value. The old owner crashes before it saves that the data has arrived, so it will send the data
/// again. Now two servers of the new owner restart from their snapshots. One votes for the other, and crashes
/// when it gives its vote. So the new leader cannot commit the rest of its log. It still waits for the shard,
/// and the data comes for the second time. This data has the old value. Then the other servers are back, and
/// the log is repeated: the data, the new value, and the data again. The new value must stay.
///
/// Finds: a group checks whether it waits for a shard only when the data arrives, and not when the log entry
/// is applied.
pub(super) fn data_comes_again_after_a_restart<S: Sharded>() {
    let title = "Test (strict4): the data of a shard comes again after a restart ...";
    let cfg = make_config::<S>(title, setup());
    let shard = key2shard(KEY);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(key2shard(OTHER), 1);
    let mut clerk = cfg.make_client();
    for round in 0..4 {
        cfg.move_shard(shard, 0);
        // A new clerk asks only the newest owner. So after this, the shard has moved.
        put(cfg.make_client(), KEY, &format!("old {round}"));
        clerk = snapshot_while_waiting(&cfg, (0, 1), clerk);
        cfg.shutdown_group(1);
        cfg.start_group(0);
        // After this the old owner has a leader, and has nothing to save.
        sleep(SECOND);
        let leader = leader_or_any(&cfg, 0);
        let crash = cfg.crash_these_at(&cfg.group(0), leader, Moment::BeforeSave, Which::Nth(1));
        cfg.start_group(1);
        crash.wait(3 * SECOND);
        crash.cancel();
        let value = format!("new {round}");
        put(cfg.make_client(), KEY, &value);

        // The old owner stays down until there is a leader, because each reply of the new owner would count.
        cfg.shutdown_group(0);
        cfg.shutdown_group(1);
        leader_without_followers(&cfg, 1);
        cfg.start_group(0);
        sleep(3 * SECOND);
        start_the_rest(&cfg, 1);
        check(cfg.make_client(), &value);
    }
    cfg.end();
}

fn setup() -> Setup {
    Setup::new().near_clients().maxraftstate(MAXRAFTSTATE).limit(LIMIT)
}

/// The shard of [`KEY`] moves from the group `from`, which goes down, to the group `to`. While this group
/// waits for the data, all its servers take a snapshot.
#[track_caller]
fn snapshot_while_waiting<S: Sharded>(
    cfg: &Cluster<S>,
    (from, to): (usize, usize),
    clerk: Client<S::Clerk>,
) -> Client<S::Clerk> {
    cfg.shutdown_group(from);
    cfg.move_shard(key2shard(KEY), to);
    sleep(SECOND);
    fill_until_snapshot(cfg, to, clerk)
}

/// Starts two servers of a group that is down. One votes for the other, and crashes when it gives its vote.
fn leader_without_followers<S: Sharded>(cfg: &Arc<Cluster<S>>, gi: usize) {
    let voters = [Place::Server(gi, 0), Place::Server(gi, 1)];
    let crashes = voters.map(|voter| cfg.crash_at(voter, Moment::Reply, Which::Nth(1)));
    voters.into_iter().for_each(|voter| cfg.start(voter));
    wait_for_one(crashes);
}

/// Waits until one of the crashes has come, and gives up the others.
fn wait_for_one<const N: usize>(crashes: [Planned; N]) {
    let start = Instant::now();
    while start.elapsed() < 3 * SECOND && !crashes.iter().any(|crash| crash.wait(Duration::from_millis(1))) {}
    for crash in crashes {
        crash.cancel();
    }
}

/// Writes [`OTHER`], which is a key of group `gi`, until all servers of the group have taken a new snapshot,
/// and their logs are short again.
#[track_caller]
fn fill_until_snapshot<S: Sharded>(
    cfg: &Cluster<S>,
    gi: usize,
    mut clerk: Client<S::Clerk>,
) -> Client<S::Clerk> {
    const MOST: usize = 200;
    let size = |i| cfg.saved_bytes(gi, i).0;
    let mut was_long = false;
    for _ in 0..MOST {
        clerk = put(clerk, OTHER, &random_text(100));
        was_long |= (0..cfg.servers()).all(|i| size(i) > MAXRAFTSTATE / 2);
        if was_long && (0..cfg.servers()).all(|i| size(i) < MAXRAFTSTATE / 4) {
            break;
        }
    }
    clerk
}

#[track_caller]
fn put<C: KvClerk>(mut clerk: Client<C>, key: &'static str, value: &str) -> Client<C> {
    let value = value.to_owned();
    within(PATIENCE, "a write", move || {
        clerk.put(key, &value);
        clerk
    })
}

/// Fails the test if the value of [`KEY`] is not `expected`.
#[track_caller]
fn check<C: KvClerk>(mut clerk: Client<C>, expected: &str) -> Client<C> {
    let expected = expected.to_owned();
    within(PATIENCE, "reading the key", move || {
        clerk.check(KEY, &expected);
        clerk
    })
}
