//! Writes the figures of `docs/performance.md`, and draws its pictures. `scripts/bench.sh` makes the
//! measurements and calls this program.
//!
//! | file | what is in it |
//! |---|---|
//! | `results` | the results of the measurements, and their medians |
//! | `tables` | the tables of the page |
//! | `charts` | which pictures there are |
//! | `picture` | curves and dots as SVG |
//! | `page` | finds the places for the figures in the page |
//!
//! The text of the page is written by hand. Only the lines between two markers come from here.

#![forbid(unsafe_code)]

mod charts;
mod page;
mod picture;
mod results;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use page::Page;
use results::Results;

/// Writes the figures of a run of scripts/bench.sh into docs/performance.md
#[derive(Parser)]
#[command(name = "performance", version)]
struct Args {
    /// Files with results, one JSON object a line
    #[arg(required = true, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// The page; only the figures of the pieces that were measured change
    #[arg(long, default_value = "docs/performance.md", value_name = "FILE")]
    page: PathBuf,
    /// Folder for the pictures
    #[arg(long, default_value = "docs", value_name = "FOLDER")]
    pictures: PathBuf,
    /// Sentences about the run: its commit, its date, the machine, the number of rounds, the load before it
    #[arg(long, value_name = "TEXT")]
    note: String,
}

fn main() -> ExitCode {
    match write(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Nothing is written if something is wrong with the results or with the page.
fn write(args: &Args) -> Result<(), String> {
    let mut results = Results::default();
    for path in &args.results {
        results.add(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let mut page = Page::new(read(&args.page)?);
    let mut pictures = Vec::new();
    for piece in results.pieces() {
        let lines = tables::of_piece(&piece, &results, &args.note)?;
        page.replace(&piece, &lines).map_err(|error| format!("{}: {error}", args.page.display()))?;
        pictures.extend(charts::of_piece(&piece, &results));
    }
    for (name, svg) in pictures {
        save(&args.pictures.join(name), &svg)?;
    }
    save(&args.page, page.text())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn save(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let refused = |args: &[&str]| Args::try_parse_from([&["performance"], args].concat()).is_err();
        assert!(!refused(&["out/results.json", "--note", "here and now"]));
        assert!(refused(&["--note", "here and now"]) && refused(&["out/results.json"]));
    }

    #[test]
    fn the_page_of_this_project_has_a_place_for_each_piece() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
        let mut page = Page::new(read(&path).expect("there is such a page"));
        for piece in tables::PIECES {
            page.replace(piece, "").expect("the page has this place");
        }
    }
}
