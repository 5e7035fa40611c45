//! `lab`: the command line of the labs.
//!
//! * `lab dstest` runs tests many times and keeps what is needed to understand each failure ([`dstest`]).
//! * `lab trace` makes a page of a run's events: a space-time diagram ([`trace`]).
//! * `lab dslogs` lays a run's log out in one column per server ([`dslogs`]).
//!
//! `scripts/dstest.sh`, `scripts/trace.sh` and `scripts/dslogs.sh` build this binary and call it.
//!
//! This crate works on processes, files and terminals, outside any run of a lab. It therefore names the
//! system's own threads, clock and maps, which node and test code must not.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "no code of a run: it supervises processes, on real threads and the real clock in both builds"
)]

mod dslogs;
mod dstest;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools around the MIT 6.824 labs
#[derive(Parser)]
#[command(name = "lab", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run tests many times, on real threads or in virtual time, and keep what failed
    Dstest(dstest::Args),
    /// Make a page of a run's trace: a space-time diagram, with the logs of the servers
    Trace(trace::Args),
    /// Show log lines in one column per server
    Dslogs(dslogs::Args),
    /// One chunk of seeds for `dstest --hosts`
    #[command(hide = true)]
    DstestWorker(dstest::worker::Args),
    /// Become another program that dies with its parent
    #[command(hide = true)]
    DstestExec(dstest::process::ExecArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Dstest(args) => dstest::main(args),
        Command::Trace(args) => trace::main(&args),
        Command::Dslogs(args) => dslogs::main(&args),
        Command::DstestWorker(args) => dstest::worker::main(args),
        Command::DstestExec(args) => dstest::process::exec(&args),
    }
}
