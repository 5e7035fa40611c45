//! Tests of the screen. They draw the widgets into a buffer and compare the buffer with the files in
//! `screens/`. With `LAB_REGENERATE=1` they write these files again.

use std::fs;
use std::path::Path;

use labrt::time::Duration;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::samples::{app, calm, troubled};
use crate::app::{App, Phase, Source};
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
    looks("small", &app(calm()), 79, 24);
    // Even the smallest sizes cause no panic.
    for (columns, rows) in [(0, 0), (1, 1), (5, 2), (80, 1), (1, 24), (79, 100), (200, 23)] {
        drawn(&busy(), columns, rows);
    }
}

#[test]
fn every_larger_size_can_be_drawn() {
    let mut app = busy();
    for help in [false, true] {
        app.help = help;
        for (columns, rows) in [(80, 24), (81, 25), (80, 30), (100, 29), (300, 24), (80, 200), (500, 100)] {
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
