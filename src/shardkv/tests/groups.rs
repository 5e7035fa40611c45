//! Tests several groups without servers and without a network, with random configurations, clients and
//! faults.
//!
//! The leaders do their steps in random order, late, twice, or not at all. An operation that was started is
//! applied at a random time, or is lost. A message is delivered at a random time, is delivered again, or is
//! lost. After each step these statements must be true:
//!
//! * At most one group serves a shard.
//! * For each shard, some group has the latest data, with the last write of each client. If a group serves
//!   the shard, this group has the latest data.
//! * The two servers of a group have equal states, although one server sometimes restarts from a snapshot.
//!
//! When the faults end, each shard must reach its owner, and no other group may have data of the shard.

use crate::kvraft::{GetArgs, Kv, KvError, PutAppendArgs, PutOrAppend};
use crate::rsm::Stamp;
use crate::shardctrler::{join, leave, move_shard};
use crate::shardkv::group::Group;
use crate::shardkv::messages::{Applied, DeliverArgs, DeliverReply, Op, ShardKvError};
use crate::shardkv::migration::{Shard, Verdict};
use labapi::{Config, Gid, NSHARDS, key2shard};
use labrt::collections::BTreeMap;
use labrt::rng;

const GIDS: [Gid; 4] = [1, 2, 3, 4];
const CLIENTS: usize = 4;

/// Two servers of a group, and the operations that the group's leaders have started.
struct Replicas {
    gid: Gid,
    steady: Group,
    restarting: Group,
    started: Vec<Op>,
}

impl Replicas {
    fn apply(&mut self, op: Op) -> Applied {
        let outcome = self.steady.apply(op.clone());
        assert_eq!(self.restarting.apply(op), outcome);
        assert_eq!(self.restarting, self.steady);
        outcome
    }

    fn restart(&mut self) {
        self.restarting =
            Group::decode(self.gid, &self.restarting.encode()).expect("the group has encoded this state");
        assert_eq!(self.restarting, self.steady);
    }
}

enum Message {
    Deliver { to: Gid, args: DeliverArgs },
    Taken { by: Gid, to: Gid, num: u64, shards: Vec<usize> },
}

/// A client and its current operation.
#[derive(Clone)]
struct Client {
    stamp: Stamp,
    args: PutAppendArgs,
}

struct World {
    configs: Vec<Config>,
    groups: BTreeMap<Gid, Replicas>,
    messages: Vec<Message>,
    clients: Vec<Client>,
    /// Old requests that the network may still deliver later.
    late: Vec<PutAppendArgs>,
    /// The data that each shard must have, according to the test's model.
    expected: Vec<Kv>,
}

fn below(n: usize) -> usize {
    usize::try_from(rng::below(n as u64)).expect("the number is less than n")
}

fn one_in(n: usize) -> bool {
    below(n) == 0
}

impl World {
    fn new() -> World {
        let replicas =
            |gid| Replicas { gid, steady: Group::new(gid), restarting: Group::new(gid), started: Vec::new() };
        let clients = (1..=CLIENTS as u64).map(|client| Client::new(Stamp { client, seq: 1 })).collect();
        World {
            configs: vec![Config::default()],
            groups: GIDS.iter().map(|&gid| (gid, replicas(gid))).collect(),
            messages: Vec::new(),
            clients,
            late: Vec::new(),
            expected: vec![Kv::new(); NSHARDS],
        }
    }

    fn some_group(&mut self) -> &mut Replicas {
        self.groups.get_mut(&GIDS[below(GIDS.len())]).expect("all groups exist")
    }

    /// Makes one random event happen.
    fn step(&mut self) {
        match below(20) {
            0 => self.change_config(),
            1..4 => self.start_config(),
            4..7 => self.send(),
            7..10 => self.receive(),
            10..14 => self.commit(),
            14 => self.some_group().restart(),
            15 => {
                // A leader crashes. The operations that it has started but not committed are lost.
                self.some_group().started.clear();
            }
            16 => self.lose(),
            _ => self.work(),
        }
        self.check();
    }

    fn change_config(&mut self) {
        let latest = self.configs.last().expect("configuration 0 is never removed");
        let (present, absent): (Vec<Gid>, Vec<Gid>) =
            GIDS.iter().partition(|gid| latest.groups.contains_key(gid));
        let some = |gids: &[Gid]| gids.iter().copied().filter(|_| one_in(2)).collect::<Vec<Gid>>();
        let next = match below(3) {
            0 => join(latest, &some(&absent).into_iter().map(|gid| (gid, vec![gid.to_string()])).collect()),
            1 => leave(latest, &some(&present)),
            _ if present.is_empty() => return,
            _ => move_shard(latest, below(NSHARDS), present[below(present.len())]),
        };
        self.configs.push(next.expect("the change is possible"));
    }

    /// A leader starts the next configuration, or starts an old configuration that it requested long ago.
    fn start_config(&mut self) {
        let any = self.configs[below(self.configs.len())].clone();
        let configs = self.configs.clone();
        let group = self.some_group();
        let next = group.steady.wants().and_then(|num| configs.get(num as usize));
        let config = next.filter(|_| !one_in(8)).cloned().unwrap_or(any);
        group.started.push(Op::Reconfigure(config));
    }

    fn send(&mut self) {
        let deliveries = self.some_group().steady.deliveries(below(100));
        let sent = deliveries.into_iter().map(|(to, it)| Message::Deliver { to, args: it.args });
        self.messages.extend(sent);
    }

    /// Delivers a message. The same message may arrive again later.
    fn receive(&mut self) {
        if self.messages.is_empty() {
            return;
        }
        let at = below(self.messages.len());
        let message = if one_in(4) {
            match &self.messages[at] {
                Message::Deliver { to, args } => Message::Deliver { to: *to, args: args.clone() },
                Message::Taken { by, to, num, shards } => {
                    Message::Taken { by: *by, to: *to, num: *num, shards: shards.clone() }
                }
            }
        } else {
            self.messages.swap_remove(at)
        };
        self.handle(message);
    }

    /// Handles a message as the handlers and the migrator do.
    fn handle(&mut self, message: Message) {
        match message {
            Message::Deliver { to, args } => {
                let group = self.groups.get_mut(&to).expect("all groups exist");
                match group.steady.judge(&args) {
                    Verdict::Wanted => group.started.push(Op::Deliver(args)),
                    Verdict::Known => self.reply_taken(to, &args),
                    Verdict::Early => {}
                    Verdict::Wrong => panic!("group {to} does not expect {args:?}"),
                }
            }
            Message::Taken { to, num, shards, .. } => {
                let group = self.groups.get_mut(&to).expect("all groups exist");
                group.started.push(Op::Acknowledge { num, shards });
            }
        }
    }

    fn reply_taken(&mut self, by: Gid, args: &DeliverArgs) {
        let shards = args.shards.iter().map(|(shard, _)| *shard).collect();
        self.messages.push(Message::Taken { by, to: args.from, num: args.num, shards });
    }

    /// Applies an operation that was started. A copy of the operation may be applied again later.
    fn commit(&mut self) {
        let group = self.some_group();
        if group.started.is_empty() {
            return;
        }
        let at = below(group.started.len());
        let op = if one_in(4) { group.started[at].clone() } else { group.started.swap_remove(at) };
        let gid = group.gid;
        self.apply(gid, op);
    }

    fn apply(&mut self, gid: Gid, op: Op) {
        let delivery = if let Op::Deliver(args) = &op { Some(args.clone()) } else { None };
        let group = self.groups.get_mut(&gid).expect("all groups exist");
        let outcome = group.apply(op);
        if let Some(args) = delivery {
            match outcome {
                Applied::Deliver(DeliverReply::Taken) => self.reply_taken(gid, &args),
                Applied::Deliver(DeliverReply::Early) => {
                    panic!("a group never goes back to an older configuration")
                }
                other => panic!("group {gid} replies {other:?} to {args:?}"),
            }
        }
    }

    fn lose(&mut self) {
        if !self.messages.is_empty() {
            self.messages.swap_remove(below(self.messages.len()));
        }
    }

    /// Some group gets a new or an old request of a client.
    fn work(&mut self) {
        let old = (!self.late.is_empty() && one_in(3)).then(|| self.late[below(self.late.len())].clone());
        let client = below(CLIENTS);
        let args = old.clone().unwrap_or_else(|| self.clients[client].args.clone());
        let gid = GIDS[below(GIDS.len())];
        match self.groups.get_mut(&gid).expect("all groups exist").apply(Op::PutAppend(args.clone())) {
            Applied::Client(Ok(_)) => {
                // A copy of a write does not change the data of the test's model either.
                let shard = key2shard(&args.key);
                let wrote = self.expected[shard].put_append(args.clone());
                assert!(wrote.is_ok());
                self.read(gid, &args.key);
            }
            Applied::Client(Err(ShardKvError::ErrWrongGroup { .. })) => return,
            other => panic!("group {gid} replies {other:?} to {args:?}"),
        }
        if old.is_none() {
            self.late.push(args);
            let Stamp { client: id, seq } = self.clients[client].stamp;
            self.clients[client] = Client::new(Stamp { client: id, seq: seq + 1 });
        }
    }

    fn read(&mut self, gid: Gid, key: &str) {
        let args = GetArgs { key: key.to_owned() };
        let expected = self.expected[key2shard(key)].get(&args).map_err(|error| match error {
            KvError::ErrNoKey => ShardKvError::ErrNoKey,
            KvError::ErrWrongLeader => ShardKvError::ErrWrongLeader,
        });
        let group = self.groups.get_mut(&gid).expect("all groups exist");
        assert_eq!(group.apply(Op::Get(args)), Applied::Client(expected));
    }

    fn check(&self) {
        for shard in 0..NSHARDS {
            let states = || self.groups.values().map(|group| &group.steady.shards()[shard]);
            let serving: Vec<&Kv> = states()
                .filter_map(|state| match state {
                    Shard::Serving(data) => Some(data),
                    _ => None,
                })
                .collect();
            assert!(serving.len() <= 1, "shard {shard} is served by {} groups", serving.len());
            assert!(
                serving.iter().all(|data| **data == self.expected[shard]),
                "shard {shard} is served with old data"
            );
            // A shard is in no group until its first owner has taken the configuration.
            let untouched = self.expected[shard] == Kv::new();
            let there = states().filter_map(Shard::data).any(|data| *data == self.expected[shard]);
            assert!(
                untouched || there,
                "the data of shard {shard} is lost: {:?}",
                states().collect::<Vec<_>>()
            );
        }
    }

    /// Ends the faults and the new configurations. Does all possible steps, in rounds.
    fn settle(&mut self) {
        let last = self.configs.len() as u64 - 1;
        // A group needs a few rounds for each configuration, and perhaps more rounds to wait for other
        // groups.
        for _ in 0..10 * self.configs.len() {
            for gid in GIDS {
                let group = self.groups.get_mut(&gid).expect("all groups exist");
                if let Some(config) = group.steady.wants().and_then(|num| self.configs.get(num as usize)) {
                    group.apply(Op::Reconfigure(config.clone()));
                }
                let deliveries = group.steady.deliveries(usize::MAX);
                let sent = deliveries.into_iter().map(|(to, it)| Message::Deliver { to, args: it.args });
                self.messages.extend(sent);
                while let Some(message) = self.messages.pop() {
                    self.handle(message);
                    for gid in GIDS {
                        while let Some(op) = self.groups.get_mut(&gid).and_then(|it| it.started.pop()) {
                            self.apply(gid, op);
                        }
                    }
                }
                self.check();
            }
        }
        let config = &self.configs[last as usize];
        for (gid, group) in &self.groups {
            assert_eq!(group.steady.config(), config, "group {gid} has taken all configurations");
            for (shard, state) in group.steady.shards().iter().enumerate() {
                match (config.shards[shard], state) {
                    (owner, Shard::Serving(data)) if owner == *gid => {
                        assert_eq!(*data, self.expected[shard]);
                    }
                    (0, Shard::Parked(_)) => {}
                    (owner, Shard::Elsewhere) if owner != *gid => {}
                    (owner, state) => panic!("shard {shard} of group {owner} is {state:?} in group {gid}"),
                }
            }
        }
    }
}

impl Client {
    /// A client with its next operation.
    fn new(stamp: Stamp) -> Client {
        let op = if one_in(4) { PutOrAppend::Put } else { PutOrAppend::Append };
        let (key, value) = (below(12).to_string(), format!("{}.{} ", stamp.client, stamp.seq));
        Client { stamp, args: PutAppendArgs { op, key, value, stamp } }
    }
}

#[test]
fn shards_are_served_once_and_never_lost() {
    const WORLDS: usize = 40;
    const STEPS: usize = 800;
    labrt::run(|| {
        let (mut configs, mut writes) = (0, 0);
        for _ in 0..WORLDS {
            let mut world = World::new();
            (0..STEPS).for_each(|_| world.step());
            world.settle();
            configs += world.configs.len();
            writes += world.late.len();
        }
        // If these numbers were small, the test would have tested little. The usual numbers are 1500 and 400.
        assert!(configs > 10 * WORLDS && writes > 5 * WORLDS, "{configs} configurations, {writes} writes");
    });
}
