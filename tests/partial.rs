//! Networks that are neither whole nor split, without options, with PreVote, with CheckQuorum, and with both.
//! `docs/elections.md` has a table of the same runs. Each case asserts what that table claims. A case takes a
//! minute, so there are cases only in virtual time.

use std::process::ExitCode;

use labapi::RaftPeer;
use labrt::time::Duration;
use labtest::harness::{self, Case};
use labtest::partial::{CutOff, Network, Role, Seen, cut_off, watch};
use labtest::raft::note;
use mit6824::raft::{Raft, Tuned};

/// What a Raft does in a network, as a claim about the last half of the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// There is one leader, and commands are committed in each second.
    Works,
    /// There is one leader, and no command is given.
    Calm,
    /// Leaders are elected and deposed again and again.
    Restless,
    /// Nothing is committed, although servers believe that they lead, or ask for votes.
    StandsStill,
    /// Nothing is claimed, and there is no test.
    Open,
}

use Claim::{Calm, Open, Restless, StandsStill, Works};

/// The claims: without options, with PreVote, with CheckQuorum, with both.
const CLAIMS: [(Network, [Claim; 4]); 12] = [
    (Network::UnstableFive, [Restless, Works, Works, Works]),
    (Network::TwoLeaves, [Restless, Works, Works, Works]),
    (Network::OldLeaderBehindABridge, [Works, StandsStill, Works, Works]),
    (Network::QuorumLoss, [Works, StandsStill, Works, Works]),
    (Network::ConstrainedElection, [StandsStill, StandsStill, StandsStill, StandsStill]),
    (Network::Chain, [Works, Works, Works, Works]),
    (Network::IdleChain, [Restless, Calm, Calm, Calm]),
    (Network::FollowerOnlySends, [Restless, Works, Works, Works]),
    (Network::FollowerOnlyReceives, [Works, Works, Works, Works]),
    // With CheckQuorum alone, chance decides: the old leader asks for votes again and again, and so the
    // others may never time out.
    (Network::LeaderOnlySends, [StandsStill, StandsStill, Open, Works]),
    (Network::LeaderOnlyReceives, [Works, Works, Works, Works]),
    (Network::FlappingBridge, [Restless, Works, Restless, Works]),
];

/// How many seconds at the end the claims are about.
const LAST: u64 = 30;

fn main() -> ExitCode {
    let mut cases = Vec::new();
    if !labrt::is_sim() {
        return harness::main(labrt::here!(), Raft::STRICTNESS, &cases);
    }
    for (network, [plain, pre_vote, check_quorum, both]) in CLAIMS {
        cases.extend(case::<Raft>(network, "plain", plain));
        cases.extend(case::<Tuned<true, false>>(network, "pre_vote", pre_vote));
        cases.extend(case::<Tuned<false, true>>(network, "check_quorum", check_quorum));
        cases.extend(case::<Tuned<true, true>>(network, "both", both));
    }
    cases.push(Case::ours("cut_off_plain", cut_off_plain));
    cases.push(Case::ours("cut_off_pre_vote", cut_off_with_pre_vote::<Tuned<true, false>>));
    cases.push(Case::ours("cut_off_both", cut_off_with_pre_vote::<Tuned<true, true>>));
    cases.push(Case::ours("leader_cut_off_plain", leader_cut_off_plain));
    cases.push(Case::ours("leader_cut_off_check_quorum", leader_cut_off_with_check_quorum));
    cases.push(Case::ours("leader_cut_off_both", leader_cut_off_with_both));
    harness::main(labrt::here!(), Raft::STRICTNESS, &cases)
}

/// The case of a network and an option: `chain_pre_vote`.
fn case<R: RaftPeer>(network: Network, option: &str, claim: Claim) -> Option<Case> {
    if claim == Open {
        return None;
    }
    let name = format!("{}_{option}", network.name().replace(' ', "_"));
    Some(Case::ours(name, move || {
        let seen = watch::<R>(network);
        note(&format!(
            "{}: {} elections, {} in the last {LAST} s; terms {}; leader {:?}; {} commits, in {} of 60 s",
            network.name(),
            seen.elections.len(),
            seen.elections_at_the_end(LAST),
            seen.terms,
            seen.leader,
            seen.commits,
            seen.busy.len()
        ));
        assert!(holds(claim, &seen), "{network:?} should be {claim:?}: {seen:?}");
    }))
}

fn holds(claim: Claim, seen: &Seen) -> bool {
    let elections = seen.elections_at_the_end(LAST);
    match claim {
        Works => elections == 0 && seen.works_at_the_end(LAST) && seen.leader.is_some(),
        Calm => elections == 0 && seen.leader.is_some(),
        Restless => elections >= 5,
        StandsStill => elections == 0 && seen.stands_still_at_the_end(LAST),
        Open => true,
    }
}

/// Checks that no term has risen, and that the group has the same leader all the time.
fn changes_nothing(seen: CutOff) {
    let nothing = CutOff { terms: 0, elections: 0, without_leader: Duration::ZERO, terms_of_the_group: 0 };
    assert!(seen == nothing, "a server that was cut off and comes back must change nothing: {seen:?}");
}

/// Without PreVote, the term of a server that is cut off rises about twice a second, and deposes the leader.
fn cut_off_plain() {
    let seen = cut_off::<Raft>(Role::Follower, Duration::from_secs(60));
    let CutOff { terms, elections, without_leader, terms_of_the_group } = seen;
    assert!((90..=200).contains(&terms), "{seen:?}");
    assert!(elections >= 1 && without_leader > Duration::ZERO, "{seen:?}");
    assert!(terms_of_the_group > terms, "{seen:?}");
}

/// With PreVote, a server that is cut off keeps its term. When it comes back, nothing happens.
fn cut_off_with_pre_vote<R: RaftPeer>() {
    changes_nothing(cut_off::<R>(Role::Follower, Duration::from_secs(60)));
}

/// A leader that is cut off stays leader in its old term. When it comes back, nothing happens: it hears of
/// the new term, and becomes a follower.
fn leader_cut_off_plain() {
    changes_nothing(cut_off::<Raft>(Role::Leader, Duration::from_secs(60)));
}

/// With CheckQuorum alone, a leader that is cut off becomes a follower, and its term rises as the term of any
/// other server that is cut off.
fn leader_cut_off_with_check_quorum() {
    let seen = cut_off::<Tuned<false, true>>(Role::Leader, Duration::from_secs(60));
    assert!((90..=200).contains(&seen.terms), "{seen:?}");
}

/// With both options, the term does not rise.
fn leader_cut_off_with_both() {
    changes_nothing(cut_off::<Tuned<true, true>>(Role::Leader, Duration::from_secs(60)));
}
