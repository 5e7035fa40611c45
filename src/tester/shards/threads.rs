//! No thread of a server may outlive it.

use labrt::node::NodeId;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

use super::report::note;
use crate::tester::peer::Strictness;

/// No thread of any of `nodes` may live 100 ms after they were killed. In virtual time that is exact; real threads
/// share the machine with others, so they get up to five seconds.
#[track_caller]
pub(super) fn check_none_left(nodes: &[NodeId], strictness: Strictness) {
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
