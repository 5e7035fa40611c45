//! Tests with a network that loses and delays messages.

use labapi::Sharded;
use labrt::sync::Arc;
use labrt::time::Duration;

use super::{Appenders, Appending, Keys, pause};
use crate::kv::{History, IfUnknown};
use crate::shards::{Config, Mixed, Setup, make_config};

/// One client reads and appends.
pub(super) fn unreliable_1<S: Sharded>() {
    let cfg = make_config::<S>("Test: unreliable 1...", Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(10, 5);

    cfg.join(1);
    cfg.join(2);
    cfg.leave(0);
    for ii in 0..20 {
        keys.check_one(ii % 10);
        keys.append_one(ii % 10, 5);
    }

    cfg.join(0);
    cfg.leave(1);
    for ii in 0..20 {
        keys.check_one(ii % 10);
    }
    cfg.end();
}

/// Several clients append.
pub(super) fn unreliable_2<S: Sharded>() {
    let cfg = make_config::<S>("Test: unreliable 2...", Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(10, 5);

    let how = Appending { len: 5, pause: Duration::ZERO, clerks_first: false };
    let clients = Appenders::start(&cfg, &keys, how);
    changes(&cfg);

    pause(2000);
    clients.set_done();
    cfg.set_unreliable(false);
    clients.wait(&mut keys);
    keys.check();
    cfg.end();
}

/// Changes the configuration several times. In the second and the third test, the clients work at the same
/// time.
fn changes<S: Sharded>(cfg: &Config<S>) {
    pause(150);
    cfg.join(1);
    pause(500);
    cfg.join(2);
    pause(500);
    cfg.leave(0);
    pause(500);
    cfg.leave(1);
    pause(500);
    cfg.join(1);
    cfg.join(0);
}

/// Several clients get, put and append. The history must be linearizable.
pub(super) fn unreliable_3<S: Sharded>() {
    unreliable_3_with::<S>("Test: unreliable 3...", IfUnknown::default());
}

/// The test [`unreliable_3`] with another title. `if_unknown` decides what happens if the checker cannot
/// judge the history in time.
pub(super) fn unreliable_3_with<S: Sharded>(title: &str, if_unknown: IfUnknown) {
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let history = Arc::new(History::new());
    let mut keys = Keys::new(&cfg).recorded(&history, 0);
    cfg.join(0);
    keys.put(10, 5);

    let clients = Mixed::start(&cfg, &history, 10, 10);
    changes(&cfg);
    pause(2000);
    clients.set_done();
    cfg.set_unreliable(false);
    clients.wait();
    cfg.check_linearizable(&history, if_unknown);
    cfg.end();
}
