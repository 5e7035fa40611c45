//! The title, the time, the keys, and the boxes that cover a part of the screen.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Flex, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Gauge, Padding, Paragraph};
use unicode_width::UnicodeWidthStr;

use super::FAINT;
use crate::app::{App, Phase};
use crate::keys::KEYS;

pub fn title(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut left = Line::from(vec![
        Span::styled("mit6824", bold.fg(Color::LightBlue)),
        Span::styled("  a sharded key/value service, live", bold),
        Span::styled(format!("  ·  {} clients", app.clients), FAINT),
    ]);
    let clock = |seconds: u64| format!("{}:{:02}", seconds / 60, seconds % 60);
    let (now, total) = (app.view.at.as_secs().min(app.total.as_secs()), app.total.as_secs());
    let right = Line::from(vec![
        Span::styled(format!("seed {:#x}   ", app.seed), FAINT),
        Span::styled(clock(now), bold),
        Span::styled(format!(" / {}", clock(total)), FAINT),
    ]);
    // If the terminal is narrow, the right side is more important.
    while left.width() + 2 + right.width() > usize::from(area.width) && left.spans.len() > 1 {
        left.spans.pop();
    }
    frame.render_widget(Paragraph::new(left), area);
    frame.render_widget(Paragraph::new(right).alignment(Alignment::Right), area);
}

/// Shows which share of the demo's time is over.
pub fn gauge(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let width = usize::from(area.width);
    let over = (app.ratio() * width as f64).round() as usize;
    let line = Line::from(vec![
        Span::styled("━".repeat(over.min(width)), Style::new().fg(Color::LightBlue)),
        Span::styled("─".repeat(width.saturating_sub(over)), FAINT),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

/// All keys, in lines of at most this many columns.
pub fn keys(width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let mut left = usize::from(width);
    for (key, what, _) in KEYS {
        let needed = key.width() + 1 + what.width();
        if needed > left {
            lines.push(Line::default());
            left = usize::from(width);
        }
        left = left.saturating_sub(needed + 2);
        let line = lines.last_mut().expect("there is a first line");
        line.push_span(Span::styled(*key, Style::new().fg(Color::LightBlue).add_modifier(Modifier::BOLD)));
        line.push_span(Span::styled(format!(" {what}  "), FAINT));
    }
    lines
}

/// Shows the list of keys in a box, if the user asks for it. When the time is over, shows the progress in a
/// box: first how many clients still work, and then how far the check is.
pub fn overlays(frame: &mut Frame<'_>, area: Rect, app: &App) {
    match app.phase {
        Phase::Running if app.help => help(frame, area),
        Phase::Running => {}
        Phase::Ending { clients } => {
            let text = format!("everything is repaired; waiting for {clients} clients");
            progress(frame, area, "the end", &text, None);
        }
        Phase::Checking { done, of } => {
            let text = format!("checking {of} operations: are they linearizable?");
            progress(frame, area, "the verdict", &text, Some(done as f64 / of.max(1) as f64));
        }
        Phase::Writing => progress(frame, area, "the verdict", "writing the report", Some(1.0)),
    }
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let key = Style::new().fg(Color::LightBlue).add_modifier(Modifier::BOLD);
    let row = |(name, _, long): &(&'static str, &str, &'static str)| {
        let blank = " ".repeat(5_usize.saturating_sub(name.width()));
        Line::from(vec![Span::styled(*name, key), Span::raw(blank), Span::raw(*long)])
    };
    let lines: Vec<Line<'_>> = KEYS.iter().map(row).collect();
    let inner = boxed(frame, area, "keys", 68, lines.len() as u16);
    frame.render_widget(Paragraph::new(lines), inner);
}

fn progress(frame: &mut Frame<'_>, area: Rect, title: &str, text: &str, ratio: Option<f64>) {
    let inner = boxed(frame, area, title, 62, 3);
    let [line, _, gauge] = Layout::vertical([Constraint::Length(1); 3]).areas(inner);
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Center), line);
    if let Some(ratio) = ratio {
        let style = Style::new().fg(Color::LightBlue).bg(Color::DarkGray);
        frame.render_widget(Gauge::default().gauge_style(style).ratio(ratio.clamp(0.0, 1.0)), gauge);
    }
}

/// Draws a box in the middle, with space for this many columns and rows. Returns the area of this space.
fn boxed(frame: &mut Frame<'_>, area: Rect, title: &str, width: u16, height: u16) -> Rect {
    let [row] = Layout::vertical([Constraint::Length(height + 4)]).flex(Flex::Center).areas(area);
    let [area] = Layout::horizontal([Constraint::Length(width + 6)]).flex(Flex::Center).areas(row);
    let title = Span::styled(format!(" {title} "), Style::new().add_modifier(Modifier::BOLD));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::new().fg(Color::LightBlue))
        .padding(Padding::symmetric(2, 1))
        .title(title);
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}
