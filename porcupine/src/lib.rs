//! A checker for linearizability: can the results that clients have seen come from operations that ran one at
//! a time?
//!
//! A [`Model`] says what a single copy of the data would do. A history says what the clients have called,
//! what the answers were, and when. [`check`] looks for an order of all operations that satisfies two
//! conditions (Herlihy and Wing, 1990). The model must allow the order. If one operation ended before another
//! operation began, it must also come first in the order. The result is a [`Report`].
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
//! | file | what it holds |
//! |---|---|
//! | [`models`] | models to check against: the key/value store |
//! | `model` | [`Model`]: the sequential data type, and its partition into independent parts |
//! | `history` | [`Operation`] and [`Event`]: what a history consists of |
//! | `options`, `report` | the options of a check, and its result |
//! | `check` | the check of all parts on several threads, with limits; the verdict |
//! | `part` | one part, prepared for the search: which operations were called before which return |
//! | `search` | the search in one part |
//! | `linearized` | the set of operations that a search has placed, in a few words of memory |
//! | `visited` | the configurations that a search has visited |
//! | `partial` | the longest partial linearizations, for pictures of a failure |
//! | [`visualization`] | the page that shows a history and the result of its check, as data and HTML |
//! | `picture` | turns a report into this data |
//!
//! # The search
//!
//! The algorithm is the one of Wing and Gong (1993). Lowe (2017) added the memory of visited configurations.
//! A *configuration* is the set of placed operations and the state. An operation can be placed next on two
//! conditions. The model allows the operation in the present state. And the operation was called before the
//! first return of an operation that is not placed yet. The search places such an operation and goes on. If
//! there is no such operation, the search takes back the operation that it placed last and tries another one
//! instead. The search never enters a configuration twice. Configurations are compared exactly, never by
//! their hash alone.
//!
//! The search leaves out some work. This never changes a verdict:
//! * A [read](Model::read_only) that the model allows is placed at once, and the search tries no other place
//!   for it. This is enough, because a read changes no state: if the model allows an order with the read at a
//!   later place, it also allows the same order with the read at this place.
//! * A read that was never answered is left out, because it changes no state and has no answer to check.
//! * A write is not placed if it makes a later read impossible: the model says that one of the next reads
//!   could then never return [the value that it returned](Model::attainable).
//!
//! # What a verdict means
//!
//! *Illegal* is a proof that there is no such order. *Ok* is a proof that there is such an order. If the
//! search is stopped, by a limit or by the caller, the verdict is *Unknown*, never Illegal. If one part is
//! illegal, the whole history is illegal. An empty history is Ok. If no limit is reached, the verdict does
//! not depend on time or threads.
//!
//! # Where it runs
//!
//! The search runs on threads of the machine, through [`labrt::offload`](fn@labrt::offload). A check can be
//! called inside a [`labrt::Run`] and outside of one, with and without the feature `sim`. In virtual time, a
//! check takes no virtual time. Limits of time always mean the machine's time. [`Options::steps`] is a limit
//! that stops a search at the same place on every machine.

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
pub use model::Model;
pub use options::{EXPLAIN_FOR, Options};
pub use picture::picture;
pub use report::{Limit, Part, Report, Verdict};
