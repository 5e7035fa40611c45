//! The data that every run owns, in virtual time and in real time: its seed, the streams that are made from
//! the seed, the next message id, the graph of its locks (see `locks.rs`), the number of its warnings, and
//! its unfinished tasks.

use crate::collections::HashMap;
use crate::locks::{Discipline, Order};
use crate::node::NodeId;
use crate::unfinished::AllUnfinished;
use parking_lot::Mutex;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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
        }
    }
}
