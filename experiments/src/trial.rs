//! One trial: five servers, a leader that crashes, and the time until there is another leader.
//!
//! The trial follows the paper:
//!
//! * The followers' logs have different lengths, so that two of the four followers cannot win an election
//!   (5.4.1).
//! * The leader sends its heartbeats to all followers at the same time, so that the followers' timeouts begin
//!   together. This makes split votes as likely as possible.
//! * The leader crashes at a random time between two heartbeats. The heartbeat interval is half the shortest
//!   election timeout. So at most half of this timeout has passed when the leader crashes. The shortest time
//!   without a leader is the other half.
//!
//! A request and its answer take [`ROUND_TRIP`] together. One part of this time is for the request on the
//! network, and an equal part is for the answer on the network. In the rest of the time, the receiver writes
//! to its disk. Each of these three times is random: it differs from its mean by up to a third.
//!
//! # How the delays are made
//!
//! There is one network between the servers. On this network there is a proxy in front of each Raft. Each
//! server also has a small network of its own, which leads directly to its Raft. These networks delay
//! nothing: only the proxy delays. The proxy passes a request on to Raft after the travel time. At this
//! moment Raft gives its vote, or restarts its election timer. Then the proxy delays the answer by the time
//! for writing and by the travel time.

use labapi::{ApplyMsg, Command, Persister};
use labrpc::{Cost, End, Network, Responder, Server, Service};
use labrt::chan::{self, Receiver, Sender};
use labrt::node::{self, NodeId};
use labrt::rng::{self, RngExt};
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::sync::{Arc, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use mit6824::raft::{
    AppendEntriesArgs, AppendEntriesReply, ApplySink, Entry, InstallSnapshotArgs, InstallSnapshotReply,
    Options, Raft, RequestVoteArgs, RequestVoteReply, RoleChange,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Range;

/// How many servers the cluster has.
const SERVERS: usize = 5;
/// The server that leads and then crashes.
const LEADER: usize = 0;
/// The mean time from a request to its answer: the paper's broadcast time.
pub const ROUND_TRIP: Duration = Duration::from_millis(15);
/// If a cluster has no new leader after this time, the trial ends.
pub const PATIENCE: Duration = Duration::from_secs(100);

/// The result of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The time from the crash to the election of another leader. It is `None` if no leader was elected
    /// within [`PATIENCE`].
    pub without_leader: Option<Duration>,
    /// The next leader's term minus the first leader's term. If there is no next leader, the highest term
    /// that any server has is used instead of the next leader's term.
    pub terms: u64,
}

/// A server of the cluster, and the network that leads to its Raft without delay.
struct Member {
    raft: Raft,
    direct: Network,
    to_raft: End,
}

/// Runs one trial. It must be called inside a [`labrt::Run`]. All random values of the trial come from the
/// seed of this run.
///
/// # Panics
/// If the cluster does not elect its first leader.
pub fn trial(timeouts: Range<Duration>, one_way: Duration) -> Found {
    let heartbeat = timeouts.start / 2;
    let net = Network::new();
    let delays = Arc::new(Delays { one_way, on: AtomicBool::new(false) });
    let (tell, roles) = chan::unbounded();
    let members: Vec<Member> =
        (0..SERVERS).map(|me| start(me, &net, options(me, &timeouts), &delays, &tell)).collect();
    let (first, _) = next_leader(&roles, PATIENCE)
        .expect("without faults, the server with the short timeout becomes leader");
    assert_eq!(first.server, LEADER, "the other servers have longer timeouts");

    lengthen_logs(&members, first.term);
    delays.on.store(true, Ordering::SeqCst);
    // Waits until the leader has sent a heartbeat to all followers. Then waits for a random part of the
    // heartbeat interval.
    let within_interval = rng::rng().random_range(0.0..1.0);
    sleep(heartbeat * 2 + heartbeat.mul_f64(within_interval));
    let crashed = Instant::now();
    members[LEADER].raft.kill();
    net.delete_server(LEADER);

    let next = next_leader(&roles, PATIENCE);
    let terms = members.iter().map(|member| member.raft.get_state().0).max().expect("there are servers");
    for member in &members {
        member.raft.kill();
        member.direct.cleanup();
    }
    net.cleanup();
    Found {
        without_leader: next.map(|(_, at)| at.duration_since(crashed)),
        terms: next.map_or(terms, |(next, _)| next.term) - first.term,
    }
}

/// The options of server `me`. The server that must lead has a short election timeout. The other servers have
/// the timeouts of the experiment.
fn options(me: usize, timeouts: &Range<Duration>) -> Options {
    let heartbeat = timeouts.start / 2;
    let soon = Duration::from_millis(4);
    let election_timeout =
        if me == LEADER { soon..soon + Duration::from_millis(1) } else { timeouts.clone() };
    Options { election_timeout, heartbeat_interval: heartbeat, ..Options::default() }
}

fn start(me: usize, net: &Network, options: Options, delays: &Arc<Delays>, tell: &Sender<Leads>) -> Member {
    let id = NodeId::first(me);
    let ends: Vec<End> = (0..SERVERS).map(|to| connected(net, id, to)).collect();
    let raft = {
        let _node = node::enter(id);
        let sink = Roles { server: me, tell: tell.clone() };
        Raft::make_with(ends, me, Arc::new(Persister::new()), sink, options)
            .expect("a server can start with an empty persister")
    };
    let direct = Network::new();
    direct.add_server("raft", Server::new().service(raft.service().cost(Cost::Free)));
    let to_raft = connected(&direct, NodeId::NONE, "raft");
    let proxy = DelayProxy { to_raft: Arc::new(connected(&direct, id, "raft")), delays: delays.clone() };
    net.add_server(me, Server::new().service(proxy.service(id)));
    Member { raft, direct, to_raft }
}

fn connected(net: &Network, owner: NodeId, to: impl Into<labrpc::Name>) -> End {
    let end = net.make_end(owner, to);
    net.enable(&end, true);
    end
}

/// Adds `i - 1` entries of the leader's term to the log of follower `i`, as if the leader had sent a
/// different number of entries to each follower. The leader itself does not have these entries. Otherwise it
/// would make all logs equal.
fn lengthen_logs(members: &[Member], term: u64) {
    for (follower, member) in members.iter().enumerate().filter(|(server, _)| *server != LEADER) {
        let entry = |index: usize| Entry { term, command: Command::new(index.to_string()) };
        let args = AppendEntriesArgs {
            term,
            leader_id: LEADER,
            prev_log_index: 0,
            prev_log_term: 0,
            entries: (1..follower).map(entry).collect(),
            leader_commit: 0,
        };
        let reply: Option<AppendEntriesReply> = member.to_raft.call("Raft.AppendEntries", &args);
        assert!(reply.is_some_and(|reply| reply.success), "a follower takes its leader's entries");
    }
}

// ------------------------------------------------------------------ The leader

/// The message from a server that has become the leader of a term.
#[derive(Clone, Copy, Debug)]
struct Leads {
    server: usize,
    term: u64,
}

/// The sink for the messages of one Raft. It tells the trial each time its server becomes a leader. It
/// ignores commands, because the experiment does not need them.
struct Roles {
    server: usize,
    tell: Sender<Leads>,
}

impl ApplySink for Roles {
    fn deliver(&mut self, _message: ApplyMsg, _stop: &Signal) -> bool {
        true
    }

    fn wants_roles(&self) -> bool {
        true
    }

    fn role_changed(&mut self, change: RoleChange) {
        if change.is_leader {
            // At the end of a trial the receiver is dropped, and sending fails.
            let _ = self.tell.send(Leads { server: self.server, term: change.term });
        }
    }
}

fn next_leader(roles: &Receiver<Leads>, patience: Duration) -> Option<(Leads, Instant)> {
    let leads = roles.recv_timeout(patience).ok()?;
    Some((leads, Instant::now()))
}

// ------------------------------------------------------------------ The delays

/// The delays between the servers.
struct Delays {
    one_way: Duration,
    /// Are the delays switched on? They are off in the first election and in the preparation of the trial.
    on: AtomicBool,
}

impl Delays {
    /// Waits while a request or an answer travels.
    fn travel(&self) {
        self.wait(self.one_way);
    }

    /// Waits while the receiver writes to its disk.
    fn write(&self) {
        self.wait(ROUND_TRIP.saturating_sub(self.one_way * 2));
    }

    fn wait(&self, mean: Duration) {
        if self.on.load(Ordering::SeqCst) {
            sleep(mean.mul_f64(rng::rng().random_range(2.0 / 3.0..4.0 / 3.0)));
        }
    }
}

/// A proxy in front of a Raft. It delays requests and answers.
#[derive(Clone)]
struct DelayProxy {
    to_raft: Arc<End>,
    delays: Arc<Delays>,
}

impl DelayProxy {
    fn service(self, node: NodeId) -> Service {
        let (votes, entries, snapshots) = (self.clone(), self.clone(), self);
        Service::new("Raft")
            .node(node)
            .cost(Cost::Free)
            .deferred("RequestVote", move |args: RequestVoteArgs, to: Responder<RequestVoteReply>| {
                votes.pass("Raft.RequestVote", args, to);
            })
            .deferred("AppendEntries", move |args: AppendEntriesArgs, to: Responder<AppendEntriesReply>| {
                entries.pass("Raft.AppendEntries", args, to);
            })
            .deferred(
                "InstallSnapshot",
                move |args: InstallSnapshotArgs, to: Responder<InstallSnapshotReply>| {
                    snapshots.pass("Raft.InstallSnapshot", args, to);
                },
            )
    }

    fn pass<A, R>(&self, method: &'static str, args: A, to: Responder<R>)
    where
        A: Serialize + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        let DelayProxy { to_raft, delays } = self.clone();
        thread::spawn(move || {
            delays.travel();
            // A killed server does not answer.
            let Some(reply) = to_raft.call(method, &args) else { return };
            delays.write();
            delays.travel();
            to.reply(reply);
        });
    }
}
