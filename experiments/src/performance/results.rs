//! The results of the measurements.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The result of one measurement.
#[derive(Clone, Debug, Deserialize)]
pub struct Measured {
    /// The group of measurements to which it belongs.
    pub piece: String,
    /// What was measured.
    pub what: String,
    /// Which system was measured.
    #[serde(default)]
    pub system: String,
    /// How many servers there were, or how many groups of servers.
    #[serde(default)]
    pub servers: u32,
    /// How many clients there were.
    #[serde(default)]
    pub clients: u32,
    /// The number of the round.
    #[serde(default)]
    pub round: u32,
    /// How often the measurement was repeated, because it had failed.
    #[serde(default)]
    pub repeats: u32,
    /// The cost of a hand-over between two cores, measured just before and after.
    #[serde(default)]
    pub hand_over_ns: Option<f64>,
    /// The values by name.
    pub values: BTreeMap<String, f64>,
}

/// All results of a run.
#[derive(Default)]
pub struct Results(Vec<Measured>);

impl Results {
    /// Adds results: one JSON object a line.
    ///
    /// # Errors
    /// If a line is no result. The error has the number of the line.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let measured = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
            self.0.push(measured);
        }
        Ok(())
    }

    /// The pieces that have results, in the order of the results.
    pub fn pieces(&self) -> Vec<String> {
        let mut pieces = Vec::new();
        for measured in &self.0 {
            if !pieces.contains(&measured.piece) {
                pieces.push(measured.piece.clone());
            }
        }
        pieces
    }

    /// The results that `wanted` chooses.
    pub fn only(&self, wanted: impl Fn(&Measured) -> bool) -> Results {
        Results(self.0.iter().filter(|measured| wanted(measured)).cloned().collect())
    }

    /// The results of one piece.
    pub fn of(&self, piece: &str) -> Results {
        self.only(|measured| measured.piece == piece)
    }

    /// The results of one system.
    pub fn by(&self, system: &str) -> Results {
        self.only(|measured| measured.system == system)
    }

    /// Are there no results?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The different numbers of clients, in ascending order.
    pub fn clients(&self) -> Vec<u32> {
        let mut clients: Vec<u32> = self.0.iter().map(|measured| measured.clients).collect();
        clients.sort_unstable();
        clients.dedup();
        clients
    }

    /// The median and the limits of a value. It is `None` if no result has this value.
    pub fn spread(&self, value: &str) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(|measured| measured.values.get(value).copied()))
    }

    /// The median and the limits of the cost of a hand-over.
    pub fn hand_over(&self) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(|measured| measured.hand_over_ns))
    }

    /// How many measurements failed and were repeated.
    pub fn repeats(&self) -> u32 {
        self.0.iter().map(|measured| measured.repeats).sum()
    }

    /// The same results, but as those of another system.
    pub fn renamed(mut self, system: &str) -> Results {
        self.0.iter_mut().for_each(|measured| system.clone_into(&mut measured.system));
        self
    }

    /// These results, and then the others.
    pub fn and(mut self, others: Results) -> Results {
        self.0.extend(others.0);
        self
    }

    /// In each round, this value divided by the value in `other`.
    pub fn over(&self, other: &Results, value: &str) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(|measured| {
            let same = other.0.iter().find(|it| it.round == measured.round)?;
            Some(measured.values.get(value)? / same.values.get(value)?)
        }))
    }

    /// The value of each round, in the order of the rounds.
    pub fn rounds(&self, value: &str) -> Vec<f64> {
        let mut rounds: Vec<(u32, f64)> = self
            .0
            .iter()
            .filter_map(|measured| Some((measured.round, *measured.values.get(value)?)))
            .collect();
        rounds.sort_by_key(|(round, _)| *round);
        rounds.into_iter().map(|(_, value)| value).collect()
    }
}

/// The median of some samples, and the least and the greatest one. The median of two samples is their mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least sample.
    pub least: f64,
    /// The sample in the middle.
    pub median: f64,
    /// The greatest sample.
    pub greatest: f64,
}

impl Spread {
    fn of(samples: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = samples.collect();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Some(Spread { least, median, greatest })
    }

    /// The median and the limits as text. If the least and the greatest sample have the same text, only the
    /// median.
    pub fn text(&self, write: impl Fn(f64) -> String) -> String {
        let [least, median, greatest] = [self.least, self.median, self.greatest].map(write);
        match least == greatest {
            true => median,
            false => format!("{median} ({least} to {greatest})"),
        }
    }
}

/// A number with commas: `68,300`, `35`, `0.84`. From 100 on it has three digits that count, and below 100 it
/// has two.
pub fn number(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0" } else { "-" }.to_owned();
    }
    if value < 100.0 {
        let digits = if value < 1.0 { 2 } else { usize::from(value < 10.0) };
        return format!("{value:.digits$}");
    }
    let step = 10_f64.powf(value.log10().floor() - 2.0);
    let digits = format!("{:.0}", (value / step).round() * step);
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A ratio: `0.84`, `1.90`.
pub fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

/// A time in nanoseconds, in a unit that is easy to read: `0.3 us`.
pub fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        _ if ns < 1e3 => (ns, "ns"),
        _ if ns < 1e6 => (ns / 1e3, "us"),
        _ if ns < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{} {unit}", number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let line = |system: &str, round: u32, rate: f64| {
            format!(
                "{{\"piece\":\"kv\",\"what\":\"put\",\"system\":\"{system}\",\"servers\":3,\"clients\":32,\
                 \"round\":{round},\"hand_over_ns\":5000.0,\"values\":{{\"rate\":{rate}}}}}\n"
            )
        };
        let mut results = Results::default();
        let lines = [
            line("ours", 0, 50.0),
            line("openraft", 0, 100.0),
            line("openraft", 1, 200.0),
            line("ours", 1, 300.0),
        ];
        results.add(&lines.concat()).expect("they are results");
        results
    }

    #[test]
    fn ratios_are_those_of_one_round() {
        let (ours, openraft) = (results().by("ours"), results().by("openraft"));
        let spread = ours.over(&openraft, "rate").expect("there are two rounds");
        assert_eq!(spread, Spread { least: 0.5, median: 1.0, greatest: 1.5 });
        assert_eq!(openraft.rounds("rate"), [100.0, 200.0]);
        assert_eq!(ours.hand_over().map(|it| it.text(time)), Some("5.0 us".to_owned()));
        assert_eq!((results().pieces(), results().clients()), (vec!["kv".to_owned()], vec![32]));
        assert!(ours.spread("ns").is_none() && results().of("floor").is_empty());
    }

    #[test]
    fn a_wrong_line_has_its_number() {
        let error = Results::default().add("\n{\"piece\":1}").expect_err("it is no result");
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [68_349.0, 1_234_567.0, 123.4, 12.34, 1.234, 0.1234, 0.0, f64::NAN].map(number);
        assert_eq!(shown, ["68,300", "1,230,000", "123", "12", "1.2", "0.12", "0", "-"]);
        assert_eq!(
            [312.0, 1_420.0, 29_000.0, 8.4e7, 1.5e9].map(time),
            ["312 ns", "1.4 us", "29 us", "84 ms", "1.5 s"]
        );
        let spread = Spread { least: 100.0, median: 150.0, greatest: 300.0 };
        assert_eq!(spread.text(number), "150 (100 to 300)");
    }
}
