//! A network with delay and loss, the same for Raft and for Multi-Paxos.
//!
//! Each pair of servers has a *path*. A path is a server on the network of labrpc, which stands in front of
//! the real server. It lets a request wait, loses it or passes it on, and does the same with the answer. The
//! network of labrpc itself adds nothing.
//!
//! * A message takes `one_way`, give or take 5 %. It does not overtake the message before it.
//! * **Datagrams**: a message is lost with the given probability, independently of other messages. Nobody
//!   tells the sender. A sender that has no answer after `timeout` learns that there will be none.
//! * **A stream**, as TCP: nothing is lost for good. A lost message is sent again after a round trip, and all
//!   messages behind it wait until it has arrived. Real streams need longer to notice a loss.

use crate::multi_paxos::{AcceptArgs, AcceptReply, PrepareArgs, PrepareReply};
use labrpc::{Cost, End, Network, Responder, Server, Service};
use labrt::collections::BinaryHeap;
use labrt::node::NodeId;
use labrt::rng::{self, RngExt, Stream};
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering as Memory};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::thread;
use labrt::time::{Duration, Instant};
use mit6824::raft::{AppendEntriesArgs, AppendEntriesReply, RequestVoteArgs, RequestVoteReply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cmp::Ordering;

/// What happens to messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// The mean time that a message takes.
    pub one_way: Duration,
    /// How many of 1000 messages are lost. A request and its answer are two messages.
    pub lost: u32,
    /// With datagrams: the time after which a message without an answer counts as lost.
    pub timeout: Duration,
    /// Are the messages sent on a stream?
    pub stream: bool,
}

/// The network of a trial. It must be made and used inside a [`labrt::Run`].
pub struct Wire {
    net: Network,
    conditions: Conditions,
    later: Arc<Later>,
    requests: Arc<AtomicU64>,
    servers: usize,
    /// For each server, whether all messages to it and from it are lost.
    cut: Vec<Arc<AtomicBool>>,
}

impl Wire {
    /// A network for this number of servers.
    pub fn new(servers: usize, conditions: Conditions) -> Wire {
        let requests = Arc::new(AtomicU64::new(0));
        let cut = (0..servers).map(|_| Arc::new(AtomicBool::new(false))).collect();
        Wire { net: Network::new(), conditions, later: Later::start(), requests, servers, cut }
    }

    /// From now on, all messages to this server and from it are lost (if `cut` is true), or travel again.
    pub fn cut(&self, server: usize, cut: bool) {
        self.cut[server].store(cut, Memory::SeqCst);
    }

    /// The ends with which server `me` calls the others.
    pub fn ends(&self, me: usize) -> Vec<End> {
        (0..self.servers).map(|to| self.end(NodeId::first(me), &name(me, to))).collect()
    }

    /// Puts a server on the network. `service` has its handlers.
    pub fn add(&self, me: usize, service: Service) {
        let real = format!("server {me}");
        self.net.add_server(real.as_str(), Server::new().service(service.cost(Cost::Free)));
        for from in (0..self.servers).filter(|from| *from != me) {
            let path = Arc::new(Path {
                conditions: self.conditions,
                later: self.later.clone(),
                requests: self.requests.clone(),
                to_server: self.end(NodeId::NONE, &real),
                cut: [self.cut[from].clone(), self.cut[me].clone()],
                luck: Mutex::new(rng::stream("head-of-line.path", (self.servers * from + me) as u64)),
                there: Mutex::new(Instant::now()),
                back: Mutex::new(Instant::now()),
            });
            self.net.add_server(name(from, me), path.server());
        }
    }

    /// The number of requests that servers have sent to each other. Lost requests count, too.
    pub fn requests(&self) -> u64 {
        self.requests.load(Memory::SeqCst)
    }

    fn end(&self, owner: NodeId, to: &str) -> End {
        let end = self.net.make_end(owner, to);
        self.net.enable(&end, true);
        end
    }
}

fn name(from: usize, to: usize) -> String {
    format!("path from {from} to {to}")
}

/// The path from one server to another, and back.
struct Path {
    conditions: Conditions,
    later: Arc<Later>,
    requests: Arc<AtomicU64>,
    to_server: End,
    /// For each of the two servers, whether it is cut off.
    cut: [Arc<AtomicBool>; 2],
    luck: Mutex<Stream>,
    /// When the last request arrives, and when the last answer arrives.
    there: Mutex<Instant>,
    back: Mutex<Instant>,
}

impl Path {
    fn server(self: Arc<Self>) -> Server {
        let [votes, entries, prepares, accepts] = [self.clone(), self.clone(), self.clone(), self];
        let raft = Service::new("Raft")
            .deferred("RequestVote", move |args: RequestVoteArgs, to: Responder<RequestVoteReply>| {
                votes.pass("Raft.RequestVote", args, to);
            })
            .deferred("AppendEntries", move |args: AppendEntriesArgs, to: Responder<AppendEntriesReply>| {
                entries.pass("Raft.AppendEntries", args, to);
            });
        let paxos = Service::new("Paxos")
            .deferred("Prepare", move |args: PrepareArgs, to: Responder<PrepareReply>| {
                prepares.pass("Paxos.Prepare", args, to);
            })
            .deferred("Accept", move |args: AcceptArgs, to: Responder<AcceptReply>| {
                accepts.pass("Paxos.Accept", args, to);
            });
        Server::new().cost(Cost::Free).service(raft).service(paxos)
    }

    /// Lets a request travel to the server, and the answer travel back. If the responder is dropped, the
    /// sender learns that there is no answer.
    fn pass<A, R>(self: &Arc<Self>, method: &'static str, args: A, to: Responder<R>)
    where
        A: Serialize + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.requests.fetch_add(1, Memory::SeqCst);
        let (path, timeout) = (self.clone(), Instant::now() + self.conditions.timeout);
        let Some(arrival) = self.travel(&self.there) else {
            return self.later.run_at(timeout, move || drop(to));
        };
        self.later.run_at(arrival, move || {
            let way_back = path.clone();
            path.to_server.send(method, &args, move |reply: Option<R>| {
                let Some(reply) = reply else { return };
                match way_back.travel(&way_back.back) {
                    Some(arrival) => way_back.later.run_at(arrival, move || to.reply(reply)),
                    None => way_back.later.run_at(timeout, move || drop(to)),
                }
            });
        });
    }

    /// When a message that is sent now arrives. `None` means that it is lost.
    fn travel(&self, last: &Mutex<Instant>) -> Option<Instant> {
        if self.cut.iter().any(|cut| cut.load(Memory::SeqCst)) {
            return None;
        }
        let Conditions { one_way, lost, stream, .. } = self.conditions;
        let mut luck = self.luck.lock();
        let mut delay = one_way.mul_f64(luck.random_range(0.95..1.05));
        while luck.random_range(0..1000) < lost {
            if !stream {
                return None;
            }
            delay += one_way * 2;
        }
        drop(luck);
        let mut last = last.lock();
        *last = (*last).max(Instant::now() + delay);
        Some(*last)
    }
}

type Task = Box<dyn FnOnce() + Send>;

/// A thread that runs tasks when they are due.
struct Later {
    queue: Mutex<(BinaryHeap<Entry>, u64)>,
    changed: Condvar,
}

struct Entry {
    due: Instant,
    order: u64,
    task: Task,
}

impl Later {
    fn start() -> Arc<Later> {
        let later = Arc::new(Later { queue: Mutex::new((BinaryHeap::new(), 0)), changed: Condvar::new() });
        let thread = later.clone();
        thread::spawn_named("wire", move || {
            loop {
                thread.next()();
            }
        });
        later
    }

    fn run_at(&self, due: Instant, task: impl FnOnce() + Send + 'static) {
        let mut queue = self.queue.lock();
        let (heap, order) = &mut *queue;
        *order += 1;
        heap.push(Entry { due, order: *order, task: Box::new(task) });
        self.changed.notify_one();
    }

    /// Waits for the next task that is due.
    fn next(&self) -> Task {
        let mut queue = self.queue.lock();
        loop {
            match queue.0.peek().map(|first| first.due) {
                Some(due) if due <= Instant::now() => {
                    return queue.0.pop().expect("there is a first task").task;
                }
                Some(due) => drop(self.changed.wait_until(&mut queue, due)),
                None => self.changed.wait(&mut queue),
            }
        }
    }
}

// The heap returns its greatest entry first: the one that is due first, and among equals the one that was
// added first.
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use labrt::Run;
    use labrt::time::sleep;

    const ONE_WAY: Duration = Duration::from_millis(5);
    const TIMEOUT: Duration = Duration::from_millis(20);

    /// Sends `requests` requests, one in each millisecond. Returns for each request when its answer or the
    /// report of its loss came, in the order of these events: the number of the request, the time since it
    /// was sent, and whether there was an answer. Also returns the order in which the requests arrived.
    fn send(conditions: Conditions, requests: usize) -> (Vec<(usize, Duration, bool)>, Vec<usize>) {
        let results = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let kept = results.clone();
        let outcome = Run { jitter: Duration::ZERO, ..Run::default() }.once(3, move || {
            let wire = Wire::new(2, conditions);
            let arrived = kept.clone();
            let accept = move |args: AcceptArgs| {
                arrived.lock().1.push(args.chosen as usize);
                AcceptReply { promised: args.ballot, up_to: 0, beyond: Vec::new() }
            };
            wire.add(1, Service::new("Paxos").inline("Accept", accept));
            let ends = wire.ends(0);
            for number in 0..requests {
                let args = AcceptArgs { chosen: number as u64, ..empty() };
                let (begun, kept) = (Instant::now(), kept.clone());
                ends[1].send("Paxos.Accept", &args, move |reply: Option<AcceptReply>| {
                    kept.lock().0.push((number, begun.elapsed(), reply.is_some()));
                });
                sleep(Duration::from_millis(1));
            }
            sleep(Duration::from_secs(5));
        });
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        std::mem::take(&mut *results.lock())
    }

    fn empty() -> AcceptArgs {
        AcceptArgs { ballot: Default::default(), proposals: Vec::new(), chosen: 0 }
    }

    #[test]
    fn datagrams_are_lost_and_the_sender_learns_it_after_the_timeout() {
        let conditions = Conditions { one_way: ONE_WAY, lost: 100, timeout: TIMEOUT, stream: false };
        let (ended, arrived) = send(conditions, 2000);
        let (answered, lost): (Vec<_>, Vec<_>) = ended.iter().partition(|(_, _, answered)| *answered);
        // A request is lost in 10 of 100 cases, and its answer in 10 of the other 90: together in 19 of 100.
        assert!((300..460).contains(&lost.len()), "{} of 2000", lost.len());
        assert!((1700..1900).contains(&arrived.len()), "{} of 2000", arrived.len());
        assert!(lost.iter().all(|(_, time, _)| *time == TIMEOUT));
        let round_trip = ONE_WAY * 2;
        let range = round_trip.mul_f64(0.95)..=round_trip.mul_f64(1.06);
        assert!(answered.iter().all(|(_, time, _)| range.contains(time)));
        assert!(arrived.is_sorted(), "no message overtakes another");
    }

    #[test]
    fn a_server_that_is_cut_off_gets_nothing_until_it_is_connected_again() {
        let arrived = Arc::new(AtomicU64::new(0));
        let kept = arrived.clone();
        let outcome = Run::default().once(3, move || {
            let wire =
                Wire::new(2, Conditions { one_way: ONE_WAY, lost: 0, timeout: TIMEOUT, stream: false });
            let arrived = kept.clone();
            let accept = move |args: AcceptArgs| {
                arrived.fetch_add(1, Memory::SeqCst);
                AcceptReply { promised: args.ballot, up_to: 0, beyond: Vec::new() }
            };
            wire.add(1, Service::new("Paxos").inline("Accept", accept));
            let ends = wire.ends(0);
            for (cut, in_total) in [(true, 0), (false, 1), (true, 1)] {
                wire.cut(1, cut);
                ends[1].send("Paxos.Accept", &empty(), |_: Option<AcceptReply>| {});
                sleep(TIMEOUT);
                assert_eq!(kept.load(Memory::SeqCst), in_total);
            }
        });
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    }

    #[test]
    fn a_stream_loses_nothing_and_keeps_the_order() {
        let conditions = Conditions { one_way: ONE_WAY, lost: 100, timeout: TIMEOUT, stream: true };
        let (ended, arrived) = send(conditions, 2000);
        assert!(ended.iter().all(|(_, _, answered)| *answered));
        assert!(ended.iter().map(|(number, ..)| *number).eq(0..2000), "the answers keep the order, too");
        assert!(arrived.iter().copied().eq(0..2000));
        // If a message is lost, it needs another round trip, and the messages behind it wait.
        let late = ended.iter().filter(|(_, time, _)| *time > ONE_WAY * 3).count();
        assert!(late > 1000, "{late} of 2000");
    }
}
