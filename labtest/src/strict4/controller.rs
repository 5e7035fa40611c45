//! Each change makes exactly one configuration. A query sees every change that was complete before the query
//! began. All servers have the same configurations.

use labapi::{Config as ShardConfig, CtrlerClerk, CtrlerService, Gid, NSHARDS};
use labrt::chan;
use labrt::collections::BTreeMap;
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use crate::lab4::part_a::checks::{check, check_fewest_moves, check_same_config};
use crate::lab4::part_a::{SERVERS, groups};
use crate::raft::ELECTION_TIMEOUT;
use crate::service::{Client, Config, LATEST_COPY, Setup, make_config};

/// Lab 4A: each change makes exactly one configuration, even if the clerk sends the request again.
///
/// The network loses requests and replies, so the clerk sends some changes again. The course's tests of the
/// controller have a reliable network.
///
/// Finds: a controller does not know that it has already made a change, and makes the change again or refuses
/// it.
pub(super) fn every_change_once<S: CtrlerService>() {
    let cfg = make_config::<S>(Setup::of(SERVERS).unreliable().without_columns());
    cfg.begin("Test (strict4): each change is made once, unreliable");
    changes_once(&cfg, Duration::ZERO);
    cfg.end();
}

/// Lab 4A: a controller makes each change only once, even if a copy of the request arrives up to three
/// seconds later. At that time the clerk has made other changes.
///
/// Finds: a controller makes an older change again, because it compares only the number of the last change.
pub(super) fn copies_of_changes_that_come_late<S: CtrlerService>() {
    let setup = Setup::of(SERVERS).near_clients().late_copies().without_columns();
    let cfg = make_config::<S>(setup);
    cfg.begin("Test (strict4): copies of changes come late");
    changes_once(&cfg, LATEST_COPY);
    cfg.end();
}

/// Makes changes, and checks the number of the configuration after each change. Checks it again when the time
/// `later` has passed.
fn changes_once<S: CtrlerService>(cfg: &Config<S>, later: Duration) {
    const ROUNDS: u64 = 8;
    let mut ck = cfg.make_client(&cfg.all());
    let mut changes = 0;
    let mut made = |ck: &mut S::Clerk, what: &str| {
        changes += 1;
        let num = ck.query(None).num;
        assert_eq!(num, changes, "the number of the configuration after change {changes}, a {what}");
    };
    for gid in 1..=ROUNDS {
        ck.join(groups(&[(gid, &["x", "y", "z"])]));
        made(&mut ck, "join");
        for shard in 0..3 {
            ck.move_shard(shard, gid);
            made(&mut ck, "move");
        }
        if gid > 2 {
            ck.leave(vec![gid - 2]);
            made(&mut ck, "leave");
        }
        sleep(later / 8);
    }
    sleep(later);
    let last = ck.query(None);
    assert_eq!(last.num, changes, "the number of the last configuration, after {changes} changes");
    let gids: Vec<Gid> = last.groups.into_keys().collect();
    assert_eq!(gids, [ROUNDS - 1, ROUNDS], "the groups that are left");
}

/// Lab 4A and section 8: a query sees every change that was complete before the query began.
///
/// The leader is cut off from the other servers, and a clerk can reach only this leader. The others make a
/// change. The old leader must not answer a query of the clerk before it knows the change.
///
/// Finds: a server replies to a query from its own memory.
pub(super) fn query_in_the_minority<S: CtrlerService>() {
    let cfg = make_config::<S>(Setup::of(SERVERS).without_columns());
    let mut ck = cfg.make_client(&cfg.all());
    cfg.begin("Test (strict4): a query in the minority waits");
    for gid in 1..=5 {
        ck.join(groups(&[(gid, &["x", "y", "z"])]));
        let (majority, minority) = cfg.make_partition();
        cfg.partition(&majority, &minority);
        let mut others = cfg.make_client(&majority);
        others.leave(vec![gid]);
        let changed = others.query(None).num;

        let mut alone = cfg.make_client(&minority);
        let id = alone.id();
        let (done, replies) = chan::unbounded();
        thread::spawn_named("query-in-minority", move || {
            // The send fails if the test is over. Then the error is ignored.
            let _ = done.send(alone.query(None).num);
        });
        if let Ok(num) = replies.recv_timeout(ELECTION_TIMEOUT) {
            panic!(
                "a server without a majority has answered a query with configuration {num}; {changed} is the latest"
            );
        }
        cfg.connect_all();
        cfg.connect_client(id, &cfg.all());
        let num = replies.recv_timeout(5 * ELECTION_TIMEOUT);
        assert_eq!(num, Ok(changed), "the configuration that the query gets after the network is healed");
    }
    cfg.end();
}

/// Lab 4A has these rules:
///
/// * A configuration never changes.
/// * All servers have the same configurations, even after a restart.
/// * Each join and each leave spreads the shards evenly, and moves as few shards as possible.
///
/// Groups join and leave in random order, and shards move. There are up to about thirteen groups at once.
/// After each change the new configuration is compared with the one before it. Servers crash between the
/// changes, so the configurations come from different leaders. At the end, each server is shut down once. The
/// other servers must still return every configuration.
///
/// Finds:
///
/// * which group gets a shard depends on the order of a hash map;
/// * two configurations share one map of groups, so a change of the newer one also changes the older one;
/// * a join or a leave moves shards without need;
/// * a shard stays with a group that has left;
/// * a query for a number that does not exist yet does not get the latest configuration.
pub(super) fn random_changes<S: CtrlerService>() {
    const CHANGES: usize = 40;
    let cfg = make_config::<S>(Setup::of(SERVERS).near_clients().without_columns());
    cfg.begin("Test (strict4): random changes");
    let mut ck = cfg.make_client(&cfg.all());
    let mut history = vec![ck.query(None)];
    let mut present: BTreeMap<Gid, Vec<String>> = BTreeMap::new();
    for change in 0..CHANGES {
        let before = &history[change];
        let after = one_change::<S>(&mut ck, before, &mut present);
        assert_eq!(after.num, before.num + 1, "the number of the configuration after one change");
        assert_eq!(after.groups, present, "the groups of configuration {}", after.num);
        history.push(after);
        match rng::below(8) {
            0 => restart(&cfg, &[rng::below(SERVERS as u64) as usize]),
            1 => restart(&cfg, &cfg.all()),
            _ => {}
        }
        let old = &history[rng::below(history.len() as u64) as usize];
        check_same_config(&ck.query(Some(old.num)), old);
    }
    let latest = &history[CHANGES];
    check_same_config(&ck.query(Some(latest.num + 7)), latest);
    for server in cfg.all() {
        cfg.shutdown_server(server);
        history.iter().for_each(|old| check_same_config(&ck.query(Some(old.num)), old));
        cfg.start_server(server);
        cfg.connect_all();
    }
    cfg.end();
}

/// Makes a random change, checks the new configuration, and returns it.
fn one_change<S: CtrlerService>(
    ck: &mut Client<S::Clerk>,
    before: &ShardConfig,
    present: &mut BTreeMap<Gid, Vec<String>>,
) -> ShardConfig {
    let gids: Vec<Gid> = present.keys().copied().collect();
    let any = || gids[rng::below(gids.len() as u64) as usize];
    match rng::below(5) {
        0 if !gids.is_empty() => {
            let (shard, to) = (rng::below(NSHARDS as u64) as usize, any());
            ck.move_shard(shard, to);
            let after = ck.query(None);
            let mut shards = before.shards;
            shards[shard] = to;
            assert_eq!(
                after.shards, shards,
                "the owners of the shards after a move of shard {shard} to {to}"
            );
            return after;
        }
        1 | 2 if !gids.is_empty() => {
            // One time in ten, all groups leave.
            let mut leaving = match rng::below(10) {
                0 => gids.clone(),
                _ => vec![any(), any()],
            };
            leaving.dedup();
            leaving.iter().for_each(|gid| drop(present.remove(gid)));
            ck.leave(leaving);
        }
        _ => {
            let at_most = 13_usize.saturating_sub(gids.len()).clamp(1, 3);
            let mut joining = BTreeMap::new();
            for _ in 0..=rng::below(at_most as u64) {
                let gid = 1 + rng::below(1_000_000);
                joining.insert(gid, ["a", "b", "c"].map(|server| format!("{gid}{server}")).to_vec());
            }
            joining.retain(|gid, _| !present.contains_key(gid));
            if joining.is_empty() {
                joining.insert(2_000_000 + before.num, vec!["a".to_owned()]);
            }
            present.extend(joining.clone());
            ck.join(joining);
        }
    }
    let after = ck.query(None);
    check(&mut **ck, &present.keys().copied().collect::<Vec<Gid>>());
    check_fewest_moves(before, &after);
    if present.is_empty() {
        assert_eq!(after.shards, [0; NSHARDS], "all groups have left, so no group has a shard");
    }
    after
}

/// Crashes these servers at the same time, and starts them again.
fn restart<S: CtrlerService>(cfg: &Config<S>, servers: &[usize]) {
    servers.iter().for_each(|&i| cfg.shutdown_server(i));
    servers.iter().for_each(|&i| cfg.start_server(i));
    cfg.connect_all();
}
