//! The generic test of a key/value service. Most tests of such a service are this test with different
//! options. Clients read and write in three rounds of five seconds. The options decide which faults there are
//! in the rounds: the network can be split or lose messages, and the servers can restart.
//!
//! The test checks these conditions:
//!
//! * If each client has a key of its own, the client knows what value it must read. At the end of a round,
//!   the value must contain each append of the client exactly once, and all appends in order.
//! * The history of all operations must be linearizable.
//! * If the test wants snapshots, the servers must keep their Raft state small. Otherwise the servers must
//!   not take any snapshots.

use labapi::KvService;
use std::path::Path;

use labrt::rng::{self, Rng};
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::time::{Duration, sleep};

use super::appends::{check_appends, difference, element};
use super::history::{History, IfUnknown};
use super::{Client, make_client, partitioner, spawn_clients};
use crate::lives::join;
use crate::output::note;
use crate::raft::ELECTION_TIMEOUT;
use crate::service::{Config, Setup, make_config};

/// The Raft state of a server may be at most this many times as large as `maxraftstate`.
const LOG_ALLOWANCE: usize = 8;

/// The options of a test. Begin with [`Generic::new`], whose options have no faults, and change some fields:
///
/// ```text
/// Generic { crash: true, partitions: true, ..Generic::new("3A", 5, 5) }.run::<S>()
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Generic {
    /// The part of the lab, for example `3A`. It is shown in the title.
    pub part: &'static str,
    /// The number of clients.
    pub clients: usize,
    /// The number of servers.
    pub servers: usize,
    /// If true, the network delays requests, and loses a tenth of the requests and a tenth of the replies.
    pub unreliable: bool,
    /// If true, all servers are restarted in each round.
    pub crash: bool,
    /// If true, the servers are split into two new random sides about every second.
    pub partitions: bool,
    /// A server takes a snapshot when its Raft state has more than this number of bytes. The Raft state must
    /// not become larger than eight times this number. With `None`, there must be no snapshot.
    pub maxraftstate: Option<usize>,
    /// If true, the clients share the keys. Then only the check for linearizability can judge the values that
    /// they read.
    pub random_keys: bool,
    /// The number of rounds. The course has three.
    pub rounds: usize,
    /// How long the clients work in each round. In this time the network is also split, if the options say
    /// so. The course has five seconds.
    pub period: Duration,
    /// What happens if the checker cannot judge the history in time.
    pub if_unknown: IfUnknown,
    /// The folder for the page of a history that is not linearizable. `None` means that this page lies beside
    /// the [page of the run](crate::page).
    pub pictures: Option<&'static Path>,
}

impl Generic {
    /// Returns the options for a test with a reliable network, no faults, no snapshots, and one key for each
    /// client.
    pub fn new(part: &'static str, clients: usize, servers: usize) -> Generic {
        Generic {
            part,
            clients,
            servers,
            unreliable: false,
            crash: false,
            partitions: false,
            maxraftstate: None,
            random_keys: false,
            rounds: 3,
            period: Duration::from_secs(5),
            if_unknown: IfUnknown::default(),
            pictures: None,
        }
    }

    /// The title of the test.
    pub fn title(&self) -> String {
        let parts = [
            ("unreliable net, ", self.unreliable),
            ("restarts, ", self.crash),
            ("partitions, ", self.partitions),
            ("snapshots, ", self.maxraftstate.is_some()),
            ("random keys, ", self.random_keys),
        ];
        let faults: String = parts.iter().filter(|(_, on)| *on).map(|(text, _)| *text).collect();
        let clients = if self.clients > 1 { "many clients" } else { "one client" };
        format!("Test: {faults}{clients} ({})", self.part)
    }

    /// Runs the test.
    pub fn run<S: KvService>(self) {
        let setup =
            Setup { unreliable: self.unreliable, maxraftstate: self.maxraftstate, ..Setup::of(self.servers) };
        let cfg = make_config::<S>(setup);
        cfg.begin(&self.title());
        let history = Arc::new(History::new());
        let mut ck = make_client(&cfg, &cfg.all());
        ck.record(&history, 0);
        let sizes = (0..self.rounds).map(|round| self.round(&cfg, &history, &mut ck, round));
        let largest = sizes.max().unwrap_or(0);
        if let Some(limit) = self.maxraftstate {
            note_log_size(largest, limit);
        }
        if let Err(error) = history.judge_in(self.if_unknown, &self.title(), cfg.marks(), self.pictures) {
            panic!("{error}");
        }
        cfg.end();
    }

    /// Runs one round. Returns the size of the largest Raft state at the end of the round.
    fn round<S: KvService>(
        &self,
        cfg: &Config<S>,
        history: &Arc<History>,
        ck: &mut Client<S>,
        round: usize,
    ) -> usize {
        let done = Arc::new(AtomicBool::new(false));
        let clients = {
            let (work, history) = (Work::new(self, round, &done), Arc::clone(history));
            spawn_clients(cfg, self.clients, move |me, client| {
                client.record(&history, u32::try_from(me).expect("the number of a client fits into 32 bits"));
                work.run(me, client)
            })
        };

        // The network is first split after one second.
        let splitting = self.partitions.then(|| {
            sleep(Duration::from_secs(1));
            partitioner::start(cfg, round, &done)
        });
        sleep(self.period);
        done.store(true, Ordering::SeqCst);

        if let Some(splitting) = splitting {
            join(splitting);
            // The servers get some time for an election. Then they answer the requests that have
            // waited at servers without a majority.
            cfg.connect_all();
            sleep(ELECTION_TIMEOUT);
        }
        if self.crash {
            // The last calls of the clients may still wait for replies. These calls must succeed although the
            // servers crash.
            cfg.all().into_iter().for_each(|i| cfg.shutdown_server(i));
            sleep(ELECTION_TIMEOUT);
            cfg.all().into_iter().for_each(|i| cfg.start_server(i));
            cfg.connect_all();
        }

        for (client, thread) in clients.into_iter().enumerate() {
            let count = join(thread);
            let value = ck.get(&client.to_string());
            if !self.random_keys
                && let Err(error) = check_appends(client, &value, count)
            {
                panic!("{error}");
            }
        }
        let snapshot = cfg.snapshot_size();
        match self.maxraftstate {
            Some(limit) => check_log_size(cfg, limit),
            None if snapshot == 0 => cfg.log_size(),
            None => panic!("snapshot of {snapshot} bytes, though maxraftstate says that there shall be none"),
        }
    }
}

/// Fails the test if the Raft state of a server has more than eight times `maxraftstate` bytes. Returns the
/// size of the largest Raft state.
#[track_caller]
pub(crate) fn check_log_size<S: KvService>(cfg: &Config<S>, maxraftstate: usize) -> usize {
    let size = cfg.log_size();
    assert!(
        size <= LOG_ALLOWANCE * maxraftstate,
        "logs were not trimmed: {size} bytes > {LOG_ALLOWANCE}*{maxraftstate}"
    );
    size
}

/// Prints the size of the largest Raft state and its limit.
pub(crate) fn note_log_size(size: usize, maxraftstate: usize) {
    note(&format!("the largest Raft state has {size} bytes, {} are allowed", LOG_ALLOWANCE * maxraftstate));
}

/// What the clients do in one round.
struct Work {
    clients: usize,
    random_keys: bool,
    round: usize,
    done: Arc<AtomicBool>,
}

impl Work {
    fn new(test: &Generic, round: usize, done: &Arc<AtomicBool>) -> Work {
        Work { clients: test.clients, random_keys: test.random_keys, round, done: Arc::clone(done) }
    }

    /// Lets the client read and write until the round is over. Returns how many elements the client has
    /// written.
    fn run<S: KvService>(&self, me: usize, client: &mut Client<S>) -> usize {
        let mut luck = rng::stream("judge.client", (self.round * self.clients + me) as u64);
        let mut below = |n: u64| rng::scale(luck.next_u64(), n);
        let mut count = 0;
        // The value of the client's own key.
        let mut last = String::new();
        if !self.random_keys {
            client.put(&me.to_string(), "");
        }
        while !self.done.load(Ordering::SeqCst) {
            let owner = if self.random_keys { below(self.clients as u64) as usize } else { me };
            let key = owner.to_string();
            let next = element(me, count);
            if below(1000) < 500 {
                client.append(&key, &next);
                if !self.random_keys {
                    last += &next;
                }
                count += 1;
            } else if self.random_keys && below(1000) < 100 {
                // Only a client that shares its keys may put. If the client had a key of its own, the put
                // would remove the elements that the client has appended.
                client.put(&key, &next);
                count += 1;
            } else {
                let value = client.get(&key);
                if !self.random_keys && value != last {
                    panic!("get wrong value, key {key}: {}", difference(&last, &value));
                }
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_the_courses() {
        let calm = Generic::new("3A", 1, 5);
        assert_eq!(calm.title(), "Test: one client (3A)");
        assert_eq!(Generic::new("3A", 5, 5).title(), "Test: many clients (3A)");
        let all = Generic {
            unreliable: true,
            crash: true,
            partitions: true,
            maxraftstate: Some(1000),
            random_keys: true,
            ..Generic::new("3B", 15, 7)
        };
        let title = "Test: unreliable net, restarts, partitions, snapshots, random keys, many clients (3B)";
        assert_eq!(all.title(), title);
        // Each of these words in the title comes from one option.
        let crash = Generic { crash: true, ..calm };
        assert_eq!(crash.title(), "Test: restarts, one client (3A)");
        let partitions = Generic { partitions: true, ..calm };
        assert_eq!(partitions.title(), "Test: partitions, one client (3A)");
        let snapshots = Generic { maxraftstate: Some(1), ..calm };
        assert_eq!(snapshots.title(), "Test: snapshots, one client (3A)");
        let random = Generic { random_keys: true, ..calm };
        assert_eq!(random.title(), "Test: random keys, one client (3A)");
        let unreliable = Generic { unreliable: true, ..calm };
        assert_eq!(unreliable.title(), "Test: unreliable net, one client (3A)");
    }
}
