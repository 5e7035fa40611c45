//! Tests that the harness of sharded services can report the state of its servers. The tests use this
//! project's service.

use labapi::{Holding, NSHARDS, Role};
use labrt::Run;
use labrt::time::{Duration, sleep};
use labtest::shards::{Cluster, Look, Place, Setup, gid, make_quietly};
use mit6824::shardkv::ShardKv;

#[track_caller]
fn passes(body: impl Fn() + Send + Sync + 'static) {
    let run = Run { quiet: true, ..Run::default() };
    assert_eq!(run.once(7, body).failure.map(|failure| failure.message), None);
}

/// Waits until the state of a server satisfies a condition. If the wait takes too long, the test fails.
fn until(cluster: &Cluster<ShardKv>, place: Place, so: impl Fn(&Look) -> bool) {
    let asked = labrt::time::Instant::now();
    while !so(&cluster.look(place)) {
        assert!(asked.elapsed() < Duration::from_secs(60), "{place}: {:?}", cluster.look(place));
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_look_shows_the_state_of_a_server() {
    passes(|| {
        let cfg = make_quietly::<ShardKv>("looks", Setup::new().maxraftstate(200));
        let server = Place::Server(1, 0);
        let first = cfg.look(server);
        let status = first.status.expect("the server runs");
        assert!(first.up && !first.cut_off);
        assert_eq!((status.config, status.groups, status.shards), (0, vec![], Default::default()));

        cfg.join(1);
        until(&cfg, server, |look| {
            look.status.as_ref().is_some_and(|it| it.shards == [Holding::Serving; NSHARDS])
        });
        let mut client = cfg.make_client();
        (0..20).for_each(|i| client.put(&i.to_string(), "something long enough for a snapshot"));
        until(&cfg, server, |look| {
            let status = look.status.as_ref().expect("the server runs");
            let raft = status.raft;
            assert!(raft.snapshot_index <= raft.last_applied && raft.commit_index <= raft.last_index);
            look.snapshot_bytes > 0 && raft.snapshot_index > 0 && raft.commit_index >= 20 && raft.term > 0
        });
        let leaders = (0..3).filter(|&i| {
            let status = cfg.look(Place::Server(1, i)).status.expect("the server runs");
            status.raft.role == Role::Leader
        });
        assert_eq!(leaders.count(), 1);
        let ctrler = cfg.look(Place::Ctrler(0)).status.expect("the server runs");
        assert_eq!(ctrler.shards, [Holding::Nothing; NSHARDS]);

        // Group 2 gets shards, but the group is down. So it cannot receive the shards from their old owner.
        cfg.shutdown_group(2);
        cfg.join(2);
        until(&cfg, server, |look| {
            look.status.as_ref().is_some_and(|it| it.owners[9] == gid(2) && it.shards[9] == Holding::Giving)
        });

        cfg.isolate(server);
        assert!(cfg.look(server).cut_off && cfg.look(server).up);
        cfg.shutdown_server(1, 0);
        let down = cfg.look(server);
        assert!(!down.up && down.status.is_none() && down.cut_off && down.raft_bytes > 0);
        cfg.heal();
        assert!(!cfg.look(server).cut_off);
        assert!(!cfg.is_unreliable() && cfg.rpcs() > 0);
        cfg.set_unreliable(true);
        assert!(cfg.is_unreliable());
        cfg.stop();
    });
}
