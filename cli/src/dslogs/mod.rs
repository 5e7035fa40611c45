//! `lab dslogs`: shows log lines in one column per server.
//!
//! The command reads log lines from files or from stdin. `labrt::logging` writes such lines, in the form
//! `<time in 0.1 ms> TOPIC S<server> T<term> text`. Each line goes into the column of its server. The line is
//! coloured by its topic, and wrapped. If there are replication groups, the name of a server is, for example,
//! `G1S2`. Log lines of the test itself have no server. These lines, and lines that are no log lines, use the
//! full width.
//!
//! The option `--columns` sets the number of columns. Without it, the first [`LOOK_AHEAD`] log lines decide
//! which servers have a column. If another server appears later, it gets a new column, and the head of the
//! table is printed again.

mod layout;
mod line;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use layout::Layout;
use line::{Entry, Server, Topic};

/// How many log lines are read before the columns are decided.
const LOOK_AHEAD: usize = 200;

/// The width in characters if neither the terminal nor the user gives one.
const DEFAULT_WIDTH: u16 = 120;

/// Arguments of `lab dslogs`.
#[derive(clap::Args)]
pub struct Args {
    /// Show only these topics (VOTE,LEAD)
    #[arg(short, long, value_name = "TOPIC,...", value_delimiter = ',', value_parser = line::parse_topic)]
    just: Vec<Topic>,
    /// Do not show these topics
    #[arg(short, long, value_name = "TOPIC,...", value_delimiter = ',', value_parser = line::parse_topic)]
    ignore: Vec<Topic>,
    /// Show N columns, for the servers S0, S1, ... [default: one for each server in the first log lines]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    columns: Option<u16>,
    /// Width in characters [default: the terminal's width, or else $COLUMNS, or else 120]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=10_000))]
    width: Option<u16>,
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
    /// Files to read [default: stdin]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// When the output has colours.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Runs `lab dslogs`. The exit code is 0, or 1 if a file cannot be read, or 2 if the arguments are bad.
pub fn main(args: &Args) -> ExitCode {
    let mut failed = false;
    let shown = show(args, &mut failed);
    match shown {
        Ok(()) if failed => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        // The program that reads the output has ended (`| head`), so nobody needs the rest of the output.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("dslogs: cannot write: {e}");
            ExitCode::FAILURE
        }
    }
}

fn show(args: &Args, failed: &mut bool) -> io::Result<()> {
    let mut viewer = Viewer::new(args, io::stdout().lock());
    if args.files.is_empty() {
        viewer.read(io::stdin().lock(), "standard input", failed)?;
    }
    for path in &args.files {
        match File::open(path) {
            Ok(file) => viewer.read(BufReader::new(file), &path.display().to_string(), failed)?,
            Err(e) => complain(failed, &path.display().to_string(), &e),
        }
    }
    viewer.finish()
}

fn complain(failed: &mut bool, name: &str, error: &io::Error) {
    eprintln!("dslogs: cannot read {name}: {error}");
    *failed = true;
}

fn width(args: &Args) -> usize {
    let terminal = || console::Term::stdout().size_checked().map(|(_, columns)| columns);
    let variable = || std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    usize::from(args.width.or_else(terminal).or_else(variable).unwrap_or(DEFAULT_WIDTH).max(20))
}

fn color(args: &Args) -> bool {
    match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        }
    }
}

/// A line that is kept back until the columns are known.
enum Held {
    Entry(Entry),
    Other(String),
}

struct Viewer<'a, W: Write> {
    args: &'a Args,
    out: BufWriter<W>,
    layout: Layout,
    servers: Vec<Server>,
    /// Lines that are kept back until the servers are known. `None` if the servers are known.
    held: Option<Vec<Held>>,
    fixed_width: bool,
}

impl<'a, W: Write> Viewer<'a, W> {
    fn new(args: &'a Args, out: W) -> Viewer<'a, W> {
        let servers: Vec<Server> = (0..args.columns.unwrap_or(0)).map(Server::single).collect();
        let held = args.columns.is_none().then(Vec::new);
        let layout = Layout::new(width(args), color(args));
        Viewer { args, out: BufWriter::new(out), layout, servers, held, fixed_width: args.width.is_some() }
    }

    /// Reads lines until the end of the input or until an error. The error is reported on stderr.
    fn read(&mut self, mut input: impl BufRead, name: &str, failed: &mut bool) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match input.read_until(b'\n', &mut bytes) {
                Ok(0) => return Ok(()),
                Ok(_) => self.line(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']))?,
                Err(e) => {
                    complain(failed, name, &e);
                    return Ok(());
                }
            }
        }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        let Some(entry) = line::parse(text) else { return self.other(text) };
        if !self.wanted(entry.topic) {
            return Ok(());
        }
        let Some(held) = &mut self.held else { return self.entry(&entry) };
        if let Some(server) = entry.server.filter(|s| !self.servers.contains(s)) {
            self.servers.push(server);
        }
        held.push(Held::Entry(entry));
        if held.len() >= LOOK_AHEAD {
            return self.settle();
        }
        Ok(())
    }

    fn other(&mut self, text: &str) -> io::Result<()> {
        match &mut self.held {
            // If no log line is kept back yet, this line is printed at once. It may come from a build that
            // takes minutes, and the user must see it during the build, not after the first log lines.
            Some(held) if !held.is_empty() => held.push(Held::Other(text.to_owned())),
            _ => {
                writeln!(self.out, "{text}")?;
                self.out.flush()?;
            }
        }
        Ok(())
    }

    fn wanted(&self, topic: Topic) -> bool {
        (self.args.just.is_empty() || self.args.just.contains(&topic)) && !self.args.ignore.contains(&topic)
    }

    /// Decides the columns. Then prints the head of the table and the lines that were kept back.
    fn settle(&mut self) -> io::Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        self.servers.sort_unstable();
        for line in held {
            match line {
                Held::Entry(entry) => self.entry(&entry)?,
                Held::Other(text) => self.other(&text)?,
            }
        }
        self.out.flush()
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        if !self.fixed_width && self.layout.set_width(width(self.args)) {
            self.layout.set_columns(Vec::new());
        }
        if let Some(server) = entry.server.filter(|s| !self.servers.contains(s)) {
            self.servers.push(server);
            self.servers.sort_unstable();
        }
        if entry.server.is_some() && self.layout.columns() != self.servers {
            self.layout.set_columns(self.servers.clone());
            self.out.write_all(self.layout.head().as_bytes())?;
        }
        self.out.write_all(self.layout.entry(entry).as_bytes())?;
        if self.held.is_none() {
            self.out.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.settle()?;
        self.out.flush()
    }
}
