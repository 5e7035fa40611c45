//! The copy of the project in which an animal is built: `target/zoo/tree`, with the target folder
//! `target/zoo/target`.
//!
//! The copy has nearly all animals at once, each behind a switch ([`super::switch`]). For an animal that
//! cannot have a switch, the copy is changed so that it has only this animal. A file is written only if its
//! content differs. So cargo builds again only what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use super::animal::{Animal, Change};
use super::diff;

/// The copy has its own version of this file, because the file names the copy's target folder.
const CARGO_CONFIG: &str = ".cargo/config.toml";

/// Environment variables that programs in the copy do not get. With these variables, the programs would build
/// or run something else.
pub const UNSET: [&str; 12] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "LAB_CALLED",
    "LAB_EXPECT",
    "LAB_REPORT",
    "LAB_RUNS",
    "LAB_SEED",
    "LAB_STRICT",
    "LAB_TRACE",
    "LAB_TRACE_MOST",
    super::switch::VARIABLE,
    super::switch::ASSERTIONS,
];

/// The copy. While this value lives, no other process changes the copy.
pub struct Tree {
    root: PathBuf,
    /// The folder of the copy.
    pub dir: PathBuf,
    _lock: Flock<File>,
}

/// Whether Raft's own assertions stay in the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assertions {
    /// They stay.
    On,
    /// They are taken out. Other people's Rafts have no such assertions, and an assertion often fails before
    /// a test or the monitor can see the mistake.
    Off,
}

impl Tree {
    /// Prepares the copy for a project. Waits until no other process uses it.
    ///
    /// # Errors
    /// If the folder cannot be made or locked.
    pub fn of(root: &Path) -> Result<Tree, String> {
        let base = root.join("target/zoo");
        let fail = |error: io::Error| format!("{}: {error}", base.display());
        fs::create_dir_all(&base).map_err(fail)?;
        let file = File::options().create(true).truncate(false).write(true).open(base.join("lock"));
        let lock = match Flock::lock(file.map_err(fail)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((file, _)) => {
                eprintln!("zoo: waiting for another process that uses {}", base.display());
                Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| fail(errno.into()))?
            }
        };
        let tree = Tree { root: root.to_owned(), dir: base.join("tree"), _lock: lock };
        if tree.mark().exists() {
            // The last build was stopped. After that, the compiler's incremental files can be bad. Programs
            // that are built with bad files do not link.
            let _ = fs::remove_dir_all(base.join("target/debug/incremental"));
            tree.built();
        }
        Ok(tree)
    }

    /// The path of a file that exists while the copy is built. If a build is stopped, the file stays.
    fn mark(&self) -> PathBuf {
        self.dir.with_file_name("building")
    }

    /// Removes the file `mark`. This means that no build runs in the copy now, and that the last build was
    /// not stopped.
    pub fn built(&self) {
        let _ = fs::remove_file(self.mark());
    }

    /// Makes the copy equal to the project with the changes of an animal.
    ///
    /// # Errors
    /// If a change does not fit, or a file cannot be written.
    pub fn put(&self, animal: &Animal, assertions: Assertions) -> Result<(), String> {
        let mut changes = animal.changes.clone();
        if assertions == Assertions::Off {
            changes.extend(without_assertions());
        }
        let changed = diff::apply_changes(&self.root, &animal.name, &changes)?;
        self.put_files(&changed.into_iter().map(|it| (it.file, it.after)).collect())
    }

    /// Makes the copy equal to the project, except that the copy has these files with these texts.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn put_files(&self, files: &BTreeMap<String, String>) -> Result<(), String> {
        let fail = |error: io::Error| format!("{}: {error}", self.dir.display());
        fs::write(self.mark(), "").map_err(fail)?;
        let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
        for file in sources(&self.root).map_err(fail)? {
            let from = self.root.join(&file);
            if !file.to_str().is_some_and(|file| files.contains_key(file)) {
                self.write(&file, &fs::read(&from).map_err(fail)?, Some(&from)).map_err(fail)?;
            }
            wanted.insert(file);
        }
        for (file, text) in files {
            self.write(Path::new(file), text.as_bytes(), None).map_err(fail)?;
            wanted.insert(PathBuf::from(file));
        }
        let config = self.root.join(CARGO_CONFIG);
        let config = fs::read_to_string(config).unwrap_or_default();
        let config = format!(
            "{config}\n# All animals of the zoo share one target folder. An animal may leave code that nobody uses.\n\
             [build]\ntarget-dir = \"../target\"\nrustflags = [\"--cap-lints=allow\"]\n"
        );
        self.write(Path::new(CARGO_CONFIG), config.as_bytes(), None).map_err(fail)?;
        wanted.insert(PathBuf::from(CARGO_CONFIG));
        for file in sources(&self.dir).map_err(fail)? {
            if !wanted.contains(&file) {
                fs::remove_file(self.dir.join(file)).map_err(fail)?;
            }
        }
        Ok(())
    }

    /// Writes a file of the copy, unless the file has this content already. The file gets the permissions of
    /// the file `like`, if there is one.
    fn write(&self, file: &Path, content: &[u8], like: Option<&Path>) -> io::Result<()> {
        let to = self.dir.join(file);
        if fs::read(&to).is_ok_and(|old| old == content) {
            return Ok(());
        }
        fs::create_dir_all(to.parent().unwrap_or(&self.dir))?;
        fs::write(&to, content)?;
        like.map_or(Ok(()), |like| fs::set_permissions(&to, fs::metadata(like)?.permissions()))
    }

    /// The command `program`, in the copy and with the copy's own target folder.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir);
        for name in UNSET {
            command.env_remove(name);
        }
        // A failed run names the commit of its source. The copy is no commit, so git must not find the
        // repository around it.
        command.env("GIT_CEILING_DIRECTORIES", self.dir.parent().unwrap_or(&self.dir));
        command
    }
}

/// The changes that take Raft's own assertions out.
pub fn without_assertions() -> Vec<Change> {
    let change = |file: &str, old: &str, new: &str| Change {
        file: file.to_owned(),
        old: old.to_owned(),
        new: new.to_owned(),
    };
    vec![
        change(
            "src/raft/invariants.rs",
            "        if !holds {\n",
            "        let _ = &detail;\n        if false && !holds {\n",
        ),
        change(
            "src/raft/progress.rs",
            "    fn check(&self) {\n",
            "    fn check(&self) {\n        if true {\n            return;\n        }\n",
        ),
    ]
}

/// The files of a project, relative to its folder. Results of builds and of runs are left out.
fn sources(root: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(root.join(&dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir.as_os_str().is_empty() => break,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, dir.join(entry.file_name()));
            if kind.is_dir() && ![".git", "target", "out"].iter().any(|name| entry.file_name() == *name) {
                open.push(path);
            } else if kind.is_file() && entry.file_name() != ".git" {
                found.push(path);
            }
        }
    }
    Ok(found)
}
