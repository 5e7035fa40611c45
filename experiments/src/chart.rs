//! Draws cumulative distributions as SVG. A curve gives, for each time t, the share of the trials that had a
//! new leader after at most t. The axis of time is logarithmic.

use std::fmt::Write as _;

use mit6824_experiments::svg;

use crate::figure::{Panel, Series};

const WIDTH: f64 = 820.0;
/// The height of one panel, with its title and axis.
const HEIGHT: f64 = 340.0;
/// The margins around the plot.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;

/// Colours that most people can distinguish on white.
const COLOURS: [&str; 6] = ["#7b3294", "#0571b0", "#008837", "#b8860b", "#d7191c", "#333333"];

/// Draws all panels, one below the other.
pub fn svg(panels: &[(&Panel, Vec<Series>)]) -> String {
    let height = HEIGHT * panels.len() as f64;
    let mut out = svg::open(WIDTH, height, "Time without a leader, by election timeout");
    for (row, (panel, series)) in panels.iter().enumerate() {
        out += &format!("<g transform=\"translate(0 {})\">\n", HEIGHT * row as f64);
        plot(&mut out, panel, series);
        out += "</g>\n";
    }
    out + "</svg>\n"
}

/// Converts times and shares to coordinates in a panel.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    fn x(&self, ms: f64) -> f64 {
        let share = (ms / self.from).log10() / (self.to / self.from).log10();
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(share: f64) -> f64 {
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }
}

fn plot(out: &mut String, panel: &Panel, series: &[Series]) {
    let scale = Scale { from: panel.axis.0, to: panel.axis.1 };
    let title = panel.title;
    svg::element(
        out,
        format!("<text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{title}</text>"),
    );
    grid(out, &scale);
    for (number, (one, colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points = curve(&scale, one);
        svg::element(
            out,
            format!("<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" points=\"{points}\"/>"),
        );
        let (x, y) = (WIDTH - RIGHT + 18.0, TOP + 14.0 + 20.0 * number as f64);
        let stroke = format!("stroke=\"{colour}\" stroke-width=\"3\"");
        svg::element(
            out,
            format!("<line x1=\"{x}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {stroke}/>", y - 4.0, x + 18.0, y - 4.0),
        );
        svg::element(out, format!("<text x=\"{}\" y=\"{y}\">{}</text>", x + 24.0, one.name()));
    }
}

fn grid(out: &mut String, scale: &Scale) {
    let (left, right) = (scale.x(scale.from), scale.x(scale.to));
    let (bottom, top) = (Scale::y(0.0), Scale::y(1.0));
    for percent in [0, 20, 40, 60, 80, 100] {
        let y = Scale::y(f64::from(percent) / 100.0);
        svg::element(
            out,
            format!("<line x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\" stroke=\"#ddd\"/>"),
        );
        svg::element(
            out,
            format!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent} %</text>", left - 8.0, y + 4.0),
        );
    }
    let mut decade = scale.from;
    while decade <= scale.to * 1.001 {
        let x = scale.x(decade);
        svg::element(
            out,
            format!("<line x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{top}\" stroke=\"#bbb\"/>"),
        );
        svg::element(
            out,
            format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{decade:.0}</text>", bottom + 18.0),
        );
        for times in 2..10 {
            let minor = decade * f64::from(times);
            if minor < scale.to {
                let x = scale.x(minor);
                svg::element(
                    out,
                    format!(
                        "<line x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{top}\" stroke=\"#eee\"/>"
                    ),
                );
            }
        }
        decade *= 10.0;
    }
    let middle = (left + right) / 2.0;
    let label = "time without a leader (ms)";
    svg::element(
        out,
        format!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 42.0),
    );
}

/// The points of a curve that rises in steps. Points that are too near to the point before are left out,
/// because nobody could see them.
fn curve(scale: &Scale, series: &Series) -> String {
    let mut points = String::new();
    let mut seen = (f64::NAN, f64::NAN);
    let mut reached = 0.0;
    for (rank, &ms) in series.times.iter().enumerate() {
        let x = scale.x(ms);
        let share = (rank + 1) as f64 / series.trials as f64;
        if rank == 0 {
            point(&mut points, x, Scale::y(0.0));
        }
        let y = Scale::y(share);
        let is_last = rank + 1 == series.times.len();
        if is_last || !((x - seen.0).abs() < 0.5 && (y - seen.1).abs() < 0.5) {
            point(&mut points, x, y);
            seen = (x, y);
        }
        reached = share;
    }
    // The other trials elected no leader, so the curve stays at this height up to the end of the axis.
    if !series.times.is_empty() && reached < 1.0 {
        point(&mut points, scale.x(scale.to), Scale::y(reached));
    }
    points.trim_end().to_owned()
}

fn point(points: &mut String, x: f64, y: f64) {
    write!(points, "{x:.1},{y:.1} ").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::PANELS;

    #[test]
    fn curves_rise_and_stay_inside() {
        let series = || Series { timeouts: (150, 300), times: vec![80.0, 90.0, 2e6], trials: 4, split: 0 };
        let scale = Scale { from: 10.0, to: 100_000.0 };
        let points: Vec<(f64, f64)> = curve(&scale, &series())
            .split(' ')
            .map(|point| point.split_once(',').expect("two numbers"))
            .map(|(x, y)| (x.parse().expect("x"), y.parse().expect("y")))
            .collect();
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0 && a.1 >= b.1), "{points:?}");
        assert!(
            points
                .iter()
                .all(|(x, y)| (LEFT..=WIDTH - RIGHT).contains(x) && (TOP..=HEIGHT - BOTTOM).contains(y))
        );

        let text = svg(&[(&PANELS[0], vec![series()])]);
        assert_eq!(text.matches("<g ").count(), text.matches("</g>").count());
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n") && text.contains(">150-300 ms<"));
    }
}
