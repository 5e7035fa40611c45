//! An observer sees the events of a run at the moment in which they happen, and can fail the run.

use crate::node::NodeId;
use crate::trace::{Field, Kind, Links};

/// An event, as an [`Observer`] sees it. [`Event`](crate::trace::Event) has the same data, but it does not
/// borrow its fields.
#[derive(Clone, Copy, Debug)]
pub struct LiveEvent<'a> {
    /// The time since the start of the run, in nanoseconds.
    pub time: u64,
    /// The number of the thread.
    pub thread: u64,
    /// The node in whose code the event happened.
    pub node: NodeId,
    /// What happened.
    pub kind: Kind,
    /// The links of the event.
    pub links: Links,
    /// The named fields.
    pub fields: &'a [(&'static str, Field<'a>)],
}

/// Sees all events of one run, in their order. An example is a monitor that checks that certain things never
/// happen.
///
/// The run calls the observer on the thread that makes the event. Until the observer returns, no other event
/// of the run can happen. So an observer must not call labrt, and must not wait. The observer does not see
/// the decisions of the scheduler.
pub trait Observer: Send {
    /// Looks at an event.
    ///
    /// # Errors
    /// If the event shows a fault. The thread that makes the event panics with the text of the error, and so
    /// the run fails. Afterwards the observer is not called again.
    fn see(&mut self, event: &LiveEvent<'_>) -> Result<(), String>;
}

/// The observer of a run. It is `None` if the run has no observer, or if the observer has returned an error.
#[derive(Default)]
pub(crate) struct Watching(Option<Box<dyn Observer>>);

impl Watching {
    /// Makes the observer of a run, if the run has one.
    pub(crate) fn begin(make: Option<fn() -> Box<dyn Observer>>) -> Watching {
        Watching(make.map(|make| make()))
    }

    /// Shows the event to the observer.
    pub(crate) fn show(&mut self, event: &LiveEvent<'_>) -> Result<(), String> {
        let Some(observer) = &mut self.0 else { return Ok(()) };
        let seen = observer.see(event);
        if seen.is_err() {
            self.0 = None;
        }
        seen
    }
}
