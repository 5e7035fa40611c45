//! Draws latency against loss, as SVG: a panel for p99 and a panel for p99.9.

use std::fmt::Write as _;

use mit6824_experiments::svg;

use crate::table::{Cell, within};
use crate::trial::System;
use crate::units::{Delay, Loss};

const WIDTH: f64 = 820.0;
/// The height of one panel, with its title and axis.
const HEIGHT: f64 = 330.0;
/// The margins around the plot.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;

/// The curves: the system, whether the curve shows the time until a command is applied, the text, the colour
/// and the dashes. In Raft, a command is committed and applied at the same moment.
const CURVES: [(System, bool, &str, &str, &str); 5] = [
    (System::OneAtATime, true, "Raft, one at a time", "#7b3294", ""),
    (System::Batches, true, "Raft, batches", "#b8860b", ""),
    (System::Window, true, "Raft, window", "#d7191c", ""),
    (System::MultiPaxos, true, "Multi-Paxos, applied", "#0571b0", ""),
    (System::MultiPaxos, false, "Multi-Paxos, committed", "#0571b0", "6 4"),
];

/// The cells with one loss.
pub type Column = (Loss, Vec<Cell>);

/// Draws both panels. `delay` is the delay of all columns.
pub fn svg(columns: &[Column], delay: Delay) -> String {
    let height = HEIGHT * 2.0;
    let mut out = svg::open(WIDTH, height, "Latency of a command against loss");
    for (row, (title, share)) in [
        ("99 of 100 commands take at most ... (ms)", 0.99),
        ("999 of 1000 commands take at most ... (ms)", 0.999),
    ]
    .into_iter()
    .enumerate()
    {
        svg::element(&mut out, format!("<g transform=\"translate(0 {})\">", HEIGHT * row as f64));
        panel(&mut out, title, share, columns, delay);
        svg::element(&mut out, "</g>".to_owned());
    }
    out + "</svg>\n"
}

fn panel(out: &mut String, title: &str, share: f64, columns: &[Column], delay: Delay) {
    let curves: Vec<Vec<f64>> = CURVES
        .iter()
        .map(|(system, applied, ..)| {
            let time = |cell: &Cell| within(if *applied { &cell.apply } else { &cell.commit }, share);
            let cell = |column: &Column| column.1.iter().find(|cell| cell.system == *system).map(time);
            columns.iter().filter_map(cell).collect()
        })
        .collect();
    let most = curves.iter().flatten().copied().fold(1.0, f64::max);
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
    let step = step.into_iter().find(|step| most / step <= 8.0).unwrap_or(1000.0);
    let top = (most / step).ceil() * step;
    let x = |i: usize| LEFT + (WIDTH - LEFT - RIGHT) * (i as f64 + 0.5) / columns.len() as f64;
    let y = |ms: f64| HEIGHT - BOTTOM - ms / top * (HEIGHT - TOP - BOTTOM);

    svg::element(
        out,
        format!("<text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{title}</text>"),
    );
    let mut tick = 0.0;
    while tick <= top {
        let (at, right) = (y(tick), WIDTH - RIGHT);
        svg::element(
            out,
            format!("<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>"),
        );
        let (x, y) = (LEFT - 8.0, at + 4.0);
        svg::element(out, format!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{tick:.0}</text>"));
        tick += step;
    }
    for (i, (loss, _)) in columns.iter().enumerate() {
        let (x, y) = (x(i), HEIGHT - BOTTOM + 18.0);
        svg::element(out, format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{loss}</text>"));
    }
    let (middle, below) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM + 40.0);
    svg::element(
        out,
        format!(
            "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">share of messages that are lost; \
             a message takes {delay}</text>"
        ),
    );
    for (i, ((.., name, colour, dashes), times)) in CURVES.iter().zip(&curves).enumerate() {
        let stroke = format!("stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        let mut points = String::new();
        for (i, ms) in times.iter().enumerate() {
            write!(points, "{:.1},{:.1} ", x(i), y(*ms)).expect("a String takes everything");
        }
        svg::element(out, format!("<polyline fill=\"none\" {stroke} points=\"{}\"/>", points.trim_end()));
        let (x, y) = (WIDTH - RIGHT + 14.0, TOP + 14.0 + 22.0 * i as f64);
        let (to, above) = (x + 26.0, y - 4.0);
        svg::element(out, format!("<line x1=\"{x}\" y1=\"{above}\" x2=\"{to}\" y2=\"{above}\" {stroke}/>"));
        svg::element(out, format!("<text x=\"{}\" y=\"{y}\">{name}</text>", to + 8.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Latency;
    use labrt::time::Duration;

    #[test]
    fn each_panel_has_each_curve_inside_the_plot() {
        let cell = |system: System, loss: u32| {
            let commit = Duration::from_millis(10 + u64::from(loss));
            let latency = Latency { commit, apply: commit * 2 };
            Cell::of(system, vec![latency; 10], 2.0, 10.0)
        };
        let column = |loss| (Loss::percent(loss), System::ALL.map(|system| cell(system, loss)).into());
        let picture = svg(&[column(0), column(5), column(20)], Delay::ms(5));
        assert!(picture.contains("a message takes 5 ms"), "{picture}");
        assert_eq!(picture.matches("<polyline").count(), 2 * CURVES.len());
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && !picture.contains("NaN"));
        for points in picture.split("points=\"").skip(1) {
            let points = points.split('"').next().expect("there is a first part");
            let points: Vec<(f64, f64)> = points
                .split(' ')
                .map(|point| point.split_once(',').expect("two numbers"))
                .map(|(x, y)| (x.parse().expect("x"), y.parse().expect("y")))
                .collect();
            assert_eq!(points.len(), 3);
            let plot = (LEFT..=WIDTH - RIGHT, TOP..=HEIGHT - BOTTOM);
            assert!(points.iter().all(|(x, y)| plot.0.contains(x) && plot.1.contains(y)), "{points:?}");
            assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "with more loss it takes longer");
        }
    }
}
