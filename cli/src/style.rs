//! Colours and links in texts for a terminal.
//!
//! Colours follow <https://no-color.org>. A link is the escape sequence OSC 8. A terminal that does not know
//! this sequence may print it as garbage, and no program can ask a terminal whether it knows the sequence. So
//! links are only used in terminals that are known to have them.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::Path;

use crate::shell::shown;

/// Which escape sequences a text may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether it may have colours.
    pub color: bool,
    /// Whether it may have links.
    pub links: bool,
}

impl Style {
    /// The style of texts on stdout.
    pub fn of_stdout() -> Style {
        Style::of(io::stdout().is_terminal(), |name| std::env::var_os(name))
    }

    fn of(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Style {
        let text = |name: &str| {
            variable(name).map(|value| value.to_string_lossy().into_owned()).filter(|it| !it.is_empty())
        };
        let term = text("TERM").unwrap_or_default();
        if !is_terminal || term == "dumb" {
            return Style::default();
        }
        Style { color: text("NO_COLOR").is_none(), links: has_links(&term, text) }
    }

    /// The text in bold and red.
    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// The text in a faint colour.
    pub fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A path. In a terminal with links, a click opens the file.
    pub fn path(self, path: &Path) -> String {
        let text = shown(path);
        if !self.links {
            return text;
        }
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        format!("\x1b]8;;file://{}{}\x1b\\{text}\x1b]8;;\x1b\\", host(), escaped(&absolute))
    }
}

/// Whether a terminal is known to have links. Terminals are known by the variables that they set.
fn has_links(term: &str, text: impl Fn(&str) -> Option<String>) -> bool {
    let number = |name: &str| text(name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let programs = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "Tabby", "zed"];
    let is_known = text("TERM_PROGRAM").is_some_and(|it| programs.contains(&it.as_str()));
    let kinds = ["kitty", "alacritty", "foot", "ghostty", "wezterm", "contour"];
    is_known
        || kinds.iter().any(|kind| term.contains(kind))
        || number("VTE_VERSION") >= 5000
        || text("KONSOLE_VERSION").is_some()
        || text("WT_SESSION").is_some()
}

/// The name of this machine. A terminal compares it with its own machine, so that a link in an ssh session
/// does not open a local file.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect()
}

/// A path as it is written in a URL.
fn escaped(path: &Path) -> String {
    let mut out = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(*byte));
            }
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(is_terminal: bool, variables: &[(&str, &str)]) -> (bool, bool) {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, it)| it.into());
        let Style { color, links } = Style::of(is_terminal, value);
        (color, links)
    }

    #[test]
    fn a_terminal_gets_what_it_can_show() {
        assert_eq!(style(false, &[("TERM", "xterm-kitty")]), (false, false));
        assert_eq!(style(true, &[("TERM", "dumb"), ("VTE_VERSION", "7000")]), (false, false));
        assert_eq!(style(true, &[("TERM", "xterm")]), (true, false));
        assert_eq!(style(true, &[("TERM", "xterm"), ("NO_COLOR", "")]), (true, false));
        assert_eq!(style(true, &[("TERM", "xterm-kitty"), ("NO_COLOR", "1")]), (false, true));
        for known in [("VTE_VERSION", "7000"), ("TERM_PROGRAM", "vscode"), ("WT_SESSION", "x")] {
            assert_eq!(style(true, &[("TERM", "xterm"), known]), (true, true), "{known:?}");
        }
        assert_eq!(style(true, &[("VTE_VERSION", "4000")]), (true, false));
    }

    #[test]
    fn a_path_in_a_link_is_absolute_and_escaped() {
        let linked = Style { color: false, links: true }.path(Path::new("/out dir/ä.html"));
        assert!(linked.starts_with("\x1b]8;;file://"), "{linked:?}");
        assert!(linked.ends_with("/out%20dir/%C3%A4.html\x1b\\/out dir/ä.html\x1b]8;;\x1b\\"), "{linked:?}");
        assert_eq!(Style::default().path(Path::new("/x y")), "/x y");
    }
}
