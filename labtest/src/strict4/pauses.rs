//! The leader of a group is paused while a shard moves away from the group. It does not know that it was
//! paused. So it goes on with the configuration that it had before.
//!
//! A pause exists only in virtual time.

use labapi::{Sharded, key2shard};
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::SECOND;
use super::handoffs::LIMIT;
use crate::harness::Case;
use crate::lives::join;
use crate::migration::{PATIENCE, leader_or_any};
use crate::shards::{Setup, make_config, within};

/// The key whose shard moves.
const KEY: &str = "0";

pub(super) fn cases<S: Sharded>() -> Vec<Case> {
    if !labrt::is_sim() {
        return Vec::new();
    }
    vec![Case::ours("old_owner_was_paused", old_owner_was_paused::<S>)]
}

/// Lab 4B: a leader that was paused while its shard moved must not serve the shard any more.
///
/// The clients know the old owner and its leader. The leader is paused, the shard moves to the other group,
/// and one client writes there. Then the second client, which has not heard of the move, reads and appends.
/// Its requests wait at the old leader. When this leader goes on, it still believes that it leads the owner
/// of the shard. The second client must get the new value, and its append must be done once, at the new
/// owner.
///
/// Finds: a leader answers from its memory; a server checks the owner of a shard when the request comes, and
/// not when the operation is applied.
fn old_owner_was_paused<S: Sharded>() {
    let title = "Test (strict4): the leader of the old owner was paused ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let shard = key2shard(KEY);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let (mut writer, mut other) = (cfg.make_client(), cfg.make_client());
    writer.put(KEY, "begin");
    let mut value = "begin".to_owned();
    for round in 0..6 {
        let (old, new) = (round % 2, 1 - round % 2);
        writer.check(KEY, &value);
        other.check(KEY, &value);
        let leader = leader_or_any(&cfg, old);
        cfg.pause(leader);
        cfg.move_shard(shard, new);
        let word = format!(" w{round}");
        let write = thread::spawn_named("writer", move || {
            writer.append(KEY, &word);
            writer
        });
        writer = within(PATIENCE, "an append while the old owner's leader is paused", || join(write));
        value += &format!(" w{round}");

        let word = format!(" o{round}");
        let work = thread::spawn_named("other client", move || {
            let read = other.get(KEY);
            other.append(KEY, &word);
            (other, read)
        });
        sleep(Duration::from_millis(rng::below(100)));
        cfg.resume(leader);
        let (back, read) = within(PATIENCE, "operations at a leader that was paused", || join(work));
        other = back;
        assert_eq!(read, value, "the Get began after the last append was complete");
        value += &format!(" o{round}");
        writer.check(KEY, &value);
        sleep(SECOND / 4);
    }
    cfg.end();
}
