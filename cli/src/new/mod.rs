//! `lab new`: makes a new project from the starter, in a folder outside this repository.
//!
//! The new project has the skeletons of the labs, the suites that judge them, and a manifest. The
//! dependencies in the manifest are `serde` and the lab's crates. The manifest names each crate of the lab by
//! its path in the checkout from which this program was built, or by a git repository ([`mod@source`]). All
//! files are embedded in this program ([`files`]), so the program can be installed and used anywhere. The new
//! manifest is made from the manifests of the starter and of the workspace ([`manifest`]), so no dependency
//! has to be written down twice.
//!
//! Everything is checked before the first file is written. Exit codes: 0 if the project is made, 1 if a file
//! could not be written, 2 if the arguments are bad.

mod files;
mod manifest;
mod name;
mod source;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use files::File;
use source::Source;

use crate::problem::Problem;
use crate::shell::quoted;

/// Shown at the end of `lab new --help`.
const EXAMPLES: &str = "\
Examples:
  lab new my-raft                              the package my-raft, in a new folder
  lab new labs/6824 --name raft-labs           a package cannot be called 6824
  lab new my-raft --git https://example.org/labs.git --rev 1f2e3d4
                                               the lab's crates by git, and a workflow for GitHub";

/// Arguments of `lab new`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder to make. It may exist already if it is empty or contains only .git
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The package's name [default: made from the folder's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Take the lab's crates from this git repository, instead of the checkout on this machine
    #[arg(long, value_name = "URL", requires = "rev")]
    git: Option<String>,
    /// The commit of the git repository
    #[arg(long, value_name = "REV", requires = "git")]
    rev: Option<String>,
}

/// Runs `lab new`.
pub fn main(args: &Args) -> ExitCode {
    match make(args) {
        Ok(report) => {
            // The project is already made, so it is no failure if the report cannot be written.
            let _ = io::stdout().write_all(report.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problem) => problem
            .report("lab new [OPTIONS] <DIR>", |signal| format!("lab new: interrupted by signal {signal}")),
    }
}

fn make(args: &Args) -> Result<String, Problem> {
    let dir = &args.dir;
    let full = real_path(dir).map_err(|e| Problem::Usage(format!("{}: {e}", dir.display())))?;
    check_free(dir, &full)?;
    let package = package(args, &full)?;
    let source = source(args)?;
    if let Source::Checkout(checkout) = &source
        && full.starts_with(checkout)
    {
        return Err(Problem::Usage(format!(
            "{} is inside the checkout {}: expected a folder outside of it",
            dir.display(),
            checkout.display()
        )));
    }
    let files = files::of_project(&package, &source);
    write_all(dir, &files)?;
    Ok(report(dir, &package, &source, files.len()))
}

/// The path of `dir` without symbolic links. The last folders of the path need not exist.
fn real_path(dir: &Path) -> io::Result<PathBuf> {
    let dir = std::path::absolute(dir)?;
    let exists = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let rest = dir.strip_prefix(exists).unwrap_or(Path::new(""));
    let exists = exists.canonicalize()?;
    Ok(if rest.as_os_str().is_empty() { exists } else { exists.join(rest) })
}

/// Checks that the project can be made in this folder.
fn check_free(dir: &Path, full: &Path) -> Result<(), Problem> {
    let refuse = |what: String| Err(Problem::Usage(format!("{} {what}", dir.display())));
    if let Some(file) = full.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()) {
        return match file == full {
            true => refuse("is a file: expected a new or empty folder".to_owned()),
            false => refuse(format!("cannot be made: {} is a file", file.display())),
        };
    }
    let entries = match fs::read_dir(full) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return refuse(format!("cannot be read: {e}")),
    };
    // A folder with only `.git` is a clone of a new, empty repository. A project may be made there.
    let found = entries.filter_map(Result::ok).map(|entry| entry.file_name()).find(|name| name != ".git");
    match found {
        None => Ok(()),
        Some(name) => refuse(format!(
            "is not empty (it has {:?}): expected a new or empty folder",
            name.to_string_lossy()
        )),
    }
}

fn package(args: &Args, full: &Path) -> Result<String, Problem> {
    let reserved = manifest::reserved_names();
    match &args.name {
        Some(name) => name::checked(name, &reserved)
            .map(|()| name.clone())
            .map_err(|why| Problem::Usage(format!("--name {name}: {why}"))),
        None => {
            let folder = full.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name::of_folder(folder, &reserved).map_err(|why| {
                Problem::Usage(format!(
                    "the folder's name {folder:?} cannot be made into a name for the package: {why}; choose a name with --name NAME"
                ))
            })
        }
    }
}

fn source(args: &Args) -> Result<Source, Problem> {
    match (&args.git, &args.rev) {
        (Some(url), Some(rev)) => Source::git(url, rev).map_err(Problem::Usage),
        _ => Source::checkout().map_err(Problem::Usage),
    }
}

fn write_all(dir: &Path, files: &[File]) -> Result<(), Problem> {
    for (done, file) in files.iter().enumerate() {
        let path = dir.join(&file.path);
        let written = match path.parent() {
            Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(&path, &file.text)),
            None => fs::write(&path, &file.text),
        };
        if let Err(e) = written {
            return Err(Problem::Failure(format!(
                "cannot write {}: {e}\nThe project is incomplete: {done} of {} files are in {}. \
                 Remove that folder and try again.",
                path.display(),
                files.len(),
                dir.display()
            )));
        }
    }
    Ok(())
}

fn report(dir: &Path, package: &str, source: &Source, files: usize) -> String {
    let mut text = format!("Made the package {package} in {}: {files} files.\n", dir.display());
    match source {
        Source::Checkout(checkout) => {
            let checkout = checkout.display();
            text += &format!(
                "It uses the lab's crates in {checkout}, so that folder has to stay where it is.\n\
                 (With --git URL --rev REV a project works on other machines, too.)\n"
            );
        }
        Source::Git { url, rev } => text += &format!("It uses the lab's crates of {url} at {rev}.\n"),
    }
    let dir = quoted(&dir.to_string_lossy());
    text += &format!(
        "\nNext:\n  \
         cd {dir}\n  \
         cargo test --test lab2a                     # fails until you have written src/raft.rs\n  \
         cargo test --features sim --test lab2a      # the same in virtual time, which takes no time\n  \
         lab dstest --sim -n 100 lab2a               # a hundred seeds of each test\n\
         README.md in that folder says how to go on.\n"
    );
    text
}
