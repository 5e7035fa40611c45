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

/// Figure 8 of the paper, step by step. An entry of an old term is stored on a majority, and later it is
/// overwritten. So the leader of step (c) must not commit this entry.
fn figure_8_to_the_letter<R: RaftPeer>() {
    /// How long the test waits for an election. This is longer than an election of the connected servers
    /// takes.
    const ELECTION: Duration = Duration::from_secs(3);
    /// How long the test waits for a replication. This is longer than a replication to the connected servers
    /// takes.
    const REPLICATION: Duration = Duration::from_millis(300);

    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (ours): Figure 8 to the letter");
    cfg.one(1, 5, Retry::No);

    // (a) S1 is the leader. It replicates entry 2 only to S2.
    let s1 = cfg.check_one_leader();
    let [s2, others @ ..] = [1, 2, 3, 4].map(|n| cfg.after(s1, n));
    others.iter().for_each(|&i| cfg.disconnect(i));
    assert_eq!(cfg.start(s1, 2).map(|started| started.index), Some(2), "S1 takes index 2");
    sleep(REPLICATION);

    // (b) S1 crashes. One of the servers other than S1 and S2 is elected. This server is called S5 here. S5
    // receives another command, which becomes its entry 2. This entry reaches no other server, because S5 is
    // cut off. Then S5 crashes.
    cfg.crash1(s1);
    cfg.disconnect(s2);
    others.iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let s5 = cfg.check_one_leader();
    let mut rest = others.into_iter().filter(|&i| i != s5);
    let (s3, s4) = rest.next().zip(rest.next()).expect("two of the three other servers are left");
    cfg.disconnect(s5);
    assert_eq!(cfg.start(s5, 3).map(|started| started.index), Some(2), "S5 takes index 2");
    cfg.crash1(s5);

    // (c) S1 restarts. S1, S2 and one more server elect S1 or S2, and the new leader replicates entry 2. Now
    // entry 2 is on a majority. But the leader must not commit it, because no entry of the new term is on a
    // majority.
    cfg.disconnect(s4);
    cfg.start1(s1);
    [s1, s2, s3].iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let leader = cfg.check_one_leader();
    assert!([s1, s2].contains(&leader), "only S1 or S2 can win, not server {leader}");
    sleep(REPLICATION);

    // (d) S1 and S2 are cut off, and S5 restarts. The last entry of S5 has a later term than entry 2, so S3
    // and S4 elect S5. S5 overwrites entry 2 on S3.
    [s1, s2].iter().for_each(|&i| cfg.disconnect(i));
    cfg.start1(s5);
    [s3, s4, s5].iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let leader = cfg.check_one_leader();
    assert!(leader == s5, "only S5 can win, not server {leader}");
    cfg.one(4, 3, Retry::Yes);

    // All servers are connected again. Entry 2 is now the entry of S5 on all servers.
    [s1, s2].iter().for_each(|&i| cfg.connect(i));
    cfg.one(5, 5, Retry::Yes);
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
