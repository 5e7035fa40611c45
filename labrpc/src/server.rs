//! A server: it has named services, and counts the requests that have reached them.
//!
//! The services of a server cannot change after the server is shared. So no lock is needed to find a handler.
//! After a restart, a new server *object* has the same name. The network regards the new object as another
//! server, even if it has the same services.

use crate::faults::Cost;
use crate::service::{Handler, Service};
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicU64, Ordering};
use std::panic::Location;

/// A handle to a server. First, all services are added to the server. After that, the handle may be cloned.
/// Clones share the services and the count.
///
/// A restarted server is a new object, and its count starts with 0.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<SharedServer>,
}

/// The data that all handles of one server share.
pub(crate) struct SharedServer {
    services: Vec<Service>,
    cost: Cost,
    count: AtomicU64,
}

/// The position of a handler in the lists of its server.
#[derive(Clone, Copy)]
pub(crate) struct HandlerAt {
    service: usize,
    handler: usize,
}

impl Server {
    /// Make a server without services. Its count is 0, and its cost is [`Cost::Peer`].
    pub fn new() -> Server {
        Server {
            shared: Arc::new(SharedServer {
                services: Vec::new(),
                cost: Cost::default(),
                count: AtomicU64::new(0),
            }),
        }
    }

    /// Add a service. If the server already has a service with this name, the new service replaces it. The
    /// run fails if the server is already shared: its handle was cloned, or the server was added to a
    /// network.
    #[track_caller]
    pub fn service(mut self, service: Service) -> Server {
        self.add_service(service);
        self
    }

    /// Like [`Server::service`], but takes the server by reference.
    #[track_caller]
    pub fn add_service(&mut self, service: Service) {
        let services = &mut self.own("a service cannot be added").services;
        match services.iter_mut().find(|s| s.name() == service.name()) {
            Some(old) => *old = service,
            None => services.push(service),
        }
    }

    /// Set how much virtual time a request takes. A service can set another cost ([`Service::cost`]). The run
    /// fails if the server is already shared.
    #[track_caller]
    pub fn cost(mut self, cost: Cost) -> Server {
        self.own("the cost cannot be set").cost = cost;
        self
    }

    /// Returns how many requests have reached this server object.
    pub fn count(&self) -> u64 {
        self.shared.count()
    }

    #[track_caller]
    fn own(&mut self, what: &str) -> &mut SharedServer {
        match Arc::get_mut(&mut self.shared) {
            Some(server) => server,
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

impl SharedServer {
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the cost of a request to `method`. This is the cost of the service, if the service has a cost.
    /// Otherwise it is the cost of the server.
    pub fn cost_of(&self, method: &str) -> Cost {
        let service = method.rsplit_once('.').and_then(|(name, _)| self.named(name));
        service.and_then(|at| self.services[at].own_cost()).unwrap_or(self.cost)
    }

    fn named(&self, service: &str) -> Option<usize> {
        self.services.iter().position(|s| s.name() == service)
    }

    /// Returns the node of the services. If the services belong to several nodes, this is the first of these
    /// nodes.
    pub fn node(&self) -> NodeId {
        self.services.iter().map(Service::owner).find(|node| !node.is_none()).unwrap_or_default()
    }

    /// Count a request that has arrived, and find its handler. `place` is the place of the call. The run
    /// fails if there is no such handler.
    pub fn accept(&self, method: &str, place: &'static Location<'static>) -> HandlerAt {
        self.count.fetch_add(1, Ordering::Relaxed);
        let Some((service_name, handler_name)) = method.rsplit_once('.') else {
            let text = format!(
                "labrpc.Server.dispatch(): method {method:?} has no dot; expecting \"Service.Method\""
            );
            labrt::fatal_at(place, text);
        };
        let Some(service) = self.named(service_name) else {
            let text = format!(
                "labrpc.Server.dispatch(): unknown service {service_name} in {service_name}.{handler_name}; \
                 expecting one of {}",
                list(self.services.iter().map(Service::name))
            );
            labrt::fatal_at(place, text);
        };
        let Some(handler) = self.services[service].find(handler_name) else {
            let text = format!(
                "labrpc.Service.dispatch(): unknown method {handler_name} in {method}; expecting one of {}",
                list(self.services[service].handler_names())
            );
            labrt::fatal_at(place, text);
        };
        HandlerAt { service, handler }
    }

    pub fn at(&self, at: HandlerAt) -> (&Service, &Handler) {
        let service = &self.services[at.service];
        (service, service.get(at.handler))
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.collect::<Vec<_>>().join(" "))
}
