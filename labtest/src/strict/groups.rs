//! Groups with an even number of servers. In such a group one half of the servers is no majority.

use labapi::RaftPeer;
use labrt::time::Duration;

use super::{others, settled, shuffled, state, throughout};
use crate::harness::Case;
use crate::raft::{Config, Retry, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("even_group_2", || even_group::<R>(2)),
        Case::ours("even_group_4", || even_group::<R>(4)),
        Case::ours("even_group_6", || even_group::<R>(6)),
    ]
}

/// For this time, the test checks that no leader is elected and nothing is committed.
const QUIET: Duration = Duration::from_secs(3);

/// 5.2 and 5.3: a leader has the votes of a majority, and commits what a majority has stored. A majority of
/// an even group is one server more than one half of the group.
///
/// First the group is split into halves before it has a leader: no half may elect one. Then it is split while
/// it has a leader: the half with the leader commits nothing, and the other half elects nobody. In the end,
/// one half and one more server are connected. Together they must elect a leader and commit.
///
/// Finds: in a group of an even size, a server thinks that a majority has one server less, or one more, than
/// it really has. All groups in the tests of lab 2 have an odd size.
fn even_group<R: RaftPeer>(servers: usize) {
    let cfg = make_config::<R>(Setup::of(servers).strict());
    let half = servers / 2;
    cfg.begin(&format!("Test (strict2): {servers} servers, split into halves"));

    let all = shuffled((0..servers).collect());
    cfg.partition(&[&all[..half], &all[half..]]);
    throughout(QUIET, || none_leads(&cfg, &all));
    cfg.heal();

    for _ in 0..2 {
        cfg.one(Value::random(), servers, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let rest = others(&cfg, &[leader]);
        let (mates, other_half) = rest.split_at(half - 1);
        cfg.partition(&[&[mates, &[leader]].concat(), other_half]);
        let started = cfg.start(leader, Value::random());
        let index = started.unwrap_or_else(|| panic!("server {leader} leads its term")).index;
        throughout(QUIET, || {
            none_leads(&cfg, other_half);
            cfg.check_no_agreement(index);
        });
        cfg.heal();
    }

    let gone = &others(&cfg, &[])[..half - 1];
    gone.iter().for_each(|&i| cfg.disconnect(i));
    cfg.one(Value::random(), half + 1, Retry::Yes);
    gone.iter().for_each(|&i| cfg.connect(i));
    cfg.one(Value::random(), servers, Retry::Yes);
    cfg.end();
}

#[track_caller]
fn none_leads<R: RaftPeer>(cfg: &Config<R>, half: &[usize]) {
    for &i in half {
        let (term, leads) = state(cfg, i);
        let (n, all) = (half.len(), cfg.servers());
        assert!(!leads, "server {i} leads term {term} with the votes of at most {n} of {all} servers");
    }
}
