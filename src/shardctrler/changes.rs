//! Computes the next configuration after a `Join`, a `Leave` or a `Move`.

use super::rebalance::rebalance;
use labapi::{Config, Gid, NO_GROUP, NSHARDS};
use labrt::collections::BTreeMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The next configuration after a `Join` of new groups. `servers` has the names of each group's servers, by
/// gid. The shards are distributed again ([`rebalance`]), even if `servers` is empty.
///
/// # Errors
/// If a group has no servers, has the gid 0, or is already in the configuration.
pub fn join(config: &Config, servers: &BTreeMap<Gid, Vec<String>>) -> Result<Config, ConfigError> {
    for (&gid, servers) in servers {
        if gid == NO_GROUP {
            return Err(ConfigError::InvalidGid);
        }
        if config.groups.contains_key(&gid) {
            return Err(ConfigError::AlreadyJoined { gid });
        }
        if servers.is_empty() {
            return Err(ConfigError::NoServers { gid });
        }
    }
    let mut groups = config.groups.clone();
    groups.extend(servers.iter().map(|(&gid, servers)| (gid, servers.clone())));
    Ok(next(config, rebalance(&config.shards, &groups), groups))
}

/// The next configuration after a `Leave` of the groups in `gids`. A gid may be in the list twice. The shards
/// are distributed again ([`rebalance`]), even if the list is empty.
///
/// # Errors
/// If a group is not in the configuration.
pub fn leave(config: &Config, gids: &[Gid]) -> Result<Config, ConfigError> {
    gids.iter().try_for_each(|&gid| check_known(config, gid))?;
    let mut groups = config.groups.clone();
    groups.retain(|gid, _| !gids.contains(gid));
    Ok(next(config, rebalance(&config.shards, &groups), groups))
}

/// The next configuration after a `Move`, in which group `gid` serves the shard. Nothing else changes, so the
/// shards may be distributed unevenly. The next `Join` or `Leave` may undo the move.
///
/// # Errors
/// If there is no such shard or no such group.
pub fn move_shard(config: &Config, shard: usize, gid: Gid) -> Result<Config, ConfigError> {
    let mut shards = config.shards;
    *shards.get_mut(shard).ok_or(ConfigError::UnknownShard { shard })? = gid;
    check_known(config, gid)?;
    Ok(next(config, shards, config.groups.clone()))
}

fn next(config: &Config, shards: [Gid; NSHARDS], groups: BTreeMap<Gid, Vec<String>>) -> Config {
    let next = Config { num: config.num + 1, shards, groups };
    debug_assert!(has_sound_owners(&next), "{next:?}");
    next
}

fn check_known(config: &Config, gid: Gid) -> Result<(), ConfigError> {
    if config.groups.contains_key(&gid) {
        return Ok(());
    }
    Err(ConfigError::UnknownGroup { gid, known: config.groups.keys().copied().collect() })
}

/// Does each shard belong to a group of the configuration? If there are no groups, every shard must belong to
/// no group.
pub(super) fn has_sound_owners(config: &Config) -> bool {
    let sound = |gid: &Gid| match config.groups.is_empty() {
        true => *gid == NO_GROUP,
        false => config.groups.contains_key(gid),
    };
    config.shards.iter().all(sound)
}

/// The reason why a change is refused. A refused change changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigError {
    /// A `Join` contains the gid [`NO_GROUP`].
    InvalidGid,
    /// A `Join` contains a group that is already in the configuration.
    AlreadyJoined {
        /// The first such group.
        gid: Gid,
    },
    /// A `Join` contains a group without servers. No client could reach the shards of such a group.
    NoServers {
        /// The first such group.
        gid: Gid,
    },
    /// A `Leave` or `Move` names a group that is not in the configuration.
    UnknownGroup {
        /// The first such group.
        gid: Gid,
        /// The groups of the configuration.
        known: Vec<Gid>,
    },
    /// A `Move` names a shard that does not exist.
    UnknownShard {
        /// The number of the shard.
        shard: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::InvalidGid => {
                write!(
                    f,
                    "a group cannot have the gid {NO_GROUP}, which stands for no group: expected 1 or more"
                )
            }
            ConfigError::AlreadyJoined { gid } => {
                write!(f, "group {gid} has joined already: expected a gid that is not in use")
            }
            ConfigError::NoServers { gid } => {
                write!(f, "group {gid} has no servers: expected the name of at least one")
            }
            ConfigError::UnknownGroup { gid, known } if known.is_empty() => {
                write!(f, "there is no group {gid}: no group has joined")
            }
            ConfigError::UnknownGroup { gid, known } => {
                write!(f, "there is no group {gid}: expected one of {known:?}")
            }
            ConfigError::UnknownShard { shard } => {
                write!(f, "there is no shard {shard}: expected 0 to {}", NSHARDS - 1)
            }
        }
    }
}

impl std::error::Error for ConfigError {}
