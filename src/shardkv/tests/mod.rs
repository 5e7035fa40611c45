//! The table of transitions, groups without a network, and the service on both clocks.

mod cluster;
mod groups;
mod history;
mod service;
mod transitions;
