//! Networks that are neither whole nor split: all servers run, but some links between them do not work.
//!
//! Such networks are known from the literature and from bug reports. In some of them the Raft of the paper
//! elects one leader after the other, or none at all, although a majority is connected. This module makes
//! these networks around any Raft, offers commands for a minute, and reports what has happened
//! ([`watch`]). It makes no judgement. The tests of this project, and the table in `docs/elections.md`, use
//! it.
//!
//! [`cut_off`] is another experiment: one server is cut off for some time, and then comes back.

use labapi::RaftPeer;
use labrt::collections::BTreeSet;
use labrt::time::{Duration, Instant, sleep};

use super::raft::{Cluster, Config, Retry, Setup, make_config};

/// How long [`watch`] watches a network.
pub const WATCHED: Duration = Duration::from_secs(60);
/// The time between two commands that [`watch`] offers to each leader.
const OFFER: Duration = Duration::from_millis(100);
/// The time after which the servers are asked for their state again.
const LOOK: Duration = Duration::from_millis(5);
/// In [`Network::FlappingBridge`], the time between two restarts of the bridge.
const FLAP: Duration = Duration::from_millis(20);

/// A network in which some links do not work. Links work in both directions, unless the text says something
/// else. The names of the servers are those of [`Network::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// 1, 2 and 3 are connected with each other, 4 only with 2, and 5 only with 3. Server 3 leads. (Howard
    /// and Abraham, "Raft does not guarantee liveness in the face of network faults", 2020.)
    UnstableFive,
    /// 1, 2 and 3 are connected with each other, 4 only with 2, and 5 only with 1. Server 1 leads. (openraft
    /// #2111.)
    TwoLeaves,
    /// a, b and the bridge are connected with each other. The old leader is connected only with the bridge.
    /// The last server is cut off. (openraft #2079, #2080.)
    OldLeaderBehindABridge,
    /// A star: each server is connected only with the hub. The leader is not the hub. (OmniPaxos, EuroSys
    /// 2023.)
    QuorumLoss,
    /// A star around the hub. The old leader is cut off from all servers. The log of the hub is behind the
    /// logs of the others. So only the hub can reach a majority, and the hub cannot be elected (5.4.1).
    /// (OmniPaxos, EuroSys 2023.)
    ConstrainedElection,
    /// Three servers in a row. The leader is at one end.
    Chain,
    /// The same, but there are no commands. So all logs are equal.
    IdleChain,
    /// A follower can send, but receives nothing.
    FollowerOnlySends,
    /// A follower receives, but what it sends is lost.
    FollowerOnlyReceives,
    /// The leader can send, but receives nothing.
    LeaderOnlySends,
    /// The leader receives, but what it sends is lost.
    LeaderOnlyReceives,
    /// Two triangles that share the bridge. The bridge restarts every 20 ms. The leader is in a triangle.
    FlappingBridge,
}

impl Network {
    /// All networks.
    pub const ALL: [Network; 12] = [
        Network::UnstableFive,
        Network::TwoLeaves,
        Network::OldLeaderBehindABridge,
        Network::QuorumLoss,
        Network::ConstrainedElection,
        Network::Chain,
        Network::IdleChain,
        Network::FollowerOnlySends,
        Network::FollowerOnlyReceives,
        Network::LeaderOnlySends,
        Network::LeaderOnlyReceives,
        Network::FlappingBridge,
    ];

    /// The name of the network.
    pub fn name(self) -> &'static str {
        match self {
            Network::UnstableFive => "unstable five",
            Network::TwoLeaves => "two leaves",
            Network::OldLeaderBehindABridge => "old leader behind a bridge",
            Network::QuorumLoss => "quorum loss",
            Network::ConstrainedElection => "constrained election",
            Network::Chain => "chain",
            Network::IdleChain => "idle chain",
            Network::FollowerOnlySends => "follower only sends",
            Network::FollowerOnlyReceives => "follower only receives",
            Network::LeaderOnlySends => "leader only sends",
            Network::LeaderOnlyReceives => "leader only receives",
            Network::FlappingBridge => "flapping bridge",
        }
    }

    /// The names of the servers. The first one leads when the network is made.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Network::UnstableFive => &["3", "1", "2", "4", "5"],
            Network::TwoLeaves => &["1", "2", "3", "4", "5"],
            Network::OldLeaderBehindABridge => &["old", "a", "b", "bridge", "alone"],
            Network::QuorumLoss => &["old", "hub", "a", "b", "c"],
            Network::ConstrainedElection => &["old", "hub", "a", "b", "c"],
            Network::Chain | Network::IdleChain => &["old", "middle", "end"],
            Network::FollowerOnlySends | Network::FollowerOnlyReceives => &["old", "mute", "a", "b", "c"],
            Network::LeaderOnlySends | Network::LeaderOnlyReceives => &["old", "a", "b", "c", "d"],
            Network::FlappingBridge => &["old", "a", "bridge", "c", "d"],
        }
    }

    /// Makes the network. `at[i]` is the server with the name `names()[i]`.
    fn make<R: RaftPeer>(self, cfg: &Cluster<R>, at: &[usize]) {
        match self {
            Network::UnstableFive => {
                cfg.partition(&[&[at[0], at[1], at[2]], &[at[3], at[2]], &[at[4], at[0]]]);
            }
            Network::TwoLeaves => {
                cfg.partition(&[&[at[0], at[1], at[2]], &[at[3], at[1]], &[at[4], at[0]]]);
            }
            Network::OldLeaderBehindABridge => cfg.partition(&[&[at[1], at[2], at[3]], &[at[0], at[3]]]),
            Network::QuorumLoss => cfg.star(at[1]),
            Network::ConstrainedElection => {
                cfg.disconnect(at[1]);
                for value in 1..=5 {
                    cfg.one(-value, 4, Retry::No);
                }
                let rays: Vec<[usize; 2]> = at[2..].iter().map(|&rim| [at[1], rim]).collect();
                cfg.partition(&rays.iter().map(|ray| &ray[..]).collect::<Vec<_>>());
                cfg.connect(at[1]);
            }
            Network::Chain | Network::IdleChain => cfg.chain(at),
            Network::FollowerOnlySends => but(at, 1).for_each(|from| cfg.mute(from, at[1])),
            Network::FollowerOnlyReceives => but(at, 1).for_each(|to| cfg.mute(at[1], to)),
            Network::LeaderOnlySends => but(at, 0).for_each(|from| cfg.mute(from, at[0])),
            Network::LeaderOnlyReceives => but(at, 0).for_each(|to| cfg.mute(at[0], to)),
            Network::FlappingBridge => cfg.bridge(&[at[0], at[1]], at[2], &[at[3], at[4]]),
        }
    }
}

/// All servers except `at[i]`.
fn but(at: &[usize], i: usize) -> impl Iterator<Item = usize> + use<'_> {
    at.iter().copied().filter(move |&server| server != at[i])
}

/// What happened in a network within [`WATCHED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The elections that a server has won: when, in which term, and the name of the server.
    pub elections: Vec<(Duration, u64, &'static str)>,
    /// By how much the highest term of all servers has risen.
    pub terms: u64,
    /// The leader of the highest term that has a leader, at the end. It is `None` if no server believes that
    /// it leads.
    pub leader: Option<&'static str>,
    /// The number of commands that were committed.
    pub commits: u64,
    /// The number of seconds in which at least one command was committed. The seconds are numbered from 0.
    pub busy: BTreeSet<u64>,
}

impl Seen {
    /// Was a command committed in each of the last `seconds` seconds?
    pub fn works_at_the_end(&self, seconds: u64) -> bool {
        (WATCHED.as_secs() - seconds..WATCHED.as_secs()).all(|second| self.busy.contains(&second))
    }

    /// Was nothing committed in the last `seconds` seconds?
    pub fn stands_still_at_the_end(&self, seconds: u64) -> bool {
        self.busy.range(WATCHED.as_secs() - seconds..).next().is_none()
    }

    /// How many elections were won in the last `seconds` seconds?
    pub fn elections_at_the_end(&self, seconds: u64) -> usize {
        let from = WATCHED - Duration::from_secs(seconds);
        self.elections.iter().filter(|(at, ..)| *at >= from).count()
    }
}

/// Starts servers, makes the network, and watches it for [`WATCHED`]. Each server that believes that it leads
/// gets a command every 100 ms, except in [`Network::IdleChain`].
///
/// # Panics
/// If the whole network elects no leader before.
pub fn watch<R: RaftPeer>(network: Network) -> Seen {
    let names = network.names();
    let cfg = make_config::<R>(Setup::of(names.len()));
    cfg.one(1, names.len(), Retry::Yes);
    let old = cfg.check_one_leader();
    let at: Vec<usize> = (0..names.len()).map(|n| cfg.after(old, n)).collect();
    network.make(&cfg, &at);

    let mut watcher = Watcher::new(&cfg);
    let (begun, committed) = (Instant::now(), watcher.committed(&cfg));
    let first_term = watcher.highest_term(&cfg);
    let (mut offered, mut flapped) = (begun, begun);
    let mut seen = Seen { elections: Vec::new(), terms: 0, leader: None, commits: 0, busy: BTreeSet::new() };
    while begun.elapsed() < WATCHED {
        sleep(LOOK);
        let time = begun.elapsed();
        for (term, server) in watcher.new_leaders(&cfg) {
            seen.elections.push((time, term, name_of(names, &at, server)));
        }
        let commits = watcher.committed(&cfg) - committed;
        if commits > seen.commits {
            seen.busy.insert(time.as_secs().min(WATCHED.as_secs() - 1));
        }
        seen.commits = commits;
        if offered.elapsed() >= OFFER && network != Network::IdleChain {
            offered = Instant::now();
            watcher.offer(&cfg);
        }
        if network == Network::FlappingBridge && flapped.elapsed() >= FLAP {
            flapped = Instant::now();
            cfg.start1(at[2]);
            cfg.connect(at[2]);
        }
    }
    seen.terms = watcher.highest_term(&cfg) - first_term;
    seen.leader = leader(&cfg).map(|(_, server)| name_of(names, &at, server));
    cfg.stop();
    seen
}

fn name_of(names: &'static [&'static str], at: &[usize], server: usize) -> &'static str {
    at.iter().position(|&it| it == server).map_or("?", |i| names[i])
}

/// The leader of the highest term that has a leader, and its term.
fn leader<R: RaftPeer>(cfg: &Cluster<R>) -> Option<(u64, usize)> {
    leaders(cfg).into_iter().max()
}

/// The servers that believe that they lead, with their terms.
fn leaders<R: RaftPeer>(cfg: &Cluster<R>) -> Vec<(u64, usize)> {
    let states = (0..cfg.servers()).filter_map(|i| Some((i, cfg.get_state(i)?)));
    states.filter(|(_, (_, leads))| *leads).map(|(i, (term, _))| (term, i)).collect()
}

/// Looks at the servers again and again, and remembers what it has seen.
struct Watcher {
    leaders: BTreeSet<(u64, usize)>,
    committed: u64,
    offered: i64,
}

impl Watcher {
    fn new<R: RaftPeer>(cfg: &Cluster<R>) -> Watcher {
        Watcher { leaders: leaders(cfg).into_iter().collect(), committed: 0, offered: 1 }
    }

    /// The leaders that were elected since the last call, with their terms.
    fn new_leaders<R: RaftPeer>(&mut self, cfg: &Cluster<R>) -> Vec<(u64, usize)> {
        leaders(cfg).into_iter().filter(|leader| self.leaders.insert(*leader)).collect()
    }

    /// The highest index that any server has applied.
    fn committed<R: RaftPeer>(&mut self, cfg: &Cluster<R>) -> u64 {
        while (0..cfg.servers()).any(|i| cfg.applied(i, self.committed + 1).is_some()) {
            self.committed += 1;
        }
        self.committed
    }

    /// Gives a command to each server that believes that it leads.
    fn offer<R: RaftPeer>(&mut self, cfg: &Cluster<R>) {
        for (_, server) in leaders(cfg) {
            self.offered += 1;
            cfg.start(server, self.offered);
        }
    }

    fn highest_term<R: RaftPeer>(&self, cfg: &Cluster<R>) -> u64 {
        cfg.terms().into_iter().max().unwrap_or(0)
    }
}

/// Which server [`cut_off`] cuts off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A follower.
    Follower,
    /// The leader. The others elect another leader.
    Leader,
}

/// What happened when a server was cut off and then came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// By how much the term of the server rose while it was cut off.
    pub terms: u64,
    /// The elections that were won after the server had come back.
    pub elections: u64,
    /// How long no server led after the server had come back.
    pub without_leader: Duration,
    /// By how much the term of the group rose after the server had come back.
    pub terms_of_the_group: u64,
}

/// Five servers have a leader. One server is cut off from all others for this time, and then comes back.
/// Meanwhile a command is committed, so the server cannot win an election when it comes back. The result
/// shows what happens in the five seconds after that.
///
/// # Panics
/// If the group has no leader before, or none five seconds after the server has come back.
pub fn cut_off<R: RaftPeer>(role: Role, time: Duration) -> CutOff {
    const AFTER: Duration = Duration::from_secs(5);
    let cfg: Config<R> = make_config(Setup::of(5));
    cfg.one(1, 5, Retry::Yes);
    let old = cfg.check_one_leader();
    let server = match role {
        Role::Follower => cfg.after(old, 1),
        Role::Leader => old,
    };
    let term_of = |i: usize| cfg.get_state(i).map_or(0, |(term, _)| term);
    let its_term = term_of(server);
    cfg.disconnect(server);
    let cut = Instant::now();
    cfg.one(2, 4, Retry::No);
    sleep(time.saturating_sub(cut.elapsed()));
    let terms = term_of(server) - its_term;

    let mut watcher = Watcher::new(&cfg);
    let (term, _) = leader(&cfg).expect("while the server is cut off, a server leads");
    cfg.connect(server);
    let (healed, mut elections, mut without_leader) = (Instant::now(), 0, Duration::ZERO);
    let mut looked = healed;
    while healed.elapsed() < AFTER {
        sleep(Duration::from_millis(1));
        elections += watcher.new_leaders(&cfg).len() as u64;
        if leader(&cfg).is_none() {
            without_leader += looked.elapsed();
        }
        looked = Instant::now();
    }
    let (new_term, _) = leader(&cfg).expect("five seconds after the server has come back, a server leads");
    cfg.stop();
    CutOff { terms, elections, without_leader, terms_of_the_group: new_term - term }
}
