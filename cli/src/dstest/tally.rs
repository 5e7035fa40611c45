//! The figures of a campaign: how many runs were made, how many failed, how long they took, and what these
//! numbers say about the failure rate.

use super::run::Run;

/// Mean and standard deviation of a growing sample, by Welford's recurrence.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Sample {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    fn deviation(&self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }
}

#[derive(Clone, Debug, Default)]
struct Row {
    name: String,
    failed: u64,
    total: u64,
    abandoned: u64,
    warnings: u64,
    seconds: Sample,
    cpu: Sample,
}

/// The figures of a campaign.
pub struct Tally {
    rows: Vec<Row>,
}

impl Tally {
    /// Makes an empty tally for tests with these names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Tally {
        Tally { rows: names.into_iter().map(|name| Row { name, ..Row::default() }).collect() }
    }

    /// Counts a run.
    pub fn add(&mut self, run: &Run) {
        let row = &mut self.rows[run.test];
        row.total += 1;
        row.failed += u64::from(!run.passed);
        row.warnings += run.warnings;
        if let Some(seconds) = run.seconds {
            row.seconds.add(seconds);
        }
        if let Some(cpu) = run.cpu {
            row.cpu.add(cpu);
        }
    }

    /// Counts runs that will not be made.
    pub fn abandon(&mut self, test: usize, runs: u64) {
        self.rows[test].abandoned += runs;
    }

    /// How many runs have ended.
    pub fn total(&self) -> u64 {
        self.rows.iter().map(|r| r.total).sum()
    }

    /// How many runs have failed.
    pub fn failed(&self) -> u64 {
        self.rows.iter().map(|r| r.failed).sum()
    }

    /// How many runs will not be made.
    pub fn abandoned(&self) -> u64 {
        self.rows.iter().map(|r| r.abandoned).sum()
    }

    /// How many warnings all runs together have printed.
    pub fn warnings(&self) -> u64 {
        self.rows.iter().map(|r| r.warnings).sum()
    }

    /// The table, with a line for each test. `clock` is `virtual` or `real`: the seconds in the table are
    /// those of this clock. If there are warnings, the table has a column for them.
    pub fn table(&self, clock: &str) -> String {
        let seconds = format!("{clock} s, mean ± sd");
        let head = ["test", "failed", "total", "warnings", &seconds, "CPU s, mean", "failure rate (95 %)"];
        let mut lines = vec![head.map(str::to_owned).to_vec()];
        lines.extend(self.rows.iter().map(line));
        if self.rows.len() > 1 {
            let totals = [self.failed(), self.total(), self.warnings()].map(|n| n.to_string());
            lines.push(["all".to_owned()].into_iter().chain(totals).collect());
        }
        if self.warnings() == 0 {
            lines.iter_mut().for_each(|cells| drop(cells.remove(WARNINGS)));
        }
        aligned(&lines)
    }

    /// A sentence that says what the number of failures tells about the failure rate.
    pub fn statement(&self) -> String {
        let (failed, total) = (self.failed(), self.total());
        if total == 0 {
            return "nothing was run".to_owned();
        }
        if failed == 0 {
            let bound = 3.0 / total as f64;
            let text = format!("0 of {total} failed");
            if bound >= 1.0 {
                return format!("{text}: too few runs to say anything about the failure rate");
            }
            return format!(
                "{text}: with 95 % confidence the failure rate is below 3/{total} = {}",
                percent(bound)
            );
        }
        let (low, high) = wilson(failed, total);
        let rate = percent(failed as f64 / total as f64);
        let (low, high) = (percent(low), percent(high));
        format!(
            "{failed} of {total} failed: observed failure rate {rate}, 95 % interval {low} to {high} (Wilson)"
        )
    }
}

/// The index of the column for warnings. This column is left out if there are no warnings.
const WARNINGS: usize = 3;

fn line(row: &Row) -> Vec<String> {
    let seconds = match row.seconds.count {
        0 => "-".to_owned(),
        _ => format!("{:.3} ± {:.3}", row.seconds.mean, row.seconds.deviation()),
    };
    let cpu = if row.cpu.count == 0 { "-".to_owned() } else { format!("{:.4}", row.cpu.mean) };
    let counts = [row.failed, row.total, row.warnings].map(|n| n.to_string());
    [row.name.clone()].into_iter().chain(counts).chain([seconds, cpu, rate(row)]).collect()
}

fn rate(row: &Row) -> String {
    match (row.failed, row.total) {
        (_, 0) => "-".to_owned(),
        (0, total) if total <= 3 => "-".to_owned(),
        (0, total) => format!("< {}", percent(3.0 / total as f64)),
        (failed, total) => {
            let (low, high) = wilson(failed, total);
            format!("{} to {}", percent(low), percent(high))
        }
    }
}

/// Prints lines of cells as a table. The first column is aligned to the left, and the other columns are
/// aligned to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let width =
        |column| lines.iter().filter_map(|l| l.get(column)).map(|cell: &String| cell.chars().count()).max();
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let mut out = String::new();
    for cells in lines {
        let mut text = format!("{:<w$}", cells[0], w = widths[0]);
        for (cell, w) in cells.iter().zip(&widths).skip(1) {
            text += &format!("  {cell:>w$}");
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}

/// The interval in which the failure rate lies with a confidence of 95 % (Wilson's score interval).
fn wilson(failed: u64, total: u64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    let (k, n) = (failed as f64, total as f64);
    let (p, zz) = (k / n, Z * Z);
    let center = (p + zz / (2.0 * n)) / (1.0 + zz / n);
    let half = Z / (1.0 + zz / n) * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    ((center - half).max(0.0), (center + half).min(1.0))
}

/// Prints a proportion in percent, with at least two significant digits.
fn percent(p: f64) -> String {
    let percent = p * 100.0;
    match percent {
        x if x >= 10.0 => format!("{x:.1} %"),
        x if x >= 1.0 || x == 0.0 => format!("{x:.2} %"),
        x => {
            let digits = (1.0 - x.log10().floor()).clamp(2.0, 12.0) as usize;
            format!("{x:.digits$} %")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::How;
    use super::*;

    fn run(passed: bool, seconds: f64) -> Run {
        Run {
            test: 0,
            seed: 1,
            passed,
            kept: false,
            how: How::Reported,
            hash: None,
            seconds: Some(seconds),
            cpu: Some(0.5),
            message: String::new(),
            replay: String::new(),
            warnings: 0,
        }
    }

    #[test]
    fn mean_and_deviation() {
        let mut sample = Sample::default();
        for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            sample.add(value);
        }
        assert!((sample.mean - 5.0).abs() < 1e-12);
        assert!((sample.deviation() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn wilson_agrees_with_the_literature() {
        let (low, high) = wilson(1, 10);
        assert!((low - 0.0179).abs() < 1e-3 && (high - 0.4042).abs() < 1e-3, "{low} {high}");
        assert!(wilson(10, 10).1 > 0.999_999);
    }

    #[test]
    fn the_statement_follows_the_figures() {
        let mut tally = Tally::new(["x".to_owned()]);
        assert_eq!(tally.statement(), "nothing was run");
        tally.add(&run(true, 1.0));
        assert!(tally.statement().contains("too few"));
        for _ in 1..300 {
            tally.add(&run(true, 1.0));
        }
        assert_eq!(
            tally.statement(),
            "0 of 300 failed: with 95 % confidence the failure rate is below 3/300 = 1.00 %"
        );
        tally.add(&run(false, 1.0));
        assert!(
            tally
                .statement()
                .starts_with("1 of 301 failed: observed failure rate 0.33 %, 95 % interval 0.059 % to")
        );
    }

    #[test]
    fn the_table_is_aligned() {
        let mut tally = Tally::new(["short".to_owned(), "a_longer_name".to_owned()]);
        tally.add(&run(true, 1.0));
        tally.add(&run(false, 2.0));
        let table = tally.table("virtual");
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "test           failed  total  virtual s, mean ± sd  CPU s, mean  failure rate (95 %)"
        );
        assert_eq!(
            lines[1],
            "short               1      2         1.500 ± 0.707       0.5000     9.45 % to 90.5 %"
        );
        assert_eq!(
            lines[2],
            "a_longer_name       0      0                     -            -                    -"
        );
        assert_eq!(lines[3], "all                 1      2");
        tally.add(&Run { warnings: 12, ..run(true, 3.0) });
        let table = tally.table("virtual");
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("test           failed  total  warnings  virtual s"), "{table}");
        assert!(lines[1].starts_with("short               1      3        12         2.000"), "{table}");
        assert!(lines[2].starts_with("a_longer_name       0      0         0          "), "{table}");
        assert_eq!(lines[3], "all                 1      3        12");
    }
}
