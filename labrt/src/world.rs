//! The data that every run owns, in virtual time and in real time: its seed, the streams that are made from
//! the seed, the next message id, the graph of its locks (see `locks.rs`), the number of its warnings,
//! its unfinished tasks, and the clocks of its servers (see `clock.rs`).

use crate::clock::Course;
use crate::collections::HashMap;
use crate::locks::{Discipline, Order};
use crate::node::NodeId;
use crate::unfinished::AllUnfinished;
use parking_lot::Mutex;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

pub(crate) struct World {
    /// The number from which all streams are made (see `Run::root`).
    pub(crate) seed: u64,
    pub(crate) ids: AtomicU64,
    pub(crate) streams: Mutex<HashMap<NodeId, Xoshiro256PlusPlus>>,
    pub(crate) discipline: Discipline,
    pub(crate) order: Mutex<Order>,
    /// How many warnings the run has printed.
    pub(crate) warnings: AtomicU64,
    pub(crate) unfinished: Arc<AllUnfinished>,
    /// The clocks that do not show the true time, by group and index of their servers.
    pub(crate) clocks: Mutex<HashMap<(u16, u16), Course>>,
    /// Is there a clock in `clocks`? Usually there is none, so this saves the lock.
    pub(crate) clocks_differ: AtomicBool,
}

impl World {
    pub(crate) fn new(seed: u64, discipline: Discipline) -> World {
        World {
            seed,
            ids: AtomicU64::new(1),
            streams: Mutex::default(),
            discipline,
            order: Mutex::default(),
            warnings: AtomicU64::new(0),
            unfinished: Arc::default(),
            clocks: Mutex::default(),
            clocks_differ: AtomicBool::new(false),
        }
    }
}
