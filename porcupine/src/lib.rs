//! A checker for linearizability. Clients have used some data at the same time. The checker decides whether
//! their results are possible if only one operation is done at a time.
//!
//! A [`Model`] describes the behaviour of a single copy of the data. A history contains all calls of the
//! clients, the answers, and the times of the calls and answers. [`check`] searches for an order of all
//! operations that satisfies two conditions (Herlihy and Wing, 1990). First, the model must allow the
//! operations in this order. Second, if operation A ended before operation B began, A must come before B in
//! the order. The result is a [`Report`].
//!
//! ```
//! use porcupine::models::kv::{KvInput, KvModel, KvOutput};
//! use porcupine::{Operation, Options, Verdict, check};
//!
//! let put = |client, value, call, ret| Operation {
//!     client, input: KvInput::put("x", value), call, output: KvOutput::none(), ret,
//! };
//! let get = |client, value: &str, call, ret| Operation {
//!     client, input: KvInput::get("x"), call, output: KvOutput::value(value), ret,
//! };
//! // Two puts at the same time. Then a client reads "a", and later another client reads "b".
//! let history = [put(0, "a", 0, 10), put(1, "b", 0, 10), get(0, "a", 20, 30), get(1, "b", 40, 50)];
//! let report = check(&KvModel, &history, &Options::default());
//! assert_eq!(report.verdict, Verdict::Illegal);
//! ```
//!
//! | file | content |
//! |---|---|
//! | [`models`] | models of data types: the key/value store |
//! | `model` | [`Model`]: the sequential data type, and its partition into independent parts |
//! | `history` | [`Operation`] and [`Event`], the elements of a history |
//! | `options`, `report` | the options of a check, and its result |
//! | `check` | the check of all parts on several threads, with limits; the verdict |
//! | `part` | one part of a history, prepared for the search |
//! | `search` | the search in one part |
//! | `linearized` | the set of operations that a search has placed, in a compact form |
//! | `visited` | the configurations that a search has visited |
//! | `partial` | the longest partial linearizations, for pictures of a failure |
//! | [`visualization`] | the page that shows a history and the result of its check, as data and HTML |
//! | `picture` | turns a report into the data of the page |
//!
//! # The search
//!
//! The search uses the algorithm of Wing and Gong (1993). Lowe (2017) added a set of the visited
//! configurations. The search builds the order from its beginning. To *place* an operation means to add it at
//! the end of the order. A *configuration* consists of the set of the placed operations and the state after
//! them. An operation can be placed next on two conditions. First, the model must allow the operation in the
//! present state. Second, the operation must have been called before the first unplaced operation returned.
//! If there is such an operation, the search places it and continues. If there is no such operation, the
//! search has come to a *dead end*. Then it takes the last operation out of the order, and tries another
//! operation instead. The search never enters a configuration twice. It compares configurations completely,
//! not only their hashes.
//!
//! The search leaves out some work. This never changes a verdict:
//! * If the model allows a [read](Model::read_only) in the present state, the search places the read at once,
//!   and tries no other place for it. This is enough, because a read changes no state. If the model allows an
//!   order with the read at a later place, it also allows the same order with the read at this place.
//! * The search leaves out a read that was never answered. Such a read changes no state, and it has no answer
//!   that could be wrong.
//! * The search does not enter a configuration if it has visited one with the same state and the same
//!   answered operations, in which fewer unanswered operations are placed, and no others. What can follow the
//!   new configuration can also follow the visited one, because unanswered operations need not be placed.
//! * No operation is placed directly after an unanswered operation whose effect it hides: if the search
//!   leaves the unanswered operation out, the state is the same. The search also tries the order without it.
//! * A write is not placed if it makes a later read impossible. This is so if the model says that, after the
//!   write, one of the next reads could never get [the answer that it got](Model::attainable).
//!
//! # Answers that are always possible
//!
//! Some tools record a call that was never answered as if it had returned at the end of the history, with an
//! unknown result. Jepsen's logs are often encoded in this way. A search that takes such a return literally
//! must place all these operations, and a search for a proof of *Illegal* tries very many orders of them. An
//! operation without a return is much cheaper, because the search may leave it out. So the search ignores a
//! return on two conditions. First, the model says that the answer is [possible in every
//! state](Model::always_possible). Second, no operation of the same part is called after the return.
//!
//! This never changes a verdict:
//! * If the history has an order, this order is also an order of the history without the return, because
//!   nothing else has changed. So *Illegal* stays proved.
//! * If the history without the return has an order with the operation, it is an order of the history, too:
//!   no operation must come after the return. If it has an order without the operation, put the operation at
//!   the end. There the model allows it, because it allows it in every state. The search does this with the
//!   model, step by step, before it says *Ok*. If the model refuses the step, its claim was wrong, and the
//!   check panics.
//!
//! Both conditions are necessary. The return of a write in the middle of a history says that a later read
//! must find the write. And suppose that the result of "take the lock" is unknown, and somebody else has the
//! lock until the end. Without its return, the operation may never have taken effect. With its return, it
//! must have taken the lock, and this is impossible.
//!
//! # What a verdict means
//!
//! *Illegal* means: it is proved that there is no such order. *Ok* means: it is proved that there is such an
//! order. If a limit or the caller stops the search, the verdict is *Unknown*, never Illegal. If one part is
//! illegal, the whole history is illegal. An empty history is Ok. If no limit is reached, the verdict does
//! not depend on time or threads.
//!
//! # Where a check runs
//!
//! The search runs on threads of the machine, through [`labrt::offload`](fn@labrt::offload). A check can be
//! called inside a [`labrt::Run`] and outside of one, with and without the feature `sim`. In virtual time, a
//! check takes no virtual time. Time limits are always measured on the machine's clock. [`Options::steps`] is
//! a limit that stops a search after the same number of steps on every machine.

#![forbid(unsafe_code)]

mod check;
mod history;
mod linearized;
mod model;
pub mod models;
mod options;
mod part;
mod partial;
mod picture;
mod report;
mod search;
#[cfg(test)]
mod tests;
mod visited;
pub mod visualization;

pub use check::{check, check_events};
pub use history::{Event, EventKind, HistoryError, Operation};
pub use model::{Model, Piece};
pub use options::{EXPLAIN_FOR, Options};
pub use picture::{difference, picture};
pub use report::{Limit, Part, Report, Verdict};
