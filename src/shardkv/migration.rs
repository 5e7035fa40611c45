//! How shards move between groups: the states of a shard in one group, and one table of all transitions.
//!
//! # The protocol
//!
//! Each group takes all configurations one after the other through its own log. So all servers of the group
//! change from one configuration to the next at the same point of the log. If the new configuration takes a
//! shard from the group, the group freezes the shard's data as a **handoff**: the data that must go to the
//! new owner, with the number of the configuration that gave the shard away. The group *pushes* the handoff
//! until it hears that the new owner has the data. So, apart from the configurations, a shard moves with two
//! messages and two log entries:
//!
//! ```text
//! old owner  log: Reconfigure(n)  freezes the data; the leader sends  Deliver(n, shard, data) --->
//! new owner  log: Reconfigure(n)  awaits the data
//!            log: Deliver         serves the shard                                     <--- Taken
//! old owner  log: Acknowledge     deletes the data
//! ```
//!
//! Because the old owner pushes, no message is needed that asks for data or for its deletion. The group that
//! has the data must act. A group that awaits a shard need not remember which group will send it.
//!
//! # States and transitions
//!
//! The table shows one shard in one group, as [`Shard::step`] implements it. The columns are events. *mine*
//! is a new configuration that gives the shard to this group, *another's* one that gives it to another group,
//! and *no group's* one that gives it to no group.
//!
//! | state | what is here | mine | another's | no group's | data arrives | acknowledged |
//! |---|---|---|---|---|---|---|
//! | Elsewhere | nothing | Awaiting (1) | | | | |
//! | Serving | data, in use | | Giving | Parked | | |
//! | Awaiting | old handoff or nothing | (2) | (2) | (2) | Serving | forgets the old handoff |
//! | Parked | data, at rest | Serving | Giving | | | |
//! | Giving | a handoff | Awaiting | | | | Elsewhere |
//!
//! (1) Serving, if the group is the first owner at all. (2) The group does not take the configuration.
//!
//! A group takes the next configuration only when none of its shards is Awaiting. Its handoffs do not delay
//! it: if a new owner is dead, this only costs memory at the old owner. If all groups have left, a shard
//! stays, frozen, in the group that had it last. That group gives it to the next owner.
//!
//! There may be an old handoff beside Awaiting: the shard may come back to a group that does not know yet
//! whether its handoff has arrived. The group must continue to deliver that handoff, because the data that it
//! awaits can only be made from it.
//!
//! | operation in the log | the leader of this group starts it | when |
//! |---|---|---|
//! | Reconfigure(n + 1) | any group | it has received configuration n + 1, and no shard is Awaiting |
//! | Deliver(n, shards) | the new owner | the message has arrived, and at n a shard is Awaiting |
//! | Acknowledge(n, shards) | the old owner | the new owner has replied Taken |
//!
//! Each operation is checked again when it is applied. It does nothing if it no longer fits. So a leader may
//! start any operation twice.
//!
//! # Why it is safe
//!
//! * **One group serves a shard at a time.** The old owner stops at Reconfigure(n). The new owner starts at
//!   Deliver(n), with data that was frozen at Reconfigure(n). The old owner refuses client operations that it
//!   applies later, and the clients repeat them at the new owner.
//! * **Nothing is lost or done twice.** The data includes the memory of the last write of each client. So
//!   every owner of the shard recognizes a repeat.
//! * **A handoff is deleted only when no crash can take the data from the new owner.** A server replies Taken
//!   only after it has *applied* the delivery. What is applied is committed in its group, so no crash undoes
//!   it. This is also true for a follower, for a deposed leader, and for a killed server that still has
//!   messages on their way. So the old owner can believe a Taken from any server.
//! * **Messages may be lost, late and repeated.** A delivery has its configuration number n. For a group
//!   before n it is too early, and it will be sent again. A group after n has had the data, because it cannot
//!   pass n without it. A group at n takes the data once, because after that the shard is not Awaiting. An
//!   acknowledgement has n, too. A group has at most one handoff of a shard: the next one can only be made
//!   from data that came back, and the data cannot come back before the first handoff was taken.
//! * **After a restart a server continues where the log or the snapshot ends.** Everything described here is
//!   in the replicated state. From this state a new leader knows what to do: which data it awaits, delivers
//!   or acknowledges.
//!
//! # Why every migration ends
//!
//! Take a group with the lowest configuration number n of all groups. Groups that are at n or beyond gave
//! away the data that it awaits. So the handoffs exist, and these groups push them. The group gets them and
//! continues, if the old owners and the group itself have majorities. A new leader starts an operation of its
//! own term at once, so no step has to wait for a client.

use labapi::{Gid, Holding};
use labrt::sync::Arc;
use serde::{Deserialize, Serialize};

/// The state of a shard in one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shard<D> {
    /// The group has no data of the shard.
    #[default]
    Elsewhere,
    /// The group owns the shard and serves it.
    Serving(D),
    /// The group owns the shard by the current configuration, and the data is on its way. There may also be
    /// an old handoff: this group gave the shard away before, and does not know yet whether the data has
    /// arrived.
    Awaiting(Option<Handoff<D>>),
    /// By the current configuration no group owns the shard. This group had it last.
    Parked(D),
    /// This group has given the shard away, and keeps the data until the new owner has it.
    Giving(Handoff<D>),
}

/// The frozen data of a shard that was given away, as it was when configuration `num` took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff<D> {
    /// The configuration that gave the shard away.
    pub num: u64,
    /// The shard's owner in that configuration.
    pub to: Gid,
    /// The data. It does not change any more.
    pub data: Arc<D>,
}

/// The owner of a shard in a configuration, from the view of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This group owns the shard.
    Mine,
    /// Another group owns the shard.
    Others(Gid),
    /// No group owns the shard.
    NoGroup,
}

/// What happens to a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<D> {
    /// A configuration takes effect. The shard must not be [`Awaiting`](Shard::Awaiting).
    Configured {
        /// The configuration's number.
        num: u64,
        /// The owner of the shard in this configuration.
        owner: Owner,
        /// True if no configuration before had an owner for the shard.
        first: bool,
    },
    /// The data that the current configuration gives to this group has arrived.
    Arrived(Arc<D>),
    /// The new owner has the data of the handoff with this configuration number.
    Acknowledged {
        /// The configuration's number.
        num: u64,
    },
}

impl<D: Clone + Default> Shard<D> {
    /// Returns the state after an event, as in the table above. An empty cell of the table means that nothing
    /// changes.
    pub fn step(self, event: Event<D>) -> Shard<D> {
        use Event::{Acknowledged, Arrived, Configured};
        use Owner::{Mine, NoGroup, Others};
        use Shard::{Awaiting, Elsewhere, Giving, Parked, Serving};
        match (self, event) {
            (Elsewhere, Configured { owner: Mine, first: true, .. }) => Serving(D::default()),
            (Elsewhere, Configured { owner: Mine, first: false, .. }) => Awaiting(None),
            (Serving(data) | Parked(data), Configured { owner: Mine, .. }) => Serving(data),
            (Serving(data) | Parked(data), Configured { owner: NoGroup, .. }) => Parked(data),
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
    /// The state, without the data.
    pub fn state(&self) -> Holding {
        match self {
            Shard::Elsewhere => Holding::Nothing,
            Shard::Serving(_) => Holding::Serving,
            Shard::Awaiting(_) => Holding::Awaiting,
            Shard::Parked(_) => Holding::Parked,
            Shard::Giving(_) => Holding::Giving,
        }
    }

    /// Does this group own the shard but not have its data yet? Then it does not take the next configuration.
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

    /// The handoff that the group must deliver, if there is one.
    pub fn handoff(&self) -> Option<&Handoff<D>> {
        match self {
            Shard::Giving(handoff) | Shard::Awaiting(Some(handoff)) => Some(handoff),
            _ => None,
        }
    }

    /// The data of the shard that is here, in any state.
    pub fn data(&self) -> Option<&D> {
        match self {
            Shard::Serving(data) | Shard::Parked(data) => Some(data),
            _ => self.handoff().map(|handoff| &*handoff.data),
        }
    }

    /// Can a shard be in this state if the current configuration, number `num`, gives it to `owner`?
    pub fn is_sound(&self, num: u64, owner: Owner) -> bool {
        let owned = match self.state() {
            Holding::Serving | Holding::Awaiting => owner == Owner::Mine,
            Holding::Parked => owner == Owner::NoGroup,
            Holding::Nothing | Holding::Giving => owner != Owner::Mine,
        };
        owned && self.handoff().is_none_or(|handoff| handoff.num <= num)
    }
}

/// What a group decides about a shard that another group delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The group awaits the shard.
    Wanted,
    /// The group has the data, or had it and has given it away.
    Known,
    /// The group has not reached that configuration yet.
    Early,
    /// The configuration does not give the shard to this group, so there is a mistake.
    Wrong,
}

impl Verdict {
    /// The verdict on a shard of configuration `num`, in a group that is at configuration `at`. In
    /// configuration `at` the shard belongs to `owner`, and `here` is its state in this group.
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
