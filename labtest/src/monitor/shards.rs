//! The specification of the sharded service: which group serves which shard (lab 4B). The monitor compares it
//! with the reports of the servers.
//!
//! [`Shards`] follows the servers of all groups of the sharded service. Each method is one event of one
//! server, as `labapi::observe::shards` reports it. The method first checks whether a correct server could do
//! this, and then changes the state.

use labrt::collections::{BTreeMap, BTreeSet};
use labrt::node::NodeId;

use super::rules;
use super::spec::{At, Breach, Checked};

/// A group's number in the configurations.
type Gid = u64;

/// An earlier event that the text of a [`Breach`] names: who did it, and when.
#[derive(Clone, Copy, Debug)]
struct Fact {
    server: NodeId,
    at: At,
}

/// The digests of a shard that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    pub data: u64,
    pub sessions: u64,
}

/// The reason why a group serves a shard from now on.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    New,
    Received(Contents),
    NeverLeft,
}

/// The newest life of a server that reports what it does.
#[derive(Debug)]
struct Server {
    life: u32,
    gid: Gid,
    /// The number of its configuration.
    num: u64,
    /// The shards whose data it has, so that it may serve them.
    has: BTreeSet<usize>,
}

/// All servers of the sharded service, and what they have done.
#[derive(Debug, Default)]
pub struct Shards {
    /// The number of the newest life of each server.
    lives: BTreeMap<(u16, u16), u32>,
    servers: BTreeMap<(u16, u16), Server>,
    /// The owners of the shards in each configuration, and the first server that has reported them.
    configs: BTreeMap<u64, (Vec<Gid>, Fact)>,
    /// The shards that were given away. A key is the number of a configuration, and a shard.
    given: BTreeMap<(u64, usize), (Contents, Fact)>,
    /// The first group that has answered for a shard in a configuration.
    answers: BTreeMap<(u64, usize), (Gid, Fact)>,
}

fn breach(rule: &'static rules::Rule, text: String) -> Checked {
    Err(Breach { rule, text })
}

fn key(server: NodeId) -> (u16, u16) {
    (server.group, server.index)
}

impl Shards {
    /// A life of a server begins. If the server has had this life or a later one already, the test has
    /// started new groups.
    pub fn start(&mut self, server: NodeId) {
        if self.lives.get(&key(server)).is_some_and(|&life| server.incarnation <= life) {
            *self = Shards::default();
        }
        self.lives.insert(key(server), server.incarnation);
        self.servers.remove(&key(server));
    }

    /// A server starts with this state, or has taken it over from a snapshot.
    pub fn restore(
        &mut self,
        server: NodeId,
        at: At,
        gid: Gid,
        (num, owners): (u64, Vec<Gid>),
        serves: &[u64],
    ) -> Checked {
        let has = serves.iter().filter_map(|&shard| usize::try_from(shard).ok()).collect();
        self.servers.insert(key(server), Server { life: server.incarnation, gid, num, has });
        self.note_config(server, at, num, owners)
    }

    /// The group of the server takes a configuration.
    pub fn configured(&mut self, server: NodeId, at: At, (num, owners): (u64, Vec<Gid>)) -> Checked {
        let Some(known) = self.reporting(server) else { return Ok(()) };
        known.num = num;
        self.note_config(server, at, num, owners)
    }

    /// All groups must have the same owners in a configuration.
    fn note_config(&mut self, server: NodeId, at: At, num: u64, owners: Vec<Gid>) -> Checked {
        let Some((known, first)) = self.configs.get(&num) else {
            self.configs.insert(num, (owners, Fact { server, at }));
            return Ok(());
        };
        let Some(shard) = (0..owners.len().max(known.len())).find(|&i| owners.get(i) != known.get(i)) else {
            return Ok(());
        };
        let name = |owners: &[Gid]| group_name(owners.get(shard).copied().unwrap_or_default());
        breach(
            &rules::ONE_OWNER,
            format!(
                "{server} takes configuration {num} at {at}, in which shard {shard} belongs to {}, but {} had \
                 reported at {} that it belongs to {} in this configuration",
                name(&owners),
                first.server,
                first.at,
                name(known)
            ),
        )
    }

    /// The group of the server gives a shard away.
    pub fn given(
        &mut self,
        server: NodeId,
        at: At,
        (num, shard): (u64, usize),
        contents: Contents,
    ) -> Checked {
        let Some(known) = self.reporting(server) else { return Ok(()) };
        known.has.remove(&shard);
        let Some((first, by)) = self.given.get(&(num, shard)) else {
            self.given.insert((num, shard), (contents, Fact { server, at }));
            return Ok(());
        };
        if *first == contents {
            return Ok(());
        }
        let (rule, what) = differs(*first, contents);
        let what = format!(
            "{server} gives shard {shard} away in configuration {num} at {at}, with other {what} than {} at {}",
            by.server, by.at
        );
        breach(rule, what)
    }

    /// The group of the server serves a shard from now on.
    pub fn served(&mut self, server: NodeId, at: At, (num, shard): (u64, usize), source: Source) -> Checked {
        let Some(known) = self.reporting(server) else { return Ok(()) };
        known.has.insert(shard);
        match source {
            Source::NeverLeft => Ok(()),
            Source::New => self.check_first_owner(server, at, num, shard),
            Source::Received(contents) => self.check_received(server, at, (num, shard), contents),
        }
    }

    /// A group may begin with an empty shard only if no group owned the shard before.
    fn check_first_owner(&self, server: NodeId, at: At, num: u64, shard: usize) -> Checked {
        let owner = |owners: &[Gid]| owners.get(shard).copied().filter(|&gid| gid != 0);
        let mut earlier = self.configs.range(..num);
        let Some((before, gid)) = earlier.find_map(|(&before, (owners, _))| Some((before, owner(owners)?)))
        else {
            return Ok(());
        };
        let what = format!(
            "{server} serves shard {shard} from configuration {num} on, at {at}, without data, but {} owned the \
             shard in configuration {before}",
            group_name(gid)
        );
        breach(&rules::ONE_OWNER, what)
    }

    /// A group must get the same data that another group has given away.
    fn check_received(
        &self,
        server: NodeId,
        at: At,
        (num, shard): (u64, usize),
        contents: Contents,
    ) -> Checked {
        let Some((given, by)) = self.given.get(&(num, shard)) else {
            let what = format!(
                "{server} serves shard {shard} of configuration {num} at {at}, but no group has given this shard \
                 away in this configuration"
            );
            return breach(&rules::ONE_OWNER, what);
        };
        if *given == contents {
            return Ok(());
        }
        let (rule, what) = differs(*given, contents);
        let what = format!(
            "{server} serves shard {shard} of configuration {num} at {at}, with other {what} than {} has given away \
             at {}",
            by.server, by.at
        );
        breach(rule, what)
    }

    /// The group of the server answers an operation of a client.
    pub fn answered(&mut self, server: NodeId, at: At, shard: usize) -> Checked {
        let Some(&mut Server { gid, num, ref has, .. }) = self.reporting(server) else { return Ok(()) };
        let has_data = has.contains(&shard);
        let owner = self.configs.get(&num).and_then(|(owners, _)| owners.get(shard).copied());
        if owner != Some(gid) {
            let what = format!(
                "{server} answers a client of shard {shard} at {at}, but in its configuration, number {num}, the \
                 shard belongs to {}",
                group_name(owner.unwrap_or_default())
            );
            return breach(&rules::ONE_OWNER, what);
        }
        if !has_data {
            let what = format!(
                "{server} answers a client of shard {shard} at {at}, in configuration {num}, but the data of the \
                 shard has not arrived"
            );
            return breach(&rules::ONE_OWNER, what);
        }
        let (first, by) = *self.answers.entry((num, shard)).or_insert((gid, Fact { server, at }));
        if first == gid {
            return Ok(());
        }
        let what = format!(
            "{server} answers a client of shard {shard} in configuration {num} at {at}, but {} had answered for {} \
             in this configuration at {}",
            by.server,
            group_name(first),
            by.at
        );
        breach(&rules::ONE_OWNER, what)
    }

    /// The server, if it reports what it does, and if this is its newest life.
    fn reporting(&mut self, server: NodeId) -> Option<&mut Server> {
        self.servers.get_mut(&key(server)).filter(|known| known.life == server.incarnation)
    }
}

/// `given` and `got` are different. Returns the rule that this breaks, and a word for what is different.
fn differs(given: Contents, got: Contents) -> (&'static rules::Rule, &'static str) {
    if given.sessions == got.sessions {
        (&rules::ONE_OWNER, "data")
    } else {
        (&rules::SESSIONS_MOVE, "sessions of clients")
    }
}

/// Group 0 is no group.
fn group_name(gid: Gid) -> String {
    if gid == 0 { "no group".to_owned() } else { format!("group {gid}") }
}
