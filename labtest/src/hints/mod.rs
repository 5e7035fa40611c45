//! Hints for a failed test: the usual reasons of the failure, and where to read about them.
//!
//! `table.rs` has a hint for each rule of the monitor, for the messages with which the tests fail, and for
//! each test of the course. A failure gets the hint of its rule, or else the hint of its message, or else the
//! hint of its test. A hint can be wrong, because it knows only the text of the failure.

mod table;

/// A hint.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint {
    /// What the hint is for: the name of a rule, a part of a message, or the name of a test.
    pub subject: &'static str,
    /// Where to read about the fault, for example `paper 5.2`.
    pub section: &'static str,
    /// The heading of docs/guide.md below which similar mistakes are listed.
    pub heading: &'static str,
    /// The usual reasons. The most frequent one comes first.
    pub reasons: &'static [&'static str],
}

/// The hint for a failure of the test `test` with this message.
pub fn hint_for(test: &str, message: &str) -> Option<&'static Hint> {
    // A broken invariant of this project's Raft has the name of the rule, or a part of a message.
    let message = message.strip_prefix("Raft invariant broken: ").unwrap_or(message);
    let rule = table::RULES
        .iter()
        .find(|hint| message.strip_prefix(hint.subject).is_some_and(|rest| rest.starts_with(" (")));
    let restarts = ["persist", "crash", "restart", "figure_8"].iter().any(|part| test.contains(part));
    let of_message = || {
        let of = |hints: &'static [Hint]| hints.iter().find(|hint| message.contains(hint.subject));
        restarts.then(|| of(table::AFTER_RESTARTS)).flatten().or_else(|| of(table::MESSAGES))
    };
    let of_test = || table::TESTS.iter().find(|hint| hint.subject == test);
    rule.or_else(of_message).or_else(of_test)
}

/// The hint as lines of text. There are no lines if there is no hint. This function can be used as
/// [`Run::hints`](labrt::Run::hints).
pub(crate) fn lines(test: &str, message: &str) -> Vec<String> {
    let Some(hint) = hint_for(test, message) else { return Vec::new() };
    let Hint { section, heading, reasons, .. } = hint;
    let title = format!("usual reasons ({section}; docs/guide.md, The usual mistakes, {heading}):");
    std::iter::once(title).chain(reasons.iter().map(|reason| format!("* {reason}"))).collect()
}

/// All hints: of rules, of messages and of tests.
pub fn all() -> impl Iterator<Item = &'static Hint> {
    [table::RULES, table::AFTER_RESTARTS, table::MESSAGES, table::TESTS].into_iter().flatten()
}
