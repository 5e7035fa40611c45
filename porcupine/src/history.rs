//! The two kinds of recorded histories. A history is a list of operations with times, or a list of calls and
//! returns in their order.

use std::fmt;

use labrt::collections::HashMap;

/// One operation of a client, from its call to its return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<I, O> {
    /// The client that called the operation. The check ignores this number, and only pictures use it. So two
    /// operations of one client may overlap.
    pub client: u32,
    /// The request of the client.
    pub input: I,
    /// The time of the call, in ns since the run's start.
    pub call: u64,
    /// The answer that the client got.
    pub output: O,
    /// The time of the return, in ns since the run's start. If one operation returns at the same time at
    /// which another operation is called, the two operations overlap.
    pub ret: u64,
}

/// The call or the return of an operation. A history of events has no times. The order of its events is
/// enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<I, O> {
    /// The client that called the operation. Only pictures use this number.
    pub client: u32,
    /// The id of the operation. The call and the return of an operation have the same id. Different
    /// operations have different ids.
    pub id: u64,
    /// Tells whether this is a call or a return. Contains the input of a call or the output of a return.
    pub kind: EventKind<I, O>,
}

/// Tells whether an [`Event`] is a call or a return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind<I, O> {
    /// The operation begins. If it has no return, it may take effect at any later time, or never.
    Call(I),
    /// The operation ends.
    Return(O),
}

/// The reason why a sequence of events is not a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// This event is a call, and an earlier call has the same id.
    CalledTwice {
        /// The event's index in the history.
        event: usize,
        /// The id.
        id: u64,
    },
    /// This event is a return, but no operation with its id is open: there was no such call, or the operation
    /// has returned already.
    NotOpen {
        /// The event's index in the history.
        event: usize,
        /// The id.
        id: u64,
    },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::CalledTwice { event, id } => {
                write!(f, "event {event} is a second call with id {id}; every call needs an id of its own")
            }
            HistoryError::NotOpen { event, id } => {
                write!(
                    f,
                    "event {event} returns from id {id}, which is not open; expected one return after its call"
                )
            }
        }
    }
}

impl std::error::Error for HistoryError {}

/// An operation as the search sees it. Both kinds of history are converted into spans. A span borrows from
/// its history.
#[derive(Debug)]
pub(super) struct Span<'a, I, O> {
    pub(super) input: &'a I,
    /// The answer. It is `None` if the operation was never answered.
    pub(super) output: Option<&'a O>,
    pub(super) call: u64,
    /// The time of the return. It has no meaning if `output` is `None`.
    pub(super) ret: u64,
}

/// # Panics
/// If an operation returns before it is called.
pub(super) fn of_operations<I, O>(history: &[Operation<I, O>]) -> Vec<Span<'_, I, O>> {
    for (index, Operation { call, ret, .. }) in history.iter().enumerate() {
        assert!(call <= ret, "operation {index} returns at {ret} ns, before its call at {call} ns");
    }
    history
        .iter()
        .map(|o| Span { input: &o.input, output: Some(&o.output), call: o.call, ret: o.ret })
        .collect()
}

/// The operations of a history of events, in the order of their calls. The index of an event is used as its
/// time.
pub(super) fn of_events<I, O>(history: &[Event<I, O>]) -> Result<Vec<Span<'_, I, O>>, HistoryError> {
    let mut spans: Vec<Span<'_, I, O>> = Vec::new();
    let mut of_id: HashMap<u64, usize> = HashMap::default();
    for (event, Event { id, kind, .. }) in history.iter().enumerate() {
        let time = event as u64;
        match kind {
            EventKind::Call(input) => {
                if of_id.insert(*id, spans.len()).is_some() {
                    return Err(HistoryError::CalledTwice { event, id: *id });
                }
                spans.push(Span { input, output: None, call: time, ret: u64::MAX });
            }
            EventKind::Return(output) => {
                let open = of_id.get(id).map(|&index| &mut spans[index]).filter(|span| span.output.is_none());
                let span = open.ok_or(HistoryError::NotOpen { event, id: *id })?;
                (span.output, span.ret) = (Some(output), time);
            }
        }
    }
    Ok(spans)
}
