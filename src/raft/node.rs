//! A Raft server: the threads around the pure rules of [`Core`].
//!
//! The structure is the course's. One lock protects the state; around it run
//!
//! * the **ticker**: starts an election when no leader was heard for an election timeout (5.2);
//! * one **sender per peer**: requests for votes, entries, heartbeats, snapshots. It sends without waiting for
//!   the answer, which comes back as a callback, so a peer that is dead, slow or cut off holds up nobody
//!   (`node/senders.rs`);
//! * the **applier**: hands committed commands to the service, and holds no lock while it does.
//!
//! Everything that happens goes through one function, `Shared::with`: lock, apply a rule of the core, **persist what it changed**,
//! see to timers and wake-ups, unlock. A reply, and any message made from the new state, comes after that, so
//! nothing can be seen that could be forgotten in a crash (Figure 2: "before responding to RPCs").
//!
//! All sleeping is on condition variables with a deadline. Nothing polls, and [`Raft::kill`] wakes all.

mod senders;
mod tell;

use super::apply_sink::ApplySink;
use super::core::{Core, RestoreError, Rules, SnapshotError};
use super::effects::{Effects, RoleChange};
use super::messages::{AppendEntriesArgs, InstallSnapshotArgs, RequestVoteArgs};
use labapi::{ApplyMsg, Bytes, Command, Persister, RaftStatus, Role, Started, observe};
use labrpc::{Cost, End, Service};
use labrt::collections::VecDeque;
use labrt::node::{self, NodeId};
use labrt::rng::{RngExt, rng};
use labrt::sync::{Arc, Condvar, Mutex, MutexGuard, Signal};
use labrt::time::{Duration, Instant};
use labrt::{dlog, thread, trace};
use senders::PeerClock;
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
    /// A server that does not lead lets so much time pass from one batch for its service to the next. Nobody waits
    /// for it, and each batch costs waking a thread.
    pub follow: Duration,
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
            follow: Duration::from_millis(1),
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
    /// Of the last rule; kept for its buffers.
    effects: Effects,
    election_deadline: Instant,
    clocks: Vec<PeerClock>,
    /// A thread in [`Raft::flush`] sends at the moment, and will look for more.
    flushing: bool,
    /// Until when the applier of a server that does not lead takes nothing out.
    rest: Instant,
    /// The applier sleeps until then.
    resting: bool,
    /// The message or operation that gave the applier its work, for the trace; 0: none.
    applier_woken_by: u64,
    /// Changes of role for the applier to tell; only for a service that wants them.
    roles: Option<VecDeque<RoleChange>>,
}

impl State {
    /// Can the service wait for the rest of the batch?
    fn may_rest(&self) -> bool {
        let backlog = self.core.commit_index() - self.core.last_applied();
        !self.core.is_leader() && backlog < APPLY_BATCH as u64
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
        tell::restored(&core);
        let now = Instant::now();
        let state = State {
            core,
            effects: Effects::default(),
            election_deadline: now + election_timeout(&options),
            clocks: vec![PeerClock::new(now); peers.len()],
            flushing: false,
            rest: now,
            resting: false,
            applier_woken_by: 0,
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

    /// [`start`](Raft::start), but nothing is sent before somebody calls [`flush`](Raft::flush), which the caller must
    /// do soon.
    pub fn propose(&self, command: Command) -> Option<Started> {
        if self.shared.killed.is_raised() {
            return None;
        }
        let mut state = self.shared.state.lock();
        let started = state.core.propose(command);
        self.shared.settle_but_senders(&mut state);
        started
    }

    /// Sends what there is to send at once, on the calling thread: waking a sender takes longer than sending. Never
    /// waits for an answer. Must be called without a lock, as an answer that comes at once is taken in here.
    pub fn flush(&self) {
        self.shared.flush();
    }

    /// The current term, and whether this server believes that it leads it.
    pub fn get_state(&self) -> (u64, bool) {
        let state = self.shared.state.lock();
        (state.core.current_term(), state.core.is_leader())
    }

    /// Where the server stands at this moment.
    pub fn status(&self) -> RaftStatus {
        let state = self.shared.state.lock();
        let core = &state.core;
        RaftStatus {
            term: core.current_term(),
            role: core.role(),
            commit_index: core.commit_index(),
            last_applied: core.last_applied(),
            last_index: core.log().last_index(),
            snapshot_index: core.log().last_included_index(),
        }
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
            .cost(Cost::Peer)
            .inline("RequestVote", move |args: RequestVoteArgs| {
                let reply = votes.with(|core| core.request_vote(&args));
                observe::vote_reply(reply.term, reply.vote_granted);
                reply
            })
            .inline("AppendEntries", move |args: AppendEntriesArgs| {
                let reply = entries.with(|core| core.append_entries(&args));
                let conflict = reply.conflict.map(|it| (it.index, it.term.unwrap_or_default()));
                observe::append_reply(reply.term, reply.success, conflict);
                reply
            })
            .inline("InstallSnapshot", move |args: InstallSnapshotArgs| {
                let reply = snapshots.with(|core| core.install_snapshot(&args));
                observe::snapshot_reply(reply.term);
                reply
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
        let wake = self.settle_but_senders(state);
        // Whoever flushes looks again before it ends.
        for peer in wake.into_iter().filter(|_| !state.flushing) {
            self.senders[peer].notify_one();
        }
    }

    /// [`settle`](Shared::settle), except for the senders to be woken, which are returned. Whom nobody wakes comes
    /// up again the next time.
    fn settle_but_senders(&self, state: &mut State) -> Vec<usize> {
        let State { core, effects, .. } = state;
        core.take_effects_into(effects);
        effects.events.iter().for_each(|event| tell::event(core, event));
        if !effects.persist.is_empty() {
            core.persist_to(&self.persister, &effects.persist);
            dlog!(PERS, core.current_term(), "persists: {:?}", effects.persist);
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
            }
            state.applier_woken_by = trace::parent();
            self.applier.notify_one();
            self.ticker.notify_one();
        }
        if effects.wake_applier {
            state.applier_woken_by = trace::parent();
            if !(state.resting && state.may_rest()) {
                self.applier.notify_one();
            }
        }
        let wake = std::mem::take(&mut state.effects.wake_peers);
        for &peer in &wake {
            state.clocks[peer].work_from(trace::parent());
        }
        wake
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

    // ------------------------------------------------------------------ The applier

    fn apply(&self, mut sink: impl ApplySink) {
        while let Some((batch, woken_by)) = self.next_batch() {
            let _under = trace::under(woken_by);
            if !sink.deliver_batch(batch, &self.killed) {
                return;
            }
        }
    }

    /// Waits for something to apply; with it, in whose course it came. None: the server was killed.
    fn next_batch(&self) -> Option<(Vec<ApplyMsg>, u64)> {
        let mut state = self.state.lock();
        loop {
            if self.killed.is_raised() {
                return None;
            }
            let woken_by = state.applier_woken_by;
            if let Some(RoleChange { term, is_leader }) = state.roles.as_mut().and_then(VecDeque::pop_front) {
                return Some((vec![ApplyMsg::Role { term, is_leader }], woken_by));
            }
            let now = Instant::now();
            if state.may_rest() && now < state.rest {
                let rest = state.rest;
                state.resting = true;
                self.applier.wait_until(&mut state, rest);
                state.resting = false;
                continue;
            }
            let _under = trace::under(woken_by);
            if let Some(batch) = state.core.take_apply(APPLY_BATCH) {
                self.settle(&mut state);
                state.rest = now + self.options.follow;
                return Some((batch, woken_by));
            }
            self.applier.wait(&mut state);
        }
    }
}
