//! A server that is cut off and comes back: two tables, and a picture of the first one.

use labapi::RaftPeer;
use labrt::time::Duration;
use labtest::partial::{CutOff, Role, cut_off};
use mit6824::raft::{Raft, Tuned};
use mit6824_experiments::svg;

use crate::{each, range};

/// For how long a follower is cut off, in seconds.
const TIMES: [u64; 4] = [1, 10, 60, 600];
/// For how long the leader is cut off, in seconds.
const LEADER_TIME: u64 = 60;
const OPTIONS: [&str; 4] = ["none", "PreVote", "CheckQuorum", "PreVote and CheckQuorum"];

const HEAD: &str = "\
| cut off for | option | its term rises by | elections after it came back | time without a leader after that |
|---|---|---:|---:|---:|";

/// The runs of one role, one time and one option.
struct Cell {
    seconds: u64,
    option: &'static str,
    runs: Vec<CutOff>,
}

/// Makes the runs, prints the tables, and returns the picture.
pub fn print(seed: u64, runs: u64) -> Result<String, String> {
    println!("A follower is cut off:\n\n{HEAD}");
    let mut cells = Vec::new();
    for seconds in TIMES {
        cells.extend(cells_of(Role::Follower, seconds, seed, runs)?);
    }
    println!("\nThe leader is cut off:\n\n{HEAD}");
    cells_of(Role::Leader, LEADER_TIME, seed, runs)?;
    Ok(svg(&cells))
}

/// Makes the runs of one role and one time with each of the [`OPTIONS`].
fn cells_of(role: Role, seconds: u64, seed: u64, runs: u64) -> Result<[Cell; 4], String> {
    Ok([
        cell::<Raft>(role, seconds, OPTIONS[0], seed, runs)?,
        cell::<Tuned<true, false>>(role, seconds, OPTIONS[1], seed, runs)?,
        cell::<Tuned<false, true>>(role, seconds, OPTIONS[2], seed, runs)?,
        cell::<Tuned<true, true>>(role, seconds, OPTIONS[3], seed, runs)?,
    ])
}

fn cell<R: RaftPeer>(
    role: Role,
    seconds: u64,
    option: &'static str,
    seed: u64,
    runs: u64,
) -> Result<Cell, String> {
    let runs = each(seed, runs, move || cut_off::<R>(role, Duration::from_secs(seconds)))
        .map_err(|error| format!("cut off for {seconds} s, {option}: {error}"))?;
    let cell = Cell { seconds, option, runs };
    println!("{}", cell.row());
    Ok(cell)
}

impl Cell {
    fn row(&self) -> String {
        let time = if self.option == OPTIONS[0] { duration(self.seconds) } else { String::new() };
        let ms = |run: &CutOff| run.without_leader.as_millis();
        format!(
            "| {time} | {} | {} | {} | {} ms |",
            self.option,
            range(self.runs.iter().map(|run| run.terms)),
            range(self.runs.iter().map(|run| run.elections)),
            range(self.runs.iter().map(ms))
        )
    }

    fn mean(&self, number: impl Fn(&CutOff) -> f64) -> f64 {
        self.runs.iter().map(number).sum::<f64>() / self.runs.len() as f64
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        60.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

const WIDTH: f64 = 760.0;
const PANEL: f64 = 250.0;
const LEFT: f64 = 90.0;
const BAR: f64 = 32.0;
const COLOURS: [&str; 4] = ["#d7191c", "#0571b0", "#e08214", "#008837"];

/// Draws two panels of bars: the mean rise of the term (its axis is logarithmic), and the mean time without a
/// leader.
fn svg(cells: &[Cell]) -> String {
    let height = 2.0 * PANEL + 40.0;
    let mut out = svg::open(WIDTH, height, "A follower that was cut off comes back");
    let terms = |cell: &Cell| cell.mean(|run| run.terms as f64);
    let most = cells.iter().map(terms).fold(1.0, f64::max);
    let share = |value: f64| (1.0 + value).log10() / (1.0 + most).log10();
    panel(&mut out, 0.0, "By how much the term of the follower rises (logarithmic)", cells, &|cell| {
        (share(terms(cell)), format!("{:.0}", terms(cell)))
    });
    let ms = |cell: &Cell| cell.mean(|run| run.without_leader.as_secs_f64() * 1000.0);
    let longest = cells.iter().map(ms).fold(1.0, f64::max);
    panel(&mut out, PANEL, "Time without a leader after the follower has come back (ms)", cells, &|cell| {
        (ms(cell) / longest, format!("{:.0}", ms(cell)))
    });
    for (i, (option, colour)) in OPTIONS.iter().zip(COLOURS).enumerate() {
        let (x, y) = (LEFT + 140.0 * i as f64, 2.0 * PANEL + 20.0);
        svg::element(
            &mut out,
            format!("<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"14\" fill=\"{colour}\"/>", y - 12.0),
        );
        svg::element(&mut out, format!("<text x=\"{}\" y=\"{y}\">{option}</text>", x + 20.0));
    }
    out + "</svg>\n"
}

fn panel(out: &mut String, top: f64, title: &str, cells: &[Cell], bar: &dyn Fn(&Cell) -> (f64, String)) {
    let (base, tallest) = (top + PANEL - 34.0, PANEL - 90.0);
    svg::element(
        out,
        format!(
            "<text x=\"{LEFT}\" y=\"{}\" font-size=\"15\" font-weight=\"bold\">{title}</text>",
            top + 24.0
        ),
    );
    svg::element(
        out,
        format!("<line x1=\"{LEFT}\" y1=\"{base}\" x2=\"{}\" y2=\"{base}\" stroke=\"#333\"/>", WIDTH - 20.0),
    );
    let group = (WIDTH - LEFT - 20.0) / TIMES.len() as f64;
    for cell in cells {
        let place = |name: &str| OPTIONS.iter().position(|option| *option == name).unwrap_or(0);
        let (nth, option) =
            (TIMES.iter().position(|it| *it == cell.seconds).unwrap_or(0), place(cell.option));
        let x = LEFT + group * nth as f64 + 20.0 + BAR * option as f64;
        let (share, label) = bar(cell);
        let length = share.clamp(0.0, 1.0) * tallest;
        let (y, colour) = (base - length, COLOURS[option]);
        svg::element(
            out,
            format!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{length:.1}\" fill=\"{colour}\"/>",
                BAR - 6.0
            ),
        );
        let middle = x + (BAR - 6.0) / 2.0;
        svg::element(
            out,
            format!("<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>", y - 5.0),
        );
        if option == 0 {
            let text = format!("cut off for {}", duration(cell.seconds));
            let middle = x + BAR * OPTIONS.len() as f64 / 2.0;
            svg::element(
                out,
                format!(
                    "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                    base + 18.0
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(seconds: u64, option: usize, terms: u64) -> Cell {
        let run = |terms| CutOff {
            terms,
            elections: 1,
            without_leader: Duration::from_millis(terms * 10),
            terms_of_the_group: terms + 1,
        };
        Cell { seconds, option: OPTIONS[option], runs: vec![run(terms), run(terms + 2)] }
    }

    #[test]
    fn a_row_shows_the_ranges() {
        assert_eq!(cell(60, 0, 20).row(), "| 1 min | none | 20 to 22 | 1 | 200 to 220 ms |");
        assert_eq!(cell(60, 1, 0).row(), "|  | PreVote | 0 to 2 | 1 | 0 to 20 ms |");
    }

    #[test]
    fn the_picture_has_a_bar_for_each_cell_in_each_panel() {
        let cells: Vec<Cell> = TIMES
            .iter()
            .flat_map(|&time| (0..OPTIONS.len()).map(move |option| cell(time, option, time)))
            .collect();
        let picture = svg(&cells);
        let bars = picture.matches("<rect x=").count();
        assert_eq!(bars, 2 * cells.len() + OPTIONS.len());
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.contains(">cut off for 10 min<") && !picture.contains("NaN"));
    }
}
