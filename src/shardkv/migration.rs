//! How shards move between groups: the states of a shard in one group, and the one table of their transitions.
//!
//! # The protocol
//!
//! Every group takes all configurations one after the other through its own log, so it changes from one to the next
//! at one point of its history on all its servers. Where that takes a shard from it, the group freezes the shard's
//! data in a **parcel** for the new owner, numbered with the configuration that gives it away, and *pushes* it until
//! it hears that the new owner has it. All in all a shard moves in two messages and two log entries beside the
//! configurations:
//!
//! ```text
//! giver   log: Reconfigure(n)   freezes the data; its leader sends   Deliver(n, shard, data) ------>
//! taker   log: Reconfigure(n)   awaits it
//!         log: Deliver          serves it                                            <------ Taken
//! giver   log: Acknowledge      the data is gone
//! ```
//!
//! Pushing needs no message to ask for data and none to ask for its deletion, and who has the data has the duty to
//! act; a group that only waits has nothing to remember about whom it waits for.
//!
//! # States and transitions
//!
//! Of one shard in one group, in [`Shard::step`]. *Mine* is a configuration that gives the shard to this group.
//!
//! | state | is here | configuration: mine | another group's | nobody's | its parcel arrives | acknowledged |
//! |---|---|---|---|---|---|---|
//! | Elsewhere | nothing | Awaiting; the first owner ever: Serving | | | | |
//! | Serving | data, in use | | Giving | Parked | | |
//! | Awaiting | perhaps an old parcel | (refused) | (refused) | (refused) | Serving | forgets the old parcel |
//! | Parked | data, at rest | Serving | Giving | | | |
//! | Giving | parcel | Awaiting | | | | Elsewhere |
//!
//! A group takes the next configuration when none of its shards is Awaiting. Parcels do not hold it up: a new owner
//! that is dead costs the giver memory and nothing else. A shard that no group has (all have left) stays, frozen, with
//! the group that had it last, which gives it to the next owner when there is one.
//!
//! An old parcel beside Awaiting: the shard comes back to a group that has not heard yet whether its parcel arrived. It
//! must go on delivering that one, since what it now waits for can only be made from it.
//!
//! | operation in the log | proposed by | when |
//! |---|---|---|
//! | Reconfigure(n + 1) | the group's leader | it has learnt n + 1 from the controller, and no shard is Awaiting |
//! | Deliver(n, shards) | the taker's leader | the message has come, the group is at n and a shard is Awaiting |
//! | Acknowledge(n, shards) | the giver's leader | the taker has replied Taken |
//!
//! Each is judged again when it is applied, and does nothing if it no longer fits; so leaders may propose anything
//! twice.
//!
//! # Why it is safe
//!
//! * **One group serves a shard at a time.** A giver stops at Reconfigure(n). The taker starts at Deliver(n), whose data
//!   was frozen there. Operations that come out of the giver's log later find the shard gone, and are refused; their
//!   clients repeat them elsewhere.
//! * **Nothing is lost or done twice.** The data has the memory of who has written what last with it, so a repeat is
//!   recognized wherever the shard is.
//! * **A parcel is forgotten only when the taker has it for good.** A server replies Taken from what it has *applied*,
//!   which is committed in its group: no crash undoes it. That also holds for a follower, for a deposed leader and for
//!   a server that was killed and still talks, so no such reply has to be fenced off.
//! * **Messages may be lost, late and repeated.** A parcel says its configuration number n. To a group before n it comes
//!   too early, and will be sent again. A group past n has had it, since it could not have gone on without. At n it is
//!   taken once: then the shard is no longer Awaiting. An acknowledgement names n, too, and a group has at most one parcel of
//!   a shard: the next one can only be made from data that came back, which it would not have without this one.
//! * **A restart goes on where the log or snapshot ends.** All of the above is in the replicated state. A new leader
//!   looks at it and does what there is to do: it awaits, pushes, acknowledges.
//!
//! # Why it ends
//!
//! Take a group with the lowest configuration of all, n. What it awaits was given away at n by groups that are
//! at n or beyond: the parcels are made, and are being pushed. So it gets them and goes on, if their givers and it have
//! majorities. New leaders propose an operation of their own term at once, so nothing waits for a client to come along.

use labapi::Gid;
use labrt::sync::Arc;
use serde::{Deserialize, Serialize};

/// A shard as one group has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shard<D> {
    /// Nothing of it is here.
    #[default]
    Elsewhere,
    /// It is this group's, and served.
    Serving(D),
    /// It is this group's by the current configuration, and its data is on its way. An older copy may be here, which
    /// this group gave away and has not heard of since.
    Awaiting(Option<Parcel<D>>),
    /// It is nobody's by the current configuration, and this group had it last.
    Parked(D),
    /// It was given away, and is kept until its new owner has it.
    Giving(Parcel<D>),
}

/// The data of a shard that was given away: what it was when configuration `num` took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel<D> {
    /// The configuration that gave the shard away.
    pub num: u64,
    /// Its owner in that configuration.
    pub to: Gid,
    /// The data. Nobody changes it any more.
    pub data: Arc<D>,
}

/// Whose a shard is in a configuration, as a group sees it.
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
    /// A configuration takes effect. The shard is not [`Awaiting`](Shard::Awaiting).
    Configured {
        /// The configuration's number.
        num: u64,
        /// Whose the shard is in it.
        owner: Owner,
        /// No configuration before it had an owner for the shard.
        first: bool,
    },
    /// Its parcel of the current configuration has come.
    Arrived(Arc<D>),
    /// Its new owner has the parcel of this configuration.
    Acknowledged {
        /// The configuration's number.
        num: u64,
    },
}

impl<D: Clone + Default> Shard<D> {
    /// The table above: the state after an event. Where the table has nothing, nothing changes.
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
                Giving(Parcel { num, to, data: Arc::new(data) })
            }
            (Giving(parcel), Configured { owner: Mine, .. }) => Awaiting(Some(parcel)),
            (Awaiting(_), Arrived(data)) => Serving(Arc::unwrap_or_clone(data)),
            (Giving(parcel), Acknowledged { num }) if parcel.num == num => Elsewhere,
            (Awaiting(Some(parcel)), Acknowledged { num }) if parcel.num == num => Awaiting(None),
            (unchanged, _) => unchanged,
        }
    }
}

impl<D> Shard<D> {
    /// Is it ours and not here yet? Then there is no next configuration.
    pub fn is_awaiting(&self) -> bool {
        matches!(self, Shard::Awaiting(_))
    }

    /// The data, if it is served here.
    pub fn serving(&mut self) -> Option<&mut D> {
        match self {
            Shard::Serving(data) => Some(data),
            _ => None,
        }
    }

    /// What there is to deliver.
    pub fn parcel(&self) -> Option<&Parcel<D>> {
        match self {
            Shard::Giving(parcel) | Shard::Awaiting(Some(parcel)) => Some(parcel),
            _ => None,
        }
    }

    /// Whatever data is here.
    pub fn data(&self) -> Option<&D> {
        match self {
            Shard::Serving(data) | Shard::Parked(data) => Some(data),
            _ => self.parcel().map(|parcel| &*parcel.data),
        }
    }

    /// Can a shard be in this state that is `owner`'s in the current configuration, number `num`?
    pub fn is_sound(&self, num: u64, owner: Owner) -> bool {
        let owned = match self {
            Shard::Serving(_) | Shard::Awaiting(_) => owner == Owner::Mine,
            Shard::Parked(_) => owner == Owner::Nobodys,
            Shard::Elsewhere | Shard::Giving(_) => owner != Owner::Mine,
        };
        owned && self.parcel().is_none_or(|parcel| parcel.num <= num)
    }
}

/// What a group thinks of a parcel that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It awaits it.
    Wanted,
    /// It has it already.
    Known,
    /// It is not at that configuration yet.
    Early,
    /// It should not have come: this configuration does not give the shard to this group.
    Wrong,
}

impl Verdict {
    /// Of a parcel of configuration `num`, by a group at configuration `at` where the shard is `owner`'s and in
    /// `state`.
    pub fn of<D>(num: u64, at: u64, owner: Owner, state: &Shard<D>) -> Verdict {
        match num {
            _ if num > at => Verdict::Early,
            _ if num < at => Verdict::Known,
            _ if owner != Owner::Mine => Verdict::Wrong,
            _ if state.is_awaiting() => Verdict::Wanted,
            _ => Verdict::Known,
        }
    }
}
