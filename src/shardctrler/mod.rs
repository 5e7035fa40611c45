//! Lab 4A: the shard controller, which decides which replica group serves which shard.
//!
//! | file | what it owns |
//! |---|---|
//! | `config` | [`Config`]: a numbered assignment of shards to groups |

mod config;

pub use config::{Config, ConfigError, Gid, NO_GROUP, NSHARDS};
