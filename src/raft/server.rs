//! A Raft server: the lock and the threads around the rules of [`Core`].
//!
//! The structure is the same as in the course. One lock protects the state. These threads use the state:
//!
//! * The **ticker** starts an election when this server has not heard from a leader for an election timeout
//!   (5.2).
//! * One **sender per peer** sends requests for votes, entries, heartbeats and snapshots. It does not wait
//!   for the answers. An answer arrives as a callback. So a peer that is dead, slow or cut off blocks no
//!   thread (`server/senders.rs`).
//! * The **applier** delivers committed commands to the service. It holds no lock while it delivers. Other
//!   threads may help it (`server/applier.rs`).
//!
//! After every call of a rule, the thread calls `Shared::settle_unsent` before it releases the lock. This
//! function writes the events of the rule to the trace, **persists the change**, and handles timers and
//! wake-ups. Replies, and messages with the new state, are sent after that. So a crash cannot undo what
//! another server has already seen (Figure 2: "before responding to RPCs").
//!
//! All threads sleep on condition variables, with a deadline if they have one. No thread polls.
//! [`Raft::kill`] wakes all threads.

mod applier;
mod reads;
mod senders;
mod tell;

use super::apply_sink::ApplySink;
use super::core::{Core, RestoreError, SnapshotError, TransferError};
use super::effects::Effects;
use super::messages::{AppendEntriesArgs, InstallSnapshotArgs, RequestVoteArgs, TimeoutNowArgs};
use super::options::Options;
use applier::Applying;
use labapi::{Bytes, Command, Persister, RaftStatus, Started, observe};
use labrpc::{Cost, End, Responder, Service};
use labrt::node::{self, NodeId};
use labrt::rng::{RngExt, rng};
use labrt::sync::{Arc, Condvar, Mutex, MutexGuard, Signal};
use labrt::time::Duration;
use labrt::{NodeClock, dlog, thread};
use reads::Reads;
use senders::Sleeper;

/// One server of a Raft group. Dropping this value kills the server.
pub struct Raft {
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
    /// `kill` raises this signal. It also ends a blocked send on the apply channel.
    killed: Signal,
    /// The index of the last entry that the saved snapshot covered when this server started.
    restored_index: u64,
    /// The condition variables on which the ticker, the applier and the senders sleep: this field and the
    /// next two.
    ticker: Condvar,
    applier: Condvar,
    senders: Vec<Condvar>,
}

struct State {
    core: Core,
    /// The effects of the last rule. They stay here because the next rule uses their memory again.
    effects: Effects,
    /// The deadline of the ticker's current sleep, or of its last sleep if it is awake. It is zero if the
    /// ticker has not slept yet.
    ticker_sleeps_until: Duration,
    /// The state of each sender thread, by peer.
    sleepers: Vec<Sleeper>,
    /// Is a thread sending messages in [`Raft::flush`] now? If so, this thread also finds the messages that
    /// become due during its flush.
    flushing: bool,
    /// Do the callers flush the commands that they start? This is true after a flush, and false after a call
    /// of [`Raft::start`].
    callers_flush: bool,
    applying: Applying,
    reads: Reads,
}

impl Raft {
    /// Starts server `me` of a group. The group has as many servers as `peers` has ends. The server continues
    /// from the state in `persister`. An empty persister means that the server starts for the first time.
    /// This function returns at once. A thread of the server delivers committed commands to `apply`, in
    /// order.
    ///
    /// With `peers[i]` this server calls server `i`; `peers[me]` is not used. The server belongs to the
    /// [current](node::current) node.
    ///
    /// # Errors
    /// If the persisted state cannot come from a server of a group of this size. The error says what is wrong
    /// with the state.
    pub fn make(
        peers: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        apply: impl ApplySink,
    ) -> Result<Raft, RestoreError> {
        Raft::make_with(peers, me, persister, apply, Options::default())
    }

    /// Like [`make`](Raft::make), but with other options than the default.
    ///
    /// # Errors
    /// The same as [`make`](Raft::make).
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
        core.note_start(Duration::ZERO);
        let restored_index = core.last_applied();
        let state = State {
            core,
            effects: Effects::default(),
            ticker_sleeps_until: Duration::ZERO,
            sleepers: vec![Sleeper::default(); peers.len()],
            flushing: false,
            callers_flush: false,
            applying: Applying::new(apply),
            reads: Reads::default(),
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
            restored_index,
            ticker: Condvar::new(),
            applier: Condvar::new(),
        });
        shared.settle(&mut shared.state.lock());
        shared.clone().start_threads();
        Ok(Raft { shared })
    }

    /// Starts agreement on a command and returns at once. The result contains the term, and the index that
    /// the command will have if it is ever committed. The result is `None` if this server does not lead, or
    /// was killed.
    pub fn start(&self, command: Command) -> Option<Started> {
        if self.shared.killed.is_raised() {
            return None;
        }
        let mut state = self.shared.state.lock();
        state.callers_flush = false;
        let started = state.core.propose(command);
        self.shared.settle(&mut state);
        started
    }

    /// Like [`start`](Raft::start), but sends nothing. The caller must call [`flush`](Raft::flush) soon.
    pub fn start_unsent(&self, command: Command) -> Option<Started> {
        if self.shared.killed.is_raised() {
            return None;
        }
        let mut state = self.shared.state.lock();
        let started = state.core.propose(command);
        self.shared.settle_unsent(&mut state);
        started
    }

    /// Sends what [`start_unsent`](Raft::start_unsent) has not sent, and all other messages that are due. The
    /// calling thread sends the messages itself, because waking a sender takes longer than sending. It does
    /// not wait for answers. The caller must not hold a lock, because the calling thread also handles an
    /// answer that arrives at once. If the sink [never blocks](ApplySink::never_blocks), the calling thread
    /// may also deliver messages to it.
    pub fn flush(&self) {
        self.shared.flush();
    }

    /// The current term, and whether this server believes that it is the leader of that term.
    pub fn get_state(&self) -> (u64, bool) {
        let state = self.shared.state.lock();
        (state.core.current_term(), state.core.is_leader())
    }

    /// The state of the server at this moment.
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

    /// Takes over a snapshot of the service. `snapshot` contains the service's state after the command at
    /// `index`. So the log may discard the entries up to and including `index` (section 7).
    ///
    /// # Errors
    /// If the service has not received the command at `index` yet.
    pub fn snapshot(&self, index: u64, snapshot: impl Into<Bytes>) -> Result<(), SnapshotError> {
        let data = snapshot.into();
        self.shared.with(|core| core.snapshot(index, data))
    }

    /// Begins to transfer the leadership to server `target`, and returns at once. Until the transfer ends,
    /// [`start`](Raft::start) returns `None`. If the transfer succeeds, this server becomes a follower in a
    /// higher term. If this server still leads after the longest election timeout, it has given up and takes
    /// commands again.
    ///
    /// # Errors
    /// If this server does not lead or already transfers its leadership, or if `target` is no other server of
    /// the group.
    pub fn transfer_leadership(&self, target: usize) -> Result<(), TransferError> {
        self.shared.with(|core| core.transfer_leadership(target, self.shared.now()))
    }

    /// Ends the server: it delivers no message from now on, its threads end, and its pending RPCs fail. This
    /// method does not wait until the threads have ended. A second call does nothing.
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// The RPC handlers, as the service `Raft`.
    pub fn service(&self) -> Service {
        let shared = || self.shared.clone();
        let (votes, entries, snapshots) = (shared(), shared(), shared());
        let (pre_votes, timeouts, transfers, reads) = (shared(), shared(), shared(), shared());
        // The handlers are inline: a handler holds the lock only for microseconds, and waits for nothing
        // else.
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
            .inline("PreVote", move |args: RequestVoteArgs| {
                let reply = pre_votes.with(|core| core.pre_vote(&args, pre_votes.now()));
                observe::pre_vote_reply(reply.term, reply.vote_granted);
                reply
            })
            .inline("TransferVote", move |args: RequestVoteArgs| {
                let reply = transfers.with(|core| core.transfer_vote(&args, transfers.now()));
                observe::vote_reply(reply.term, reply.vote_granted);
                reply
            })
            .inline("TimeoutNow", move |args: TimeoutNowArgs| {
                let reply = timeouts.with(|core| core.timeout_now(&args, timeouts.now()));
                observe::timeout_now_reply(reply.term);
                reply
            })
            .deferred("ReadIndex", move |(): (), caller: Responder<Option<u64>>| {
                reads.read_index(Box::new(move |index| caller.reply(index)));
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
    fn start_threads(self: Arc<Self>) {
        let me = self.me;
        let shared = self.clone();
        thread::spawn_named(format!("raft-{me}-ticker"), move || shared.tick());
        let shared = self.clone();
        thread::spawn_named(format!("raft-{me}-applier"), move || shared.apply());
        for peer in (0..self.ends.len()).filter(|&peer| peer != me) {
            let shared = self.clone();
            thread::spawn_named(format!("raft-{me}-to-{peer}"), move || shared.send_to(peer));
        }
    }

    /// Applies a rule and handles its effects. The lock is held until both are done.
    fn with<R>(&self, rule: impl FnOnce(&mut Core) -> R) -> R {
        let mut state = self.state.lock();
        let result = rule(&mut state.core);
        self.settle(&mut state);
        result
    }

    /// Handles the effects of the last rule, and wakes the senders that have something to send.
    fn settle(&self, state: &mut State) {
        self.settle_unsent(state);
        // A thread that flushes calls `settle` again at the end of the flush.
        if !state.flushing {
            self.wake_senders(state);
        }
    }

    /// Like [`settle`](Shared::settle), but does not wake the senders. The next call of `settle` wakes them,
    /// or a flush sends the messages.
    fn settle_unsent(&self, state: &mut State) {
        let State { core, effects, reads, .. } = state;
        core.take_effects_into(effects);
        effects.events.iter().for_each(|event| tell::event(core, event));
        if !effects.persist.is_empty() {
            core.persist_to(&self.persister, &effects.persist);
            dlog!(PERS, core.current_term(), "persists {}", effects.persist);
        }
        if effects.election_timer_reset {
            core.set_election_timeout(draw_election_timeout(&self.options));
        }
        if core.election_deadline().is_some_and(|at| at < state.ticker_sleeps_until) {
            self.ticker.notify_one();
        }
        let (role_changed, new_messages) = (effects.role_changed, effects.wake_applier);
        let read_ended = !effects.reads.is_empty();
        let term = core.current_term();
        effects.reads.drain(..).for_each(|(id, index)| reads.end(id, index, term));
        if role_changed.is_some_and(|change| state.applying.add_role(change)) {
            self.wake_applier(state);
        }
        if read_ended {
            self.wake_applier(state);
        }
        if new_messages {
            self.wake_applier_for_messages(state);
        }
        state.note_work();
    }

    /// The current time as the core counts it: the time since the start of the server.
    fn now(&self) -> Duration {
        self.clock.now()
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
        // Each other thread holds the lock from its check of the signal until it sleeps. This thread takes
        // the lock here, after it has raised the signal. So each other thread either sees the signal or is
        // woken.
        let mut state = self.state.lock();
        self.ticker.notify_all();
        self.applier.notify_all();
        for sender in &self.senders {
            sender.notify_all();
        }
        let reads = std::mem::take(&mut state.reads);
        drop(state);
        // The closures are dropped without the lock, because they may own anything.
        drop(reads);
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
}
