//! The name of the new package. The name is made from the folder's name, or the user chooses it. In both
//! cases it is checked.
//!
//! A name consists of lower case ASCII letters, digits, `-` and `_`, and begins with a letter. The name of
//! the crate has `_` in place of `-`.

/// Names that a crate cannot have: Rust's keywords, and crates that come with Rust.
#[rustfmt::skip]
const TAKEN: [&str; 60] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "proc_macro", "pub", "ref", "return", "self", "static", "std",
    "struct", "super", "test", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield", "build", "deps", "examples",
];

/// How many characters a name has at most.
const LONGEST: usize = 64;

/// Makes a package name from the name of a folder. `reserved` are the names of crates that the package
/// depends on.
///
/// # Errors
/// When the name is not allowed. The error says what was expected.
pub fn of_folder(folder: &str, reserved: &[String]) -> Result<String, String> {
    let lower = folder.to_lowercase();
    let pieces =
        lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|piece| !piece.is_empty());
    let name = pieces.collect::<Vec<&str>>().join("-");
    checked(&name, reserved).map(|()| name)
}

/// Checks that a package can have this name.
///
/// # Errors
/// When the name is not allowed. The error says what was expected.
pub fn checked(name: &str, reserved: &[String]) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        return Err("expected a letter a to z first, and then letters a to z, digits, - and _".to_owned());
    }
    if name.len() > LONGEST {
        return Err(format!("expected at most {LONGEST} characters"));
    }
    if TAKEN.contains(&crate_of(name).as_str()) {
        return Err(format!("{name:?} is a word of Rust or cargo"));
    }
    if reserved.iter().any(|taken| crate_of(taken) == crate_of(name)) {
        return Err(format!("{name:?} is a crate that the project depends on"));
    }
    Ok(())
}

/// The name of a package's crate in Rust code.
pub fn crate_of(package: &str) -> String {
    package.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_names() {
        let names = [
            ("my-raft", "my-raft"),
            ("My Raft (2)", "my-raft-2"),
            ("raft_labs", "raft_labs"),
            ("-x-", "x"),
            ("Müller.Raft", "m-ller-raft"),
        ];
        for (folder, name) in names {
            assert_eq!(of_folder(folder, &[]).as_deref(), Ok(name), "{folder}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let reserved = ["labrt".to_owned(), "proc-thing".to_owned()];
        for folder in ["6824", "", "...", "日本", "_", "self", "Test", "proc-macro", "labrt", "proc_thing"]
        {
            assert!(of_folder(folder, &reserved).is_err(), "{folder:?}");
        }
        for name in ["My-Raft", "a b", "a.b", "2a", "-a", "ä", &"a".repeat(65)] {
            assert!(checked(name, &[]).is_err(), "{name:?}");
        }
        assert_eq!(checked(&"a".repeat(64), &[]), Ok(()));
    }
}
