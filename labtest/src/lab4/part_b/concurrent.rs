//! Tests in which clients append while shards move and groups restart.

use labapi::Sharded;
use labrt::rng;
use labrt::time::{Duration, Instant};

use super::{Appenders, Appending, Keys, pause};
use crate::shards::{Config, Setup, make_config};

/// Clients append while groups join, leave and crash. The configuration also changes while all groups are
/// down.
pub(super) fn concurrent_1<S: Sharded>() {
    concurrent_1_with::<S>("Test: concurrent puts and configuration changes...", |_| ());
}

/// The test [`concurrent_1`] with another title. The test calls `look` between its steps.
pub(super) fn concurrent_1_with<S: Sharded>(title: &str, look: impl Fn(&Config<S>)) {
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(10, 5);

    let how = Appending { len: 5, pause: Duration::from_millis(10), clerks_first: false };
    let clients = Appenders::start(&cfg, &keys, how);
    pause(150);
    cfg.join(1);
    pause(500);
    cfg.join(2);
    pause(500);
    look(&cfg);
    cfg.leave(0);

    cfg.shutdown_group(0);
    pause(100);
    cfg.shutdown_group(1);
    pause(100);
    cfg.shutdown_group(2);

    look(&cfg);

    // Only the controller is up when this group leaves.
    cfg.leave(2);
    pause(100);
    (0..3).for_each(|gi| cfg.start_group(gi));

    pause(100);
    cfg.join(0);
    cfg.leave(1);
    pause(500);
    look(&cfg);
    cfg.join(1);

    pause(1000);
    look(&cfg);
    clients.wait(&mut keys);
    keys.check();
    look(&cfg);
    cfg.end();
}

/// Clients append while groups leave and join again. A group that joins again may have to fetch its shards
/// from several groups.
pub(super) fn concurrent_2<S: Sharded>() {
    let title = "Test: more concurrent puts and configuration changes...";
    let cfg = make_config::<S>(title, Setup::new());
    let mut keys = Keys::new(&cfg);
    cfg.join(1);
    cfg.join(0);
    cfg.join(2);
    keys.put(10, 1);

    let how = Appending { len: 1, pause: Duration::from_millis(50), clerks_first: true };
    let clients = Appenders::start(&cfg, &keys, how);
    cfg.leave(0);
    cfg.leave(2);
    pause(3000);
    cfg.join(0);
    cfg.join(2);
    cfg.leave(1);
    pause(3000);
    cfg.join(1);
    cfg.leave(0);
    cfg.leave(2);
    pause(3000);

    cfg.shutdown_group(1);
    cfg.shutdown_group(2);
    pause(1000);
    cfg.start_group(1);
    cfg.start_group(2);

    pause(2000);
    clients.wait(&mut keys);
    keys.check();
    cfg.end();
}

/// All servers of the groups restart several times, in the middle of changes of the configuration.
pub(super) fn concurrent_3<S: Sharded>() {
    let title = "Test: concurrent configuration change and restart...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(300));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(10, 1);

    let how = Appending { len: 1, pause: Duration::ZERO, clerks_first: true };
    let clients = Appenders::start(&cfg, &keys, how);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(12) {
        cfg.join(2);
        cfg.join(1);
        pause(rng::below(900));
        (0..3).for_each(|gi| cfg.shutdown_group(gi));
        (0..3).for_each(|gi| cfg.start_group(gi));
        pause(rng::below(900));
        cfg.leave(1);
        cfg.leave(2);
        pause(rng::below(900));
    }

    pause(2000);
    clients.wait(&mut keys);
    keys.check();
    cfg.end();
}
