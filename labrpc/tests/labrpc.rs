//! The course's own tests of labrpc. The order of the tests and the texts of their failures are the same as
//! in the course.

mod common;

use common::run;
use labrpc::{End, Network, Server, Service};
use labrt::sync::{Arc, Mutex};
use labrt::time::{self, Duration, Instant};
use labrt::{chan, thread};
use serde::{Deserialize, Serialize};

/// The arguments of handlers 4 and 5.
#[derive(Serialize, Deserialize)]
struct JunkArgs {
    x: i64,
}

/// The replies of handlers 4 and 5.
#[derive(Serialize, Deserialize)]
struct JunkReply {
    x: String,
}

#[derive(Default)]
struct Logs {
    log1: Vec<String>,
    log2: Vec<i64>,
}

/// The service of the course's tests of labrpc.
#[derive(Clone, Default)]
struct JunkServer {
    logs: Arc<Mutex<Logs>>,
}

impl JunkServer {
    /// How many calls of Handler2 have arrived.
    fn handler2_calls(&self) -> usize {
        self.logs.lock().log2.len()
    }

    fn handler1(&self, arg: String) -> i64 {
        let number = arg.parse().expect("the tests send decimal numbers");
        self.logs.lock().log1.push(arg);
        number
    }

    fn handler2(&self, arg: i64) -> String {
        self.logs.lock().log2.push(arg);
        format!("handler2-{arg}")
    }

    fn handler3(&self, arg: i64) -> i64 {
        let _held = self.logs.lock();
        time::sleep(Duration::from_secs(20));
        -arg
    }

    fn service(&self) -> Service {
        let [h1, h2, h3] = [(); 3].map(|()| self.clone());
        Service::new("JunkServer")
            .handler("Handler1", move |arg| h1.handler1(arg))
            .handler("Handler2", move |arg| h2.handler2(arg))
            .handler("Handler3", move |arg| h3.handler3(arg))
            .handler("Handler4", |_: JunkArgs| JunkReply { x: "pointer".into() })
            .handler("Handler5", |_: JunkArgs| JunkReply { x: "no pointer".into() })
            .handler("Handler6", |arg: String| arg.len() as i64)
            .handler("Handler7", |arg: i64| "y".repeat(usize::try_from(arg).expect("a valid length")))
    }

    fn server(&self) -> Server {
        Server::new().service(self.service())
    }
}

/// Makes a network with the end `end1-99` and the server `server99`. The end is connected to the server and
/// enabled.
fn standard() -> (Network, End, JunkServer) {
    let (net, end, junk) = standard_disabled();
    net.enable(&end, true);
    (net, end, junk)
}

fn standard_disabled() -> (Network, End, JunkServer) {
    let net = Network::new();
    let end = net.make_named_end("end1-99");
    let junk = JunkServer::default();
    net.add_server("server99", junk.server());
    net.connect(&end, "server99");
    (net, end, junk)
}

/// Makes a network with one server, whose name is a number, and without ends.
fn numbered(name: u64) -> (Network, JunkServer) {
    let net = Network::new();
    let junk = JunkServer::default();
    net.add_server(name, junk.server());
    (net, junk)
}

/// Makes an end with this name. The end is connected to the server with this number, and is enabled.
fn numbered_end(net: &Network, name: impl Into<labrpc::Name>, server: u64) -> End {
    let end = net.make_named_end(name);
    net.connect(&end, server);
    net.enable(&end, true);
    end
}

fn handler2(end: &End, arg: i64) -> Option<String> {
    end.call("JunkServer.Handler2", &arg)
}

#[test]
fn basic() {
    run(|| {
        let (net, end, _) = standard();
        assert_eq!(handler2(&end, 111).as_deref(), Some("handler2-111"), "wrong reply from Handler2");
        let reply: Option<i64> = end.call("JunkServer.Handler1", "9099");
        assert_eq!(reply, Some(9099), "wrong reply from Handler1");
        net.cleanup();
    });
}

#[test]
fn types() {
    run(|| {
        let (net, end, _) = standard();
        let args = JunkArgs { x: 0 };
        let reply: Option<JunkReply> = end.call("JunkServer.Handler4", &args);
        assert_eq!(reply.map(|r| r.x).as_deref(), Some("pointer"), "wrong reply from Handler4");
        let reply: Option<JunkReply> = end.call("JunkServer.Handler5", &args);
        assert_eq!(reply.map(|r| r.x).as_deref(), Some("no pointer"), "wrong reply from Handler5");
        net.cleanup();
    });
}

/// A client whose end is disabled must reach no server.
#[test]
fn disconnect() {
    run(|| {
        let (net, end, _) = standard_disabled();
        assert_eq!(handler2(&end, 111), None, "unexpected reply from Handler2");
        net.enable(&end, true);
        let reply: Option<i64> = end.call("JunkServer.Handler1", "9099");
        assert_eq!(reply, Some(9099), "wrong reply from Handler1");
        net.cleanup();
    });
}

/// A server counts the RPCs that arrive at the server.
#[test]
fn counts() {
    run(|| {
        let (net, _) = numbered(99);
        let end = numbered_end(&net, "end1-99", 99);
        for i in 0..17 {
            assert_eq!(handler2(&end, i), Some(format!("handler2-{i}")), "wrong reply from Handler2");
        }
        let n = net.count(99u64);
        assert_eq!(n, 17, "wrong GetCount() {n}, expected 17");
        net.cleanup();
    });
}

/// The network counts the bytes that are sent.
#[test]
fn bytes() {
    run(|| {
        let (net, _) = numbered(99);
        let end = numbered_end(&net, "end1-99", 99);
        let args = "x".repeat(284);
        for _ in 0..17 {
            let reply: Option<i64> = end.call("JunkServer.Handler6", &args);
            assert_eq!(reply, Some(284), "wrong reply from Handler6");
        }
        let n = net.total_bytes();
        assert!((4828..=6000).contains(&n), "wrong GetTotalBytes() {n}, expected about 5000");

        for _ in 0..17 {
            let reply: Option<String> = end.call("JunkServer.Handler7", &107i64);
            assert_eq!(reply.map(|r| r.len()), Some(107), "wrong reply len from Handler7");
        }
        let n = net.total_bytes() - n;
        assert!((1800..=2500).contains(&n), "wrong GetTotalBytes() {n}, expected about 2000");
        net.cleanup();
    });
}

/// Several ends make RPCs at the same time.
#[test]
fn concurrent_many() {
    run(|| {
        const CLIENTS: u64 = 20;
        const CALLS: u64 = 10;
        let (net, _) = numbered(1000);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|i| {
                let net = net.clone();
                thread::spawn(move || {
                    let end = numbered_end(&net, i, 1000);
                    for j in 0..CALLS {
                        let arg = (i * 100 + j) as i64;
                        let want = format!("handler2-{arg}");
                        assert_eq!(handler2(&end, arg), Some(want), "wrong reply from Handler2");
                    }
                    CALLS
                })
            })
            .collect();
        let total: u64 = clients.into_iter().map(|c| c.join().expect("a panic fails the run")).sum();
        assert_eq!(total, CLIENTS * CALLS, "wrong number of RPCs completed");
        assert_eq!(net.count(1000u64), total, "wrong GetCount()");
        net.cleanup();
    });
}

/// An unreliable network loses some RPCs, but not all.
#[test]
fn unreliable() {
    run(|| {
        const CLIENTS: u64 = 300;
        let (net, _) = numbered(1000);
        net.reliable(false);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|i| {
                let net = net.clone();
                thread::spawn(move || {
                    let end = numbered_end(&net, i, 1000);
                    let arg = (i * 100) as i64;
                    let reply = handler2(&end, arg);
                    if let Some(reply) = &reply {
                        assert_eq!(*reply, format!("handler2-{arg}"), "wrong reply from Handler2");
                    }
                    u64::from(reply.is_some())
                })
            })
            .collect();
        let total: u64 = clients.into_iter().map(|c| c.join().expect("a panic fails the run")).sum();
        assert!(0 < total && total < CLIENTS, "all RPCs succeeded despite unreliable, or none: {total}");
        net.cleanup();
    });
}

/// One end makes several RPCs at the same time.
#[test]
fn concurrent_one() {
    run(|| {
        const CALLS: u64 = 20;
        let (net, junk) = numbered(1000);
        let end = Arc::new(numbered_end(&net, "c", 1000));
        let calls: Vec<_> = (0..CALLS)
            .map(|i| {
                let end = Arc::clone(&end);
                thread::spawn(move || {
                    let arg = 100 + i as i64;
                    let want = format!("handler2-{arg}");
                    assert_eq!(handler2(&end, arg), Some(want), "wrong reply from Handler2");
                    1
                })
            })
            .collect();
        let total: u64 = calls.into_iter().map(|c| c.join().expect("a panic fails the run")).sum();
        assert_eq!(total, CALLS, "wrong number of RPCs completed");
        assert_eq!(junk.handler2_calls() as u64, CALLS, "wrong number of RPCs delivered");
        assert_eq!(net.count(1000u64), total, "wrong GetCount()");
        net.cleanup();
    });
}

/// Some RPCs are started when the end is disabled, so they take long to fail. They must not delay RPCs that
/// are started after the end is enabled.
#[test]
fn regression_1() {
    run(|| {
        const CALLS: i64 = 20;
        let (net, junk) = numbered(1000);
        let end = Arc::new(numbered_end(&net, "c", 1000));

        // Start some RPCs when the end is disabled. It takes some time until these RPCs fail.
        net.enable(&*end, false);
        let calls: Vec<_> = (0..CALLS)
            .map(|i| {
                let end = Arc::clone(&end);
                thread::spawn(move || {
                    // The RPC should fail. The counts at the end of the test check that it reached no server.
                    let _ = handler2(&end, 100 + i);
                })
            })
            .collect();
        time::sleep(Duration::from_millis(100));

        // Now the end is enabled, so a call must be quick.
        let start = Instant::now();
        net.enable(&*end, true);
        assert_eq!(handler2(&end, 99).as_deref(), Some("handler2-99"), "wrong reply from Handler2");
        let took = start.elapsed().as_secs_f64();
        assert!(took <= 0.03, "RPC took too long ({took}) after Enable");

        for call in calls {
            call.join().expect("a panic fails the run");
        }
        let n = junk.handler2_calls();
        assert_eq!(n, 1, "wrong number ({n}) of RPCs delivered, expected 1");
        assert_eq!(net.count(1000u64), 1, "wrong GetCount(), expected 1");
        net.cleanup();
    });
}

/// An RPC that is stuck in a server must return when that server is deleted.
#[test]
fn killed() {
    run(|| {
        let (net, end, _) = standard();
        let (done, result) = chan::unbounded();
        thread::spawn(move || {
            let reply: Option<i64> = end.call("JunkServer.Handler3", &99i64);
            done.send(reply.is_some()).expect("the test waits for the result");
        });
        time::sleep(Duration::from_millis(1000));
        let early = result.recv_timeout(Duration::from_millis(100));
        assert!(early.is_err(), "Handler3 should not have returned yet");

        net.delete_server("server99");
        let ok = result
            .recv_timeout(Duration::from_millis(100))
            .expect("Handler3 should return after DeleteServer()");
        assert!(!ok, "Handler3 returned successfully despite DeleteServer()");
        net.cleanup();
    });
}

/// Prints how long a fixed number of calls takes. There is no limit for this time.
#[test]
fn benchmark() {
    run(|| {
        const CALLS: u32 = 100_000;
        let (net, end, _) = standard();
        let start = Instant::now();
        for _ in 0..CALLS {
            assert_eq!(handler2(&end, 111).as_deref(), Some("handler2-111"), "wrong reply from Handler2");
        }
        println!("{:?} for {CALLS}", start.elapsed());
        net.cleanup();
    });
}

/// This test is from the course of 2025: the setting for long delays is changed while another thread reads it
/// for a call. The test only checks that the calls end.
#[test]
fn long_delay_race() {
    run(|| {
        let (net, end, _) = standard();
        let reply: Option<i64> = end.call("JunkServer.Handler1", "9099");
        assert_eq!(reply, Some(9099), "wrong reply from Handler1");

        net.long_delays(true);
        net.delete_server("server99");
        let (done, result) = chan::unbounded();
        thread::spawn(move || {
            let reply: Option<i64> = end.call("JunkServer.Handler1", "9099");
            // If the test has already ended, this send fails, and that is no fault.
            let _ = done.send(reply);
        });
        net.long_delays(true);
        if let Ok(reply) = result.recv_timeout(Duration::from_millis(200)) {
            assert_eq!(reply, None, "the server is deleted");
        }
        net.long_delays(true);
        net.cleanup();
    });
}
