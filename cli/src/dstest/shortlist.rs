//! Decides which failures are kept with log, trace and page: the few shortest runs for each cause in each
//! test.
//!
//! If a bug makes every tenth run fail, a campaign can have thousands of failures with the same message. One
//! or two of them are enough to understand the bug, and a person can read the log of a short run faster. Two
//! failures have the same cause if the first lines of their messages differ only in numbers and quoted
//! values.

use std::collections::BTreeMap;

use super::run::Run;

/// How many failures of one test are kept at most, for all causes together. Messages can contain random
/// words. Then each failure has a cause of its own, and without this limit all failures would be kept.
pub const MOST_OF_A_TEST: usize = 20;

/// The failures of a campaign that are kept.
pub struct Shortlist {
    each: usize,
    tests: Vec<BTreeMap<String, Vec<Candidate>>>,
}

/// A failure that can be kept. The shortest runs are kept. If two runs have the same length, the run with the
/// smaller seed comes first.
#[derive(Clone, Copy, PartialEq)]
struct Candidate {
    /// How long the run took on its own clock. If the process died, this is not known, and the value is
    /// infinite.
    seconds: f64,
    seed: u64,
}

/// What is done with a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The failure is kept.
    Kept,
    /// The failure is kept. The failure with this seed is not kept any more.
    Instead(u64),
    /// The failure is only counted.
    Counted,
}

impl Shortlist {
    /// Makes an empty list for `tests` tests. `each` is the number of failures that are kept for each cause
    /// in each test.
    pub fn new(tests: usize, each: usize) -> Shortlist {
        Shortlist { each, tests: vec![BTreeMap::new(); tests] }
    }

    /// Decides whether a failed run is kept, and notes the run if it is kept.
    pub fn offer(&mut self, run: &Run) -> Place {
        let kept: usize = self.tests[run.test].values().map(Vec::len).sum();
        let candidate = Candidate { seconds: run.seconds.unwrap_or(f64::INFINITY), seed: run.seed };
        let same = self.tests[run.test].entry(cause(&run.message)).or_default();
        let before =
            |a: &Candidate, b: &Candidate| a.seconds.total_cmp(&b.seconds).then(a.seed.cmp(&b.seed)).is_lt();
        let at = same.iter().take_while(|other| before(other, &candidate)).count();
        if at == self.each || (same.len() < self.each && kept >= MOST_OF_A_TEST) {
            return Place::Counted;
        }
        same.insert(at, candidate);
        match same.len() > self.each {
            true => same.pop().map_or(Place::Kept, |last| Place::Instead(last.seed)),
            false => Place::Kept,
        }
    }

    /// Whether the failure with this seed is still kept.
    pub fn holds(&self, test: usize, seed: u64) -> bool {
        self.tests[test].values().flatten().any(|candidate| candidate.seed == seed)
    }
}

/// The cause of a failure, from its message: the first line, with `#` in place of each number and `"#"` in
/// place of each quoted value. The quoted values are often random data that a client has written in this run.
pub fn cause(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let parts: Vec<&str> = line.split('"').collect();
    // The parts with odd numbers are between two quotation marks. If the last quotation mark opens a value
    // that is never closed, the rest counts as text.
    let is_quoted = |number: usize| number % 2 == 1 && number + 1 < parts.len();
    let plain = |(number, part)| match is_quoted(number) {
        true => "#".to_owned(),
        false => without_numbers(part),
    };
    parts.iter().copied().enumerate().map(plain).collect::<Vec<String>>().join("\"")
}

/// The text, with `#` in place of each number.
fn without_numbers(text: &str) -> String {
    let (mut found, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        found += &rest[..at];
        found.push('#');
        rest = match rest[at..].strip_prefix("0x") {
            Some(hex) => hex.trim_start_matches(|c: char| c.is_ascii_hexdigit()),
            None => rest[at..].trim_start_matches(|c: char| c.is_ascii_digit()),
        };
    }
    found + rest
}

#[cfg(test)]
mod tests {
    use super::super::run::How;
    use super::*;

    fn failure(seed: u64, seconds: Option<f64>, message: &str) -> Run {
        Run {
            test: 0,
            seed,
            passed: false,
            kept: false,
            how: How::Reported,
            hash: None,
            seconds,
            cpu: None,
            message: message.to_owned(),
            replay: String::new(),
            warnings: 0,
        }
    }

    #[test]
    fn numbers_make_no_difference() {
        assert_eq!(cause("S2 raft-10: term 7 at 1.5 s\nmore"), "S# raft-#: term # at #.# s");
        assert_eq!(cause("hash 0xdeadbeef, not 0xbad"), "hash #, not #");
        assert_eq!(cause("no numbers"), "no numbers");
        assert_eq!(cause(""), "");
    }

    #[test]
    fn quoted_values_make_no_difference() {
        assert_eq!(cause("missing \"x 1 5 y\" in \"x 0\", client 3"), "missing \"#\" in \"#\", client #");
        assert_eq!(cause("an open \"mark 7"), "an open \"mark #");
    }

    #[test]
    fn the_shortest_of_each_cause_are_kept() {
        let mut list = Shortlist::new(1, 2);
        assert_eq!(list.offer(&failure(9, Some(5.0), "term 1")), Place::Kept);
        assert_eq!(list.offer(&failure(8, Some(5.0), "term 2")), Place::Kept);
        assert_eq!(list.offer(&failure(10, Some(5.0), "term 3")), Place::Counted);
        assert_eq!(list.offer(&failure(7, Some(5.0), "term 4")), Place::Instead(9));
        assert_eq!(list.offer(&failure(99, Some(1.0), "term 5")), Place::Instead(8));
        assert_eq!(list.offer(&failure(1, None, "term 6")), Place::Counted);
        assert_eq!(list.offer(&failure(1, None, "died")), Place::Kept);
        let held: Vec<u64> = (0..100).filter(|seed| list.holds(0, *seed)).collect();
        assert_eq!(held, [1, 7, 99]);
    }

    #[test]
    fn a_test_with_many_causes_has_a_limit() {
        let mut list = Shortlist::new(1, 3);
        let causes: Vec<String> = ('a'..='z').map(String::from).collect();
        let kept = causes.iter().filter(|c| list.offer(&failure(1, Some(1.0), c)) == Place::Kept).count();
        assert_eq!(kept, MOST_OF_A_TEST);
        assert_eq!(list.offer(&failure(0, Some(1.0), "a")), Place::Counted);
    }
}
