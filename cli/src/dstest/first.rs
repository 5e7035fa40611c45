//! `--until-fail`: the first failure of a campaign.
//!
//! The chunks of a campaign have an order, and threads take them in this order. The first failure is the
//! failure with the smallest seed in the first chunk that has a failure. Threads run several chunks at the
//! same time, so a failure in a later chunk may be found earlier. When a chunk has a failure, all chunks
//! after it stop or do not start, and all chunks before it run to their ends. So the result does not depend
//! on the threads. If the campaign has only one test, the result is the smallest seed that fails.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::run::{Evidence, Run};

/// The first failure so far.
pub struct First {
    /// The number of the chunk that has the failure, or `usize::MAX`.
    chunk: AtomicUsize,
    found: Mutex<Option<Found>>,
}

/// A failure.
pub struct Found {
    /// The number of the chunk.
    pub chunk: usize,
    /// The failed run.
    pub run: Run,
    /// The output of the process in which the seed failed, if the process died or hung.
    pub output: Option<PathBuf>,
    /// What is known about a run on the real clock. A failure in virtual time is replayed later.
    pub evidence: Option<Evidence>,
}

impl First {
    /// There is no failure yet.
    pub fn new() -> First {
        First { chunk: AtomicUsize::new(usize::MAX), found: Mutex::new(None) }
    }

    /// Whether there is a failure in a chunk before this one.
    pub fn is_before(&self, chunk: usize) -> bool {
        self.chunk.load(Ordering::SeqCst) < chunk
    }

    /// Notes a failure, if no earlier chunk has one. A second failure of the same chunk is not noted: a chunk
    /// runs its seeds in order, so its first failure has the smallest seed.
    pub fn offer(&self, failure: Found) {
        let mut found = self.found.lock().expect("no thread panics while it holds this lock");
        if found.as_ref().is_none_or(|found| failure.chunk < found.chunk) {
            self.chunk.store(failure.chunk, Ordering::SeqCst);
            *found = Some(failure);
        }
    }

    /// Adds what is known about the failure of a chunk, if this failure is still the first one.
    pub fn add(&self, chunk: usize, evidence: Evidence) {
        let mut found = self.found.lock().expect("no thread panics while it holds this lock");
        if let Some(found) = found.as_mut().filter(|found| found.chunk == chunk) {
            found.evidence = Some(evidence);
        }
    }

    /// Takes the failure out. This function is called when all chunks have ended.
    pub fn take(&self) -> Option<Found> {
        self.found.lock().expect("no thread panics while it holds this lock").take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::How;
    use super::*;

    fn failure(chunk: usize, seed: u64) -> Found {
        let run = Run {
            test: 0,
            seed,
            passed: false,
            kept: true,
            how: How::Reported,
            hash: None,
            seconds: None,
            cpu: None,
            message: String::new(),
            replay: String::new(),
            warnings: 0,
        };
        Found { chunk, run, output: None, evidence: None }
    }

    #[test]
    fn the_failure_of_the_first_chunk_wins() {
        let first = First::new();
        assert!(!first.is_before(7));
        for (chunk, seed) in [(5, 50), (2, 20), (2, 21), (3, 30)] {
            first.offer(failure(chunk, seed));
        }
        assert!(first.is_before(3) && !first.is_before(2));
        assert_eq!(first.take().map(|found| found.run.seed), Some(20));
    }
}
