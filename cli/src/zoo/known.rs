//! What an animal may name: the rules of the monitor, and the test targets of the project.

use std::fs;
use std::path::Path;

/// The names that exist in a project.
#[derive(Clone)]
pub struct Known {
    /// The rules of the monitor, in the order of `docs/monitor.md`.
    pub rules: Vec<String>,
    /// The test targets: the files and folders of `tests`, sorted.
    pub suites: Vec<String>,
}

impl Known {
    /// Finds the names that exist in the project.
    ///
    /// # Errors
    /// If a file or folder cannot be read, or `docs/monitor.md` has no table of rules.
    pub fn of(root: &Path) -> Result<Known, String> {
        let path = root.join("docs/monitor.md");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let rules = rules(&text);
        if rules.is_empty() {
            return Err(format!("{}: expected a table that begins with | rule |", path.display()));
        }
        let tests = root.join("tests");
        let suites = suites(&tests).map_err(|e| format!("{}: {e}", tests.display()))?;
        Ok(Known { rules, suites })
    }

    /// The rule that the message of a failed run names. A message of the monitor is the rule, the section
    /// in brackets, and what happened: `One Vote (5.2): S1 votes for ...`. In a report, the name of the
    /// thread that failed comes before the rule.
    pub fn rule_in(&self, message: &str) -> Option<&str> {
        let text = message.split_once(": ").map_or(message, |(_, text)| text);
        let names =
            |text: &str, rule: &str| text.strip_prefix(rule).is_some_and(|rest| rest.starts_with(" ("));
        self.rules.iter().find(|rule| names(text, rule) || names(message, rule)).map(String::as_str)
    }
}

/// The first column of the table of rules.
fn rules(text: &str) -> Vec<String> {
    let table = text.lines().skip_while(|line| !line.starts_with("| rule |")).skip(2);
    let cell = |line: &str| line.split('|').nth(1).map(|cell| cell.trim().to_owned());
    table.take_while(|line| line.starts_with('|')).filter_map(cell).collect()
}

fn suites(tests: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(tests)? {
        let path = entry?.path();
        let is_suite = path.join("main.rs").is_file() || path.extension().is_some_and(|e| e == "rs");
        if let Some(name) = path.file_stem().filter(|_| is_suite) {
            found.push(name.to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_from_the_table() {
        let text =
            "# x\n\n| rule | section |\n|---|---|\n| One Vote | 5.2 |\n| Snapshot | 7 |\n\n| no | rule |\n";
        assert_eq!(rules(text), ["One Vote", "Snapshot"]);
    }

    #[test]
    fn a_message_of_the_monitor_names_its_rule() {
        let known = Known { rules: vec!["One Vote".to_owned()], suites: Vec::new() };
        for (message, rule) in [
            ("body: One Vote (5.2): S1 votes for S2", Some("One Vote")),
            ("One Vote (5.2): S1 votes for S2", Some("One Vote")),
            ("body: expected one leader, One Vote (5.2)", None),
            ("body: One Votes", None),
        ] {
            assert_eq!(known.rule_in(message), rule, "{message}");
        }
    }
}
