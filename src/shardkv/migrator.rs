//! The work that a group does without a request of a client: a thread in each server gets new configurations,
//! and delivers shards to their new owners.
//!
//! Only the leader's thread works; the threads of the other servers sleep. The leader's thread asks the
//! controller for the next configuration every 100 ms. It also asks at once in three cases: the server has
//! become leader, the group has just taken a configuration, or another group has offered a shard of a later
//! configuration. The thread has separate ends and a separate [`Retry`] for each group that gets shards. So a
//! dead group does not delay the others.
//!
//! The thread never blocks in an RPC: it only *sends* requests. The replies go into its [`Mailbox`], together
//! with all other messages for the thread. So the thread stops at once when the server is killed, and then
//! it drops its [`End`]s.

use super::group::Delivery;
use super::machine::GroupMachine;
use super::mailbox::{Mailbox, Message};
use super::messages::{DeliverReply, Op};
use crate::rsm::{Response, Retry, Rsm};
use crate::shardctrler::{self, CtrlerError, QueryArgs};
use labapi::{Config, Gid, MakeEnd};
use labrpc::End;
use labrt::collections::BTreeMap;
use labrt::dlog;
use labrt::sync::Arc;
use labrt::time::{Duration, Instant};

/// The interval at which a leader asks for the next configuration.
const POLL: Duration = Duration::from_millis(100);

/// The greatest number of bytes of keys and values in one delivery. A delivery of a single shard may be
/// larger. A delivery is one entry in the new owner's log.
const MAX_DELIVERY_BYTES: usize = 1 << 20;

pub(super) struct Migrator {
    rsm: Arc<Rsm<GroupMachine>>,
    mailbox: Arc<Mailbox>,
    make_end: MakeEnd,
    ctrlers: Vec<End>,
    /// The greatest number of bytes of keys and values in one delivery of several shards.
    limit: usize,
    /// The term that this server leads, if it leads. When the term changes, the migrator starts again, even
    /// if the server also led the earlier term. The reason: the migrator's operations of the earlier term may
    /// be lost.
    term: Option<u64>,
    /// The number of the last request that was sent.
    request: u64,
    /// The requests for the next configuration: which server of the controller is asked, and when.
    poll: Retry,
    /// The number of the configuration to request, or `None` if no configuration is needed now.
    wanted: Option<u64>,
    recipients: BTreeMap<Gid, Recipient>,
}

/// A group that gets shards from this group.
struct Recipient {
    delivery: Delivery,
    ends: Vec<End>,
    retry: Retry,
}

impl Migrator {
    /// A new migrator. Its server does not lead yet. `maxraftstate` is the size of Raft's saved state at
    /// which a server takes a snapshot. A delivery of several shards has no more bytes than this, because it
    /// becomes an entry in the log of the new owner.
    pub fn new(
        rsm: Arc<Rsm<GroupMachine>>,
        mailbox: Arc<Mailbox>,
        ctrlers: Vec<End>,
        make_end: MakeEnd,
        maxraftstate: Option<usize>,
    ) -> Migrator {
        assert!(!ctrlers.is_empty(), "a group needs at least one server of the controller");
        let poll = Retry::new(ctrlers.len(), Instant::now());
        let limit = maxraftstate.map_or(MAX_DELIVERY_BYTES, |bytes| bytes.min(MAX_DELIVERY_BYTES));
        let (term, wanted, recipients) = (None, None, BTreeMap::new());
        Migrator { rsm, mailbox, make_end, ctrlers, limit, term, request: 0, poll, wanted, recipients }
    }

    /// The main function of the thread. It returns when the server is killed.
    pub fn run(mut self) {
        let mut until = None;
        while let Some(mail) = self.mailbox.wait(until) {
            if mail.leads != self.term {
                self.begin_term(mail.leads);
            }
            if self.term.is_none() {
                until = None;
                continue;
            }
            mail.messages.into_iter().for_each(|message| self.receive(message));
            if mail.changed {
                self.look_at_group();
            }
            if mail.behind {
                self.poll.hurry(Instant::now());
            }
            self.send_due();
            until = self.next_due();
        }
    }

    fn begin_term(&mut self, term: Option<u64>) {
        self.term = term;
        self.poll = Retry::new(self.ctrlers.len(), Instant::now());
        self.wanted = None;
        self.recipients.clear();
    }

    /// Finds out which configuration and which deliveries the group needs in its current state.
    fn look_at_group(&mut self) {
        let (wanted, deliveries) = self.rsm.read(|machine| {
            let group = machine.group();
            (group.wants(), group.deliveries(self.limit))
        });
        if wanted > self.wanted {
            self.poll.hurry(Instant::now());
        }
        self.wanted = wanted;
        self.recipients.retain(|gid, _| deliveries.contains_key(gid));
        for (gid, delivery) in deliveries.into_iter().filter(|(_, delivery)| !delivery.servers.is_empty()) {
            match self.recipients.get_mut(&gid) {
                Some(known) if known.delivery.servers == delivery.servers => known.update(delivery),
                _ => drop(self.recipients.insert(gid, Recipient::new(delivery, &self.make_end))),
            }
        }
    }

    /// Sends the requests that are due.
    fn send_due(&mut self) {
        let now = Instant::now();
        let is_due = |retry: &Retry| retry.due().is_some_and(|due| due <= now);
        if let Some(num) = self.wanted
            && is_due(&self.poll)
        {
            self.request += 1;
            let request = self.request;
            let ctrler = self.poll.ask(request, now);
            let mailbox = self.mailbox.clone();
            self.ctrlers[ctrler].send("ShardCtrler.Query", &QueryArgs { num: Some(num) }, move |reply| {
                mailbox.post(Message::Config { request, reply });
            });
        }
        for (&to, recipient) in self.recipients.iter_mut().filter(|(_, it)| is_due(&it.retry)) {
            self.request += 1;
            let request = self.request;
            let server = recipient.retry.ask(request, now);
            let mailbox = self.mailbox.clone();
            recipient.ends[server].send("ShardKV.Deliver", &recipient.delivery.args, move |reply| {
                mailbox.post(Message::Delivered { request, to, reply });
            });
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let poll = self.wanted.and_then(|_| self.poll.due());
        self.recipients.values().filter_map(|recipient| recipient.retry.due()).chain(poll).min()
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Config { request, reply } => self.receive_config(request, reply),
            Message::ConfigSettled => self.poll.restart(Instant::now()),
            Message::Delivered { request, to, reply } => self.receive_delivered(request, to, reply),
        }
    }

    fn receive_config(&mut self, request: u64, reply: Option<shardctrler::Reply>) {
        let now = Instant::now();
        let response = match &reply {
            None => Response::Lost,
            Some(Err(CtrlerError::ErrWrongLeader)) => Response::NotLeader,
            Some(Ok(_) | Err(CtrlerError::Refused(_))) => Response::Reply,
        };
        if !self.poll.respond(request, response, now) {
            return;
        }
        match reply {
            Some(Ok(config)) if Some(config.num) == self.wanted => {
                self.reconfigure(Arc::unwrap_or_clone(config));
            }
            _ => self.poll.restart(now + POLL),
        }
    }

    fn reconfigure(&self, config: Config) {
        let mailbox = self.mailbox.clone();
        self.rsm.submit(&Op::Reconfigure(config), move |_| mailbox.post(Message::ConfigSettled));
    }

    fn receive_delivered(&mut self, request: u64, to: Gid, reply: Option<DeliverReply>) {
        let now = Instant::now();
        let Some(recipient) = self.recipients.get_mut(&to) else { return };
        let response = match reply {
            None => Response::Lost,
            Some(DeliverReply::ErrWrongLeader) => Response::NotLeader,
            Some(DeliverReply::Taken | DeliverReply::Early | DeliverReply::Refused) => Response::Reply,
        };
        if !recipient.retry.respond(request, response, now) {
            return;
        }
        let num = recipient.delivery.args.num;
        match reply {
            Some(DeliverReply::Taken) => {
                // No request to this group is due until the operation is applied. After that there may be
                // another delivery for the group.
                let op = Op::Acknowledge { num, shards: recipient.shards().collect() };
                self.rsm.start(&op);
            }
            Some(DeliverReply::Refused) => {
                let shards: Vec<usize> = recipient.shards().collect();
                dlog!(ERRO, "group {to} refuses shards {shards:?} of {num}");
                recipient.retry.repeat(now);
            }
            _ => recipient.retry.repeat(now),
        }
    }
}

impl Recipient {
    fn new(delivery: Delivery, make_end: &MakeEnd) -> Recipient {
        let ends: Vec<End> = delivery.servers.iter().map(|name| make_end(name)).collect();
        let retry = Retry::new(ends.len(), Instant::now());
        Recipient { delivery, ends, retry }
    }

    fn shards(&self) -> impl Iterator<Item = usize> {
        self.delivery.args.shards.iter().map(|(shard, _)| *shard)
    }

    /// Replaces the delivery with `delivery`, unless both have the same shards of the same configuration.
    fn update(&mut self, delivery: Delivery) {
        let same = self.delivery.args.num == delivery.args.num
            && self.shards().eq(delivery.args.shards.iter().map(|(shard, _)| *shard));
        if !same {
            self.delivery = delivery;
            self.retry.restart(Instant::now());
        }
    }
}
