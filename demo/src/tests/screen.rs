//! Tests of the screen. They draw the widgets into a buffer and compare the buffer with the files in
//! `screens/`. With `LAB_REGENERATE=1` they write these files again.

use std::fs;
use std::path::Path;

use labapi::Role;
use labrt::time::Duration;
use labtest::shards::Place;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::samples::{app, calm, troubled, with, with_status};
use crate::app::{App, Phase, SAMPLE, Source};
use crate::keys::KEYS;
use crate::news::Kind;
use crate::screen::{self, servers};

fn drawn(app: &App, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a buffer can always be used");
    terminal.draw(|frame| screen::draw(frame, app)).expect("a buffer can always be drawn to");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(|y| row(y).trim_end().to_owned() + "\n").collect()
}

#[track_caller]
fn looks(name: &str, app: &App, columns: u16, rows: u16) {
    let text = text(&drawn(app, columns, rows));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/tests/screens/{name}.txt"));
    if std::env::var("LAB_REGENERATE").is_ok_and(|it| it == "1") {
        fs::write(&path, &text).expect("the sources can be written");
    }
    let expected = fs::read_to_string(&path).expect("the sources are here");
    assert!(text == expected, "the screen differs from {}:\n{text}", path.display());
}

fn busy() -> App {
    let mut app = app(troubled());
    app.source = Source::Script(Duration::from_millis(1800));
    app.faults = 3;
    app.rates.extend([300, 400, 500, 100, 0, 0, 250, 375]);
    let at = |seconds: u64| Duration::from_secs(seconds);
    app.events.push_back((at(2), Kind::Leader, "G100S1 leads group 100 in term 4".to_owned()));
    app.events.push_back((at(3), Kind::Fault, "G101S2 crashes".to_owned()));
    app
}

#[test]
fn the_smallest_terminal_shows_a_calm_view() {
    looks("calm", &app(calm()), 80, 24);
}

#[test]
fn a_larger_terminal_shows_many_faults() {
    looks("troubled", &busy(), 110, 34);
}

#[test]
fn below_eighty_columns_only_the_bytes_are_missing() {
    looks("narrow", &busy(), 79, 24);
}

#[test]
fn a_very_large_terminal_shows_latency_rates_and_scales() {
    let mut app = busy();
    let mut later = troubled();
    later.at += SAMPLE;
    later.operations += 280;
    later.by_shard = [987 + 28; 10];
    app.update(later, Vec::new());
    app.finished(&[1, 2, 3, 250].map(Duration::from_millis));
    looks("large", &app, 200, 60);
}

#[test]
fn all_keys_are_shown_in_each_size() {
    for (columns, rows) in [(70, 24), (79, 24), (80, 24), (110, 34), (200, 60)] {
        let text = text(&drawn(&busy(), columns, rows));
        for (key, what, _) in KEYS {
            let wanted = format!("{key} {what}");
            assert!(text.contains(&wanted), "no {wanted:?} in {columns} x {rows}:\n{text}");
        }
    }
}

/// Without colours, the letters below the shards say who owns them: shard 9 is on its way to group 101,
/// which is B.
#[test]
fn the_owners_of_shards_are_letters() {
    for (columns, rows) in [(79, 24), (80, 24), (110, 34)] {
        let text = text(&drawn(&busy(), columns, rows));
        let letters: Vec<String> = text.lines().map(|line| line.replace(' ', "")).collect();
        assert!(letters.iter().any(|line| line.ends_with("AAAABBBCCb")), "{text}");
        assert!(text.contains("A 100  B 101  C 102"), "{text}");
    }
}

#[test]
fn a_low_rate_has_its_reason() {
    let mut view = troubled();
    with(&mut view, Place::Server(1, 0), |look| look.cut_off = true);
    let app = app(view);
    let shown = text(&drawn(&app, 80, 24));
    assert!(shown.contains("no majority: 101\n") && shown.contains("group 101 · no majority"), "{shown}");
    let shown = text(&drawn(&app, 120, 24));
    assert!(shown.contains("group 101 has no majority: clients wait for shards 4 5 6 9"), "{shown}");
    assert_eq!(super::samples::app(calm()).reason(), None);
    let mut leaderless = calm();
    with_status(&mut leaderless, Place::Server(2, 0), |status| status.raft.role = Role::Candidate);
    let mut app = super::samples::app(leaderless);
    app.rates.extend([400, 400, 0, 0, 0, 0]);
    assert_eq!(app.reason().as_deref(), Some("no leader: 102"));
}

#[test]
fn the_list_of_keys_lies_above_the_rest() {
    let mut app = busy();
    app.help = true;
    looks("help", &app, 80, 24);
}

#[test]
fn the_check_shows_its_progress() {
    let mut app = busy();
    app.phase = Phase::Checking { done: 3_000, of: 12_000 };
    looks("checking", &app, 80, 24);
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    looks("small", &app(calm()), 69, 24);
    // Even the smallest sizes cause no panic.
    for (columns, rows) in [(0, 0), (1, 1), (5, 2), (80, 1), (1, 24), (69, 100), (200, 23)] {
        drawn(&busy(), columns, rows);
    }
}

#[test]
fn every_larger_size_can_be_drawn() {
    let mut app = busy();
    for help in [false, true] {
        app.help = help;
        for (columns, rows) in [
            (70, 24),
            (75, 24),
            (79, 24),
            (80, 24),
            (81, 25),
            (80, 30),
            (100, 29),
            (300, 24),
            (80, 200),
            (500, 100),
        ] {
            let text = text(&drawn(&app, columns, rows));
            let what = if help { "this list" } else { "★ leader" };
            assert!(text.contains(what), "{columns} x {rows}:\n{text}");
        }
    }
}

/// The colour of the first cell of a text.
fn color(buffer: &Buffer, what: &str) -> Color {
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let rest: String = (x..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            if rest.starts_with(what) {
                return buffer[(x, y)].fg;
            }
        }
    }
    panic!("no {what:?} in\n{}", text(buffer));
}

#[test]
fn faults_have_their_colours() {
    let buffer = drawn(&busy(), 100, 30);
    assert_eq!(color(&buffer, "✗ down"), Color::Red);
    assert_eq!(color(&buffer, "◌ cut off"), Color::Yellow);
    assert_eq!(color(&buffer, "old leader"), Color::Yellow);
    assert_eq!(color(&buffer, "★ leader"), Color::Green);
    assert_eq!(color(&buffer, "unreliable"), Color::Yellow);
}

#[test]
fn bytes_fit_into_six_columns() {
    for (count, shown) in [(0, "0B"), (1023, "1023B"), (1024, "1.0k"), (102_399, "100.0k"), (102_400, "100k")]
    {
        assert_eq!(servers::bytes(count), shown);
    }
    assert!([1 << 20, 999 << 20].into_iter().all(|count| servers::bytes(count).len() <= 6));
}
