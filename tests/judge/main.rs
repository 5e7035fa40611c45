//! Tests of the judge with this project's services: the judge finds the mistakes of services, and can report
//! the state of servers.

mod hints;
mod kv;
mod looks;
