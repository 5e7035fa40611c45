//! The replicated state of a group: its configuration, and its shards with their data.

use super::events;
use super::messages::{Applied, DeliverArgs, DeliverReply, Op, Reply, ShardKvError};
use super::migration::{Event, Handoff, Owner, Shard, Verdict};
use crate::kvraft::{GetArgs, Kv, KvError, PutAppendArgs};
use labapi::{Config, Gid, NO_GROUP, NSHARDS, key2shard};
use labgob::{DecodeError, Decoder, Encoder, Problem};
use labrt::collections::BTreeMap;
use labrt::sync::Arc;

/// The state of a group. After the same operations, all servers of the group have the same state.
/// `migration.rs` explains how shards move.
///
/// Each shard is a key/value store of lab 3, and the store also remembers the last write of each client. So a
/// shard can move as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    gid: Gid,
    config: Config,
    shards: [Shard<Kv>; NSHARDS],
    /// Whether each shard already had an owner in some configuration. The first owner of a shard starts with
    /// an empty store. A later owner must wait for the data.
    owned_before: [bool; NSHARDS],
    /// The servers of departed groups. Such a group is no longer in the configuration, but this group must
    /// still deliver shards to it.
    departed: BTreeMap<Gid, Vec<String>>,
}

/// A message that the group must send to another group. It has shards that one configuration has moved from
/// this group to the other group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The names of the other group's servers. The list is empty if this group does not know them.
    pub servers: Vec<String>,
    /// The arguments for `ShardKV.Deliver`.
    pub args: DeliverArgs,
}

impl Group {
    /// The state of group `gid` in configuration 0.
    pub fn new(gid: Gid) -> Group {
        Group {
            gid,
            config: Config::default(),
            shards: Default::default(),
            owned_before: [false; NSHARDS],
            departed: BTreeMap::new(),
        }
    }

    /// The current configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The shards, by number.
    pub fn shards(&self) -> &[Shard<Kv>; NSHARDS] {
        &self.shards
    }

    /// The number of the configuration that the group must take next. It is `None` if the group awaits
    /// shards, because then the group takes no configuration.
    pub fn wants(&self) -> Option<u64> {
        let settled = !self.shards.iter().any(Shard::is_awaiting);
        settled.then_some(self.config.num + 1)
    }

    /// The number of bytes of all keys and values in this group, in shards of any state.
    pub fn bytes(&self) -> usize {
        self.shards.iter().filter_map(Shard::data).map(Kv::bytes).sum()
    }

    /// The deliveries that the group must send: at most one for each other group. All shards of a delivery
    /// were given away by the same configuration. If several configurations have given shards to the same
    /// group, the shards of the oldest configuration are delivered first. A delivery has at most `limit`
    /// bytes of keys and values. But it always has at least one shard, even if this shard alone is larger.
    pub fn deliveries(&self, limit: usize) -> BTreeMap<Gid, Delivery> {
        let mut handoffs: Vec<(usize, &Handoff<Kv>)> = self.handoffs().collect();
        handoffs.sort_by_key(|(_, handoff)| handoff.num);
        let mut deliveries: BTreeMap<Gid, (usize, Delivery)> = BTreeMap::new();
        for (shard, handoff) in handoffs {
            let size = handoff.data.bytes();
            let (total, delivery) = deliveries.entry(handoff.to).or_insert_with(|| {
                let args = DeliverArgs { from: self.gid, num: handoff.num, shards: Vec::new() };
                (0, Delivery { servers: self.servers_of(handoff.to), args })
            });
            let fits = delivery.args.shards.is_empty() || *total + size <= limit;
            if handoff.num == delivery.args.num && fits {
                *total += size;
                delivery.args.shards.push((shard, handoff.data.clone()));
            }
        }
        deliveries.into_iter().map(|(gid, (_, delivery))| (gid, delivery)).collect()
    }

    /// The verdict on a whole delivery. If the shards have different verdicts, the verdict on the delivery is
    /// the first of this list that occurs: Wrong, Early, Wanted, Known.
    pub fn judge(&self, args: &DeliverArgs) -> Verdict {
        let verdict = |&(shard, _): &(usize, Arc<Kv>)| match self.shards.get(shard) {
            Some(state) => Verdict::of(args.num, self.config.num, self.owner(shard), state),
            None => Verdict::Wrong,
        };
        let verdicts: Vec<Verdict> = args.shards.iter().map(verdict).collect();
        let worst = [Verdict::Wrong, Verdict::Early, Verdict::Wanted];
        worst.into_iter().find(|verdict| verdicts.contains(verdict)).unwrap_or(Verdict::Known)
    }

    /// Applies a committed operation.
    pub fn apply(&mut self, op: Op) -> Applied {
        match op {
            Op::Get(args) => {
                let reply = self.get(&args);
                events::replied(key2shard(&args.key), &reply);
                Applied::Client(reply)
            }
            Op::PutAppend(args) => {
                let shard = key2shard(&args.key);
                let reply = self.put_append(args);
                events::replied(shard, &reply);
                Applied::Client(reply)
            }
            Op::Reconfigure(config) => {
                self.reconfigure(config);
                Applied::Done
            }
            Op::Deliver(args) => Applied::Deliver(self.take(args)),
            Op::Acknowledge { num, shards } => {
                self.forget(num, &shards);
                Applied::Done
            }
            Op::NewTerm => Applied::Done,
        }
    }

    fn get(&mut self, args: &GetArgs) -> Reply {
        self.serving(&args.key)?.get(args).map_err(client_error)
    }

    fn put_append(&mut self, args: PutAppendArgs) -> Reply {
        self.serving(&args.key)?.put_append(args).map_err(client_error)
    }

    fn serving(&mut self, key: &str) -> Result<&mut Kv, ShardKvError> {
        let num = self.config.num;
        self.shards[key2shard(key)].serving().ok_or(ShardKvError::ErrWrongGroup { num })
    }

    /// Takes the configuration, if it is the next one and the group awaits no shard.
    fn reconfigure(&mut self, config: Config) {
        if self.wants() != Some(config.num) {
            return;
        }
        let before = std::mem::replace(&mut self.config, config);
        events::reconfigured(&self.config);
        for shard in 0..NSHARDS {
            let owner = self.owner(shard);
            let first = !self.owned_before[shard];
            self.owned_before[shard] |= owner != Owner::NoGroup;
            self.step(shard, Event::Configured { num: self.config.num, owner, first });
        }
        // The new configuration does not contain the servers of groups that have left. So remember them as
        // long as the group must deliver shards to them.
        let mut known = before.groups;
        known.append(&mut self.departed);
        self.departed = known;
        self.forget_departed();
    }

    /// Takes the shards of a delivery, if the group awaits them.
    fn take(&mut self, args: DeliverArgs) -> DeliverReply {
        let verdict = self.judge(&args);
        if verdict == Verdict::Wanted {
            for (shard, data) in args.shards {
                self.step(shard, Event::Arrived(data));
            }
        }
        DeliverReply::of(verdict)
    }

    fn forget(&mut self, num: u64, shards: &[usize]) {
        for &shard in shards.iter().filter(|&&shard| shard < NSHARDS) {
            self.step(shard, Event::Acknowledged { num });
        }
        self.forget_departed();
    }

    fn step(&mut self, shard: usize, event: Event<Kv>) {
        let state = std::mem::take(&mut self.shards[shard]);
        let before = events::Summary::of(&state);
        let after = state.step(event);
        events::changed(self.config.num, shard, before, &after);
        debug_assert!(
            after.is_sound(self.config.num, self.owner(shard)),
            "shard {shard} of group {} cannot be {after:?} in {:?}",
            self.gid,
            self.config
        );
        self.shards[shard] = after;
    }

    fn owner(&self, shard: usize) -> Owner {
        match self.config.shards[shard] {
            NO_GROUP => Owner::NoGroup,
            gid if gid == self.gid => Owner::Mine,
            gid => Owner::Others(gid),
        }
    }

    fn handoffs(&self) -> impl Iterator<Item = (usize, &Handoff<Kv>)> {
        self.shards.iter().enumerate().filter_map(|(shard, state)| Some((shard, state.handoff()?)))
    }

    fn servers_of(&self, gid: Gid) -> Vec<String> {
        let servers = self.config.groups.get(&gid).or_else(|| self.departed.get(&gid));
        servers.cloned().unwrap_or_default()
    }

    /// Forgets the servers of groups that get no more shards from this group.
    fn forget_departed(&mut self) {
        let mut departed = std::mem::take(&mut self.departed);
        departed.retain(|gid, _| {
            !self.config.groups.contains_key(gid) && self.handoffs().any(|(_, handoff)| handoff.to == *gid)
        });
        self.departed = departed;
    }

    /// Encodes the whole state, as several values. One value would not be enough, because one shard may
    /// already be as large as the limit for one value.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.encode(&(self.gid, &self.config, &self.owned_before, &self.departed));
        self.shards.iter().for_each(|shard| encoder.encode(shard));
        encoder.into_bytes()
    }

    /// Restores a group from the result of [`encode`](Group::encode).
    ///
    /// # Errors
    /// If the bytes are not the state of a group, or are the state of another group than `gid`.
    pub fn decode(gid: Gid, bytes: &[u8]) -> Result<Group, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let wrong = |decoder: &Decoder<'_>, problem| DecodeError {
            expected: std::any::type_name::<Group>(),
            offset: bytes.len() - decoder.remaining().len(),
            length: bytes.len(),
            problem,
        };
        let (of, config, owned_before, departed): (Gid, _, _, _) = decoder.decode()?;
        if of != gid {
            let what = format!("found the state of group {of}, expected that of group {gid}");
            return Err(wrong(&decoder, Problem::Invalid(what)));
        }
        let mut group = Group { gid, config, owned_before, departed, shards: Default::default() };
        for shard in 0..NSHARDS {
            let state: Shard<Kv> = decoder.decode()?;
            if !state.is_sound(group.config.num, group.owner(shard)) {
                let what = format!(
                    "shard {shard} of group {gid} cannot be in its state, because configuration {} gives it to group {}",
                    group.config.num, group.config.shards[shard]
                );
                return Err(wrong(&decoder, Problem::Invalid(what)));
            }
            group.shards[shard] = state;
        }
        if !decoder.is_empty() {
            return Err(wrong(&decoder, Problem::TrailingBytes { count: decoder.remaining().len() }));
        }
        Ok(group)
    }
}

fn client_error(error: KvError) -> ShardKvError {
    match error {
        KvError::ErrNoKey => ShardKvError::ErrNoKey,
        KvError::ErrWrongLeader => ShardKvError::ErrWrongLeader,
    }
}
