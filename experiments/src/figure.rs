//! The two halves of the paper's Figure 16: the ranges of election timeouts, and the results with each range.

use std::ops::Range;

use labrt::Run;
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;

use crate::trial::{Found, PATIENCE, trial};

/// A range of election timeouts: its beginning and its end, in milliseconds.
pub type Timeouts = (u64, u64);

/// One half of the figure.
pub struct Panel {
    /// The question that this half answers.
    pub title: &'static str,
    /// The ranges of timeouts.
    pub timeouts: &'static [Timeouts],
    /// The smallest and the largest time on the time axis, in milliseconds. Both are powers of ten.
    pub axis: (f64, f64),
}

/// The first half varies the randomness of the timeouts, and the second half varies their length.
pub const PANELS: [Panel; 2] = [
    Panel {
        title: "How much randomness?",
        timeouts: &[(150, 150), (150, 151), (150, 155), (150, 175), (150, 200), (150, 300)],
        axis: (10.0, 100_000.0),
    },
    Panel {
        title: "How long a timeout?",
        timeouts: &[(12, 24), (25, 50), (50, 100), (100, 200), (150, 300)],
        axis: (10.0, 1000.0),
    },
];

/// The trials with one range of timeouts.
pub struct Series {
    /// The range of timeouts.
    pub timeouts: Timeouts,
    /// The times without a leader, in milliseconds, in ascending order. Trials that elected no new leader are
    /// left out.
    pub times: Vec<f64>,
    /// How many trials there were.
    pub trials: u64,
    /// The number of trials in which the first election after the crash elected no leader.
    pub split: u64,
}

/// The header of a table. [`Series::row`] makes its rows.
pub const HEAD: &str = "\
| election timeout | least | median | mean | 90 % | 99 % | longest | more than one term |
|---|---:|---:|---:|---:|---:|---:|---:|";

impl Series {
    /// Runs the trials. Each trial has its own seed.
    ///
    /// # Errors
    /// If a trial fails. The error contains the message of the failure.
    pub fn measure(timeouts: Timeouts, one_way: Duration, seed: u64, trials: u64) -> Result<Series, String> {
        let found = (0..trials)
            .map(|i| once(timeouts, one_way, seed.wrapping_add(i)))
            .collect::<Result<Vec<_>, _>>()?;
        let split = found.iter().filter(|found| found.terms > 1).count() as u64;
        let mut times: Vec<f64> =
            found.iter().filter_map(|found| Some(found.without_leader?.as_secs_f64() * 1000.0)).collect();
        times.sort_by(f64::total_cmp);
        Ok(Series { timeouts, times, trials, split })
    }

    /// The range as text, for example `150-300 ms`.
    pub fn name(&self) -> String {
        format!("{}-{} ms", self.timeouts.0, self.timeouts.1)
    }

    /// One row of the table.
    pub fn row(&self) -> String {
        let at = |share: f64| self.quantile(share).map_or(too_long(), |ms| format!("{ms:.0} ms"));
        let mean = match self.times.len() as u64 == self.trials {
            true => format!("{:.0} ms", self.times.iter().sum::<f64>() / self.trials as f64),
            false => "-".to_owned(),
        };
        let split = 100.0 * self.split as f64 / self.trials as f64;
        format!(
            "| {} | {} | {} | {mean} | {} | {} | {} | {split:.1} % |",
            self.name(),
            at(0.0),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        )
    }

    /// The time within which this share of all trials elected a leader. It is `None` if too few trials
    /// elected a leader.
    fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.trials as f64).ceil().max(1.0) as usize;
        self.times.get(rank - 1).copied()
    }
}

fn too_long() -> String {
    format!("> {} s", PATIENCE.as_secs())
}

fn once((from, to): Timeouts, one_way: Duration, seed: u64) -> Result<Found, String> {
    let found = Arc::new(Mutex::new(None));
    let kept = found.clone();
    // Timers can be late by up to this time. In the tests the timers are up to 100 us late, but the timers of
    // a real machine are more exact.
    let run = Run { jitter: Duration::from_micros(10), ..Run::default() };
    let outcome = run.once(seed, move || {
        let result = trial(range(from, to), one_way);
        *kept.lock() = Some(result);
    });
    if let Some(failure) = outcome.failure {
        return Err(format!("{from}-{to} ms, seed {seed}: {}: {}", failure.thread, failure.message));
    }
    let found = found.lock().take();
    found.ok_or_else(|| format!("{from}-{to} ms, seed {seed}: the trial found nothing"))
}

/// In the paper, some ranges have the same beginning and end. For such a range, this function returns a range
/// with only this one value.
fn range(from: u64, to: u64) -> Range<Duration> {
    let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
    from..to.max(from + Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(times: &[f64], trials: u64) -> Series {
        Series { timeouts: (150, 300), times: times.to_vec(), trials, split: 1 }
    }

    #[test]
    fn a_row_shows_that_trials_ended_without_a_leader() {
        let row = series(&[80.0, 90.0, 100.0, 200.0], 4).row();
        assert_eq!(row, "| 150-300 ms | 80 ms | 90 ms | 118 ms | 200 ms | 200 ms | 200 ms | 25.0 % |");
        let row = series(&[80.0, 90.0], 4).row();
        assert_eq!(row, "| 150-300 ms | 80 ms | 90 ms | - | > 100 s | > 100 s | > 100 s | 25.0 % |");
    }

    #[cfg(feature = "sim")]
    #[test]
    fn a_trial_is_a_function_of_its_seed() {
        for seed in 1..20 {
            let found = once((150, 300), Duration::from_micros(750), seed).expect("a trial passes");
            assert_eq!(once((150, 300), Duration::from_micros(750), seed), Ok(found));
            let time = found.without_leader.expect("with this much randomness a leader is elected");
            // The leader crashes between two heartbeats, and a heartbeat interval is half the shortest
            // timeout. So the followers notice the crash at the earliest after half a timeout.
            let least = Duration::from_millis(75);
            assert!(time > least && time < Duration::from_secs(5), "seed {seed}: {time:?}");
            assert!(found.terms >= 1);
        }
    }
}
