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
    /// If the event shows a fault. Then labrt panics with the text of the error, on the thread that makes the
    /// event. So the run fails. Afterwards the observer is not called again.
    fn see(&mut self, event: &LiveEvent<'_>) -> Result<(), String>;

    /// Describes what the observer knows about the run, one line for each thing. labrt calls this when the
    /// run fails, and prints the lines below the failure. Without lines, nothing is printed.
    fn describe(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The observer of a run, if the run has one.
#[derive(Default)]
pub(crate) struct Watching {
    observer: Option<Box<dyn Observer>>,
    /// True if the observer has returned an error. Then it sees no more events.
    over: bool,
}

impl Watching {
    /// Makes the observer of a run, if the run has one.
    pub(crate) fn begin(make: Option<fn() -> Box<dyn Observer>>) -> Watching {
        Watching { observer: make.map(|make| make()), over: false }
    }

    /// Shows the event to the observer.
    pub(crate) fn show(&mut self, event: &LiveEvent<'_>) -> Result<(), String> {
        let Some(observer) = self.observer.as_mut().filter(|_| !self.over) else { return Ok(()) };
        let seen = observer.see(event);
        self.over = seen.is_err();
        seen
    }

    /// See [`Observer::describe`].
    pub(crate) fn describe(&self) -> Vec<String> {
        self.observer.as_ref().map_or_else(Vec::new, |observer| observer.describe())
    }
}
