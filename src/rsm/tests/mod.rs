//! Tests of the replicated state machine. Instead of a service they use a machine that only collects words.

mod corrupt;
mod group;
mod retry;
mod service;
mod sessions;
mod waiters;
