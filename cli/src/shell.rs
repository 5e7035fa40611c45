//! Prints words for a shell, and paths relative to the working folder.

use std::path::Path;

/// Quotes a value, so that a shell reads it as one word.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,/:=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The form in which a path is printed. A path inside the working folder is printed relative to it.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below =
        here.and_then(|here| path.strip_prefix(here).ok()).filter(|rest| !rest.as_os_str().is_empty());
    below.unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        assert_eq!(quoted("out/a-1.log"), "out/a-1.log");
        assert_eq!(quoted("a b'c"), r"'a b'\''c'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_path_is_as_short_as_it_can_be() {
        let here = std::env::current_dir().expect("there is a working folder");
        assert_eq!(shown(&here.join("out/x.log")), "out/x.log");
        assert_eq!(shown(&here), here.display().to_string());
        assert_eq!(shown(Path::new("out/x.log")), "out/x.log");
        assert_eq!(shown(Path::new("/nonexistent/x.log")), "/nonexistent/x.log");
    }
}
