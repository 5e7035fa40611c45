//! Shows the progress of a campaign: a live line on a terminal, or otherwise a plain line every few seconds.
//!
//! Progress goes to stderr, results go to stdout. If the program that reads stdout ends (`| head`), the
//! campaign ends, too.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::run::Stop;

/// The time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The live display.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    since: Instant,
    told: Instant,
    stop: Stop,
}

impl Progress {
    /// The display of a campaign of `total` runs.
    pub fn new(total: u64, stop: Stop) -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:30} {msg}").expect("the template is valid");
            bar.with_style(style.progress_chars("=> "))
        });
        let now = Instant::now();
        Progress { bar, total, since: now, told: now, stop }
    }

    /// The time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Writes a line of the results to stdout.
    pub fn line(&self, text: &str) {
        let write = || writeln!(io::stdout(), "{text}");
        let written = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        if written.is_err() {
            self.stop.interrupt(signal_hook::consts::SIGPIPE);
        }
    }

    /// Shows how far the campaign is.
    pub fn show(&mut self, done: u64, failed: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(summary(done, failed, self.total, self.since.elapsed()));
            }
            None if self.told.elapsed() >= PLAIN_EVERY => {
                self.told = Instant::now();
                // If stderr is closed, nobody needs the line. So an error is ignored.
                let _ = writeln!(io::stderr(), "{}", summary(done, failed, self.total, self.since.elapsed()));
            }
            None => {}
        }
    }

    /// Removes the live line.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn summary(done: u64, failed: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-3);
    let left = match done {
        0 => "?".to_owned(),
        _ => clock(Duration::from_secs_f64((total.saturating_sub(done) as f64 / rate).min(1e9))),
    };
    format!("{done}/{total} done, {failed} failed, {rate:.1}/s, {left} left")
}

fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_rate_and_time_left() {
        let text = summary(10, 1, 100, Duration::from_secs(5));
        assert_eq!(text, "10/100 done, 1 failed, 2.0/s, 0:45 left");
        assert!(summary(0, 0, 100, Duration::ZERO).ends_with("? left"));
        assert_eq!(clock(Duration::from_secs(3725)), "1:02:05");
    }
}
