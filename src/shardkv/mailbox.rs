//! The mailbox of a server's [`migrator`](super::migrator). Other threads put messages for the migrator into
//! this mailbox.

use super::messages::DeliverReply;
use crate::shardctrler;
use labapi::Gid;
use labrt::sync::{Condvar, Mutex};
use labrt::time::Instant;

/// The mailbox. The migrator sleeps until something new is in it. Putting a message into it takes only a
/// short time, so a thread may do this while it holds other locks.
#[derive(Default)]
pub(super) struct Mailbox {
    mail: Mutex<Mail>,
    posted: Condvar,
}

/// The messages and changes since the migrator last took its mail.
#[derive(Default)]
pub(super) struct Mail {
    killed: bool,
    /// The term that this server leads, or `None` if this server does not lead.
    pub leads: Option<u64>,
    /// Whether the group's state has changed in a way that may give the migrator something to do.
    pub changed: bool,
    /// Whether there is a configuration that this group has not reached yet.
    pub behind: bool,
    pub messages: Vec<Message>,
}

/// The outcome of a request or an operation that the migrator has started.
pub(super) enum Message {
    /// The controller's reply to request `request`. It is `None` if the request or the reply was lost.
    Config { request: u64, reply: Option<shardctrler::Reply> },
    /// The operation with the new configuration has got its outcome: it was applied, or this server no longer
    /// leads.
    ConfigSettled,
    /// The reply of group `to` to request `request`. It is `None` if the request or the reply was lost.
    Delivered { request: u64, to: Gid, reply: Option<DeliverReply> },
}

impl Mailbox {
    /// Notes that the server was killed.
    pub fn kill(&self) {
        self.change(|mail| mail.killed = true);
    }

    /// Notes that this server leads the term `leads` from now on. `None` means that this server does not
    /// lead.
    pub fn role(&self, leads: Option<u64>) {
        self.change(|mail| (mail.leads, mail.changed) = (leads, true));
    }

    /// Notes that the group's state has changed, so the migrator may have something to do.
    pub fn changed(&self) {
        self.change(|mail| mail.changed = true);
    }

    /// Notes that another group knows a later configuration.
    pub fn behind(&self) {
        self.change(|mail| mail.behind = true);
    }

    pub fn post(&self, message: Message) {
        self.change(|mail| mail.messages.push(message));
    }

    fn change(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut self.mail.lock());
        self.posted.notify_one();
    }

    /// Waits until there is something new, or until the time `until` has come. Returns the new messages, or
    /// `None` if the server was killed.
    pub fn wait(&self, until: Option<Instant>) -> Option<Mail> {
        let mut mail = self.mail.lock();
        loop {
            if mail.killed {
                return None;
            }
            let over = until.is_some_and(|until| until <= Instant::now());
            if over || mail.changed || mail.behind || !mail.messages.is_empty() {
                let leads = mail.leads;
                return Some(std::mem::replace(&mut *mail, Mail { leads, ..Mail::default() }));
            }
            match until {
                Some(until) => drop(self.posted.wait_until(&mut mail, until)),
                None => self.posted.wait(&mut mail),
            }
        }
    }
}
