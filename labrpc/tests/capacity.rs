//! Tests of the capacity of nodes: a node handles one message at a time. Capacities exist only in virtual
//! time.
#![cfg(feature = "sim")]

use labrpc::{Capacity, Cost, End, Load, Network, NetworkOptions, Server, Service};
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Mutex};
use labrt::time::{Duration, Instant, sleep};
use labrt::{Run, thread};

const US: Duration = Duration::from_micros(1);
const MS: Duration = Duration::from_millis(1);

/// 10 us for each message, and 1 us for each 10 bytes.
const CAPACITY: Capacity =
    Capacity { per_message: Duration::from_micros(10), per_kilobyte: Duration::from_micros(100) };

/// Runs a test in which timers are never late, and returns its result.
fn exact<T: Send + 'static>(body: impl Fn() -> T + Send + Sync + 'static) -> T {
    let result = Arc::new(Mutex::new(None));
    let kept = result.clone();
    let run = Run { jitter: Duration::ZERO, ..Run::default() };
    let outcome = run.once(1, move || *kept.lock() = Some(body()));
    if let Some(failure) = outcome.failure {
        panic!("{}: {}", failure.thread, failure.message);
    }
    let result = result.lock().take();
    result.expect("the body of a run that passes has a result")
}

fn id(index: usize) -> NodeId {
    NodeId::first(index)
}

/// A server of node `index`. `T.Len` returns the length of a text. The request of a text with `n` bytes has
/// `n + 1` bytes, and the reply has one byte.
fn server(index: usize) -> Server {
    let service = Service::new("T").node(id(index)).inline("Len", |text: String| text.len() as u64);
    Server::new().cost(Cost::Free).service(service)
}

/// A network with this capacity and two servers, 0 and 1.
fn network(capacity: Option<Capacity>) -> Network {
    let net = Network::new();
    net.set_capacity(capacity);
    (0..2_usize).for_each(|at| net.add_server(at, server(at)));
    net
}

fn end(net: &Network, owner: NodeId, to: usize) -> End {
    let end = net.make_end(owner, to);
    net.enable(&end, true);
    end
}

/// Sends texts of these lengths to these servers at the same moment, from `owner`. Returns how long each
/// reply took.
fn send_all(net: &Network, owner: NodeId, texts: &[(usize, usize)]) -> Vec<Duration> {
    let start = Instant::now();
    let times = Arc::new(Mutex::new(vec![Duration::ZERO; texts.len()]));
    let _owner = node::enter(owner);
    let ends: Vec<End> = texts.iter().map(|&(to, _)| end(net, owner, to)).collect();
    for (nth, (end, &(_, length))) in ends.iter().zip(texts).enumerate() {
        let times = times.clone();
        end.send("T.Len", &"x".repeat(length), move |reply: Option<u64>| {
            assert_eq!(reply, Some(length as u64));
            times.lock()[nth] = start.elapsed();
        });
    }
    sleep(100 * MS);
    times.lock().clone()
}

#[test]
fn messages_at_one_node_are_served_one_after_the_other() {
    let times = exact(|| send_all(&network(Some(CAPACITY)), NodeId::NONE, &[(0, 9), (0, 9), (0, 9)]));
    // The node takes in the request (10 bytes: 11 us), and sends the reply (1 byte: 10.1 us).
    let each = 11 * US + 10 * US + US / 10;
    assert_eq!(times, [each, 2 * each, 3 * each]);
}

#[test]
fn nodes_work_at_the_same_time() {
    let times = exact(|| send_all(&network(Some(CAPACITY)), NodeId::NONE, &[(0, 9), (1, 9)]));
    let each = 11 * US + 10 * US + US / 10;
    assert_eq!(times, [each, each]);
}

#[test]
fn bytes_take_time() {
    let [short, long] = [9, 10_009]
        .map(|length| exact(move || send_all(&network(Some(CAPACITY)), NodeId::NONE, &[(0, length)]))[0]);
    // The longer length has two more bytes, in the request and in the reply.
    assert_eq!(long - short, MS + US / 10 * 4);
}

#[test]
fn a_sender_is_busy_too() {
    let times = exact(|| send_all(&network(Some(CAPACITY)), id(7), &[(0, 9), (1, 9)]));
    // The second request leaves when the first one has left. The sender also takes in the replies.
    let (request, reply) = (11 * US, 10 * US + US / 10);
    assert_eq!(times, [2 * request + 2 * reply, 3 * request + 2 * reply]);
}

#[test]
fn what_a_handler_sends_goes_before_the_next_request() {
    let times = exact(|| {
        let net = network(Some(CAPACITY));
        let (start, times) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let (there, kept) = (Arc::new(end(&net, id(2), 0)), times.clone());
        let service = Service::new("T").node(id(2)).inline("Pass", move |(): ()| {
            kept.lock().push(start.elapsed());
            there.send("T.Len", "x", |_: Option<u64>| {});
        });
        net.add_server(2_usize, Server::new().cost(Cost::Free).service(service));
        let ends: Vec<End> = (0..3).map(|_| end(&net, NodeId::NONE, 2)).collect();
        ends.iter().for_each(|end| end.send("T.Pass", &(), |_: Option<()>| {}));
        sleep(100 * MS);
        times.lock().clone()
    });
    // The three requests arrive together. Before the node takes in the second one, it sends a request of two
    // bytes and a reply without bytes. Before the third one, it does the same again. The answer to the first
    // request of two bytes has arrived in the meantime, but after the third request.
    let (request, sends) = (10 * US, 20 * US + US / 5);
    assert_eq!(times, [request, 2 * request + sends, 3 * request + 2 * sends]);
}

#[test]
fn the_load_of_a_node_is_counted() {
    let (server, sender, client) = exact(|| {
        let net = network(Some(CAPACITY));
        send_all(&net, id(7), &[(0, 9), (0, 9)]);
        let lost = net.make_end(id(7), 0_usize);
        let _owner = node::enter(id(7));
        lost.send("T.Len", &"x", |reply: Option<u64>| assert_eq!(reply, None));
        sleep(100 * MS);
        (net.load(id(0)), net.load(id(7)), net.load(NodeId::NONE))
    });
    let expected = Load { messages: 4, bytes: 22, busy: 2 * (11 * US) + 2 * (10 * US + US / 10) };
    assert_eq!(server, expected);
    // The sender is also busy with the request that reaches no server.
    assert_eq!(sender.messages, 5);
    assert_eq!(client, Load::default());
}

/// The golden traces of the other tests show that a network that never had a capacity is as before.
#[test]
fn a_capacity_that_is_switched_off_leaves_nothing() {
    let trace = |capacities: [Option<Capacity>; 2]| {
        let outcome = Run::default().once(5, move || {
            let net = Network::new();
            capacities.into_iter().for_each(|it| net.set_capacity(it));
            (0..2_usize).for_each(|at| net.add_server(at, server(at)));
            net.set_options(NetworkOptions { latency: US..=MS, ..NetworkOptions::default() });
            net.reliable(false);
            let ends: Vec<End> = (0..8).map(|nth| end(&net, id(7), nth % 2)).collect();
            for nth in 0..200 {
                ends[nth % ends.len()].send("T.Len", &"x".repeat(nth), |_: Option<u64>| {});
            }
            sleep(100 * MS);
        });
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        outcome.trace
    };
    let never = trace([None, None]);
    assert_eq!(never, trace([Some(CAPACITY), None]));
    assert_ne!(never, trace([None, Some(CAPACITY)]));
}

/// A node that is paused does its work after the pause. The messages of a network that ends are dropped.
#[test]
fn pauses_and_the_end_of_the_network() {
    exact(|| {
        let net = network(Some(CAPACITY));
        net.pause(id(0));
        let (there, start) = (Arc::new(end(&net, NodeId::NONE, 0)), Instant::now());
        let call = {
            let there = there.clone();
            thread::spawn(move || (there.call::<_, u64>("T.Len", "x"), start.elapsed()))
        };
        sleep(MS);
        net.resume(id(0));
        let (reply, took) = call.join().expect("a call does not panic");
        assert_eq!(reply, Some(1));
        assert_eq!(took, MS + 20 * US + 3 * US / 10);

        let outcomes = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..10 {
            let outcomes = outcomes.clone();
            there.send("T.Len", "x", move |reply: Option<u64>| outcomes.lock().push(reply));
        }
        sleep(30 * US);
        drop(net);
        sleep(MS);
        assert_eq!(outcomes.lock().len(), 10, "every call ends");
        assert!(outcomes.lock().contains(&None));
    });
}
