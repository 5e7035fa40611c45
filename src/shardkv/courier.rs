//! What a group does of its own accord: a thread a server, which takes in configurations and delivers parcels.
//!
//! Only the leader's works; the others' sleep. It asks the controller for the next configuration every 100 ms, and at
//! once when there is reason to: it has become leader, has just taken one, or was offered a parcel of a later one. Each
//! group that parcels go to has ends of its own and is asked on its own, so a dead one holds up nobody.
//!
//! The thread never waits in an RPC: it *sends*, and answers come into its mailbox, the [`Bell`], beside whatever
//! else concerns it. So it ends at once when the server is killed, and its ends go with it.

use super::errand::{Errand, Heard};
use super::group::Shipment;
use super::messages::{Delivery, Op};
use super::server::Replica;
use crate::rsm::Rsm;
use crate::shardctrler::{self, CtrlerError, QueryArgs};
use labapi::{Config, Gid, MakeEnd};
use labrpc::End;
use labrt::collections::BTreeMap;
use labrt::dlog;
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::time::{Duration, Instant};

/// How often a leader asks for the next configuration.
const POLL: Duration = Duration::from_millis(100);

/// No more bytes of keys and values than this in one shipment, unless it is of one shard: it is an entry of the taker's
/// log.
const SHIPMENT: usize = 1 << 20;

/// Where a courier sleeps, and how it is told things. Ringing is brief: it may be done with any lock held.
#[derive(Default)]
pub(super) struct Bell {
    heap: Mutex<Heap>,
    rung: Condvar,
}

/// What has happened since the courier last looked.
#[derive(Default)]
struct Heap {
    killed: bool,
    /// The term that this server leads.
    leads: Option<u64>,
    /// The group's state has changed in a way that may give it something to do.
    changed: bool,
    /// There is a configuration that this group has not got.
    behind: bool,
    news: Vec<News>,
}

enum News {
    /// The controller's answer to question `ticket`.
    Config { ticket: u64, reply: Option<shardctrler::Reply> },
    /// The configuration was applied, or will not be by this leader.
    ConfigSettled,
    /// A group's answer to question `ticket`.
    Delivery { ticket: u64, to: Gid, reply: Option<Delivery> },
}

impl Bell {
    /// The server is killed.
    pub fn kill(&self) {
        self.ring(|heap| heap.killed = true);
    }

    /// This server leads this term from now on, or none.
    pub fn role(&self, leads: Option<u64>) {
        self.ring(|heap| (heap.leads, heap.changed) = (leads, true));
    }

    /// There may be something to do.
    pub fn changed(&self) {
        self.ring(|heap| heap.changed = true);
    }

    /// Others know of a later configuration.
    pub fn behind(&self) {
        self.ring(|heap| heap.behind = true);
    }

    fn tell(&self, news: News) {
        self.ring(|heap| heap.news.push(news));
    }

    fn ring(&self, change: impl FnOnce(&mut Heap)) {
        change(&mut self.heap.lock());
        self.rung.notify_one();
    }

    /// Waits for something new, until then at the latest. `None`: the server was killed.
    fn wait(&self, until: Option<Instant>) -> Option<Heap> {
        let mut heap = self.heap.lock();
        loop {
            if heap.killed {
                return None;
            }
            let over = until.is_some_and(|until| until <= Instant::now());
            if over || heap.changed || heap.behind || !heap.news.is_empty() {
                let leads = heap.leads;
                return Some(std::mem::replace(&mut *heap, Heap { leads, ..Heap::default() }));
            }
            match until {
                Some(until) => drop(self.rung.wait_until(&mut heap, until)),
                None => self.rung.wait(&mut heap),
            }
        }
    }
}

pub(super) struct Courier {
    rsm: Arc<Rsm<Replica>>,
    bell: Arc<Bell>,
    make_end: MakeEnd,
    ctrlers: Vec<End>,
    /// How large a shipment may be.
    limit: usize,
    /// The term that this server leads. The next leader begins anew, also if it is this server again: what it has
    /// proposed in an earlier term may be lost.
    term: Option<u64>,
    /// The number of the question asked last.
    tickets: u64,
    poll: Errand,
    /// The number of the configuration to ask for.
    wanted: Option<u64>,
    routes: BTreeMap<Gid, Route>,
}

/// The way to one group.
struct Route {
    shipment: Shipment,
    ends: Vec<End>,
    errand: Errand,
}

impl Courier {
    /// `maxraftstate`: groups want to keep their logs so short.
    pub fn new(
        rsm: Arc<Rsm<Replica>>,
        bell: Arc<Bell>,
        ctrlers: Vec<End>,
        make_end: MakeEnd,
        maxraftstate: Option<usize>,
    ) -> Courier {
        assert!(!ctrlers.is_empty(), "a group needs a controller");
        let poll = Errand::new(ctrlers.len(), Instant::now());
        let limit = maxraftstate.map_or(SHIPMENT, |bytes| bytes.min(SHIPMENT));
        let routes = BTreeMap::new();
        Courier { rsm, bell, make_end, ctrlers, limit, term: None, tickets: 0, poll, wanted: None, routes }
    }

    /// Until the server is killed.
    pub fn run(mut self) {
        let mut until = None;
        while let Some(heap) = self.bell.wait(until) {
            if heap.leads != self.term {
                self.begin(heap.leads);
            }
            if self.term.is_none() {
                until = None;
                continue;
            }
            heap.news.into_iter().for_each(|news| self.hear(news));
            if heap.changed {
                self.look();
            }
            if heap.behind {
                self.poll.hurry(Instant::now());
            }
            self.act();
            until = self.next_due();
        }
    }

    fn begin(&mut self, term: Option<u64>) {
        self.term = term;
        self.poll = Errand::new(self.ctrlers.len(), Instant::now());
        self.wanted = None;
        self.routes.clear();
    }

    /// What is there to do in the group's present state?
    fn look(&mut self) {
        let (wanted, shipments) = self.rsm.read(|replica| {
            let group = replica.group();
            (group.wants(), group.shipments(self.limit))
        });
        if wanted > self.wanted {
            self.poll.hurry(Instant::now());
        }
        self.wanted = wanted;
        self.routes.retain(|gid, _| shipments.contains_key(gid));
        for (gid, shipment) in shipments.into_iter().filter(|(_, shipment)| !shipment.servers.is_empty()) {
            match self.routes.get_mut(&gid) {
                Some(route) if route.shipment.servers == shipment.servers => route.load(shipment),
                _ => drop(self.routes.insert(gid, Route::new(shipment, &self.make_end))),
            }
        }
    }

    /// Asks whoever is to be asked now.
    fn act(&mut self) {
        let now = Instant::now();
        let is_due = |errand: &Errand| errand.due().is_some_and(|due| due <= now);
        if let Some(num) = self.wanted
            && is_due(&self.poll)
        {
            self.tickets += 1;
            let ticket = self.tickets;
            let ctrler = self.poll.ask(ticket, now);
            let bell = self.bell.clone();
            self.ctrlers[ctrler].send("ShardCtrler.Query", &QueryArgs { num: Some(num) }, move |reply| {
                bell.tell(News::Config { ticket, reply });
            });
        }
        for (&to, route) in self.routes.iter_mut().filter(|(_, route)| is_due(&route.errand)) {
            self.tickets += 1;
            let ticket = self.tickets;
            let server = route.errand.ask(ticket, now);
            let bell = self.bell.clone();
            route.ends[server].send("ShardKV.Deliver", &route.shipment.args, move |reply| {
                bell.tell(News::Delivery { ticket, to, reply });
            });
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let poll = self.wanted.and_then(|_| self.poll.due());
        self.routes.values().filter_map(|route| route.errand.due()).chain(poll).min()
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Config { ticket, reply } => self.hear_config(ticket, reply),
            News::ConfigSettled => self.poll.rest(Instant::now()),
            News::Delivery { ticket, to, reply } => self.hear_delivery(ticket, to, reply),
        }
    }

    fn hear_config(&mut self, ticket: u64, reply: Option<shardctrler::Reply>) {
        let now = Instant::now();
        let heard = match &reply {
            None => Heard::Nothing,
            Some(Err(CtrlerError::ErrWrongLeader)) => Heard::NotLeader,
            Some(Ok(_) | Err(CtrlerError::Refused(_))) => Heard::Answer,
        };
        if !self.poll.hear(ticket, heard, now) {
            return;
        }
        match reply {
            Some(Ok(config)) if Some(config.num) == self.wanted => {
                self.propose_config(Arc::unwrap_or_clone(config));
            }
            _ => self.poll.rest(now + POLL),
        }
    }

    fn propose_config(&self, config: Config) {
        let bell = self.bell.clone();
        self.rsm.submit(&Op::Reconfigure(config), move |_| bell.tell(News::ConfigSettled));
    }

    fn hear_delivery(&mut self, ticket: u64, to: Gid, reply: Option<Delivery>) {
        let now = Instant::now();
        let Some(route) = self.routes.get_mut(&to) else { return };
        let heard = match reply {
            None => Heard::Nothing,
            Some(Delivery::ErrWrongLeader) => Heard::NotLeader,
            Some(Delivery::Taken | Delivery::Early | Delivery::Refused) => Heard::Answer,
        };
        if !route.errand.hear(ticket, heard, now) {
            return;
        }
        let num = route.shipment.args.num;
        match reply {
            Some(Delivery::Taken) => {
                // The errand is held: once this is applied there is another shipment or none.
                let op = Op::Acknowledge { num, shards: route.shards().collect() };
                self.rsm.propose(&op);
            }
            Some(Delivery::Refused) => {
                dlog!(ERRO, "group {to} refuses shards {:?} of {num}", route.shards().collect::<Vec<_>>());
                route.errand.retry(now);
            }
            _ => route.errand.retry(now),
        }
    }
}

impl Route {
    fn new(shipment: Shipment, make_end: &MakeEnd) -> Route {
        let ends: Vec<End> = shipment.servers.iter().map(|name| make_end(name)).collect();
        let errand = Errand::new(ends.len(), Instant::now());
        Route { shipment, ends, errand }
    }

    fn shards(&self) -> impl Iterator<Item = usize> {
        self.shipment.args.shards.iter().map(|(shard, _)| *shard)
    }

    /// What to carry from now on, if it is something else.
    fn load(&mut self, shipment: Shipment) {
        let same = self.shipment.args.num == shipment.args.num
            && self.shards().eq(shipment.args.shards.iter().map(|(shard, _)| *shard));
        if !same {
            self.shipment = shipment;
            self.errand.rest(Instant::now());
        }
    }
}
