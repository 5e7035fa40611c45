//! Servers of the key/value service on a reliable network, and clerks that keep them busy.
//!
//! Server 0 leads, because its election timeout is short and the others' timeouts are long. So a group is
//! ready at once, and busy threads do not cause a change of the leader. Snapshots are off, except with
//! [`KvGroup::start_with_snapshots`].

use labapi::{Persister, ServerStart};
use labrpc::{End, Network, Server};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use mit6824::kvraft::{Clerk, KvServer};
use mit6824::raft::Options;
use std::sync::OnceLock;

/// The limit of a server's saved state in the tests of lab 3B, in bytes. A server that saves more takes a
/// snapshot.
pub const MAXRAFTSTATE_3B: usize = 1000;

/// The server that leads.
const LEADER: usize = 0;

/// What the clerks do. Each clerk has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Each clerk puts short values, one after the other.
    Put,
    /// Each clerk gets the same value again and again.
    Get,
}

/// A running group. It must be made and used inside a [`labrt::Run`].
pub struct KvGroup {
    net: Network,
    servers: Vec<KvServer>,
}

impl KvGroup {
    /// Starts `n` servers and waits until they have done a first operation.
    pub fn start(n: usize) -> KvGroup {
        KvGroup::start_with(n, None)
    }

    /// Like [`start`](KvGroup::start), but the servers take snapshots, with the limit [`MAXRAFTSTATE_3B`].
    pub fn start_with_snapshots(n: usize) -> KvGroup {
        KvGroup::start_with(n, Some(MAXRAFTSTATE_3B))
    }

    fn start_with(n: usize, maxraftstate: Option<usize>) -> KvGroup {
        let net = Network::new();
        let servers = (0..n).map(|me| start_server(&net, me, n, maxraftstate)).collect();
        let group = KvGroup { net, servers };
        group.clerk().put("first", "");
        group
    }

    /// Makes a clerk. Its first call finds the leader.
    pub fn clerk(&self) -> Clerk {
        let ends: Vec<End> = (0..self.servers.len()).map(|to| self.net.make_end(NodeId::NONE, to)).collect();
        ends.iter().for_each(|end| self.net.enable(end, true));
        Clerk::new(ends)
    }

    /// Measures how many operations `clerks` clerks do together in each second, for `seconds` seconds. All
    /// clerks count from the same moment.
    pub fn rates(&self, clerks: usize, load: Load, seconds: usize) -> Vec<u64> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, start) = (labrt::chan::unbounded(), labrt::sync::Signal::new());
        let began = Arc::new(OnceLock::new());
        let spawn = |me: usize| {
            let (mut clerk, key) = (self.clerk(), format!("key-{me}"));
            let (stop, start, ready) = (stop.clone(), start.clone(), ready.0.clone());
            let began = began.clone();
            thread::spawn_named(format!("clerk-{me}"), move || {
                clerk.put(&key, "a value of 24 characters");
                ready.send(()).expect("the bench waits for this message");
                start.wait();
                let began = *began.get().expect("it is set before the start is raised");
                work(&mut clerk, &key, load, (began, seconds), &stop)
            })
        };
        let threads: Vec<_> = (0..clerks).map(spawn).collect();
        (0..clerks).for_each(|_| ready.1.recv().expect("every clerk gets ready"));
        let now = Instant::now();
        began.set(now).expect("this is the only place that sets it");
        start.raise();
        sleep((now + Duration::from_secs(seconds as u64)).saturating_duration_since(Instant::now()));
        stop.store(true, Ordering::Relaxed);
        let mut rates = vec![0; seconds];
        for thread in threads {
            let counts = thread.join().expect("a clerk never fails");
            rates.iter_mut().zip(counts).for_each(|(rate, count)| *rate += count);
        }
        let leads = self.servers[LEADER].get_state().1;
        assert!(leads, "server {LEADER} has lost the leadership; measure again");
        rates
    }
}

impl Drop for KvGroup {
    fn drop(&mut self) {
        self.servers.iter().for_each(KvServer::kill);
        self.net.cleanup();
    }
}

/// The Raft options of server `me` in a group. They make server 0 the leader for the whole bench.
pub fn first_leads(me: usize) -> Options {
    let patience = if me == LEADER { Duration::from_millis(10) } else { Duration::from_secs(3) };
    Options { election_timeout: patience..patience * 2, ..Options::default() }
}

/// Does operations with one clerk until `stop` is set. Returns how many operations it did in each of the
/// seconds after `began`.
fn work(
    clerk: &mut Clerk,
    key: &str,
    load: Load,
    (began, seconds): (Instant, usize),
    stop: &AtomicBool,
) -> Vec<u64> {
    let mut counts = vec![0; seconds];
    while !stop.load(Ordering::Relaxed) {
        match load {
            Load::Put => clerk.put(key, "another of 24 characters"),
            Load::Get => drop(clerk.get(key)),
        }
        if let Some(count) = counts.get_mut(began.elapsed().as_secs() as usize) {
            *count += 1;
        }
    }
    counts
}

fn start_server(net: &Network, me: usize, n: usize, maxraftstate: Option<usize>) -> KvServer {
    let id = NodeId::first(me);
    let ends: Vec<End> = (0..n).map(|to| net.make_end(id, to)).collect();
    ends.iter().for_each(|end| net.enable(end, true));
    let server = {
        let _node = node::enter(id);
        let persister = Arc::new(Persister::new());
        KvServer::start_with(ServerStart { ends, me, persister, maxraftstate }, first_leads(me))
            .expect("a server can start with an empty persister")
    };
    net.add_server(me, server.services().into_iter().fold(Server::new(), Server::service));
    server
}
