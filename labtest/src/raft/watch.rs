//! The rules that every Raft must keep at every moment of a test. A test of the course looks only now and
//! then.
//!
//! * A term has at most one leader (5.2).
//! * The term that a peer reports never falls, even if the peer restarts (5.1).
//! * A peer never promises the same index twice in one term (`RaftPeer::start`).
//! * In each life, a peer delivers each index once, and in order (`applier.rs`).
//!
//! The checks use only the interface of a Raft ([`RaftPeer`]). A thread asks all peers for their state every
//! [`PERIOD`], and more rarely if there are no messages. The harness also asks a peer before the peer's crash
//! and after its start. If the test itself asks a peer for its state, the answer is checked, too. No thread
//! holds a lock of the harness while a peer is asked, because the peer takes its own lock to answer.
//!
//! If a term has two leaders, the test fails, even if the code under test is not strict. The other checks
//! fail the test if the code under test is strict ([`Strictness`]). Otherwise they print a warning. A test
//! prints at most one warning for each kind of fault.
//!
//! When an answer is different from the one before, the thread records an event. So the page of a failed run
//! shows roles and terms even if the Raft records no events of its own.
//!
//! In a strict setup ([`Setup::strict`](super::Setup::strict)) the thread asks more often, and each of these
//! checks fails the test.
//!
//! `LAB_WATCH=0` switches the checks of this file off. The checks take the harness's lock. So without the
//! checks, the same seed gives another schedule.

use std::sync::OnceLock;

use labapi::{RaftPeer, Role, Started, Strictness};
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::time::{Duration, Instant};
use labrt::trace::{self, Kind, Links};
use labrt::{thread, warning};

use super::Cluster;
use crate::lives::Living;
use crate::strictness;
use crate::variables::switch;

/// The pause between two rounds of questions.
const PERIOD: Duration = Duration::from_millis(5);

/// The pause in a strict setup.
const STRICT_PERIOD: Duration = Duration::from_millis(2);

/// If there are no messages, the thread asks only once in this number of rounds.
const QUIET_ROUNDS: u32 = 20;

/// The kind of the event that records a new term or a new role of a peer.
const SEEN: Kind = Kind::new("seen.state");

/// The environment variable that switches the checks on or off.
pub(crate) const VARIABLE: &str = "LAB_WATCH";

/// Reads the variable. `None` means that it is not set.
///
/// # Errors
/// If the value is neither 1 nor 0. The message names the variable, the value and what was expected.
pub(crate) fn read() -> Result<Option<bool>, String> {
    switch(VARIABLE, "1 (check all the time) or 0 (only where the test looks)")
}

/// Whether the checks are on in this process.
fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| !matches!(read(), Ok(Some(false))))
}

/// What the peers have said so far.
#[derive(Default)]
pub(super) struct Heard {
    /// The number of questions and answers so far. Each question and each answer gets the next number. So a
    /// lower number means an earlier question or answer.
    steps: u64,
    /// The highest term that each peer has reported.
    terms: BTreeMap<usize, Report>,
    /// Who has claimed to lead a term, and when.
    leaders: BTreeMap<u64, (usize, Instant)>,
    /// Which peer has promised an index in a term, and when.
    promises: BTreeMap<(u64, u64), (usize, Instant)>,
    /// The warnings that were printed.
    warned: BTreeSet<&'static str>,
}

/// A term that a peer has reported.
#[derive(Clone, Copy)]
struct Report {
    term: u64,
    at: Instant,
    /// The number of the answer, see `Heard::steps`.
    step: u64,
}

impl Heard {
    fn step(&mut self) -> u64 {
        self.steps += 1;
        self.steps
    }

    /// Records an answer of peer `i` to the question with the number `asked`. Returns an error if the answer
    /// breaks a rule.
    fn answer(&mut self, i: usize, asked: u64, (term, leads): (u64, bool)) -> Result<(), Wrong> {
        let now = Instant::now();
        let step = self.step();
        if leads {
            let (other, then) = *self.leaders.entry(term).or_insert((i, now));
            if other != i {
                return Err(Wrong::TwoLeaders { term, first: (other, then), second: (i, now) });
            }
        }
        let last = self.terms.get(&i).copied();
        match last {
            Some(last) if term < last.term && last.step < asked => {
                Err(Wrong::TermFalls { peer: i, from: (last.term, last.at), to: (term, now) })
            }
            Some(last) if term < last.term => Ok(()),
            _ => {
                self.terms.insert(i, Report { term, at: now, step });
                Ok(())
            }
        }
    }

    fn promise(&mut self, i: usize, started: Started) -> Result<(), Wrong> {
        let Started { term, index, .. } = started;
        let now = Instant::now();
        match self.promises.insert((term, index), (i, now)) {
            Some(first) => Err(Wrong::PromisedTwice { term, index, first, second: (i, now) }),
            None => Ok(()),
        }
    }
}

/// A rule that was broken.
enum Wrong {
    TwoLeaders { term: u64, first: (usize, Instant), second: (usize, Instant) },
    TermFalls { peer: usize, from: (u64, Instant), to: (u64, Instant) },
    PromisedTwice { term: u64, index: u64, first: (usize, Instant), second: (usize, Instant) },
}

impl Wrong {
    /// Whether the fault breaks the safety of Raft by itself.
    fn is_unsafe(&self) -> bool {
        matches!(self, Wrong::TwoLeaders { .. })
    }

    fn kind(&self) -> &'static str {
        match self {
            Wrong::TwoLeaders { .. } => "two leaders",
            Wrong::TermFalls { .. } => "term falls",
            Wrong::PromisedTwice { .. } => "promised twice",
        }
    }

    /// The fault in a sentence. `ago` gives the time between an instant and now.
    fn text(&self) -> String {
        let ago = |then: &Instant, now: &Instant| format!("{:.6} s before", (*now - *then).as_secs_f64());
        match self {
            Wrong::TwoLeaders { term, first, second } => format!(
                "term {term} has 2 (>1) leaders: S{} claims to lead it, and S{} claimed it {} (5.2)",
                second.0,
                first.0,
                ago(&first.1, &second.1)
            ),
            Wrong::TermFalls { peer, from, to } => format!(
                "the term of S{peer} falls: it reports term {}, and it reported term {} {} (5.1)",
                to.0,
                from.0,
                ago(&from.1, &to.1)
            ),
            Wrong::PromisedTwice { term, index, first, second } => format!(
                "S{} promises index {index} in term {term}, but S{} promised the same index in the same term {}",
                second.0,
                first.0,
                ago(&first.1, &second.1)
            ),
        }
    }
}

impl<R: RaftPeer> Cluster<R> {
    /// Asks peer `i` for its state, and checks the answer. Returns `None` if the peer does not run or is
    /// paused.
    #[track_caller]
    pub(super) fn ask(&self, i: usize) -> Option<(NodeId, (u64, bool))> {
        let peer = self.peer(i)?;
        if !is_on() {
            return Some((peer.node, peer.call(R::get_state)));
        }
        let asked = self.state.lock().heard.step();
        let answer = peer.call(R::get_state);
        let found = {
            let mut state = self.state.lock();
            // The crash may come during the call. Then the answer may show a state that the peer has not
            // saved. So this answer is not checked.
            let lives = self.is_living(&state.servers[i].lives, &peer);
            if lives { state.heard.answer(i, asked, answer) } else { Ok(()) }
        };
        if found.is_err() {
            // The test may end here. So the page must know now what the peer has said.
            tell(peer.node, answer);
        }
        self.judge(found);
        Some((peer.node, answer))
    }

    fn is_living(&self, lives: &crate::lives::Lives<R>, peer: &Living<R>) -> bool {
        lives.living().is_some_and(|living| living.node == peer.node)
    }

    /// Checks what peer `i` has promised.
    #[track_caller]
    pub(super) fn check_promise(&self, i: usize, started: Started) {
        if is_on() {
            let found = self.state.lock().heard.promise(i, started);
            self.judge(found);
        }
    }

    #[track_caller]
    fn judge(&self, found: Result<(), Wrong>) {
        let Err(wrong) = found else { return };
        if wrong.is_unsafe() {
            panic!("{}", wrong.text());
        }
        self.breach(wrong.kind(), &wrong.text());
    }

    /// Fails the test, or prints a warning, because of a fault of this kind. A test prints at most one
    /// warning for each kind.
    #[track_caller]
    pub(super) fn breach(&self, kind: &'static str, text: &str) {
        if !is_on() {
            return;
        }
        if self.setup.strict || strictness::in_force(R::STRICTNESS) == Strictness::Fail {
            panic!("{text}");
        }
        if self.state.lock().heard.warned.insert(kind) {
            warning(text);
        }
    }

    /// Starts the thread that asks the peers for their state. The thread ends when the test ends. If the run
    /// has no trace, this method starts no thread.
    pub(super) fn start_watch(self: &Arc<Self>) {
        if !trace::on() {
            return;
        }
        let cluster = Arc::clone(self);
        let period = if self.setup.strict { STRICT_PERIOD } else { PERIOD };
        thread::spawn_named("watch", move || {
            let mut seen = BTreeMap::new();
            let (mut messages, mut quiet) = (0, 0);
            while !cluster.finished.wait_until(Instant::now() + period) {
                let sent = cluster.net.total_count();
                quiet = if sent == messages { quiet + 1 } else { 0 };
                messages = sent;
                if quiet % QUIET_ROUNDS == 0 {
                    (0..cluster.servers()).for_each(|i| cluster.look_at(i, &mut seen));
                }
            }
        });
    }

    fn look_at(&self, i: usize, seen: &mut BTreeMap<NodeId, (u64, bool)>) {
        let Some((node, state)) = self.ask(i) else { return };
        if seen.insert(node, state) == Some(state) {
            return;
        }
        tell(node, state);
    }
}

/// Records what a peer has answered.
fn tell(node: NodeId, (term, leads): (u64, bool)) {
    let role = if leads { Role::Leader } else { Role::Follower };
    trace::emit_of(node, SEEN, Links::NONE, &[("role", role.name().into()), ("term", term.into())]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leaders_in_a_term_are_seen() {
        labrt::run(|| {
            let mut heard = Heard::default();
            assert!(heard.answer(0, 1, (3, true)).is_ok());
            assert!(heard.answer(0, 2, (3, true)).is_ok());
            assert!(heard.answer(1, 3, (4, true)).is_ok());
            let wrong = heard.answer(2, 4, (3, true)).expect_err("S0 leads term 3");
            assert!(wrong.is_unsafe());
            assert!(wrong.text().starts_with("term 3 has 2 (>1) leaders: S2 claims"), "{}", wrong.text());
        });
    }

    #[test]
    fn a_term_that_falls_is_seen_but_not_an_old_answer() {
        labrt::run(|| {
            let mut heard = Heard::default();
            let (early, late) = (heard.step(), heard.step());
            assert!(heard.answer(0, late, (5, false)).is_ok());
            assert!(
                heard.answer(0, early, (4, false)).is_ok(),
                "this question was asked before the answer 5"
            );
            let asked = heard.step();
            let wrong = heard.answer(0, asked, (4, false)).expect_err("the term was 5");
            assert!(!wrong.is_unsafe());
            assert!(wrong.text().starts_with("the term of S0 falls: it reports term 4"), "{}", wrong.text());
        });
    }

    #[test]
    fn an_index_is_promised_once_in_a_term() {
        labrt::run(|| {
            let mut heard = Heard::default();
            let started = |term, index| Started { term, index };
            assert!(heard.promise(0, started(1, 1)).is_ok());
            assert!(heard.promise(1, started(2, 1)).is_ok());
            let wrong = heard.promise(0, started(1, 1)).expect_err("the same promise");
            assert!(wrong.text().starts_with("S0 promises index 1 in term 1"), "{}", wrong.text());
        });
    }
}
