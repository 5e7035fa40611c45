//! Tests of the plain lines, and of the parts that lines and screen share.

use labrt::time::Duration;
use labtest::shards::Place;

use super::samples::{app, calm, down, troubled};
use crate::app::{App, Phase, SAMPLE};
use crate::news::Kind;
use crate::room::Event;
use crate::stage::{Lines, Stage, latency};
use crate::view::View;

fn shown(shows: &[(&App, &[Event])]) -> String {
    let mut out = Vec::new();
    let mut lines = Lines::new(&mut out);
    for (app, new) in shows {
        lines.show(app, new).expect("writing to memory cannot fail");
    }
    String::from_utf8(out).expect("the output is UTF-8")
}

#[test]
fn a_line_summarises_the_state() {
    let text = shown(&[(&app(troubled()), &[])]);
    let expected = "\
sharded key/value service: 3 controllers, 3 groups of 3, 8 clients, 36 s, seed 0x7
  12.3 s      0 op/s    9876 in all, - ms | shards AAAABBBCCb | ctrl: S0 t3 | 100: S1 t4 | 101: S0 t3 | 102: S0 t3 | down: G101S2 | cut off: G100S0 | unreliable
";
    assert_eq!(text, expected);
}

#[test]
fn there_is_one_line_a_second_and_one_for_each_event() {
    let at = |millis: u64| app(View { at: Duration::from_millis(millis), ..calm() });
    let event: Event = (Duration::from_millis(2_050), Kind::Fault, "G101S2 crashes".to_owned());
    let (first, second, third) = (at(1_500), at(1_900), at(2_100));
    let text = shown(&[(&first, &[]), (&second, &[]), (&third, &[event])]);
    let lines: Vec<&str> = text.lines().skip(1).map(|line| &line[..line.len().min(30)]).collect();
    assert_eq!(
        lines,
        ["   1.5 s      0 op/s    9876 i", "   2.0 s  * G101S2 crashes", "   2.1 s      0 op/s    9876 i"]
    );
}

#[test]
fn each_phase_of_the_end_has_one_line() {
    let mut shows = Vec::new();
    for phase in [
        Phase::Ending { clients: 8 },
        Phase::Ending { clients: 3 },
        Phase::Checking { done: 0, of: 1000 },
        Phase::Checking { done: 40, of: 1000 },
        Phase::Checking { done: 500, of: 1000 },
        Phase::Writing,
    ] {
        let mut app = app(calm());
        app.phase = phase;
        shows.push(app);
    }
    let shows: Vec<(&App, &[Event])> = shows.iter().map(|app| (app, &[] as &[Event])).collect();
    assert_eq!(
        shown(&shows).lines().collect::<Vec<_>>(),
        [
            "ending: waiting for 8 clients",
            "checking 1000 operations for linearizability",
            "checked 500 of 1000",
            "writing the report",
        ]
    );
}

#[test]
fn the_rate_is_that_of_the_last_second() {
    let mut app = app(calm());
    let later = |samples: u32, more: u64| View {
        at: calm().at + SAMPLE * samples,
        operations: calm().operations + more,
        ..calm()
    };
    app.update(later(1, 100), Vec::new());
    assert_eq!(app.rate(), 400);
    // If a view comes late, several samples have finished, and the operations are divided among them.
    app.update(later(3, 300), Vec::new());
    assert_eq!(app.rates, [100, 100, 100]);
    app.update(later(4, 300), Vec::new());
    app.update(later(5, 300), Vec::new());
    assert_eq!(app.rate(), 200);
}

#[test]
fn each_group_has_its_rate() {
    let mut app = app(calm());
    let mut later = View { at: calm().at + SAMPLE, operations: calm().operations + 30, ..calm() };
    (later.by_shard[0], later.by_shard[9]) = (987 + 10, 987 + 20);
    app.update(later, Vec::new());
    assert_eq!([0, 1, 2].map(|gi| app.rate_of(gi)), [40, 0, 80]);
}

#[test]
fn the_latency_is_that_of_the_last_two_seconds() {
    let mut app = app(calm());
    assert_eq!(latency(app.latency()), "- ms");
    app.finished(&[Duration::from_secs(1)]);
    let later = |millis: u64| View { at: calm().at + Duration::from_millis(millis), ..calm() };
    app.update(later(1_000), Vec::new());
    app.finished(&[1, 2, 3].map(Duration::from_millis));
    assert_eq!(latency(app.latency()), "2.0/1000 ms");
    app.update(later(2_500), Vec::new());
    app.finished(&[]);
    assert_eq!(latency(app.latency()), "2.0/3.0 ms");
}

#[test]
fn a_line_says_which_group_has_no_majority() {
    let mut view = troubled();
    down(&mut view, Place::Server(1, 0));
    let text = shown(&[(&app(view), &[])]);
    assert!(text.ends_with(" | group 101 has no majority: clients wait for shards 4 5 6 9\n"), "{text}");
}

#[test]
fn choosing_servers_wraps_around() {
    let mut app = app(calm());
    assert_eq!(app.chosen, Place::Server(0, 0));
    app.choose(-1);
    assert_eq!(app.chosen, Place::Ctrler(2));
    app.choose(-3);
    assert_eq!(app.chosen, Place::Server(2, 2));
    app.choose(1);
    assert_eq!(app.chosen, Place::Ctrler(0));
}
