//! What a network knows, under one lock: its ends, the servers behind the names, its moods, and who waits.
//!
//! The lock is held for look-ups only: never while a handler runs, never while foreign code is dropped or called.
//! Whoever changes who can reach whom bumps `epoch`, so that a message that travelled in an unchanged world need
//! not take the lock a second time to learn that its server still stands.
//!
//! A message that has to wait is *enlisted*: its completion moves into `pending`, and whoever takes it out there
//! first (its journey, a deleted server, a closed end) ends it. Nothing else can end it twice or lose it.

use crate::completion::{Callback, Completion, Outcome};
use crate::events::{self, Cause, cause};
use crate::faults::{Dice, Link};
use crate::name::Name;
use crate::server::{Cost, Server, ServerCore};
use crate::timer::{Task, Timer};
use labrt::collections::{BTreeMap, HashMap};
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;
use labrt::trace;

pub(crate) struct Core {
    state: Mutex<State>,
    pub timer: Arc<Timer>,
    /// Raised by a clean-up: later calls fail at once.
    done: AtomicBool,
    /// Counts the changes after which somebody may be out of somebody's reach.
    epoch: AtomicU64,
    rpcs: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct State {
    moods: Moods,
    ends: HashMap<u64, EndRecord>,
    end_names: HashMap<Name, u64>,
    next_end: u64,
    /// One place for each server name ever heard of; ends remember places, so that a look-up costs an index.
    places: Vec<Place>,
    server_names: HashMap<Name, usize>,
    registrations: u64,
    pending: BTreeMap<u64, Pending>,
    gone: bool,
}

/// The flags of a network that a message keeps as it found them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moods {
    pub unreliable: bool,
    pub long_reordering: bool,
    pub long_delays: bool,
}

struct EndRecord {
    name: Name,
    owner: NodeId,
    messages: u64,
    target: Option<usize>,
    enabled: bool,
    link: Link,
    access: Access,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    /// `delete_end`: unknown to the network, but its handle still calls (and reaches nobody).
    Deleted,
    /// `close`: its owner is dead; calls fail at once.
    Closed,
}

struct Place {
    name: Name,
    server: Option<Registered>,
    /// Of the server here, or of the last one.
    node: NodeId,
}

struct Registered {
    server: Arc<ServerCore>,
    /// Tells this server object from its successors under the same name.
    registration: u64,
}

/// Which server object a message set out for.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    place: usize,
    registration: u64,
    epoch: u64,
}

/// All that a message remembers, small and `Copy`.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub id: u64,
    /// Who sends it, for the trace.
    pub from: NodeId,
    /// Whose server has, or last had, the name that the end is connected to, for the trace.
    pub to: NodeId,
    pub dice: Dice,
    pub moods: Moods,
    pub link: Link,
    /// What the server charges for it; [`Cost::Free`] on the real clock.
    pub cost: Cost,
    /// `None`: it reaches nobody.
    pub route: Option<Route>,
}

/// What a message finds at its start, in one consistent look.
pub(crate) struct Start {
    pub message: Message,
    pub server: Result<Arc<ServerCore>, Cause>,
    /// The name the end is connected to; only looked up for the trace.
    target: Option<Name>,
}

/// Does a message wait on its way, or has its handler's turn begun, so that the loss of the server ends it?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Travelling,
    Serving,
}

struct Pending {
    message: Message,
    phase: Phase,
    completion: Completion,
}

/// Messages that an event has ended, to be completed outside the lock.
type Ended = Vec<Pending>;

impl Core {
    pub fn new() -> Arc<Core> {
        Arc::new(Core {
            state: Mutex::new(State::default()),
            timer: Timer::new(),
            done: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            rpcs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    // ---- a message's view -------------------------------------------------------------------------------------

    /// The one look at the start of message `id`, which is thereby counted; `None`: the end is closed.
    pub fn start(&self, id: u64, end: u64, method: &str, args: &[u8]) -> Option<Start> {
        let from = node::current();
        let start = self.state.lock().start(id, from, end, method, self.epoch.load(Ordering::Relaxed))?;
        self.rpcs.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(args.len() as u64, Ordering::Relaxed);
        events::sent(&start.message, start.target.as_ref(), method, args);
        Some(start)
    }

    /// Is the server this message set out for out of its reach by now, and why?
    pub fn lost_touch(&self, message: &Message) -> Option<Cause> {
        let route = message.route?;
        if self.epoch.load(Ordering::Acquire) == route.epoch {
            return None;
        }
        self.state.lock().lost_touch(message)
    }

    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    // ---- who waits --------------------------------------------------------------------------------------------

    /// Register who waits for `message`. When it is lost already it ends here and now.
    pub fn enlist(&self, message: &Message, phase: Phase, completion: Completion) {
        let mut state = self.state.lock();
        match state.ended_already(message, phase) {
            None => {
                state.pending.insert(message.id, Pending { message: *message, phase, completion });
            }
            Some(cause) => {
                drop(state);
                self.fail_all(vec![Pending { message: *message, phase, completion }], cause);
            }
        }
    }

    /// A waiting message enters another phase.
    pub fn set_phase(&self, message: &Message, phase: Phase) {
        let mut state = self.state.lock();
        let Some(cause) = state.ended_already(message, phase) else {
            if let Some(pending) = state.pending.get_mut(&message.id) {
                pending.phase = phase;
            }
            return;
        };
        let ended = state.take(message.id);
        drop(state);
        self.fail_all(ended, cause);
    }

    /// Whoever waits for this message, unless it has ended already.
    pub fn claim(&self, id: u64) -> Option<Completion> {
        self.state.lock().pending.remove(&id).map(|pending| pending.completion)
    }

    /// End a waiting message without a reply, from a place where no foreign code may run.
    pub fn fail(&self, id: u64, cause: Cause) {
        let ended = self.state.lock().take(id);
        self.fail_all(ended, cause);
    }

    /// Run a sender's callback for message `id` on the timer thread.
    pub fn call_back(&self, id: u64, callback: Callback, outcome: Outcome) {
        self.timer.push(Duration::ZERO, Task::Callback(id, callback, outcome));
    }

    fn fail_all(&self, ended: Ended, cause: Cause) {
        for Pending { message, completion, .. } in ended {
            events::failed(&message, cause);
            match completion {
                Completion::Slot(slot) => slot.fill(None),
                Completion::Callback(callback) => self.call_back(message.id, callback, None),
            }
        }
    }

    // ---- ends -------------------------------------------------------------------------------------------------

    /// A new end, disabled and connected to nothing; `None`: the name is taken.
    pub fn add_end(&self, name: &Name, owner: NodeId) -> Option<u64> {
        let mut state = self.state.lock();
        if state.end_names.contains_key(name) {
            return None;
        }
        Some(state.add_end(name.clone(), owner))
    }

    /// A new end of a fresh name, disabled and connected to `target`.
    pub fn add_fresh_end(&self, owner: NodeId, target: Name) -> (u64, Name) {
        let mut state = self.state.lock();
        let mut name = Name::from(format!("{owner}->{target}#{}", state.next_end));
        while state.end_names.contains_key(&name) {
            name = Name::from(format!("{name}'"));
        }
        let id = state.add_end(name.clone(), owner);
        state.connect(&name, target);
        (id, name)
    }

    pub fn connect(&self, end: &Name, server: Name) {
        self.state.lock().connect(end, server);
    }

    pub fn enable(&self, end: &Name, enabled: bool) {
        let ended = {
            let mut state = self.state.lock();
            let Some(record) = state.named_end(end) else { return };
            if record.enabled == enabled {
                return;
            }
            record.enabled = enabled;
            self.world_changed();
            state.take_lost()
        };
        self.fail_all(ended, cause::DISABLED);
    }

    pub fn set_link(&self, end: &Name, link: Link) {
        if let Some(record) = self.state.lock().named_end(end) {
            record.link = link;
        }
    }

    /// Forget the name; calls over the end's handle reach nobody from now on. False: no such end.
    pub fn delete_end(&self, end: &Name) -> bool {
        let ended = {
            let mut state = self.state.lock();
            let Some(id) = state.end_names.remove(end) else { return false };
            let record = state.ends.get_mut(&id).expect("a named end has a record");
            record.access = Access::Deleted;
            self.world_changed();
            state.take_lost()
        };
        self.fail_all(ended, cause::DISABLED);
        true
    }

    /// Close one end: what it waits for fails at once, and so do later calls.
    pub fn close_end(&self, end: u64) {
        self.close_ends(|id, _| id == end);
    }

    /// Close all ends of a node.
    pub fn close_ends_of(&self, owner: NodeId) {
        self.close_ends(|_, record| record.owner == owner);
    }

    fn close_ends(&self, mut which: impl FnMut(u64, &EndRecord) -> bool) {
        let ended = {
            let mut state = self.state.lock();
            for (&id, record) in &mut state.ends {
                if which(id, record) {
                    record.access = Access::Closed;
                }
            }
            self.world_changed();
            state.take_lost()
        };
        self.fail_all(ended, cause::END_CLOSED);
    }

    /// The end's handle is dropped: nothing of it remains.
    pub fn remove_end(&self, end: u64) {
        let (record, ended) = {
            let mut state = self.state.lock();
            let record = state.ends.remove(&end);
            if let Some(record) = &record
                && state.end_names.get(&record.name) == Some(&end)
            {
                state.end_names.remove(&record.name);
            }
            self.world_changed();
            (record, state.take_lost())
        };
        drop(record);
        self.fail_all(ended, cause::END_CLOSED);
    }

    // ---- servers ----------------------------------------------------------------------------------------------

    /// Put a server under a name, or replace or (`None`) remove the one that is there.
    pub fn set_server(&self, name: Name, server: Option<Server>) {
        let (old, ended) = {
            let mut state = self.state.lock();
            let place = state.place(name);
            let is_same = match (&state.places[place].server, &server) {
                (Some(old), Some(new)) => Arc::ptr_eq(&old.server, &new.core),
                _ => false,
            };
            if is_same {
                return;
            }
            state.registrations += 1;
            let registration = state.registrations;
            if let Some(server) = &server {
                state.places[place].node = server.core.node();
            }
            let new = server.map(|server| Registered { server: server.core, registration });
            let old = std::mem::replace(&mut state.places[place].server, new);
            self.world_changed();
            (old, state.take_lost())
        };
        self.fail_all(ended, cause::SERVER_GONE);
        drop(old);
    }

    pub fn count(&self, name: &Name) -> u64 {
        let state = self.state.lock();
        let place = state.server_names.get(name).map(|&at| &state.places[at]);
        place.and_then(|place| place.server.as_ref()).map_or(0, |found| found.server.count())
    }

    // ---- the whole --------------------------------------------------------------------------------------------

    pub fn moods(&self) -> Moods {
        self.state.lock().moods
    }

    pub fn change_moods(&self, change: impl FnOnce(&mut Moods)) {
        change(&mut self.state.lock().moods);
    }

    pub fn total_count(&self) -> u64 {
        self.rpcs.load(Ordering::Relaxed)
    }

    pub fn total_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn count_reply(&self, reply: &[u8]) {
        self.bytes.fetch_add(reply.len() as u64, Ordering::Relaxed);
    }

    pub fn clean_up(&self) {
        self.done.store(true, Ordering::Release);
        self.timer.end_when_empty();
    }

    /// The last handle is gone: end all that waits and let go of the servers.
    pub fn shut_down(&self) {
        self.done.store(true, Ordering::Release);
        let (old, ended) = {
            let mut state = self.state.lock();
            let mut old = std::mem::take(&mut *state);
            state.gone = true;
            self.world_changed();
            let pending = std::mem::take(&mut old.pending);
            let ended: Ended = pending.into_values().collect();
            (old, ended)
        };
        self.fail_all(ended, cause::NETWORK_GONE);
        self.timer.close();
        drop(old);
    }

    /// To be called under the lock, after a change.
    fn world_changed(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }
}

impl EndRecord {
    fn reach<'a>(&self, place: Option<(usize, &'a Place)>) -> Result<(usize, &'a Registered), Cause> {
        if !self.enabled || self.access != Access::Open {
            return Err(cause::DISABLED);
        }
        let (at, place) = place.ok_or(cause::NOT_CONNECTED)?;
        let found = place.server.as_ref().ok_or(cause::NO_SERVER)?;
        if self.link == Link::RequestsLost {
            return Err(cause::ONE_WAY_REQUEST);
        }
        Ok((at, found))
    }
}

impl State {
    fn start(&mut self, id: u64, from: NodeId, end: u64, method: &str, epoch: u64) -> Option<Start> {
        let record = self.ends.get_mut(&end).filter(|record| record.access != Access::Closed)?;
        record.messages += 1;
        let dice = Dice { end, nth: record.messages };
        let place = record.target.map(|at| (at, &self.places[at]));
        let target = place.filter(|_| trace::on()).map(|(_, place)| place.name.clone());
        let (route, cost, server) = match record.reach(place) {
            Ok((place, found)) => {
                let route = Route { place, registration: found.registration, epoch };
                let cost = if labrt::is_sim() { found.server.cost_of(method) } else { Cost::Free };
                (Some(route), cost, Ok(Arc::clone(&found.server)))
            }
            Err(cause) => (None, Cost::Free, Err(cause)),
        };
        let to = place.map_or(NodeId::NONE, |(_, place)| place.node);
        let message = Message { id, from, to, dice, moods: self.moods, link: record.link, cost, route };
        Some(Start { message, server, target })
    }

    fn add_end(&mut self, name: Name, owner: NodeId) -> u64 {
        let id = self.next_end;
        self.next_end += 1;
        self.end_names.insert(name.clone(), id);
        let record = EndRecord {
            name,
            owner,
            messages: 0,
            target: None,
            enabled: false,
            link: Link::Both,
            access: Access::Open,
        };
        self.ends.insert(id, record);
        id
    }

    fn named_end(&mut self, name: &Name) -> Option<&mut EndRecord> {
        let id = self.end_names.get(name)?;
        self.ends.get_mut(id)
    }

    fn connect(&mut self, end: &Name, server: Name) {
        let place = self.place(server);
        if let Some(record) = self.named_end(end) {
            record.target = Some(place);
        }
    }

    fn place(&mut self, name: Name) -> usize {
        if let Some(&place) = self.server_names.get(&name) {
            return place;
        }
        let place = self.places.len();
        self.places.push(Place { name: name.clone(), server: None, node: NodeId::NONE });
        self.server_names.insert(name, place);
        place
    }

    /// Why a message that is about to wait in this phase has ended already, if it has.
    fn ended_already(&self, message: &Message, phase: Phase) -> Option<Cause> {
        if self.gone {
            return Some(cause::NETWORK_GONE);
        }
        let is_closed = self.ends.get(&message.dice.end).is_none_or(|record| record.access == Access::Closed);
        if is_closed {
            return Some(cause::END_CLOSED);
        }
        if phase == Phase::Travelling {
            return None;
        }
        self.lost_touch(message)
    }

    fn lost_touch(&self, message: &Message) -> Option<Cause> {
        let route = message.route?;
        let Some(record) = self.ends.get(&message.dice.end) else { return Some(cause::END_CLOSED) };
        if !record.enabled || record.access != Access::Open {
            return Some(cause::DISABLED);
        }
        let standing = self.places[route.place].server.as_ref().map(|found| found.registration);
        (standing != Some(route.registration)).then_some(cause::SERVER_GONE)
    }

    fn take(&mut self, id: u64) -> Ended {
        self.pending.remove(&id).into_iter().collect()
    }

    /// All that wait in vain since the last change, in the order of their ids.
    fn take_lost(&mut self) -> Ended {
        let lost: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| self.ended_already(&pending.message, pending.phase).is_some())
            .map(|(&id, _)| id)
            .collect();
        lost.into_iter().flat_map(|id| self.take(id)).collect()
    }
}
