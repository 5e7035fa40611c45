//! The lives of a test's servers, and its threads: none may outlive the server that it belongs to.

use labapi::Strictness;
use labrt::node::NodeId;
use labrt::thread::{self, JoinHandle};
use labrt::time::{Duration, Instant, sleep};

use super::output::note;

/// The identity of one life of server `i` of the only group. Lives count from 1.
pub(crate) fn node_id(i: usize, incarnation: u32) -> NodeId {
    let index = u16::try_from(i).expect("a test has a handful of servers");
    NodeId { group: 0, index, incarnation }
}

/// No thread of any of `nodes`, which have been killed, may live 100 ms from now on. In virtual time that is
/// exact; real threads share the machine with others, so they get up to five seconds.
#[track_caller]
pub(crate) fn check_none_left(nodes: &[NodeId], strictness: Strictness) {
    const GRACE: Duration = Duration::from_millis(100);
    const BUSY_MACHINE: Duration = Duration::from_secs(5);
    let killed = Instant::now();
    let left = loop {
        sleep(if labrt::is_sim() { GRACE } else { GRACE / 10 });
        let left: Vec<String> =
            nodes.iter().flat_map(|&node| thread::alive(node)).map(|thread| thread.what).collect();
        let patience = if labrt::is_sim() { GRACE } else { BUSY_MACHINE };
        if left.is_empty() || killed.elapsed() >= patience {
            break left;
        }
    };
    if left.is_empty() {
        return;
    }
    let text = format!("{} threads left behind after kill(): {}", left.len(), left.join(", "));
    match strictness {
        Strictness::Fail => panic!("{text}"),
        Strictness::Warn => note(&format!("warning: {text}")),
    }
}

/// What a helper thread of a test returns. Its panic is the test's.
pub(crate) fn join<T>(helper: JoinHandle<T>) -> T {
    helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
