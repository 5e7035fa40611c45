//! Views of invented servers.

use labapi::{Gid, Holding, NSHARDS, RaftStatus, ReplicaStatus, Role};
use labrt::time::Duration;
use labtest::shards::{Look, Place, gid};

use crate::act::Team;
use crate::app::App;
use crate::view::View;

/// A view without faults. Server 0 of each team leads, and all three groups have shards.
pub fn calm() -> View {
    let places = Team::ALL.into_iter().flat_map(Team::places);
    View {
        at: Duration::from_millis(12_300),
        servers: places.map(|place| (place, look(place))).collect(),
        unreliable: false,
        rpcs: 54_321,
        operations: 9_876,
        by_shard: [987; NSHARDS],
    }
}

/// The owners of the shards in the first view.
pub fn owners() -> [Gid; NSHARDS] {
    [0, 0, 0, 0, 1, 1, 1, 2, 2, 2].map(gid)
}

fn look(place: Place) -> Look {
    let index = match place {
        Place::Ctrler(i) | Place::Server(_, i) | Place::Second(i) => i,
    };
    let role = if index == 0 { Role::Leader } else { Role::Follower };
    let raft = RaftStatus {
        term: 3,
        role,
        commit_index: 1234,
        last_applied: 1234,
        last_index: 1236,
        snapshot_index: 0,
    };
    let held = |owner: Gid| match place {
        Place::Server(gi, _) if owner == gid(gi) => Holding::Serving,
        _ => Holding::Nothing,
    };
    let owners = owners();
    let status =
        ReplicaStatus { raft, config: 1, owners, groups: vec![100, 101, 102], shards: owners.map(held) };
    Look { status: Some(status), up: true, cut_off: false, raft_bytes: 12_345, snapshot_bytes: 678 }
}

/// Changes what a view says about a server.
pub fn with(view: &mut View, place: Place, change: impl FnOnce(&mut Look)) {
    let found = view.servers.iter_mut().find(|(it, _)| *it == place);
    change(&mut found.expect("the view has all servers").1);
}

/// Changes the status of a server that is up.
pub fn with_status(view: &mut View, place: Place, change: impl FnOnce(&mut ReplicaStatus)) {
    with(view, place, |look| change(look.status.as_mut().expect("the server is up")));
}

/// Makes a server go down.
pub fn down(view: &mut View, place: Place) {
    with(view, place, |look| {
        look.up = false;
        look.status = None;
    });
}

/// Makes a server the leader of a later term.
pub fn leads(view: &mut View, place: Place, term: u64) {
    with_status(view, place, |status| {
        status.raft.role = Role::Leader;
        status.raft.term = term;
    });
}

/// A view with many faults at the same time.
pub fn troubled() -> View {
    let mut view = calm();
    view.unreliable = true;
    // The leader of the first group is cut off, and another leader was elected.
    with(&mut view, Place::Server(0, 0), |look| look.cut_off = true);
    leads(&mut view, Place::Server(0, 1), 4);
    down(&mut view, Place::Server(1, 2));
    with_status(&mut view, Place::Server(2, 1), |status| status.raft.role = Role::Candidate);
    // Shard 9 moves from the third group to the second group.
    for i in 0..3 {
        with_status(&mut view, Place::Ctrler(i), |status| {
            status.config = 2;
            status.owners[9] = gid(1);
        });
        with_status(&mut view, Place::Server(2, i), |status| status.shards[9] = Holding::Giving);
    }
    with_status(&mut view, Place::Server(1, 0), |status| status.shards[9] = Holding::Awaiting);
    view
}

/// An app with this view, when a third of the demo's time is over.
pub fn app(view: View) -> App {
    App::new(Duration::from_secs(36), 8, 0x7, view)
}
