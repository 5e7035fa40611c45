//! Tests which waiter gets which outcome, and when. Each waiter stores its outcome in a map, under the index
//! of its entry.

use crate::rsm::NotLeader;
use crate::rsm::waiters::{Done, Waiters};
use labapi::Started;
use labrt::collections::BTreeMap;
use labrt::sync::{Arc, Mutex};

#[derive(Default)]
struct Notes(Arc<Mutex<BTreeMap<u64, Result<&'static str, NotLeader>>>>);

impl Notes {
    fn waiter(&self, index: u64) -> Done<&'static str> {
        let notes = self.0.clone();
        Box::new(move |outcome| {
            let before = notes.lock().insert(index, outcome);
            assert_eq!(before, None, "the waiter at {index} was called twice");
        })
    }

    /// Adds waiters at these indices.
    fn add(&self, waiters: &mut Waiters<&'static str>, term: u64, indices: &[u64]) {
        for &index in indices {
            waiters.add(Started { index, term }, self.waiter(index)).dismiss();
        }
    }

    /// The outcomes since the last call, by index.
    fn take(&self) -> Vec<(u64, Result<&'static str, NotLeader>)> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }
}

/// Applies the entry at `index`, which is of `term`.
fn apply(waiters: &mut Waiters<&'static str>, index: u64, term: u64) {
    let (done, missed) = waiters.applied(index, term);
    missed.dismiss();
    if let Some(done) = done {
        done(Ok("done"));
    }
}

#[test]
fn each_waiter_gets_the_outcome_of_its_own_entry() {
    labrt::run(|| {
        let (notes, mut waiters) = (Notes::default(), Waiters::new());
        notes.add(&mut waiters, 1, &[3, 4, 6]);
        apply(&mut waiters, 1, 1);
        apply(&mut waiters, 2, 1);
        assert_eq!(notes.take(), []);
        apply(&mut waiters, 3, 1);
        assert_eq!(notes.take(), [(3, Ok("done"))]);
        apply(&mut waiters, 4, 1);
        apply(&mut waiters, 5, 1);
        apply(&mut waiters, 6, 1);
        apply(&mut waiters, 7, 1);
        assert_eq!(notes.take(), [(4, Ok("done")), (6, Ok("done"))]);
    });
}

/// An entry of another leader was applied at the index of this server's operation.
#[test]
fn an_entry_of_another_term_dismisses_the_waiter() {
    labrt::run(|| {
        let (notes, mut waiters) = (Notes::default(), Waiters::new());
        notes.add(&mut waiters, 1, &[3, 4]);
        apply(&mut waiters, 3, 2);
        assert_eq!(notes.take(), [(3, Err(NotLeader))]);
        apply(&mut waiters, 4, 1);
        assert_eq!(notes.take(), [(4, Ok("done"))]);
    });
}

#[test]
fn a_waiter_for_an_entry_in_a_snapshot_is_dismissed() {
    labrt::run(|| {
        let (notes, mut waiters) = (Notes::default(), Waiters::new());
        notes.add(&mut waiters, 1, &[3, 4, 5, 9]);
        // A snapshot up to index 4 was installed before.
        apply(&mut waiters, 5, 1);
        assert_eq!(notes.take(), [(3, Err(NotLeader)), (4, Err(NotLeader)), (5, Ok("done"))]);
        apply(&mut waiters, 10, 1);
        assert_eq!(notes.take(), [(9, Err(NotLeader))]);
    });
}

#[test]
fn the_end_of_a_term_dismisses_its_waiters_and_no_others() {
    labrt::run(|| {
        let (notes, mut waiters) = (Notes::default(), Waiters::new());
        notes.add(&mut waiters, 5, &[3, 4]);
        waiters.end_terms_before(5).dismiss();
        assert_eq!(notes.take(), []);
        waiters.end_terms_before(6).dismiss();
        assert_eq!(notes.take(), [(3, Err(NotLeader)), (4, Err(NotLeader))]);
        notes.add(&mut waiters, 7, &[3]);
        waiters.end_terms_before(6).dismiss();
        apply(&mut waiters, 3, 7);
        assert_eq!(notes.take(), [(3, Ok("done"))]);
    });
}

/// The server leads again, in a new term. It starts an operation before the report of the new term has
/// arrived.
#[test]
fn a_waiter_of_a_later_term_dismisses_the_older_ones() {
    labrt::run(|| {
        let (notes, mut waiters) = (Notes::default(), Waiters::new());
        notes.add(&mut waiters, 1, &[3, 4]);
        notes.add(&mut waiters, 3, &[5]);
        assert_eq!(notes.take(), [(3, Err(NotLeader)), (4, Err(NotLeader))]);
        apply(&mut waiters, 5, 3);
        assert_eq!(notes.take(), [(5, Ok("done"))]);
    });
}
