//! The picture: how many operations groups of each size do, how long reads take with more and more clients,
//! and a history that is not linearizable.

use labrt::time::Duration;
use mit6824_experiments::svg;

use crate::history::{Op, SESSIONS, contradiction};
use crate::measure::Found;
use crate::store::Way;
use crate::table::{MIXES, Row, SIZES, SWEEP_SERVERS, Step};

const WIDTH: f64 = 820.0;
/// The height of a panel with curves.
const CURVES: f64 = 330.0;
/// The height of a session in the panel with the history.
const LANE: f64 = 44.0;
const COLOURS: [&str; 6] = ["#333333", "#0571b0", "#e08214", "#7b3294", "#c2a5cf", "#008837"];

/// Draws the measurements and the history. If the history is empty, it is left out.
pub fn svg(rows: &[Row], steps: &[Step], history: &[Op]) -> String {
    let lanes = if history.is_empty() { 0.0 } else { 96.0 + LANE * SESSIONS.len() as f64 };
    let height = 2.0 * CURVES + 40.0 + lanes;
    let mut out = svg::open(WIDTH, height, "Reads of a replicated service");
    let titles = ["Only reads", "90 % reads, 10 % writes"];
    for (nth, (writes, title)) in MIXES.iter().zip(titles).enumerate() {
        let own: Vec<&Row> = rows.iter().filter(|row| row.writes == *writes).collect();
        curves(&mut out, WIDTH / 2.0 * nth as f64, title, &own);
    }
    latencies(&mut out, CURVES, steps);
    for (nth, way) in Way::ALL.iter().enumerate() {
        let (x, y, colour) = (60.0 + 125.0 * nth as f64, 2.0 * CURVES + 24.0, COLOURS[nth]);
        svg::element(
            &mut out,
            format!("<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"14\" fill=\"{colour}\"/>", y - 12.0),
        );
        svg::element(&mut out, format!("<text x=\"{}\" y=\"{y}\">{way}</text>", x + 20.0));
    }
    if !history.is_empty() {
        timeline(&mut out, 2.0 * CURVES + 40.0, history);
    }
    out + "</svg>\n"
}

/// A panel with curves. An axis has a function that gives the place of a value, and the values at which the
/// panel has a line.
struct Panel {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Panel {
    fn title(&self, out: &mut String, title: &str, unit: &str) {
        let (x, y) = (self.left, self.top - 26.0);
        svg::element(
            out,
            format!("<text x=\"{x}\" y=\"{y}\" font-size=\"15\" font-weight=\"bold\">{title}</text>"),
        );
        svg::element(out, format!("<text x=\"{x}\" y=\"{}\" fill=\"#666\">{unit}</text>", self.top - 8.0));
    }

    /// A horizontal line of the grid.
    fn line(&self, out: &mut String, y: f64, label: &str) {
        let Panel { left, right, .. } = self;
        svg::element(
            out,
            format!("<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>"),
        );
        let (x, y) = (left - 8.0, y + 4.0);
        svg::element(out, format!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>"));
    }

    /// A label below the horizontal axis.
    fn label(&self, out: &mut String, x: f64, label: &str) {
        let y = self.bottom + 18.0;
        svg::element(out, format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"));
    }

    /// The name of the horizontal axis.
    fn axis(&self, out: &mut String, name: &str) {
        let (x, y) = ((self.left + self.right) / 2.0, self.bottom + 36.0);
        svg::element(out, format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{name}</text>"));
    }
}

fn curve(out: &mut String, points: &[(f64, f64)], colour: &str) {
    let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (line, stroke) = (line.join(" "), format!("stroke=\"{colour}\" stroke-width=\"2.5\""));
    svg::element(out, format!("<polyline points=\"{line}\" fill=\"none\" {stroke}/>"));
    for (x, y) in points {
        svg::element(out, format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
    }
}

/// The operations in a second at saturation, by the number of servers.
fn curves(out: &mut String, left: f64, title: &str, rows: &[&Row]) {
    let panel =
        Panel { left: left + 60.0, right: left + WIDTH / 2.0 - 24.0, top: 50.0, bottom: CURVES - 56.0 };
    panel.title(out, title, "thousand operations per second");
    let most = rows.iter().map(|row| row.saturated.rate).fold(1.0, f64::max);
    let grid = grid(most);
    let y = |rate: f64| panel.bottom - (panel.bottom - panel.top) * rate / grid[grid.len() - 1];
    let (least, greatest) = (SIZES[0] as f64, SIZES[SIZES.len() - 1] as f64);
    let width = panel.right - panel.left - 28.0;
    let x = |servers: usize| panel.left + 14.0 + width * (servers as f64 - least) / (greatest - least);
    grid.iter().for_each(|rate| panel.line(out, y(*rate), &format!("{:.0}", rate / 1000.0)));
    SIZES.iter().for_each(|servers| panel.label(out, x(*servers), &servers.to_string()));
    panel.axis(out, "servers");
    for (way, colour) in Way::ALL.iter().zip(COLOURS) {
        let own = rows.iter().filter(|row| row.way == *way);
        let points: Vec<(f64, f64)> = own.map(|row| (x(row.servers), y(row.saturated.rate))).collect();
        curve(out, &points, colour);
    }
}

/// How long 99 % of the reads take, by the number of reads in a second. Each point is a number of clients.
fn latencies(out: &mut String, top: f64, steps: &[Step]) {
    let panel = Panel { left: 60.0, right: WIDTH - 24.0, top: top + 50.0, bottom: top + CURVES - 56.0 };
    let title = format!("Only reads, {SWEEP_SERVERS} servers, more and more clients");
    panel.title(out, &title, "99 % of the reads take at most (ms)");
    let found = || steps.iter().flatten();
    let ms = |it: &Found| it.read_within(0.99).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let grid = grid(found().map(|it| it.rate).fold(1.0, f64::max));
    let (least, greatest) = (0.1, found().map(ms).fold(1.0, f64::max).max(1.0));
    let share = |value: f64| (value.max(least) / least).log10() / (greatest / least).log10();
    let y = |value: f64| panel.bottom - (panel.bottom - panel.top) * share(value);
    let x = |rate: f64| panel.left + (panel.right - panel.left - 14.0) * rate / grid[grid.len() - 1];
    let lines = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
    lines.iter().filter(|it| **it <= greatest).for_each(|it| panel.line(out, y(*it), &it.to_string()));
    grid.iter().for_each(|rate| panel.label(out, x(*rate), &format!("{:.0}", rate / 1000.0)));
    panel.axis(out, "thousand reads per second");
    for (nth, colour) in COLOURS.iter().enumerate() {
        let own = steps.iter().filter_map(|step| step.get(nth));
        let points: Vec<(f64, f64)> = own.map(|it| (x(it.rate), y(ms(it)))).collect();
        curve(out, &points, colour);
    }
}

/// The lines of a grid from 0 to at least `most`: about five lines, whose distance is 1, 2 or 5 times a power
/// of ten.
fn grid(most: f64) -> Vec<f64> {
    let power = 10_f64.powf((most / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power);
    let step = steps.clone().find(|step| most / step <= 5.0).unwrap_or(most);
    (0..=(most / step).ceil() as u32).map(|nth| f64::from(nth) * step).collect()
}

/// The history: a lane for each session, and a bar for each operation.
fn timeline(out: &mut String, top: f64, history: &[Op]) {
    let (x0, x1) = (60.0, WIDTH - 24.0);
    let title = "Reads with a session: a history that is not linearizable";
    svg::element(
        out,
        format!("<text x=\"{x0}\" y=\"{}\" font-size=\"15\" font-weight=\"bold\">{title}</text>", top + 34.0),
    );
    let first = history.iter().map(|op| op.start).min().unwrap_or_default();
    let last = history.iter().map(|op| op.end).max().unwrap_or_default();
    let span = (last.saturating_sub(first)).as_secs_f64().max(1e-9);
    let x = |time: Duration| x0 + (x1 - x0) * time.saturating_sub(first).as_secs_f64() / span;
    let pair = contradiction(history);
    for (session, name) in SESSIONS.iter().enumerate() {
        let y = top + 52.0 + LANE * session as f64;
        let middle = y + 20.0;
        svg::element(
            out,
            format!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>", x0 - 14.0, middle),
        );
        svg::element(
            out,
            format!("<line x1=\"{x0}\" y1=\"{0}\" x2=\"{x1}\" y2=\"{0}\" stroke=\"#eee\"/>", y + LANE - 6.0),
        );
        for op in history.iter().filter(|op| op.session == session) {
            let is_of_pair = pair.is_some_and(|(a, b)| a == op || b == op);
            let fill = match (is_of_pair, op.is_write) {
                (true, _) => "#f4a3a3",
                (false, true) => "#d9e8f5",
                (false, false) => "#eeeeee",
            };
            let (left, right) = (x(op.start), x(op.end));
            svg::element(
                out,
                format!(
                    "<rect x=\"{left:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"30\" rx=\"3\" fill=\"{fill}\" stroke=\"#888\"/>",
                    (right - left).max(2.0)
                ),
            );
            let text = format!("{} {}", if op.is_write { "write" } else { "read" }, op.value);
            svg::element(
                out,
                format!(
                    "<text x=\"{:.1}\" y=\"{middle}\" text-anchor=\"middle\">{text}</text>",
                    (left + right) / 2.0
                ),
            );
        }
    }
    let y = top + 52.0 + LANE * SESSIONS.len() as f64 + 16.0;
    let text = format!(
        "{:.0} us from the first call to the last answer. Red: the value that was seen first, and the older value that was read later.",
        span * 1e6
    );
    svg::element(out, format!("<text x=\"{x0}\" y=\"{y}\" fill=\"#666\">{text}</text>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(servers: usize) -> Found {
        Found {
            rate: 1000.0 * servers as f64,
            reads: vec![Duration::from_millis(1)],
            writes: Vec::new(),
            messages: 2.0,
            bytes: 100.0,
            leader_busy: 1.0,
            follower_busy: 0.5,
        }
    }

    fn row(servers: usize, way: Way, writes: u64) -> Row {
        Row { servers, way, writes, saturated: found(servers), light: found(servers) }
    }

    #[test]
    fn the_picture_has_a_curve_for_each_way_and_a_bar_for_each_operation() {
        let mut rows = Vec::new();
        for writes in MIXES {
            rows.extend(SIZES.iter().flat_map(|&n| Way::ALL.map(|way| row(n, way, writes))));
        }
        let us = Duration::from_micros;
        let op = |session, is_write, index, start| Op {
            session,
            server: session,
            is_write,
            value: "v".to_owned(),
            index,
            start: us(start),
            end: us(start + 10),
        };
        let history = [op(0, true, 2, 0), op(1, false, 1, 20), op(2, false, 2, 20)];
        let steps: Vec<Step> = [8, 16].map(|rate| vec![found(rate); Way::ALL.len()]).into();
        let picture = svg(&rows, &steps, &history);
        assert_eq!(picture.matches("<polyline").count(), (MIXES.len() + 1) * Way::ALL.len());
        assert_eq!(picture.matches("<circle").count(), rows.len() + steps.len() * Way::ALL.len());
        assert_eq!(picture.matches("height=\"30\"").count(), history.len());
        assert_eq!(picture.matches("#f4a3a3").count(), 2, "the two operations that contradict each other");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && !picture.contains("NaN"));
        assert!(!svg(&rows, &steps, &[]).contains("session: a history"));
    }

    #[test]
    fn a_grid_has_round_numbers() {
        assert_eq!(grid(83_000.0), [0.0, 20_000.0, 40_000.0, 60_000.0, 80_000.0, 100_000.0]);
        assert_eq!(grid(9.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }
}
