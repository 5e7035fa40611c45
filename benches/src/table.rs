//! Small tables of results, printed to stdout.

use crate::samples::{Samples, format_ns};
use std::fmt;

/// A table has rows under a heading. Each column is as wide as necessary.
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of times. Its columns are the name, the min, the median, the median in hand-overs, and the
    /// aim.
    pub fn of_times(title: impl Into<String>) -> Table {
        Table::new(title, &["", "min", "median", "hand-overs", "aim"])
    }

    /// A table of rates. Its columns are the name, the worst, median and best sample, and the aim.
    pub fn of_rates(title: impl Into<String>, unit: &str) -> Table {
        Table::new(title, &[unit, "worst", "median", "best", "aim"])
    }

    fn new(title: impl Into<String>, heads: &[&str]) -> Table {
        Table { title: title.into(), rows: vec![heads.iter().map(|head| (*head).to_string()).collect()] }
    }

    /// Adds a row of times in nanoseconds. `hand_overs` is the median of the times, as a number of
    /// hand-overs. It is `None` if this value is not useful.
    pub fn time(&mut self, what: &str, times: &Samples, hand_overs: Option<f64>, aim: &str) {
        let ratio = hand_overs.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        self.row([
            what.to_string(),
            format_ns(times.min()),
            format_ns(times.median()),
            ratio,
            aim.to_string(),
        ]);
    }

    /// Adds a row of rates.
    pub fn rate(&mut self, what: &str, rates: &Samples, aim: &str) {
        let shown = [rates.min(), rates.median(), rates.max()].map(|rate| format!("{rate:.0}"));
        let [worst, median, best] = shown;
        self.row([what.to_string(), worst, median, best, aim.to_string()]);
    }

    /// Adds a row of ratios.
    pub fn ratio(&mut self, what: &str, ratios: &Samples, aim: &str) {
        let shown = [ratios.min(), ratios.median(), ratios.max()].map(|ratio| format!("x {ratio:.2}"));
        let [least, median, most] = shown;
        self.row([what.to_string(), least, median, most, aim.to_string()]);
    }

    fn row(&mut self, cells: [String; 5]) {
        self.rows.push(cells.into());
    }
}

/// The first column is aligned to the left, and the numbers are aligned to the right. The aim follows them.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| self.rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        writeln!(f, "{}", self.title)?;
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line += &format!("  {cell:<width$}"),
                    _ if column + 1 == columns => line += &format!("  {cell}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_below_their_heads() {
        let mut table = Table::of_times("calls");
        let times = [1500.0, 2500.0].into_iter().collect();
        table.time("inline", &times, Some(0.25), "1.5 us");
        let text = "calls\n              min   median  hand-overs  aim\n  inline  1.50 us  2.00 us        0.25  1.5 us\n";
        assert_eq!(table.to_string(), text);
    }
}
