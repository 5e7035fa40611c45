//! Part 4B: groups serve the shards that the controller gives them. When the configuration changes, the
//! groups move shards to other groups.
//!
//! | file | tests |
//! |---|---|
//! | `moves.rs` | one client at a time: joins and leaves, snapshots, replicas that miss changes |
//! | `concurrent.rs` | clients append while shards move and groups restart |
//! | `unreliable.rs` | clients on a network that loses and delays messages; linearizability |
//! | `challenges.rs` | shards that were given away must be deleted; shards must be served while others move |
//! | `ours.rs` | tests of properties that the course's tests do not check |

mod challenges;
mod concurrent;
mod moves;
mod ours;
mod unreliable;

use labapi::{KvClerk, Sharded};
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread::{self, JoinHandle};
use labrt::time::{Duration, sleep};

use crate::harness::Case;
use crate::kv::History;
use crate::lives::join;
use crate::shards::{Client, Config, random_text};

pub(super) fn cases<S: Sharded>() -> Vec<Case> {
    let course = [
        ("static_shards", "TestStaticShards", moves::static_shards::<S> as fn()),
        ("join_leave", "TestJoinLeave", moves::join_leave::<S>),
        ("snapshot", "TestSnapshot", moves::snapshot::<S>),
        ("miss_change", "TestMissChange", moves::miss_change::<S>),
        ("concurrent_1", "TestConcurrent1", concurrent::concurrent_1::<S>),
        ("concurrent_2", "TestConcurrent2", concurrent::concurrent_2::<S>),
        ("concurrent_3", "TestConcurrent3", concurrent::concurrent_3::<S>),
        ("unreliable_1", "TestUnreliable1", unreliable::unreliable_1::<S>),
        ("unreliable_2", "TestUnreliable2", unreliable::unreliable_2::<S>),
        ("unreliable_3", "TestUnreliable3", unreliable::unreliable_3::<S>),
        ("challenge_1_delete", "TestChallenge1Delete", challenges::challenge_1_delete::<S>),
        ("challenge_2_unaffected", "TestChallenge2Unaffected", challenges::challenge_2_unaffected::<S>),
        ("challenge_2_partial", "TestChallenge2Partial", challenges::challenge_2_partial::<S>),
    ];
    let course = course.into_iter().map(|(name, go_name, body)| Case::of_course(name, go_name, body));
    course.chain(ours::cases::<S>()).collect()
}

/// The keys "0", "1" and so on, the values that they must have, and the clerk with which the test reads and
/// writes the keys.
struct Keys<C> {
    clerk: Client<C>,
    values: Vec<String>,
}

/// Key number `i`.
fn key(i: usize) -> String {
    i.to_string()
}

impl<C: KvClerk> Keys<C> {
    /// Returns a value with a new clerk and no keys yet.
    fn new<S: Sharded<Clerk = C>>(cfg: &Config<S>) -> Keys<C> {
        Keys { clerk: cfg.make_client(), values: Vec::new() }
    }

    /// Returns the same keys, with a clerk that records all its operations in `history`, as operations of
    /// client number `client`.
    fn recorded(self, history: &Arc<History>, client: u32) -> Keys<C> {
        Keys { clerk: self.clerk.recorded(history, client), ..self }
    }

    /// Creates `count` keys with random values of `len` letters.
    fn put(&mut self, count: usize, len: usize) {
        self.values = (0..count).map(|_| random_text(len)).collect();
        for (i, value) in self.values.iter().enumerate() {
            self.clerk.put(&key(i), value);
        }
    }

    /// Sets the value of key `i`.
    fn put_one(&mut self, i: usize, value: String) {
        self.clerk.put(&key(i), &value);
        self.values[i] = value;
    }

    #[track_caller]
    fn check(&mut self) {
        self.check_first(self.values.len());
    }

    #[track_caller]
    fn check_first(&mut self, count: usize) {
        (0..count).for_each(|i| self.check_one(i));
    }

    #[track_caller]
    fn check_one(&mut self, i: usize) {
        self.clerk.check(&key(i), &self.values[i]);
    }

    /// Appends a random text of `len` letters to key `i`.
    fn append_one(&mut self, i: usize, len: usize) {
        let more = random_text(len);
        self.clerk.append(&key(i), &more);
        self.values[i] += &more;
    }

    /// Checks the value of a key, and then appends to this key. Does this for all keys, one after the other.
    #[track_caller]
    fn check_and_append(&mut self, len: usize) {
        for i in 0..self.values.len() {
            self.check_one(i);
            self.append_one(i, len);
        }
    }
}

/// Clients in the background. Each client appends to a key of its own until the test stops it.
struct Appenders {
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<String>>,
}

/// What the clients of [`Appenders`] do.
#[derive(Clone, Copy)]
struct Appending {
    /// How many letters each append adds.
    len: usize,
    /// The pause after each append.
    pause: Duration,
    /// If true, all clerks are made before the first client starts. Otherwise each client makes its own clerk
    /// when it starts.
    clerks_first: bool,
}

impl Appenders {
    /// Starts a client for each key.
    fn start<S: Sharded>(cfg: &Config<S>, keys: &Keys<S::Clerk>, how: Appending) -> Appenders {
        let done = Arc::new(AtomicBool::new(false));
        let clerk = |_: &String| how.clerks_first.then(|| cfg.make_client());
        let clerks: Vec<_> = keys.values.iter().map(clerk).collect();
        let clients = clerks.into_iter().zip(&keys.values).enumerate().map(|(i, (clerk, value))| {
            let (cluster, done, mut value) = (cfg.share(), Arc::clone(&done), value.clone());
            thread::spawn_named(format!("client-{i}"), move || {
                let mut clerk = clerk.unwrap_or_else(|| cluster.make_client());
                while !done.load(Ordering::SeqCst) {
                    let more = random_text(how.len);
                    clerk.append(&key(i), &more);
                    value += &more;
                    sleep(how.pause);
                }
                value
            })
        });
        Appenders { clients: clients.collect(), done }
    }

    /// Makes all clients stop after their current append. This method does not wait.
    fn set_done(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// Stops the clients and waits for them. Afterwards `keys` has the values that the clients have written.
    fn wait<C>(self, keys: &mut Keys<C>) {
        self.set_done();
        keys.values = self.clients.into_iter().map(join).collect();
    }
}

/// Pauses the test for `ms` milliseconds.
fn pause(ms: u64) {
    sleep(Duration::from_millis(ms));
}
