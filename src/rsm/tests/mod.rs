//! The replicated state machine by itself, with a machine that only remembers words.

mod corrupt;
mod group;
mod retry;
mod service;
mod sessions;
mod waiters;
