//! The reasons why a subcommand ends without a result, and the exit code for each reason.

use std::process::ExitCode;

/// What stops a subcommand.
#[derive(Debug)]
pub enum Problem {
    /// The arguments are wrong.
    Usage(String),
    /// Something has failed, and the arguments are not the cause.
    Failure(String),
    /// The program has received the signal with this number.
    Interrupted(u8),
}

impl Problem {
    /// Prints the problem on stderr. `usage` is the usage line of the subcommand. `interrupted` makes the
    /// message for a signal: it says what the signal has stopped. Returns the exit code: 2 for wrong
    /// arguments, 1 for a failure, 128 + n for signal n.
    pub fn report(self, usage: &str, interrupted: impl FnOnce(u8) -> String) -> ExitCode {
        match self {
            Problem::Usage(text) => {
                eprintln!("error: {text}\n\nUsage: {usage}\nFor more information, try '--help'.");
                ExitCode::from(2)
            }
            Problem::Failure(text) => {
                eprintln!("error: {text}");
                ExitCode::FAILURE
            }
            Problem::Interrupted(signal) => {
                eprintln!("{}", interrupted(signal));
                ExitCode::from(128u8.saturating_add(signal))
            }
        }
    }
}
