//! The sharded key/value service on a reliable network: several groups, a controller, and clerks that keep
//! the groups busy.
//!
//! As in [`kv`](crate::kv), the first server of every group leads, and snapshots are off.

use crate::kv::first_leads;
use labapi::{Config, Gid, GroupStart, MakeEnd, NSHARDS, Persister, ServerStart, key2shard};
use labrpc::{End, Name, Network, Server, Service};
use labrt::collections::BTreeMap;
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::sync::{Arc, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use mit6824::shardctrler::{self, ShardCtrler};
use mit6824::shardkv::{Clerk, ShardKv};

/// How many servers each group and the controller have.
const SERVERS: usize = 3;

/// A running service. It must be made and used inside a [`labrt::Run`].
pub struct Shards {
    net: Network,
    ctrlers: Vec<ShardCtrler>,
    groups: BTreeMap<Gid, Vec<ShardKv>>,
}

/// How long the clerk of one shard waited for answers: before the move of shards, and during the move.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// The number of the shard.
    pub shard: usize,
    /// Has the shard moved to another group?
    pub moved: bool,
    /// The longest time between two answers before the move.
    pub before: Duration,
    /// The longest time between two answers after the beginning of the move. The measurement of `during`
    /// takes as much time as the measurement of `before`.
    pub during: Duration,
}

impl Shards {
    /// Starts the controller and `groups` groups, numbered from 1. Makes the groups join, and waits until all
    /// shards are served.
    pub fn start(groups: usize) -> Shards {
        let net = Network::new();
        let start = |me| {
            let (ends, node) = (ends(&net, NodeId::first(me), &ctrler_names()), NodeId::first(me));
            let _node = node::enter(node);
            let persister = Arc::new(Persister::new());
            let server = ShardCtrler::start_with(
                ServerStart { ends, me, persister, maxraftstate: None },
                first_leads(me),
            )
            .expect("a server can start with an empty persister");
            serve(&net, ctrler_names()[me].clone(), server.services());
            server
        };
        let ctrlers = (0..SERVERS).map(start).collect();
        let mut shards = Shards { net, ctrlers, groups: BTreeMap::new() };
        let gids: Vec<Gid> = (1..=groups as Gid).collect();
        gids.iter().for_each(|&gid| shards.start_group(gid));
        shards.join(&gids);
        shards.wait_until_served();
        shards
    }

    /// Makes a clerk.
    pub fn clerk(&self) -> Clerk {
        Clerk::new(ends(&self.net, NodeId::NONE, &ctrler_names()), make_end(&self.net, NodeId::NONE))
    }

    /// Measures for `seconds` seconds how many puts per second `clerks` clerks do together. The clerks' keys
    /// are distributed over the shards.
    pub fn rate(&self, clerks: usize, seconds: u64) -> f64 {
        let (stop, start) = (Arc::new(AtomicBool::new(false)), Arc::new(Signal::new()));
        let spawn = |me: usize| {
            let (mut clerk, key) = (self.clerk(), key_of(me % NSHARDS, me));
            let (stop, start) = (stop.clone(), start.clone());
            clerk.put(&key, "a value of 24 characters");
            thread::spawn_named(format!("clerk-{me}"), move || {
                start.wait();
                let mut count = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    clerk.put(&key, "another of 24 characters");
                    count += 1;
                }
                count
            })
        };
        let threads: Vec<_> = (0..clerks).map(spawn).collect();
        let began = Instant::now();
        start.raise();
        sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        let count: u64 = threads.into_iter().map(|thread| thread.join().expect("a clerk never fails")).sum();
        count as f64 / began.elapsed().as_secs_f64()
    }

    /// Gives every shard `bytes` of data, and makes one more group join while a clerk of each shard is busy.
    /// Returns the longest times between two answers, for each shard. The first half of the measurement is
    /// before the join. The second half begins with the join. Each half takes the time `half`.
    pub fn gaps(&mut self, bytes: usize, half: Duration) -> Vec<Gap> {
        let value = "x".repeat(1000);
        let mut clerk = self.clerk();
        for i in 0..bytes / value.len() * NSHARDS {
            clerk.put(&key_of(i % NSHARDS, 1000 + i), &value);
        }
        let gid = self.groups.len() as Gid + 1;
        self.start_group(gid);
        let config = self.config();

        let begin = Instant::now();
        let spawn = |shard: usize| {
            let (mut clerk, key) = (self.clerk(), key_of(shard, shard));
            thread::spawn_named(format!("clerk-{shard}"), move || {
                let (mut last, mut gaps) = (Instant::now(), [Duration::ZERO; 2]);
                while last < begin + 2 * half {
                    clerk.put(&key, "another of 24 characters");
                    let now = Instant::now();
                    let part = &mut gaps[usize::from(now > begin + half)];
                    *part = (now - last).max(*part);
                    last = now;
                }
                gaps
            })
        };
        let threads: Vec<_> = (0..NSHARDS).map(spawn).collect();
        sleep((begin + half).saturating_duration_since(Instant::now()));
        self.join(&[gid]);
        let after = self.config();
        let gap = |(shard, [before, during]): (usize, [Duration; 2])| Gap {
            shard,
            moved: config.shards[shard] != after.shards[shard],
            before,
            during,
        };
        let join = |thread: thread::JoinHandle<_>| thread.join().expect("a clerk never fails");
        threads.into_iter().map(join).enumerate().map(gap).collect()
    }

    fn config(&self) -> Config {
        self.ctrler_clerk().query(None)
    }

    fn ctrler_clerk(&self) -> shardctrler::Clerk {
        shardctrler::Clerk::new(ends(&self.net, NodeId::NONE, &ctrler_names()))
    }

    fn join(&self, gids: &[Gid]) {
        let names = |&gid: &Gid| (gid, server_names(gid).iter().map(ToString::to_string).collect());
        self.ctrler_clerk().join(gids.iter().map(names).collect()).expect("the groups are new");
    }

    fn wait_until_served(&self) {
        let mut clerk = self.clerk();
        (0..NSHARDS).for_each(|shard| clerk.put(&key_of(shard, 0), ""));
    }

    fn start_group(&mut self, gid: Gid) {
        let start = |me| {
            let node = NodeId { group: gid as u16, ..NodeId::first(me) };
            let _node = node::enter(node);
            let start = GroupStart {
                server: ServerStart {
                    ends: ends(&self.net, node, &server_names(gid)),
                    me,
                    persister: Arc::new(Persister::new()),
                    maxraftstate: None,
                },
                gid,
                ctrlers: ends(&self.net, node, &ctrler_names()),
                make_end: make_end(&self.net, node),
            };
            let server = ShardKv::start_with(start, first_leads(me))
                .expect("a server can start with an empty persister");
            serve(&self.net, server_names(gid)[me].clone(), server.services());
            server
        };
        let servers = (0..SERVERS).map(start).collect();
        self.groups.insert(gid, servers);
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.groups.values().flatten().for_each(ShardKv::kill);
        self.ctrlers.iter().for_each(ShardCtrler::kill);
        self.net.cleanup();
    }
}

/// A key that belongs to the shard.
fn key_of(shard: usize, number: usize) -> String {
    let first = ('a'..='z').find(|letter| key2shard(&letter.to_string()) == shard);
    format!("{}{number}", first.expect("each shard has one of ten successive letters"))
}

fn ctrler_names() -> Vec<Name> {
    (0..SERVERS).map(|i| format!("ctrler-{i}").into()).collect()
}

fn server_names(gid: Gid) -> Vec<Name> {
    (0..SERVERS).map(|i| format!("server-{gid}-{i}").into()).collect()
}

fn ends(net: &Network, owner: NodeId, to: &[Name]) -> Vec<End> {
    let make = |to: &Name| {
        let end = net.make_end(owner, to.clone());
        net.enable(&end, true);
        end
    };
    to.iter().map(make).collect()
}

fn make_end(net: &Network, owner: NodeId) -> MakeEnd {
    let net = net.clone();
    Arc::new(move |to| {
        let end = net.make_end(owner, to);
        net.enable(&end, true);
        end
    })
}

fn serve(net: &Network, name: Name, services: Vec<Service>) {
    net.add_server(name, services.into_iter().fold(Server::new(), Server::service));
}
