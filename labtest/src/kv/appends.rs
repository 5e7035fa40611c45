//! Values from which a test can see which client has written which part. Each client appends elements with
//! its own number. So a test can check that the value of a key has each element exactly once, and that the
//! elements of each client are in order.

use std::fmt::Write as _;

/// The text that client number `client` appends as its element number `j`.
pub fn element(client: usize, j: usize) -> String {
    format!("x {client} {j} y")
}

/// Checks that `value` has the elements 0 to `count` - 1 of a client, each element once and all in order.
///
/// # Errors
/// The message names the first element that is missing, that occurs twice, or that is at the wrong place. The
/// message also shows a part of the value around this place.
pub fn check_appends(client: usize, value: &str, count: usize) -> Result<(), String> {
    if is_exactly(client, value, count) {
        return Ok(());
    }
    let mut last = None;
    for j in 0..count {
        let wanted = element(client, j);
        let Some(at) = value.find(&wanted) else {
            let around = excerpt(value, last.unwrap_or(0));
            return Err(format!(
                "missing element {wanted:?} of client {client}; after the one before it: {around}"
            ));
        };
        let last_at = value.rfind(&wanted).unwrap_or(at);
        if last_at != at {
            let around = excerpt(value, last_at);
            return Err(format!(
                "duplicate element {wanted:?} of client {client}: at byte {at} and at byte {last_at}: {around}"
            ));
        }
        if last.is_some_and(|last| at <= last) {
            let around = excerpt(value, at);
            return Err(format!(
                "wrong order for element {wanted:?} of client {client}: before the one that precedes it: {around}"
            ));
        }
        last = Some(at);
    }
    Ok(())
}

/// Calls [`check_appends`] for each client. Client `i` has `counts[i]` elements.
///
/// # Errors
/// The errors of [`check_appends`].
pub fn check_concurrent_appends(value: &str, counts: &[usize]) -> Result<(), String> {
    counts.iter().enumerate().try_for_each(|(client, &count)| check_appends(client, value, count))
}

/// Returns true if the value consists of the client's elements 0 to `count` - 1, in order, and of nothing
/// else. For most correct values this is true. The check is fast: its time is proportional to the length of
/// the value.
fn is_exactly(client: usize, value: &str, count: usize) -> bool {
    let (mut rest, mut wanted) = (value, String::new());
    for j in 0..count {
        wanted.clear();
        // Writing to a string cannot fail.
        let _ = write!(wanted, "x {client} {j} y");
        match rest.strip_prefix(wanted.as_str()) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Returns a text that shows where two values differ. The text is short even if the values are long.
pub fn difference(wanted: &str, got: &str) -> String {
    let at = wanted.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count();
    format!(
        "wanted {} bytes, got {}; they differ from byte {at} on: wanted {}, got {}",
        wanted.len(),
        got.len(),
        excerpt(wanted, at),
        excerpt(got, at)
    )
}

/// Returns the part of a text around the byte `at`.
fn excerpt(text: &str, at: usize) -> String {
    const AROUND: usize = 30;
    let from = at.saturating_sub(AROUND);
    let to = text.len().min(at + AROUND);
    // The first or the last character of this part may be incomplete.
    let shown = String::from_utf8_lossy(&text.as_bytes()[from..to]);
    let (before, after) = (if from > 0 { "..." } else { "" }, if to < text.len() { "..." } else { "" });
    format!("{before}{shown:?}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(elements: &[(usize, usize)]) -> String {
        elements.iter().map(|&(client, j)| element(client, j)).collect()
    }

    #[test]
    fn elements_are_the_courses() {
        assert_eq!(element(3, 17), "x 3 17 y");
    }

    #[test]
    fn all_elements_in_order_are_accepted() {
        assert_eq!(check_appends(0, "", 0), Ok(()));
        assert_eq!(check_appends(0, &value(&[(0, 0), (0, 1), (0, 2)]), 3), Ok(()));
        let mixed = value(&[(1, 0), (0, 0), (1, 1), (0, 1)]);
        assert_eq!(check_concurrent_appends(&mixed, &[2, 2]), Ok(()));
        assert_eq!(
            check_appends(0, &format!("13{}!", value(&[(0, 0)])), 1),
            Ok(()),
            "the value may also contain other text"
        );
    }

    #[test]
    fn a_missing_element_is_seen() {
        let error = check_appends(0, &value(&[(0, 0), (0, 2)]), 3).unwrap_err();
        assert!(error.starts_with("missing element \"x 0 1 y\" of client 0"), "{error}");
        let error = check_concurrent_appends(&value(&[(0, 0), (1, 0)]), &[1, 2]).unwrap_err();
        assert!(error.starts_with("missing element \"x 1 1 y\" of client 1"), "{error}");
    }

    #[test]
    fn a_duplicate_is_seen() {
        let error = check_appends(0, &value(&[(0, 0), (0, 1), (0, 0)]), 2).unwrap_err();
        assert!(
            error.starts_with("duplicate element \"x 0 0 y\" of client 0: at byte 0 and at byte 14"),
            "{error}"
        );
        let error = check_appends(1, &value(&[(1, 0), (1, 1), (1, 1)]), 2).unwrap_err();
        assert!(error.starts_with("duplicate element \"x 1 1 y\""), "{error}");
    }

    #[test]
    fn a_wrong_order_is_seen() {
        let error = check_appends(2, &value(&[(2, 1), (2, 0)]), 2).unwrap_err();
        assert!(error.starts_with("wrong order for element \"x 2 1 y\" of client 2"), "{error}");
    }

    /// Element 1 of client 1 is missing. The check must not find it in element 11, or in an element of client
    /// 11.
    #[test]
    fn numbers_are_not_mistaken_for_each_other() {
        let error = check_appends(1, &value(&[(1, 0), (1, 11), (11, 1)]), 2).unwrap_err();
        assert!(error.starts_with("missing element \"x 1 1 y\""), "{error}");
    }

    #[test]
    fn long_values_are_shown_around_the_place() {
        let wanted = value(&(0..1000).map(|j| (0, j)).collect::<Vec<_>>());
        let got = wanted.replace("x 0 500 y", "");
        let text = difference(&wanted, &got);
        assert!(text.contains("x 0 500 y") && text.len() < 300, "{text}");
        let error = check_appends(0, &got, 1000).unwrap_err();
        assert!(error.len() < 300 && error.contains("\"x 0 500 y\""), "{error}");
        assert!(difference("", "a").contains("wanted \"\", got \"a\""));
    }
}
