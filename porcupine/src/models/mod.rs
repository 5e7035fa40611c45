//! Sequential models for [porcupine](crate) to judge histories against.
//!
//! | module | what it models |
//! |---|---|
//! | [`kv`] | the key/value store of labs 3 and 4 |
//! | [`kv_log`] | histories of such a store as text, with one event on each line |

pub mod kv;
pub mod kv_log;
mod text;
