//! `lab`: the command line of the labs.
//!
//! * `lab demo`, or `lab` alone, shows the sharded key/value service live in the terminal ([`mit6824_demo`]).
//! * `lab new` makes a new project from the starter ([`new`]).
//! * `lab dstest` runs tests many times, and keeps the files that help to understand each failure
//!   ([`dstest`]).
//! * `lab grade` judges many submissions of students and gives points ([`grade`]).
//! * `lab zoo` builds this project with a known mistake and shows which tests find it ([`zoo`]).
//! * `lab trace` makes an HTML page that shows the events of a run as a space-time diagram ([`trace`]).
//! * `lab dslogs` shows a run's log in one column per server ([`dslogs`]).
//!
//! `cargo install --locked --path cli` installs `lab`. Inside the repository, `scripts/dstest.sh`,
//! `scripts/zoo.sh`, `scripts/trace.sh` and `scripts/dslogs.sh` build the part of `lab` that they need, and
//! call it.
//!
//! This crate works on processes, files and terminals. It is neither a server nor a test of the labs. So
//! it may use the system's own threads, clock and maps. Servers and tests must use those of `labrt`.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this crate is no server and no test of the labs: it uses real threads and the real clock"
)]

mod dslogs;
mod dstest;
#[cfg(feature = "grade")]
mod grade;
#[cfg(feature = "junit")]
mod junit;
#[cfg(feature = "new")]
mod new;
mod problem;
mod shell;
mod style;
#[cfg(feature = "trace")]
mod trace;
#[cfg(feature = "zoo")]
mod zoo;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// The MIT 6.824 labs: a live demo, and tools
#[cfg(feature = "demo")]
#[derive(Parser)]
#[command(name = "lab", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a subcommand the demo runs, with these options.
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
    fn chosen(self) -> Command {
        self.command.unwrap_or(Command::Demo(self.demo))
    }

    #[cfg(not(feature = "demo"))]
    fn chosen(self) -> Command {
        self.command
    }
}

#[derive(Subcommand)]
enum Command {
    /// Show the sharded key/value service live in the terminal, break it, and check it (the default)
    #[cfg(feature = "demo")]
    Demo(mit6824_demo::Args),
    /// Make a project of your own: the labs for you to solve, and the tests that judge them
    #[cfg(feature = "new")]
    New(new::Args),
    /// Run tests many times, on real threads or in virtual time, and keep what failed
    Dstest(dstest::Args),
    /// Make a page of a run's trace: a space-time diagram, with the logs of the servers
    #[cfg(feature = "trace")]
    Trace(trace::Args),
    /// Judge many submissions and give points
    #[cfg(feature = "grade")]
    Grade(grade::Args),
    /// Build this project with a known mistake, and show which tests find it
    #[cfg(feature = "zoo")]
    Zoo(zoo::Args),
    /// Show log lines in one column per server
    Dslogs(dslogs::Args),
    /// Run one chunk of seeds for `dstest --hosts`
    #[command(hide = true)]
    DstestWorker(dstest::worker::Args),
    /// Run another program in place of this one. The kernel kills the program when its parent dies
    #[command(hide = true)]
    DstestExec(dstest::process::ExecArgs),
}

/// How the user calls this subcommand. The scripts of the repository set LAB_CALLED to their names.
fn called(subcommand: &str) -> String {
    match std::env::var("LAB_CALLED") {
        Ok(script) if !script.is_empty() => script,
        _ => format!("lab {subcommand}"),
    }
}

/// The command line. The help of a subcommand shows the name by which the user has called it.
fn command_line() -> clap::Command {
    <Cli as CommandFactory>::command().mut_subcommands(|subcommand| {
        let name = format!("lab {}", subcommand.get_name());
        let called = called(subcommand.get_name());
        named(subcommand, &name, &called)
    })
}

/// A command and its subcommands, with `called` in place of `name` in their usage lines and examples.
fn named(command: clap::Command, name: &str, called: &str) -> clap::Command {
    let mut command = command.mut_subcommands(|subcommand| {
        let [name, called] = [name, called].map(|it| format!("{it} {}", subcommand.get_name()));
        named(subcommand, &name, &called)
    });
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim_start_matches(command.get_name()).to_owned();
    if let Some(examples) = command.get_after_help().map(|it| it.to_string().replace(name, called)) {
        command = command.after_help(examples);
    }
    command.override_usage(format!("{called}{usage}"))
}

fn main() -> ExitCode {
    let arguments = command_line().get_matches();
    let cli = Cli::from_arg_matches(&arguments).unwrap_or_else(|error| error.exit());
    match cli.chosen() {
        #[cfg(feature = "demo")]
        Command::Demo(args) => mit6824_demo::main(&args),
        #[cfg(feature = "new")]
        Command::New(args) => new::main(&args),
        Command::Dstest(args) => dstest::main(args),
        #[cfg(feature = "trace")]
        Command::Trace(args) => trace::main(&args),
        #[cfg(feature = "grade")]
        Command::Grade(args) => grade::main(&args),
        #[cfg(feature = "zoo")]
        Command::Zoo(args) => zoo::main(&args),
        Command::Dslogs(args) => dslogs::main(&args),
        Command::DstestWorker(args) => dstest::worker::main(args),
        Command::DstestExec(args) => dstest::process::exec(&args),
    }
}
