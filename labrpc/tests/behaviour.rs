//! Tests of properties that the course's tests do not check. For example, some tests switch on only one
//! fault. They check how often it happens, and how long it delays a message. Other tests check on which
//! thread each piece of code runs.

mod common;

use common::run;
use labrpc::{
    Cost, End, Fate, Link, MessageEvent, Name, Network, NetworkOptions, Responder, Server, Service,
};
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use labrt::sync::{Arc, Mutex, Signal};
use labrt::time::{self, Duration, Instant};
use labrt::{Failure, Run, chan, thread, trace};

const MS: Duration = Duration::from_millis(1);

/// In virtual time, a message may come at most this much later than expected. This is the limit for all
/// timers of the message together.
const LATE: Duration = MS;

/// Makes a server whose handlers have no cost. `T.Inc` (inline) and `T.Pooled` (pooled) add 1 to a number.
fn inc_server() -> Server {
    let service = Service::new("T").inline("Inc", |n: u64| n + 1).handler("Pooled", |n: u64| n + 1);
    Server::new().cost(Cost::Free).service(service)
}

/// Makes a network with the server "s", and an enabled end that is connected to this server.
fn inc_net() -> (Network, End) {
    let net = Network::new();
    net.add_server("s", inc_server());
    let end = joined(&net, "s");
    (net, end)
}

fn joined(net: &Network, target: impl Into<Name>) -> End {
    let end = net.make_end(NodeId::NONE, target);
    net.enable(&end, true);
    end
}

fn inc(end: &End, n: u64) -> Option<u64> {
    end.call("T.Inc", &n)
}

/// The signals of the handler `Gate.Wait`. This handler waits until the test releases it.
struct Gate {
    entered: Signal,
    release: Signal,
    left: Signal,
}

impl Gate {
    fn new() -> (Arc<Gate>, Server) {
        let gate = Arc::new(Gate { entered: Signal::new(), release: Signal::new(), left: Signal::new() });
        let inside = Arc::clone(&gate);
        let wait = move |n: u64| {
            inside.entered.raise();
            inside.release.wait();
            inside.left.raise();
            n + 1
        };
        (gate, Server::new().service(Service::new("Gate").handler("Wait", wait)))
    }
}

/// Calls `Gate.Wait` from a new thread. The channel gets the outcome, and the time at which the call ended.
fn call_gate(end: &Arc<End>) -> chan::Receiver<(Option<u64>, Instant)> {
    let (done, result) = chan::unbounded();
    let end = Arc::clone(end);
    thread::spawn(move || {
        let reply = end.call("Gate.Wait", &1u64);
        // If the test has already ended, this send fails, and that is no fault.
        let _ = done.send((reply, Instant::now()));
    });
    result
}

/// Sends `n` requests. Collects the outcomes, and for each outcome the time that it took.
fn send_all(end: &End, method: &'static str, n: u64) -> Vec<(Option<u64>, Duration)> {
    let (done, results) = chan::unbounded();
    for i in 0..n {
        let done = done.clone();
        let start = Instant::now();
        end.send(method, &i, move |reply: Option<u64>| {
            if let Some(reply) = reply {
                assert_eq!(reply, i + 1, "each reply belongs to its request");
            }
            done.send((reply, start.elapsed())).expect("the test collects all results");
        });
    }
    (0..n).map(|_| results.recv().expect("every send has an outcome")).collect()
}

/// Executes `body` in a separate run. This run must fail. Returns the failure.
fn failing(body: impl Fn() + Send + Sync + 'static) -> Failure {
    let run = Run { quiet: true, limit: Duration::from_secs(60), ..Run::default() };
    run.once(1, body).failure.expect("the run should have failed")
}

// ---- long chains of messages ----------------------------------------------------------------------

/// So many nested calls would fill any stack.
const CHAIN: u64 = 100_000;

/// Sends a number. The `on_reply` sends the next one, until the end of the chain.
fn send_again_and_again(end: &Arc<End>, n: u64, done: Signal) {
    let again = Arc::clone(end);
    end.send("T.Inc", &n, move |reply: Option<u64>| match reply.expect("the network is reliable") {
        CHAIN => done.raise(),
        n => send_again_and_again(&again, n, done),
    });
}

#[test]
fn an_on_reply_that_sends_the_next_request_does_not_fill_the_stack() {
    run(|| {
        let (_net, end) = inc_net();
        let done = Signal::new();
        send_again_and_again(&Arc::new(end), 0, done.clone());
        done.wait();
    });
}

#[test]
fn two_handlers_that_send_to_each_other_do_not_fill_the_stack() {
    run(|| {
        let net = Network::new();
        let done = Signal::new();
        let names = ["a", "b"];
        for (name, other) in [(names[0], names[1]), (names[1], names[0])] {
            let (end, done) = (joined(&net, other), done.clone());
            let ball = move |n: u64| match n {
                CHAIN => done.raise(),
                n => end.send("T.Ball", &(n + 1), |_: Option<()>| {}),
            };
            net.add_server(
                name,
                Server::new().cost(Cost::Free).service(Service::new("T").inline("Ball", ball)),
            );
        }
        joined(&net, names[0]).send("T.Ball", &0u64, |_: Option<()>| {});
        done.wait();
    });
}

#[test]
fn a_short_chain_of_messages_stays_on_the_thread_of_its_sender() {
    run(|| {
        let (_net, end) = inc_net();
        let done = Signal::new();
        send_again_and_again(&Arc::new(end), CHAIN - 10, done.clone());
        assert!(done.is_raised(), "nothing has delayed the messages");
    });
}

// ---- faults, one by one -------------------------------------------------------------------------

#[test]
fn a_dropped_reply_counts_at_the_server_but_not_in_bytes() {
    run(|| {
        const N: u64 = 400;
        let (net, end) = inc_net();
        net.reliable(false);
        assert!(!net.is_reliable());
        // Each number in a message takes one byte.
        let (done, results) = chan::unbounded();
        for _ in 0..N {
            let done = done.clone();
            end.send("T.Inc", &1u64, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        }
        let ok =
            (0..N).filter(|_| results.recv().expect("every send has an outcome").is_some()).count() as u64;
        let handled = net.count("s");
        assert_eq!(net.total_count(), N, "lost requests also count");
        assert!(handled < N, "no request was lost");
        assert!(ok < handled, "no reply was lost");
        assert_eq!(net.total_bytes(), N + ok, "lost requests add bytes, lost replies add none");
    });
}

#[test]
fn an_unreliable_network_loses_a_tenth_each_way() {
    run(|| {
        // The limits are six standard deviations away from the expected value.
        const N: u64 = 2000;
        let (net, end) = inc_net();
        net.reliable(false);
        let results = send_all(&end, "T.Inc", N);
        let handled = net.count("s");
        let ok = results.iter().filter(|(reply, _)| reply.is_some()).count() as u64;
        assert!((1720..=1880).contains(&handled), "{handled} of {N} requests passed, expected about 1800");
        let share = ok as f64 / handled as f64;
        assert!((0.857..=0.943).contains(&share), "{share:.3} of the replies passed, expected about 0.9");
        if labrt::is_sim() {
            let longest = results.iter().map(|(_, took)| *took).max().expect("there is at least one result");
            assert!(
                longest >= 26 * MS && longest <= 26 * MS + LATE,
                "requests are delayed by 0..26 ms: {longest:?}"
            );
        }
    });
}

#[test]
fn long_reordering_holds_two_of_three_replies() {
    run(|| {
        const N: u64 = 600;
        let (net, end) = inc_net();
        net.long_reordering(true);
        let (done, results) = chan::unbounded();
        let mut held = 0;
        for i in 0..N {
            let (done, is_over) = (done.clone(), Arc::new(AtomicBool::new(false)));
            let (start, out) = (Instant::now(), Arc::clone(&is_over));
            end.send("T.Inc", &i, move |reply: Option<u64>| {
                out.store(true, SeqCst);
                done.send((reply, start.elapsed())).expect("a receiver waits");
            });
            if is_over.load(SeqCst) {
                results.recv().expect("every send has an outcome");
            } else {
                held += 1;
            }
        }
        let held: Vec<_> = (0..held).map(|_| results.recv().expect("held replies are delivered")).collect();
        assert!(held.iter().all(|(reply, _)| reply.is_some()), "held replies are not lost");
        let held: Vec<Duration> = held.into_iter().map(|(_, took)| took).collect();
        assert_eq!(net.total_count(), N);
        // For 600 draws with p = 2/3, six standard deviations are 70.
        assert!(
            (330..=470).contains(&held.len()),
            "{} of {N} replies were held, expected about 400",
            held.len()
        );
        let shortest = *held.iter().min().expect("some replies are held");
        assert!(shortest >= 200 * MS, "a reply was held for only {shortest:?}");
        if labrt::is_sim() {
            let longest = *held.iter().max().expect("some replies are held");
            assert!((1500 * MS..=2199 * MS + LATE).contains(&longest), "the longest hold is {longest:?}");
            let mean = held.iter().sum::<Duration>() / held.len() as u32;
            assert!((600 * MS..=800 * MS).contains(&mean), "short holds are more likely: mean {mean:?}");
        }
    });
}

#[test]
fn the_reply_bytes_of_a_held_reply_count_at_delivery() {
    run(|| {
        let (net, end) = inc_net();
        net.long_reordering(true);
        // Send requests until a reply is held back. When this happens, the bytes of this reply are not
        // counted yet.
        let (done, results) = chan::unbounded();
        let mut sent = 0;
        while results.len() as u64 == sent {
            let done = done.clone();
            end.send("T.Inc", &1u64, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
            sent += 1;
            assert!(sent < 1000, "no reply was held");
        }
        assert_eq!(net.total_bytes(), sent + (sent - 1));
        assert_eq!((0..sent).filter(|_| results.recv() == Ok(Some(2))).count() as u64, sent);
        assert_eq!(net.total_bytes(), 2 * sent);
    });
}

#[test]
fn a_call_that_reaches_nobody_fails_within_100_ms() {
    run(|| {
        const N: u64 = 300;
        let (net, end) = inc_net();
        net.enable(&end, false);
        let results = send_all(&end, "T.Inc", N);
        assert!(results.iter().all(|(reply, _)| reply.is_none()));
        assert_eq!((net.total_count(), net.total_bytes(), net.count("s")), (N, results_args(N), 0));
        let longest = results.iter().map(|(_, took)| *took).max().expect("there is at least one result");
        assert!(longest >= 80 * MS, "all failed within {longest:?}");
        if labrt::is_sim() {
            assert!(longest <= 99 * MS + LATE, "{longest:?}");
        }
    });
}

/// Returns the number of bytes that the numbers `0..n` take as arguments.
fn results_args(n: u64) -> u64 {
    (0..n).map(|i| labgob::encode(&i).len() as u64).sum()
}

#[test]
fn under_long_delays_a_call_that_reaches_nobody_fails_within_7_s() {
    run(|| {
        const N: u64 = 1000;
        let net = Network::new();
        net.long_delays(true);
        assert!(net.is_long_delays());
        let end = joined(&net, "nobody");
        if labrt::is_sim() {
            let results = send_all(&end, "T.Inc", N);
            let longest = results.iter().map(|(_, took)| *took).max().expect("there is at least one result");
            assert!((6900 * MS..=6999 * MS + LATE).contains(&longest), "{longest:?}");
            let mean = results.iter().map(|(_, took)| *took).sum::<Duration>() / N as u32;
            assert!((3100 * MS..=3900 * MS).contains(&mean), "{mean:?}");
            return;
        }
        // In real time the test does not wait for seven seconds. It only checks that most of the calls take
        // longer than without long delays.
        let failed = Arc::new(AtomicU64::new(0));
        for i in 0..N {
            let failed = Arc::clone(&failed);
            end.send("T.Inc", &i, move |reply: Option<u64>| {
                assert_eq!(reply, None);
                failed.fetch_add(1, SeqCst);
            });
        }
        time::sleep(150 * MS);
        let early = failed.load(SeqCst);
        assert!(early < N / 2, "{early} of {N} have failed already");
    });
}

#[test]
fn one_way_requests_lost() {
    run(|| {
        let (net, end) = inc_net();
        net.set_link(&end, Link::RequestsLost);
        assert_eq!(inc(&end, 1), None);
        assert_eq!((net.count("s"), net.total_count(), net.total_bytes()), (0, 1, 1));
        net.set_link(&end, Link::Both);
        assert_eq!(inc(&end, 1), Some(2));
    });
}

#[test]
fn one_way_replies_lost() {
    run(|| {
        const N: u64 = 100;
        let (net, end) = inc_net();
        net.set_link(&end, Link::RepliesLost);
        let results = send_all(&end, "T.Inc", N);
        assert!(results.iter().all(|(reply, _)| reply.is_none()));
        assert_eq!(net.count("s"), N, "the handlers run");
        assert_eq!(net.total_bytes(), results_args(N), "no reply is delivered");
        // The sender does not get the failure at once, but after up to 99 ms, as if there were no server.
        let mean = results.iter().map(|(_, took)| *took).sum::<Duration>() / N as u32;
        assert!(mean >= 25 * MS, "{mean:?}");
        net.set_link(&end, Link::Both);
        assert_eq!(inc(&end, 1), Some(2));
    });
}

/// Makes a network whose messages have these fates. The number beside a fate is the message's number on its
/// end. The tests do not know the number of the end, so the fates hold for the first ten ends.
fn inc_net_with(fates: &[(u64, Fate)]) -> (Network, End) {
    let of_ends = fates.iter().flat_map(|&(nth, fate)| (0..10).map(move |end| ((end, nth), fate)));
    let net = Network::with_fates(of_ends);
    net.add_server("s", inc_server());
    let end = joined(&net, "s");
    (net, end)
}

/// The fates of three messages are chosen. The other messages are not affected.
#[test]
fn messages_have_a_chosen_fate() {
    run(|| {
        let late = Fate::Late(300 * MS);
        let (net, end) = inc_net_with(&[(2, Fate::RequestLost), (4, Fate::ReplyLost), (6, late)]);
        assert_eq!((inc(&end, 1), inc(&end, 1), inc(&end, 1)), (Some(2), None, Some(2)));
        assert_eq!(net.count("s"), 2, "the handler has not run for the lost request");
        assert_eq!((inc(&end, 1), inc(&end, 1)), (None, Some(2)));
        assert_eq!(net.count("s"), 4, "the handler has run");
        let start = Instant::now();
        assert_eq!(inc(&end, 1), Some(2));
        assert!(start.elapsed() >= 300 * MS, "{:?}", start.elapsed());
    });
}

/// On a network that loses each request and each reply, the chosen message is delivered.
#[test]
fn a_message_can_be_saved() {
    run(|| {
        let (net, end) = inc_net_with(&[(2, Fate::Delivered)]);
        net.set_options(NetworkOptions {
            lost_requests: Some(1000),
            lost_replies: Some(1000),
            ..NetworkOptions::default()
        });
        assert_eq!((inc(&end, 1), inc(&end, 1), inc(&end, 1)), (None, Some(2), None));
    });
}

/// In virtual time a chosen fate changes nothing before its message.
#[cfg(feature = "sim")]
#[test]
fn a_chosen_fate_does_not_change_the_schedule() {
    let trace = |fates: &'static [(u64, Fate)]| {
        let outcome = Run { seed: 5, ..Run::default() }.once(5, move || {
            let (_net, end) = inc_net_with(fates);
            let end = Arc::new(end);
            let client = |_| {
                let end = Arc::clone(&end);
                thread::spawn(move || {
                    for _ in 0..5 {
                        inc(&end, 1);
                    }
                })
            };
            let clients: Vec<_> = (0..3).map(client).collect();
            clients.into_iter().for_each(|client| client.join().expect("the client has not failed"));
        });
        outcome.trace
    };
    assert_eq!(trace(&[]), trace(&[(1000, Fate::RequestLost)]), "no message has this number");
    assert_ne!(trace(&[]), trace(&[(9, Fate::RequestLost)]));
}

#[test]
fn held_requests_go_to_the_server_of_that_time() {
    run(|| {
        let (net, end) = inc_net();
        let (tx, rx) = chan::unbounded();
        let send = |n: u64| {
            let tx = tx.clone();
            end.send("T.Inc", &n, move |reply: Option<u64>| tx.send((n, reply)).expect("the test waits"));
        };
        net.set_link(&end, Link::RequestsHeld);
        send(1);
        send(2);
        net.set_link(&end, Link::Both);
        send(3);
        assert_eq!(rx.recv(), Ok((3, Some(4))));
        time::sleep(500 * MS);
        assert_eq!((net.count("s"), rx.len()), (1, 0), "two requests are held");

        net.add_server("s", inc_server());
        net.release(&end);
        assert_eq!([rx.recv(), rx.recv()], [Ok((1, Some(2))), Ok((2, Some(3)))]);
        assert_eq!(net.count("s"), 2, "the new server has got them");
        net.release(&end);
        assert_eq!(net.count("s"), 2, "nothing is left");
    });
}

#[test]
fn held_replies_come_after_later_ones() {
    run(|| {
        let (net, end) = inc_net();
        let (tx, rx) = chan::unbounded();
        let later = tx.clone();
        net.set_link(&end, Link::RepliesHeld);
        end.send("T.Inc", &1_u64, move |reply: Option<u64>| tx.send(reply).expect("the test waits"));
        time::sleep(500 * MS);
        assert_eq!((net.count("s"), rx.len()), (1, 0), "the handler has run, and the reply is held");
        net.set_link(&end, Link::Both);
        end.send("T.Inc", &5_u64, move |reply: Option<u64>| later.send(reply).expect("the test waits"));
        assert_eq!(rx.recv(), Ok(Some(6)));
        net.delete_server("s");
        net.release(&end);
        assert_eq!(rx.recv(), Ok(Some(2)), "the reply had left the server");
    });
}

#[test]
fn a_reply_can_leave_in_the_moment_of_a_crash() {
    run(|| {
        for leaves in [false, true] {
            let net = Network::new();
            let owner = NodeId::first(1);
            net.add_server(
                "s",
                Server::new().service(Service::new("T").inline("Inc", |n: u64| n + 1).node(owner)),
            );
            let end = net.make_end(NodeId::first(0), "s");
            net.enable(&end, true);
            let seen = Arc::new(Mutex::new(Vec::new()));
            let (log, weak) = (Arc::clone(&seen), net.clone());
            let replied = MessageEvent::Replied { to: NodeId::first(0) };
            let hook = move |node: NodeId, event| {
                log.lock().push((node.index, event));
                if event == replied {
                    weak.delete_server("s");
                }
                leaves
            };
            net.on_message(Some(Arc::new(hook)));
            let _sender = node::enter(NodeId::first(0));
            assert_eq!(end.call("T.Inc", &1_u64), leaves.then_some(2_u64));
            net.on_message(None);
            assert_eq!(end.call("T.Inc", &1_u64), None::<u64>, "the server is gone");
            assert_eq!(seen.lock().last(), Some(&(1, replied)));
            assert_eq!(seen.lock().len(), 2, "a request and a reply");
        }
    });
}

#[test]
fn one_end_can_be_slow() {
    run(|| {
        let (net, slow) = inc_net();
        let fast = joined(&net, "s");
        net.set_latency(&slow, Some(30 * MS..=40 * MS));
        let took = |end: &End| {
            let start = Instant::now();
            assert_eq!(inc(end, 1), Some(2));
            start.elapsed()
        };
        assert!(took(&slow) >= 60 * MS, "30 ms for the request, and 30 ms for the reply");
        if labrt::is_sim() {
            assert!(took(&fast) < LATE);
        }
        net.set_latency(&slow, None);
        if labrt::is_sim() {
            assert!(took(&slow) < LATE);
        }
    });
}

// ---- options ------------------------------------------------------------------------------------

/// Makes a network with these options and the server "s", and an enabled end that is connected to this
/// server.
fn net_with(options: NetworkOptions) -> (Network, End) {
    let (net, end) = inc_net();
    net.set_options(options);
    (net, end)
}

#[test]
fn a_reliable_network_may_take_its_time() {
    run(|| {
        let (_net, end) = net_with(NetworkOptions { latency: 5 * MS..=20 * MS, ..NetworkOptions::default() });
        let results = send_all(&end, "T.Inc", 200);
        assert!(results.iter().all(|(reply, _)| reply.is_some()), "no message is lost");
        let took: Vec<Duration> = results.iter().map(|(_, took)| *took).collect();
        assert!(took.iter().all(|took| *took >= 10 * MS), "request and reply take time: {took:?}");
        if labrt::is_sim() {
            assert!(took.iter().all(|took| *took <= 40 * MS + LATE), "{took:?}");
            let mean = took.iter().sum::<Duration>() / took.len() as u32;
            assert!((23 * MS..=27 * MS).contains(&mean), "{mean:?}");
        }
    });
}

#[test]
fn loss_has_a_direction() {
    run(|| {
        // The limits are six standard deviations away from the expected value.
        const N: u64 = 1000;
        let lost = |of_1000| Some(of_1000);
        let (net, end) = net_with(NetworkOptions { lost_requests: lost(300), ..NetworkOptions::default() });
        let ok = send_all(&end, "T.Inc", N).iter().filter(|(reply, _)| reply.is_some()).count() as u64;
        assert_eq!(ok, net.count("s"), "each request that arrives has its reply");
        assert!((610..=790).contains(&ok), "{ok} of {N} requests passed, expected about 700");

        let (net, end) = net_with(NetworkOptions { lost_replies: lost(300), ..NetworkOptions::default() });
        let ok = send_all(&end, "T.Inc", N).iter().filter(|(reply, _)| reply.is_some()).count() as u64;
        assert_eq!(net.count("s"), N, "all requests arrive");
        assert!((610..=790).contains(&ok), "{ok} of {N} replies passed, expected about 700");

        // These options replace the losses of an unreliable network.
        let none =
            NetworkOptions { lost_requests: lost(0), lost_replies: lost(0), ..NetworkOptions::default() };
        let (net, end) = net_with(none);
        net.reliable(false);
        assert!(send_all(&end, "T.Inc", 100).iter().all(|(reply, _)| reply.is_some()));
    });
}

#[test]
fn requests_may_be_held_back() {
    run(|| {
        const N: u64 = 300;
        let (net, end) = net_with(NetworkOptions { reorder_requests: true, ..NetworkOptions::default() });
        let (arrived, order) = chan::unbounded();
        let service = Service::new("Order")
            .inline("Add", move |n: u64| arrived.send((n, Instant::now())).expect("a receiver waits"));
        net.add_server("s", Server::new().cost(Cost::Free).service(service));
        let start = Instant::now();
        for n in 0..N {
            end.send("Order.Add", &n, forget::<()>);
        }
        let order: Vec<(u64, Instant)> = (0..N).map(|_| order.recv().expect("no request is lost")).collect();
        let held = order.iter().filter(|(_, at)| *at - start >= 200 * MS).count();
        // For 300 draws with p = 2/3, six standard deviations are 49.
        assert!((151..=249).contains(&held), "{held} of {N} requests were held, expected about 200");
        assert!(!order.is_sorted_by_key(|(n, _)| *n), "some requests overtake others");
    });
}

#[test]
fn requests_may_arrive_twice() {
    run(|| {
        for method in ["T.Inc", "T.Pooled"] {
            const N: u64 = 500;
            let options = NetworkOptions { duplicated_requests: 300, ..NetworkOptions::default() };
            let (net, end) = net_with(options);
            let results = send_all(&end, method, N);
            assert!(results.iter().all(|(reply, _)| reply.is_some()), "each call has exactly one outcome");
            let due = Instant::now() + Duration::from_secs(5);
            while net.count("s") < N + 88 && Instant::now() < due {
                time::sleep(5 * MS);
            }
            time::sleep(30 * MS);
            // For 500 draws with p = 0.3, six standard deviations are 62.
            let twice = net.count("s") - N;
            assert!((88..=212).contains(&twice), "{twice} of {N} came twice, expected about 150");
            assert_eq!(net.total_count(), N, "a duplicate does not count as a message");
        }
    });
}

/// If a request arrives twice, the reply to the second arrival is dropped, even if it comes before the other
/// reply. If the responder of the second arrival is dropped, no call fails.
#[test]
fn the_reply_to_a_duplicate_reaches_nobody() {
    run(|| {
        let (net, end) = net_with(NetworkOptions { duplicated_requests: 1000, ..NetworkOptions::default() });
        let (server, asked) = later_server();
        net.add_server("s", server);
        let (done, result) = chan::unbounded();
        end.send("Later.Ask", &7u64, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        let (_, first) = asked.recv().expect("the request arrives");
        let (_, second) = asked.recv().expect("the request arrives twice");
        second.reply(2);
        time::sleep(5 * MS);
        assert!(result.is_empty(), "the call waits for the reply to the first request");
        first.reply(1);
        assert_eq!(result.recv(), Ok(Some(1)));

        end.send("Later.Ask", &7u64, |_: Option<u64>| {});
        let (_, kept) = asked.recv().expect("the request arrives");
        drop(asked.recv().expect("the request arrives twice"));
        time::sleep(5 * MS);
        kept.reply(3);
    });
}

/// With `duplicate_delay` a copy arrives late. If the server was replaced in the meantime, the copy reaches
/// the new server. If there is no server, the copy is lost.
#[test]
fn a_late_copy_reaches_the_present_server() {
    run(|| {
        let late = Some(1000 * MS..=2000 * MS);
        let options =
            NetworkOptions { duplicated_requests: 1000, duplicate_delay: late, ..NetworkOptions::default() };
        let (net, end) = net_with(options);
        let (first, asked_first) = later_server();
        net.add_server("s", first);
        end.send("Later.Ask", &7u64, |_: Option<u64>| {});
        let (_, request) = asked_first.recv().expect("the request arrives");
        request.reply(1);
        let (second, asked_second) = later_server();
        net.add_server("s", second);
        time::sleep(990 * MS);
        assert!(asked_second.is_empty(), "the copy arrives after a second or later");
        let (copy, request) = asked_second.recv().expect("the copy arrives");
        assert_eq!(copy, 7);
        drop(request);

        end.send("Later.Ask", &8u64, |_: Option<u64>| {});
        let (_, request) = asked_second.recv().expect("the request arrives");
        request.reply(1);
        net.delete_server("s");
        time::sleep(2100 * MS);
        assert!(asked_first.is_empty() && asked_second.is_empty(), "without a server the copy is lost");
    });
}

/// What happens to the n-th message of an end depends only on the seed, the end and n. So options that add
/// other faults do not change which messages are lost. Default options do not change this either. The test
/// uses several options together.
#[test]
fn options_move_no_other_dice() {
    let fates = |set: fn(&Network)| {
        let fates = Arc::new(Mutex::new(Vec::new()));
        let out = Arc::clone(&fates);
        let outcome = Run::default().once(5, move || {
            let (net, end) = inc_net();
            net.reliable(false);
            set(&net);
            *out.lock() = send_all_in_order(&end, 100);
        });
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        Arc::into_inner(fates).map(Mutex::into_inner).expect("the run has ended")
    };
    let plain = fates(|_| ());
    assert!(plain.contains(&true) && plain.contains(&false));
    assert_eq!(plain, fates(|net| net.set_options(NetworkOptions::default())));
    let all = fates(|net| {
        net.set_options(NetworkOptions {
            latency: MS..=9 * MS,
            reorder_requests: true,
            duplicated_requests: 500,
            ..NetworkOptions::default()
        });
    });
    assert_eq!(plain, all, "the same messages are lost");
}

/// Sends `n` messages on an end. For each message, returns whether there was a reply.
fn send_all_in_order(end: &End, n: u64) -> Vec<bool> {
    let (done, results) = chan::unbounded();
    for i in 0..n {
        let done = done.clone();
        end.send("T.Inc", &i, move |reply: Option<u64>| {
            done.send((i, reply.is_some())).expect("a receiver waits");
        });
    }
    let mut all: Vec<(u64, bool)> =
        (0..n).map(|_| results.recv().expect("every send has an outcome")).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, ok)| ok).collect()
}

#[test]
fn options_that_cannot_be_are_refused() {
    let refused =
        |options: NetworkOptions| failing(move || Network::new().set_options(options.clone())).message;
    let default = NetworkOptions::default;
    let message = refused(NetworkOptions { lost_replies: Some(1001), ..default() });
    assert!(message.contains("lost_replies is 1001 of 1000; expected a number from 0 to 1000"), "{message}");
    let message = refused(NetworkOptions { duplicated_requests: 2000, ..default() });
    assert!(message.contains("duplicated_requests is 2000"), "{message}");
    for latency in [2 * MS..=MS, MS..=Duration::from_secs(7200)] {
        let message = refused(NetworkOptions { latency, ..default() });
        assert!(message.contains("latency is ") && message.contains("expected the least first"), "{message}");
        assert!(message.contains("(at labrpc/tests/behaviour.rs:"), "{message}");
    }
    let message = refused(NetworkOptions { duplicate_delay: Some(2 * MS..=MS), ..default() });
    assert!(message.contains("duplicate_delay is 2ms..=1ms"), "{message}");
}

#[test]
fn the_fate_of_a_message_does_not_depend_on_other_ends() {
    /// Sends 100 messages on one end. For each message, returns whether it succeeds. Between two of these
    /// messages, another end sends `others` messages.
    fn fates(others: u64) -> Vec<bool> {
        let fates = Arc::new(Mutex::new(Vec::new()));
        let out = Arc::clone(&fates);
        let body = move || {
            let (net, end) = inc_net();
            net.reliable(false);
            let other = joined(&net, "s");
            let (done, results) = chan::unbounded();
            for i in 0..100u64 {
                for _ in 0..others {
                    other.send("T.Inc", &0u64, |_: Option<u64>| {});
                }
                let done = done.clone();
                end.send("T.Inc", &i, move |reply: Option<u64>| {
                    done.send((i, reply.is_some())).expect("a receiver waits");
                });
            }
            let mut all: Vec<(u64, bool)> =
                (0..100).map(|_| results.recv().expect("every send has an outcome")).collect();
            all.sort_unstable();
            *out.lock() = all.into_iter().map(|(_, ok)| ok).collect();
        };
        let outcome = Run::default().once(5, body);
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        Arc::into_inner(fates).map(Mutex::into_inner).expect("the run has ended")
    }
    let alone = fates(0);
    assert!(alone.contains(&true) && alone.contains(&false));
    assert_eq!(alone, fates(3));
}

// ---- servers and ends come and go ---------------------------------------------------------------

#[test]
fn disabling_an_end_while_the_handler_runs_fails_the_call_at_once() {
    run(|| {
        let (gate, server) = Gate::new();
        let net = Network::new();
        net.add_server("s", server);
        let end = Arc::new(joined(&net, "s"));
        let result = call_gate(&end);
        gate.entered.wait();
        net.enable(&*end, false);
        let disabled = Instant::now();
        let (reply, at) = result.recv().expect("the call ends");
        assert_eq!(reply, None);
        // The network must react to the change at once. (The course's network checks only every 100 ms.) The
        // handler itself still waits.
        let most = if labrt::is_sim() { MS } else { 1000 * MS };
        assert!(at.saturating_duration_since(disabled) < most);
        // The handler is not interrupted.
        gate.release.raise();
        gate.left.wait();
    });
}

#[test]
fn replacing_a_server_while_its_handler_runs_fails_the_call() {
    run(|| {
        let (gate, server) = Gate::new();
        let (_, successor) = Gate::new();
        let net = Network::new();
        net.add_server("s", server.clone());
        let end = Arc::new(joined(&net, "s"));
        let result = call_gate(&end);
        gate.entered.wait();
        net.add_server("s", successor);
        assert_eq!(result.recv().expect("the call ends").0, None);
        gate.release.raise();
        gate.left.wait();
        assert_eq!((server.count(), net.count("s")), (1, 0), "the new server has a count of its own");
    });
}

#[test]
fn adding_the_same_server_object_again_changes_nothing() {
    run(|| {
        let (gate, server) = Gate::new();
        let net = Network::new();
        net.add_server("s", server.clone());
        let end = Arc::new(joined(&net, "s"));
        let result = call_gate(&end);
        gate.entered.wait();
        net.add_server("s", server);
        gate.release.raise();
        assert_eq!(result.recv().expect("the call ends").0, Some(2));
    });
}

#[test]
fn a_blocked_handler_leaves_no_call_hanging() {
    run(|| {
        const N: u64 = 10;
        let net = Network::new();
        let slow = Service::new("Slow").handler("Nap", |n: u64| {
            time::sleep(Duration::from_secs(20));
            n
        });
        let server = Server::new().service(slow);
        net.add_server("s", server.clone());
        let end = Arc::new(joined(&net, "s"));
        let calls: Vec<_> = (0..N)
            .map(|i| {
                let end = Arc::clone(&end);
                thread::spawn(move || end.call::<u64, u64>("Slow.Nap", &i))
            })
            .collect();
        let (done, result) = chan::unbounded();
        end.send("Slow.Nap", &0u64, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        while server.count() < N + 1 {
            time::sleep(MS);
        }
        net.delete_server("s");
        let deleted = Instant::now();
        for call in calls {
            assert_eq!(call.join().expect("a panic fails the run"), None);
        }
        assert_eq!(result.recv(), Ok(None));
        assert!(deleted.elapsed() < Duration::from_secs(5), "the calls did not wait for the handlers");
        assert_eq!(net.count("s"), 0, "the server is deleted");
    });
}

#[test]
fn the_handler_runs_once_the_request_has_set_out() {
    run(|| {
        const N: u64 = 100;
        let net = Network::new();
        let server = inc_server();
        net.add_server("s", server.clone());
        net.reliable(false);
        let end = joined(&net, "s");
        let (done, results) = chan::unbounded();
        for i in 0..N {
            let done = done.clone();
            end.send("T.Inc", &i, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        }
        // At this moment, most requests have not reached the server yet.
        net.delete_server("s");
        let before = server.count();
        let replies: Vec<_> = (0..N).map(|_| results.recv().expect("every send has an outcome")).collect();
        assert!(server.count() > before, "delayed requests reach the old server");
        let replied = replies.iter().filter(|reply| reply.is_some()).count() as u64;
        assert!(replied <= before, "the replies of the old server are dropped");
    });
}

#[test]
fn a_server_that_is_deleted_and_added_counts_from_zero() {
    run(|| {
        let (net, end) = inc_net();
        assert_eq!(inc(&end, 1), Some(2));
        assert_eq!(net.count("s"), 1);
        net.delete_server("s");
        assert_eq!(inc(&end, 1), None);
        net.add_server("s", inc_server());
        assert_eq!(net.count("s"), 0);
        assert_eq!(inc(&end, 1), Some(2));
        assert_eq!((net.count("s"), net.total_count()), (1, 3));
    });
}

#[test]
fn a_deleted_end_reaches_nobody_and_its_name_is_free() {
    run(|| {
        let (gate, server) = Gate::new();
        let net = Network::new();
        net.add_server("s", server);
        let end = Arc::new(net.make_named_end("e"));
        net.connect("e", "s");
        net.enable("e", true);
        let result = call_gate(&end);
        gate.entered.wait();
        net.delete_end("e");
        assert_eq!(result.recv().expect("the call ends").0, None, "a call that waits fails");
        assert_eq!(end.call::<u64, u64>("Gate.Wait", &1), None);
        assert_eq!(net.total_count(), 2, "the request was sent, and reached no server");

        let again = net.make_named_end("e");
        drop(end);
        net.connect("e", "s");
        net.enable("e", true);
        gate.release.raise();
        assert_eq!(
            again.call("Gate.Wait", &1u64),
            Some(2u64),
            "the drop of the old handle has removed only its own name"
        );
        drop(again);
        let _third = net.make_named_end("e");
    });
}

#[test]
fn closing_the_ends_of_a_node_fails_what_they_wait_for_at_once() {
    run(|| {
        let (gate, server) = Gate::new();
        let net = Network::new();
        net.add_server("s", server);
        net.long_delays(true);
        let (dead, alive) = (NodeId::first(0), NodeId::first(1));
        let blocked = Arc::new(net.make_end(dead, "s"));
        let lost = net.make_end(dead, "nobody");
        let other = Arc::new(net.make_end(alive, "s"));
        for end in [&*blocked, &lost, &*other] {
            net.enable(end, true);
        }
        // One call waits for its handler. Many calls reach no server, and would wait up to 7 s. One more call
        // belongs to another node.
        let result = call_gate(&blocked);
        let other_result = call_gate(&other);
        gate.entered.wait();
        let (done, results) = chan::unbounded();
        for i in 0..100u64 {
            let done = done.clone();
            lost.send("Gate.Wait", &i, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        }
        let start = Instant::now();
        net.close_ends_of(dead);
        assert_eq!(result.recv().expect("the call ends").0, None);
        for _ in 0..100 {
            assert_eq!(results.recv(), Ok(None));
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());

        // Later calls fail at once and are not counted.
        let sent = net.total_count();
        assert_eq!(blocked.call::<u64, u64>("Gate.Wait", &1), None);
        let failed = Arc::new(AtomicBool::new(false));
        let out = Arc::clone(&failed);
        lost.send("Gate.Wait", &1u64, move |reply: Option<u64>| out.store(reply.is_none(), SeqCst));
        assert!(failed.load(SeqCst), "the callback ran on this thread, before send returned");
        assert_eq!(net.total_count(), sent);

        gate.release.raise();
        assert_eq!(
            other_result.recv().expect("the call ends").0,
            Some(2),
            "the ends of other nodes are not closed"
        );
        blocked.close();
        net.close_ends_of(dead);
    });
}

#[test]
fn closing_or_dropping_an_end_runs_no_code_of_the_sender() {
    run(|| {
        let net = Network::new();
        net.long_delays(true);
        let state = Arc::new(Mutex::new(0));
        let (done, results) = chan::unbounded();
        let send = |end: &End| {
            let (state, done) = (Arc::clone(&state), done.clone());
            end.send("T.Inc", &1u64, move |reply: Option<u64>| {
                *state.lock() += 1;
                done.send(reply).expect("a receiver waits");
            });
        };
        let (closed, dropped) = (joined(&net, "nobody"), joined(&net, "nobody"));
        send(&closed);
        send(&dropped);
        // A node may close and drop its ends under a lock, even if its callbacks need the same lock.
        let mut guard = state.lock();
        closed.close();
        drop(dropped);
        *guard += 10;
        drop(guard);
        assert_eq!([results.recv(), results.recv()], [Ok(None), Ok(None)]);
        assert_eq!(*state.lock(), 12);
    });
}

#[test]
fn names_are_texts_or_numbers() {
    run(|| {
        let net = Network::new();
        net.add_server("7", inc_server());
        let by_number = joined(&net, 7u64);
        let by_text = joined(&net, "7");
        assert_eq!(inc(&by_number, 1), None, "a text never equals a number");
        assert_eq!(inc(&by_text, 1), Some(2));
        assert_ne!(by_number.name(), by_text.name(), "new names are different");
        let _text = net.make_named_end("1");
        let _number = net.make_named_end(1usize);
    });
}

// ---- the end of a network -----------------------------------------------------------------------

#[test]
fn a_call_after_cleanup_fails_at_once_uncounted() {
    run(|| {
        let (net, end) = inc_net();
        net.long_delays(true);
        net.cleanup();
        net.cleanup();
        let start = Instant::now();
        net.enable(&end, false);
        for i in 0..100 {
            assert_eq!(inc(&end, i), None);
        }
        assert!(start.elapsed() < Duration::from_secs(1));
        assert_eq!((net.total_count(), net.total_bytes()), (0, 0));
    });
}

#[test]
fn a_call_under_way_at_cleanup_completes() {
    run(|| {
        let (gate, server) = Gate::new();
        let net = Network::new();
        net.add_server("s", server);
        net.long_reordering(true);
        let end = Arc::new(joined(&net, "s"));
        // There are twenty calls, so some of the replies are held back. The timer that holds them back starts
        // only after the clean-up.
        let results: Vec<_> = (0..20).map(|_| call_gate(&end)).collect();
        while net.count("s") < 20 {
            time::sleep(MS);
        }
        net.cleanup();
        gate.release.raise();
        for result in results {
            assert_eq!(result.recv().expect("the call ends").0, Some(2));
        }
        wait_for_timer_to_end();
    });
}

#[test]
fn the_last_handle_ends_what_is_under_way() {
    run(|| {
        let (gate, server) = Gate::new();
        let net = Network::new();
        net.add_server("s", server);
        net.long_delays(true);
        let end = Arc::new(joined(&net, "s"));
        let lost = joined(&net, "nobody");
        let result = call_gate(&end);
        gate.entered.wait();
        let (done, results) = chan::unbounded();
        for i in 0..50u64 {
            let done = done.clone();
            lost.send("Gate.Wait", &i, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        }
        let clone = net.clone();
        drop(net);
        assert!(clone.is_reliable(), "a clone keeps the network alive");
        drop(clone);
        assert_eq!(result.recv().expect("the call ends").0, None);
        for _ in 0..50 {
            assert_eq!(results.recv(), Ok(None));
        }
        assert_eq!(end.call::<u64, u64>("Gate.Wait", &1), None);
        lost.close();
        gate.release.raise();
        wait_for_timer_to_end();
    });
}

fn wait_for_timer_to_end() {
    let start = Instant::now();
    while thread::alive(NodeId::NONE).iter().any(|thread| thread.what.contains("labrpc-timer")) {
        assert!(start.elapsed() < Duration::from_secs(20), "the timer thread does not end");
        time::sleep(MS);
    }
}

#[test]
fn a_network_is_dropped_with_its_servers() {
    struct Peer {
        end: End,
        gone: Signal,
    }
    impl Peer {
        fn name(&self) -> String {
            self.end.name().to_string()
        }
    }
    impl Drop for Peer {
        fn drop(&mut self) {
            self.gone.raise();
        }
    }
    run(|| {
        // Like a Raft peer, the service of the server owns an end of the same network.
        let net = Network::new();
        let gone = Signal::new();
        let peer = Peer { end: net.make_end(NodeId::first(0), "s"), gone: gone.clone() };
        let service = Service::new("Keeper").inline("Name", move |(): ()| peer.name());
        net.add_server("s", Server::new().service(service));
        let end = joined(&net, "s");
        assert!(end.call::<(), String>("Keeper.Name", &()).is_some());
        drop(net);
        assert!(gone.is_raised(), "no reference cycle keeps the server alive");
    });
}

// ---- threads and nodes --------------------------------------------------------------------------

#[test]
fn a_delayed_send_holds_no_thread() {
    run(|| {
        let net = Network::new();
        net.long_delays(true);
        let end = joined(&net, "nobody");
        let start = Instant::now();
        for i in 0..1000u64 {
            end.send("T.Inc", &i, |_: Option<u64>| {});
        }
        let threads = thread::alive(NodeId::NONE);
        assert!(threads.len() <= 2, "only the body and the timer may run, but there are: {threads:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "send does not wait");
    });
}

#[test]
fn an_immediate_outcome_comes_before_send_returns() {
    run(|| {
        let (_net, end) = inc_net();
        let reply = Arc::new(Mutex::new(None));
        let out = Arc::clone(&reply);
        end.send("T.Inc", &1u64, move |reply: Option<u64>| *out.lock() = Some(reply));
        assert_eq!(*reply.lock(), Some(Some(2)));
        assert!(thread::alive(NodeId::NONE).len() <= 1, "no thread was needed");
    });
}

#[test]
fn each_piece_of_code_runs_as_its_own_node() {
    run(|| {
        let (callee, caller) = (NodeId::first(1), NodeId::first(2));
        let seen = move |_: ()| {
            let owned = thread::alive(caller);
            assert!(owned.is_empty(), "the network's threads are not the caller's: {owned:?}");
            node::current().to_string()
        };
        let later = |_: (), responder: Responder<String>| {
            let name = node::current().to_string();
            thread::spawn(move || responder.reply(name));
        };
        let service = Service::new("Who").node(callee);
        let service = service.inline("Inline", seen).handler("Pooled", seen).deferred("Deferred", later);
        let net = Network::new();
        net.add_server("s", Server::new().cost(Cost::Free).service(service));
        let end = net.make_end(caller, "s");
        net.enable(&end, true);

        let _caller = node::enter(caller);
        for reliable in [true, false] {
            net.reliable(reliable);
            for method in ["Who.Inline", "Who.Pooled", "Who.Deferred"] {
                let (done, result) = chan::unbounded();
                loop {
                    let done = done.clone();
                    end.send(method, &(), move |reply: Option<String>| {
                        done.send((reply, node::current())).expect("a receiver waits");
                    });
                    let (reply, on_reply_ran_as) = result.recv().expect("every send has an outcome");
                    assert_eq!(on_reply_ran_as, caller, "{method}");
                    if let Some(ran_as) = reply {
                        assert_eq!(ran_as, callee.to_string(), "{method}");
                        break;
                    }
                }
                assert_eq!(node::current(), caller, "the caller's node is current again");
            }
        }
        let owned = thread::alive(caller);
        assert!(owned.is_empty(), "the network's threads are not the caller's: {owned:?}");
    });
}

#[test]
fn a_panic_in_a_handler_is_charged_to_the_callee() {
    type Make = fn(Service) -> Service;
    let kinds: [(&str, Make); 3] = [
        ("inline", |s| s.inline("M", |_: u64| -> u64 { panic!("handler trouble") })),
        ("pooled", |s| s.handler("M", |_: u64| -> u64 { panic!("handler trouble") })),
        ("deferred", |s| s.deferred("M", |_: u64, _: Responder<u64>| panic!("handler trouble"))),
    ];
    for (kind, make) in kinds {
        let failure = failing(move || {
            let net = Network::new();
            let callee = NodeId::first(2);
            net.add_server("s", Server::new().service(make(Service::new("Bad").node(callee))));
            let _caller = node::enter(NodeId::first(1));
            let end = net.make_end(NodeId::first(1), "s");
            net.enable(&end, true);
            end.call::<u64, u64>("Bad.M", &1);
        });
        assert!(failure.message.contains("handler trouble"), "{kind}: {failure:?}");
        assert!(failure.thread.contains("S2"), "{kind}: the callee is S2: {failure:?}");
    }
}

#[test]
fn outside_a_run_a_panic_in_a_handler_fails_the_call() {
    // In virtual time, labrpc cannot be used outside a run, so there is nothing to test.
    if labrt::is_sim() {
        return;
    }
    let net = Network::new();
    let bad =
        Service::new("Bad").handler("M", |_: u64| -> u64 { panic!("trouble that is part of this test") });
    net.add_server("s", Server::new().service(bad));
    let end = joined(&net, "s");
    assert_eq!(end.call::<u64, u64>("Bad.M", &1), None);
}

#[test]
fn a_call_under_a_lock_is_reported() {
    for sends in [false, true] {
        let failure = failing(move || {
            let (_net, end) = inc_net();
            let lock = Mutex::new(());
            let _held = lock.lock();
            if sends {
                end.send("T.Inc", &1u64, |_: Option<u64>| {});
            } else {
                inc(&end, 1);
            }
        });
        assert!(failure.message.contains("T.Inc at labrpc/tests/behaviour.rs:"), "{failure:?}");
        assert!(!failure.message.contains("/src/"), "a place in labrpc or labrt: {failure:?}");
    }
}

/// If a run hangs, its report shows the place of the call, and not a place inside the network.
#[test]
fn a_call_that_hangs_is_named_by_its_place() {
    let run = Run { quiet: true, limit: Duration::from_secs(1), ..Run::default() };
    let outcome = run.once(1, || {
        let net = Network::new();
        let (_gate, server) = Gate::new();
        net.add_server("s", server);
        let end = Arc::new(joined(&net, "s"));
        let (one, other, third) = (Arc::clone(&end), Arc::clone(&end), Arc::clone(&end));
        let ages = Duration::from_secs(5000);
        thread::spawn_named("calls", move || forget(one.call::<u64, u64>("Gate.Wait", &1)));
        thread::spawn_named("has-patience", move || {
            forget(other.call_within::<u64, u64>(ages, "Gate.Wait", &1))
        });
        thread::spawn_named("has-an-id", move || {
            forget(third.call_as::<u64, u64>(trace::next_id(), "Gate.Wait", &1))
        });
        time::sleep(ages);
    });
    let message = outcome.failure.expect("the run reaches its time limit").message;
    for thread in ["calls: in ", "has-patience: in ", "has-an-id: in "] {
        let line = message
            .lines()
            .find(|line| line.contains(thread))
            .expect("the report has a line for each thread");
        assert!(line.contains(" at labrpc/tests/behaviour.rs:"), "{message}");
    }
}

// ---- deferred replies ---------------------------------------------------------------------------

/// Makes a server whose only handler, `Later.Ask`, gives its responders to the test.
fn later_server() -> (Server, chan::Receiver<(u64, Responder<u64>)>) {
    let (keep, kept) = chan::unbounded();
    let ask = move |n: u64, responder: Responder<u64>| {
        // If the test has already ended, this send fails, and that is no fault.
        let _ = keep.send((n, responder));
    };
    (Server::new().cost(Cost::Free).service(Service::new("Later").deferred("Ask", ask)), kept)
}

#[test]
fn a_deferred_reply_comes_from_another_thread() {
    run(|| {
        let (server, responders) = later_server();
        let net = Network::new();
        net.add_server("s", server);
        let end = Arc::new(joined(&net, "s"));
        let calls: Vec<_> = (0..3u64)
            .map(|i| {
                let end = Arc::clone(&end);
                thread::spawn(move || (i, end.call::<u64, u64>("Later.Ask", &i)))
            })
            .collect();
        // The replies do not come in the order of the requests, but each caller gets the reply to its own
        // request. The thread that replies may hold a lock.
        let mut waiting: Vec<_> = (0..3).map(|_| responders.recv().expect("three requests arrive")).collect();
        waiting.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let lock = Mutex::new(());
        let held = lock.lock();
        for (n, responder) in waiting {
            responder.reply(n * 10);
        }
        drop(held);
        for call in calls {
            let (i, reply) = call.join().expect("a panic fails the run");
            assert_eq!(reply, Some(i * 10));
        }
    });
}

/// The call fails when the time `patience` has passed, and not earlier. If a reply comes in this time, it is
/// returned. A later reply is dropped.
#[test]
fn a_call_may_have_limited_patience() {
    run(|| {
        let (server, responders) = later_server();
        let net = Network::new();
        net.add_server("s", server);
        let end = joined(&net, "s");
        let begun = Instant::now();
        let reply: Option<u64> = end.call_within(50 * MS, "Later.Ask", &1u64);
        assert_eq!(reply, None);
        assert!(begun.elapsed() >= 50 * MS, "the call ended after {:?}", begun.elapsed());

        let (_, late) = responders.recv().expect("the request has arrived");
        late.reply(10);
        let replier = thread::spawn(move || {
            let (n, responder) = responders.recv().expect("the second request arrives");
            responder.reply(n * 10);
        });
        let patience = Duration::from_secs(3600);
        assert_eq!(end.call_within::<u64, u64>(patience, "Later.Ask", &2), Some(20));
        replier.join().expect("a panic fails the run");
        assert_eq!(net.count("s"), 2);
    });
}

/// A clean-up of the network does not end messages that were sent before. A caller with a time limit may
/// still stop waiting before the outcome is known.
#[test]
fn after_a_cleanup_a_call_may_still_be_given_up() {
    run(|| {
        let (server, responders) = later_server();
        let net = Network::new();
        net.add_server("s", server);
        let end = Arc::new(joined(&net, "s"));
        let on_thread = Arc::clone(&end);
        let caller = thread::spawn(move || on_thread.call_within::<u64, u64>(50 * MS, "Later.Ask", &1));
        let (_, responder) = responders.recv().expect("the request has arrived");
        net.cleanup();
        assert_eq!(caller.join().expect("a panic fails the run"), None);
        let bytes = net.total_bytes();
        responder.reply(10);
        assert_eq!(net.total_bytes(), bytes, "a reply that reaches no caller does not count");
    });
}

#[test]
fn a_reply_runs_no_code_of_the_sender() {
    run(|| {
        let (server, responders) = later_server();
        let net = Network::new();
        net.add_server("s", server);
        let end = joined(&net, "s");
        let state = Arc::new(Mutex::new(None));
        let (done, result) = chan::unbounded();
        let out = Arc::clone(&state);
        end.send("Later.Ask", &1u64, move |reply: Option<u64>| {
            *out.lock() = reply;
            done.send(()).expect("a receiver waits");
        });
        let (_, responder) = responders.recv().expect("a request arrives");
        // The reply does not run the callback on this thread. So the callback and the server may use the same
        // lock.
        let held = state.lock();
        responder.reply(5);
        drop(held);
        result.recv().expect("the reply arrives");
        assert_eq!(*state.lock(), Some(5));
    });
}

#[test]
fn a_dropped_responder_fails_the_call() {
    run(|| {
        let (server, responders) = later_server();
        let net = Network::new();
        net.add_server("s", server.clone());
        let end = Arc::new(joined(&net, "s"));
        let caller = Arc::clone(&end);
        let call = thread::spawn(move || caller.call::<u64, u64>("Later.Ask", &1));
        drop(responders.recv().expect("a request arrives"));
        assert_eq!(call.join().expect("a panic fails the run"), None);
        assert_eq!(server.count(), 1);
    });
}

#[test]
fn a_late_reply_of_a_lost_server_counts_for_nothing() {
    run(|| {
        let (server, responders) = later_server();
        let net = Network::new();
        net.add_server("s", server);
        let end = joined(&net, "s");
        let (done, result) = chan::unbounded();
        end.send("Later.Ask", &1u64, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        let (_, responder) = responders.recv().expect("a request arrives");
        net.delete_server("s");
        assert_eq!(result.recv(), Ok(None), "the call fails before the server replies");
        let bytes = net.total_bytes();
        responder.reply(2);
        assert!(result.recv_timeout(50 * MS).is_err(), "there is only one outcome");
        assert_eq!(net.total_bytes(), bytes);

        // The network may be dropped before the responder.
        let (server, responders) = later_server();
        net.add_server("s", server);
        end.send("Later.Ask", &1u64, |_: Option<u64>| {});
        let (_, responder) = responders.recv().expect("a request arrives");
        drop(net);
        responder.reply(2);
    });
}

// ---- the cost of a request in virtual time ------------------------------------------------------

#[test]
fn a_request_costs_virtual_time() {
    run(|| {
        let costs = [
            (Cost::Peer, 100, 250),
            (Cost::Client, 16_000, 28_000),
            (Cost::NearClient, 1000, 2000),
            (Cost::Free, 0, 0),
        ];
        for (cost, least, most) in costs {
            let net = Network::new();
            let service = Service::new("T").inline("Inc", |n: u64| n + 1);
            net.add_server("s", Server::new().cost(cost).service(service));
            let end = joined(&net, "s");
            let start = Instant::now();
            const CALLS: u32 = 200;
            for i in 0..CALLS {
                assert_eq!(inc(&end, u64::from(i)), Some(u64::from(i) + 1));
            }
            let mean = start.elapsed() / CALLS;
            let middle = Duration::from_micros((least + most) / 2);
            if labrt::is_sim() {
                // Each half of the cost has a timer, and each timer may be up to 100 us late.
                let late = if most == 0 { Duration::from_micros(10) } else { Duration::from_micros(200) };
                assert!(
                    mean >= middle.mul_f64(0.9) && mean <= middle.mul_f64(1.1) + late,
                    "{cost:?}: {mean:?}"
                );
            } else if matches!(cost, Cost::Client | Cost::NearClient) {
                assert!(mean < middle, "in real time there is no cost: {mean:?}");
            }
        }
    });
}

/// Each service can have its own cost. So a server can have one service for other servers and one service for
/// clients, with different costs.
#[test]
fn a_service_charges_its_own_cost_before_its_servers() {
    run(|| {
        let net = Network::new();
        let inc = |name: &str| Service::new(name).inline("Inc", |n: u64| n + 1);
        let server = Server::new().cost(Cost::Client).service(inc("T"));
        net.add_server(
            "s",
            server.service(inc("Near").cost(Cost::Peer)).service(inc("Here").cost(Cost::Free)),
        );
        let end = joined(&net, "s");
        let took = |method: &str| {
            let start = Instant::now();
            assert_eq!(end.call(method, &1u64), Some(2u64));
            start.elapsed()
        };
        let (far, near, here) = (took("T.Inc"), took("Near.Inc"), took("Here.Inc"));
        if labrt::is_sim() {
            // Each half of the cost has a timer, and each timer may be up to 100 us late.
            let micros = Duration::from_micros;
            assert!(far >= micros(16_000) && far <= micros(28_200), "{far:?}");
            assert!(near >= micros(100) && near <= micros(450), "{near:?}");
            assert!(here <= micros(10), "{here:?}");
        }
    });
}

#[test]
fn a_deletion_during_the_reply_leg_is_noticed() {
    run(|| {
        let net = Network::new();
        let handled = Signal::new();
        let inside = handled.clone();
        let service = Service::new("T").inline("Inc", move |n: u64| {
            inside.raise();
            n + 1
        });
        net.add_server("s", Server::new().cost(Cost::Client).service(service));
        let end = joined(&net, "s");
        let (done, result) = chan::unbounded();
        end.send("T.Inc", &1u64, move |reply: Option<u64>| done.send(reply).expect("a receiver waits"));
        handled.wait();
        let start = Instant::now();
        net.delete_server("s");
        // In real time there is no cost, so the reply has come before the deletion.
        let want = if labrt::is_sim() { None } else { Some(2) };
        assert_eq!(result.recv(), Ok(want));
        if labrt::is_sim() {
            // The call must fail at once. The second half of the cost would take at least 8 ms.
            assert!(start.elapsed() < Duration::from_micros(200), "not at once: {:?}", start.elapsed());
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    if !labrt::is_sim() {
        return;
    }
    let trace = |seed| {
        let outcome = Run::default().once(seed, || {
            let (net, end) = inc_net();
            net.reliable(false);
            net.long_reordering(true);
            send_all(&end, "T.Pooled", 50);
        });
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        outcome.trace
    };
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

// ---- mistakes are fatal, with a message ---------------------------------------------------------

/// Ignores the outcome of a call.
fn forget<R>(_: Option<R>) {}

#[test]
fn mistakes_are_fatal_and_named() {
    type Mistake = (fn(&Network, &End), &'static [&'static str]);
    let mistakes: [Mistake; 9] = [
        (
            |_, end| forget(end.call::<u64, u64>("Nobody.Inc", &1)),
            &["labrpc.Server.dispatch(): unknown service Nobody in Nobody.Inc; expecting one of [T]"],
        ),
        (
            |_, end| forget(end.call::<u64, u64>("T.Dec", &1)),
            &["labrpc.Service.dispatch(): unknown method Dec in T.Dec; expecting one of [Inc Pooled]"],
        ),
        (|_, end| forget(end.call::<u64, u64>("Inc", &1)), &["\"Inc\" has no dot", "Service.Method"]),
        (
            |_, end| forget(end.call::<str, u64>("T.Inc", "a text is no number")),
            &["T.Inc", "arguments", "do not decode as u64"],
        ),
        (
            |_, end| forget(end.call::<u64, (u64, String)>("T.Inc", &1)),
            &["ClientEnd.Call(): decode reply: ", "String"],
        ),
        (
            |_, end| end.send("T.Pooled", &(1u64, 2u64), |_: Option<u64>| {}),
            &["T.Pooled", "arguments", "do not decode as u64"],
        ),
        (
            |net, _| {
                let _one = net.make_named_end("e1");
                let _two = net.make_named_end("e1");
            },
            &["MakeEnd: e1 already exists"],
        ),
        (|net, _| net.delete_end("e2"), &["MakeEnd: e2 doesn't exists"]),
        (
            |net, _| {
                let server = inc_server();
                net.add_server("t", server.clone());
                drop(server.service(Service::new("Late")));
            },
            &["a service cannot be added", "shared already"],
        ),
    ];
    for (mistake, words) in mistakes {
        let failure = failing(move || {
            let (net, end) = inc_net();
            mistake(&net, &end);
            // The failure may happen on another thread, so this thread waits for the failure.
            time::sleep(Duration::from_secs(30));
        });
        for word in words {
            assert!(failure.message.contains(word), "{word:?} is missing in {failure:?}");
        }
        let place = "(at labrpc/tests/behaviour.rs:";
        assert!(failure.message.contains(place), "the place must be in the user's code: {failure:?}");
    }
}

#[test]
fn an_unknown_end_is_no_mistake() {
    run(|| {
        let net = Network::new();
        net.enable("nobody", true);
        net.connect("nobody", "s");
        net.set_link("nobody", Link::RequestsLost);
        net.delete_server("s");
        let end = net.make_named_end("nobody");
        net.add_server("s", inc_server());
        assert_eq!(inc(&end, 1), None, "a new end is disabled and connected to nothing");
        assert_eq!(net.count("t"), 0);
    });
}

#[test]
fn what_a_message_brings_about_has_it_as_its_parent() {
    run(|| {
        let net = Network::new();
        let (tell, told) = chan::unbounded();
        let record = move |what: &'static str| tell.send((what, trace::parent())).expect("a receiver waits");
        let (inline, pooled, deferred) = (record.clone(), record.clone(), record.clone());
        let service = Service::new("T")
            .inline("Inline", move |()| inline("handler"))
            .handler("Pooled", move |()| pooled("handler"))
            .deferred("Deferred", move |(), responder: Responder<()>| {
                deferred("handler");
                thread::spawn(move || responder.reply(()));
            });
        net.add_server("s", Server::new().service(service));
        let end = Arc::new(joined(&net, "s"));

        for method in ["T.Inline", "T.Pooled", "T.Deferred"] {
            let id = trace::next_id();
            let back = record.clone();
            end.send_as(id, method, &(), move |reply: Option<()>| {
                assert!(reply.is_some(), "{method} has replied");
                back("callback");
            });
            assert_eq!(told.recv(), Ok(("handler", id)), "{method}");
            assert_eq!(told.recv(), Ok(("callback", id)), "{method}");

            let id = trace::next_id();
            assert_eq!(end.call_as(id, method, &()), Some(()), "{method} has replied");
            assert_eq!(told.recv(), Ok(("handler", id)), "{method}");
            assert_eq!(trace::parent(), 0, "{method} does not change the parent of its sender");
        }

        // If a message fails, the events in its callback also have this message as their parent.
        net.enable(&*end, false);
        let (id, back) = (trace::next_id(), record.clone());
        end.send_as(id, "T.Inline", &(), move |reply: Option<()>| {
            assert!(reply.is_none(), "the message reaches no server");
            back("callback");
        });
        assert_eq!(told.recv(), Ok(("callback", id)));
    });
}
