//! Tests the threads, the timers and the apply channel around the core, in real time and in virtual time.

use crate::raft::{ApplySink, Options, Raft, RestoreError, RoleChange};
use labapi::{ApplyMsg, Command, Persister};
use labrpc::{Cost, Link, Name, Network, Server};
use labrt::chan::{self, Receiver, Sender};
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicU64, Ordering};
use labrt::sync::{Arc, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Servers on a perfect network.
pub(super) struct Group {
    net: Network,
    pub(super) rafts: Vec<Raft>,
    /// The names of the ends by owner and target.
    ends: Vec<Vec<Name>>,
}

fn group(n: usize, sink: impl FnMut(usize) -> Box<dyn ApplySink>) -> Group {
    group_with(n, sink, |_| Options::default(), Cost::Peer)
}

pub(super) fn group_with(
    n: usize,
    mut sink: impl FnMut(usize) -> Box<dyn ApplySink>,
    options: impl Fn(usize) -> Options,
    cost: Cost,
) -> Group {
    let net = Network::new();
    let mut names = Vec::new();
    let make = |me: usize| {
        let ends: Vec<_> = (0..n).map(|peer| net.make_end(NodeId::first(me), peer)).collect();
        ends.iter().for_each(|end| net.enable(end, true));
        names.push(ends.iter().map(|end| end.name().clone()).collect());
        let _node = node::enter(NodeId::first(me));
        let raft = Raft::make_with(ends, me, Arc::new(Persister::new()), sink(me), options(me));
        let raft = raft.expect("there is no saved state");
        net.add_server(me, Server::new().service(raft.service().cost(cost)));
        raft
    };
    let rafts = (0..n).map(make).collect();
    Group { net, rafts, ends: names }
}

impl Group {
    /// Waits for a leader.
    pub(super) fn leader(&self) -> &Raft {
        let deadline = Instant::now() + 10 * SECOND;
        while Instant::now() < deadline {
            if let Some(leader) = self.rafts.iter().find(|raft| raft.get_state().1) {
                return leader;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("no leader within ten seconds");
    }
}

impl ApplySink for Box<dyn ApplySink> {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        (**self).deliver(message, stop)
    }

    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        (**self).deliver_batch(messages, stop)
    }

    fn never_blocks(&self) -> bool {
        (**self).never_blocks()
    }

    fn wants_roles(&self) -> bool {
        (**self).wants_roles()
    }

    fn role_changed(&mut self, change: RoleChange) {
        (**self).role_changed(change);
    }
}

pub(super) fn discard(_: usize) -> Box<dyn ApplySink> {
    Box::new(chan::unbounded().0)
}

fn alive(raft: usize) -> Vec<String> {
    thread::alive(NodeId::first(raft)).into_iter().map(|thread| thread.what).collect()
}

/// Waits until all threads of the server have ended. In virtual time the limit is 100 ms. On real threads a
/// busy machine needs longer.
pub(super) fn assert_ends(raft: usize) {
    let limit = if labrt::is_sim() { SECOND / 10 } else { 5 * SECOND };
    let deadline = Instant::now() + limit;
    while !alive(raft).is_empty() {
        assert!(Instant::now() < deadline, "S{raft} still has {:?}", alive(raft));
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn kill_ends_every_thread() {
    labrt::run(|| {
        let group = group(3, discard);
        group.leader();
        assert_eq!(alive(0).len(), 4, "ticker, applier and two senders: {:?}", alive(0));
        for (i, raft) in group.rafts.iter().enumerate() {
            raft.kill();
            raft.kill();
            assert_ends(i);
            assert_eq!(raft.start(Command::new(vec![1])), None);
            let _ = raft.get_state();
        }
    });
}

/// A kill ends the threads at once, even if calls to a deleted server are on their way. The network would
/// report the failure of these calls only after seconds.
#[test]
fn kill_does_not_wait_for_calls_on_their_way() {
    labrt::run(|| {
        let group = group(3, discard);
        group.net.long_delays(true);
        let leader = group.leader();
        let me = group
            .rafts
            .iter()
            .position(|raft| std::ptr::eq(raft, leader))
            .expect("the leader is in the group");
        (0..3).filter(|&i| i != me).for_each(|i| group.net.delete_server(i));
        leader.start(Command::new(vec![1])).expect("the server leads");
        sleep(SECOND / 2);
        leader.kill();
        assert_ends(me);
    });
}

#[test]
fn dropping_a_server_kills_it() {
    labrt::run(|| {
        let mut group = group(1, discard);
        group.leader();
        // The service in the network still has the server's state, but the drop of the `Raft` value must kill
        // the server.
        group.rafts.clear();
        assert_ends(0);
    });
}

/// No thread takes the applied messages, so the applier waits in the rendezvous channel. The server works
/// nevertheless, and `kill` does not wait for the applier.
#[test]
fn a_service_that_does_not_read_blocks_the_applier_only() {
    labrt::run(|| {
        let (tx, rx) = chan::rendezvous();
        let mut tx = Some(tx);
        let group = group(1, |_| Box::new(tx.take().expect("there is one server")));
        let leader = group.leader();
        let started: Vec<_> = (0..3).filter_map(|i| leader.start(Command::new(vec![i]))).collect();
        assert_eq!(started.iter().map(|s| s.index).collect::<Vec<_>>(), [1, 2, 3]);
        sleep(SECOND / 10);
        assert!(matches!(rx.recv(), Ok(ApplyMsg::Command { index: 1, .. })));
        sleep(SECOND / 10);
        assert!(leader.get_state().1, "the lock is free while the applier waits");
        leader.kill();
        assert_ends(0);
        assert_eq!(rx.try_recv().ok(), None, "nothing is delivered after a kill");
    });
}

#[derive(Debug)]
enum Heard {
    Message(ApplyMsg),
    Role(RoleChange),
}

struct WithRoles(Sender<Heard>);

impl ApplySink for WithRoles {
    fn deliver(&mut self, message: ApplyMsg, _stop: &Signal) -> bool {
        self.0.send(Heard::Message(message)).is_ok()
    }

    fn wants_roles(&self) -> bool {
        true
    }

    fn role_changed(&mut self, change: RoleChange) {
        // The send fails at the end of the test, when the receiver is gone.
        let _ = self.0.send(Heard::Role(change));
    }
}

/// A service can get reports of the role of its server. In this test the service hears that its server leads.
/// Then it gets a command. Then it hears that its server does not lead any more.
#[test]
fn a_service_hears_of_roles_if_it_wants_them() {
    labrt::run(|| {
        let mut receivers: Vec<Receiver<Heard>> = Vec::new();
        let group = group(3, |_| {
            let (tx, rx) = chan::unbounded();
            receivers.push(rx);
            Box::new(WithRoles(tx))
        });
        let leader = group.leader();
        let me = group
            .rafts
            .iter()
            .position(|raft| std::ptr::eq(raft, leader))
            .expect("the leader is in the group");
        let (term, _) = leader.get_state();
        let elected =
            |heard: &Heard| matches!(heard, Heard::Role(change) if change.is_leader && change.term == term);
        let deadline = Instant::now() + 10 * SECOND;
        loop {
            let heard = receivers[me].recv_deadline(deadline);
            if elected(&heard.expect("within ten seconds the service hears that its server leads")) {
                break;
            }
        }

        let started = leader.start(Command::new(vec![7])).expect("the server leads");
        let first = receivers[me].recv_deadline(deadline);
        let is_first = |heard: &Heard| matches!(heard, Heard::Message(ApplyMsg::Command { index, .. }) if *index == started.index);
        assert!(first.as_ref().is_ok_and(is_first), "{first:?}");

        // The leader is cut off and stays leader. When it is connected again, it sees a higher term.
        group.net.delete_server(me);
        let successor = |group: &Group| group.rafts.iter().any(|raft| raft.get_state().0 > term);
        while !successor(&group) {
            assert!(Instant::now() < deadline, "no server but the leader of term {term} starts an election");
            group.net.close_ends_of(NodeId::first(me));
            sleep(SECOND / 100);
        }
        assert_eq!(leader.get_state(), (term, true));
        group.net.add_server(me, Server::new().service(leader.service()));
        let role = receivers[me].recv_deadline(deadline);
        assert!(matches!(role, Ok(Heard::Role(RoleChange { is_leader: false, .. }))), "{role:?}");
    });
}

/// The options of server `me`. With them, server 0 becomes the leader, and no server sends a heartbeat while
/// a test runs.
pub(super) fn server_0_leads(me: usize) -> Options {
    let patience = if me == 0 { SECOND / 100 } else { 50 * SECOND };
    Options {
        election_timeout: patience..2 * patience,
        heartbeat_interval: 100 * SECOND,
        ..Options::default()
    }
}

/// `flush` sends a proposal, on the thread that calls `flush`. The proposal is not sent before that. If
/// messages take no time, all messages have been sent when `flush` returns, in virtual time and in real time.
#[test]
fn flush_sends_at_once_what_was_proposed() {
    labrt::run(|| {
        let group = group_with(3, discard, server_0_leads, Cost::Free);
        let leader = group.leader();
        // Both followers have answered the leader's first message.
        sleep(SECOND / 2);
        let before = group.net.total_count();
        leader.start_unsent(Command::new(vec![1])).expect("the server leads");
        sleep(SECOND / 2);
        assert_eq!(group.net.total_count(), before, "the command was proposed, but there was no flush");
        leader.flush();
        assert!(group.net.total_count() >= before + 2, "the leader has sent the entry to both followers");
        // The first answer commits the entry. Then a sender thread sends the new commit index. Perhaps the
        // entry is sent to the other follower only after this first answer. Then the message with the entry
        // also has the new commit index, and this follower needs no other message.
        sleep(SECOND / 2);
        let sent = group.net.total_count() - before;
        assert!(matches!(sent, 3 | 4), "{sent} messages: the entry, and then the commit index");
    });
}

/// Many threads propose and flush at the same time. So most of these threads find that another thread is
/// already flushing. Nevertheless all entries are sent.
#[test]
fn flushing_together_leaves_nothing_behind() {
    labrt::run(|| {
        let (tx, rx) = chan::unbounded();
        let mut tx = Some(tx);
        let sink = |me: usize| if me == 0 { Box::new(tx.take().expect("taken once")) } else { discard(me) };
        let mut group = group_with(3, sink, server_0_leads, Cost::Peer);
        group.leader();
        let leader = Arc::new(group.rafts.swap_remove(0));
        let propose = |n: u8| {
            let leader = leader.clone();
            thread::spawn(move || {
                for _ in 0..50 {
                    leader.start_unsent(Command::new(vec![n])).expect("the server leads");
                    leader.flush();
                }
            })
        };
        let threads: Vec<_> = (0..8).map(propose).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("the thread only proposes"));
        // This deadline is long before the first heartbeat.
        let deadline = Instant::now() + 20 * SECOND;
        for index in 1..=400 {
            let message = rx.recv_deadline(deadline);
            assert!(matches!(message, Ok(ApplyMsg::Command { index: i, .. }) if i == index), "{message:?}");
        }
    });
}

/// Whenever the election timer restarts, it has a new random timeout. If the previous timeout was longer, the
/// ticker must not sleep until the end of the previous timeout.
#[cfg(feature = "sim")]
#[test]
fn a_shorter_election_timeout_ends_sooner() {
    const TRIALS: u32 = 200;
    labrt::run(|| {
        let ms = Duration::from_millis;
        let options = |me| match me {
            0 => Options { election_timeout: ms(10)..ms(20), ..Options::default() },
            _ => Options { election_timeout: ms(100)..ms(1100), ..Options::default() },
        };
        let mut waited = Duration::ZERO;
        for _ in 0..TRIALS {
            // Server 1 has one timeout until it votes for server 0, and another one after that.
            let group = group_with(2, discard, options, Cost::Free);
            group.leader();
            let (term, crash) = (group.rafts[1].get_state().0, Instant::now());
            group.rafts[0].kill();
            while group.rafts[1].get_state().0 == term {
                assert!(crash.elapsed() < 5 * SECOND, "server 1 does not start an election");
                sleep(ms(1));
            }
            waited += crash.elapsed();
            group.rafts[1].kill();
        }
        // The mean of one timeout is 600 ms. The mean of the longer of two timeouts is 767 ms.
        let mean = waited / TRIALS;
        assert!(mean > ms(520) && mean < ms(680), "{mean:?}");
    });
}

struct CountBatches(Arc<AtomicU64>, Sender<ApplyMsg>);

impl ApplySink for CountBatches {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        self.1.deliver(message, stop)
    }

    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst);
        messages.into_iter().all(|message| self.deliver(message, stop))
    }
}

/// The service of a follower gets all messages of one `apply_interval` in one batch, because no client waits
/// for this service. The service of a leader gets each message at once.
#[test]
fn a_follower_waits_between_batches() {
    labrt::run(|| {
        let apply_interval = SECOND / 20;
        let batches = Arc::new(AtomicU64::new(0));
        let (tx, rx) = chan::unbounded();
        let sink = |me: usize| -> Box<dyn ApplySink> {
            if me == 1 { Box::new(CountBatches(batches.clone(), tx.clone())) } else { discard(me) }
        };
        let group = group_with(3, sink, |me| Options { apply_interval, ..server_0_leads(me) }, Cost::Peer);
        let (leader, start) = (group.leader(), Instant::now());
        for n in 0..100 {
            leader.start(Command::new(vec![n])).expect("the server leads");
            sleep(SECOND / 200);
        }
        let mut applied = 0;
        while applied < 100 {
            let message = rx.recv_deadline(start + 20 * SECOND);
            assert!(
                matches!(message, Ok(ApplyMsg::Command { index, .. }) if index == applied + 1),
                "{message:?}"
            );
            applied += 1;
        }
        let most = start.elapsed().as_nanos() / apply_interval.as_nanos() + 2;
        let batches = batches.load(Ordering::SeqCst);
        assert!(u128::from(batches) <= most, "{batches} batches in {:?}", start.elapsed());
    });
}

/// The saved state cannot come from a Raft server. So `make` returns an error and starts no thread.
#[test]
fn a_corrupt_state_is_refused() {
    labrt::run(|| {
        let persister = Arc::new(Persister::new());
        persister.save_raft_state(&[9, 9, 9]);
        let ends = vec![Network::new().make_end(NodeId::first(0), 0usize)];
        let _node = node::enter(NodeId::first(0));
        let error = Raft::make(ends, 0, persister, discard(0)).err();
        assert!(matches!(error, Some(RestoreError::Frames(_))), "{error:?}");
        assert!(alive(0).is_empty());
    });
}

/// Reads that arrive at a follower at about the same time share one question to the leader.
#[test]
fn reads_at_a_follower_share_a_question() {
    labrt::run(|| {
        let group = group(3, discard);
        group.leader();
        sleep(SECOND / 2);
        let follower = group.rafts.iter().find(|raft| !raft.get_state().1).expect("two servers follow");
        let (tell, indices) = chan::unbounded();
        let before = group.net.total_count();
        let start = Instant::now();
        for _ in 0..100 {
            let tell = tell.clone();
            follower.read_index_of_leader(move |index| tell.send(index).expect("the test waits"));
        }
        for _ in 0..100 {
            let index = indices.recv_timeout(SECOND).expect("each read gets an answer");
            assert_eq!(index, Some(0), "the log is empty");
        }
        // There are at most three questions, and the heartbeats of a few rounds.
        let messages = group.net.total_count() - before;
        if labrt::is_sim() {
            assert!(messages < 20, "{messages} messages for 100 reads, in {:?}", start.elapsed());
        }
    });
}

/// The leader does not answer, so the next reads do not wait for it for ever.
#[test]
fn reads_at_a_follower_do_not_wait_for_a_lost_question() {
    labrt::run(|| {
        let group = group(3, discard);
        group.leader();
        sleep(SECOND / 2);
        let at = |leads: bool| group.rafts.iter().position(|raft| raft.get_state().1 == leads);
        let (leader, follower) = (at(true).expect("a leader"), at(false).expect("a follower"));
        let (tell, indices) = chan::unbounded();
        let read = |nth: u64| {
            let tell = tell.clone();
            group.rafts[follower].read_index_of_leader(move |index| {
                // The receiver may be gone.
                let _ = tell.send((nth, index));
            });
        };
        group.net.long_delays(true);
        group.net.delete_server(leader);
        let start = Instant::now();
        (0..5).for_each(|nth| {
            read(nth);
            sleep(Duration::from_millis(20));
        });
        group.net.add_server(leader, Server::new().service(group.rafts[leader].service()));
        read(5);
        // On a slow machine the first reads may end without an index before this one.
        let index = loop {
            let (nth, index) = indices.recv_timeout(SECOND / 5).expect("the last read has an answer soon");
            if nth == 5 || index.is_some() {
                break index;
            }
        };
        assert!(index.is_some(), "after {:?}", start.elapsed());
    });
}

/// The answer to a question may be older than a read that arrives during the question.
///
/// Finds: a read shares a question that was sent before the read arrived.
#[test]
fn reads_at_a_follower_do_not_share_an_older_question() {
    labrt::run(|| {
        let sinks: Vec<_> = (0..3).map(|_| chan::unbounded()).collect();
        let group = group(3, |me| Box::new(sinks[me].0.clone()));
        group.leader();
        sleep(SECOND / 2);
        let at = |leads: bool| group.rafts.iter().position(|raft| raft.get_state().1 == leads);
        let (leader, follower) = (at(true).expect("a leader"), at(false).expect("a follower"));
        let applied = |count: usize| {
            (0..count)
                .for_each(|_| drop(sinks[leader].1.recv_timeout(SECOND).expect("the entry is applied")));
        };
        let read = || {
            let (tell, index) = chan::unbounded();
            group.rafts[follower].read_index_of_leader(move |it| tell.send(it).expect("the test waits"));
            index
        };
        group.rafts[leader].start(Command::new(vec![1]));
        applied(1);

        let question = &group.ends[follower][leader];
        group.net.set_link(question, Link::RepliesHeld);
        let first = read();
        // The leader answers the question of the first read, but the answer waits in the network.
        sleep(Duration::from_millis(3));
        group.rafts[leader].start(Command::new(vec![2]));
        applied(1);
        let second = read();
        group.net.set_link(question, Link::Both);
        group.net.release(question);
        assert_eq!(first.recv_timeout(SECOND), Ok(Some(1)));
        assert_eq!(second.recv_timeout(SECOND), Ok(Some(2)), "the second write was complete");
    });
}
