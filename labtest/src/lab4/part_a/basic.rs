//! Tests in which one group joins or leaves at a time.

use super::checks::{check, check_joins, check_leaves, check_same_config, check_servers};
use super::{CLERKS, Moves, SERVERS, at_once, groups};
use crate::service::{Client, Config, Setup, make_config};
use labapi::{Config as ShardConfig, CtrlerClerk, CtrlerService, Gid, NSHARDS};

pub(super) fn basic<S: CtrlerService>() {
    parts::<S>(Moves::OfGroupsThatAreNotThere);
}

pub(super) fn basic_strict<S: CtrlerService>() {
    parts::<S>(Moves::AsFewAsPossible);
}

fn parts<S: CtrlerService>(moves: Moves) {
    let cfg = make_config::<S>(Setup::of(SERVERS).without_columns());
    let mut ck = cfg.make_client(&cfg.all());

    cfg.begin("Test: Basic leave/join");
    let history = leave_join::<S>(&mut ck);
    cfg.part_passed();

    cfg.begin("Test: Historical queries");
    historical_queries(&cfg, &mut ck, &history);
    cfg.part_passed();

    cfg.begin("Test: Move");
    move_shards::<S>(&mut ck);
    cfg.part_passed();

    cfg.begin("Test: Concurrent leave/join");
    at_once(&cfg, |i, clerk| {
        let gid = concurrent_gid(i);
        clerk.join(groups(&[(gid + 1000, &[&format!("s{gid}a")])]));
        clerk.join(groups(&[(gid, &[&format!("s{gid}b")])]));
        clerk.leave(vec![gid + 1000]);
    });
    let gids: Vec<Gid> = (0..CLERKS).map(concurrent_gid).collect();
    check(&mut *ck, &gids);
    cfg.part_passed();

    cfg.begin(&format!("Test: Minimal transfers after joins{}", moves.suffix()));
    let before = ck.query(None);
    for gid in 11..16 {
        // As in the course, the third name is the same as the second name.
        let (a, b) = (format!("{gid}a"), format!("{gid}b"));
        ck.join(groups(&[(gid, &[&a, &b, &b])]));
    }
    let joined = ck.query(None);
    check_joins(&before, &joined, moves);
    cfg.part_passed();

    cfg.begin(&format!("Test: Minimal transfers after leaves{}", moves.suffix()));
    (11..16).for_each(|gid| ck.leave(vec![gid]));
    check_leaves(&joined, &ck.query(None), moves);
    cfg.end();
}

/// While the other clerks work, clerk `i` lets two groups join and one of them leave. This function returns
/// the gid of the other group, which stays: 100, 110, 120 and so on.
fn concurrent_gid(i: usize) -> Gid {
    100 + 10 * i as Gid
}

/// Lets two groups join and leave. Returns the configurations after each step. As in the course, the
/// configuration at index 3 is not set. So it is the default value, which is equal to configuration 0.
fn leave_join<S: CtrlerService>(ck: &mut Client<S::Clerk>) -> [ShardConfig; 6] {
    let mut history: [ShardConfig; 6] = Default::default();
    history[0] = ck.query(None);
    check(&mut **ck, &[]);

    ck.join(groups(&[(1, &["x", "y", "z"])]));
    check(&mut **ck, &[1]);
    history[1] = ck.query(None);

    ck.join(groups(&[(2, &["a", "b", "c"])]));
    check(&mut **ck, &[1, 2]);
    history[2] = ck.query(None);

    let config = ck.query(None);
    check_servers(&config, 1, &["x", "y", "z"]);
    check_servers(&config, 2, &["a", "b", "c"]);

    ck.leave(vec![1]);
    check(&mut **ck, &[2]);
    history[4] = ck.query(None);

    ck.leave(vec![2]);
    history[5] = ck.query(None);
    history
}

/// Stops one server after the other. While a server is down, all old configurations must still be readable.
fn historical_queries<S: CtrlerService>(cfg: &Config<S>, ck: &mut Client<S::Clerk>, history: &[ShardConfig]) {
    for server in cfg.all() {
        cfg.shutdown_server(server);
        for config in history {
            check_same_config(&ck.query(Some(config.num)), config);
        }
        cfg.start_server(server);
        cfg.connect_all();
    }
}

/// Moves all shards. Each shard must go to the group that the move names, and must stay there.
fn move_shards<S: CtrlerService>(ck: &mut Client<S::Clerk>) {
    let (first, second): (Gid, Gid) = (503, 504);
    ck.join(groups(&[(first, &["3a", "3b", "3c"])]));
    ck.join(groups(&[(second, &["4a", "4b", "4c"])]));
    let target = |shard: usize| if shard < NSHARDS / 2 { first } else { second };
    for shard in 0..NSHARDS {
        let before = ck.query(None);
        ck.move_shard(shard, target(shard));
        if before.shards[shard] != target(shard) {
            let after = ck.query(None);
            assert!(
                after.num > before.num,
                "a move of shard {shard} should make a new configuration: {} before, {} after",
                before.num,
                after.num
            );
        }
    }
    let config = ck.query(None);
    for (shard, gid) in config.shards.iter().enumerate() {
        let wanted = target(shard);
        assert!(*gid == wanted, "shard {shard} is on group {gid}, but was moved to {wanted}");
    }
    ck.leave(vec![first]);
    ck.leave(vec![second]);
}
