//! The scenarios, and the Rafts with a mistake.

use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started, Strictness};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;
use labrt::time::{Duration, sleep};
use mit6824::raft::{Options, Raft, Rules};
use std::marker::PhantomData;

use labtest::harness::Case;
use labtest::raft::{Retry, Setup, make_config};

/// The scenarios with this project's Raft, and, to be asked for, with its mistaken versions.
pub fn cases() -> Vec<Case> {
    vec![
        Case::ours("old_leader_stays", old_leader_stays::<Raft>),
        Case::ours("figure_8_to_the_letter", figure_8_to_the_letter::<Raft>),
        Case::ours("old_leader_stays_hunt", old_leader_stays::<Mistaken<StepsDownAlone>>).ignored(),
        Case::ours("figure_8_to_the_letter_hunt", figure_8_to_the_letter::<Mistaken<CommitsOlderTerms>>)
            .ignored(),
    ]
}

/// The mistake: a leader steps down when it loses its majority. As a candidate it raises its term in vain for
/// as long as it is cut off, and disturbs everybody when it is back.
struct StepsDownAlone;

impl Mistake for StepsDownAlone {
    fn rules() -> Rules {
        Rules { step_down_without_majority: true, ..Rules::default() }
    }
}

/// The mistake: a leader counts replicas of entries of older terms, too, when it commits (against section
/// 5.4.2 of the paper).
struct CommitsOlderTerms;

impl Mistake for CommitsOlderTerms {
    fn rules() -> Rules {
        Rules { commit_older_terms_by_count: true, ..Rules::default() }
    }
}

/// A leader that is cut off alone stays the leader of its term, and follows without an election when it is
/// back.
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

/// Figure 8 of the paper, step by step. An entry of an old term gets onto a majority, and is overwritten all
/// the same: so it must not have been committed.
fn figure_8_to_the_letter<R: RaftPeer>() {
    /// Longer than an election among whoever is connected.
    const ELECTION: Duration = Duration::from_secs(3);
    /// Longer than a replication to whoever is connected.
    const REPLICATION: Duration = Duration::from_millis(300);

    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (ours): Figure 8 to the letter");
    cfg.one(1, 5, Retry::No);

    // (a) S1 leads and gets entry 2 onto S2 only.
    let s1 = cfg.check_one_leader();
    let [s2, others @ ..] = [1, 2, 3, 4].map(|n| cfg.after(s1, n));
    others.iter().for_each(|&i| cfg.disconnect(i));
    assert_eq!(cfg.start(s1, 2).map(|started| started.index), Some(2), "S1 takes index 2");
    sleep(REPLICATION);

    // (b) S1 crashes. Without S1 and S2 one of the others is elected, call it S5, and takes another entry at
    // index 2. It reaches nobody, because S5 is cut off first, and crashes.
    cfg.crash1(s1);
    cfg.disconnect(s2);
    others.iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let s5 = cfg.check_one_leader();
    let mut rest = others.into_iter().filter(|&i| i != s5);
    let (s3, s4) = rest.next().zip(rest.next()).expect("three less one are two");
    cfg.disconnect(s5);
    assert_eq!(cfg.start(s5, 3).map(|started| started.index), Some(2), "S5 takes index 2");
    cfg.crash1(s5);

    // (c) S1 is back. With S2 and one more it elects a leader out of those two, which spreads entry 2: it is
    // on a majority now. It may not be committed by that, since no entry of the new term is.
    cfg.disconnect(s4);
    cfg.start1(s1);
    [s1, s2, s3].iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let leader = cfg.check_one_leader();
    assert!([s1, s2].contains(&leader), "only S1 or S2 can win, not server {leader}");
    sleep(REPLICATION);

    // (d) That majority falls apart. S5 is back; its entry is of a later term than entry 2, so S3 and S4
    // elect it, and it overwrites entry 2 on S3.
    [s1, s2].iter().for_each(|&i| cfg.disconnect(i));
    cfg.start1(s5);
    [s3, s4, s5].iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let leader = cfg.check_one_leader();
    assert!(leader == s5, "only S5 can win, not server {leader}");
    cfg.one(4, 3, Retry::Yes);

    // All together: index 2 is what S5 took there.
    [s1, s2].iter().for_each(|&i| cfg.connect(i));
    cfg.one(5, 5, Retry::Yes);
    cfg.end();
}

/// A mistake: rules that differ from the paper's.
trait Mistake: Send + Sync + 'static {
    /// The rules of whoever makes it.
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
        let raft = Raft::make_with(peers, me, persister, apply, options)
            .expect("what this Raft has saved it can read");
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
