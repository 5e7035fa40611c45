//! Results as text.

use std::fmt::Write as _;

use mit6824_benches::{Samples, format_ns};

use crate::plan::{Cell, Outcome, System, Values};

/// One measurement of a round, with its result.
pub struct Row {
    pub round: u32,
    pub cell: Cell,
    pub outcome: Outcome,
    /// How often the measurement was repeated, because it had failed.
    pub repeats: u32,
}

/// The values of a rate that was measured in each second: the mean, and the rate of the last second as a
/// share of the rate of the first one. If there was only one second, there is no such share.
pub fn of_seconds(rates: &[u64]) -> Values {
    let mut values =
        Values::from([("rate".to_owned(), rates.iter().sum::<u64>() as f64 / rates.len() as f64)]);
    if let [first, .., last] = *rates {
        values.insert("last_over_first".to_owned(), last as f64 / first as f64);
    }
    values
}

/// A rate or a time, in a form that is easy to read.
pub fn shown(cell: Cell, value: f64) -> String {
    if cell.what.is_rate() { format!("{value:.0}/s") } else { format_ns(value) }
}

/// A table of all results: a line for each measurement, with the median, the least and the greatest value.
/// For another system, the line ends with this project's value divided by the other one's value, by round. If
/// measurements were repeated, a last line says how often.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut cells: Vec<Cell> = Vec::new();
    for row in rows {
        if !cells.contains(&row.cell) {
            cells.push(row.cell);
        }
    }
    let _ = writeln!(
        text,
        "{:<30}{:>12}{:>12}{:>12}{:>12}  ours over it, by round",
        "", "median", "least", "greatest", "hand-over"
    );
    for &cell in &cells {
        let values = values(rows, cell);
        let samples: Samples = values.iter().map(|(_, value)| *value).collect();
        let floor: Samples =
            rows.iter().filter(|row| row.cell == cell).map(|row| row.outcome.hand_over_ns).collect();
        let [median, min, max] =
            [samples.median(), samples.min(), samples.max()].map(|value| shown(cell, value));
        let floor = format_ns(floor.median());
        let ratios = ratios(rows, cell);
        let name = cell.to_string();
        let _ = writeln!(text, "{name:<30}{median:>12}{min:>12}{max:>12}{floor:>12}  {ratios}");
    }
    let repeats: u32 = rows.iter().map(|row| row.repeats).sum();
    if repeats > 0 {
        let _ = writeln!(text, "measurements that failed and were repeated: {repeats}");
    }
    text
}

/// The most important value of each round.
fn values(rows: &[Row], cell: Cell) -> Vec<(u32, f64)> {
    let value = |row: &Row| Some((row.round, *row.outcome.values.get(cell.what.value())?));
    rows.iter().filter(|row| row.cell == cell).filter_map(value).collect()
}

fn ratios(rows: &[Row], cell: Cell) -> String {
    if cell.system == System::Ours {
        return String::new();
    }
    let ours = values(rows, Cell { system: System::Ours, ..cell });
    let ratio = |&(round, theirs): &(u32, f64)| {
        let (_, ours) = ours.iter().find(|(other, _)| *other == round)?;
        Some(format!("{:.2}", ours / theirs))
    };
    values(rows, cell).iter().filter_map(ratio).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_ratio_of_each_round() {
        let row = |round, system: &str, rate: f64| Row {
            round,
            cell: format!("put/{system}/3/32").parse().expect("it is a cell"),
            outcome: Outcome { hand_over_ns: 5000.0, values: of_seconds(&[rate as u64, rate as u64]) },
            repeats: round,
        };
        let rows = [
            row(0, "ours", 100.0),
            row(0, "openraft", 200.0),
            row(1, "openraft", 50.0),
            row(1, "ours", 100.0),
        ];
        let text = table(&rows);
        let line = text.lines().find(|line| line.starts_with("put/openraft/3/32")).expect("there is a line");
        assert!(line.ends_with("0.50 2.00") && line.contains("125/s") && line.contains("5.00 us"), "{text}");
        assert!(text.ends_with("repeated: 2\n"), "{text}");
    }

    #[test]
    fn a_rate_that_falls_shows_it() {
        let values = of_seconds(&[100, 80, 60]);
        assert_eq!((values["rate"], values["last_over_first"]), (80.0, 0.6));
        assert_eq!(of_seconds(&[100]).get("last_over_first"), None);
        assert_eq!(shown("put/ours/3/1".parse().expect("a cell"), 80.0), "80/s");
        assert_eq!(shown("call/ours/1/1".parse().expect("a cell"), 300.0), "300 ns");
    }
}
