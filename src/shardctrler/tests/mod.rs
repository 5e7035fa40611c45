//! Tests of the controller. The functions that compute configurations run without threads. Some tests compare
//! the computed configurations with expected values. Other tests compare them with the results of simple
//! algorithms (oracles). The service is tested in real time and in virtual time.

mod changes;
mod group;
mod history;
mod service;
mod spreading;

use labapi::Gid;
use labrt::collections::BTreeMap;

/// Groups with these gids, as the arguments of a `Join`. Each group has two servers.
fn groups(gids: &[Gid]) -> BTreeMap<Gid, Vec<String>> {
    gids.iter().map(|gid| (*gid, vec![format!("{gid}a"), format!("{gid}b")])).collect()
}
