//! A thread that checks the leaders and the terms of all peers during a test. It runs if the setup is strict.
//!
//! Every [`PERIOD`] the thread asks each peer for its state, whether the peer is connected or not. It checks
//! two rules of the paper:
//!
//! * Election Safety (5.2, Figure 3): a term has at most one leader. The thread remembers the leader of each
//!   term until the end of the test. So it also notices two leaders that lead one after the other.
//! * Terms never fall (5.1, Figure 2): the term of a peer only rises, also when the peer restarts.
//!
//! A peer may be crashed while it answers. A killed instance may say anything, so such an answer is ignored.

use labapi::RaftPeer;
use labrt::collections::BTreeMap;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, Instant};

use super::Cluster;

/// The pause between two rounds of questions.
const PERIOD: Duration = Duration::from_millis(2);

/// What the peers have said so far.
struct Heard {
    since: Instant,
    /// The last answer of each peer: its term, and the time of the answer.
    terms: Vec<Option<(u64, Duration)>>,
    /// The leader of each term, and the time at which this leader was first seen.
    leaders: BTreeMap<u64, (usize, Duration)>,
}

impl<R: RaftPeer> Cluster<R> {
    /// Starts the thread. The thread ends when the test ends.
    pub(super) fn start_safety_checks(self: &Arc<Self>) {
        let cluster = Arc::clone(self);
        thread::spawn_named("safety", move || {
            let mut heard = Heard::new(cluster.servers());
            while !cluster.finished.wait_until(Instant::now() + PERIOD) {
                for i in 0..cluster.servers() {
                    let Some(state) = cluster.state_in_one_life(i) else { continue };
                    if let Err(error) = heard.take(i, state) {
                        panic!("{error}");
                    }
                }
            }
        });
    }

    /// The term of peer `i`, and whether it believes that it leads. Returns `None` if the peer does not run,
    /// or if it has crashed before it answered.
    fn state_in_one_life(&self, i: usize) -> Option<(u64, bool)> {
        let peer = self.peer(i)?;
        let state = peer.call(R::get_state);
        (self.peer(i)?.node == peer.node).then_some(state)
    }
}

impl Heard {
    fn new(peers: usize) -> Heard {
        Heard { since: Instant::now(), terms: vec![None; peers], leaders: BTreeMap::new() }
    }

    /// Takes the answer of peer `i`. Returns an error if the answer cannot be true together with the answers
    /// before it.
    fn take(&mut self, i: usize, (term, leads): (u64, bool)) -> Result<(), String> {
        let now = self.since.elapsed();
        let (now_s, s) = (now.as_secs_f64(), |at: Duration| at.as_secs_f64());
        if let Some((before, at)) = self.terms[i].replace((term, now)).filter(|(before, _)| *before > term) {
            return Err(format!(
                "the term of S{i} fell: it was in term {before} after {:.3} s, and is in term {term} after {now_s:.3} s",
                s(at)
            ));
        }
        if !leads {
            return Ok(());
        }
        let (first, at) = *self.leaders.entry(term).or_insert((i, now));
        if first == i {
            return Ok(());
        }
        Err(format!(
            "term {term} has two leaders: S{first} said so after {:.3} s, and S{i} says so after {now_s:.3} s",
            s(at)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_has_one_leader_for_ever() {
        labrt::run(|| {
            let mut heard = Heard::new(3);
            for answer in [(0, (1, true)), (1, (1, false)), (2, (2, true)), (0, (2, false)), (2, (2, true))] {
                assert_eq!(heard.take(answer.0, answer.1), Ok(()));
            }
            let error = heard.take(1, (2, true)).expect_err("S2 leads term 2");
            assert!(error.starts_with("term 2 has two leaders: S2 said so"), "{error}");
        });
    }

    #[test]
    fn a_term_that_falls_is_noticed() {
        labrt::run(|| {
            let mut heard = Heard::new(2);
            assert_eq!(heard.take(1, (4, false)), Ok(()));
            assert_eq!(heard.take(0, (3, false)), Ok(()), "another server may be behind");
            let error = heard.take(1, (3, false)).expect_err("S1 was in term 4");
            assert!(error.starts_with("the term of S1 fell: it was in term 4"), "{error}");
        });
    }
}
