//! A server: the destination of requests, a bundle of named services with a count of what arrived.
//!
//! The services are fixed once the server is shared, so looking a handler up takes no lock. Which *object* stands
//! behind a name is what a restart changes: the network compares objects, never contents.

use crate::service::{Handler, Service};
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicU64, Ordering};

/// What a request costs its server in virtual time (`--features sim`; on the real clock nothing is charged).
///
/// Half is spent before the handler runs, half after it and before the network looks whether the server is still
/// there. Without it, five clients in a loop would do 200,000 operations in a "five second" test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cost {
    /// 100 to 250 us: peers of one Raft group.
    #[default]
    Raft,
    /// 1 to 2 ms: clients and their key/value servers.
    Client,
    /// Nothing: a call over a perfect network takes no virtual time at all.
    Free,
}

impl Cost {
    /// The least and the most, in microseconds.
    pub(crate) fn range_us(self) -> Option<(u64, u64)> {
        match self {
            Cost::Raft => Some((100, 250)),
            Cost::Client => Some((1000, 2000)),
            Cost::Free => None,
        }
    }
}

/// A server under construction, then a handle on it; clones share the one server and its count.
///
/// A server that is added to a network anew after a restart is a new object and counts from 0.
#[derive(Clone)]
pub struct Server {
    pub(crate) core: Arc<ServerCore>,
}

pub(crate) struct ServerCore {
    services: Vec<Service>,
    cost: Cost,
    count: AtomicU64,
}

/// Where a handler stands in its server's table.
#[derive(Clone, Copy)]
pub(crate) struct HandlerAt {
    service: usize,
    handler: usize,
}

impl Server {
    /// A server without services, count 0, [`Cost::Raft`].
    pub fn new() -> Server {
        Server {
            core: Arc::new(ServerCore {
                services: Vec::new(),
                cost: Cost::default(),
                count: AtomicU64::new(0),
            }),
        }
    }

    /// Add a service, in place of one of the same name. Fatal once the server is shared (cloned or in a network).
    pub fn service(mut self, service: Service) -> Server {
        self.add_service(service);
        self
    }

    /// As [`Server::service`], for a server held in a variable.
    pub fn add_service(&mut self, service: Service) {
        let services = &mut self.own("a service cannot be added").services;
        match services.iter_mut().find(|s| s.name() == service.name()) {
            Some(place) => *place = service,
            None => services.push(service),
        }
    }

    /// Set what a request costs in virtual time, unless its service says otherwise ([`Service::cost`]). Fatal once
    /// the server is shared.
    pub fn cost(mut self, cost: Cost) -> Server {
        self.own("the cost cannot be set").cost = cost;
        self
    }

    /// How many requests have reached this server object.
    pub fn count(&self) -> u64 {
        self.core.count()
    }

    fn own(&mut self, what: &str) -> &mut ServerCore {
        match Arc::get_mut(&mut self.core) {
            Some(core) => core,
            None => labrt::fatal(format!(
                "labrpc.Server: {what}: the server is shared already; build it before cloning or adding it"
            )),
        }
    }
}

impl Default for Server {
    fn default() -> Server {
        Server::new()
    }
}

impl ServerCore {
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// What a request costs: what its service says, else what the server says.
    pub fn cost_of(&self, method: &str) -> Cost {
        let service = method.rsplit_once('.').and_then(|(name, _)| self.named(name));
        service.and_then(|at| self.services[at].own_cost()).unwrap_or(self.cost)
    }

    fn named(&self, service: &str) -> Option<usize> {
        self.services.iter().position(|s| s.name() == service)
    }

    /// Whose services these are; of several nodes, the first one's.
    pub fn node(&self) -> NodeId {
        self.services.iter().map(Service::owner).find(|node| !node.is_none()).unwrap_or_default()
    }

    /// Count an arriving request and find its handler; fatal when there is none.
    pub fn accept(&self, method: &str) -> HandlerAt {
        self.count.fetch_add(1, Ordering::Relaxed);
        let Some((service_name, handler_name)) = method.rsplit_once('.') else {
            labrt::fatal(format!(
                "labrpc.Server.dispatch(): method {method:?} has no dot; expecting \"Service.Method\""
            ));
        };
        let Some(service) = self.named(service_name) else {
            labrt::fatal(format!(
                "labrpc.Server.dispatch(): unknown service {service_name} in {service_name}.{handler_name}; \
                 expecting one of {}",
                list(self.services.iter().map(Service::name))
            ));
        };
        let Some(handler) = self.services[service].find(handler_name) else {
            labrt::fatal(format!(
                "labrpc.Service.dispatch(): unknown method {handler_name} in {method}; expecting one of {}",
                list(self.services[service].handler_names())
            ));
        };
        HandlerAt { service, handler }
    }

    pub fn at(&self, place: HandlerAt) -> (&Service, &Handler) {
        let service = &self.services[place.service];
        (service, service.get(place.handler))
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.collect::<Vec<_>>().join(" "))
}
