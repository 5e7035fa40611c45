//! Tests of the cluster itself, and of the check of its clients' history, on real threads.
#![cfg(not(feature = "sim"))]

use labapi::Holding;
use std::fs;

use labrt::Run;
use labrt::locks::Discipline;
use labrt::time::{Duration, Instant, sleep};
use labtest::shards::Place;
use porcupine::Verdict;

use crate::act::{Act, Target, Team};
use crate::judge::{Case, Judge, prepare};
use crate::room::Room;

fn run(body: impl Fn() + Send + Sync + 'static) {
    let run = Run { discipline: Discipline::Off, events: false, ..Run::default() };
    if let Some(failure) = run.once(1, body).failure {
        panic!("in {}: {}", failure.thread, failure.message);
    }
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !so() {
        assert!(asked.elapsed() < Duration::from_secs(60), "{what} has not happened within a minute");
        sleep(Duration::from_millis(20));
    }
}

/// Waits for an event with this text.
#[track_caller]
fn hear(room: &mut Room, what: &str) {
    until(what, || room.take_events().iter().any(|(_, _, text)| text.contains(what)));
}

#[test]
fn actions_are_done_and_reported_and_the_history_is_judged() {
    run(|| {
        let mut room = Room::open("a test of the demo", 2);
        until("a leader", || room.view().leader(Team::Group(1)).is_some());
        room.act(Act::Crash(Target::Leader(Team::Group(1))));
        hear(&mut room, ", leader of group 101, crashes");
        let view = room.view();
        let down = Team::Group(1).places().into_iter().find(|&place| !view.is_up(place));
        let leader = down.expect("a server has crashed");
        room.act(Act::Crash(Target::Server(leader)));
        hear(&mut room, "is down already");
        room.act(Act::CutOff(Target::Server(Place::Ctrler(1))));
        room.act(Act::ToggleUnreliable);
        let view = room.view();
        assert!(!view.is_up(leader) && view.unreliable);
        assert!(view.look(Place::Ctrler(1)).expect("the view has this controller").cut_off);
        room.act(Act::Mend);
        let view = room.view();
        assert!(view.servers.iter().all(|(_, look)| look.up && !look.cut_off) && !view.unreliable);
        room.act(Act::Restart(Target::Server(leader)));
        hear(&mut room, "is up already");

        // A random shard moves to group 101 from another group.
        room.act(Act::Move(None, 1));
        hear(&mut room, "is to move to group 101");
        until("its arrival", || {
            let shards = room.view().shards_of(1, Holding::Serving);
            shards.len() == 4 && room.changes_waiting() == 0
        });

        // Impossible changes are refused with a reason.
        room.act(Act::Join(0));
        hear(&mut room, "group 100 has joined already");
        room.act(Act::Leave(0));
        room.act(Act::Move(Some(3), 0));
        hear(&mut room, "group 100 has left: no shard for it");
        room.act(Act::Leave(1));
        room.act(Act::Leave(2));
        hear(&mut room, "group 102 stays");
        until("all shards in one group", || {
            room.view().shards().iter().all(|shard| shard.owner == Some(2) && shard.served)
        });
        assert!(room.changes_waiting() == 0 && room.faults() >= 3);

        room.set_done();
        until("the end of the clients", || room.busy_clients() == 0);
        let done = room.view().operations;
        let (operations, marks) = room.close();
        assert_eq!(operations.len() as u64, done);
        assert!(marks.iter().any(|mark| mark.text.contains("down")));

        let report = std::env::temp_dir().join(format!("demo-room-{}.html", std::process::id()));
        let case = |operations| Case {
            title: "a test of the demo".to_owned(),
            operations,
            marks: marks.clone(),
            clients: 2,
            worked: Duration::from_secs(1),
            faults: 3,
            report: report.clone(),
            limit: Duration::from_secs(60),
        };
        // The check must find a value that no client has written.
        let mut wrong = operations.clone();
        let get = wrong.iter_mut().find(|it| it.input.op.name() == "get").expect("clients read");
        get.output.value = "not a written value".into();
        let judged = Judge::begin(case(operations)).join();
        assert_eq!((judged.verdict, judged.operations), (Verdict::Ok, done as usize));
        assert!(judged.sentence().starts_with("linearizable: "), "{}", judged.sentence());
        let judged = Judge::begin(case(wrong)).join();
        assert_eq!(judged.verdict, Verdict::Illegal);
        assert!(judged.sentence().starts_with("NOT linearizable: "), "{}", judged.sentence());
        assert!(fs::read_to_string(&report).expect("the report was written").contains("Not linearizable"));
        fs::remove_file(&report).expect("the test has made the report");
    });
}

#[test]
fn a_report_goes_where_it_can_be_written() {
    let below_a_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/report.html");
    let message = prepare(below_a_file.as_ref()).expect_err("Cargo.toml is not a folder");
    assert!(message.starts_with(&format!("--report {below_a_file}: ")), "{message}");
    assert!(message.contains("expected a file that can be written"), "{message}");
}
