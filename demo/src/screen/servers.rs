//! The servers of all teams. Each server has a row.

use labapi::{Holding, Role};
use labtest::shards::Place;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{FAINT, color_of, heading};
use crate::act::{SERVERS, Team};
use crate::app::App;
use crate::keys;
use crate::stage::title_of;
use crate::view::{View, list};

/// How many columns the servers take, with or without the bytes of log and snapshot.
pub const fn width(bytes: bool) -> u16 {
    if bytes { 58 } else { 44 }
}

/// How many rows the servers take.
pub fn height(roomy: bool) -> u16 {
    let teams = Team::ALL.len();
    let blank = if roomy { teams - 1 } else { 0 };
    u16::try_from(1 + teams * (1 + SERVERS) + blank).expect("there are few servers")
}

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, roomy: bool, bytes: bool) {
    let mut head = format!("   {:<7} {:<9} {:<10} {:>4} {:>7}", "server", "", "role", "term", "commit");
    if bytes {
        head += &format!(" {:>6} {:>6}", "log", "snap");
    }
    let mut lines = vec![Line::styled(head, FAINT)];
    for (number, team) in Team::ALL.into_iter().enumerate() {
        if roomy && number > 0 {
            lines.push(Line::default());
        }
        lines.push(team_line(app, team, area.width));
        lines.extend(team.places().into_iter().map(|place| server_line(app, team, place, bytes)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// A line about a team.
fn team_line(app: &App, team: Team, width: u16) -> Line<'static> {
    let color = color_of(team);
    let mut spans = vec![Span::styled(title_of(team), Style::new().fg(color).add_modifier(Modifier::BOLD))];
    let view = &app.view;
    if !view.has_majority(team) {
        spans.push(Span::styled(" · no majority", Style::new().fg(Color::Red)));
    }
    let mut add = |what: &str, which: String, style: Style| {
        spans.push(Span::styled(format!(" · {what} "), FAINT));
        spans.push(Span::styled(which, style));
    };
    match team {
        Team::Ctrlers => {
            let Some(config) = view.config() else { return heading(spans, width, color) };
            let what = if width >= self::width(true) { "configuration" } else { "config" };
            add(what, config.config.to_string(), Style::new());
            add("groups", list(&config.groups), Style::new());
            if app.changes_waiting > 0 {
                add("to do", app.changes_waiting.to_string(), Style::new().fg(Color::Yellow));
            }
        }
        Team::Group(gi) => {
            let serving = view.shards_of(gi, Holding::Serving);
            if serving.is_empty() {
                add("serves", "nothing".to_owned(), FAINT);
            } else {
                add("serves", list(&serving), Style::new());
            }
            for (holding, what) in
                [(Holding::Awaiting, "awaits"), (Holding::Giving, "gives"), (Holding::Parked, "keeps")]
            {
                let shards = view.shards_of(gi, holding);
                if !shards.is_empty() {
                    add(what, list(&shards), Style::new().fg(Color::Yellow));
                }
            }
        }
    }
    heading(spans, width, color)
}

fn server_line(app: &App, team: Team, place: Place, with_bytes: bool) -> Line<'static> {
    let chosen = app.chosen == place;
    let digit = keys::digit(place).map_or(" ".to_owned(), |digit| digit.to_string());
    let base = if chosen { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
    let mut spans = vec![
        Span::styled(if chosen { "▸" } else { " " }, base.fg(color_of(team))),
        Span::styled(format!("{digit} "), FAINT),
        Span::styled(format!("{:<7} ", place.to_string()), base.fg(color_of(team))),
    ];
    let Some(look) = app.view.look(place) else { return Line::from(spans) };
    let (state, color) = match (look.up, look.cut_off) {
        (false, _) => ("✗ down", Color::Red),
        (true, true) => ("◌ cut off", Color::Yellow),
        (true, false) => ("● up", Color::Green),
    };
    spans.push(Span::styled(format!("{state:<9} "), base.fg(color)));
    let snapshot = if look.snapshot_bytes == 0 { "-".to_owned() } else { bytes(look.snapshot_bytes) };
    let sizes = match with_bytes {
        true => format!("{:>6} {snapshot:>6}", bytes(look.raft_bytes)),
        false => String::new(),
    };
    let Some(status) = &look.status else {
        spans.push(Span::styled(format!("{:<10} {:>4} {:>7} ", "", "", ""), FAINT));
        spans.push(Span::styled(sizes, FAINT));
        return Line::from(spans);
    };
    let (role, style) = role(&app.view, team, place, status.raft.role);
    spans.push(Span::styled(format!("{role:<10} "), style));
    let text = if status.raft.role == Role::Leader { base } else { base.fg(Color::Gray) };
    spans.push(Span::styled(format!("{:>4} {:>7} ", status.raft.term, status.raft.commit_index), text));
    spans.push(Span::styled(sizes, text));
    Line::from(spans)
}

/// The role of a server, and its style. A server that still leads an older term has been replaced, but does
/// not know it yet.
fn role(view: &View, team: Team, place: Place, role: Role) -> (&'static str, Style) {
    match role {
        Role::Leader if view.leader(team) == Some(place) => {
            ("★ leader", Style::new().fg(Color::Green).add_modifier(Modifier::BOLD))
        }
        Role::Leader => ("old leader", Style::new().fg(Color::Yellow)),
        Role::Candidate => ("candidate", Style::new().fg(Color::Yellow)),
        Role::Follower => ("follower", FAINT),
    }
}

/// A number of bytes in at most six columns.
pub fn bytes(bytes: usize) -> String {
    let kilo = bytes as f64 / 1024.0;
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..102_400 => format!("{kilo:.1}k"),
        102_400..1_024_000 => format!("{kilo:.0}k"),
        _ => format!("{:.1}M", kilo / 1024.0),
    }
}
