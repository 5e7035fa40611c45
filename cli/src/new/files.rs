//! The files of a new project.
//!
//! The files of the starter are embedded in this program. The list [`STARTER`] has one line for each file. A
//! test compares this list with the starter's folder.

use std::path::PathBuf;

use super::manifest;
use super::name::crate_of;
use super::source::Source;

/// A file to write.
pub struct File {
    /// The path of the file in the project.
    pub path: PathBuf,
    /// The content of the file.
    pub text: String,
}

/// Makes a pair for each file of the starter: its path and its text.
macro_rules! starter {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../starter/", $path)))),*]
    };
}

/// All files of the starter except its manifest, which is not copied ([`manifest`]).
static STARTER: &[(&str, &str)] = &starter![
    "README.md",
    "src/kvraft.rs",
    "src/lib.rs",
    "src/raft.rs",
    "src/raft_in_use.rs",
    "src/shardctrler.rs",
    "src/shardkv.rs",
    "tests/lab2a.rs",
    "tests/lab2b.rs",
    "tests/lab2c.rs",
    "tests/lab2d.rs",
    "tests/lab3a.rs",
    "tests/lab3b.rs",
    "tests/lab4a.rs",
    "tests/lab4b.rs",
    "tests/strict2.rs",
    "tests/strict3.rs",
    "tests/strict4.rs",
];

/// Files of this repository that a new project gets without a change.
static COPIED: &[(&str, &str)] = &[
    ("Cargo.lock", include_str!("../../../Cargo.lock")),
    ("clippy.toml", include_str!("../../../clippy.toml")),
    ("rustfmt.toml", include_str!("../../../rustfmt.toml")),
    (".gitignore", include_str!("../../../.gitignore")),
];

/// The files of the project `package`, in the order in which they are written.
pub fn of_project(package: &str, source: &Source) -> Vec<File> {
    let file = |path: &str, text: String| File { path: PathBuf::from(path), text };
    let mut files = vec![file("Cargo.toml", manifest::text(package, source))];
    files.extend(COPIED.iter().map(|(path, text)| file(path, (*text).to_owned())));
    files.extend(STARTER.iter().map(|(path, text)| file(path, adapted(path, text, package, source))));
    // The workflow runs on other machines. If the dependencies are paths on this machine, it cannot work
    // there.
    if let Source::Git { .. } = source {
        files.push(file(".github/workflows/labs.yml", workflow(&suites())));
    }
    files
}

/// Changes a file of the starter for the new package. Only the suites and the README contain the name of the
/// starter. In the suites it is replaced by the name of the new crate. The README has a paragraph about the
/// commands inside this repository. In its place, the new README says where `lab` comes from.
fn adapted(path: &str, text: &str, package: &str, source: &Source) -> String {
    if path.starts_with("tests/") {
        return text.replace("starter::", &format!("{}::", crate_of(package)));
    }
    if path == "README.md" {
        let here = format!("The program `lab` comes from `{}`.", source.installation());
        let paragraph = |old| if str::contains(old, "-p starter") { here.as_str() } else { old };
        return text.split("\n\n").map(paragraph).collect::<Vec<&str>>().join("\n\n");
    }
    text.to_owned()
}

/// The names of the suites.
fn suites() -> Vec<&'static str> {
    STARTER.iter().filter_map(|(path, _)| path.strip_prefix("tests/")?.strip_suffix(".rs")).collect()
}

/// A workflow for GitHub. It has a step for each suite, so that a student sees at once which labs pass.
fn workflow(suites: &[&str]) -> String {
    let mut text = include_str!("labs.yml").to_owned();
    for suite in suites {
        text += &format!(
            "      - name: {suite}\n        \
             if: ${{{{ !cancelled() }}}}\n        \
             run: cargo test --features sim --test {suite}\n"
        );
    }
    text + "      - name: pages of failed runs\n        \
            if: ${{ failure() }}\n        \
            uses: actions/upload-artifact@v4\n        \
            with:\n          \
            name: out\n          \
            path: out\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Failed tests write their pages to `out`, and cargo builds in `target`. So these two folders do not
    /// belong to the starter.
    const MADE: [&str; 2] = ["out", "target"];

    fn walk(dir: &Path, below: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).expect("the starter\'s folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if MADE.iter().any(|made| path == below.join(made)) {
                continue;
            }
            if path.is_dir() {
                walk(&path, below, found);
            } else {
                found.insert(
                    path.strip_prefix(below)
                        .expect("the path is below the starter")
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
    }

    #[test]
    fn every_file_of_the_starter_is_embedded() {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../starter");
        let mut found = BTreeSet::new();
        walk(&starter, &starter, &mut found);
        assert!(found.remove("Cargo.toml"));
        let embedded: BTreeSet<String> = STARTER.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(embedded, found);
    }

    #[test]
    fn the_files_know_the_new_crate_and_not_the_starter() {
        let source = Source::git("https://example.org/labs.git", "1f2e").expect("the address is good");
        for file in of_project("my-raft", &source) {
            let name = file.path.display();
            assert!(!file.path.starts_with("tests") || file.text.contains("use my_raft::"), "{name}");
            assert!(file.path.ends_with("Cargo.lock") || !file.text.contains("starter"), "{name}");
        }
        let readme = adapted("README.md", "# Labs\n\nAdd `-p starter` here.\n\nTwo.\n", "x", &source);
        let wanted = "`cargo install --locked --git https://example.org/labs.git --rev 1f2e mit6824-cli`";
        assert_eq!(readme, format!("# Labs\n\nThe program `lab` comes from {wanted}.\n\nTwo.\n"));
        let (_, text) =
            STARTER.iter().find(|(path, _)| *path == "README.md").expect("the starter has a README");
        assert!(adapted("README.md", text, "x", &source).contains(wanted));
    }

    #[test]
    fn the_workflow_has_a_step_for_each_suite() {
        let text = workflow(&["lab2a", "lab2b"]);
        assert!(text.contains("run: cargo test --features sim --test lab2b\n"), "{text}");
        assert!(text.contains("if: ${{ !cancelled() }}\n"), "{text}");
        assert!(!text.contains('\t'));
    }
}
