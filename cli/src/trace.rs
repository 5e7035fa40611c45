//! `lab trace`: makes a page from a trace. The page is one HTML file that needs no other file.
//!
//! The command reads JSON lines. A run writes them with `LAB_TRACE=run.jsonl`, and a failed run on real
//! threads leaves them in `out/`. The command prints the path of the page. Exit code 2 means that the input
//! is no trace, or that the arguments are bad. If a line is wrong, the message has the number of the line,
//! and says what was expected there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use labview::spacetime::{self, Error, Trace};

/// Shown at the end of `lab trace --help`.
const EXAMPLES: &str = "\
Examples:
  LAB_TRACE=run.jsonl cargo test --features sim --test lab2b -- --exact basic_agree_2b
  lab trace run.jsonl                  writes run.html
  lab trace run.jsonl -o page.html     writes another file";

/// Arguments of `lab trace`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The trace: JSON lines, as LAB_TRACE=run.jsonl writes them; - means stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The page to write. An existing file is overwritten [default: FILE with .html instead of .jsonl;
    /// run.html for stdin]
    #[arg(short, long, value_name = "OUT.html")]
    output: Option<PathBuf>,
    /// Show at most N events. If the test has failed, these are the events before the failure and some events
    /// after it. Otherwise these are the last events
    #[arg(short = 'n', long, value_name = "N", default_value_t = spacetime::MOST_EVENTS as u64,
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    events: u64,
}

/// Runs `lab trace`. The exit code is 0, or 1 if the page cannot be written, or 2 if the arguments or the
/// input are bad.
pub fn main(args: &Args) -> ExitCode {
    let name = if from_stdin(&args.file) { "standard input".into() } else { args.file.display().to_string() };
    let trace = match read(&args.file) {
        Ok(trace) => trace,
        Err(error) => {
            let what = match error {
                Error::Io(error) => format!("cannot read {name}: {error}"),
                other => format!("{name}: {other}"),
            };
            eprintln!("trace: {what}");
            return ExitCode::from(2);
        }
    };
    let page = args.output.clone().unwrap_or_else(|| beside(&args.file));
    let most = usize::try_from(args.events).unwrap_or(usize::MAX);
    match std::fs::write(&page, spacetime::html(&trace, most)) {
        Ok(()) => {
            println!("{}", page.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("trace: cannot write {}: {error}", page.display());
            ExitCode::FAILURE
        }
    }
}

fn from_stdin(file: &Path) -> bool {
    file.as_os_str() == OsStr::new("-")
}

fn read(file: &Path) -> Result<Trace, Error> {
    if from_stdin(file) {
        return Trace::read(io::stdin().lock());
    }
    Trace::read(BufReader::with_capacity(1 << 16, File::open(file)?))
}

/// The default path of the page: in the folder of the trace, with the ending `.html`.
fn beside(file: &Path) -> PathBuf {
    if from_stdin(file) {
        return PathBuf::from("run.html");
    }
    match file.extension().and_then(OsStr::to_str) {
        Some("jsonl" | "json") => file.with_extension("html"),
        _ => {
            let mut name = file.as_os_str().to_owned();
            name.push(".html");
            name.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_beside_the_trace() {
        for (trace, page) in [
            ("out/a-7.trace.jsonl", "out/a-7.trace.html"),
            ("run", "run.html"),
            ("run.txt", "run.txt.html"),
            ("run.html", "run.html.html"),
            ("-", "run.html"),
        ] {
            assert_eq!(beside(Path::new(trace)), Path::new(page), "{trace}");
        }
    }
}
