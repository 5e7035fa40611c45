//! The data of a network: its settings, its ends, the server of each name, and the messages that wait.
//!
//! The tables in this file have no lock. `shared.rs` has the lock, and uses the results of these functions.

use crate::completion::Completion;
use crate::events::{Cause, cause};
use crate::faults::{Cost, Dice, Fate, Latency, Link, MessageHook};
use crate::message::{Message, Outgoing, Phase, Route, Settings};
use crate::name::Name;
use crate::server::SharedServer;
use labrt::collections::{BTreeMap, HashMap};
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::trace;

#[derive(Default)]
pub(crate) struct NetworkState {
    pub settings: Settings,
    /// The messages whose fate was chosen. The key is the number of the end, and the number of the message
    /// among the messages of this end.
    fates: BTreeMap<(u64, u64), Fate>,
    /// The function of [`Network::on_message`](crate::Network::on_message).
    pub hook: Option<MessageHook>,
    /// The steps of messages that wait for [`Network::release`](crate::Network::release). The key is the
    /// number of the end.
    held: BTreeMap<u64, Vec<Step>>,
    ends: HashMap<u64, EndRecord>,
    end_names: HashMap<Name, u64>,
    next_end: u64,
    /// One entry for each server name that was ever used. An end stores the index of the entry for its
    /// server, so that no name has to be looked up for a message.
    addresses: Vec<Address>,
    server_names: HashMap<Name, usize>,
    registrations: u64,
    /// The messages that wait, by id. Most of them wait only for a short time, so the map is often empty. A
    /// sorted map would give its memory back each time.
    waiting: HashMap<u64, Waiting>,
    is_gone: bool,
}

/// The next step of a message.
pub(crate) type Step = Box<dyn FnOnce() + Send>;

struct EndRecord {
    name: Name,
    owner: NodeId,
    messages: u64,
    /// The index of the address to which the end is connected.
    target: Option<usize>,
    is_enabled: bool,
    link: Link,
    /// The latency of the messages of this end, if it differs from the latency of the network.
    latency: Option<Latency>,
    access: Access,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    /// `delete_end` was called: the end's name is free. A call on the [`End`](crate::End) is still counted,
    /// but reaches no server.
    Deleted,
    /// The end was closed, for example because its owner was killed. Calls fail at once.
    Closed,
}

/// A server name, and the server that has it now.
struct Address {
    name: Name,
    server: Option<Registered>,
    /// The node of the present server, or of the last server that had this name.
    node: NodeId,
}

struct Registered {
    server: Arc<SharedServer>,
    /// The number of the change that gave the name to this server object. A later object with the same name
    /// has another number.
    registration: u64,
}

/// The data that a message needs from the tables when it is sent. The message reads all of it under one lock.
pub(crate) struct Start {
    pub message: Message,
    pub server: Result<Arc<SharedServer>, Cause>,
    /// The name of the server to which the end is connected. It is `None` if no events are recorded.
    pub target: Option<Name>,
}

/// A message that waits, with the completion that gets its outcome.
pub(crate) struct Waiting {
    pub message: Message,
    pub phase: Phase,
    pub completion: Completion,
}

/// Messages that have ended because of a change. Their completions must get the outcome after the lock is
/// free.
pub(crate) type Ended = Vec<Waiting>;

// ---- messages -----------------------------------------------------------------------------------

impl NetworkState {
    /// The state of an empty network.
    pub fn with_fates(fates: BTreeMap<(u64, u64), Fate>) -> NetworkState {
        NetworkState { fates, ..NetworkState::default() }
    }

    /// Count a request, and read all data that it needs. Returns `None` if the end is closed.
    pub fn start(&mut self, request: Outgoing<'_>, from: NodeId, epoch: u64) -> Option<Start> {
        let Outgoing { id, end, method, place, .. } = request;
        let record = self.ends.get_mut(&end).filter(|record| record.access != Access::Closed)?;
        record.messages += 1;
        let dice = Dice { end, nth: record.messages };
        let address = record.target.map(|at| (at, &self.addresses[at]));
        let target = address.filter(|_| trace::on()).map(|(_, address)| address.name.clone());
        let (route, cost, server) = match record.reach(address) {
            Ok((address, found)) => {
                let route = Route { address, registration: found.registration, epoch };
                let cost = if labrt::is_sim() { found.server.cost_of(method) } else { Cost::Free };
                (Some(route), cost, Ok(Arc::clone(&found.server)))
            }
            Err(cause) => (None, Cost::Free, Err(cause)),
        };
        let to = address.map_or(NodeId::NONE, |(_, address)| address.node);
        let latency = record.latency.unwrap_or(self.settings.latency);
        let mut settings = self.settings;
        settings.latency = latency;
        let fate = self.fates.get(&(end, dice.nth)).copied();
        let message = Message { id, from, to, dice, fate, settings, link: record.link, cost, route, place };
        Some(Start { message, server, target })
    }

    /// Keep the next step of a message.
    pub fn hold(&mut self, message: &Message, step: Step) {
        self.held.entry(message.dice.end).or_default().push(step);
    }

    /// Returns the steps that were kept for an end.
    pub fn release(&mut self, end: &Name) -> Vec<Step> {
        self.end_names.get(end).and_then(|id| self.held.remove(id)).unwrap_or_default()
    }

    /// Let a message go to the server that its address has now.
    pub fn route_again(&self, message: &mut Message, epoch: u64) -> Result<Arc<SharedServer>, Cause> {
        let end = self.ends.get(&message.dice.end).ok_or(cause::END_CLOSED)?;
        if !end.is_enabled || end.access != Access::Open {
            return Err(cause::DISABLED);
        }
        let address = message.route.ok_or(cause::NO_SERVER)?.address;
        let found = self.addresses[address].server.as_ref().ok_or(cause::NO_SERVER)?;
        message.route = Some(Route { address, registration: found.registration, epoch });
        message.to = self.addresses[address].node;
        Ok(Arc::clone(&found.server))
    }

    /// Add a message that starts to wait.
    pub fn add_waiting(&mut self, waiting: Waiting) {
        if let Completion::Slot(slot) = &waiting.completion {
            slot.begin_to_wait(self.waiting.len());
        }
        self.waiting.insert(waiting.message.id, waiting);
    }

    pub fn set_phase(&mut self, id: u64, phase: Phase) {
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.phase = phase;
        }
    }

    /// Remove a message that waits. Returns `None` if the message had ended already.
    pub fn take_waiting(&mut self, id: u64) -> Option<Waiting> {
        self.waiting.remove(&id)
    }

    /// After a change, remove all messages that have ended because of this change. They are returned in the
    /// order of their ids.
    pub fn take_lost(&mut self) -> Ended {
        let mut lost: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| self.why_ended(&waiting.message, waiting.phase).is_some())
            .map(|(&id, _)| id)
            .collect();
        lost.sort_unstable();
        lost.into_iter().filter_map(|id| self.take_waiting(id)).collect()
    }

    /// Returns the reason why a message in this phase has ended. Returns `None` if the message must still
    /// wait.
    pub fn why_ended(&self, message: &Message, phase: Phase) -> Option<Cause> {
        if self.is_gone {
            return Some(cause::NETWORK_GONE);
        }
        let is_closed = self.ends.get(&message.dice.end).is_none_or(|record| record.access == Access::Closed);
        if is_closed {
            return Some(cause::END_CLOSED);
        }
        match phase {
            Phase::Travelling => None,
            Phase::Serving => self.why_server_lost(message),
        }
    }

    /// Returns the reason why this message cannot reach its server any more. Returns `None` if the message
    /// can still reach its server.
    pub fn why_server_lost(&self, message: &Message) -> Option<Cause> {
        let route = message.route?;
        let Some(record) = self.ends.get(&message.dice.end) else { return Some(cause::END_CLOSED) };
        if !record.is_enabled || record.access != Access::Open {
            return Some(cause::DISABLED);
        }
        let present = self.addresses[route.address].server.as_ref().map(|found| found.registration);
        (present != Some(route.registration)).then_some(cause::SERVER_GONE)
    }

    /// This message was sent to a name. Returns the server that has this name now.
    pub fn present_server(&self, message: &Message) -> Option<Arc<SharedServer>> {
        let address = self.addresses.get(message.route?.address)?;
        address.server.as_ref().map(|found| Arc::clone(&found.server))
    }

    /// End the network. Returns its tables, and the messages that waited.
    pub fn end(&mut self) -> (NetworkState, Ended) {
        let gone = NetworkState { is_gone: true, ..NetworkState::default() };
        let mut old = std::mem::replace(self, gone);
        let mut ended: Ended = std::mem::take(&mut old.waiting).into_values().collect();
        ended.sort_unstable_by_key(|waiting| waiting.message.id);
        (old, ended)
    }
}

impl EndRecord {
    /// Returns the server that a message on this end reaches, or the reason why the message reaches no
    /// server.
    fn reach<'a>(&self, address: Option<(usize, &'a Address)>) -> Result<(usize, &'a Registered), Cause> {
        if !self.is_enabled || self.access != Access::Open {
            return Err(cause::DISABLED);
        }
        let (at, address) = address.ok_or(cause::NOT_CONNECTED)?;
        let found = address.server.as_ref().ok_or(cause::NO_SERVER)?;
        if self.link == Link::RequestsLost {
            return Err(cause::ONE_WAY_REQUEST);
        }
        Ok((at, found))
    }
}

// ---- ends ---------------------------------------------------------------------------------------

impl NetworkState {
    /// Add an end that is disabled and not connected. Returns `None` if another end has the name.
    pub fn add_end(&mut self, name: Name, owner: NodeId) -> Option<u64> {
        if self.end_names.contains_key(&name) {
            return None;
        }
        let id = self.next_end;
        self.next_end += 1;
        self.end_names.insert(name.clone(), id);
        let record = EndRecord {
            name,
            owner,
            messages: 0,
            target: None,
            is_enabled: false,
            link: Link::Both,
            latency: None,
            access: Access::Open,
        };
        self.ends.insert(id, record);
        Some(id)
    }

    /// Returns a name that no end has.
    pub fn fresh_end_name(&self, owner: NodeId, target: &Name) -> Name {
        let mut name = Name::from(format!("{owner}->{target}#{}", self.next_end));
        while self.end_names.contains_key(&name) {
            name = Name::from(format!("{name}'"));
        }
        name
    }

    pub fn connect(&mut self, end: &Name, server: Name) {
        let address = self.address(server);
        if let Some(record) = self.named_end(end) {
            record.target = Some(address);
        }
    }

    /// Enable or disable an end. Returns `None` if nothing changes: there is no such end, or the end is
    /// already in this state.
    pub fn enable(&mut self, end: &Name, enabled: bool) -> Option<()> {
        let record = self.named_end(end).filter(|record| record.is_enabled != enabled)?;
        record.is_enabled = enabled;
        Some(())
    }

    pub fn set_link(&mut self, end: &Name, link: Link) {
        if let Some(record) = self.named_end(end) {
            record.link = link;
        }
    }

    pub fn set_latency(&mut self, end: &Name, latency: Option<Latency>) {
        if let Some(record) = self.named_end(end) {
            record.latency = latency;
        }
    }

    /// Delete an end, so that its name is free. Returns `None` if there is no such end.
    pub fn delete_end(&mut self, end: &Name) -> Option<()> {
        let id = self.end_names.remove(end)?;
        let record = self.ends.get_mut(&id).expect("a named end has a record");
        record.access = Access::Deleted;
        Some(())
    }

    /// Close an end. Returns `None` if there is no such end.
    pub fn close_end(&mut self, end: u64) -> Option<()> {
        self.ends.get_mut(&end)?.access = Access::Closed;
        Some(())
    }

    /// Close all ends of a node. Returns `None` if the node has no ends.
    pub fn close_ends_of(&mut self, owner: NodeId) -> Option<()> {
        let mut closed = None;
        for record in self.ends.values_mut().filter(|record| record.owner == owner) {
            record.access = Access::Closed;
            closed = Some(());
        }
        closed
    }

    /// Remove an end. This also frees the name of the end, unless a later end has the same name now. Returns
    /// `None` if there is no such end.
    pub fn remove_end(&mut self, end: u64) -> Option<()> {
        let record = self.ends.remove(&end)?;
        if self.end_names.get(&record.name) == Some(&end) {
            self.end_names.remove(&record.name);
        }
        Some(())
    }

    fn named_end(&mut self, name: &Name) -> Option<&mut EndRecord> {
        let id = self.end_names.get(name)?;
        self.ends.get_mut(id)
    }
}

// ---- servers ------------------------------------------------------------------------------------

impl NetworkState {
    /// Give the name to `server`. If `server` is `None`, no server has the name any more. Returns the server
    /// that had the name before. Returns `None` if nothing changes, because this server object already has
    /// the name.
    pub fn set_server(
        &mut self,
        name: Name,
        server: Option<Arc<SharedServer>>,
    ) -> Option<Option<Arc<SharedServer>>> {
        let address = self.address(name);
        let address = &mut self.addresses[address];
        let is_same = match (&address.server, &server) {
            (Some(old), Some(new)) => Arc::ptr_eq(&old.server, new),
            _ => false,
        };
        if is_same {
            return None;
        }
        if let Some(server) = &server {
            address.node = server.node();
        }
        self.registrations += 1;
        let registration = self.registrations;
        let new = server.map(|server| Registered { server, registration });
        let old = std::mem::replace(&mut address.server, new);
        Some(old.map(|old| old.server))
    }

    /// Returns the server that now has this name.
    pub fn server(&self, name: &Name) -> Option<&SharedServer> {
        let address = &self.addresses[*self.server_names.get(name)?];
        address.server.as_ref().map(|found| &*found.server)
    }

    /// Returns the index of the address with this server name. If there is no such address, adds it.
    fn address(&mut self, name: Name) -> usize {
        if let Some(&address) = self.server_names.get(&name) {
            return address;
        }
        let address = self.addresses.len();
        self.addresses.push(Address { name: name.clone(), server: None, node: NodeId::NONE });
        self.server_names.insert(name, address);
        address
    }
}
