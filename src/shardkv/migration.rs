//! How shards move between groups: the states of a shard in one group, and the one table of their
//! transitions.
//!
//! # The protocol
//!
//! Each group takes all configurations one after the other through its own log. So all its servers
//! change from one configuration to the next at the same point of the log. If the new configuration
//! takes a shard from the group, the group freezes the shard's data as a **handoff** to the new
//! owner. The handoff has the number of the configuration that gave the shard away. The group
//! *pushes* it until it hears that the new owner has the data. So a shard moves with two messages
//! and two log entries, besides the configurations:
//!
//! ```text
//! old owner  log: Reconfigure(n)  freezes the data; the leader sends  Deliver(n, shard, data) --->
//! new owner  log: Reconfigure(n)  awaits the data
//!            log: Deliver         serves the shard                                     <--- Taken
//! old owner  log: Acknowledge     deletes the data
//! ```
//!
//! Pushing needs no message that asks for data and none that asks for its deletion. The group that
//! has the data has the duty to act. A group that awaits a shard need not remember which group will
//! send it.
//!
//! # States and transitions
//!
//! This is one shard in one group, as [`Shard::step`] has it. The columns are events. *Mine* is a
//! new configuration that gives the shard to this group, *another's* one that gives it to another
//! group, and *no group's* one that gives it to no group.
//!
//! | state | what is here | mine | another's | no group's | data arrives | acknowledged |
//! |---|---|---|---|---|---|---|
//! | Elsewhere | nothing | Awaiting (1) | | | | |
//! | Serving | data, in use | | Giving | Parked | | |
//! | Awaiting | old handoff or nothing | (2) | (2) | (2) | Serving | forgets the old handoff |
//! | Parked | data, at rest | Serving | Giving | | | |
//! | Giving | a handoff | Awaiting | | | | Elsewhere |
//!
//! (1) Serving, if the group is the first owner ever. (2) The group refuses the configuration.
//!
//! A group takes the next configuration when none of its shards is Awaiting. Its handoffs do not
//! delay it: if a new owner is dead, that costs the old owner memory and nothing else. If all
//! groups have left, a shard stays, frozen, in the group that had it last. That group gives it to
//! the next owner.
//!
//! Why there may be an old handoff beside Awaiting: the shard may come back to a group that has not
//! heard yet whether its handoff has arrived. The group must go on delivering that handoff, because
//! the data that it awaits can only be made from it.
//!
//! | operation in the log | the leader that starts it | when |
//! |---|---|---|
//! | Reconfigure(n + 1) | of any group | it has got n + 1, and no shard is Awaiting |
//! | Deliver(n, shards) | of the new owner | the message has come, and at n a shard is Awaiting |
//! | Acknowledge(n, shards) | of the old owner | the new owner has replied Taken |
//!
//! Each operation is judged again when it is applied, and does nothing if it no longer fits. So a
//! leader may start any operation twice.
//!
//! # Why it is safe
//!
//! * **One group serves a shard at a time.** The old owner stops at Reconfigure(n). The new owner
//!   starts at Deliver(n), with data that was frozen at Reconfigure(n). Client operations that the
//!   old owner applies later are refused, and their clients repeat them at the new owner.
//! * **Nothing is lost or done twice.** The data includes the memory of the last write of each
//!   client. So a repeat is recognized wherever the shard is.
//! * **A handoff is forgotten only when the new owner has the data for good.** A server replies
//!   Taken from what it has *applied*, which is committed in its group: no crash undoes it. This is
//!   also true for a follower, for a deposed leader, and for a killed server whose messages are
//!   still on their way. So a Taken can be believed whichever server it comes from.
//! * **Messages may be lost, late and repeated.** A delivery carries its configuration number n.
//!   For a group before n it is too early, and it will be sent again. A group after n has had the
//!   data, because it could not have gone on without it. A group at n takes the data once: after
//!   that the shard is not Awaiting. An acknowledgement carries n, too. A group has at most one
//!   handoff of a shard, because the next one can only be made from data that came back, and the
//!   data cannot come back before this one was taken.
//! * **A restart goes on where the log or the snapshot ends.** All of the above is in the
//!   replicated state. A new leader reads there what is to be done: which data it awaits, delivers
//!   or acknowledges.
//!
//! # Why it ends
//!
//! Take a group with the lowest configuration number of all, n. The data that it awaits was given
//! away at n by groups that are at n or beyond. So the handoffs exist, and are being pushed. The
//! group gets them and goes on, if the old owners and it have majorities. A new leader starts an
//! operation of its own term at once, so no step has to wait for a client.

use labapi::{Gid, Holding};
use labrt::sync::Arc;
use serde::{Deserialize, Serialize};

/// A shard as one group has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shard<D> {
    /// The group has no data of it.
    #[default]
    Elsewhere,
    /// It is this group's, which serves it.
    Serving(D),
    /// It is this group's by the current configuration, and its data is on its way. An old handoff
    /// may be here, which this group gave away before and whose arrival is not known yet.
    Awaiting(Option<Handoff<D>>),
    /// It is no group's by the current configuration, and this group had it last.
    Parked(D),
    /// It was given away, and is kept until its new owner has it.
    Giving(Handoff<D>),
}

/// The frozen data of a shard that was given away: what it was when configuration `num` took
/// effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff<D> {
    /// The configuration that gave the shard away.
    pub num: u64,
    /// Its owner in that configuration.
    pub to: Gid,
    /// The data. It does not change any more.
    pub data: Arc<D>,
}

/// The owner of a shard in a configuration, as a group sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The group's own.
    Mine,
    /// Another group's.
    Others(Gid),
    /// No group's.
    Nobodys,
}

/// What happens to a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<D> {
    /// A configuration takes effect. The shard must not be [`Awaiting`](Shard::Awaiting).
    Configured {
        /// The configuration's number.
        num: u64,
        /// The owner of the shard in it.
        owner: Owner,
        /// No configuration before it had an owner for the shard.
        first: bool,
    },
    /// The data that the current configuration gives to this group has arrived.
    Arrived(Arc<D>),
    /// The new owner has the data of the handoff of this configuration.
    Acknowledged {
        /// The configuration's number.
        num: u64,
    },
}

impl<D: Clone + Default> Shard<D> {
    /// The table above: the state after an event. An empty cell means that nothing changes.
    pub fn step(self, event: Event<D>) -> Shard<D> {
        use Event::{Acknowledged, Arrived, Configured};
        use Owner::{Mine, Nobodys, Others};
        use Shard::{Awaiting, Elsewhere, Giving, Parked, Serving};
        match (self, event) {
            (Elsewhere, Configured { owner: Mine, first: true, .. }) => Serving(D::default()),
            (Elsewhere, Configured { owner: Mine, first: false, .. }) => Awaiting(None),
            (Serving(data) | Parked(data), Configured { owner: Mine, .. }) => Serving(data),
            (Serving(data) | Parked(data), Configured { owner: Nobodys, .. }) => Parked(data),
            (Serving(data) | Parked(data), Configured { owner: Others(to), num, .. }) => {
                Giving(Handoff { num, to, data: Arc::new(data) })
            }
            (Giving(handoff), Configured { owner: Mine, .. }) => Awaiting(Some(handoff)),
            (Awaiting(_), Arrived(data)) => Serving(Arc::unwrap_or_clone(data)),
            (Giving(handoff), Acknowledged { num }) if handoff.num == num => Elsewhere,
            (Awaiting(Some(handoff)), Acknowledged { num }) if handoff.num == num => Awaiting(None),
            (unchanged, _) => unchanged,
        }
    }
}

impl<D> Shard<D> {
    /// The state without the data.
    pub fn state(&self) -> Holding {
        match self {
            Shard::Elsewhere => Holding::Nothing,
            Shard::Serving(_) => Holding::Serving,
            Shard::Awaiting(_) => Holding::Awaiting,
            Shard::Parked(_) => Holding::Parked,
            Shard::Giving(_) => Holding::Giving,
        }
    }

    /// Whether it is this group's and not here yet. Then the group does not take the next
    /// configuration.
    pub fn is_awaiting(&self) -> bool {
        self.state() == Holding::Awaiting
    }

    /// The data, if this group serves the shard.
    pub fn serving(&mut self) -> Option<&mut D> {
        match self {
            Shard::Serving(data) => Some(data),
            _ => None,
        }
    }

    /// The handoff that is to be delivered.
    pub fn handoff(&self) -> Option<&Handoff<D>> {
        match self {
            Shard::Giving(handoff) | Shard::Awaiting(Some(handoff)) => Some(handoff),
            _ => None,
        }
    }

    /// The data that is here, in any state.
    pub fn data(&self) -> Option<&D> {
        match self {
            Shard::Serving(data) | Shard::Parked(data) => Some(data),
            _ => self.handoff().map(|handoff| &*handoff.data),
        }
    }

    /// Whether a shard can be in this state if the current configuration, number `num`, gives it to
    /// `owner`.
    pub fn is_sound(&self, num: u64, owner: Owner) -> bool {
        let owned = match self.state() {
            Holding::Serving | Holding::Awaiting => owner == Owner::Mine,
            Holding::Parked => owner == Owner::Nobodys,
            Holding::Nothing | Holding::Giving => owner != Owner::Mine,
        };
        owned && self.handoff().is_none_or(|handoff| handoff.num <= num)
    }
}

/// What a group finds about a shard that another group delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The group awaits it.
    Wanted,
    /// The group has it already.
    Known,
    /// The group is not at that configuration yet.
    Early,
    /// The configuration does not give the shard to this group, so it should not have come.
    Wrong,
}

impl Verdict {
    /// The verdict on a shard of configuration `num`, in a group that is at configuration `at`.
    /// There the shard is `owner`'s, and `here` is what the group has of it.
    pub fn of<D>(num: u64, at: u64, owner: Owner, here: &Shard<D>) -> Verdict {
        match num {
            _ if num > at => Verdict::Early,
            _ if num < at => Verdict::Known,
            _ if owner != Owner::Mine => Verdict::Wrong,
            _ if here.is_awaiting() => Verdict::Wanted,
            _ => Verdict::Known,
        }
    }
}
