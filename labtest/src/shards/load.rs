//! Clients that work in the background, and a function that limits the time of a call.

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

/// Clients that read and write random keys until the test stops them. As in the course, 50 % of the
/// operations are appends, 5 % are puts and 45 % are gets. The keys are "0", "1" and so on.
pub struct Mixed {
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<u64>>,
}

impl Mixed {
    /// Starts `count` clients. Their operations are recorded in `history`, as operations of clients 0, 1 and
    /// so on.
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

    /// Makes all clients stop after their current operation. This method does not wait.
    pub fn set_done(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// Stops the clients and waits until their last operations have ended. Returns how many operations the
    /// clients have done in all.
    pub fn wait(self) -> u64 {
        self.set_done();
        self.clients.into_iter().map(join).sum()
    }
}

/// Calls `f` in a new thread and returns the result of `f`. Fails the test if `f` has not ended after
/// `limit`. The message of the failure begins with `what`.
#[track_caller]
pub fn within<T: Send + 'static>(limit: Duration, what: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = labrt::chan::bounded(1);
    let helper = thread::spawn(move || {
        let result = f();
        // If the test has failed, no thread waits for the result, and the send fails. This error is ignored.
        let _ = tx.send(result);
    });
    match rx.recv_deadline(Instant::now() + limit) {
        Ok(result) => result,
        Err(_) if helper.is_finished() => {
            join(helper);
            unreachable!("a helper that ends without a panic has sent its result")
        }
        Err(_) => panic!("{what} has not ended within {} s", limit.as_secs_f64()),
    }
}
