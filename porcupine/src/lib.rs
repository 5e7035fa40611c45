//! A checker for linearizability: could the calls that clients have seen have happened one at a time?
//!
//! A [`Model`] says what a single copy of the data would do. A history says what clients have called, what they
//! were answered, and when. [`check`] looks for an order of all operations which the model allows and in which no
//! operation comes before one that had ended when it began (Herlihy and Wing, 1990). It answers with a [`Report`].
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
//! // Two puts at the same time; then a client reads one of them, and another client later the other.
//! let history = [put(0, "a", 0, 10), put(1, "b", 0, 10), get(0, "a", 20, 30), get(1, "b", 40, 50)];
//! let report = check(&KvModel, &history, &Options::default());
//! assert_eq!(report.verdict, Verdict::Illegal);
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`models`] | the key/value store, to check against |
//! | `model` | [`Model`]: the sequential data type, its partition into independent parts |
//! | `history` | [`Operation`] and [`Event`]: what was recorded |
//! | `options`, `report` | what may be asked of a check, and what it answers |
//! | `check` | all parts at once on a few threads, limits, the verdict |
//! | `part` | a part made ready: who was called before whose return |
//! | `search` | the search in one part |
//! | `linearized` | the set of operations that a search has placed, in a few words however long the history |
//! | `visited` | the configurations that a search has been in |
//! | `partial` | the longest partial linearizations, for pictures of what went wrong |
//! | [`visualization`] | the page that shows a history and what was found, as plain data and HTML |
//! | `picture` | a report as such data |
//!
//! # The search
//!
//! It is Wing and Gong's (1993) with Lowe's (2017) memory of configurations: place any operation that the model
//! allows and that was called before the first return of an operation which is not placed yet; go back where none
//! is left; never enter a configuration (the set of placed operations, and the state) twice. Configurations are
//! compared exactly, never by their hash alone.
//!
//! Some things are cut off, none of which can change a verdict:
//! * a [read](Model::read_only) that the model allows is placed at once and for good: wherever else it might go,
//!   the others find the same states with it here;
//! * a read that was never answered is left out, as it restricts nothing;
//! * a write is not placed if the model says that one of the next reads could then never find
//!   [what it found](Model::attainable).
//!
//! # What a verdict means
//!
//! *Illegal* is a proof that there is no such order, *Ok* that there is one. A search that is stopped, by a limit
//! or from outside, is *Unknown*, never Illegal. An illegal part makes the whole history illegal, whatever the others
//! are. An empty history is Ok. Without a limit that strikes, a verdict does not depend on time or threads.
//!
//! # Where it runs
//!
//! The search runs through [`labrt::offload`](fn@labrt::offload) on threads of the machine: within a run in virtual
//! time, where it takes no time, and outside of one, in either build. Limits of time are the machine's time even
//! there; [`Options::steps`] is a limit that strikes at the same place on every machine.

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
