//! Submissions: which folders the user has given, and what is taken from each folder.
//!
//! The grader takes only the regular files below `src/`. From Cargo.toml it takes only the package's name,
//! the names of the crates that the submission depends on, the edition, and the path of the library. Other
//! files could change how the submission is built or judged, so they are not taken: build scripts, the
//! submission's own tests, profiles, cargo's configuration, the toolchain file, symbolic links.
//! [`Taken::dropped`] lists what was not taken.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::config::{Config, OWN_CRATES};

/// How many files are taken at most.
const MOST_FILES: usize = 2000;
/// How deeply folders may be nested.
const MOST_DEPTH: usize = 16;
/// How many bytes of a Cargo.toml are read at most.
const MANIFEST_LIMIT: u64 = 256 << 10;

/// A folder that must be graded.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The name of the submission in the results.
    pub name: String,
    /// The path of the folder.
    pub dir: PathBuf,
}

/// The submissions in these folders. Each submission has the name of its folder. If several folders have the
/// same name, the name of the parent folder is added to each name.
///
/// # Errors
/// When a folder does not exist, or when a folder is given twice.
pub fn all(dirs: &[PathBuf]) -> Result<Vec<Submission>, String> {
    let mut real: Vec<PathBuf> = Vec::new();
    for dir in dirs {
        if !dir.exists() {
            return Err(format!("{}: there is no such folder", dir.display()));
        }
        if !dir.is_dir() {
            return Err(format!("{}: expected the folder of a submission, this is a file", dir.display()));
        }
        let path = dir.canonicalize().map_err(|error| format!("{}: {error}", dir.display()))?;
        if real.contains(&path) {
            return Err(format!("{}: this folder was given twice", dir.display()));
        }
        real.push(path);
    }
    let longest = real.iter().map(|path| path.components().count()).max().unwrap_or(0);
    let mut names: Vec<String> = Vec::new();
    for parts in 1..=longest {
        names = real.iter().map(|path| name_of(path, parts)).collect();
        if names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1) {
            break;
        }
    }
    let pair = |(name, dir): (String, &PathBuf)| Submission { name, dir: dir.clone() };
    Ok(names.into_iter().zip(dirs).map(pair).collect())
}

/// The last `parts` folders of a path, as a name that is safe in a path and in a table.
fn name_of(path: &Path, parts: usize) -> String {
    let normal = |part| match part {
        Component::Normal(text) => Some(text.to_string_lossy().into_owned()),
        _ => None,
    };
    let all: Vec<String> = path.components().filter_map(normal).collect();
    let joined = all[all.len().saturating_sub(parts)..].join("-");
    let safe = |c: char| if c.is_alphanumeric() || "._-+@".contains(c) { c } else { '_' };
    let name: String = joined.chars().map(safe).collect();
    match name.trim_start_matches('.') {
        "" => "submission".to_owned(),
        _ => name,
    }
}

/// What was taken from a submission.
#[derive(Debug, Default)]
pub struct Taken {
    /// The package's name in its Cargo.toml.
    pub package: Option<String>,
    /// The Rust edition of the code.
    pub edition: String,
    /// The path of the library's root file, below `src`.
    pub lib: PathBuf,
    /// What was not taken from the folder.
    pub dropped: Vec<String>,
    /// The crates that the submission wants but does not get. The names are those in Rust code.
    pub refused_crates: Vec<String>,
}

/// Copies the files that are taken from `dir` into the folder `src`. Before that, `src` is emptied.
///
/// # Errors
/// [`Refusal`] when nothing was taken.
pub fn take(dir: &Path, src: &Path, config: &Config) -> Result<Taken, Refusal> {
    empty(src).map_err(|error| Refusal::Grader(format!("cannot empty {}: {error}", src.display())))?;
    let mut taken = Taken { edition: "2024".to_owned(), lib: PathBuf::from("lib.rs"), ..Taken::default() };
    manifest(dir, config, &mut taken);
    others(dir, &mut taken);
    let from = dir.join("src");
    if !fs::symlink_metadata(&from).is_ok_and(|it| it.is_dir()) {
        return Err(Refusal::Submission("it has no folder src".to_owned()));
    }
    let mut transfer =
        Transfer { left: config.source_limit_kb << 10, files: 0, limit_kb: config.source_limit_kb };
    transfer.folder(&from, src, Path::new("src"), 0, &mut taken)?;
    if !src.join(&taken.lib).is_file() {
        return Err(Refusal::Submission(format!("it has no file src/{}", taken.lib.display())));
    }
    Ok(taken)
}

/// Why nothing was taken.
#[derive(Debug)]
pub enum Refusal {
    /// Something is wrong with the submission.
    Submission(String),
    /// The grader cannot write a file.
    Grader(String),
}

fn empty(dir: &Path) -> std::io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)
}

struct Transfer {
    /// How many more bytes may be taken.
    left: u64,
    files: usize,
    limit_kb: u64,
}

impl Transfer {
    fn folder(
        &mut self,
        from: &Path,
        to: &Path,
        name: &Path,
        depth: usize,
        taken: &mut Taken,
    ) -> Result<(), Refusal> {
        if depth > MOST_DEPTH {
            return Err(Refusal::Submission(format!(
                "{}: more than {MOST_DEPTH} nested folders",
                name.display()
            )));
        }
        let unreadable = |error| Refusal::Submission(format!("{} cannot be read: {error}", name.display()));
        let mut entries: Vec<_> =
            fs::read_dir(from).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name, to) = (entry.path(), name.join(entry.file_name()), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                fs::create_dir(&to).map_err(|error| Refusal::Grader(format!("{}: {error}", to.display())))?;
                self.folder(&path, &to, &name, depth + 1, taken)?;
            } else if kind.is_file() {
                self.file(&path, &to, &name)?;
            } else {
                let what = if kind.is_symlink() { "a symbolic link" } else { "no regular file" };
                taken.dropped.push(format!("{} ({what})", name.display()));
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, name: &Path) -> Result<(), Refusal> {
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(Refusal::Submission(format!("src has more than {MOST_FILES} files")));
        }
        let bytes = read_at_most(from, self.left + 1)
            .map_err(|error| Refusal::Submission(format!("{} cannot be read: {error}", name.display())))?;
        let length = bytes.len() as u64;
        if length > self.left {
            return Err(Refusal::Submission(format!(
                "src is larger than {} KB (source_limit_kb)",
                self.limit_kb
            )));
        }
        self.left -= length;
        // The file is written again and not copied, so its modification time is the present time. If this
        // time was older, cargo could believe that it has already built the file.
        fs::write(to, bytes).map_err(|error| Refusal::Grader(format!("{}: {error}", to.display())))
    }
}

fn read_at_most(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads from Cargo.toml what the grader needs. What the grader ignores goes into `taken.dropped`.
fn manifest(dir: &Path, config: &Config, taken: &mut Taken) {
    let path = dir.join("Cargo.toml");
    if !fs::symlink_metadata(&path).is_ok_and(|it| it.is_file()) {
        return taken.dropped.push("Cargo.toml (there is no such file, so the defaults are used)".to_owned());
    }
    let parsed = read_at_most(&path, MANIFEST_LIMIT)
        .map_err(|error| error.to_string())
        .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()))
        .and_then(|text| text.parse::<toml::Table>().map_err(|error| error.message().to_owned()));
    let table = match parsed {
        Ok(table) => table,
        Err(error) => {
            let what = format!("Cargo.toml (it cannot be read, so the defaults are used: {error})");
            return taken.dropped.push(what);
        }
    };
    if let Some(package) = table.get("package") {
        taken.package = text_at(package, "name");
        if let Some(edition) =
            text_at(package, "edition").filter(|it| ["2015", "2018", "2021", "2024"].contains(&it.as_str()))
        {
            taken.edition = edition;
        }
        if package.get("build").is_some_and(|build| build.as_bool() != Some(false)) {
            taken.dropped.push("package.build".to_owned());
        }
    }
    if let Some(lib) = table.get("lib") {
        library(lib, taken);
    }
    dependencies(&table, config, taken);
    for key in
        ["build-dependencies", "patch", "replace", "profile", "lints", "target", "bin", "bench", "example"]
    {
        if table.contains_key(key) {
            taken.dropped.push(format!("[{key}] of Cargo.toml"));
        }
    }
    let features =
        table.get("features").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    for feature in features.filter(|name| !["sim", "solved-raft"].contains(&name.as_str())) {
        taken.dropped.push(format!("the feature {feature}"));
    }
}

fn text_at(value: &toml::Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn library(lib: &toml::Value, taken: &mut Taken) {
    if lib.get("proc-macro").and_then(toml::Value::as_bool) == Some(true) {
        taken.dropped.push("lib.proc-macro".to_owned());
    }
    let Some(path) = text_at(lib, "path") else { return };
    let plain =
        Path::new(&path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    match Path::new(path.trim_start_matches("./")).strip_prefix("src") {
        Ok(below) if plain && !below.as_os_str().is_empty() => taken.lib = below.to_owned(),
        _ => taken.dropped.push(format!("lib.path = {path:?} (this file is not in src)")),
    }
}

fn dependencies(table: &toml::Table, config: &Config, taken: &mut Taken) {
    let allowed = |name: &str| {
        OWN_CRATES.contains(&name)
            || config.dependencies.contains_key(name)
            || (config.solved_raft && name == "mit6824")
    };
    let optional = |value: &toml::Value| value.get("optional").and_then(toml::Value::as_bool) == Some(true);
    let section = |key: &str| {
        let all = table.get(key).and_then(toml::Value::as_table).into_iter().flatten();
        all.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<String, toml::Value>>()
    };
    for (name, value) in section("dependencies") {
        if allowed(&name) {
            continue;
        }
        taken.refused_crates.push(name.replace('-', "_"));
        // Optional dependencies are not reported, because each project made by `lab new` has an optional
        // dependency that is not used.
        if !optional(&value) {
            taken.dropped.push(format!("the dependency {name} (grade.toml does not allow it)"));
        }
    }
    for name in section("dev-dependencies").into_keys().filter(|name| !allowed(name) && name != "labtest") {
        taken.dropped.push(format!("the dependency {name} of its own tests"));
    }
}

/// Finds other files and folders that cargo would use, and adds their names to `taken.dropped`.
fn others(dir: &Path, taken: &mut Taken) {
    let names = [
        "build.rs",
        "tests",
        "benches",
        "examples",
        "src/main.rs",
        "src/bin",
        ".cargo",
        "rust-toolchain",
        "rust-toolchain.toml",
        "clippy.toml",
        "Cargo.lock",
    ];
    for name in names.into_iter().filter(|name| fs::symlink_metadata(dir.join(name)).is_ok()) {
        taken.dropped.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dstest::scratch::random;
    use crate::grade::suites;

    struct Folder(PathBuf);

    impl Folder {
        fn new(files: &[(&str, &str)]) -> Folder {
            let dir = std::env::temp_dir().join(format!("lab-submission-{:x}", random()));
            fs::create_dir_all(&dir).expect("the folder can be made");
            for (name, text) in files {
                let path = dir.join(name);
                fs::create_dir_all(path.parent().expect("the file is in a folder"))
                    .expect("the folder can be made");
                fs::write(path, text).expect("the file can be written");
            }
            Folder(dir)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn config(text: &str) -> Config {
        let file = Folder::new(&[("grade.toml", text)]);
        Config::load(&file.0.join("grade.toml"), &suites::all()).expect("this grade.toml is good")
    }

    fn taken(folder: &Folder, config: &Config) -> Result<Taken, Refusal> {
        take(&folder.0.join("dir"), &folder.0.join("to"), config)
    }

    #[test]
    fn only_the_sources_are_taken() {
        let manifest = "[package]\nname = \"my-raft\"\nedition = \"2021\"\nbuild = \"b.rs\"\n[features]\nsim = []\nfast = []\n\
                        [dependencies]\nlabrt = \"1\"\nserde = \"1\"\nmit6824 = \"1\"\nitertools = \"9\"\n\
                        solved = { version = \"1\", optional = true }\n[profile.dev]\nopt-level = 3\n";
        let folder = Folder::new(&[
            ("dir/Cargo.toml", manifest),
            ("dir/src/lib.rs", "mod raft;"),
            ("dir/src/raft/mod.rs", "// code"),
            ("dir/build.rs", "fn main() {}"),
            ("dir/tests/lab2a.rs", "fn main() {}"),
            ("dir/.cargo/config.toml", ""),
            ("dir/rust-toolchain.toml", ""),
            ("secret", "not yours"),
        ]);
        std::os::unix::fs::symlink("../../secret", folder.0.join("dir/src/link.rs"))
            .expect("the link can be made");
        let taken = taken(&folder, &config("suites.lab2a = 1\n[dependencies]\nitertools = \"0.14\""))
            .expect("the submission can be taken");
        assert_eq!((taken.package.as_deref(), taken.edition.as_str()), (Some("my-raft"), "2021"));
        assert_eq!(taken.refused_crates, ["mit6824", "solved"]);
        let dropped = taken.dropped.join("; ");
        for name in [
            "package.build",
            "[profile]",
            "the feature fast",
            "the dependency mit6824",
            "build.rs",
            "tests",
            ".cargo",
            "rust-toolchain.toml",
            "src/link.rs (a symbolic link)",
        ] {
            assert!(dropped.contains(name), "{name} is missing: {dropped}");
        }
        for name in ["itertools", "solved", "feature sim", "serde"] {
            assert!(!dropped.contains(name), "{name}: {dropped}");
        }
        let copied = |name: &str| folder.0.join("to").join(name);
        assert_eq!(fs::read_to_string(copied("raft/mod.rs")).expect("the file was taken"), "// code");
        assert!(!copied("link.rs").exists() && !copied("build.rs").exists());
    }

    #[test]
    fn the_sources_have_a_limit() {
        let big = "x".repeat(1500);
        let folder = Folder::new(&[("dir/src/lib.rs", &big)]);
        let refused = taken(&folder, &config("suites.lab2a = 1\nsource_limit_kb = 1"));
        assert!(matches!(refused, Err(Refusal::Submission(why)) if why.contains("larger than 1 KB")));
        assert!(taken(&folder, &config("suites.lab2a = 1\nsource_limit_kb = 2")).is_ok());
    }

    #[test]
    fn a_folder_without_sources_is_refused() {
        let folder = Folder::new(&[("dir/README.md", "later")]);
        let config = config("suites.lab2a = 1");
        assert!(
            matches!(taken(&folder, &config), Err(Refusal::Submission(why)) if why == "it has no folder src")
        );
        let folder = Folder::new(&[("dir/src/raft.rs", "")]);
        assert!(
            matches!(taken(&folder, &config), Err(Refusal::Submission(why)) if why == "it has no file src/lib.rs")
        );
    }

    #[test]
    fn the_root_of_the_library_may_have_another_name_but_no_other_place() {
        let config = config("suites.lab2a = 1");
        let manifest = |path: &str| format!("[lib]\npath = \"{path}\"");
        let folder = Folder::new(&[("dir/Cargo.toml", &manifest("src/all.rs")), ("dir/src/all.rs", "")]);
        assert_eq!(taken(&folder, &config).expect("the submission can be taken").lib, Path::new("all.rs"));
        let folder = Folder::new(&[("dir/Cargo.toml", &manifest("src/../../x.rs")), ("dir/src/lib.rs", "")]);
        let taken = taken(&folder, &config).expect("the submission can be taken");
        assert!(taken.lib == Path::new("lib.rs") && taken.dropped.iter().any(|it| it.contains("lib.path")));
    }

    #[test]
    fn a_broken_manifest_is_said() {
        let folder = Folder::new(&[("dir/Cargo.toml", "[package"), ("dir/src/lib.rs", "")]);
        let taken = taken(&folder, &config("suites.lab2a = 1")).expect("the submission can be taken");
        assert!(taken.dropped[0].starts_with("Cargo.toml (it cannot be read"), "{:?}", taken.dropped);
    }

    #[test]
    fn folders_of_the_same_name_are_told_apart() {
        let folder = Folder::new(&[("a/raft/x", ""), ("b/raft/x", ""), ("c/x", "")]);
        let dirs = ["a/raft", "b/raft"].map(|name| folder.0.join(name));
        let names: Vec<String> =
            all(&dirs).expect("the folders exist").into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["a-raft", "b-raft"]);
        assert_eq!(all(&[folder.0.join("c")]).expect("the folder exists")[0].name, "c");
        let twice =
            all(&[folder.0.join("c"), folder.0.join("b/../c")]).expect_err("both paths are the same folder");
        assert!(twice.contains("given twice"), "{twice}");
        assert!(
            all(&[folder.0.join("none")]).expect_err("the folder does not exist").contains("no such folder")
        );
        assert!(all(&[folder.0.join("c/x")]).expect_err("c/x is a file").contains("this is a file"));
    }
}
