//! The judge, tested with this project's layers: it finds the mistakes of services, and it tells the state of
//! servers.

mod kv;
mod looks;
