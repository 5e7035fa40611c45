//! The lives of a test's servers. A *life* is the time from a start of a server to its next crash. This
//! module starts and crashes servers. The steps of a start always have the same order. The same is true for
//! the steps of a crash.
//!
//! A test starts a server, crashes it, and starts it again with the state that the server has saved. A
//! [`Lives`] is one such server. It owns what remains after a crash: the identity of the server, the number
//! of its lives, and its disk. All three harnesses start and crash their servers with a `Lives`.
//!
//! # One start or crash at a time
//!
//! Several threads of a test may start and crash the same server. Each start and each crash has several
//! steps. If the steps of a start and of a crash were mixed, a slow crash could remove the next life from the
//! network. Or a start could put a server on the network although this server has already crashed. So a
//! thread first takes its [`Turn`]: it waits until no other start or crash of this server is going on. A
//! restart, which is a crash and a start, is one turn.
//!
//! # A start
//!
//! 1. [`Turn::begin`]: the next life gets its number (its *incarnation*), the disk, and fresh ends, which are
//!    disabled.
//! 2. [`Turn::start`]: the server is made. The code that makes the server runs as code of the server's node.
//!    So the threads, the log lines and the events of this code belong to the server, not to the test.
//! 3. [`Turn::join_network`]: the server's services are put on the network. This is the last step. So a
//!    server answers no call before it is complete.
//!
//! # A crash
//!
//! At one instant of the crash, the saved state is copied for the next life. If the dying server saves
//! something after this instant, the next life does not have it. So no other server may learn of such a later
//! save. The order of the steps in [`Turn::crash`] ensures this:
//!
//! 1. The life is marked as over. If the dying server makes a new end from now on, this end is closed.
//! 2. The server's ends are disabled. So the server cannot send a request that depends on a later save.
//! 3. The server's name is removed from the network. So the server cannot send a reply that depends on a
//!    later save. This includes replies to calls that the server has already received.
//! 4. The persister is copied, and the copy is kept for the next life. The dying server still has the
//!    original, so everything that it saves later is lost. At the same instant the event
//!    `fault.crash` is recorded, and the harness deletes its reference to the server. So no thread of the
//!    test can call the server any more.
//! 5. The server's `kill` is called. It runs as code of the server's node.
//! 6. The server's ends are closed. So the server's calls that are still waiting fail at once, and its
//!    threads can end. This step comes after `kill`, because a server that is not killed yet might repeat a
//!    failed call again and again without a pause.
//! 7. All threads of the life must end. [`check_none_left`] checks this for all lives together, at the end of
//!    the test.
//!
//! # A crash at a moment of the server
//!
//! A test can crash a server at the very moment at which the server saves or sends something. Then a hook of
//! the disk or of the network calls [`Lives::cut_off`]. The hook runs on a thread that may hold a lock of the
//! server. So `cut_off` makes only the steps 1 to 4, which call no code of the server. Soon after that,
//! another thread calls [`Lives::finish_cut`], which makes the steps 5 and 6. Between these two calls, the
//! threads of the server still run, but nobody sees what they save or send.
//!
//! # A pause
//!
//! A test can pause a server ([`Lives::pause`]), as the operating system can stop a process. The server's
//! threads stop (see [`labrt::node::pause`]), and its messages wait in the network. During the pause, the
//! harness must not call the server: the call would run, although the server is stopped. A crash ends the
//! pause between the steps 4 and 5. So the threads of a server that crashes during a pause can end, but
//! nobody sees what they save or send.
//!
//! # Locks
//!
//! Each `Lives` has a lock of its own. No thread holds this lock while it calls the network or a server. So a
//! harness may call the getters of a `Lives` while it holds its own lock. A turn is not a lock. While a
//! thread has a turn, it runs code of the server that it starts or kills. This code may block, and it may
//! send messages.

use labapi::{Persister, Strictness};
use labrpc::{End, Name, Network, Server, Service};
use labrt::dlog;
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::thread::{self, JoinHandle};
use labrt::time::{Duration, Instant, sleep};

use super::output::warning;
use super::{events, strictness};

/// One server of a test: the running instance, if there is one, and what remains after a crash.
pub(crate) struct Lives<S: ?Sized> {
    net: Network,
    /// The server's name on the network.
    name: Name,
    newest: Mutex<Newest<S>>,
    /// Notified when a turn has ended.
    turn_ended: Condvar,
    /// True if the newest life is paused.
    is_paused: AtomicBool,
}

/// The newest life, and the state that the next life will get.
struct Newest<S: ?Sized> {
    life: Arc<Life>,
    /// The disk of the newest life. After the crash of that life, this is a copy of its disk. Only the next
    /// life will write to the copy.
    saved: Arc<Persister>,
    /// The names of the ends that the newest life got at its start.
    ends: Vec<Name>,
    /// The running instance. It is `None` before the first start and after a crash.
    server: Option<Arc<S>>,
    /// True while a thread has the [`Turn`] of this server.
    taken: bool,
    /// Raised at the end of the pause of the newest life. It is `None` if this life is not paused.
    pause: Option<Signal>,
    /// True while [`Lives::cut_off`] is at work.
    cutting: bool,
    /// The instance whose life [`Lives::cut_off`] has ended. It stays here until its `kill` is called.
    dying: Option<Arc<S>>,
}

/// The right to start and to crash a server. Only one thread can have this right. The right ends when the
/// `Turn` is dropped.
#[must_use = "the turn ends when this value is dropped"]
pub(crate) struct Turn<'a, S: ?Sized>(&'a Lives<S>);

/// One life of a server.
pub(crate) struct Life {
    /// The identity of the life. Its incarnation is the number of the life. The first life has number 1.
    pub node: NodeId,
    over: AtomicBool,
    /// The names of the ends that the server has made in this life.
    own_ends: Mutex<Vec<Name>>,
}

impl Life {
    fn new(node: NodeId, is_over: bool) -> Life {
        Life { node, over: AtomicBool::new(is_over), own_ends: Mutex::default() }
    }

    /// Notes that the server has made an end. The end must not be enabled yet.
    pub fn add_end(&self, end: &End) {
        self.own_ends.lock().push(end.name().clone());
    }

    /// Returns true if the life has ended with a crash.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// The things that a new life gets before its server is made.
pub(crate) struct NewLife {
    pub life: Arc<Life>,
    pub persister: Arc<Persister>,
    /// The ends of the server, in the order of their targets.
    pub ends: Vec<End>,
}

/// A running server and the identity of its life.
pub(crate) struct Living<S: ?Sized> {
    pub server: Arc<S>,
    pub node: NodeId,
}

impl<S: ?Sized> Living<S> {
    /// Calls `f` with the server. `f` runs as code of the server's node. The caller must not hold a lock of
    /// the harness.
    pub fn call<T>(&self, f: impl FnOnce(&S) -> T) -> T {
        let _as_node = node::enter(self.node);
        f(&self.server)
    }
}

impl<S: ?Sized> Newest<S> {
    fn living(&self) -> Option<Living<S>> {
        Some(Living { server: Arc::clone(self.server.as_ref()?), node: self.life.node })
    }

    /// Takes out the instance whose life [`Lives::cut_off`] has ended, if its `kill` was not called yet.
    fn take_dying(&mut self) -> Option<Living<S>> {
        Some(Living { server: self.dying.take()?, node: self.life.node })
    }
}

impl<S: ?Sized> Lives<S> {
    /// Makes a server that has not been started yet. Its disk is empty. Its name on the network `net` is
    /// `name`. `first` is the node of its first life. The nodes of later lives differ from `first` only in
    /// the incarnation.
    pub fn new(net: &Network, name: impl Into<Name>, first: NodeId) -> Lives<S> {
        let before_first = Life::new(NodeId { incarnation: 0, ..first }, true);
        let newest = Newest {
            life: Arc::new(before_first),
            saved: Arc::default(),
            ends: Vec::new(),
            server: None,
            taken: false,
            pause: None,
            cutting: false,
            dying: None,
        };
        Lives {
            net: net.clone(),
            name: name.into(),
            newest: Mutex::new(newest),
            turn_ended: Condvar::new(),
            is_paused: AtomicBool::new(false),
        }
    }

    /// Takes the turn of this server. If another thread is starting or crashing the server, the call waits.
    /// The caller must not hold a lock of the harness.
    #[track_caller]
    pub fn take_turn(&self) -> Turn<'_, S> {
        let mut newest = self.newest.lock();
        while newest.taken {
            self.turn_ended.wait(&mut newest);
        }
        newest.taken = true;
        Turn(self)
    }

    /// Takes the turn, and then calls [`Turn::crash`].
    #[track_caller]
    pub fn crash(&self, cut_off: impl FnOnce(), kill: impl FnOnce(&S)) {
        self.take_turn().crash(cut_off, kill);
    }

    /// Ends the newest life at this very moment, but does not call `kill`. Afterwards a thread that holds no
    /// lock of the server must call [`finish_cut`](Lives::finish_cut). Returns false if the life was over
    /// already.
    ///
    /// The caller may hold locks of the server, because this method waits for no code of the server. If the
    /// caller is a hook of a disk, `disk` is this disk. Then the call has no effect if the disk belongs to an
    /// earlier life.
    pub fn cut_off(&self, disk: Option<&Persister>, cut_off: impl FnOnce()) -> bool {
        let (node, ends, saved) = {
            let mut newest = self.newest.lock();
            let is_old = disk.is_some_and(|disk| !std::ptr::eq(disk, &*newest.saved));
            if is_old || newest.life.over.swap(true, Ordering::SeqCst) {
                return false;
            }
            newest.cutting = true;
            let own_ends = newest.life.own_ends.lock().clone();
            (newest.life.node, [newest.ends.clone(), own_ends].concat(), Arc::clone(&newest.saved))
        };
        dlog!(TEST, "stops {node} at this moment");
        cut_off();
        ends.into_iter().for_each(|end| self.net.enable(end, false));
        self.net.delete_server(self.name.clone());
        let copy = Arc::new(saved.copy());
        // The event is recorded only now, because the threads of the server could save their state until the
        // copy was made.
        events::crash(node);
        let mut newest = self.newest.lock();
        newest.saved = copy;
        newest.dying = newest.server.take();
        newest.cutting = false;
        drop(newest);
        self.turn_ended.notify_all();
        true
    }

    /// The running instance, or `None` if the server does not run.
    pub fn living(&self) -> Option<Living<S>> {
        self.newest.lock().living()
    }

    /// The running instance, or `None` if the server does not run or is paused.
    pub fn awake(&self) -> Option<Living<S>> {
        self.living().filter(|_| !self.is_paused())
    }

    /// Returns true if the server runs.
    pub fn is_up(&self) -> bool {
        self.newest.lock().server.is_some()
    }

    /// Returns true if the newest life is over, or if there was no life yet. In both cases all ends of the
    /// server must be disabled.
    pub fn is_over(&self) -> bool {
        self.newest.lock().life.is_over()
    }

    /// The node of the newest life. Before the first start, this is the node of the first life.
    pub fn node(&self) -> NodeId {
        let node = self.newest.lock().life.node;
        NodeId { incarnation: node.incarnation.max(1), ..node }
    }

    /// The disk of the newest life.
    pub fn saved(&self) -> Arc<Persister> {
        Arc::clone(&self.newest.lock().saved)
    }

    /// Returns true if this is the disk of the newest life.
    pub fn is_disk_of_newest(&self, disk: &Persister) -> bool {
        std::ptr::eq(disk, &*self.newest.lock().saved)
    }

    /// Returns the sizes of the saved Raft state and of the saved snapshot, in bytes.
    pub fn saved_bytes(&self) -> (usize, usize) {
        let saved = self.saved();
        (saved.raft_state_size(), saved.snapshot_size())
    }

    /// The names of the ends that the newest life got at its start, in the order of their targets.
    pub fn ends(&self) -> Vec<Name> {
        self.newest.lock().ends.clone()
    }

    /// Takes the turn, and then calls [`Turn::finish_cut`].
    pub fn finish_cut(&self, kill: impl FnOnce(&S)) {
        self.take_turn().finish_cut(kill);
    }

    /// Pauses the server: its threads stop, and its messages wait. The pause lasts until
    /// [`resume`](Lives::resume) is called. If the server does not run, or is paused already, the call does
    /// nothing.
    #[track_caller]
    pub fn pause(&self) {
        let _turn = self.take_turn();
        let node = {
            let mut newest = self.newest.lock();
            if newest.server.is_none() || newest.pause.is_some() {
                return;
            }
            newest.pause = Some(Signal::new());
            newest.life.node
        };
        self.is_paused.store(true, Ordering::SeqCst);
        dlog!(TEST, "pauses {node}");
        self.net.pause(node);
        node::pause(node);
        events::pause(node);
    }

    /// Ends the pause of the server, if it is paused.
    pub fn resume(&self) {
        let _turn = self.take_turn();
        self.end_pause();
    }

    /// Returns true if the server is paused.
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::SeqCst)
    }

    /// Waits until the life `node` is not paused.
    pub fn wait_while_paused(&self, node: NodeId) {
        while self.is_paused() {
            let pause = {
                let newest = self.newest.lock();
                newest.pause.clone().filter(|_| newest.life.node == node)
            };
            let Some(end) = pause else { return };
            end.wait();
        }
    }

    /// Ends the pause of the newest life, if it is paused. The caller has the turn.
    fn end_pause(&self) {
        if !self.is_paused.swap(false, Ordering::SeqCst) {
            return;
        }
        let (node, pause, runs) = {
            let mut newest = self.newest.lock();
            (newest.life.node, newest.pause.take(), newest.server.is_some())
        };
        // If the server has crashed, the event of the crash has ended the pause.
        if runs {
            dlog!(TEST, "resumes {node}");
            events::resume(node);
        }
        node::resume(node);
        pause.into_iter().for_each(|end| end.raise());
        self.net.resume(node);
    }

    /// Calls `kill` for an instance whose life is over, and closes its ends.
    fn end(&self, dying: Option<Living<S>>, kill: impl FnOnce(&S)) {
        let Some(dying) = dying else { return };
        // The threads of a paused server go on, so that they can end. Nobody sees what they do.
        self.end_pause();
        dying.call(kill);
        self.net.close_ends_of(dying.node);
    }

    /// Waits until no thread is in [`cut_off`](Lives::cut_off).
    fn wait_for_cut(&self) {
        let mut newest = self.newest.lock();
        while newest.cutting {
            self.turn_ended.wait(&mut newest);
        }
    }

    /// The nodes of all lives so far.
    fn nodes(&self) -> Vec<NodeId> {
        let newest = self.newest.lock().life.node;
        (1..=newest.incarnation).map(|incarnation| NodeId { incarnation, ..newest }).collect()
    }
}

impl<S: ?Sized> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        self.0.newest.lock().taken = false;
        self.0.turn_ended.notify_all();
    }
}

impl<S: ?Sized> Turn<'_, S> {
    /// Calls `kill` for the server of a life that [`cut_off`](Lives::cut_off) has ended, and closes the ends
    /// of the life. If this was done already, the call changes nothing.
    pub fn finish_cut(&self, kill: impl FnOnce(&S)) {
        self.0.wait_for_cut();
        let dying = self.0.newest.lock().take_dying();
        self.0.end(dying, kill);
    }

    /// Begins the next life of a server that does not run, with ends to `targets`.
    pub fn begin(&self, targets: impl IntoIterator<Item: Into<Name>>) -> NewLife {
        let (life, persister) = {
            let mut newest = self.0.newest.lock();
            let NodeId { incarnation, .. } = newest.life.node;
            let node = NodeId { incarnation: incarnation + 1, ..newest.life.node };
            newest.life = Arc::new(Life::new(node, false));
            newest.ends.clear();
            (Arc::clone(&newest.life), Arc::clone(&newest.saved))
        };
        dlog!(TEST, "starts {}, life {}", life.node, life.node.incarnation);
        events::restart(life.node);
        let ends: Vec<End> =
            targets.into_iter().map(|target| self.0.net.make_end(life.node, target)).collect();
        self.0.newest.lock().ends = ends.iter().map(|end| end.name().clone()).collect();
        NewLife { life, persister, ends }
    }

    /// Makes the server of a life that has begun. It is not on the network yet.
    pub fn start(&self, life: &Life, make: impl FnOnce() -> Arc<S>) -> Living<S> {
        let server = {
            let _as_node = node::enter(life.node);
            make()
        };
        {
            let mut newest = self.0.newest.lock();
            let place = if life.is_over() { &mut newest.dying } else { &mut newest.server };
            *place = Some(Arc::clone(&server));
        }
        Living { server, node: life.node }
    }

    /// Adds the services of a life to `server`, and puts `server` on the network.
    pub fn join_network(&self, life: &Life, server: Server, services: impl IntoIterator<Item = Service>) {
        let server =
            services.into_iter().fold(server, |server, service| server.service(service.node(life.node)));
        self.0.net.add_server(self.0.name.clone(), server);
        // The server may have been cut off while it was made.
        if life.is_over() {
            self.0.net.delete_server(self.0.name.clone());
        }
    }

    /// Ends the newest life. The steps and their order are explained at the head of this file. The closure
    /// `cut_off` can disable the ends that lead from the other servers to this server. The call is also
    /// allowed if the server does not run.
    pub fn crash(&self, cut_off: impl FnOnce(), kill: impl FnOnce(&S)) {
        let life = Arc::clone(&self.0.newest.lock().life);
        let was_over = life.over.swap(true, Ordering::SeqCst);
        if was_over {
            self.0.wait_for_cut();
        } else {
            dlog!(TEST, "stops {}", life.node);
        }
        cut_off();
        self.0.ends().into_iter().for_each(|end| self.0.net.enable(end, false));
        self.0.net.delete_server(self.0.name.clone());
        let dying = self.forget((!was_over).then_some(life.node));
        self.0.end(dying, kill);
    }

    /// Copies the persister and removes the running instance, as one step. Returns the instance. If `crash`
    /// is a node, also records that this node crashes. The event belongs to this step, because the server
    /// could save its state until the copy was made.
    fn forget(&self, crash: Option<NodeId>) -> Option<Living<S>> {
        let mut newest = self.0.newest.lock();
        if let Some(dying) = newest.take_dying() {
            return Some(dying);
        }
        let dying = newest.living();
        newest.server = None;
        if dying.is_some() {
            newest.saved = Arc::new(newest.saved.copy());
        }
        crash.into_iter().for_each(events::crash);
        dying
    }
}

/// Checks that the killed servers leave no thread behind. All `servers` must have crashed. In virtual time,
/// all threads of all their lives must have ended after exactly 100 ms. In real time, other programs may slow
/// the threads down, so they get up to five seconds.
#[track_caller]
pub(crate) fn check_none_left<S: ?Sized>(servers: &[Arc<Lives<S>>], own: Strictness) {
    const GRACE: Duration = Duration::from_millis(100);
    const BUSY_MACHINE: Duration = Duration::from_secs(5);
    let nodes: Vec<NodeId> = servers.iter().flat_map(|server| server.nodes()).collect();
    let killed = Instant::now();
    let left = loop {
        sleep(if labrt::is_sim() { GRACE } else { GRACE / 10 });
        let left: Vec<String> =
            nodes.iter().flat_map(|&node| thread::alive(node)).map(|thread| thread.what).collect();
        let patience = if labrt::is_sim() { GRACE } else { BUSY_MACHINE };
        if left.is_empty() || killed.elapsed() >= patience {
            break left;
        }
    };
    if left.is_empty() {
        return;
    }
    let text = format!("{} threads left behind after kill(): {}", left.len(), left.join(", "));
    match strictness::in_force(own) {
        Strictness::Fail => panic!("{text}"),
        Strictness::Warn => warning(&text),
    }
}

/// Waits for a helper thread of a test and returns its result. If the thread has panicked, the caller panics,
/// too.
pub(crate) fn join<T>(helper: JoinHandle<T>) -> T {
    helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrt::sync::Signal;
    use labrt::sync::atomic::AtomicU32;

    /// A server that replies to a call with the number of its life. It has an end that leads to the server
    /// itself.
    struct Echo {
        end: End,
        persister: Arc<Persister>,
    }

    fn begin_and_start(lives: &Lives<Echo>) -> Living<Echo> {
        start_in(&lives.take_turn())
    }

    fn start_in(turn: &Turn<'_, Echo>) -> Living<Echo> {
        let NewLife { life, persister, mut ends } = turn.begin(["echo"]);
        let end = ends.remove(0);
        let living = turn.start(&life, || Arc::new(Echo { end, persister }));
        let incarnation = life.node.incarnation;
        let service = Service::new("Echo").inline("Life", move |_: ()| incarnation);
        turn.join_network(&life, Server::new(), [service]);
        living
    }

    fn call(end: &End) -> Option<u32> {
        end.call("Echo.Life", &())
    }

    fn enabled_end(net: &Network) -> End {
        let end = net.make_end(NodeId::NONE, "echo");
        net.enable(&end, true);
        end
    }

    #[test]
    fn a_crash_goes_step_by_step() {
        labrt::run(|| {
            let net = Network::new();
            let lives = Arc::new(Lives::new(&net, "echo", NodeId::first(4)));
            let living = begin_and_start(&lives);
            living.server.persister.save_raft_state(b"before");
            net.enable(&living.server.end, true);
            let outside = enabled_end(&net);
            assert_eq!((call(&outside), call(&living.server.end)), (Some(1), Some(1)));

            let cut_off = || {
                assert!(
                    lives.is_over() && lives.is_up(),
                    "the life is over, but the harness still knows the server"
                );
                assert_eq!(call(&outside), Some(1), "the server is still on the network");
            };
            let kill = |server: &Echo| {
                assert_eq!(node::current(), living.node);
                assert!(!lives.is_up(), "the harness does not know the server any more");
                assert_eq!((call(&outside), call(&server.end)), (None, None));
                server.persister.save_raft_state(b"after the crash");
            };
            lives.crash(cut_off, kill);
            assert_eq!(lives.saved().read_raft_state(), b"before");
            net.enable(&living.server.end, true);

            let next = begin_and_start(&lives);
            assert_eq!(
                (next.node.incarnation, next.server.persister.read_raft_state()),
                (2, b"before".to_vec())
            );
            assert_eq!(call(&outside), Some(2));
            assert_eq!(call(&living.server.end), None, "the ends of the first life are closed");
            assert_eq!(call(&next.server.end), None, "the ends of the second life are disabled at first");
            net.cleanup();
        });
    }

    #[test]
    fn a_server_that_does_not_run_may_be_crashed() {
        labrt::run(|| {
            let net = Network::new();
            let lives: Lives<Echo> = Lives::new(&net, "echo", NodeId::first(0));
            let crash = || lives.crash(|| (), |_| panic!("there is no server to kill"));
            crash();
            assert_eq!((lives.node().incarnation, lives.is_over(), lives.ends().len()), (1, true, 0));
            let living = begin_and_start(&lives);
            living.server.persister.save_state_and_snapshot(b"four", b"and more");
            lives.crash(|| (), |_| ());
            crash();
            assert_eq!((lives.node(), lives.saved_bytes()), (living.node, (4, 8)));
            net.cleanup();
        });
    }

    /// A crash takes a long time. Meanwhile another thread restarts the server. The slow crash must not hit
    /// the next life.
    #[test]
    fn a_slow_crash_does_not_hit_the_next_life() {
        labrt::run(|| {
            let net = Network::new();
            let lives = Arc::new(Lives::new(&net, "echo", NodeId::first(0)));
            begin_and_start(&lives);
            let outside = enabled_end(&net);
            let (under_way, go_on) = (Signal::new(), Signal::new());
            let killed = Arc::new(AtomicU32::new(0));

            let slow = {
                let (lives, killed) = (Arc::clone(&lives), Arc::clone(&killed));
                let (under_way, go_on) = (under_way.clone(), go_on.clone());
                thread::spawn(move || {
                    let cut_off = || {
                        under_way.raise();
                        go_on.wait();
                    };
                    let kill = |_: &Echo| {
                        killed.fetch_add(1, Ordering::SeqCst);
                    };
                    lives.crash(cut_off, kill);
                })
            };
            under_way.wait();
            let restart = {
                let (lives, killed) = (Arc::clone(&lives), Arc::clone(&killed));
                thread::spawn(move || {
                    let turn = lives.take_turn();
                    let kill = |_: &Echo| {
                        killed.fetch_add(1, Ordering::SeqCst);
                    };
                    turn.crash(|| (), kill);
                    start_in(&turn);
                })
            };
            // The restart must wait for its turn. If it wrongly does not wait, it can finish during this
            // sleep, and the test fails.
            sleep(Duration::from_millis(20));
            go_on.raise();
            join(slow);
            join(restart);

            assert_eq!((lives.node().incarnation, killed.load(Ordering::SeqCst)), (2, 1));
            assert!(lives.is_up() && !lives.is_over(), "the second life goes on");
            assert_eq!(call(&outside), Some(2));
            net.cleanup();
        });
    }
}
