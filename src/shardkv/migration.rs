//! How shards move between groups: the states of a shard in one group, and one table of all transitions.
//!
//! # The protocol
//!
//! Each group takes all configurations, one after the other, through its own log. So all servers of the group
//! change to the next configuration at the same point of the log. If the new configuration takes a shard from
//! the group, the group freezes the shard's data as a **handoff**. A handoff has the data for the new owner,
//! and the number of the configuration that gave the shard away. The group *pushes* the handoff: it sends the
//! data again and again until the new owner has replied that it has the data. So, apart from the
//! configurations, the move of a shard needs two messages and two log entries:
//!
//! ```text
//! old owner  log: Reconfigure(n)  freezes the data; the leader sends  Deliver(n, shard, data) --->
//! new owner  log: Reconfigure(n)  awaits the data
//!            log: Deliver         serves the shard                                     <--- Taken
//! old owner  log: Acknowledge     deletes the data
//! ```
//!
//! The old owner pushes, so no group needs to send a request for data, or for the deletion of data. The group
//! that has the data must act. A group that awaits a shard does not need to remember which group will send
//! it.
//!
//! # States and transitions
//!
//! The table shows one shard in one group, as [`Shard::step`] implements it. The columns are events, and the
//! cells are the states after the event. An empty cell means that nothing changes. The first three events are
//! new configurations: *mine* gives the shard to this group, *another's* gives it to another group, and *no
//! group's* gives it to no group.
//!
//! | state | what is here | mine | another's | no group's | data arrives | acknowledged |
//! |---|---|---|---|---|---|---|
//! | Elsewhere | nothing | Awaiting (1) | | | | |
//! | Serving | data, in use | | Giving | Parked | | |
//! | Awaiting | old handoff or nothing | (2) | (2) | (2) | Serving | forgets the old handoff |
//! | Parked | data, at rest | Serving | Giving | | | |
//! | Giving | a handoff | Awaiting | | | | Elsewhere |
//!
//! (1) The state is Serving if no group owned the shard before. (2) The group does not take the
//! configuration.
//!
//! A group takes the next configuration only when none of its shards is Awaiting. It does not wait until its
//! own handoffs are acknowledged. So if a new owner is dead, the old owner can continue. The old owner only
//! needs memory for the data that it keeps. If all groups have left, a shard stays in the group that had it
//! last, and does not change (Parked). Later that group gives the shard to the next owner.
//!
//! If a shard is Awaiting in a group, the group may also have an old handoff of this shard. This happens if
//! the shard comes back to a group that does not know yet whether its handoff has arrived. The group must
//! continue to deliver the handoff. Otherwise the other group might never get the data, and then it could not
//! send the data back.
//!
//! The next table shows who starts the operations that move shards. A group is *at n* if its current
//! configuration has the number n.
//!
//! | operation in the log | group whose leader starts the operation | condition |
//! |---|---|---|
//! | Reconfigure(n + 1) | any group | the leader has received configuration n + 1, and no shard is Awaiting |
//! | Deliver(n, shards) | the new owner | the message is here, the group is at n, and a shard is Awaiting |
//! | Acknowledge(n, shards) | the old owner | the new owner has replied Taken |
//!
//! The conditions are checked again when the operation is applied. If they are no longer true, the operation
//! does nothing. So a leader may start an operation twice without harm.
//!
//! # Why the protocol is safe
//!
//! * **Two groups never serve the same shard at the same time.** The old owner stops at Reconfigure(n). The
//!   new owner starts at Deliver(n), with data that was frozen at Reconfigure(n). The old owner refuses
//!   client operations that come later in its log, and the clients send them to the new owner.
//! * **Nothing is lost or done twice.** The data includes the last write of each client. So every owner of
//!   the shard recognizes a repeated write.
//! * **A handoff is deleted only when no crash can take the data from the new owner.** A server replies Taken
//!   only after it has *applied* the delivery. An applied operation is committed in the server's group, so no
//!   crash can undo it. So the reply is also correct if the server is a follower or a deposed leader, or if
//!   it was killed after it had sent the reply. The old owner can trust this reply, no matter which server of
//!   the new owner has sent it.
//! * **Messages may be lost, late and repeated.** A delivery has a number n, the number of the configuration
//!   that moved the shard. If the group has not reached n yet, the delivery is too early, and it will be sent
//!   again. If the group is already at a later configuration than n, it has already had the data, because it
//!   cannot leave n without the data. A group at n takes the data once, because after that the shard is not
//!   Awaiting. An acknowledgement also has the number n, so a late acknowledgement does not delete a newer
//!   handoff. A group has at most one handoff of a shard. The next handoff can only be made from data that
//!   has come back, and the data cannot come back before the new owner has taken the first handoff.
//! * **After a restart a server continues where the log or the snapshot ends.** The states of the shards and
//!   their handoffs are part of the replicated state. So a new leader can see in this state which data the
//!   group awaits, and which data it must deliver.
//!
//! # Why every migration ends
//!
//! Consider a group with the lowest configuration number, n. All other groups are at n or at a later
//! configuration. If this group awaits data, the old owners of the data have already taken configuration n.
//! So they have already made the handoffs, and push them. If a majority of the servers works in this group
//! and in each old owner, this group gets the data and continues. A new leader starts an operation of its own
//! term at once, so no step has to wait for a client's operation.

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
    /// The current configuration gives the shard to the group, but the data has not arrived yet. There may
    /// also be an old handoff. This is so if the group gave the shard away before and does not know yet
    /// whether that data has arrived.
    Awaiting(Option<Handoff<D>>),
    /// The current configuration gives the shard to no group. This group had it last.
    Parked(D),
    /// This group has given the shard away, and keeps the data until the new owner has the data.
    Giving(Handoff<D>),
}

/// The frozen data of a shard that was given away. It is the data that the shard had when configuration `num`
/// took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff<D> {
    /// The number of the configuration that gave the shard away.
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

/// An event that may change the state of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<D> {
    /// A configuration takes effect. The shard must not be [`Awaiting`](Shard::Awaiting).
    Configured {
        /// The configuration's number.
        num: u64,
        /// The owner of the shard in this configuration.
        owner: Owner,
        /// True if no earlier configuration had an owner for the shard.
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

    /// Does this group own the shard, but not have its data yet? If so, the group does not take the next
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

    /// The handoff that the group must deliver, if there is one.
    pub fn handoff(&self) -> Option<&Handoff<D>> {
        match self {
            Shard::Giving(handoff) | Shard::Awaiting(Some(handoff)) => Some(handoff),
            _ => None,
        }
    }

    /// The data of the shard, if this group has it: in use, at rest, or in a handoff.
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

/// The decision of a group about a shard that another group delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The group awaits the shard.
    Wanted,
    /// The group has the data, or had it and has given it away.
    Known,
    /// The group has not reached the delivery's configuration yet.
    Early,
    /// The delivery's configuration does not give the shard to this group, so one of the groups has made a
    /// mistake.
    Wrong,
}

impl Verdict {
    /// The verdict on a shard that is delivered for configuration `num`. The group's current configuration
    /// has the number `at`. In this configuration the shard belongs to `owner`. The shard's state in the
    /// group is `here`.
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
