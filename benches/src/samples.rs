//! Samples of a quantity, and their summary.

use labrt::time::{Duration, Instant};

/// Samples of one quantity: nanoseconds, a rate or a ratio.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// An empty value, without samples.
    pub fn new() -> Samples {
        Samples::default()
    }

    /// Adds a sample.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a time, in nanoseconds.
    pub fn push_time(&mut self, time: Duration) {
        self.push(time.as_nanos() as f64);
    }

    /// The smallest sample, or NaN if there is no sample.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The largest sample, or NaN if there is no sample.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The median, or NaN if there is no sample.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n.is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        }
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Samples {
        Samples(values.into_iter().collect())
    }
}

/// Calls the function `f`. `count` is the number of calls. Returns the mean time of one call, in nanoseconds.
pub fn time_each(count: u32, mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        f();
    }
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

/// Writes a time in a unit that is easy to read, for example `1.42 us`.
pub fn format_ns(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.0} ns"),
        _ if ns < 1e5 => format!("{:.2} us", ns / 1e3),
        _ if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        _ => format!("{:.2} ms", ns / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([3.0, 1.0, 2.0].into_iter().collect::<Samples>().median(), 2.0);
        assert_eq!([4.0, 1.0, 2.0, 3.0].into_iter().collect::<Samples>().median(), 2.5);
        assert!(Samples::new().median().is_nan());
    }

    #[test]
    fn times_have_three_digits_or_so() {
        let shown = [850.0, 1_420.0, 420_000.0, 10_300_000.0].map(format_ns);
        assert_eq!(shown, ["850 ns", "1.42 us", "420 us", "10.30 ms"]);
    }
}
