//! A Raft server: the threads around the pure rules of [`Core`].
//!
//! The structure is the course's. One lock protects the state; around it run
//!
//! * the **ticker**: starts an election when no leader was heard for an election timeout (5.2);
//! * one **sender per peer**: requests for votes, entries, heartbeats, snapshots. It sends without waiting for
//!   the answer, which comes back as a callback, so a peer that is dead, slow or cut off holds up nobody
//!   (`server/senders.rs`);
//! * the **applier**: hands committed commands to the service, and holds no lock while it does.
//!
//! Every change ends in one function, `Shared::settle_unsent`, before the lock is released: tell what the rule changed,
//! **persist it**, see to timers and wake-ups. A reply, and any message made from the new state, comes after that, so
//! nothing can be seen that could be forgotten in a crash (Figure 2: "before responding to RPCs").
//!
//! All sleeping is on condition variables with a deadline. Nothing polls, and [`Raft::kill`] wakes all.

mod senders;
mod tell;

use super::apply_sink::ApplySink;
use super::core::{ApplyBatch, Core, RestoreError, SnapshotError};
use super::effects::{Effects, RoleChange};
use super::messages::{AppendEntriesArgs, InstallSnapshotArgs, RequestVoteArgs};
use super::options::Options;
use labapi::{Bytes, Command, Persister, RaftStatus, Started, observe};
use labrpc::{Cost, End, Service};
use labrt::collections::VecDeque;
use labrt::node::{self, NodeId};
use labrt::rng::{RngExt, rng};
use labrt::sync::{Arc, Condvar, Mutex, MutexGuard, Signal};
use labrt::time::{Duration, Instant};
use labrt::{dlog, thread, trace};
use senders::Sleeper;

/// The most commands the applier takes at a time.
const APPLY_BATCH: usize = 1024;

/// What the applier has for the service.
enum News {
    /// The role or the term has changed.
    Role(RoleChange),
    /// Committed messages.
    Batch(ApplyBatch),
}

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
    /// The zero of the core's time.
    zero: Instant,
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
    /// Until when the ticker sleeps; zero: it has not slept yet.
    ticker_sleeps_until: Duration,
    /// The senders, by peer.
    sleepers: Vec<Sleeper>,
    /// A thread in [`Raft::flush`] sends at the moment, and will look for more.
    flushing: bool,
    /// Until when the applier of a server that does not lead takes nothing out.
    rest: Duration,
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
        tell::restored(&core);
        core.options = options.clone();
        core.set_election_timeout(draw_election_timeout(&options));
        core.reset_election_timer(Duration::ZERO);
        let state = State {
            core,
            effects: Effects::default(),
            ticker_sleeps_until: Duration::ZERO,
            sleepers: vec![Sleeper::default(); peers.len()],
            flushing: false,
            rest: Duration::ZERO,
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
            zero: Instant::now(),
            state: Mutex::new(state),
            killed: Signal::new(),
            ticker: Condvar::new(),
            applier: Condvar::new(),
        });
        shared.settle(&mut shared.state.lock());
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
    pub fn start_unsent(&self, command: Command) -> Option<Started> {
        if self.shared.killed.is_raised() {
            return None;
        }
        let mut state = self.shared.state.lock();
        let started = state.core.propose(command);
        self.shared.settle_unsent(&mut state);
        started
    }

    /// Sends what [`start_unsent`](Raft::start_unsent) has left unsent, and whatever else there is to send, on the calling thread: waking a sender takes longer than sending. Never
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
                let reply = votes.with(|core| core.request_vote(&args, votes.now()));
                observe::vote_reply(reply.term, reply.vote_granted);
                reply
            })
            .inline("AppendEntries", move |args: AppendEntriesArgs| {
                let reply = entries.with(|core| core.append_entries(&args, entries.now()));
                let conflict = reply.conflict.map(|it| (it.index, it.term));
                observe::append_reply(reply.term, reply.success, conflict);
                reply
            })
            .inline("InstallSnapshot", move |args: InstallSnapshotArgs| {
                let reply = snapshots.with(|core| core.install_snapshot(&args, snapshots.now()));
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

fn draw_election_timeout(options: &Options) -> Duration {
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

    /// Applies a rule and settles it, under one lock.
    fn with<R>(&self, rule: impl FnOnce(&mut Core) -> R) -> R {
        let mut state = self.state.lock();
        let result = rule(&mut state.core);
        self.settle(&mut state);
        result
    }

    /// Does what the last rule wants done, and wakes the senders that have something to send.
    fn settle(&self, state: &mut State) {
        self.settle_unsent(state);
        // Whoever flushes looks again before it ends.
        if !state.flushing {
            self.wake_senders(state);
        }
    }

    /// [`settle`](Shared::settle), but the senders are left asleep: the next `settle` wakes them, or a flush does
    /// their work.
    fn settle_unsent(&self, state: &mut State) {
        let State { core, effects, .. } = state;
        core.take_effects_into(effects);
        effects.events.iter().for_each(|event| tell::event(core, event));
        if !effects.persist.is_empty() {
            core.persist_to(&self.persister, &effects.persist);
            dlog!(PERS, core.current_term(), "persists: {:?}", effects.persist);
        }
        if effects.election_timer_reset {
            core.set_election_timeout(draw_election_timeout(&self.options));
        }
        if core.election_deadline().is_some_and(|at| at < state.ticker_sleeps_until) {
            self.ticker.notify_one();
        }
        if let (Some(change), Some(roles)) = (effects.role_changed, &mut state.roles) {
            roles.push_back(change);
            state.applier_woken_by = trace::parent();
            self.applier.notify_one();
        }
        if effects.wake_applier {
            state.applier_woken_by = trace::parent();
            if !(state.resting && state.may_rest()) {
                self.applier.notify_one();
            }
        }
        state.note_work();
    }

    /// The time by which the core goes.
    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    /// Sleeps until somebody wakes this thread, at the longest until `deadline`.
    fn sleep(&self, on: &Condvar, state: &mut MutexGuard<'_, State>, deadline: Option<Duration>) {
        match deadline {
            Some(deadline) => drop(on.wait_until(state, self.zero + deadline)),
            None => on.wait(state),
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
            let (now, deadline) = (self.now(), state.core.election_deadline());
            if deadline.is_some_and(|at| at <= now) {
                dlog!(TIMR, state.core.current_term(), "election timeout");
                state.core.election_timeout(now);
                self.settle(&mut state);
                continue;
            }
            state.ticker_sleeps_until = deadline.unwrap_or(Duration::MAX);
            self.sleep(&self.ticker, &mut state, deadline);
        }
    }

    // ------------------------------------------------------------------ The applier

    fn apply(&self, mut sink: impl ApplySink) {
        while let Some((news, woken_by)) = self.next_news() {
            let _under = trace::under(woken_by);
            match news {
                News::Role(change) => sink.role_changed(change),
                News::Batch(batch) => {
                    if !sink.deliver_batch(batch, &self.killed) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for something to apply. Returns it with the id of the message or operation that caused it. `None`: the
    /// server was killed.
    fn next_news(&self) -> Option<(News, u64)> {
        let mut state = self.state.lock();
        loop {
            if self.killed.is_raised() {
                return None;
            }
            let woken_by = state.applier_woken_by;
            if let Some(change) = state.roles.as_mut().and_then(VecDeque::pop_front) {
                return Some((News::Role(change), woken_by));
            }
            let (now, rest) = (self.now(), state.rest);
            if state.may_rest() && now < rest {
                state.resting = true;
                self.sleep(&self.applier, &mut state, Some(rest));
                state.resting = false;
                continue;
            }
            let _under = trace::under(woken_by);
            if let Some(batch) = state.core.take_apply(APPLY_BATCH) {
                self.settle(&mut state);
                state.rest = now + self.options.apply_interval;
                return Some((News::Batch(batch), woken_by));
            }
            self.applier.wait(&mut state);
        }
    }
}
