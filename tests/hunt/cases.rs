//! The scenarios, and versions of Raft that make a mistake.

use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started, Strictness};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;
use labrt::time::{Duration, sleep};
use mit6824::raft::{Options, Raft, Rules};
use std::marker::PhantomData;

use labtest::harness::Case;
use labtest::raft::{Retry, Setup, make_config};
use labtest::strict::figure_8_to_the_letter;

/// All cases. Each scenario is in the list twice: with this project's Raft, and with a version of this Raft
/// that makes a mistake. The cases with a mistake are ignored unless the user asks for them.
pub fn cases() -> Vec<Case> {
    vec![
        Case::ours("old_leader_stays", old_leader_stays::<Raft>),
        Case::ours("figure_8_to_the_letter", figure_8_to_the_letter::<Raft>),
        Case::ours("old_leader_stays_hunt", old_leader_stays::<Mistaken<StepsDownAlone>>).ignored(),
        Case::ours("figure_8_to_the_letter_hunt", figure_8_to_the_letter::<Mistaken<CommitsOlderTerms>>)
            .ignored(),
    ]
}

/// This version makes the following mistake: a leader steps down when it loses its majority. While it is cut
/// off, it is a candidate and raises its term without success. When it is connected again, its high term
/// forces the other servers to elect again.
struct StepsDownAlone;

impl Mistake for StepsDownAlone {
    fn rules() -> Rules {
        Rules { step_down_without_majority: true, ..Rules::default() }
    }
}

/// This version makes the following mistake: a leader commits an entry of an older term as soon as a majority
/// has the entry. Section 5.4.2 of the paper forbids this.
struct CommitsOlderTerms;

impl Mistake for CommitsOlderTerms {
    fn rules() -> Rules {
        Rules { commit_older_terms_by_count: true, ..Rules::default() }
    }
}

/// The leader is cut off from all other servers. It stays the leader of its term. When it is connected again,
/// it becomes a follower, and no election is needed.
fn old_leader_stays<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (ours): a leader cut off alone stays one");
    cfg.one(1, 3, Retry::No);
    let old = cfg.check_one_leader();
    let old_state = cfg.get_state(old);

    cfg.disconnect(old);
    for second in 1..=5 {
        sleep(Duration::from_secs(1));
        let state = cfg.get_state(old);
        assert_eq!(
            state, old_state,
            "(term, leads) of server {old} changed when it was alone for {second} s"
        );
    }

    let new = cfg.check_one_leader();
    let new_state = cfg.get_state(new);
    cfg.connect(old);
    sleep(Duration::from_secs(1));
    assert_eq!(
        cfg.get_state(new),
        new_state,
        "(term, leads) of server {new} changed when server {old} was back"
    );
    cfg.end();
}

/// A mistake, given by rules that differ from the rules of the paper.
trait Mistake: Send + Sync + 'static {
    /// The rules with the mistake.
    fn rules() -> Rules;
}

/// A Raft that makes a mistake.
struct Mistaken<M> {
    raft: Arc<Raft>,
    mistake: PhantomData<M>,
}

impl<M: Mistake> RaftPeer for Mistaken<M> {
    const STRICTNESS: Strictness = Strictness::Fail;

    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Mistaken<M> {
        let options = Options { rules: M::rules(), ..Options::default() };
        let raft =
            Raft::make_with(peers, me, persister, apply, options).expect("a Raft can read what it has saved");
        Mistaken { raft: Arc::new(raft), mistake: PhantomData }
    }

    fn start(&self, command: Command) -> Option<Started> {
        self.raft.start(command)
    }

    fn get_state(&self) -> (u64, bool) {
        self.raft.get_state()
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        RaftPeer::snapshot(&*self.raft, index, snapshot);
    }

    fn kill(&self) {
        self.raft.kill();
    }

    fn service(self: &Arc<Self>) -> Service {
        self.raft.service()
    }
}
