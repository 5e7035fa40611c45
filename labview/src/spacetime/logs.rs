//! The logs of Raft servers, as far as they are known from the events.
//!
//! Most logs have the same first entries as an earlier log of this server or of another server. So all logs
//! are kept in one tree, in which equal beginnings are stored only once. A [`TermRun`] is a sequence of
//! entries of one term, and it refers to the term run before it. A [`Log`] refers to its last term run. So
//! the space that a log takes does not depend on its length. Two logs have the same beginning if and only if
//! they share the term runs of this beginning.

use labrt::collections::HashMap;

/// Entries of one term, from index `first` on, after the entries of the term run `before`. A term run does
/// not store the index of its last entry: this index follows from the next term run or from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TermRun {
    /// The term of the entries.
    pub term: u64,
    /// The index of the first entry.
    pub first: u64,
    /// The term run before this one. `None` if the log begins here, or if nothing is known about the earlier
    /// entries.
    pub before: Option<usize>,
}

/// A log at a certain time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The term run with the log's last entries; `None` if the log has no entries.
    pub run: Option<usize>,
    /// The index of the last entry. If there are no entries, it is the last index of the snapshot.
    pub last: u64,
    /// The last index that the snapshot covers. The log begins after it.
    pub start: u64,
    /// The term of the entry at `start`; 0 if there is no snapshot, or if the term is not known.
    pub start_term: u64,
}

/// The term runs of all logs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// All term runs. A term run comes after its `before` in this list.
    pub all: Vec<TermRun>,
    places: HashMap<TermRun, usize>,
}

impl Runs {
    /// A log that has only a snapshot up to `start`.
    pub fn empty(start: u64, start_term: u64) -> Log {
        Log { run: None, last: start, start, start_term }
    }

    /// If the log has entries after index `last`, removes these entries.
    pub fn cut(&self, log: &mut Log, last: u64) {
        if last >= log.last {
            return;
        }
        log.last = last.max(log.start);
        while let Some(run) = log.run {
            if self.all[run].first <= log.last && log.last > log.start {
                break;
            }
            log.run = self.all[run].before;
            if log.last <= log.start {
                log.run = None;
            }
        }
    }

    /// Puts entries with these `terms` at the indices `first` to `last`, and drops all old entries from
    /// `first` on. The text `1*2,3` means two entries of term 1 and then one entry of term 3.
    ///
    /// # Errors
    /// If the number of terms is not the number of indices.
    pub fn append(&mut self, log: &mut Log, first: u64, last: u64, terms: &str) -> Result<(), String> {
        let runs = parse_terms(terms)?;
        let count: u64 = runs.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count));
        if first == 0 || last.checked_add(1).and_then(|end| end.checked_sub(first)) != Some(count) {
            return Err(format!("{count} terms for the entries {first} to {last}"));
        }
        if first > log.last + 1 || first <= log.start {
            // Some events are missing, so the entries before `first` are not known.
            *log = Runs::empty(first - 1, 0);
        }
        self.cut(log, first - 1);
        let mut next = first;
        for (term, count) in runs {
            let same = log.run.is_some_and(|run| self.all[run].term == term);
            if !same {
                log.run = Some(self.place(TermRun { term, first: next, before: log.run }));
            }
            next += count;
        }
        log.last = last;
        Ok(())
    }

    /// Replaces the entries up to `start` by a snapshot. The log then begins after `start` and ends at
    /// `last`.
    pub fn compact(&self, log: &mut Log, start: u64, start_term: u64, last: u64) {
        if last <= start || log.last < start {
            *log = Runs::empty(start, start_term);
        } else {
            (log.start, log.start_term) = (start, start_term);
            self.cut(log, last);
        }
    }

    fn place(&mut self, run: TermRun) -> usize {
        *self.places.entry(run).or_insert_with(|| {
            self.all.push(run);
            self.all.len() - 1
        })
    }

    /// The index and term of each entry, beginning with the first entry.
    #[cfg(test)]
    pub fn entries(&self, log: &Log) -> Vec<(u64, u64)> {
        let mut entries = Vec::new();
        let (mut end, mut run) = (log.last, log.run);
        while let Some(TermRun { term, first, before }) = run.map(|run| self.all[run]) {
            entries.extend((first.max(log.start + 1)..=end).rev().map(|index| (index, term)));
            end = end.min(first - 1);
            run = before.filter(|_| end > log.start);
        }
        entries.reverse();
        entries
    }
}

/// Reads a text such as `1*2,3` as pairs of a term and a number of entries.
fn parse_terms(text: &str) -> Result<Vec<(u64, u64)>, String> {
    let run = |part: &str| {
        let (term, count) = part.split_once('*').unwrap_or((part, "1"));
        Some((term.parse().ok()?, count.parse().ok().filter(|&count| count > 0)?))
    };
    let parts = text.split(',').filter(|_| !text.is_empty());
    parts
        .map(|part| run(part).ok_or_else(|| format!("`terms` is {text:?}: expected runs such as 1*2,3")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(runs: &mut Runs, start: u64, terms: &str) -> Log {
        let mut log = Runs::empty(start, 0);
        let count: u64 =
            parse_terms(terms).expect("the text is a list of terms").iter().map(|(_, count)| count).sum();
        runs.append(&mut log, start + 1, start + count, terms).expect("one term for each entry");
        log
    }

    fn terms(runs: &Runs, log: &Log) -> Vec<u64> {
        let entries = runs.entries(log);
        let indices: Vec<u64> = entries.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, (log.start + 1..=log.last).collect::<Vec<_>>(), "{log:?}");
        entries.into_iter().map(|(_, term)| term).collect()
    }

    #[test]
    fn entries_are_appended_and_cut_off() {
        // Each row has the terms of the log before the call, the first new index, the new terms, and the
        // terms of the log after the call.
        for (before, first, added, after) in [
            ("", 1, "1", vec![1]),
            ("1*2", 3, "1", vec![1, 1, 1]),
            ("1*2", 3, "2*2", vec![1, 1, 2, 2]),
            ("1*2,2", 3, "3", vec![1, 1, 3]),
            ("1*2,2", 2, "1,3", vec![1, 1, 3]),
            ("1,2,3", 1, "4", vec![4]),
            ("1,2,3", 3, "2", vec![1, 2, 2]),
        ] {
            let mut runs = Runs::default();
            let mut log = of(&mut runs, 0, before);
            let count = parse_terms(added)
                .expect("the text is a list of terms")
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>();
            runs.append(&mut log, first, first + count - 1, added).expect("one term for each entry");
            assert_eq!(terms(&runs, &log), after, "{before} with {added} at {first}");
        }
        for (last, after) in [(5, vec![1, 1, 2]), (2, vec![1, 1]), (1, vec![1]), (0, vec![])] {
            let mut runs = Runs::default();
            let mut log = of(&mut runs, 0, "1*2,2");
            runs.cut(&mut log, last);
            assert_eq!(terms(&runs, &log), after, "the log is cut after {last}");
        }
    }

    #[test]
    fn a_snapshot_replaces_the_beginning() {
        // Each row has the last index of the snapshot, the last index of the log, and the terms of the
        // entries that are left.
        for (start, last, after) in
            [(2, 4, vec![2, 3]), (3, 4, vec![3]), (4, 4, vec![]), (9, 9, vec![]), (1, 2, vec![1])]
        {
            let mut runs = Runs::default();
            let mut log = of(&mut runs, 0, "1*2,2,3");
            runs.compact(&mut log, start, 7, last);
            assert_eq!((log.start, log.start_term, log.last), (start, 7, last.max(start)));
            assert_eq!(terms(&runs, &log), after, "the snapshot covers the entries up to {start}");
            runs.append(&mut log, last + 1, last + 1, "8").expect("one term for one entry");
            assert_eq!(terms(&runs, &log).last(), Some(&8));
        }
    }

    #[test]
    fn equal_logs_have_one_representation() {
        let mut runs = Runs::default();
        let one = of(&mut runs, 0, "1*2,2");
        let mut other = of(&mut runs, 0, "1*2");
        runs.append(&mut other, 3, 3, "2").expect("one term for one entry");
        assert_eq!(one, other);
        assert_eq!(runs.all.len(), 2);
    }

    #[test]
    fn contradictory_terms_are_refused() {
        let mut runs = Runs::default();
        for (first, last, terms) in [
            (1, 2, "1"),
            (0, 0, "1"),
            (2, 1, "1"),
            (1, 1, "x"),
            (1, 1, "1*0"),
            (1, 1, "1*"),
            (1, u64::MAX, "1"),
        ] {
            let mut log = Log::default();
            assert!(runs.append(&mut log, first, last, terms).is_err(), "{first} {last} {terms}");
            assert_eq!(log, Log::default(), "an error leaves the log unchanged");
        }
        let mut log = of(&mut runs, 0, "1");
        runs.append(&mut log, 5, 5, "2").expect("an entry can be appended even if events are missing");
        assert_eq!((log.start, runs.entries(&log)), (4, vec![(5, 2)]));
    }
}
