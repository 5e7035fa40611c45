//! The pure parts are tested with tables and against simple oracles. The service is tested on real and on
//! virtual time.

mod changes;
mod group;
mod history;
mod service;
mod spreading;

use labapi::Gid;
use labrt::collections::BTreeMap;

/// Groups with these gids, as the arguments of a Join. Each group has two servers.
fn groups(gids: &[Gid]) -> BTreeMap<Gid, Vec<String>> {
    gids.iter().map(|gid| (*gid, vec![format!("{gid}a"), format!("{gid}b")])).collect()
}
