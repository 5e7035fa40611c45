//! Sequential models, which [porcupine](crate) judges histories against.
//!
//! | module | what it models |
//! |---|---|
//! | [`kv`] | the key/value store of labs 3 and 4 |
//! | [`kv_log`] | histories of such a store as text, one event a line |

pub mod kv;
pub mod kv_log;
mod text;
