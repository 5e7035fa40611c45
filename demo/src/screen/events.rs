//! The list of events. The latest event is at the bottom.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{FAINT, heading};
use crate::app::App;
use crate::news::Kind;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let title = vec![Span::styled("events", Style::new().add_modifier(Modifier::BOLD))];
    let mut lines = vec![heading(title, area.width, Color::Gray)];
    let rows = usize::from(area.height.saturating_sub(1));
    let skipped = app.events.len().saturating_sub(rows);
    for (at, kind, text) in app.events.iter().skip(skipped) {
        let (mark, style) = match kind {
            Kind::Fault => ("✗", Style::new().fg(Color::Red)),
            Kind::Mended => ("✓", Style::new().fg(Color::Green)),
            Kind::Leader => ("★", Style::new().fg(Color::LightBlue)),
            Kind::Shards => ("→", Style::new().fg(Color::Magenta)),
            Kind::Other => ("·", Style::new().fg(Color::Gray)),
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{:>6.1} s ", at.as_secs_f64()), FAINT),
            Span::styled(format!("{mark} "), style),
            Span::styled(text.clone(), if *kind == Kind::Fault { style } else { Style::new() }),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), area);
}
