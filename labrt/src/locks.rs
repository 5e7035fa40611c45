//! Lock discipline: the locks of labrt ([`Mutex`](crate::sync::Mutex), [`RwLock`](crate::sync::RwLock)) find
//! three mistakes in their use.
//!
//! * One thread locks lock A and then lock B. Another thread, or the same thread later, locks B and then A.
//!   This can deadlock, even if this run has not deadlocked. For each run, labrt keeps a graph. Each lock is
//!   one node of the graph. An edge from A to B means that a thread has locked B while it held A. labrt
//!   searches the graph for a cycle. Reports name the places where the locks were made.
//! * A thread locks a lock that it already holds. This always deadlocks.
//! * A thread holds a lock while it waits for another party: in an RPC, or in a send on a bounded channel.
//!   The other party may need that lock. A send on an unbounded channel and a sleep are not reported.
//!
//! With [`Discipline::Fail`], the first mistake fails the run. With [`Discipline::Warn`], a mistake gives a
//! [warning](crate::warning).

use crate::collections::{HashMap, HashSet};
use crate::{context, foreign, imp};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What labrt does when it finds a mistake against the lock discipline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Discipline {
    /// Nothing is checked, so the checks take no time. This value is for code outside a run, and for
    /// benchmarks.
    #[default]
    Off,
    /// labrt prints a warning. A mistake has two places, for example the place where a lock was locked, and
    /// the place where the thread then waits. For each pair of places there is only one warning. This value
    /// is for code that other people have written.
    Warn,
    /// The run fails. This value is the default in the settings of a [`Run`](crate::Run).
    Fail,
}

type Place = &'static Location<'static>;

/// The data that identifies a lock.
#[derive(Debug)]
pub(crate) struct Meta {
    /// The number of the lock. It is 0 until the lock is checked for the first time.
    id: AtomicU64,
    made: Place,
}

impl Meta {
    pub(crate) const fn new(made: Place) -> Meta {
        Meta { id: AtomicU64::new(0), made }
    }

    fn id(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = self.id.load(Relaxed);
        if id != 0 {
            return id;
        }
        let fresh = NEXT.fetch_add(1, Relaxed);
        self.id.compare_exchange(0, fresh, Relaxed, Relaxed).map_or_else(|winner| winner, |_| fresh)
    }
}

/// A lock that a thread holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    id: u64,
    made: Place,
    taken: Place,
}

/// The graph of a run. For each lock A, `after` has the locks that a thread has locked while it held A.
#[derive(Default)]
pub(crate) struct Order {
    after: HashMap<u64, HashMap<u64, (Held, Held)>>,
    warned: HashSet<(Place, Place)>,
}

impl Order {
    /// Returns a path of edges from lock `from` to lock `to`, if there is one.
    fn path(&self, from: u64, to: u64) -> Option<Vec<(Held, Held)>> {
        let mut seen = HashSet::default();
        let mut stack = vec![(from, Vec::new())];
        while let Some((at, path)) = stack.pop() {
            if at == to {
                return Some(path);
            }
            if !seen.insert(at) {
                continue;
            }
            for (next, edge) in self.after.get(&at).into_iter().flatten() {
                let mut longer = path.clone();
                longer.push(*edge);
                stack.push((*next, longer));
            }
        }
        None
    }
}

/// Must be called before a thread waits for a lock.
#[track_caller]
pub(crate) fn acquiring(meta: &Meta) {
    let held = context::with(|c| match c.discipline {
        Discipline::Off => Vec::new(),
        _ => c.held.clone(),
    });
    let Some(held) = held.filter(|h| !h.is_empty()) else { return };
    if std::thread::panicking() {
        return;
    }
    let new = Held { id: meta.id(), made: meta.made, taken: Location::caller() };
    if let Some(h) = held.iter().find(|h| h.id == new.id) {
        let text = format!(
            "lock discipline: the lock made at {} is taken at {} by a thread that has held it since {}",
            new.made, new.taken, h.taken
        );
        return report(h.taken, new.taken, text);
    }
    for h in held {
        let cycle = imp::with_world(|w| {
            let mut order = w.order.lock();
            if order.after.get(&h.id).is_some_and(|m| m.contains_key(&new.id)) {
                return None;
            }
            order.after.entry(h.id).or_default().insert(new.id, (h, new));
            order.path(new.id, h.id)
        });
        if let Some(cycle) = cycle {
            let mut text = format!(
                "lock discipline: locks are taken in both orders; the one made at {} was taken at {}, \
                 then the one made at {} is taken at {}; but elsewhere",
                h.made, h.taken, new.made, new.taken
            );
            for (a, b) in cycle {
                text += &format!(
                    "\n    the one made at {} was held (taken at {}) while the one made at {} was taken at {}",
                    a.made, a.taken, b.made, b.taken
                );
            }
            report(h.made, new.made, text);
        }
    }
}

/// Must be called after a thread has locked a lock.
#[track_caller]
pub(crate) fn acquired(meta: &Meta) {
    let taken = Location::caller();
    context::with(|c| {
        if c.discipline != Discipline::Off {
            c.held.push(Held { id: meta.id(), made: meta.made, taken });
        }
    });
}

/// Must be called when a lock is unlocked.
pub(crate) fn released(meta: &Meta) {
    context::with(|c| {
        if c.held.is_empty() {
            return;
        }
        let id = meta.id.load(Relaxed);
        if let Some(i) = c.held.iter().rposition(|h| h.id == id) {
            c.held.remove(i);
        }
    });
}

/// Reports a mistake if this thread holds a lock. Call this function at the start of an RPC, and of every
/// other operation that waits for another party. `what` is the name of the operation in the report.
#[track_caller]
pub fn blocking(what: &str) {
    foreign::touch();
    let held = context::with(|c| if c.discipline == Discipline::Off { None } else { c.held.last().copied() });
    let Some(h) = held.flatten() else { return };
    if std::thread::panicking() {
        return;
    }
    let here = Location::caller();
    let text = format!(
        "lock discipline: {what} at {here} under the lock made at {} and taken at {}: the other party \
         may need that lock before this can return",
        h.made, h.taken
    );
    report(h.taken, here, text);
}

#[track_caller]
fn report(a: Place, b: Place, text: String) {
    match context::with(|c| c.discipline) {
        Some(Discipline::Fail) => crate::fatal(text),
        Some(Discipline::Warn) if imp::with_world(|w| w.order.lock().warned.insert((a, b))) => {
            crate::warning(text);
        }
        _ => {}
    }
}
