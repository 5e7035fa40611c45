//! A thread that splits the network into two new random sides about every second.

use labrt::rng::{self, Rng};
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread::{self, JoinHandle};
use labrt::time::{Duration, sleep};

use super::KvService;
use crate::service::Cluster;

/// Starts the thread. It puts each server on a random side, waits 1 to 1.2 s, and repeats this until `done`
/// is set. So the thread ends at most 1.2 s after `done` was set.
pub(super) fn start<S: KvService>(
    cluster: &Arc<Cluster<S>>,
    round: usize,
    done: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let (cluster, done) = (Arc::clone(cluster), Arc::clone(done));
    thread::spawn_named("partitioner", move || {
        let mut luck = rng::stream("judge.partitioner", round as u64);
        while !done.load(Ordering::SeqCst) {
            let (side1, side2): (Vec<usize>, Vec<usize>) =
                cluster.all().into_iter().partition(|_| rng::scale(luck.next_u64(), 2) == 0);
            cluster.partition(&side1, &side2);
            sleep(Duration::from_millis(1000 + rng::scale(luck.next_u64(), 200)));
        }
    })
}
