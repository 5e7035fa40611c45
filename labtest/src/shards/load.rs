//! Clients in the background, and calls that must end in time.

use labapi::Sharded;
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread::{self, JoinHandle};
use labrt::time::{Duration, Instant};

use super::Cluster;
use super::clients::random_text;
use crate::kv::History;
use crate::lives::join;

/// Clients that read, replace and extend random keys until they are stopped: 50 % appends, 5 %
/// puts, 45 % gets, as in the course. The keys are "0", "1" and so on.
pub struct Mixed {
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<u64>>,
}

impl Mixed {
    /// Starts `count` clients. Their operations are recorded as those of clients 0, 1 and so on.
    pub fn start<S: Sharded>(
        cluster: &Arc<Cluster<S>>,
        history: &Arc<History>,
        count: u32,
        keys: u64,
    ) -> Mixed {
        let done = Arc::new(AtomicBool::new(false));
        let clients = (0..count).map(|i| {
            let (cluster, history, done) = (Arc::clone(cluster), Arc::clone(history), Arc::clone(&done));
            thread::spawn_named(format!("client-{i}"), move || {
                let mut clerk = cluster.make_client().recorded(&history, i);
                let mut operations = 0;
                while !done.load(Ordering::SeqCst) {
                    let key = rng::below(keys).to_string();
                    let text = random_text(5);
                    if rng::below(1000) < 500 {
                        clerk.append(&key, &text);
                    } else if rng::below(1000) < 100 {
                        clerk.put(&key, &text);
                    } else {
                        clerk.get(&key);
                    }
                    operations += 1;
                }
                operations
            })
        });
        Mixed { clients: clients.collect(), done }
    }

    /// From now on no client begins another operation.
    pub fn set_done(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// Waits until the clients have ended their last operations. Returns how many operations they have done.
    pub fn wait(self) -> u64 {
        self.set_done();
        self.clients.into_iter().map(join).sum()
    }
}

/// Runs `f` in a thread of its own, and fails the test if it has not ended after `limit`. `what` is the
/// subject of the message.
#[track_caller]
pub fn within<T: Send + 'static>(limit: Duration, what: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = labrt::chan::bounded(1);
    let helper = thread::spawn(move || {
        let result = f();
        // If no thread waits for the result, the test has failed.
        let _ = tx.send(result);
    });
    match rx.recv_deadline(Instant::now() + limit) {
        Ok(result) => result,
        Err(_) if helper.is_finished() => {
            join(helper);
            unreachable!("a helper that ends well sends its result")
        }
        Err(_) => panic!("{what} has not ended within {} s", limit.as_secs_f64()),
    }
}
