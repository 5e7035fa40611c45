//! The code that the tests of a key/value service share. In the course, this code is in
//! `kvraft/test_test.go`.
//!
//! | file | content |
//! |---|---|
//! | `generic` | [`Generic`]: the generic test: clients read and write, and the options choose the faults |
//! | `client` | [`Client`]: a clerk whose operations are counted and recorded |
//! | `appends` | values from which a test can see which client has written which part |
//! | `recorder` | [`Recorder`]: records the operations of a client in a history |
//! | `history` | the history of the clients' operations, and the check whether it is linearizable |
//! | `spare` | operations that the test does not check, for the page of a failed run |
//! | `partitioner` | a thread that splits the network again about every second |
//! | `speed` | [`speed()`]: the test of how long an operation takes |

pub mod appends;
mod client;
mod generic;
mod history;
mod partitioner;
mod recorder;
pub(crate) mod spare;
mod speed;
#[cfg(test)]
mod tests;

use labapi::KvService;
use labrt::sync::Arc;
use labrt::thread::{self, JoinHandle};

use super::service::{Cluster, Config};

pub use client::{Client, make_client};
pub use generic::Generic;
pub(crate) use generic::{check_log_size, note_log_size};
pub(crate) use history::picture_of;
pub use history::{History, IfUnknown};
pub use recorder::Recorder;
pub(crate) use recorder::perform;
pub use speed::speed;

/// Starts clients 0 to `count` - 1. Each client is a thread that calls `body` with a clerk of its own. The
/// clerk can reach all servers. It is deleted when `body` has returned.
pub fn spawn_clients<S: KvService, T: Send + 'static>(
    cfg: &Config<S>,
    count: usize,
    body: impl Fn(usize, &mut Client<S>) -> T + Send + Sync + 'static,
) -> Vec<JoinHandle<T>> {
    let body = Arc::new(body);
    let client = |me: usize| {
        let (cluster, body): (Arc<Cluster<S>>, _) = (cfg.share(), Arc::clone(&body));
        thread::spawn_named(format!("client-{me}"), move || {
            let all = cluster.all();
            let mut client = make_client(&cluster, &all);
            let result = body(me, &mut client);
            client.delete();
            result
        })
    };
    (0..count).map(client).collect()
}
