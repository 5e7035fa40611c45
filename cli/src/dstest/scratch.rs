//! A folder for the temporary files of one campaign: copies of the test binaries, reports, and output.
//!
//! The folder is removed when the [`Scratch`] is dropped. If a campaign is killed, it cannot remove its
//! folder. Then the next campaign removes this folder. Such a folder is not locked: each campaign locks its
//! own folder, and when the process dies, the kernel releases the lock.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg};

const LOCK: &str = "lock";

/// A random number from the system. It is computed with the random keys of a new hasher.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The folder of one campaign.
pub struct Scratch {
    dir: PathBuf,
    next: AtomicU64,
    _lock: Flock<File>,
}

impl Scratch {
    /// Makes a folder below `base`, and removes the folders there whose campaigns have died.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn below(base: &Path) -> io::Result<Scratch> {
        fs::create_dir_all(base)?;
        // Only one campaign at a time makes or removes folders. So no folder is removed before its owner has
        // locked it.
        let _gate = lock(&base.join("gate"), FlockArg::LockExclusive)?;
        sweep(base)?;
        let dir = base.join(format!("run-{:016x}", random()));
        fs::create_dir(&dir)?;
        let lock = lock(&dir.join(LOCK), FlockArg::LockExclusiveNonblock)?;
        Ok(Scratch { dir, next: AtomicU64::new(0), _lock: lock })
    }

    /// A path in the folder. Each call returns a different path.
    pub fn path(&self, what: &str) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("{number}-{what}"))
    }

    /// Copies a binary, so that a build during the campaign does not change what is tested. The path of the
    /// copy ends with the same folders as the original, for example `debug/deps`. From the names of these
    /// folders the binary learns its cargo profile. It writes this profile into its replay lines.
    ///
    /// # Errors
    /// When the file cannot be copied. The error names it.
    pub fn copy_of(&self, binary: &Path) -> Result<PathBuf, String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let copy = self.dir.join(number.to_string()).join(below_profile(binary));
        let folder = copy.parent().unwrap_or(&self.dir);
        match fs::create_dir_all(folder).and_then(|()| fs::copy(binary, &copy)) {
            Ok(_) => Ok(copy),
            Err(e) => Err(format!("cannot copy {} to {}: {e}", binary.display(), copy.display())),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.dir) {
            eprintln!("dstest: cannot remove {}: {e}", self.dir.display());
        }
    }
}

/// The last three parts of the path of a binary that cargo has built: `debug/deps/lab2a-0123456789abcdef`.
pub fn below_profile(binary: &Path) -> PathBuf {
    let parts: Vec<_> = binary.iter().collect();
    parts[parts.len().saturating_sub(3)..].iter().collect()
}

fn lock(path: &Path, how: FlockArg) -> io::Result<Flock<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    Flock::lock(file, how).map_err(|(_, errno)| errno.into())
}

fn sweep(base: &Path) -> io::Result<()> {
    for entry in fs::read_dir(base)? {
        let dir = entry?.path();
        let ours = dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with("run-"));
        if !ours || !dir.is_dir() {
            continue;
        }
        if lock(&dir.join(LOCK), FlockArg::LockExclusiveNonblock).is_ok() {
            // An error is ignored: even if the folder cannot be removed, the campaign can run.
            let _ = fs::remove_dir_all(&dir);
        }
    }
    Ok(())
}

/// Removes a file, if it exists.
pub fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}

/// The path of the page of a history. `page` is the path of the page of the same run. The two pages link to
/// each other by these names.
pub fn history_beside(page: &Path) -> PathBuf {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    page.with_file_name(format!("{stem}-history.html"))
}

/// Moves a file. The target may be on another file system.
///
/// # Errors
/// When the file can neither be renamed nor copied.
pub fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    fs::remove_file(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_is_removed_and_removes_those_of_the_dead_only() {
        let base = std::env::temp_dir().join(format!("lab-scratch-{:x}", random()));
        let dead = base.join("run-dead");
        fs::create_dir_all(&dead).expect("the folder can be made");
        let first = Scratch::below(&base).expect("the temporary folder can be made");
        assert!(!dead.exists(), "no process has locked the folder, so it is removed");
        let second = Scratch::below(&base).expect("the temporary folder can be made");
        assert!(first.dir.exists() && second.dir.exists());
        assert_ne!(first.path("x"), first.path("x"));
        let binary = base.join("release/deps/lab2a-1");
        fs::create_dir_all(base.join("release/deps")).expect("the folder can be made");
        fs::write(&binary, "binary").expect("the file can be written");
        let copy = first.copy_of(&binary).expect("the binary can be copied");
        assert!(copy.starts_with(&first.dir) && copy.ends_with("release/deps/lab2a-1"), "{}", copy.display());
        let dirs = [first.dir.clone(), second.dir.clone()];
        drop((first, second));
        assert!(dirs.iter().all(|d| !d.exists()));
        fs::remove_dir_all(&base).expect("the test has made this folder");
    }
}
