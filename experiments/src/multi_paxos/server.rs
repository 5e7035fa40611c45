//! A Multi-Paxos server: the lock and the threads around the rules of [`Core`].
//!
//! It is built like the Raft server of this project. One lock protects the state. The **ticker** begins phase
//! 1 after an election timeout. There is one **sender** for each peer, which does not wait for answers. The
//! **applier** tells the service what is chosen and what to apply, and holds no lock meanwhile. After every
//! call of a rule, [`Shared::settle`] saves the change before anything is sent.

use super::core::{Core, Effects, Options, RestoreError, Sent};
use super::messages::{AcceptArgs, Message, PrepareArgs, Value};
use labapi::{Command, Persister};
use labrpc::{Cost, End, Service};
use labrt::collections::VecDeque;
use labrt::node::{self, NodeId};
use labrt::rng::{RngExt, rng};
use labrt::sync::{Arc, Condvar, Mutex, MutexGuard, Signal};
use labrt::time::Duration;
use labrt::{NodeClock, thread};

/// The greatest number of values that the applier takes at a time.
const APPLY_BATCH: usize = 1024;

/// The service on top of a server. The applier thread calls these methods.
pub trait Sink: Send + 'static {
    /// This server has learned that the slot is chosen. Earlier slots may not be chosen yet, so the value
    /// cannot be applied yet.
    fn chosen(&mut self, slot: u64) {
        let _ = slot;
    }

    /// The next value. The slots come in order, without a gap.
    fn apply(&mut self, slot: u64, value: Value);

    /// This server leads from now on, or it no longer leads.
    fn leads(&mut self, leads: bool) {
        let _ = leads;
    }
}

/// What the applier passes to the service.
enum News {
    Leads(bool),
    Chosen(Vec<u64>),
    Apply(Vec<(u64, Value)>),
}

/// One server of a group. Dropping this value kills the server.
pub struct Paxos {
    shared: Arc<Shared>,
}

struct Shared {
    me: usize,
    node: NodeId,
    options: Options,
    persister: Arc<Persister>,
    ends: Vec<End>,
    /// The clock from which the core gets its time.
    clock: NodeClock,
    state: Mutex<State>,
    killed: Signal,
    ticker: Condvar,
    applier: Condvar,
    senders: Vec<Condvar>,
}

struct State {
    core: Core,
    /// What the applier must tell the service before it applies more.
    news: VecDeque<News>,
    /// The deadline of the ticker's current sleep.
    ticker_sleeps_until: Duration,
    /// The deadline of each sender's current sleep.
    senders_sleep_until: Vec<Duration>,
}

impl Paxos {
    /// Starts server `me` of a group. With `peers[i]` it calls server `i`; `peers[me]` is not used. It
    /// continues from the state in `persister`. The server belongs to the [current](node::current) node.
    ///
    /// # Errors
    /// If the saved state cannot come from a server of a group of this size.
    pub fn start(
        peers: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        sink: impl Sink,
        options: Options,
    ) -> Result<Paxos, RestoreError> {
        let mut core = Core::restore(me, peers.len(), &persister)?;
        core.options = options.clone();
        core.set_election_timeout(rng().random_range(options.election_timeout.clone()));
        core.reset_election_timer(Duration::ZERO);
        let state = State {
            core,
            news: VecDeque::new(),
            ticker_sleeps_until: Duration::ZERO,
            senders_sleep_until: vec![Duration::ZERO; peers.len()],
        };
        let shared = Arc::new(Shared {
            me,
            node: node::current(),
            options,
            persister,
            senders: peers.iter().map(|_| Condvar::new()).collect(),
            ends: peers,
            clock: NodeClock::start(),
            state: Mutex::new(state),
            killed: Signal::new(),
            ticker: Condvar::new(),
            applier: Condvar::new(),
        });
        shared.settle(&mut shared.state.lock());
        shared.clone().start_threads(sink);
        Ok(Paxos { shared })
    }

    /// Proposes a command and returns at once, with the slot of the proposal. The command may still lose this
    /// slot, if another server becomes the leader. The result is `None` if this server does not lead, or was
    /// killed.
    pub fn propose(&self, command: Command) -> Option<u64> {
        self.propose_and(command, |_| ())
    }

    /// Like [`propose`](Paxos::propose). `before` is called with the slot before the command can be applied.
    /// It must not use this server.
    pub fn propose_and(&self, command: Command, before: impl FnOnce(u64)) -> Option<u64> {
        if self.shared.killed.is_raised() {
            return None;
        }
        self.shared.with(|core| core.propose(command).inspect(|slot| before(*slot)))
    }

    /// Does this server believe that it leads?
    pub fn is_leader(&self) -> bool {
        self.shared.state.lock().core.is_leader()
    }

    /// Ends the server: its threads end, and its pending RPCs fail. This method does not wait for that.
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// The RPC handlers, as the service `Paxos`.
    pub fn service(&self) -> Service {
        let (prepares, accepts) = (self.shared.clone(), self.shared.clone());
        Service::new("Paxos")
            .node(self.shared.node)
            .cost(Cost::Peer)
            .inline("Prepare", move |args: PrepareArgs| {
                prepares.with(|core| core.prepare(&args, prepares.clock.now()))
            })
            .inline("Accept", move |args: AcceptArgs| {
                accepts.with(|core| core.accept(&args, accepts.clock.now()))
            })
    }
}

impl Drop for Paxos {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Shared {
    fn start_threads(self: Arc<Self>, sink: impl Sink) {
        let me = self.me;
        let shared = self.clone();
        thread::spawn_named(format!("paxos-{me}-ticker"), move || shared.tick());
        let shared = self.clone();
        thread::spawn_named(format!("paxos-{me}-applier"), move || shared.apply(sink));
        for peer in (0..self.ends.len()).filter(|&peer| peer != me) {
            let shared = self.clone();
            thread::spawn_named(format!("paxos-{me}-to-{peer}"), move || shared.send_to(peer));
        }
    }

    /// Applies a rule and handles its effects. The lock is held until both are done.
    fn with<R>(&self, rule: impl FnOnce(&mut Core) -> R) -> R {
        let mut state = self.state.lock();
        let result = rule(&mut state.core);
        self.settle(&mut state);
        result
    }

    /// Handles the effects of the last rule: saves the change, and wakes the threads that have something to
    /// do.
    fn settle(&self, state: &mut State) {
        let State { core, news, .. } = state;
        let Effects { persist, chosen, wake_applier, leads, election_timer_reset } = core.take_effects();
        core.persist_to(&self.persister, &persist);
        if election_timer_reset {
            core.set_election_timeout(rng().random_range(self.options.election_timeout.clone()));
        }
        if core.election_deadline().is_some_and(|at| at < state.ticker_sleeps_until) {
            self.ticker.notify_one();
        }
        let has_news = leads.is_some() || !chosen.is_empty() || wake_applier;
        news.extend(leads.map(News::Leads));
        if !chosen.is_empty() {
            news.push_back(News::Chosen(chosen));
        }
        if has_news {
            self.applier.notify_one();
        }
        for (peer, sender) in self.senders.iter().enumerate() {
            if core.next_deadline(peer).is_some_and(|at| at < state.senders_sleep_until[peer]) {
                sender.notify_one();
            }
        }
    }

    /// Sleeps until another thread wakes this one, but at most until `deadline`.
    fn sleep(&self, on: &Condvar, state: &mut MutexGuard<'_, State>, deadline: Option<Duration>) {
        match deadline {
            Some(deadline) => drop(on.wait_until(state, self.clock.when(deadline))),
            None => on.wait(state),
        }
    }

    fn kill(&self) {
        if self.killed.is_raised() {
            return;
        }
        self.killed.raise();
        // Each other thread holds the lock from its check of the signal until it sleeps. So each thread
        // either sees the signal or is woken.
        let state = self.state.lock();
        self.ticker.notify_all();
        self.applier.notify_all();
        for sender in &self.senders {
            sender.notify_all();
        }
        drop(state);
        self.ends.iter().for_each(End::close);
    }

    fn tick(&self) {
        let mut state = self.state.lock();
        while !self.killed.is_raised() {
            let (now, deadline) = (self.clock.now(), state.core.election_deadline());
            if deadline.is_some_and(|at| at <= now) {
                state.core.election_timeout(now);
                self.settle(&mut state);
                continue;
            }
            state.ticker_sleeps_until = deadline.unwrap_or(Duration::MAX);
            self.sleep(&self.ticker, &mut state, deadline);
        }
    }

    fn send_to(self: &Arc<Self>, peer: usize) {
        let mut state = self.state.lock();
        while !self.killed.is_raised() {
            if let Some(outgoing) = state.core.next_message(peer, self.clock.now()) {
                drop(state);
                self.send(outgoing.sent, outgoing.message);
                state = self.state.lock();
                continue;
            }
            let deadline = state.core.next_deadline(peer);
            state.senders_sleep_until[peer] = deadline.unwrap_or(Duration::MAX);
            self.sleep(&self.senders[peer], &mut state, deadline);
        }
    }

    /// Sends a message. The answer arrives as a callback, on any thread, so the caller must not hold the
    /// lock.
    fn send(self: &Arc<Self>, sent: Sent, message: Message) {
        let (end, shared) = (&self.ends[sent.peer], self.clone());
        match message {
            Message::Prepare(args) => end.send("Paxos.Prepare", &args, move |reply| {
                shared.take_outcome(sent, reply, Core::prepare_reply);
            }),
            Message::Accept(args) => end.send("Paxos.Accept", &args, move |reply| {
                shared.take_outcome(sent, reply, Core::accept_reply);
            }),
        }
    }

    /// Handles the final outcome of a message: its reply, or the report that no reply will come.
    fn take_outcome<R>(&self, sent: Sent, reply: Option<R>, rule: fn(&mut Core, Sent, &R, Duration)) {
        let _node = node::enter(self.node);
        self.with(|core| match &reply {
            Some(reply) => rule(core, sent, reply, self.clock.now()),
            None => core.message_lost(sent),
        });
    }

    fn apply(&self, mut sink: impl Sink) {
        while let Some(news) = self.next_news() {
            match news {
                News::Leads(leads) => sink.leads(leads),
                News::Chosen(slots) => slots.into_iter().for_each(|slot| sink.chosen(slot)),
                News::Apply(values) => values.into_iter().for_each(|(slot, value)| sink.apply(slot, value)),
            }
        }
    }

    /// Waits until there are news for the service. Returns `None` if the server was killed.
    fn next_news(&self) -> Option<News> {
        let mut state = self.state.lock();
        loop {
            if self.killed.is_raised() {
                return None;
            }
            if let Some(news) = state.news.pop_front() {
                return Some(news);
            }
            let values = state.core.take_apply(APPLY_BATCH);
            if !values.is_empty() {
                return Some(News::Apply(values));
            }
            self.applier.wait(&mut state);
        }
    }
}
