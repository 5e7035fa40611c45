//! Tests several cores on a network that loses, repeats, delays and reorders messages. The servers crash,
//! also in the middle of a rule, and restart. After every step the test checks that at most one value is
//! chosen in each slot. When the network is good again, all servers must apply the same values.

use super::*;
use labapi::Persister;
use labrt::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 150;
const STEPS: usize = 6000;

/// The random numbers of one run (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A request on its way, or the answer to a request.
#[derive(Clone, Debug)]
struct Packet {
    from: usize,
    to: usize,
    /// The number of restarts of the server that sent the request.
    life: u32,
    sent: Sent,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Request(Message),
    Promise(PrepareReply),
    Accepted(AcceptReply),
    Lost,
}

struct Server {
    core: Core,
    disk: Persister,
    life: u32,
    /// The values that the service of this life has got.
    applied: Vec<Value>,
}

/// How often each kind of event happened. These numbers show whether the test has tested enough.
#[derive(Default, Debug)]
struct Seen {
    leaders: u64,
    restarts: u64,
    chosen: u64,
    chosen_before_an_earlier_slot: u64,
    no_ops: u64,
}

/// All servers and messages, and the data that the checks need.
struct World {
    dice: Dice,
    now: Duration,
    servers: Vec<Server>,
    packets: Vec<Packet>,
    proposed: u64,
    /// Do servers sometimes crash before they save?
    crashes: bool,
    /// For each slot and ballot, the value, and the acceptors that have saved it.
    accepted: BTreeMap<(u64, Ballot), (Value, BTreeSet<usize>)>,
    /// The value of each slot for which a majority of the acceptors has saved the same ballot.
    chosen: BTreeMap<u64, Value>,
    seen: Seen,
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let n = 3 + dice.below(3);
        let server =
            |me| Server { core: Core::new(me, n), disk: Persister::new(), life: 0, applied: Vec::new() };
        World {
            dice,
            now: Duration::ZERO,
            servers: (0..n).map(server).collect(),
            packets: Vec::new(),
            proposed: 0,
            crashes: true,
            accepted: BTreeMap::new(),
            chosen: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.dice.below(3) as u64);
        let me = self.dice.below(self.servers.len());
        match self.dice.below(100) {
            0..60 => self.disturb_or_deliver(),
            60..80 => {
                let peer = self.dice.below(self.servers.len());
                self.send(me, peer);
            }
            80..90 => self.propose(),
            90..95 => self.apply(me),
            95..97 if self.dice.one_in(4) => {
                self.servers[me].core.election_timeout(self.now);
                self.settle_or_crash(me);
            }
            97 if self.dice.one_in(4) => self.restart(me),
            _ => {}
        }
    }

    /// A server that leads gets a command. It sends the new slot to some of the others at once, so that there
    /// are messages with single slots.
    fn propose(&mut self) {
        let leaders: Vec<usize> =
            (0..self.servers.len()).filter(|&it| self.servers[it].core.is_leader()).collect();
        if leaders.is_empty() {
            return;
        }
        let me = leaders[self.dice.below(leaders.len())];
        self.proposed += 1;
        self.servers[me].core.propose(Command::new(self.proposed.to_string()));
        if self.settle_or_crash(me) {
            let peers: Vec<usize> = (0..self.servers.len()).filter(|_| self.dice.one_in(2)).collect();
            peers.into_iter().for_each(|peer| self.send(me, peer));
        }
    }

    fn send(&mut self, me: usize, peer: usize) {
        let server = &mut self.servers[me];
        let due = server.core.next_deadline(peer).is_some_and(|at| at <= self.now);
        let outgoing = server.core.next_message(peer, self.now);
        assert_eq!(outgoing.is_some(), due, "a message is sent when it is due, and only then");
        if let Some(Outgoing { sent, message }) = outgoing {
            let body = Body::Request(message);
            self.packets.push(Packet { from: me, to: peer, life: server.life, sent, body });
        }
    }

    /// A random packet is lost, repeated, or delivered. The order in which packets were sent does not matter.
    fn disturb_or_deliver(&mut self) {
        if self.packets.is_empty() {
            return;
        }
        let at = self.dice.below(self.packets.len());
        match self.dice.below(20) {
            0..3 => {
                let mut packet = self.packets.swap_remove(at);
                if !matches!(packet.body, Body::Lost) {
                    packet.body = Body::Lost;
                    self.packets.push(packet);
                }
            }
            3 => {
                let packet = self.packets[at].clone();
                self.deliver(packet);
            }
            _ => {
                let packet = self.packets.swap_remove(at);
                self.deliver(packet);
            }
        }
    }

    fn deliver(&mut self, packet: Packet) {
        let Packet { from, to, life, sent, body } = packet;
        let now = self.now;
        let answer = |body| Packet { from, to, life, sent, body };
        match body {
            Body::Request(message) => {
                let core = &mut self.servers[to].core;
                let body = match &message {
                    Message::Prepare(args) => Body::Promise(core.prepare(args, now)),
                    Message::Accept(args) => Body::Accepted(core.accept(args, now)),
                };
                // If the server crashes before it has saved, the answer is not sent.
                let body = if self.settle_or_crash(to) { body } else { Body::Lost };
                self.packets.push(answer(body));
            }
            _ if self.servers[from].life != life => {}
            Body::Promise(reply) => {
                self.servers[from].core.prepare_reply(sent, &reply, now);
                self.settle_or_crash(from);
            }
            Body::Accepted(reply) => {
                self.servers[from].core.accept_reply(sent, &reply, now);
                self.settle_or_crash(from);
            }
            Body::Lost => {
                self.servers[from].core.message_lost(sent);
                self.settle_or_crash(from);
            }
        }
    }

    /// Saves the change of the last rule, and checks it. Sometimes the server crashes before it saves: then
    /// the change is gone. Returns whether the change was saved.
    fn settle_or_crash(&mut self, me: usize) -> bool {
        if self.crashes && self.dice.one_in(400) {
            self.restart(me);
            return false;
        }
        let server = &mut self.servers[me];
        let effects = server.core.take_effects();
        server.core.persist_to(&server.disk, &effects.persist);
        self.seen.leaders += u64::from(effects.leads == Some(true));
        for slot in effects.persist.slots {
            self.note_accepted(me, slot);
        }
        for slot in effects.chosen {
            let core = &self.servers[me].core;
            let (_, value) = core.accepted(slot).expect("a server has what it knows to be chosen");
            assert_eq!(Some(value), self.chosen.get(&slot), "S{me} believes that slot {slot} is chosen");
            self.seen.chosen_before_an_earlier_slot += u64::from(slot > core.chosen());
        }
        true
    }

    /// The acceptor has saved a value. If a majority has saved this ballot, the value is chosen.
    fn note_accepted(&mut self, me: usize, slot: u64) {
        let (ballot, value) = self.servers[me].core.accepted(slot).expect("it has just been accepted");
        let value = value.clone();
        let (first, acceptors) =
            self.accepted.entry((slot, ballot)).or_insert_with(|| (value.clone(), BTreeSet::new()));
        assert_eq!(*first, value, "two values in slot {slot} and {ballot:?}");
        acceptors.insert(me);
        if acceptors.len() == self.servers.len() / 2 + 1 {
            let before = self.chosen.insert(slot, value.clone());
            assert!(before.as_ref().is_none_or(|it| *it == value), "slot {slot}: {before:?}, then {value:?}");
            if before.is_none() {
                self.seen.chosen += 1;
                self.seen.no_ops += u64::from(value == Value::NoOp);
            }
        }
    }

    fn apply(&mut self, me: usize) {
        let server = &mut self.servers[me];
        for (slot, value) in server.core.take_apply(7) {
            assert_eq!(slot, server.applied.len() as u64 + 1, "S{me} applies in order");
            assert_eq!(Some(&value), self.chosen.get(&slot), "S{me} applies slot {slot}");
            server.applied.push(value);
        }
    }

    /// The server crashes, and restarts from what it has saved.
    fn restart(&mut self, me: usize) {
        let n = self.servers.len();
        let server = &mut self.servers[me];
        server.core = Core::restore(me, n, &server.disk).expect("a server can start from what it has saved");
        server.core.reset_election_timer(self.now);
        let _ = server.core.take_effects();
        server.life += 1;
        server.applied.clear();
        self.seen.restarts += 1;
    }

    /// The network is good from now on, and no server crashes. All servers must apply the same values, and a
    /// new command, too.
    fn heal(&mut self) {
        self.packets.clear();
        // A message that was on its way is lost. Only the network knows this, so it reports it: the simplest
        // way is a restart of all servers.
        (0..self.servers.len()).for_each(|me| self.restart(me));
        self.crashes = false;
        let last = Command::new("the last one");
        let mut proposed = false;
        for _ in 0..3000 {
            self.now += Duration::from_millis(1);
            for me in 0..self.servers.len() {
                let core = &mut self.servers[me].core;
                core.set_election_timeout(Duration::from_millis(300 + 50 * me as u64));
                if core.election_deadline().is_some_and(|at| at <= self.now) {
                    core.election_timeout(self.now);
                }
                if !proposed && core.propose(last.clone()).is_some() {
                    proposed = true;
                }
                self.settle_or_crash(me);
                (0..self.servers.len()).for_each(|peer| self.send(me, peer));
                while let Some(packet) = self.packets.pop() {
                    self.deliver(packet);
                }
                self.apply(me);
            }
        }
        let all = &self.servers[0].applied;
        assert_eq!(all.last(), Some(&Value::Command(last)), "the group chooses commands again");
        assert!(self.servers.iter().all(|server| server.applied == *all), "all servers apply the same");
    }
}

#[test]
fn at_most_one_value_is_chosen_in_each_slot() {
    let mut total = Seen::default();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.heal();
        let Seen { leaders, restarts, chosen, chosen_before_an_earlier_slot, no_ops } = world.seen;
        total.leaders += leaders;
        total.restarts += restarts;
        total.chosen += chosen;
        total.chosen_before_an_earlier_slot += chosen_before_an_earlier_slot;
        total.no_ops += no_ops;
    }
    assert!(total.leaders > 10 * SEEDS && total.restarts > 10 * SEEDS, "{total:?}");
    assert!(total.chosen > 200 * SEEDS && total.no_ops > SEEDS / 3, "{total:?}");
    assert!(total.chosen_before_an_earlier_slot > 20 * SEEDS, "{total:?}");
}
