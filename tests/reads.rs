//! Reads without the log: the tests of lab 3 and the strict tests with each kind of read, and tests that look
//! for old values. The name of a case is the kind of read and the name of the test: `lease_basic_3a`.

use std::process::ExitCode;

use labapi::{KvService, Replicated, ServerStart, Strictness};
use labrpc::{End, Link, Service};
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use labtest::harness::{self, Case};
use labtest::kv::{History, IfUnknown, make_client};
use labtest::lab3::{self, Part};
use labtest::marks::Mark;
use labtest::service::{ClientId, Cluster, Setup, make_config};
use labtest::strict3;
use mit6824::kvraft::{Clerk, KvServer};
use mit6824::raft;
use mit6824::rsm::Reads;
use porcupine::models::kv::KvModel;
use porcupine::{Options, Verdict};

/// The kinds of reads, and their names in the names of cases.
const KINDS: [(Reads, &str); 3] =
    [(Reads::ReadIndex, "read_index"), (Reads::Lease, "lease"), (Reads::Follower, "follower")];

/// The service of lab 3 with reads of the kind `KINDS[KIND]`.
struct Reading<const KIND: usize>(KvServer);

impl<const KIND: usize> Replicated for Reading<KIND> {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = Clerk;

    fn start(start: ServerStart) -> Self {
        let server = KvServer::start_reading(start, raft::Options::default(), KINDS[KIND].0);
        Reading(server.unwrap_or_else(|error| panic!("{error}")))
    }

    fn is_leader(&self) -> bool {
        self.0.get_state().1
    }

    fn kill(&self) {
        self.0.kill();
    }

    fn services(self: &Arc<Self>) -> Vec<Service> {
        self.0.services()
    }

    fn make_clerk(ends: Vec<End>) -> Clerk {
        Clerk::new(ends)
    }
}

/// A service whose leader can transfer its leadership.
trait Transfers: KvService {
    fn give_to(&self, target: usize);
}

impl<const KIND: usize> Transfers for Reading<KIND> {
    fn give_to(&self, target: usize) {
        // If the server no longer leads, nothing happens.
        let _ = self.0.transfer_leadership(target);
    }
}

/// On real threads, these tests would take a quarter of an hour, so there they have no cases.
fn main() -> ExitCode {
    let mut cases = Vec::new();
    if labrt::is_sim() {
        cases = [all::<Reading<0>>(0), all::<Reading<1>>(1), all::<Reading<2>>(2)].concat();
        cases.push(Case::ours("restarted_follower_reads", restarted_follower_reads));
        cases.push(Case::ours("lease_clocks_within_the_bound", clocks_within_the_bound));
        cases.push(Case::ours("lease_clocks_beyond_the_bound", clocks_beyond_the_bound));
    }
    harness::main(labrt::here!(), Strictness::Fail, &cases)
}

fn all<S: Transfers>(kind: usize) -> Vec<Case> {
    let mut cases = vec![
        Case::ours("reads_write_nothing", reads_write_nothing::<S>),
        Case::ours("read_after_an_election", read_after_an_election::<S>),
        Case::ours("read_after_a_restart", read_after_a_restart::<S>),
        Case::ours("leader_is_cut_off", leader_is_cut_off::<S>),
        Case::ours("answers_come_late", answers_come_late::<S>),
        Case::ours("read_arrives_during_a_round", read_arrives_during_a_round::<S>),
        Case::ours("follower_is_slow", follower_is_slow::<S>),
        Case::ours("term_rises_during_a_promise", term_rises_during_a_promise::<S>),
        Case::ours("transfer_is_given_up", transfer_is_given_up::<S>),
        Case::ours("voter_restarts", voter_restarts::<S>),
        Case::ours("leadership_is_transferred", leadership_is_transferred::<S>),
        Case::ours("leader_is_paused", leader_is_paused::<S>),
    ];
    cases.extend([lab3::cases::<S>(Part::A), lab3::cases::<S>(Part::B), strict3::cases::<S>()].concat());
    let name = KINDS[kind].1;
    cases.into_iter().map(|case| Case::ours(format!("{name}_{}", case.name), move || (case.body)())).collect()
}

/// Reads add nothing to the log.
fn reads_write_nothing<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    cfg.begin("Test (ours): reads write nothing");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("k", "value");
    sleep(Duration::from_millis(500));
    let before = cfg.log_size();
    (0..100).for_each(|_| ck.check("k", "value"));
    assert_eq!(cfg.log_size(), before, "the size of the saved state after 100 reads");
    cfg.end();
}

/// A new leader answers reads although no client writes.
fn read_after_an_election<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    cfg.begin("Test (ours): a read after an election, without writes");
    let mut ck = make_client(&cfg, &cfg.all());
    for round in 0..4 {
        let value = round.to_string();
        ck.put("k", &value);
        let leader = cfg.leader().unwrap_or(0);
        cfg.shutdown_server(leader);
        let start = Instant::now();
        ck.check("k", &value);
        assert!(start.elapsed() < Duration::from_secs(5), "the read took {:?}", start.elapsed());
        cfg.start_server(leader);
        cfg.connect_all();
    }
    cfg.end();
}

/// All servers restart from snapshots. Each server that may answer reads answers them without any write.
fn read_after_a_restart<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(3).near_clients().maxraftstate(1));
    cfg.begin("Test (ours): reads after a restart from snapshots");
    let mut ck = make_client(&cfg, &cfg.all());
    for round in 0..4 {
        let value = round.to_string();
        ck.put("k", &value);
        cfg.all().into_iter().for_each(|i| cfg.shutdown_server(i));
        cfg.all().into_iter().for_each(|i| cfg.start_server(i));
        cfg.connect_all();
        let start = Instant::now();
        ck.check("k", &value);
        assert!(start.elapsed() < Duration::from_secs(5), "the read took {:?}", start.elapsed());
    }
    cfg.end();
}

/// A follower restarts from a snapshot that has all entries. Nobody writes. The follower answers reads,
/// because its snapshot counts as applied.
fn restarted_follower_reads() {
    let cfg = make_config::<Reading<2>>(Setup::of(3).near_clients().maxraftstate(1));
    cfg.begin("Test (ours): reads at a follower that has restarted from a snapshot");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("k", "value");
    sleep(Duration::from_millis(500));
    let leader = cfg.leader().unwrap_or(0);
    for follower in cfg.all().into_iter().filter(|&i| i != leader) {
        cfg.shutdown_server(follower);
        cfg.start_server(follower);
        cfg.connect_all();
        let mut reader = make_client(&cfg, &[follower]);
        let start = Instant::now();
        reader.check("k", "value");
        assert!(start.elapsed() < Duration::from_secs(1), "the read took {:?}", start.elapsed());
    }
    cfg.end();
}

// ---------------------------------------------------------------------- Old values

/// The roles in a round of [`reads_and_writes`]: the leader, the two other servers in random order, the
/// client that writes, and the client that reads at the leader.
struct Roles {
    leader: usize,
    a: usize,
    b: usize,
    writer: ClientId,
    readers: Vec<ClientId>,
}

/// Fails the test if a read returns an old value, see [`reads_and_writes`].
fn look_for_old_values<S: KvService>(title: &str, rounds: usize, fault: fn(&Cluster<S>, &Roles)) {
    let (history, marks) = reads_and_writes(title, rounds, fault);
    history.check(IfUnknown::default(), title, marks);
}

/// A client writes 1, 2, 3, ... At each of the three servers a client reads all the time, and sees only this
/// server. In each round, `fault` makes a fault, and waits.
///
/// Returns the history of all operations, and the faults. If a read returns an old value, the history is not
/// linearizable. A value is old if a newer value was written or read before the read began.
fn reads_and_writes<S: KvService>(
    title: &str,
    rounds: usize,
    fault: fn(&Cluster<S>, &Roles),
) -> (Arc<History>, Vec<Mark>) {
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    let history = Arc::new(History::new());
    let mut ck = make_client(&cfg, &cfg.all());
    ck.record(&history, 0);
    cfg.begin(title);
    ck.put("k", "0");
    let stop = Arc::new(AtomicBool::new(false));
    let (mut clients, writer_id) = (Vec::new(), ck.id());
    for (server, number) in cfg.all().into_iter().zip(1..) {
        let mut reader = make_client(&cfg, &[server]);
        reader.record(&history, number);
        let (id, stop) = (reader.id(), stop.clone());
        let body = move || {
            while !stop.load(Ordering::SeqCst) {
                reader.get("k");
                sleep(Duration::from_millis(rng::below(8)));
            }
        };
        clients.push((id, thread::spawn_named(format!("reader-{server}"), body)));
    }
    let writer = {
        let stop = stop.clone();
        thread::spawn_named("writer", move || {
            for value in 1_u64.. {
                if stop.load(Ordering::SeqCst) {
                    return value;
                }
                ck.put("k", &value.to_string());
                sleep(Duration::from_millis(rng::below(20)));
            }
            unreachable!("there are more numbers than the writer can write")
        })
    };
    for _ in 0..rounds {
        sleep(Duration::from_millis(700 + rng::below(300)));
        let leader = cfg.leader().unwrap_or(0);
        let next = 1 + rng::below(2) as usize;
        let (a, b) = ((leader + next) % 3, (leader + 3 - next) % 3);
        let readers: Vec<ClientId> = clients.iter().map(|(id, _)| *id).collect();
        fault(&cfg, &Roles { leader, a, b, writer: writer_id, readers: readers.clone() });
        cfg.connect_client(writer_id, &cfg.all());
        for (server, reader) in readers.into_iter().enumerate() {
            cfg.disconnect_client(reader, &cfg.all());
            cfg.connect_client(reader, &[server]);
        }
        cfg.all().into_iter().for_each(|i| cfg.resume(i));
        cfg.connect_all();
    }
    stop.store(true, Ordering::SeqCst);
    clients.iter().for_each(|(id, _)| cfg.connect_client(*id, &cfg.all()));
    let written = writer.join().expect("the writer does not fail");
    for (_, reader) in clients {
        reader.join().expect("a reader does not fail");
    }
    assert!(written > 10 * rounds as u64, "only {written} values were written in {rounds} rounds");
    let marks = cfg.marks();
    cfg.end();
    (history, marks)
}

/// Section 8: a leader that is cut off does not answer reads after the others have elected a leader.
///
/// Finds: a read is answered without a round of heartbeats, or after a round that was sent before the read
/// arrived; a lease is too long; a follower answers before it has applied the entry at the read index.
fn leader_is_cut_off<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while leaders are cut off", 10, |cfg, roles| {
        cfg.partition(&[roles.leader], &[roles.a, roles.b]);
        sleep(Duration::from_millis(rng::below(1500)));
    });
}

/// Thesis, 6.4: a lease begins when the heartbeat was sent. Here the answers to the leader come late. When
/// they come, the leader is cut off, and the others may have elected another leader. Until then nobody writes
/// or reads at the leader, because these operations would wait for answers.
///
/// Finds: a lease begins when the answer arrives.
fn answers_come_late<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while answers come late", 12, |cfg, roles| {
        let &Roles { leader, a, b, writer, ref readers } = roles;
        cfg.disconnect_client(writer, &[leader]);
        sleep(Duration::from_millis(50));
        [a, b].into_iter().for_each(|peer| cfg.set_link(leader, peer, Link::RepliesHeld));
        sleep(Duration::from_millis(rng::below(150)));
        lose_requests(cfg, &[(leader, a), (leader, b), (a, leader), (b, leader)]);
        cfg.disconnect_client(readers[leader], &[leader]);
        sleep(Duration::from_millis(350 + rng::below(250)));
        [a, b].into_iter().for_each(|peer| cfg.release(leader, peer));
        cfg.connect_client(readers[leader], &[leader]);
        sleep(Duration::from_millis(300));
    });
}

/// Thesis, 6.4: a read needs answers to messages that were sent after the read arrived.
///
/// The answers to a round of the leader wait in the network. Then the leader is cut off, and the others elect
/// another leader. Another client reads at the old leader now. At the end the answers arrive. They prove
/// nothing about the new read.
///
/// Finds: a read that arrives during a round is answered after this round.
fn read_arrives_during_a_round<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads that arrive during a round", 10, |cfg, roles| {
        let &Roles { leader, a, b, writer, ref readers } = roles;
        cfg.disconnect_client(writer, &[leader]);
        sleep(Duration::from_millis(50));
        [a, b].into_iter().for_each(|peer| cfg.set_link(leader, peer, Link::RepliesHeld));
        sleep(Duration::from_millis(20));
        lose_requests(cfg, &[(leader, a), (leader, b), (a, leader), (b, leader)]);
        sleep(Duration::from_millis(650 + rng::below(200)));
        cfg.disconnect_client(readers[a], &[a]);
        cfg.connect_client(readers[a], &[leader]);
        sleep(Duration::from_millis(200));
        [a, b].into_iter().for_each(|peer| cfg.release(leader, peer));
        sleep(Duration::from_millis(100));
    });
}

/// Thesis, 6.4: a follower must ask its leader after the read has arrived.
///
/// The links of a follower are slow, so its state is old, and the leader's answers are old. Two clients read
/// there. So a read often arrives while a question of the other client is on its way.
///
/// Finds: a read takes the answer to a question that was asked before the read arrived.
fn follower_is_slow<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads at a slow follower", 15, |cfg, roles| {
        let &Roles { leader, a: slow, ref readers, .. } = roles;
        let latency = Duration::from_millis(1)..=Duration::from_millis(9);
        cfg.slow_link(leader, slow, latency.clone());
        cfg.slow_link(slow, leader, latency);
        cfg.disconnect_client(readers[leader], &[leader]);
        cfg.connect_client(readers[leader], &[slow]);
        sleep(Duration::from_millis(1500));
    });
}

/// Thesis, 6.4: a server that has heard from the leader votes for nobody for some time, also if its term
/// rises.
///
/// `voter` leads, and gives its leadership away. Its last heartbeats to `candidate` wait in the network.
/// Then `candidate` is alone, and its term rises. Its log is complete, because nobody writes. At the end the
/// heartbeats arrive, and the answers tell `voter` of the higher term. At the same moment the leader is cut
/// off, and `candidate` reaches `voter` again.
///
/// Finds: a server votes as soon as its term rises, although the leader has a lease.
fn term_rises_during_a_promise<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while the terms of voters rise", 12, |cfg, roles| {
        let &Roles { leader: voter, a: candidate, b: leader, writer, .. } = roles;
        cfg.set_link(voter, candidate, Link::RequestsHeld);
        sleep(Duration::from_millis(150));
        cfg.call(voter, |server| server.give_to(leader));
        sleep(Duration::from_millis(300));
        cfg.disconnect_client(writer, &cfg.all());
        sleep(Duration::from_millis(100));
        lose_requests(cfg, &[(leader, candidate), (candidate, leader), (candidate, voter)]);
        sleep(Duration::from_millis(700 + rng::below(600)));
        lose_requests(cfg, &[(leader, voter), (voter, leader)]);
        cfg.set_link(candidate, voter, Link::Both);
        cfg.release(voter, candidate);
        cfg.connect_client(writer, &[candidate]);
        sleep(Duration::from_millis(400));
    });
}

/// Thesis, 6.4: a leader that has begun a transfer has no lease any more in its term.
///
/// The link to the target is slow, so the order to start an election arrives after the leader has given up.
/// At this moment the leader is cut off. All logs are equal, because nobody writes. The link becomes slow
/// step by step, so the target hears from the leader all the time.
///
/// Finds: a leader that has given up a transfer has a lease again.
fn transfer_is_given_up<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while transfers are given up", 6, |cfg, roles| {
        let &Roles { leader, a: target, b, writer, .. } = roles;
        cfg.disconnect_client(writer, &cfg.all());
        for latency in (100..=700).step_by(100).map(Duration::from_millis) {
            cfg.slow_link(leader, target, latency..=latency);
            sleep(Duration::from_millis(150));
        }
        sleep(Duration::from_millis(800));
        cfg.call(leader, |server| server.give_to(target));
        sleep(Duration::from_millis(690));
        lose_requests(cfg, &[(leader, target), (target, leader), (leader, b), (b, leader)]);
        cfg.connect_client(writer, &[target]);
        sleep(Duration::from_millis(400));
    });
}

/// From now on, the requests on these links are lost. Messages that are on their way still arrive.
fn lose_requests<S: KvService>(cfg: &Cluster<S>, links: &[(usize, usize)]) {
    links.iter().for_each(|&(from, to)| cfg.set_link(from, to, Link::RequestsLost));
}

/// Thesis, 6.4: a server that restarts may have promised to vote for nobody.
///
/// `candidate` does not hear the leader. So it asks `voter` for its vote, again and again. Its log is
/// complete, because nobody writes. Then `voter` restarts, and at the same moment the leader is cut off.
///
/// Finds: a server votes at once after a restart, although the leader has a lease.
fn voter_restarts<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while voters restart", 12, |cfg, roles| {
        let &Roles { leader, a: voter, b: candidate, writer, .. } = roles;
        cfg.disconnect_client(writer, &cfg.all());
        sleep(Duration::from_millis(100));
        lose_requests(cfg, &[(leader, candidate), (candidate, leader)]);
        sleep(Duration::from_millis(600 + rng::below(600)));
        cfg.shutdown_server(voter);
        cfg.start_server(voter);
        cfg.partition(&[voter, candidate], &[leader]);
        cfg.connect_client(writer, &[candidate]);
        sleep(Duration::from_millis(400));
    });
}

/// Thesis, 6.4: a leader that transfers its leadership has no lease.
///
/// The network loses and delays messages. So the old leader often does not hear that it is deposed. Sometimes
/// the target gets the order to start an election after the leader has given up the transfer.
///
/// Finds: a leader keeps its lease during a transfer, or gets a new one after it.
fn leadership_is_transferred<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while the leadership is transferred", 25, |cfg, roles| {
        cfg.set_unreliable(true);
        cfg.call(roles.leader, |server| server.give_to(roles.a));
        sleep(Duration::from_millis(rng::below(40)));
        cfg.partition(&[roles.a, roles.b], &[roles.leader]);
        sleep(Duration::from_millis(300));
        cfg.set_unreliable(false);
    });
}

/// Section 8: a leader that was paused must not answer reads with what it believed before.
fn leader_is_paused<S: Transfers>() {
    look_for_old_values::<S>("Test (ours): reads while leaders are paused", 10, |cfg, roles| {
        cfg.pause(roles.leader);
        sleep(Duration::from_millis(rng::below(1500)));
        cfg.resume(roles.leader);
        sleep(Duration::from_millis(rng::below(300)));
    });
}

// ---------------------------------------------------------------------- Clocks

/// The assumption of leases about clocks, see [`raft::Options::clock_drift`]: the clocks differ by at most 10
/// percent. With such clocks, no read returns an old value.
fn clocks_within_the_bound() {
    let title = "Test (ours): leases with clocks that differ by ten percent";
    look_for_old_values::<Reading<1>>(title, 10, |cfg, roles| cut_off_with_clock(cfg, roles, 900));
}

/// If the clocks differ by more than the bound, reads may return old values. This test shows it: the leader's
/// clock is much too slow. So its lease ends long after the others have elected another leader. The history
/// is not linearizable, and its page shows the first read with an old value.
fn clocks_beyond_the_bound() {
    let title = "Test (ours): leases with a clock that is much too slow";
    let (history, marks) =
        reads_and_writes::<Reading<1>>(title, 10, |cfg, roles| cut_off_with_clock(cfg, roles, 200));
    let history = history.take();
    let report = porcupine::check(&KvModel, &history, &Options { partials: true, ..Options::default() });
    assert_eq!(report.verdict, Verdict::Illegal, "the leader's clock is much too slow");
    let page = concat!(env!("CARGO_TARGET_TMPDIR"), "/old-values.html");
    porcupine::picture(&KvModel, &history, &report, title, marks)
        .write(page)
        .unwrap_or_else(|error| panic!("{page}: {error}"));
    println!("the page of the history: {page}");
}

/// Cuts the leader off. From this moment on its clock is slow: it counts `permille` milliseconds in a second.
fn cut_off_with_clock(cfg: &Cluster<Reading<1>>, roles: &Roles, permille: u32) {
    cfg.set_clock_speed(roles.leader, permille);
    cfg.partition(&[roles.leader], &[roles.a, roles.b]);
    sleep(Duration::from_millis(1500));
    cfg.set_clock_speed(roles.leader, 1000);
}
