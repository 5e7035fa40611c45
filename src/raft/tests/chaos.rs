//! Tests several cores on a network that loses, repeats, delays and reorders messages. The servers crash and
//! restart. After every step the test checks the guarantees of the paper's Figure 3. When the network is good
//! again, all servers must agree.

use super::support::Dice;
use crate::raft::*;
use labapi::{ApplyMsg, Command, Persister};
use labrt::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const SEEDS: u64 = 300;
const STEPS: usize = 10_000;

/// A request on its way, or the answer to a request.
#[derive(Clone, Debug)]
struct Packet {
    from: usize,
    to: usize,
    /// The incarnation of the server that sent the request. This is the number of times that the server had
    /// restarted before.
    incarnation: u32,
    sent: Sent,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Request(Message),
    VoteReply(RequestVoteReply),
    AppendReply(AppendEntriesReply),
    SnapshotReply(InstallSnapshotReply),
    PreVoteReply(RequestVoteReply),
    TimeoutNowReply(TimeoutNowReply),
}

/// One server: its core, its persister, and a very simple service. The state of the service is a hash of all
/// commands.
struct Server {
    core: Core,
    disk: Persister,
    incarnation: u32,
    applied: u64,
    state: u64,
}

/// All servers and messages, and the data that the checks need.
struct World {
    dice: Dice,
    now: Duration,
    options: Options,
    /// Do leaders sometimes transfer their leadership?
    transfers: bool,
    /// Do clients read without the log?
    reads: bool,
    /// The reads that wait for a round, by server, incarnation and number. For each read, the number of
    /// entries that were committed when it arrived.
    waiting_reads: BTreeMap<(usize, u32, ReadId), u64>,
    servers: Vec<Server>,
    packets: Vec<Packet>,
    proposed: u64,
    /// The leader of each term.
    leaders: BTreeMap<u64, usize>,
    /// For each entry, by its index and term: its command, and the term of the entry before it.
    entries: BTreeMap<(u64, u64), (Command, u64)>,
    /// Position `i - 1` is about the committed entry at index `i`: its term, its command, and the term in
    /// which a server first committed it.
    committed: Vec<(u64, Command, u64)>,
    /// The state of the service after 0, 1, 2, ... commands.
    states: Vec<u64>,
    /// How often each kind of event happened. These numbers show whether the test has tested enough.
    seen: Seen,
}

#[derive(Default, Debug, Clone, Copy)]
struct Seen {
    elections: u64,
    commits: u64,
    snapshots_installed: u64,
    restarts: u64,
    truncations: u64,
    transfers: u64,
    /// Reads that got a read index after a round, and at once because of a lease.
    reads: u64,
    lease_reads: u64,
}

fn mix(state: u64, command: &Command) -> u64 {
    command.as_bytes().iter().fold(state, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl World {
    fn new(seed: u64, options: Options, transfers: bool, reads: bool) -> World {
        let mut dice = Dice(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let n = 3 + dice.below(3);
        let server = |me| Server {
            core: with(Core::new(me, n), &options),
            disk: Persister::new(),
            incarnation: 0,
            applied: 0,
            state: 0,
        };
        World {
            dice,
            now: Duration::ZERO,
            transfers,
            reads,
            waiting_reads: BTreeMap::new(),
            options: options.clone(),
            servers: (0..n).map(server).collect(),
            packets: Vec::new(),
            proposed: 0,
            leaders: BTreeMap::new(),
            entries: BTreeMap::new(),
            committed: Vec::new(),
            states: vec![0],
            seen: Seen::default(),
        }
    }

    fn n(&self) -> usize {
        self.servers.len()
    }

    /// Makes one random event happen on one random server.
    fn step(&mut self) {
        // A server asks its core for the next message to a peer about every 50 ms (3 servers) to 125 ms
        // (5 servers). A heartbeat is due after 100 ms. So the server sometimes asks before a heartbeat is
        // due, and sometimes after.
        self.now += Duration::from_millis(self.dice.below(4) as u64);
        let me = self.dice.below(self.n());
        if self.reads && self.dice.one_in(4) {
            self.read(me);
        }
        match self.dice.below(100) {
            0..50 => self.disturb_or_deliver(),
            50..80 => self.send(me),
            80..90 => self.propose(me),
            90..96 => self.apply(me),
            96 if self.dice.one_in(3) => self.compact(me),
            97 if self.dice.one_in(3) => self.restart(me),
            98 if self.dice.one_in(2) => self.time_out(me),
            99 if self.transfers => self.transfer(me),
            _ => {}
        }
        self.settle(me);
    }

    /// An election may begin at any time. But with leases, a server must wait until its timeout has passed.
    fn time_out(&mut self, me: usize) {
        let core = &mut self.servers[me].core;
        if !self.options.lease || core.election_deadline().is_some_and(|at| at <= self.now) {
            core.election_timeout(self.now);
        }
    }

    fn read(&mut self, me: usize) {
        let committed = self.committed.len() as u64;
        let server = &mut self.servers[me];
        match server.core.begin_read(self.now) {
            Some(ReadStart::Index(index)) => {
                assert!(index >= committed, "S{me} has a lease, but {index} < {committed}");
                self.seen.lease_reads += 1;
            }
            Some(ReadStart::Waits(id)) => {
                self.waiting_reads.insert((me, server.incarnation, id), committed);
            }
            None => assert!(!server.core.is_leader(), "S{me} leads and does not read"),
        }
    }

    /// A read that waited has got its read index.
    fn check_read(&mut self, me: usize, id: ReadId, index: Option<u64>) {
        let incarnation = self.servers[me].incarnation;
        let committed = self.waiting_reads.remove(&(me, incarnation, id)).expect("the read waits");
        if let Some(index) = index {
            assert!(index >= committed, "a read at S{me}: {index} < {committed}");
            self.seen.reads += 1;
        }
    }

    fn transfer(&mut self, me: usize) {
        let target = self.dice.below(self.n());
        let began = self.servers[me].core.transfer_leadership(target, self.now).is_ok();
        self.seen.transfers += u64::from(began);
    }

    fn send(&mut self, me: usize) {
        let peer = self.dice.below(self.n());
        self.send_to(me, peer);
    }

    fn send_to(&mut self, me: usize, peer: usize) {
        let server = &mut self.servers[me];
        let deadline = server.core.next_deadline(peer);
        let outgoing = server.core.next_message(peer, self.now);
        // The core must return a message if the deadline has passed, and only then.
        let expected = deadline.is_some_and(|at| at <= self.now);
        assert_eq!(outgoing.is_some(), expected, "S{me} to S{peer}: {deadline:?} at {:?}", self.now);
        if let Some(Outgoing { sent, message }) = outgoing {
            let incarnation = server.incarnation;
            self.packets.push(Packet { from: me, to: peer, incarnation, sent, body: Body::Request(message) });
        }
    }

    fn disturb_or_deliver(&mut self) {
        if self.packets.is_empty() {
            return;
        }
        // Usually the oldest message is delivered next. But sometimes a newer message is delivered before it.
        let which = if self.dice.one_in(3) { self.dice.below(self.packets.len()) } else { 0 };
        if self.packets.len() > 100 || self.dice.one_in(8) {
            let packet = self.packets.swap_remove(which);
            if self.dice.one_in(2) {
                self.report_lost(&packet);
            }
            return;
        }
        let packet = match self.dice.one_in(10) {
            true => self.packets[which].clone(),
            false => self.packets.remove(which),
        };
        self.deliver(packet);
    }

    fn report_lost(&mut self, packet: &Packet) {
        let asker = packet.sent_by();
        if self.servers[asker].incarnation == packet.incarnation {
            self.servers[asker].core.message_lost(packet.sent);
            self.settle(asker);
        }
    }

    fn deliver(&mut self, packet: Packet) {
        let Packet { from, to, incarnation, sent, body } = packet;
        let (now, server) = (self.now, &mut self.servers[to]);
        let core = &mut server.core;
        let log_end = (core.log().last_index(), core.log().last_term());
        let is_reply = !matches!(body, Body::Request(_));
        if is_reply && server.incarnation != incarnation {
            return;
        }
        let reply = match body {
            Body::Request(Message::RequestVote(args)) => Some(Body::VoteReply(core.request_vote(&args, now))),
            Body::Request(Message::AppendEntries(args)) => {
                Some(Body::AppendReply(core.append_entries(&args, now)))
            }
            Body::Request(Message::InstallSnapshot(args)) => {
                Some(Body::SnapshotReply(core.install_snapshot(&args, now)))
            }
            Body::Request(Message::PreVote(args)) => Some(Body::PreVoteReply(core.pre_vote(&args, now))),
            Body::Request(Message::TransferVote(args)) => {
                Some(Body::VoteReply(core.transfer_vote(&args, now)))
            }
            Body::Request(Message::TimeoutNow(args)) => {
                Some(Body::TimeoutNowReply(core.timeout_now(&args, now)))
            }
            Body::PreVoteReply(reply) => {
                core.pre_vote_reply(sent, &reply, now);
                None
            }
            Body::TimeoutNowReply(reply) => {
                core.timeout_now_reply(sent, &reply, now);
                None
            }
            Body::VoteReply(reply) => {
                core.vote_reply(sent, &reply, now);
                None
            }
            Body::AppendReply(reply) => {
                core.append_reply(sent, &reply, now);
                None
            }
            Body::SnapshotReply(reply) => {
                core.snapshot_reply(sent, &reply, now);
                None
            }
        };
        let (last, term) = log_end;
        let gone = core.log().term_at(last) != Some(term) && core.log().last_included_index() < last;
        self.seen.truncations += u64::from(gone);
        self.settle(to);
        if let Some(body) = reply {
            self.packets.push(Packet { from: to, to: from, incarnation, sent, body });
        }
    }

    fn propose(&mut self, me: usize) {
        self.proposed += 1;
        self.servers[me].core.propose(Command::new(format!("{}", self.proposed)));
    }

    fn apply(&mut self, me: usize) {
        let max = 1 + self.dice.below(5);
        let server = &mut self.servers[me];
        for message in server.core.take_apply(max).unwrap_or_default() {
            match message {
                ApplyMsg::Command { index, command, .. } => {
                    assert_eq!(index, server.applied + 1, "S{me} must apply in order");
                    server.applied = index;
                    server.state = mix(server.state, &command);
                }
                ApplyMsg::Snapshot { index, data, .. } => {
                    assert!(index > server.applied, "S{me} must not go back by a snapshot");
                    (server.applied, server.state) =
                        labgob::decode(&data).expect("this test has encoded the snapshot");
                    assert_eq!(server.applied, index);
                    self.seen.snapshots_installed += 1;
                }
            }
        }
        let (applied, state) = (server.applied, server.state);
        self.settle(me);
        assert_eq!(
            state, self.states[applied as usize],
            "State Machine Safety: S{me} after {applied} commands"
        );
    }

    fn compact(&mut self, me: usize) {
        let server = &mut self.servers[me];
        let data = labgob::encode(&(server.applied, server.state));
        server.core.snapshot(server.applied, data).expect("the command was applied");
        // A snapshot that covers commands which were not applied must be refused.
        assert!(server.core.snapshot(server.core.commit_index() + 1, Vec::new()).is_err());
    }

    fn restart(&mut self, me: usize) {
        let n = self.n();
        let server = &mut self.servers[me];
        let disk = server.disk.copy();
        // After this moment, everything that the dead server writes is lost.
        server.core.election_timeout(self.now);
        let effects = server.core.take_effects();
        server.core.persist_to(&server.disk, &effects.persist);

        let core = Core::restore(me, n, &disk).expect("a core has written this state");
        let mut core = with(core, &self.options);
        core.note_start(self.now);
        core.reset_election_timer(self.now);
        let _ = core.take_effects();
        let snapshot = disk.read_snapshot();
        let (applied, state) = match snapshot.is_empty() {
            true => (0, 0),
            false => labgob::decode(&snapshot).expect("this test has encoded the snapshot"),
        };
        assert_eq!(core.last_applied(), applied, "the Raft state and the snapshot were saved together");
        *server = Server { core, disk, incarnation: server.incarnation + 1, applied, state };
        self.seen.restarts += 1;
    }

    /// Persists the changes, as a real server does after every call of its core. Then checks all guarantees.
    fn settle(&mut self, me: usize) {
        let server = &mut self.servers[me];
        let effects = server.core.take_effects();
        server.core.persist_to(&server.disk, &effects.persist);
        if self.now.as_millis().is_multiple_of(16) {
            server.core.check_persisted(&server.disk);
        }
        assert_eq!(server.disk.raft_state_size(), server.disk.read_raft_state().len());
        for (id, index) in effects.reads {
            self.check_read(me, id, index);
        }
        self.check_election_safety(me);
        self.check_log_matching(me);
        self.check_commitment(me);
        self.check_leader_completeness(me);
    }

    fn check_election_safety(&mut self, me: usize) {
        let core = &self.servers[me].core;
        if core.is_leader() {
            let known = self.leaders.len();
            let first = *self.leaders.entry(core.current_term()).or_insert(me);
            assert_eq!(first, me, "Election Safety: two leaders in term {}", core.current_term());
            self.seen.elections += (self.leaders.len() - known) as u64;
        }
    }

    /// Checks that entries with the same index and term have the same command, and that the entries before
    /// them have the same term. By induction, the logs then match up to these entries.
    fn check_log_matching(&mut self, me: usize) {
        let log = self.servers[me].core.log();
        let mut before = log.last_included_term();
        for (index, entry) in (log.first_index()..).zip(log.iter_from(0)) {
            let known =
                self.entries.entry((index, entry.term)).or_insert_with(|| (entry.command.clone(), before));
            assert_eq!(known, &(entry.command.clone(), before), "Log Matching: S{me} at {index}");
            before = entry.term;
        }
    }

    fn check_commitment(&mut self, me: usize) {
        let core = &self.servers[me].core;
        let log = core.log();
        for index in log.first_index()..=core.commit_index() {
            let entry = log.get(index).expect("committed entries are in the log");
            match self.committed.get(index as usize - 1) {
                Some((term, command, _)) => {
                    assert_eq!(
                        (term, command),
                        (&entry.term, &entry.command),
                        "S{me} commits another entry at {index}"
                    );
                }
                None => {
                    assert_eq!(
                        self.committed.len() as u64,
                        index - 1,
                        "a snapshot covers entries that were never committed"
                    );
                    self.committed.push((entry.term, entry.command.clone(), core.current_term()));
                    self.states.push(mix(self.states[index as usize - 1], &entry.command));
                    self.seen.commits += 1;
                }
            }
        }
    }

    fn check_leader_completeness(&self, me: usize) {
        let core = &self.servers[me].core;
        if !core.is_leader() {
            return;
        }
        for (index, (term, _, committed_in)) in (1..).zip(&self.committed) {
            if *committed_in < core.current_term() && index >= core.log().last_included_index() {
                let held = core.log().term_at(index);
                assert_eq!(held, Some(*term), "Leader Completeness: S{me} leads without entry {index}");
            }
        }
    }

    /// Makes the network good. After a while all servers must have the same log and the same service state.
    fn heal(&mut self) {
        for packet in std::mem::take(&mut self.packets) {
            // The packets on their way are lost. The network reports about half of the losses to the servers
            // that sent the requests.
            if self.dice.one_in(2) {
                self.report_lost(&packet);
            }
        }
        let mut proposed = false;
        for round in 0..300 {
            let leader = self.leader();
            if leader.is_none() && round % 5 == 0 {
                let me = self.dice.below(self.n());
                self.servers[me].core.election_timeout(self.now);
                self.settle(me);
            }
            // A leader that transfers its leadership takes no command.
            let takes = |leader: &usize| self.servers[*leader].core.transfers_to().is_none();
            if let Some(leader) = leader.filter(takes).filter(|_| !proposed) {
                self.propose(leader);
                self.settle(leader);
                proposed = true;
            }
            self.one_good_round();
            if proposed && self.all_agree() {
                return;
            }
        }
        panic!("no agreement although the network is good:{}", self.describe());
    }

    fn leader(&self) -> Option<usize> {
        let highest = self.servers.iter().map(|s| s.core.current_term()).max()?;
        self.servers.iter().position(|s| s.core.is_leader() && s.core.current_term() == highest)
    }

    fn one_good_round(&mut self) {
        self.now += Options::default().heartbeat_interval;
        for me in 0..self.n() {
            let core = &mut self.servers[me].core;
            if core.is_leader() && core.election_deadline().is_some_and(|at| at <= self.now) {
                core.election_timeout(self.now);
                self.settle(me);
            }
            for peer in 0..self.n() {
                self.send_to(me, peer);
                self.settle(me);
            }
        }
        while !self.packets.is_empty() {
            let packet = self.packets.remove(0);
            self.deliver(packet);
        }
        for me in 0..self.n() {
            self.apply(me);
        }
    }

    fn all_agree(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let end = self.servers[leader].core.log().last_index();
        self.servers.iter().all(|s| s.applied == end && s.state == self.servers[leader].state)
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for server in &self.servers {
            let core = &server.core;
            let log = core.log();
            let (from, to) = (log.first_index(), log.last_index());
            write!(text, "\n{:?} T{} log {from}..={to}", core.role(), core.current_term())
                .expect("writing to a String never fails");
            write!(text, " commit {} applied {}", core.commit_index(), server.applied)
                .expect("writing to a String never fails");
        }
        text
    }
}

/// The core, with these options.
fn with(mut core: Core, options: &Options) -> Core {
    core.options = options.clone();
    core
}

impl Packet {
    /// The server that sent the request. The packet is the request itself, or the reply to the request.
    fn sent_by(&self) -> usize {
        match self.body {
            Body::Request(_) => self.from,
            _ => self.to,
        }
    }
}

#[test]
fn figure_3_holds_on_a_bad_network_and_all_agree_on_a_good_one() {
    chaos(SEEDS, Options::default(), false, |total| {
        // If too little has happened, the test has not tested enough.
        assert!(total.elections > 10 * SEEDS && total.commits > 20 * SEEDS, "{total:?}");
        assert!(total.snapshots_installed > SEEDS && total.restarts > SEEDS, "{total:?}");
        assert!(total.truncations > SEEDS / 2, "{total:?}");
    });
}

/// The same without options, with PreVote, with CheckQuorum, and with both. Leaders also transfer their
/// leadership.
#[test]
fn figure_3_holds_with_every_option() {
    const FEWER: u64 = SEEDS / 6;
    for (pre_vote, check_quorum) in [(false, false), (true, false), (false, true), (true, true)] {
        chaos(FEWER, Options { pre_vote, check_quorum, ..Options::default() }, true, |total| {
            assert!(total.elections > FEWER && total.commits > 20 * FEWER, "{total:?}");
            assert!(total.snapshots_installed > FEWER / 2 && total.transfers > FEWER, "{total:?}");
        });
    }
}

/// The read index of a read is never below the index of an entry that was committed before the read.
#[test]
fn reads_are_linearizable_on_a_bad_network() {
    const SOME: u64 = SEEDS / 6;
    let check = |total: Seen| {
        assert!(total.commits > 20 * SOME && total.restarts > SOME && total.reads > 20 * SOME, "{total:?}");
    };
    let with_leases = |total: Seen| {
        assert!(total.commits > 20 * SOME && total.restarts > SOME && total.reads > SOME, "{total:?}");
        assert!(total.lease_reads > 20 * SOME, "{total:?}");
    };
    for transfers in [false, true] {
        chaos_with(SOME, Options::default(), transfers, true, check);
        for pre_vote in [false, true] {
            let options = Options { lease: true, pre_vote, ..Options::default() };
            chaos_with(SOME, options, transfers, true, with_leases);
        }
    }
}

/// Runs the seeds, and calls `check` with what has happened.
fn chaos(seeds: u64, options: Options, transfers: bool, check: fn(Seen)) {
    chaos_with(seeds, options, transfers, false, check);
}

fn chaos_with(seeds: u64, options: Options, transfers: bool, reads: bool, check: fn(Seen)) {
    labrt::run(move || {
        let mut total = Seen::default();
        for seed in 1..=seeds {
            let mut world = World::new(seed, options.clone(), transfers, reads);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for _ in 0..STEPS {
                    world.step();
                }
                world.heal();
            }));
            if let Err(panic) = result {
                eprintln!("seed {seed} of the chaos test:{}", world.describe());
                std::panic::resume_unwind(panic);
            }
            total.elections += world.seen.elections;
            total.commits += world.seen.commits;
            total.snapshots_installed += world.seen.snapshots_installed;
            total.restarts += world.seen.restarts;
            total.truncations += world.seen.truncations;
            total.transfers += world.seen.transfers;
            total.reads += world.seen.reads;
            total.lease_reads += world.seen.lease_reads;
            // The test calls the cores directly, and this takes no virtual time. If the virtual clock did not
            // move, the watchdog would report that the test hangs.
            labrt::time::sleep(labrt::time::Duration::from_millis(1));
        }
        println!("{seeds} seeds of {STEPS} steps, {options:?}: {total:?}");
        check(total);
    });
}
