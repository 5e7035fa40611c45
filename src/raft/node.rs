//! A Raft server: the threads around the pure rules of [`Core`].
//!
//! The structure is the course's. One lock protects the state; around it run
//!
//! * the **ticker**: starts an election when no leader was heard for an election timeout (5.2);
//! * one **sender per peer**: requests for votes, entries, heartbeats, snapshots. It sends without waiting for
//!   the answer, which comes back as a callback, so a peer that is dead, slow or cut off holds up nobody;
//! * the **applier**: hands committed commands to the service, and holds no lock while it does.
//!
//! Everything that happens goes through one function, `Shared::with`: lock, apply a rule of the core, **persist what it changed**,
//! see to timers and wake-ups, unlock. A reply, and any message made from the new state, comes after that, so
//! nothing can be seen that could be forgotten in a crash (Figure 2: "before responding to RPCs").
//!
//! All sleeping is on condition variables with a deadline. Nothing polls, and [`Raft::kill`] wakes all.

use super::apply_msg::{ApplyMsg, ApplySink};
use super::command::{Bytes, Command};
use super::core::{Core, RestoreError, Role, Rules, SnapshotError, Started};
use super::effects::{Due, RoleChange, Tick};
use super::messages::{AppendEntriesArgs, InstallSnapshotArgs, Message, RequestVoteArgs};
use super::persister::Persister;
use super::progress::{Outgoing, Sent};
use labrpc::{Cost, End, Service};
use labrt::collections::VecDeque;
use labrt::node::{self, NodeId};
use labrt::rng::{RngExt, rng};
use labrt::sync::{Arc, Condvar, Mutex, MutexGuard, Signal};
use labrt::time::{Duration, Instant};
use labrt::{dlog, thread};
use std::ops::Range;

/// How a server keeps time, and whether it keeps the rules.
#[derive(Clone, Debug)]
pub struct Options {
    /// Each election timeout is drawn from this range (5.2: randomized, so that split votes are rare). It must be
    /// well above [`heartbeat`](Options::heartbeat), or lost heartbeats unseat good leaders.
    pub election_timeout: Range<Duration>,
    /// A leader that has nothing else to say to a peer says so this often. Shorter costs messages, longer makes
    /// failures take longer to notice.
    pub heartbeat: Duration,
    /// A peer that has not answered a message with entries for so long gets the next ones all the same. Until
    /// then new entries wait and go together.
    pub pipeline: Duration,
    /// A peer learns of a new commit index with the next entries, or after so long on its own. Until then
    /// commits are told together.
    pub commit: Duration,
    /// Rules that may be broken to see what they are good for.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            election_timeout: Duration::from_millis(300)..Duration::from_millis(600),
            heartbeat: Duration::from_millis(100),
            pipeline: Duration::from_millis(10),
            commit: Duration::from_millis(10),
            rules: Rules::default(),
        }
    }
}

/// The most commands the applier takes at a time.
const APPLY_BATCH: usize = 1024;

/// One server of a Raft group. Dropping it kills it.
pub struct Raft {
    shared: Arc<Shared>,
}

struct Shared {
    me: usize,
    node: NodeId,
    options: Options,
    persister: Arc<Persister>,
    ends: Vec<End>,
    state: Mutex<State>,
    /// Raised by `kill`; also ends a send on the apply channel.
    killed: Signal,
    /// Where the ticker, the applier and each sender sleep.
    ticker: Condvar,
    applier: Condvar,
    senders: Vec<Condvar>,
}

struct State {
    core: Core,
    election_deadline: Instant,
    clocks: Vec<PeerClock>,
    /// Changes of role for the applier to tell; only for a service that wants them.
    roles: Option<VecDeque<RoleChange>>,
}

/// When a peer was last sent something, and last heard.
#[derive(Clone, Copy)]
struct PeerClock {
    any: Option<Instant>,
    entries: Option<Instant>,
    heard: Instant,
}

impl PeerClock {
    /// When an interval that began at `from` is over; at once if it never began.
    fn end(from: Option<Instant>, interval: Duration) -> Option<Instant> {
        from.map(|at| at + interval)
    }

    fn tick(&self, options: &Options, now: Instant) -> Tick {
        let over = |from, interval| PeerClock::end(from, interval).is_none_or(|end| end <= now);
        Tick {
            heartbeat: over(self.any, options.heartbeat),
            pipeline: over(self.entries, options.pipeline),
            commit: over(self.any, options.commit),
        }
    }

    /// Until when the sender may sleep; None: until it is woken.
    fn wake_at(&self, options: &Options, due: Due, now: Instant) -> Option<Instant> {
        let end =
            |wanted: bool, from, interval| wanted.then(|| PeerClock::end(from, interval).unwrap_or(now));
        [
            due.now.then_some(now),
            end(due.pipeline, self.entries, options.pipeline),
            end(due.commit, self.any, options.commit),
            end(due.heartbeat, self.any, options.heartbeat),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn sent(&mut self, message: &Message, now: Instant) {
        self.any = Some(now);
        if matches!(message, Message::AppendEntries(args) if !args.entries.is_empty()) {
            self.entries = Some(now);
        }
    }
}

impl Raft {
    /// Starts server `me` of as many as there are `peers`, with what `persister` holds (nothing: a first start).
    /// Returns at once; committed commands go to `apply`, in order, from threads of this server.
    ///
    /// `peers[i]` leads to the service of server `i`; `peers[me]` is not used. The server belongs to the node
    /// that is [current](node::current).
    ///
    /// # Errors
    /// What is wrong with the persisted state, if it was not written by such a server.
    pub fn make(
        peers: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        apply: impl ApplySink,
    ) -> Result<Raft, RestoreError> {
        Raft::make_with(peers, me, persister, apply, Options::default())
    }

    /// [`make`](Raft::make) with options.
    ///
    /// # Errors
    /// As [`make`](Raft::make).
    pub fn make_with(
        peers: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        apply: impl ApplySink,
        options: Options,
    ) -> Result<Raft, RestoreError> {
        let mut core = Core::restore(me, peers.len(), &persister)?;
        core.rules = options.rules;
        let now = Instant::now();
        let state = State {
            core,
            election_deadline: now + election_timeout(&options),
            clocks: vec![PeerClock { any: None, entries: None, heard: now }; peers.len()],
            roles: apply.wants_roles().then(VecDeque::new),
        };
        let shared = Arc::new(Shared {
            me,
            node: node::current(),
            options,
            persister,
            senders: peers.iter().map(|_| Condvar::new()).collect(),
            ends: peers,
            state: Mutex::new(state),
            killed: Signal::new(),
            ticker: Condvar::new(),
            applier: Condvar::new(),
        });
        shared.clone().start_threads(apply);
        Ok(Raft { shared })
    }

    /// Starts agreement on a command and returns at once: where the command will be if it is ever committed, and the
    /// term. `None` if this server does not lead.
    pub fn start(&self, command: Command) -> Option<Started> {
        if self.shared.killed.is_raised() {
            return None;
        }
        self.shared.with(|core| core.propose(command))
    }

    /// The current term, and whether this server believes that it leads it.
    pub fn get_state(&self) -> (u64, bool) {
        let state = self.shared.state.lock();
        (state.core.current_term(), state.core.is_leader())
    }

    /// The service has all of its state up to and including `index` in `snapshot`; the log may forget it
    /// (section 7).
    ///
    /// # Errors
    /// If the service was not yet given the command at `index`.
    pub fn snapshot(&self, index: u64, snapshot: impl Into<Bytes>) -> Result<(), SnapshotError> {
        let data = snapshot.into();
        self.shared.with(|core| core.snapshot(index, data))
    }

    /// May the service switch to this snapshot? Always: this Raft delivers a snapshot only where it fits between
    /// the commands. The course kept the question until 2022.
    pub fn cond_install_snapshot(&self, _term: u64, _index: u64, _snapshot: &[u8]) -> bool {
        true
    }

    /// Ends the server: no message is delivered from now on, its threads end, its pending RPCs fail. Does not
    /// wait for any of that. A second call does nothing.
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// The RPC handlers, as service `Raft`.
    pub fn service(&self) -> Service {
        let shared = || self.shared.clone();
        let (votes, entries, snapshots) = (shared(), shared(), shared());
        // Inline: each takes the lock for microseconds and waits for nobody.
        Service::new("Raft")
            .node(self.shared.node)
            .cost(Cost::Raft)
            .inline("RequestVote", move |args: RequestVoteArgs| votes.with(|core| core.request_vote(&args)))
            .inline("AppendEntries", move |args: AppendEntriesArgs| {
                entries.with(|core| core.append_entries(&args))
            })
            .inline("InstallSnapshot", move |args: InstallSnapshotArgs| {
                snapshots.with(|core| core.install_snapshot(&args))
            })
    }
}

impl Drop for Raft {
    fn drop(&mut self) {
        self.kill();
    }
}

fn election_timeout(options: &Options) -> Duration {
    rng().random_range(options.election_timeout.clone())
}

impl Shared {
    fn start_threads(self: Arc<Self>, apply: impl ApplySink) {
        let me = self.me;
        let shared = self.clone();
        thread::spawn_named(format!("raft-{me}-ticker"), move || shared.tick());
        let shared = self.clone();
        thread::spawn_named(format!("raft-{me}-applier"), move || shared.apply(apply));
        for peer in (0..self.ends.len()).filter(|&peer| peer != me) {
            let shared = self.clone();
            thread::spawn_named(format!("raft-{me}-to-{peer}"), move || shared.send_to(peer));
        }
    }

    /// The one way to the core. What the rule changed is persistent before anything can come of it.
    fn with<R>(&self, rule: impl FnOnce(&mut Core) -> R) -> R {
        let mut state = self.state.lock();
        let result = rule(&mut state.core);
        self.settle(&mut state);
        result
    }

    /// Persists what the core has changed; then timers and wake-ups.
    fn settle(&self, state: &mut State) {
        let effects = state.core.take_effects();
        if !effects.persist.is_empty() {
            state.core.persist_to(&self.persister, &effects.persist);
        }
        if effects.reset_election_timer {
            // The deadline only moves away, so the ticker need not be woken for it.
            state.election_deadline = Instant::now() + election_timeout(&self.options);
        }
        if let Some(change) = effects.role_changed {
            // A new leader gives everybody the time to answer.
            state.clocks.iter_mut().for_each(|clock| clock.heard = Instant::now());
            if let Some(roles) = &mut state.roles {
                roles.push_back(change);
                self.applier.notify_one();
            }
            self.ticker.notify_one();
        }
        if effects.wake_applier {
            self.applier.notify_one();
        }
        for peer in effects.wake_peers {
            self.senders[peer].notify_one();
        }
    }

    fn kill(&self) {
        if self.killed.is_raised() {
            return;
        }
        self.killed.raise();
        // Under the lock, so that a thread that is about to sleep has either seen the signal or hears this.
        let state = self.state.lock();
        self.ticker.notify_all();
        self.applier.notify_all();
        for sender in &self.senders {
            sender.notify_all();
        }
        drop(state);
        self.ends.iter().for_each(End::close);
    }

    // ------------------------------------------------------------------ The ticker

    fn tick(&self) {
        let mut state = self.state.lock();
        while !self.killed.is_raised() {
            match state.core.role() {
                Role::Leader => self.lead(&mut state),
                Role::Follower | Role::Candidate => self.follow(&mut state),
            }
        }
    }

    fn follow(&self, state: &mut MutexGuard<'_, State>) {
        if Instant::now() < state.election_deadline {
            let deadline = state.election_deadline;
            self.ticker.wait_until(state, deadline);
            return;
        }
        dlog!(TIMR, state.core.current_term(), "election timeout");
        state.core.election_timeout();
        self.settle(state);
    }

    /// A leader has no election timeout, and does not mind being alone.
    fn lead(&self, state: &mut MutexGuard<'_, State>) {
        if !self.options.rules.step_down_without_majority {
            return self.ticker.wait(state);
        }
        let patience = self.options.election_timeout.end;
        let heard = |peer: &usize| *peer == self.me || state.clocks[*peer].heard.elapsed() < patience;
        let in_touch = (0..self.ends.len()).filter(heard).count();
        if in_touch <= self.ends.len() / 2 {
            state.core.majority_lost();
            return self.settle(state);
        }
        self.ticker.wait_for(state, self.options.heartbeat);
    }

    // ------------------------------------------------------------------ The senders

    fn send_to(self: &Arc<Self>, peer: usize) {
        let mut state = self.state.lock();
        while !self.killed.is_raised() {
            let now = Instant::now();
            let clock = &mut state.clocks[peer];
            let tick = clock.tick(&self.options, now);
            if let Some(outgoing) = state.core.next_message(peer, tick) {
                state.clocks[peer].sent(&outgoing.message, now);
                drop(state);
                self.send(outgoing);
                state = self.state.lock();
                continue;
            }
            let due = state.core.due(peer);
            match state.clocks[peer].wake_at(&self.options, due, now) {
                Some(at) => drop(self.senders[peer].wait_until(&mut state, at)),
                None => self.senders[peer].wait(&mut state),
            }
        }
    }

    /// Sends a message; the answer comes back as a callback, on whatever thread. Without the lock: the callback takes
    /// it, perhaps before this returns.
    fn send(self: &Arc<Self>, outgoing: Outgoing) {
        let Outgoing { sent, message } = outgoing;
        let end = &self.ends[sent.peer];
        let shared = self.clone();
        match message {
            Message::RequestVote(args) => {
                end.send("Raft.RequestVote", &args, move |r| shared.answered(sent, r, Core::vote_reply));
            }
            Message::AppendEntries(args) => {
                end.send("Raft.AppendEntries", &args, move |r| shared.answered(sent, r, Core::append_reply));
            }
            Message::InstallSnapshot(args) => {
                end.send("Raft.InstallSnapshot", &args, move |r| {
                    shared.answered(sent, r, Core::snapshot_reply)
                });
            }
        }
    }

    fn answered<R>(&self, sent: Sent, reply: Option<R>, rule: fn(&mut Core, Sent, &R)) {
        let _node = node::enter(self.node);
        let mut state = self.state.lock();
        match &reply {
            Some(reply) => {
                state.clocks[sent.peer].heard = Instant::now();
                rule(&mut state.core, sent, reply);
            }
            None => state.core.message_lost(sent),
        }
        self.settle(&mut state);
    }

    // ------------------------------------------------------------------ The applier

    fn apply(&self, mut sink: impl ApplySink) {
        while let Some(batch) = self.next_batch() {
            if !sink.deliver_batch(batch, &self.killed) {
                return;
            }
        }
    }

    /// Waits for something to apply. None: the server was killed.
    fn next_batch(&self) -> Option<Vec<ApplyMsg>> {
        let mut state = self.state.lock();
        loop {
            if self.killed.is_raised() {
                return None;
            }
            if let Some(RoleChange { term, is_leader }) = state.roles.as_mut().and_then(VecDeque::pop_front) {
                return Some(vec![ApplyMsg::Role { term, is_leader }]);
            }
            if let Some(batch) = state.core.take_apply(APPLY_BATCH) {
                return Some(batch);
            }
            self.applier.wait(&mut state);
        }
    }
}
