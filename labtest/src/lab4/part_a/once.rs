//! Tests that the course does not have: each change makes exactly one configuration, and a query sees every
//! change that was complete before.

use labapi::{CtrlerClerk, CtrlerService, Gid};
use labrt::chan;
use labrt::thread;

use super::{SERVERS, groups};
use crate::raft::ELECTION_TIMEOUT;
use crate::service::{Setup, make_config};

/// The network loses requests and replies, so the clerk sends some changes again. A controller that makes a
/// repeated change again, or refuses it, does not remember that it has already made the change. The course's
/// tests of the controller have a reliable network.
pub(super) fn every_change_once<S: CtrlerService>() {
    const ROUNDS: u64 = 8;
    let cfg = make_config::<S>(Setup::of(SERVERS).unreliable().without_columns());
    let mut ck = cfg.make_client(&cfg.all());
    cfg.begin("Test: each change is made once, unreliable (ours)");
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
    }
    let gids: Vec<Gid> = ck.query(None).groups.into_keys().collect();
    assert_eq!(gids, [ROUNDS - 1, ROUNDS], "the groups that are left");
    cfg.end();
}

/// The leader is cut off from the other servers, and a clerk can reach only this leader. The others make a
/// change. The old leader must not answer a query of the clerk before it knows the change.
pub(super) fn query_in_the_minority<S: CtrlerService>() {
    let cfg = make_config::<S>(Setup::of(SERVERS).without_columns());
    let mut ck = cfg.make_client(&cfg.all());
    cfg.begin("Test: a query in the minority waits (ours)");
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
