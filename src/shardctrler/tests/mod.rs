//! The pure parts are tested with tables and against simple oracles, the service on both clocks.

mod changes;
mod group;
mod history;
mod service;
mod spreading;

use labapi::Gid;
use labrt::collections::BTreeMap;

/// Groups with these gids, to be joined; each has two servers.
fn groups(gids: &[Gid]) -> BTreeMap<Gid, Vec<String>> {
    gids.iter().map(|gid| (*gid, vec![format!("{gid}a"), format!("{gid}b")])).collect()
}
