//! The replicated state machine without a service, with a machine that only collects words.

mod corrupt;
mod group;
mod retry;
mod service;
mod sessions;
mod waiters;
