//! The column beside the servers. It shows which group has each shard, the operations, the network, and the
//! source of faults.

use labrt::time::Duration;
use labtest::shards::gid;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use super::{FAINT, color_of, heading};
use crate::act::{GROUPS, Team};
use crate::app::{App, Phase, Source};

const PLAIN: Color = Color::Gray;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let rows = [Constraint::Length(5), Constraint::Fill(1), Constraint::Length(3), Constraint::Length(3)];
    let [shards, operations, network, faults] = Layout::vertical(rows).areas(area);
    draw_shards(frame, shards, app);
    draw_operations(frame, operations, app);
    draw_network(frame, network, app);
    draw_faults(frame, faults, app);
}

fn title(text: &'static str) -> Vec<Span<'static>> {
    vec![Span::styled(text, Style::new().add_modifier(Modifier::BOLD))]
}

/// Draws each shard in the colour of its group. The shard is filled if the group serves it.
fn draw_shards(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let cell = usize::from((area.width / 10).clamp(2, 4));
    let (mut numbers, mut states) = (Line::default(), Line::default());
    for (number, shard) in app.view.shards().into_iter().enumerate() {
        let color = shard.owner.map_or(Color::DarkGray, |gi| color_of(Team::Group(gi)));
        let (style, state) = match shard.served {
            true => (Style::new().fg(Color::Black).bg(color), " "),
            false => (Style::new().fg(color).add_modifier(Modifier::BOLD), "…"),
        };
        numbers.push_span(Span::styled(format!("{number:^cell$}"), style));
        states.push_span(Span::styled(format!("{state:^cell$}"), style));
    }
    let legend = (0..GROUPS).flat_map(|gi| {
        let color = color_of(Team::Group(gi));
        [Span::styled("■ ", Style::new().fg(color)), Span::styled(format!("{}  ", gid(gi)), FAINT)]
    });
    let lines = vec![heading(title("shards"), area.width, PLAIN), numbers, states, Line::from_iter(legend)];
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_operations(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let [text, line, _] =
        Layout::vertical([Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    let figures = vec![
        Span::styled(format!("{}", app.rate()), Style::new().fg(Color::Green).add_modifier(Modifier::BOLD)),
        Span::raw("/s  "),
        Span::raw(app.view.operations.to_string()),
        Span::styled(" in all", FAINT),
    ];
    let lines = vec![heading(title("operations"), area.width, PLAIN), Line::from(figures)];
    frame.render_widget(Paragraph::new(lines), text);
    let shown = app.rates.len().saturating_sub(usize::from(line.width));
    let bars: Vec<u64> = app.rates.iter().skip(shown).copied().collect();
    let most = app.rates.iter().copied().max().unwrap_or(1).max(1);
    frame
        .render_widget(Sparkline::default().data(&bars).max(most).style(Style::new().fg(Color::Green)), line);
}

fn draw_network(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let reliability = match app.view.unreliable {
        true => Span::styled("unreliable", Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD)),
        false => Span::styled("reliable", Style::new().fg(Color::Green)),
    };
    let rpcs = Span::styled(format!("  {}k RPCs", app.view.rpcs / 1000), FAINT);
    let lines = vec![heading(title("network"), area.width, PLAIN), Line::from(vec![reliability, rpcs])];
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_faults(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let in_seconds = |left: Duration| format!("{} s", left.as_millis().div_ceil(1000));
    let source = match (app.phase, app.source) {
        (Phase::Running, Source::Script(left)) => format!("auto, next in {}", in_seconds(left)),
        (Phase::Running, Source::Resting(left)) => format!("yours, auto in {}", in_seconds(left)),
        (Phase::Running, Source::Keys) => "by your keys".to_owned(),
        _ => "over".to_owned(),
    };
    let count = vec![Span::raw(app.faults.to_string()), Span::styled(" so far", FAINT)];
    let lines = vec![
        heading(title("faults"), area.width, PLAIN),
        Line::styled(source, Style::new().fg(Color::Gray)),
        Line::from(count),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}
