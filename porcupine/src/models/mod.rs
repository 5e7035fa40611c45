//! Sequential models. [Porcupine](crate) judges histories with them.
//!
//! | module | content |
//! |---|---|
//! | [`kv`] | the key/value store of labs 3 and 4 |
//! | [`kv_log`] | histories of such a store as text, with one event on each line |

pub mod kv;
mod kv_difference;
pub mod kv_log;
mod text;
