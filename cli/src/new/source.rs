//! The place from which a new project takes the lab's crates.

use std::path::{Path, PathBuf};

use crate::shell::quoted;

/// The place from which the lab's crates come.
pub enum Source {
    /// The checkout from which this program was built, as the path of its folder.
    Checkout(PathBuf),
    /// A commit of a git repository.
    Git {
        /// The repository.
        url: String,
        /// The commit.
        rev: String,
    },
}

impl Source {
    /// The checkout from which this program was built.
    ///
    /// # Errors
    /// When the checkout is no longer there, or when it is a copy that cargo made for an installation. Cargo
    /// may remove such a copy.
    pub fn checkout() -> Result<Source, String> {
        Source::checkout_of(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    /// The checkout to which the folder `cli` of this crate belongs.
    fn checkout_of(cli: &Path) -> Result<Source, String> {
        let advice = "give the repository with --git URL --rev REV";
        let given = cli.parent().unwrap_or(cli);
        let folder = given.canonicalize().ok().filter(|folder| folder.join("labrt/Cargo.toml").is_file());
        let Some(folder) = folder else {
            return Err(format!(
                "the checkout that this program was built from is no longer in {}: build the program again \
                 from where the checkout is now (cargo install --locked --path cli), or {advice}",
                given.display()
            ));
        };
        if folder.components().any(|c| c.as_os_str() == "git")
            && folder.to_string_lossy().contains("/git/checkouts/")
        {
            return Err(format!(
                "this program was installed from a git repository, not from a checkout: {advice}"
            ));
        }
        if folder.to_str().is_none_or(|path| path.chars().any(char::is_control)) {
            return Err(format!(
                "the path of the checkout, {}, cannot be written into a manifest: {advice}",
                folder.display()
            ));
        }
        Ok(Source::Checkout(folder))
    }

    /// The command that installs `lab` from this source.
    pub fn installation(&self) -> String {
        match self {
            Source::Checkout(checkout) => {
                format!("cargo install --locked --path {}", quoted(&checkout.join("cli").to_string_lossy()))
            }
            Source::Git { url, rev } => {
                format!("cargo install --locked --git {} --rev {} mit6824-cli", quoted(url), quoted(rev))
            }
        }
    }

    /// A commit of a git repository.
    ///
    /// # Errors
    /// When `url` cannot be an address, or `rev` cannot be a commit.
    pub fn git(url: &str, rev: &str) -> Result<Source, String> {
        let odd = |text: &str| text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control());
        if odd(url) || !url.contains(':') {
            return Err(format!("--git {url:?}: expected an address such as https://example.org/labs.git"));
        }
        if odd(rev) || rev.starts_with('-') {
            return Err(format!("--rev {rev:?}: expected a commit such as 1f2e3d4"));
        }
        Ok(Source::Git { url: url.to_owned(), rev: rev.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_that_is_gone_is_told() {
        let error =
            Source::checkout_of(Path::new("/nonexistent/labs/cli")).err().expect("there is no such checkout");
        assert!(error.contains("no longer in /nonexistent/labs") && error.contains("--git"), "{error}");
        assert!(Source::checkout().is_ok_and(|s| matches!(s, Source::Checkout(dir) if dir.is_absolute())));
    }

    #[test]
    fn addresses_and_commits_are_checked() {
        assert!(Source::git("https://example.org/labs.git", "1f2e3d4").is_ok());
        assert!(Source::git("git@example.org:labs.git", "v1").is_ok());
        for (url, rev) in
            [("", "v1"), ("labs", "v1"), ("https://a b", "v1"), ("https://a", ""), ("https://a", "-x")]
        {
            assert!(Source::git(url, rev).is_err(), "{url:?} {rev:?}");
        }
    }
}
