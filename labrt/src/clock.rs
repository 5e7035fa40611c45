//! The clock of a server, which may run too fast or too slowly.
//!
//! [`Instant`] is the true time. All waits and all delays of a network use it. A server that measures an
//! interval reads the clock of its own machine instead, and this clock may be wrong. A [`NodeClock`] is such
//! a clock. It shows the true time until [`set_clock_speed`](crate::node::set_clock_speed) changes its speed.

use crate::imp;
use crate::instant::Instant;
use crate::node::{self, NodeId};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The course of a clock since its speed was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    /// The true time of the change, and what the clock showed at this time, in nanoseconds.
    changed: u64,
    shown: u64,
    /// How many nanoseconds the clock counts in 1000 nanoseconds.
    permille: u32,
}

impl Course {
    /// A clock that shows the true time.
    const TRUE: Course = Course { changed: 0, shown: 0, permille: 1000 };

    /// What the clock shows at a true time.
    fn shows(self, at: u64) -> u64 {
        let passed = u128::from(at.saturating_sub(self.changed)) * u128::from(self.permille) / 1000;
        self.shown.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// The first true time at which the clock shows `shown`, or more.
    fn when(self, shown: u64) -> u64 {
        let passed = u128::from(shown.saturating_sub(self.shown)) * 1000;
        let passed = passed.div_ceil(u128::from(self.permille));
        self.changed.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }
}

/// The clock of one server. It counts the time from the moment at which this value is made.
#[derive(Clone, Copy, Debug)]
pub struct NodeClock {
    node: NodeId,
    /// What the clock of the server showed when this value was made.
    zero: u64,
}

impl NodeClock {
    /// The clock of the current node. It shows zero now.
    #[track_caller]
    pub fn start() -> NodeClock {
        let node = node::current();
        NodeClock { node, zero: course(node).shows(Instant::now().0) }
    }

    /// What the clock shows now.
    #[track_caller]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(course(self.node).shows(Instant::now().0).saturating_sub(self.zero))
    }

    /// The true time at which the clock will show `shown`, if its speed does not change until then.
    pub fn when(&self, shown: Duration) -> Instant {
        let shown = u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
        Instant(course(self.node).when(self.zero.saturating_add(shown)))
    }
}

/// The course of a server's clock.
fn course(node: NodeId) -> Course {
    imp::with_world(|world| match world.clocks_differ.load(Ordering::Relaxed) {
        false => Course::TRUE,
        true => world.clocks.lock().get(&(node.group, node.index)).copied().unwrap_or(Course::TRUE),
    })
}

/// Changes the speed of a server's clock.
#[track_caller]
pub(crate) fn set_speed(node: NodeId, permille: u32) {
    assert!(permille > 0, "the clock of {node} would stop: expected a speed above 0 per mille");
    let now = Instant::now().0;
    let changed = Course { changed: now, shown: course(node).shows(now), permille };
    imp::with_world(|world| {
        world.clocks.lock().insert((node.group, node.index), changed);
        world.clocks_differ.store(true, Ordering::Relaxed);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_what_its_speed_says() {
        assert_eq!((Course::TRUE.shows(7), Course::TRUE.when(7)), (7, 7));
        let slow = Course { changed: 1000, shown: 500, permille: 300 };
        assert_eq!((slow.shows(1000), slow.shows(2000)), (500, 800));
        assert_eq!((slow.when(500), slow.when(800)), (1000, 2000));
        // A wait until `when` is never too short.
        (500..2000).for_each(|shown| assert!(slow.shows(slow.when(shown)) >= shown, "at {shown}"));
    }

    #[test]
    fn the_clock_of_one_server_runs_fast() {
        crate::run(|| {
            let (fast, right) = (NodeId::first(0), NodeId::first(1));
            let clock_of = |node| {
                let _node = node::enter(node);
                NodeClock::start()
            };
            let clocks = [fast, right].map(clock_of);
            let before = Instant::now();
            node::set_clock_speed(fast, 3000);
            crate::time::sleep(Duration::from_millis(20));
            let (shown, passed) = (clocks.map(|clock| clock.now()), before.elapsed());
            assert!(shown[0] >= Duration::from_millis(60), "the fast clock shows {:?}", shown[0]);
            assert!(shown[1] <= passed + Duration::from_millis(5), "the right clock shows {:?}", shown[1]);
            // A restarted server has the same clock.
            let restarted = clock_of(NodeId { incarnation: 2, ..fast });
            let due = restarted.when(Duration::from_millis(30));
            assert!(due <= Instant::now() + Duration::from_millis(10));
        });
    }
}
