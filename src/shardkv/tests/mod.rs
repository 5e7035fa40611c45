//! Tests of the table of transitions, of groups without a network, and of the service on real and on virtual
//! time.

mod cluster;
mod groups;
mod history;
mod service;
mod transitions;
