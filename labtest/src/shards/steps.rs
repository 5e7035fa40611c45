//! The changes that a test makes to the configuration, and the check of the servers' disks.

use labapi::{Config as ShardConfig, CtrlerClerk, Gid, Sharded};
use labrt::collections::BTreeMap;
use labrt::dlog;

use super::place::{Place, gid};
use super::{Cluster, FIRST_CLERK};
use crate::events::ClientCall;
use crate::marks::MarkKind;

impl<S: Sharded> Cluster<S> {
    /// Lets group `gi` join. This method returns when the controller has done the join. The groups may move
    /// the shards later.
    pub fn join(&self, gi: usize) {
        self.joinm(&[gi]);
    }

    /// Lets several groups join, with one request.
    pub fn joinm(&self, gis: &[usize]) {
        let gids = self.step("join", gis);
        let groups: BTreeMap<Gid, Vec<String>> =
            gis.iter().map(|&gi| (gid(gi), self.server_names(gi))).collect();
        self.with_mck("join", &gids, |mck| mck.join(groups));
    }

    /// Lets group `gi` leave.
    pub fn leave(&self, gi: usize) {
        self.leavem(&[gi]);
    }

    /// Lets several groups leave, with one request.
    pub fn leavem(&self, gis: &[usize]) {
        let gids = self.step("leave", gis);
        self.with_mck("leave", &gids, |mck| mck.leave(gis.iter().map(|&gi| gid(gi)).collect()));
    }

    /// Gives a shard to group `gi`.
    pub fn move_shard(&self, shard: usize, gi: usize) {
        dlog!(TEST, "move of shard {shard} to G{}", gid(gi));
        self.marks.instant(MarkKind::Configuration, format!("move of shard {shard} to {}", gid(gi)));
        let what = format!("shard {shard} to {}", gid(gi));
        self.with_mck("move", &what, |mck| mck.move_shard(shard, gid(gi)));
    }

    /// Starts a second controller. The servers of the groups do not use this controller. It has
    /// configurations of its own. Returns a clerk of the second controller.
    pub fn start_second_ctrler(&self) -> S::CtrlerClerk {
        let places = self.group_of(Place::Second(0));
        for &place in &places {
            self.state.lock().servers.entry(place).or_insert_with(|| place.lives(&self.net));
        }
        places.into_iter().for_each(|place| self.start(place));
        S::ctrler_clerk(self.make_ends_to_second())
    }

    /// Asks the controller for the latest configuration.
    pub fn query(&self) -> ShardConfig {
        self.with_mck("query", "", |mck| mck.query(None))
    }

    /// The names of the servers of group `gi`.
    pub fn server_names(&self, gi: usize) -> Vec<String> {
        self.group(gi).into_iter().map(|place| place.name()).collect()
    }

    /// Writes a step, such as the join of some groups, into the log and into the marks. Returns the gids of
    /// the groups as a text, for the trace.
    fn step(&self, what: &str, gis: &[usize]) -> String {
        let gids: Vec<Gid> = gis.iter().map(|&gi| gid(gi)).collect();
        dlog!(TEST, "{what} of {gids:?}");
        self.marks.instant(MarkKind::Configuration, format!("{what} of {gids:?}"));
        gids.iter().map(Gid::to_string).collect::<Vec<_>>().join(",")
    }

    /// Calls the controller with the harness's own clerk. If another thread is using this clerk, a new clerk
    /// is made. In the trace, the call is operation `op` on key `what`.
    fn with_mck<T>(&self, op: &str, what: &str, f: impl FnOnce(&mut S::CtrlerClerk) -> T) -> T {
        let own = self.mck.lock().take();
        let number = if own.is_some() { FIRST_CLERK } else { self.next_clerk_number() };
        let mut mck = own.unwrap_or_else(|| self.make_ctrler_clerk());
        let call = ClientCall::begin(number, op, what, "");
        let result = f(&mut mck);
        call.returned("");
        self.mck.lock().replace(mck);
        result
    }

    /// Checks the disks of all servers of all groups. A Raft state must not be larger than eight times
    /// `maxraftstate`. If there is no `maxraftstate`, there must be no snapshots.
    #[track_caller]
    pub fn checklogs(&self) {
        for place in (0..self.setup.groups).flat_map(|gi| self.group(gi)) {
            let (raft, snapshot) = self.lives(place).saved_bytes();
            match self.setup.maxraftstate {
                Some(max) => assert!(
                    raft <= 8 * max,
                    "{place}: Raft state of {raft} bytes, with a maxraftstate of {max} (8 times that is allowed)"
                ),
                None => assert!(
                    snapshot == 0,
                    "{place}: a snapshot of {snapshot} bytes, but maxraftstate says that there shall be none"
                ),
            }
        }
    }
}
