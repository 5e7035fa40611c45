//! The replicated state: all configurations since the first one, and the last change of each client.

use super::changes::{self, ConfigError};
use super::messages::Op;
use crate::rsm::{Sessions, Stamp, StateMachine};
use labapi::Config;
use labgob::{DecodeError, Decoder, Encoder, Problem};
use labrt::sync::Arc;

/// The history of configurations. A change adds exactly one configuration, even if the request is sent
/// several times. A refused change adds no configuration.
///
/// A configuration in the history is never changed or deleted. So a reply can share it instead of copying it.
#[derive(Debug, PartialEq, Eq)]
pub struct Controller {
    /// The index of each configuration is its number. The list is not empty.
    configs: Vec<Arc<Config>>,
    /// For each client the result of its last change: the number of the new configuration, or the reason why
    /// the change was refused.
    sessions: Sessions<Result<u64, ConfigError>>,
}

impl Controller {
    /// A history with only configuration 0, which has no groups.
    pub fn new() -> Controller {
        Controller { configs: vec![Arc::default()], sessions: Sessions::new() }
    }

    /// The configuration with this number. `None`, or a number that no configuration has, means the latest
    /// configuration.
    pub fn query(&self, num: Option<u64>) -> Arc<Config> {
        let numbered = num.and_then(|num| self.configs.get(usize::try_from(num).ok()?));
        numbered.unwrap_or_else(|| latest(&self.configs)).clone()
    }

    fn change(
        &mut self,
        stamp: Stamp,
        make: impl FnOnce(&Config) -> Result<Config, ConfigError>,
    ) -> Result<Arc<Config>, ConfigError> {
        let configs = &mut self.configs;
        let made = self.sessions.once(stamp, || {
            let next = make(latest(configs))?;
            let num = next.num;
            configs.push(Arc::new(next));
            Ok(num)
        });
        // `None` means that this operation arrives too late: a later operation of the client was already
        // done. No client waits for this reply, so its content does not matter.
        made.transpose().map(|num| self.query(num))
    }
}

fn latest(configs: &[Arc<Config>]) -> &Arc<Config> {
    configs.last().expect("configuration 0 is never removed")
}

impl Default for Controller {
    fn default() -> Controller {
        Controller::new()
    }
}

impl StateMachine for Controller {
    type Op = Op;
    type Reply = Result<Arc<Config>, ConfigError>;

    fn apply(&mut self, op: Op) -> Result<Arc<Config>, ConfigError> {
        match op {
            Op::Join(args) => self.change(args.stamp, |config| changes::join(config, &args.servers)),
            Op::Leave(args) => self.change(args.stamp, |config| changes::leave(config, &args.gids)),
            Op::Move(args) => {
                self.change(args.stamp, |config| changes::move_shard(config, args.shard, args.gid))
            }
            Op::Query(args) => Ok(self.query(args.num)),
        }
    }

    /// The number of configurations, each configuration and the sessions are encoded as separate values. So
    /// the limit for the size of one encoded value does not limit the whole history.
    fn snapshot(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.encode(&self.configs.len());
        self.configs.iter().for_each(|config| encoder.encode(config));
        encoder.encode(&self.sessions);
        encoder.into_bytes()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        let mut decoder = Decoder::new(snapshot);
        let at = |decoder: &Decoder<'_>, problem| DecodeError {
            expected: std::any::type_name::<Controller>(),
            offset: snapshot.len() - decoder.remaining().len(),
            length: snapshot.len(),
            problem,
        };
        let invalid = |decoder: &Decoder<'_>, what: String| Err(at(decoder, Problem::Invalid(what)));
        let count: u64 = decoder.decode()?;
        if count == 0 {
            return invalid(&decoder, "found no configuration, expected at least configuration 0".to_owned());
        }
        let mut configs = Vec::new();
        for num in 0..count {
            let config: Config = decoder.decode()?;
            if config.num != num {
                return invalid(&decoder, format!("found configuration {}, expected {num}", config.num));
            }
            if !changes::has_sound_owners(&config) {
                return invalid(
                    &decoder,
                    format!("configuration {num} has shards on groups that are not in it"),
                );
            }
            configs.push(Arc::new(config));
        }
        let sessions = decoder.decode()?;
        if !decoder.is_empty() {
            return Err(at(&decoder, Problem::TrailingBytes { count: decoder.remaining().len() }));
        }
        *self = Controller { configs, sessions };
        Ok(())
    }
}
