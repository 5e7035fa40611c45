//! Tests of the table of transitions, of groups without a network, and of the service in real time and in
//! virtual time.

mod cluster;
mod groups;
mod history;
mod service;
mod transitions;
