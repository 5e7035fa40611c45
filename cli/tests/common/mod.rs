//! Makes a copy of the fake project, and runs `lab` in it.
#![allow(dead_code, reason = "not every test file uses all of this module")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A folder that is removed when this value is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made in cargo's temporary folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies the source files of the fake project into the folder `to`.
fn copy_sources(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake");
    for file in ["Cargo.toml", "src/lib.rs", "tests/lab2a.rs", "tests/lab2b.rs", "tests/plain.rs"] {
        let target = to.join(file);
        fs::create_dir_all(target.parent().expect("the file is in a folder"))
            .expect("the folder can be made");
        let new = fs::read(from.join(file)).expect("the fake project has this file");
        if fs::read(&target).ok().as_deref() != Some(&new) {
            // The file must change in one step, because another process of these tests may be building the
            // project.
            let draft = target.with_extension(format!("draft-{}", std::process::id()));
            fs::write(&draft, new).expect("the file can be written");
            fs::rename(draft, target).expect("the file can be renamed");
        }
    }
}

/// The fake project, and the folder in which `lab` runs.
pub struct Project {
    pub dir: Folder,
    root: PathBuf,
    target: PathBuf,
}

impl Project {
    /// The project that all tests share, so that it is built only once. Only the folder in which `lab` runs
    /// is for this test alone.
    pub fn new(name: &str) -> Project {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake");
        Project { dir: Folder::new(name), root: shared().clone(), target }
    }

    /// A project for this test alone, with sources and a target folder below its folder.
    pub fn own(name: &str) -> Project {
        let dir = Folder::new(name);
        copy_sources(&dir.0);
        Project { root: dir.0.clone(), target: dir.0.join("target"), dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.0.join(name)
    }

    /// The command `lab dstest` with these arguments, for this project.
    pub fn dstest(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.arg("dstest").arg("--root").arg(&self.root).args(args).current_dir(&self.dir.0);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAB_")) {
            command.env_remove(name);
        }
        command.env("CARGO_TARGET_DIR", &self.target).env_remove("CARGO_BUILD_TARGET");
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.dstest(args).output().expect("lab runs"))
    }

    /// The sorted names of the files in a folder of the project. The list is empty if the folder does not
    /// exist.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let name = |e: std::io::Result<fs::DirEntry>| {
            e.expect("the folder can be read").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }
}

fn shared() -> &'static PathBuf {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-sources");
        copy_sources(&dir);
        dir
    })
}

/// What a program has printed, and how it has ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("the output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("the output is UTF-8"),
        }
    }

    /// Checks the exit code, and that stdout contains all these texts.
    #[track_caller]
    pub fn says(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        for text in texts {
            assert!(self.out.contains(text), "no {text:?} in stdout:\n{}\nstderr:\n{}", self.out, self.err);
        }
    }

    /// Checks the exit code, and that stderr contains all these texts.
    #[track_caller]
    pub fn complains(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text), "no {text:?} in stderr:\n{}", self.err);
        }
    }
}

/// Waits until `holds` returns true, but at most for half a minute. `what` names the condition in the
/// message.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
