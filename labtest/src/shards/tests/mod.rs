//! Tests of the harness and of the suites of part 4B with a fake service. They show that the harness and the
//! suites notice the faults of this service.

mod fake;

use labapi::Strictness;
use labrpc::End;
use labrt::Run;
use labrt::time::{Duration, sleep};

use super::{Place, Setup, gid, make_config};
use crate::lab4;
use crate::marks::MarkKind;
use crate::output::set_quiet;
use fake::{Fake, Honest, Life, Play};

/// Runs the body of a test. Returns the message of its failure, or `None` if it passes.
fn try_run(body: impl Fn() + Send + Sync + 'static) -> Option<String> {
    set_quiet(true);
    let run = Run { quiet: true, ..Run::default() };
    run.once(7, body).failure.map(|failure| failure.message)
}

#[track_caller]
fn failure(body: fn()) -> String {
    try_run(body).expect("the body must fail")
}

#[track_caller]
fn passes(body: impl Fn() + Send + Sync + 'static) {
    assert_eq!(try_run(body), None);
}

#[track_caller]
fn expect_start(message: &str, expected: &str) {
    assert!(message.starts_with(expected), "{message:?} does not begin with {expected:?}");
}

fn start<P: Play>(setup: Setup) -> super::Config<Fake<P>> {
    make_config("a test of the harness", setup)
}

/// Asks the server at `place` which servers it can reach. The request is sent with an end that always works.
fn ask<P: Play>(cfg: &super::Cluster<Fake<P>>, place: Place, method: &str) -> Option<Vec<bool>> {
    super::links::make_end_of_clerk(&cfg.net)(&place.name()).call(method, &())
}

/// The tests that the fake service cannot pass. In `controller_cut_off`, controller 0 is cut off, and no
/// other controller has its data. The other tests check one of two things: which data the groups have saved
/// or hold in memory, or that nobody can read the data of a dead group. But the groups of the fake service
/// store nothing, because controller 0 has all data.
#[cfg(feature = "sim")]
const TOO_HARD: [&str; 6] = [
    "controller_cut_off",
    "snapshot_is_taken",
    "challenge_1_nothing_left",
    "challenge_2_unaffected_in_time",
    "challenge_2_partial_in_time",
    "nothing_is_left_behind",
];

/// If the fake service has no fault, all other tests of the suites must pass. This test exists only in
/// virtual time, because it would take minutes in real time.
#[cfg(feature = "sim")]
#[test]
fn an_honest_service_passes_the_suites() {
    let suites = [lab4::cases_4b::<Fake<Honest>>(), crate::migration::cases::<Fake<Honest>>()].concat();
    for crate::harness::Case { name, body, .. } in suites {
        let failure = try_run(move || body());
        assert_eq!(failure.is_some(), TOO_HARD.contains(&name.as_str()), "{name}: {failure:?}");
    }
}

/// The body of the test `name` of part 4B, for the fake service `P`.
fn case<P: Play>(name: &str) -> impl Fn() + Send + Sync + 'static {
    let cases = lab4::cases_4b::<Fake<P>>();
    let body = cases.into_iter().find(|case| case.name == name).expect("a case of part 4B").body;
    move || body()
}

#[test]
fn a_service_that_answers_for_everybody_is_seen() {
    struct ServesAll;
    impl Play for ServesAll {
        fn may_serve(_asking: u64, _owner: u64) -> bool {
            true
        }
    }
    // The clerks always ask the right group, so the course's test does not notice the fault.
    passes(case::<ServesAll>("static_shards"));
    let message = try_run(case::<ServesAll>("rejection")).expect("all keys can be read from one group");
    expect_start(&message, "expected 5 completions from the group that has half of the shards; got 10");
}

#[test]
fn a_wrong_value_is_seen() {
    struct Forgets;
    impl Play for Forgets {
        fn read(mut value: String) -> String {
            value.pop();
            value
        }
    }
    let message = try_run(case::<Forgets>("join_leave")).expect("a wrong value fails the test");
    expect_start(&message, "Get(0): expected ");
}

#[test]
fn everybody_reaches_everybody() {
    passes(|| {
        let cfg = start::<Honest>(Setup::new());
        assert_eq!(ask(&cfg, Place::Ctrler(1), "Probe.Peers"), Some(vec![true; 3]));
        for gi in 0..3 {
            assert_eq!(ask(&cfg, Place::Server(gi, 2), "Probe.Peers"), Some(vec![true; 3]));
            assert_eq!(ask(&cfg, Place::Server(gi, 2), "Probe.Ctrlers"), Some(vec![true; 3]));
        }
        assert_eq!(cfg.server_names(1), ["server-101-0", "server-101-1", "server-101-2"]);
        cfg.end();
    });
}

#[test]
fn a_stopped_server_is_off_the_network_and_comes_back() {
    passes(|| {
        let cfg = start::<Honest>(Setup::new());
        cfg.shutdown_server(1, 0);
        assert!(!cfg.is_up(Place::Server(1, 0)) && cfg.is_up(Place::Server(1, 1)));
        assert_eq!(cfg.leader(1), None, "server 0 of the fake leads");
        assert_eq!(cfg.bytes_held(1, 0), None);
        assert_eq!(ask(&cfg, Place::Server(1, 0), "Probe.Peers"), None);
        assert_eq!(ask(&cfg, Place::Server(1, 1), "Probe.Peers"), Some(vec![false, true, true]));
        cfg.shutdown_server(1, 0);

        cfg.start_server(1, 0);
        assert_eq!((cfg.leader(1), cfg.bytes_held(1, 0)), (Some(0), Some(17)));
        assert_eq!(ask(&cfg, Place::Server(1, 0), "Probe.Peers"), Some(vec![true; 3]));
        cfg.shutdown_group(2);
        assert_eq!(ask(&cfg, Place::Server(2, 1), "Probe.Peers"), None);
        cfg.end();
    });
}

#[test]
fn a_running_server_is_not_started() {
    let message = failure(|| start::<Honest>(Setup::new()).start_server(0, 0));
    expect_start(&message, "G100S0 is running");
    let message = failure(|| start::<Honest>(Setup::new()).shutdown_server(3, 0));
    expect_start(&message, "G103S0 (server-103-0) is no server of this test");
}

#[test]
fn isolation_cuts_both_ways_and_survives_a_restart() {
    passes(|| {
        let cfg = start::<Honest>(Setup::new());
        let (lonely, other) = (Place::Server(0, 1), Place::Server(0, 0));
        cfg.isolate(lonely);
        cfg.isolate(Place::Ctrler(2));
        let look = |place| [ask(&cfg, place, "Probe.Peers"), ask(&cfg, place, "Probe.Ctrlers")];
        for _ in 0..2 {
            assert_eq!(look(lonely), [Some(vec![false; 3]), Some(vec![false; 3])]);
            assert_eq!(look(other), [Some(vec![true, false, true]), Some(vec![true, true, false])]);
            assert_eq!(ask(&cfg, Place::Ctrler(2), "Probe.Peers"), Some(vec![false; 3]));
            assert_eq!(ask(&cfg, Place::Ctrler(0), "Probe.Peers"), Some(vec![true, true, false]));
            for place in [lonely, Place::Ctrler(2)] {
                cfg.shutdown(place);
                cfg.start(place);
            }
        }
        // Clerks can reach the other controllers, but not the controller that is cut off.
        let reach = |ends: Vec<End>| ends.iter().map(fake::reaches).collect::<Vec<_>>();
        assert_eq!(reach(cfg.make_clerk_ends()), [true, true, false]);

        cfg.heal();
        cfg.isolate_from_group(lonely);
        cfg.isolate_from_group(Place::Ctrler(2));
        assert_eq!(look(lonely), [Some(vec![false; 3]), Some(vec![true; 3])]);
        assert_eq!(look(other), [Some(vec![true, false, true]), Some(vec![true; 3])]);
        assert_eq!(ask(&cfg, Place::Ctrler(0), "Probe.Peers"), Some(vec![true, true, false]));
        assert_eq!(reach(cfg.make_clerk_ends()), [true; 3]);

        cfg.heal();
        assert_eq!(look(lonely), [Some(vec![true; 3]), Some(vec![true; 3])]);
        assert_eq!(look(other), [Some(vec![true; 3]), Some(vec![true; 3])]);
        cfg.end();
    });
}

#[test]
fn a_zombie_does_not_talk() {
    struct TalksOn;
    impl Play for TalksOn {
        fn live(life: Life) {
            if (life.gid, life.me) != (gid(0), 0) {
                return life.killed.wait();
            }
            let other = "server-101-0";
            while !fake::reaches(&(life.make_end)(other)) {
                sleep(Duration::from_millis(10));
            }
            let end = (life.make_end)(other);
            assert!(fake::reaches(&end), "the server is still running");
            life.killed.wait();
            sleep(Duration::from_millis(50));
            assert!(!fake::reaches(&end), "an end is closed when the life of its server ends");
            assert!(!fake::reaches(&(life.make_end)(other)), "no new end works");
        }
    }
    passes(|| {
        let cfg = start::<TalksOn>(Setup::new());
        sleep(Duration::from_millis(200));
        cfg.shutdown_server(0, 0);
        sleep(Duration::from_millis(200));
        cfg.end();
    });
}

#[test]
fn what_is_saved_after_a_stop_is_lost() {
    struct SavesOn;
    impl Play for SavesOn {
        fn live(life: Life) {
            let first = life.persister.read_raft_state().is_empty();
            life.persister.save_raft_state(if first { b"first" } else { b"later" });
            life.killed.wait();
            life.persister.save_state_and_snapshot(b"after the stop", b"!");
        }
    }
    passes(|| {
        let cfg = start::<SavesOn>(Setup::new());
        sleep(Duration::from_millis(100));
        cfg.shutdown_group(0);
        sleep(Duration::from_millis(100));
        assert_eq!(cfg.saved_bytes(0, 0), (5, 0));
        cfg.start_group(0);
        sleep(Duration::from_millis(100));
        assert_eq!(cfg.saved_bytes(0, 0), (5, 0));
        cfg.end();
    });
}

#[test]
fn disks_are_looked_at() {
    struct Saves;
    impl Play for Saves {
        fn live(life: Life) {
            if life.gid == gid(1) {
                life.persister.save_state_and_snapshot(&[0; 81], b"some");
            }
            life.killed.wait();
        }
    }
    fn body(setup: Setup) {
        let cfg = start::<Saves>(setup);
        sleep(Duration::from_millis(100));
        cfg.checklogs();
        cfg.end();
    }
    let message = failure(|| body(Setup::new().maxraftstate(10)));
    expect_start(&message, "G101S0: Raft state of 81 bytes, with a maxraftstate of 10");
    let message = failure(|| body(Setup::new()));
    expect_start(&message, "G101S0: a snapshot of 4 bytes");
    passes(|| body(Setup::new().maxraftstate(11)));
}

#[test]
fn a_thread_left_behind_is_seen() {
    struct Lingers;
    impl Play for Lingers {
        fn live(life: Life) {
            life.killed.wait();
            if life.gid == gid(2) && life.me == 1 {
                sleep(Duration::from_secs(60));
            }
        }
    }
    struct LingersInPeace;
    impl Play for LingersInPeace {
        const STRICTNESS: Strictness = Strictness::Warn;
        fn live(life: Life) {
            Lingers::live(life);
        }
    }
    let message = failure(|| start::<Lingers>(Setup::new()).end());
    expect_start(&message, "1 threads left behind after kill(): G102S1 fake-1");
    passes(|| start::<LingersInPeace>(Setup::new()).end());
}

/// This test exists only in virtual time, because it would take two minutes in real time.
#[cfg(feature = "sim")]
#[test]
fn a_test_has_a_limit() {
    fn body(limit: u64) {
        let cfg = start::<Honest>(Setup::new().limit(Duration::from_secs(limit)));
        sleep(Duration::from_secs(121));
        cfg.end();
    }
    expect_start(&failure(|| body(120)), "test took longer than 120 seconds: 121.");
    passes(|| body(122));
}

#[test]
fn steps_and_faults_leave_marks() {
    passes(|| {
        let cfg = start::<Honest>(Setup::new().unreliable());
        cfg.joinm(&[0, 2]);
        cfg.shutdown_server(2, 1);
        sleep(Duration::from_millis(10));
        cfg.start_server(2, 1);
        cfg.leave(0);
        cfg.move_shard(3, 0);
        cfg.isolate(Place::Ctrler(1));
        cfg.shutdown_server(1, 0);
        let marks = cfg.marks();
        let texts: Vec<(MarkKind, &str)> = marks.iter().map(|mark| (mark.kind, mark.text.as_str())).collect();
        let expected = [
            (MarkKind::Network, "unreliable network"),
            (MarkKind::Configuration, "join of [100, 102]"),
            (MarkKind::Crash, "G102S1 down"),
            (MarkKind::Configuration, "leave of [100]"),
            (MarkKind::Configuration, "move of shard 3 to 100"),
            (MarkKind::Partition, "G1S1 cut off"),
            (MarkKind::Crash, "G101S0 down"),
        ];
        assert_eq!(texts, expected);
        let down = &marks[2];
        assert!(down.to.is_some_and(|to| to - down.from >= 10_000_000), "down for 10 ms: {down:?}");
        cfg.end();
    });
}

#[test]
fn helpers_may_change_the_configuration_too() {
    passes(|| {
        let cfg = start::<Honest>(Setup::new().unreliable());
        let helpers: Vec<_> = (0..3)
            .map(|gi| {
                let cluster = cfg.share();
                labrt::thread::spawn(move || cluster.join(gi))
            })
            .collect();
        helpers.into_iter().for_each(|helper| helper.join().expect("the helper has joined its group"));
        let config = cfg.query();
        assert_eq!((config.num, config.groups.len()), (3, 3));
        cfg.end();
    });
}
