//! The screen. It shows an [`App`] as widgets, and it does not change the app.
//!
//! ```text
//! title                                    time
//! -------------- how much of the time is over
//! servers, a row each  | shards, operations,
//! by team              | network, faults
//! events
//! keys
//! ```

mod events;
mod frame;
pub mod servers;
mod side;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::act::Team;
use crate::app::App;

/// If the terminal has fewer columns or rows than this, the screen only says that it is too small.
pub const SMALLEST: (u16, u16) = (80, 24);

/// The colour of a team.
pub fn color_of(team: Team) -> Color {
    match team {
        Team::Ctrlers => Color::LightBlue,
        Team::Group(0) => Color::Cyan,
        Team::Group(1) => Color::Magenta,
        Team::Group(_) => Color::Yellow,
    }
}

/// The style of less important texts.
pub const FAINT: Style = Style::new().fg(Color::DarkGray);

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(frame, area);
    }
    // There is a blank line between teams if there is space.
    let roomy = area.height >= SMALLEST.1 + 6;
    let servers = servers::height(roomy);
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(servers),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [title, gauge, main, events, keys] = Layout::vertical(rows).areas(area);
    let between = if area.width >= SMALLEST.0 + 4 { 3 } else { 1 };
    let columns = [Constraint::Length(servers::WIDTH), Constraint::Length(between), Constraint::Fill(1)];
    let [left, _, right] = Layout::horizontal(columns).areas(main);
    frame::title(frame, title, app);
    frame::gauge(frame, gauge, app);
    servers::draw(frame, left, app, roomy);
    side::draw(frame, right, app);
    events::draw(frame, events, app);
    frame::keys(frame, keys);
    frame::overlays(frame, area, app);
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let (columns, rows) = SMALLEST;
    let lines = vec![
        Line::from(format!("{} x {}", area.width, area.height)).style(Modifier::BOLD),
        Line::from("is too small"),
        Line::from(format!("needs {columns} x {rows}")),
        Line::from("q ends").style(FAINT),
    ];
    let height = (lines.len() as u16).min(area.height);
    let top = (area.height - height) / 2;
    let middle = Rect { y: area.y + top, height, ..area };
    frame.render_widget(Paragraph::new(lines).alignment(Alignment::Center), middle);
}

/// A heading such as `title ────────`.
fn heading(title: Vec<Span<'static>>, width: u16, color: Color) -> Line<'static> {
    let mut line = Line::from(title);
    let used = u16::try_from(line.width()).unwrap_or(u16::MAX);
    let rest = usize::from(width.saturating_sub(used + 1));
    line.push_span(Span::styled(
        format!(" {}", "─".repeat(rest)),
        Style::new().fg(color).add_modifier(Modifier::DIM),
    ));
    line
}
