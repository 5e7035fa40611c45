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
use crate::app::{A_SECOND, App, Phase, Source};
use crate::stage;
use crate::view::letter;

const PLAIN: Color = Color::Gray;
/// If this column has at least this many columns, its texts are longer.
const WIDE: u16 = 44;

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

/// Draws each shard in the colour of its group, and below it the letter of the group. If the group serves the
/// shard, the shard is filled and the letter is a capital.
fn draw_shards(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let cell = usize::from((area.width / 10).clamp(2, 6));
    let (mut numbers, mut owners) = (Line::default(), Line::default());
    for (number, shard) in app.view.shards().into_iter().enumerate() {
        let color = shard.owner.map_or(Color::DarkGray, |gi| color_of(Team::Group(gi)));
        let style = match shard.served {
            true => Style::new().fg(Color::Black).bg(color),
            false => Style::new().fg(color).add_modifier(Modifier::BOLD),
        };
        numbers.push_span(Span::styled(format!("{number:^cell$}"), style));
        owners.push_span(Span::styled(format!("{:^cell$}", shard.letter()), style));
    }
    let legend = (0..GROUPS).flat_map(|gi| {
        let color = color_of(Team::Group(gi));
        [
            Span::styled(format!("{} ", letter(gi)), Style::new().fg(color)),
            Span::styled(format!("{}  ", gid(gi)), FAINT),
        ]
    });
    let lines = vec![heading(title("shards"), area.width, PLAIN), numbers, owners, Line::from_iter(legend)];
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_operations(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let is_wide = area.width >= WIDE;
    let figures = vec![
        Span::styled(format!("{}", app.rate()), Style::new().fg(Color::Green).add_modifier(Modifier::BOLD)),
        Span::raw("/s  "),
        Span::raw(app.view.operations.to_string()),
        Span::styled(" in all", FAINT),
    ];
    let mut latency = vec![Span::raw(stage::latency(app.latency()))];
    latency.push(Span::styled(if is_wide { " latency  (median, 99 %)" } else { " latency" }, FAINT));
    let groups = (0..GROUPS).flat_map(|gi| {
        let name = if is_wide { format!("{} ", gid(gi)) } else { format!("{} ", letter(gi)) };
        let (name, rate) = (Span::styled(name, Style::new().fg(color_of(Team::Group(gi)))), app.rate_of(gi));
        [name, Span::raw(if is_wide { format!("{rate}/s   ") } else { format!("{rate} ") })]
    });
    let mut lines =
        vec![heading(title("operations"), area.width, PLAIN), Line::from(figures), Line::from(latency)];
    lines.push(Line::from_iter(groups));
    let reason = if is_wide { app.reason_at_length() } else { app.reason() };
    lines.extend(reason.map(|reason| Line::styled(reason, Style::new().fg(Color::Red))));
    let rows = u16::try_from(lines.len()).expect("there are few lines");
    let [text, graph, _] =
        Layout::vertical([Constraint::Length(rows), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame.render_widget(Paragraph::new(lines), text);
    draw_graph(frame, graph, app);
}

/// Draws a bar for each sample. The latest sample is at the right side. If there is space, the graph has a
/// scale with operations per second and with the time.
fn draw_graph(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let most = app.rates.iter().copied().max().unwrap_or(0) * A_SECOND as u64;
    let top = round_up(most);
    let (label, has_scale) = (format!("{top}/s "), area.height >= 3 && area.width >= 24);
    let side = if has_scale { u16::try_from(label.len()).expect("a number is short") } else { 0 };
    let [left, right] = Layout::horizontal([Constraint::Length(side), Constraint::Fill(1)]).areas(area);
    let below = Constraint::Length(u16::from(has_scale));
    let [bars, time] = Layout::vertical([Constraint::Fill(1), below]).areas(right);
    let columns = usize::from(bars.width);
    let blank = std::iter::repeat_n(0, columns.saturating_sub(app.rates.len()));
    let shown = app.rates.iter().skip(app.rates.len().saturating_sub(columns)).copied();
    let data: Vec<u64> = blank.chain(shown).collect();
    let full = (top / A_SECOND as u64).max(1);
    frame
        .render_widget(Sparkline::default().data(&data).max(full).style(Style::new().fg(Color::Green)), bars);
    if has_scale {
        let mut scale = vec![Line::styled(label, FAINT)];
        scale.resize(usize::from(bars.height.saturating_sub(1)), Line::default());
        scale.push(Line::styled(format!("{:>w$} ", "0/s", w = usize::from(side) - 1), FAINT));
        frame.render_widget(Paragraph::new(scale), left);
        let (first, last) = (format!("{} s ago", columns / A_SECOND), "now");
        let gap = columns.saturating_sub(first.len() + last.len());
        frame.render_widget(Paragraph::new(Line::styled(format!("{first}{:gap$}{last}", ""), FAINT)), time);
    }
}

/// The top of a scale for `number`. It is the smallest number that is not below `number` and that is 1, 2 or
/// 5 with zeros.
fn round_up(number: u64) -> u64 {
    let mut ten = 10;
    loop {
        match [1, 2, 5].into_iter().map(|digit| digit * ten).find(|it| *it >= number) {
            Some(found) => return found,
            None => ten *= 10,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn a_scale_ends_at_a_round_number() {
        for (number, top) in [(0, 10), (10, 10), (11, 20), (501, 1000), (1480, 2000), (2001, 5000)] {
            assert_eq!(round_up(number), top);
        }
    }
}
