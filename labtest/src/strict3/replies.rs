//! A reply says what was committed, and it belongs to the operation for which the client waits.

use labapi::KvService;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{check_key, element, make_client, wait};
use crate::harness::Case;
use crate::raft::ELECTION_TIMEOUT;
use crate::service::{Setup, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    vec![
        Case::ours("read_in_the_minority", read_in_the_minority::<S>),
        Case::ours("leader_loses_its_entries", leader_loses_its_entries::<S>),
        Case::ours("leader_crashes_after_its_reply", leader_crashes_after_its_reply::<S>),
    ]
}

/// Section 8: a server that leads must know that it still leads before it replies to a read.
///
/// The leader and one other server are cut off from the other three servers. Then a client changes a value at
/// the three servers. A clerk that can reach only the two servers must not get the old value.
///
/// Finds: a leader or a follower replies to a Get from its own memory.
fn read_in_the_minority<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(5).near_clients());
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): a read in the minority waits");
    for round in 0..4 {
        ck.put("k", &format!("old {round}"));
        let (majority, minority) = cfg.make_partition();
        cfg.partition(&majority, &minority);
        let mut others = make_client(&cfg, &majority);
        let new = format!("new {round}");
        others.put("k", &new);

        let mut alone = make_client(&cfg, &minority);
        let id = alone.id();
        let read = thread::spawn_named("read-in-minority", move || alone.get("k"));
        sleep(ELECTION_TIMEOUT);
        assert!(!read.is_finished(), "servers without a majority have answered a Get");
        cfg.connect_all();
        cfg.connect_client(id, &cfg.all());
        let value = wait("a Get that had to wait for a majority", read);
        assert_eq!(value, new, "the Get began after the Put of {new:?} was complete");
        others.delete();
    }
    cfg.end();
}

/// Lab 3A: a leader may lose an entry that it has put into its log. Then the client that waits for this entry
/// must not get the reply of another entry.
///
/// A leader is cut off, and clerks who can reach only this leader begin operations. The other servers commit
/// different operations at the same indices. When the leader is back, each of the clerks must get the reply
/// of its own operation, and each append must be done once.
///
/// Finds: if another entry is committed at the index for which a client waits, the server gives this client
/// the reply of that other entry; a client that waits is never told that its entry is lost.
fn leader_loses_its_entries<S: KvService>() {
    const CLERKS: usize = 6;
    const ROUNDS: usize = 3;
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): a leader loses its entries");
    (0..CLERKS).for_each(|i| ck.put(&format!("constant {i}"), &i.to_string()));
    for round in 0..ROUNDS {
        let (majority, minority) = cfg.make_partition();
        cfg.partition(&majority, &minority);
        let clerks: Vec<_> = (0..CLERKS).map(|_| make_client(&cfg, &minority)).collect();
        let ids: Vec<_> = clerks.iter().map(|clerk| clerk.id()).collect();
        let operations: Vec<_> = (0..CLERKS)
            .zip(clerks)
            .map(|(i, mut clerk)| {
                thread::spawn_named(format!("client-{i}"), move || match i % 2 {
                    0 => {
                        clerk.append(&format!("appends {i}"), &element(i, round));
                        None
                    }
                    _ => Some(clerk.get(&format!("constant {i}"))),
                })
            })
            .collect();
        sleep(Duration::from_millis(50));
        let mut others = make_client(&cfg, &majority);
        for j in 0..2 * CLERKS {
            others.put("other", &format!("other {j}"));
            others.check("other", &format!("other {j}"));
        }

        cfg.connect_all();
        let value = |i: usize| (i % 2 == 1).then(|| i.to_string());
        ids.iter().for_each(|&id| cfg.connect_client(id, &cfg.all()));
        for (i, operation) in operations.into_iter().enumerate() {
            let read = wait("an operation that was sent to a leader without a majority", operation);
            assert_eq!(read, value(i), "client {i} got this as the value of its Get");
        }
        (0..CLERKS).step_by(2).for_each(|i| check_key(&mut ck, &format!("appends {i}"), i, round + 1));
        others.delete();
    }
    cfg.end();
}

/// Section 8: a server replies to a client only after the entry of the operation is committed.
///
/// The leader crashes as soon as it has replied to a write. The other two of three servers must have the
/// write.
///
/// Finds: a server replies when the write is in its log, but not committed yet.
fn leader_crashes_after_its_reply<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): the leader crashes after its reply");
    for round in 0..8 {
        ck.put("k", "before");
        let leader = cfg.leader();
        // On the unreliable network, messages are late or lost. So a leader that replies too early has often
        // not sent the entry to the others before it crashes.
        cfg.set_unreliable(true);
        let value = round.to_string();
        ck.put("k", &value);
        leader.into_iter().for_each(|leader| cfg.shutdown_server(leader));
        cfg.set_unreliable(false);
        ck.check("k", &value);
        leader.into_iter().for_each(|leader| cfg.start_server(leader));
        cfg.connect_all();
    }
    cfg.end();
}
