//! `lab`: the command line of the labs.
//!
//! * `lab demo`, or `lab` alone, shows the sharded key/value service live in the terminal ([`mit6824_demo`]).
//! * `lab dstest` runs tests many times and keeps what is needed to understand each failure ([`dstest`]).
//! * `lab grade` judges many submissions of students and gives points ([`grade`]).
//! * `lab trace` makes a page of a run's events: a space-time diagram ([`trace`]).
//! * `lab dslogs` lays a run's log out in one column per server ([`dslogs`]).
//!
//! `scripts/dstest.sh` and `scripts/dslogs.sh` build this binary without the demo and the pages, which stand on the labs,
//! and call it; `scripts/trace.sh` builds it without the demo.
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
#[cfg(feature = "grade")]
mod grade;
#[cfg(feature = "grade")]
mod junit;
#[cfg(feature = "trace")]
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The MIT 6.824 labs: a live demo, and tools
#[cfg(feature = "demo")]
#[derive(Parser)]
#[command(name = "lab", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a subcommand it is the demo, and takes its options.
    #[command(flatten)]
    demo: mit6824_demo::Args,
}

/// Tools around the MIT 6.824 labs
#[cfg(not(feature = "demo"))]
#[derive(Parser)]
#[command(name = "lab", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    #[cfg(feature = "demo")]
    fn command(self) -> Command {
        self.command.unwrap_or(Command::Demo(self.demo))
    }

    #[cfg(not(feature = "demo"))]
    fn command(self) -> Command {
        self.command
    }
}

#[derive(Subcommand)]
enum Command {
    /// Show the sharded key/value service live in the terminal, break it, and check it (the default)
    #[cfg(feature = "demo")]
    Demo(mit6824_demo::Args),
    /// Run tests many times, on real threads or in virtual time, and keep what failed
    Dstest(dstest::Args),
    /// Make a page of a run's trace: a space-time diagram, with the logs of the servers
    #[cfg(feature = "trace")]
    Trace(trace::Args),
    /// Judge many submissions and give points
    #[cfg(feature = "grade")]
    Grade(grade::Args),
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
    match Cli::parse().command() {
        #[cfg(feature = "demo")]
        Command::Demo(args) => mit6824_demo::main(&args),
        Command::Dstest(args) => dstest::main(args),
        #[cfg(feature = "trace")]
        Command::Trace(args) => trace::main(&args),
        #[cfg(feature = "grade")]
        Command::Grade(args) => grade::main(&args),
        Command::Dslogs(args) => dslogs::main(&args),
        Command::DstestWorker(args) => dstest::worker::main(args),
        Command::DstestExec(args) => dstest::process::exec(&args),
    }
}
