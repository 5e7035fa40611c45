//! Tests in which several groups join or leave in one request.

use labapi::{CtrlerClerk, CtrlerService, Gid};
use labrt::time::{Duration, sleep};

use super::checks::{check, check_joins, check_leaves, check_same_config, check_servers};
use super::{CLERKS, Moves, SERVERS, at_once, groups};
use crate::service::{Client, Config, Setup, make_config};

pub(super) fn multi<S: CtrlerService>() {
    parts::<S>(Moves::OfGroupsThatAreNotThere);
}

pub(super) fn multi_strict<S: CtrlerService>() {
    parts::<S>(Moves::AsFewAsPossible);
}

fn parts<S: CtrlerService>(moves: Moves) {
    let cfg = make_config::<S>(Setup::of(SERVERS).without_columns());
    let mut ck = cfg.make_client(&cfg.all());

    cfg.begin("Test: Multi-group join/leave");
    leave_join::<S>(&mut ck);
    cfg.part_passed();

    cfg.begin("Test: Concurrent multi leave/join");
    at_once(&cfg, |i, clerk| {
        let gid = concurrent_gid(i);
        let name = |gid: Gid, server: &str| format!("{gid}{server}");
        clerk.join(groups(&[
            (gid, &[&name(gid, "a"), &name(gid, "b"), &name(gid, "c")]),
            (gid + 1000, &[&name(gid + 1000, "a")]),
            (gid + 2000, &[&name(gid + 2000, "a")]),
        ]));
        clerk.leave(vec![gid + 1000, gid + 2000]);
    });
    let gids: Vec<Gid> = (0..CLERKS).map(concurrent_gid).collect();
    check(&mut *ck, &gids);
    cfg.part_passed();

    cfg.begin(&format!("Test: Minimal transfers after multijoins{}", moves.suffix()));
    let before = ck.query(None);
    let names: Vec<(Gid, [String; 2])> =
        (11..16).map(|gid| (gid, [format!("{gid}a"), format!("{gid}b")])).collect();
    ck.join(names.into_iter().map(|(gid, names)| (gid, names.to_vec())).collect());
    let joined = ck.query(None);
    check_joins(&before, &joined, moves);
    cfg.part_passed();

    cfg.begin(&format!("Test: Minimal transfers after multileaves{}", moves.suffix()));
    ck.leave((11..16).collect());
    check_leaves(&joined, &ck.query(None), moves);
    cfg.part_passed();

    cfg.begin("Test: Check Same config on servers");
    same_config(&cfg, &mut ck);
    cfg.end();
}

/// While the other clerks work, clerk `i` lets three groups join and two of them leave. This function returns
/// the gid of the third group, which stays: 1000, 1001, 1002 and so on.
fn concurrent_gid(i: usize) -> Gid {
    1000 + i as Gid
}

fn leave_join<S: CtrlerService>(ck: &mut Client<S::Clerk>) {
    check(&mut **ck, &[]);

    ck.join(groups(&[(1, &["x", "y", "z"]), (2, &["a", "b", "c"])]));
    check(&mut **ck, &[1, 2]);

    ck.join(groups(&[(3, &["j", "k", "l"])]));
    check(&mut **ck, &[1, 2, 3]);
    let config = ck.query(None);
    check_servers(&config, 1, &["x", "y", "z"]);
    check_servers(&config, 2, &["a", "b", "c"]);
    check_servers(&config, 3, &["j", "k", "l"]);

    ck.leave(vec![1, 3]);
    check(&mut **ck, &[2]);
    check_servers(&ck.query(None), 2, &["a", "b", "c"]);

    ck.leave(vec![2]);
}

/// The next leader must have the same configuration as the leader before it. This shows that both servers
/// compute configurations in the same way.
fn same_config<S: CtrlerService>(cfg: &Config<S>, ck: &mut Client<S::Clerk>) {
    let Some(leader) = cfg.leader() else { panic!("Leader not found") };
    let config = ck.query(None);
    cfg.shutdown_server(leader);

    // In the course, a loop here waits for a new leader, but it asks for the leader only once, before its
    // first turn. Normally there is no leader yet. Then the loop ends at once, and the clerk waits for a
    // leader below. If there is a leader already, the loop sleeps for two seconds, and the test fails with
    // this message.
    if cfg.leader().is_some() {
        sleep(Duration::from_secs(2));
        panic!("Leader not found");
    }

    check_same_config(&config, &ck.query(None));
}
