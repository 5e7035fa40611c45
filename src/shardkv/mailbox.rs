//! The mailbox of a server's [`migrator`](super::migrator): other threads leave news for the migrator here.

use super::messages::DeliverReply;
use crate::shardctrler;
use labapi::Gid;
use labrt::sync::{Condvar, Mutex};
use labrt::time::Instant;

/// The migrator sleeps on the mailbox until there is news. Posting is short, so a thread may post with any
/// lock held.
#[derive(Default)]
pub(super) struct Mailbox {
    mail: Mutex<Mail>,
    posted: Condvar,
}

/// What has happened since the migrator looked the last time.
#[derive(Default)]
pub(super) struct Mail {
    killed: bool,
    /// The term that this server leads; `None` if it does not lead.
    pub leads: Option<u64>,
    /// The group's state has changed in a way that may give the migrator something to do.
    pub changed: bool,
    /// There is a configuration that this group has not reached yet.
    pub behind: bool,
    pub messages: Vec<Message>,
}

/// The outcome of something that the migrator has started.
pub(super) enum Message {
    /// The controller's reply to request `request`; `None` if it was lost.
    Config { request: u64, reply: Option<shardctrler::Reply> },
    /// The configuration was applied, or this leader will not apply it.
    ConfigSettled,
    /// The reply of group `to` to request `request`; `None` if it was lost.
    Delivered { request: u64, to: Gid, reply: Option<DeliverReply> },
}

impl Mailbox {
    /// The server was killed.
    pub fn kill(&self) {
        self.change(|mail| mail.killed = true);
    }

    /// This server leads this term from now on. `None`: it does not lead.
    pub fn role(&self, leads: Option<u64>) {
        self.change(|mail| (mail.leads, mail.changed) = (leads, true));
    }

    /// The migrator may have something to do.
    pub fn changed(&self) {
        self.change(|mail| mail.changed = true);
    }

    /// Another group knows a later configuration.
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

    /// Waits until there is mail, at most until `until`. `None`: the server was killed.
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
