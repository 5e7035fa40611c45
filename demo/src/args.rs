//! The command line.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use clap::ValueEnum;

/// Shown at the end of `lab demo --help`.
const EXAMPLES: &str = "\
Examples:
  lab demo                                 a minute in the terminal
  lab demo --seconds 20 --clients 16       shorter, with more clients
  lab demo --faults none                   only the faults of your keys
  lab demo --seconds 10 --plain            plain lines";

/// The sharded key/value service, live in the terminal, with faults and a verdict.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// End after this many seconds, 1 to 300
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = number::<300>)]
    pub seconds: u64,
    /// How many clients read and write, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = number::<64>)]
    pub clients: u64,
    /// Whether faults happen automatically or only when you press keys
    #[arg(long, value_enum, default_value_t = Faults::Auto)]
    pub faults: Faults,
    /// Random seed, decimal or 0x hex: it decides the choices of clients, faults and network [default: a new
    /// one]
    #[arg(long, value_name = "SEED", value_parser = parse_seed)]
    pub seed: Option<u64>,
    /// File for the page with the whole history
    #[arg(long, value_name = "PATH", default_value = "out/demo.html")]
    pub report: PathBuf,
    /// Print plain lines instead of a screen, as when the output is not a terminal
    #[arg(long)]
    pub plain: bool,
    /// Stop the check after this many seconds, 1 to 600
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = number::<600>)]
    pub check_limit: u64,
}

/// The source of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Faults {
    /// Only when you press keys
    None,
    /// Automatically, as long as you press no key for a fault
    Auto,
}

impl Args {
    /// The seed from the command line, or a random one.
    pub(crate) fn seed(&self) -> u64 {
        // A random seed is short, so that people can type it again.
        self.seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()) & 0xffff_ffff)
    }
}

fn number<const MOST: u64>(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("expected a whole number, 1 to {MOST}"))
}

fn parse_seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "expected a number below 2^64, decimal or 0x and hexadecimal".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_decimal_or_hexadecimal() {
        assert_eq!(parse_seed("17"), Ok(17));
        assert_eq!(parse_seed("0xff"), Ok(255));
        for bad in ["", "x", "0x", "-1", "18446744073709551616"] {
            let message = parse_seed(bad).expect_err(bad);
            assert!(message.contains("expected a number below 2^64"), "{message}");
        }
    }
}
