//! Writes results as JUnit XML. CI services and learning platforms read this format.
//!
//! The crate `quick-junit`, which nextest uses, writes the XML. It escapes texts, and leaves out the
//! characters that XML cannot contain. This file maps suites, tests and verdicts to the elements of JUnit.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// Tests that belong together: a `<testsuite>`.
pub struct Suite {
    /// The name of the group.
    pub name: String,
    /// Pairs of name and value: the `<properties>`.
    pub properties: Vec<(String, String)>,
    /// The tests.
    pub cases: Vec<Case>,
}

/// One test: a `<testcase>`.
pub struct Case {
    /// The group of the test, which JUnit calls the class.
    pub class: String,
    /// The name of the test.
    pub name: String,
    /// How long the test took, in seconds.
    pub seconds: f64,
    /// The result of the test.
    pub verdict: Verdict,
}

/// The result of a test.
pub enum Verdict {
    /// The test passed.
    Passed,
    /// The test failed, or did not reach its end.
    Failed {
        /// A word for the kind of failure.
        kind: String,
        /// What was wrong, in one line.
        message: String,
        /// Everything that is known about the failure.
        text: String,
    },
    /// The test was not run, for this reason.
    Skipped(String),
}

/// Writes the file.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, title: &str, suites: &[Suite]) -> io::Result<()> {
    fs::write(path, text(title, suites)?)
}

fn text(title: &str, suites: &[Suite]) -> io::Result<String> {
    let mut report = Report::new(title);
    report.add_test_suites(suites.iter().map(suite));
    report.set_time(suites.iter().flat_map(|suite| &suite.cases).map(time).sum());
    report.to_string().map_err(io::Error::other)
}

fn suite(suite: &Suite) -> TestSuite {
    let mut found = TestSuite::new(suite.name.as_str());
    found.set_time(suite.cases.iter().map(time).sum());
    found.add_properties(suite.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    found.add_test_cases(suite.cases.iter().map(case));
    found
}

fn case(case: &Case) -> TestCase {
    let status = match &case.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed { kind, message, text } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(kind.as_str()).set_message(message.as_str()).set_description(text.as_str());
            status
        }
        Verdict::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            status
        }
    };
    let mut found = TestCase::new(case.name.as_str(), status);
    found.set_classname(case.class.as_str()).set_time(time(case));
    found
}

/// How long a test took. A wrong report can contain a number that is no time. Then this returns zero.
fn time(case: &Case) -> Duration {
    Duration::try_from_secs_f64(case.seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, seconds: f64, verdict: Verdict) -> Case {
        Case { class: "lab2a".into(), name: name.into(), seconds, verdict }
    }

    #[test]
    fn verdicts_are_counted_and_texts_are_escaped() {
        let failed = Verdict::Failed {
            kind: "test".into(),
            message: "a < b & \"c\"".into(),
            text: "line 1\nline \u{1b}[31m2\u{0}".into(),
        };
        let suite = Suite {
            name: "alice".into(),
            properties: vec![("points".into(), "3".into())],
            cases: vec![
                case("good", 1.5, Verdict::Passed),
                case("bad", 2.0, failed),
                case("left_out", f64::NAN, Verdict::Skipped("no time".into())),
            ],
        };
        let xml = text("grades", &[suite]).expect("the results can be written");
        assert!(
            xml.contains(
                r#"<testsuites name="grades" tests="3" skipped="1" failures="1" errors="0" time="3.500""#
            ),
            "{xml}"
        );
        assert!(xml.contains(r#"<testcase name="good" classname="lab2a" time="1.500"/>"#), "{xml}");
        assert!(xml.contains(r#"message="a &lt; b &amp; &quot;c&quot;""#), "{xml}");
        assert!(xml.contains("<skipped message=\"no time\"/>"), "{xml}");
        assert!(!xml.contains(['\u{0}', '\u{1b}']), "there are characters that XML cannot contain: {xml}");
    }
}
