//! Names of tests: a user gives a name, and this module finds the test that the user means.
//!
//! A user can type the name of a test target (`lab2a` or `2A`), the name of a test (`initial_election_2a`),
//! or the name of the same test in Go (`TestInitialElection2A`). Go names are not in a table. A rule
//! translates them:
//!
//! 1. Remove `Test`.
//! 2. Take the last digit and letter as the part of the lab (`2A`).
//! 3. Split the rest at capitals and numbers.
//! 4. Write all words in lower case, and join them with `_`. The part of the lab is the last word.

/// The Rust name of a Go test. Returns `None` if `go` does not look like the name of a Go test (`Test` and a
/// capital).
pub fn from_go(go: &str) -> Option<String> {
    let rest = go.strip_prefix("Test")?;
    if !rest.starts_with(|c: char| c.is_ascii_uppercase())
        || !rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return None;
    }
    let (stem, part) = split_part(rest);
    let mut words = split_words(stem);
    words.extend(part.map(str::to_ascii_lowercase));
    Some(words.join("_"))
}

/// Splits the part of the lab (`2A`) from the end of a name: `Figure82C` becomes `("Figure8", Some("2C"))`.
fn split_part(name: &str) -> (&str, Option<&str>) {
    match name.as_bytes() {
        [.., digit, letter] if digit.is_ascii_digit() && letter.is_ascii_alphabetic() => {
            let (stem, part) = name.split_at(name.len() - 2);
            (stem, Some(part))
        }
        _ => (name, None),
    }
}

/// The words of a camel-case name, in lower case. Several capitals are one word (`RPCBytes`: `rpc`, `bytes`).
/// A number is a word, too.
fn split_words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(at + 1).copied();
        if starts_word(before, c, after) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c != '_' {
            word.push(c.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn starts_word(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return true };
    let lower_follows = after.is_some_and(|a| a.is_ascii_lowercase());
    if c == '_' || c.is_ascii_digit() != before.is_ascii_digit() {
        return true;
    }
    c.is_ascii_uppercase() && (before.is_ascii_lowercase() || lower_follows)
}

/// The test target that a user may mean by a name. For `lab2a`, `lab2A`, `2a` and `2A` this is `lab2a`.
pub fn target_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.as_bytes() {
        [digit, letter] if digit.is_ascii_digit() && letter.is_ascii_lowercase() => format!("lab{lower}"),
        _ => lower,
    }
}

/// For a short name of a part (`2E`), the beginning of the names of the parts of the same lab (`lab2`).
pub fn lab_of(name: &str) -> Option<String> {
    let is_part =
        matches!(name.as_bytes(), [digit, letter] if digit.is_ascii_digit() && letter.is_ascii_alphabetic());
    is_part.then(|| format!("lab{}", &name[..1]))
}

/// The target in which a test of this name probably is: `lab2a` for `.._2a`.
pub fn likely_target(test: &str) -> Option<String> {
    split_part(test).1.map(|part| format!("lab{part}"))
}

/// The name as a test binary would list it: the name of a Go test is translated, and any other name is
/// written in lower case.
pub fn test_of(name: &str) -> String {
    from_go(name).unwrap_or_else(|| name.to_ascii_lowercase())
}

/// The last part of a test's path: `tests::basic` is `basic`.
pub fn last_segment(test: &str) -> &str {
    test.rsplit("::").next().unwrap_or(test)
}

/// Whether `wanted` means the test `listed` (both in Rust spelling): `wanted` is the name itself or the last
/// segment of the name.
pub fn is_same(listed: &str, wanted: &str) -> bool {
    listed == wanted || last_segment(listed) == wanted
}

/// Whether `wanted` is `listed` without the part of the lab (`backup` for `backup_2b`).
pub fn is_same_without_part(listed: &str, wanted: &str) -> bool {
    let last = last_segment(listed);
    let (stem, part) = split_part(last);
    part.is_some() && stem.strip_suffix('_') == Some(wanted)
}

/// The names in `known` that are similar to `name`: at most three names, and the most similar name first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = test_of(name);
    let mut scored: Vec<(usize, &str)> =
        known.into_iter().map(|k| (distance(&wanted, last_segment(k)), k)).collect();
    scored.sort_unstable();
    scored.dedup();
    let limit = (wanted.chars().count() / 2).max(2);
    scored.into_iter().filter(|(d, _)| *d <= limit).take(3).map(|(_, k)| k).collect()
}

/// Says which of the known names are the nearest. `near` has at least one name.
pub fn suggestion(near: &[&str]) -> String {
    match near {
        [one] => format!("the nearest known name is {one}"),
        several => format!("the nearest known names are {}", several.join(", ")),
    }
}

/// Levenshtein's distance: how many characters must be added, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_names_map_by_rule() {
        let pairs = [
            ("TestInitialElection2A", "initial_election_2a"),
            ("TestReElection2A", "re_election_2a"),
            ("TestManyElections2A", "many_elections_2a"),
            ("TestBasicAgree2B", "basic_agree_2b"),
            ("TestRPCBytes2B", "rpc_bytes_2b"),
            ("TestFollowerFailure2B", "follower_failure_2b"),
            ("TestLeaderFailure2B", "leader_failure_2b"),
            ("TestFailAgree2B", "fail_agree_2b"),
            ("TestFailNoAgree2B", "fail_no_agree_2b"),
            ("TestConcurrentStarts2B", "concurrent_starts_2b"),
            ("TestRejoin2B", "rejoin_2b"),
            ("TestBackup2B", "backup_2b"),
            ("TestCount2B", "count_2b"),
            ("TestPersist12C", "persist_1_2c"),
            ("TestPersist22C", "persist_2_2c"),
            ("TestPersist32C", "persist_3_2c"),
            ("TestFigure82C", "figure_8_2c"),
            ("TestUnreliableAgree2C", "unreliable_agree_2c"),
            ("TestFigure8Unreliable2C", "figure_8_unreliable_2c"),
            ("TestReliableChurn2C", "reliable_churn_2c"),
            ("TestSnapshotBasic2D", "snapshot_basic_2d"),
            ("TestSnapshotInstall2D", "snapshot_install_2d"),
            ("TestSnapshotInstallUnreliable2D", "snapshot_install_unreliable_2d"),
            ("TestSnapshotInstallUnCrash2D", "snapshot_install_un_crash_2d"),
            ("TestSnapshotAllCrash2D", "snapshot_all_crash_2d"),
            ("TestSnapshotInit2D", "snapshot_init_2d"),
            ("TestSpeed3A", "speed_3a"),
            (
                "TestSnapshotUnreliableRecoverConcurrentPartition3B",
                "snapshot_unreliable_recover_concurrent_partition_3b",
            ),
            ("TestConcurrent3", "concurrent_3"),
            ("TestChallenge2Unaffected", "challenge_2_unaffected"),
        ];
        for (go, rust) in pairs {
            assert_eq!(from_go(go).as_deref(), Some(rust), "{go}");
        }
    }

    #[test]
    fn other_names_are_no_go_names() {
        for name in ["", "Test", "Testing", "initial_election_2a", "test_this", "TestÄrger2A", "Test2A"] {
            assert_eq!(from_go(name), None, "{name:?}");
        }
    }

    #[test]
    fn targets_are_known_by_their_short_names() {
        for name in ["2A", "2a", "lab2A", "lab2a", "LAB2A"] {
            assert_eq!(target_of(name), "lab2a");
        }
        assert_eq!(target_of("partition"), "partition");
        assert_eq!(likely_target("figure_8_2c").as_deref(), Some("lab2c"));
        assert_eq!(likely_target("figure"), None);
        assert_eq!(lab_of("2E").as_deref(), Some("lab2"));
        assert_eq!((lab_of("lab2e"), lab_of("22"), lab_of("é2")), (None, None, None));
    }

    #[test]
    fn a_test_is_found_by_its_last_segment_and_without_its_part() {
        assert!(is_same("one_way::requests_lost", "requests_lost"));
        assert!(!is_same("one_way::requests_lost", "lost"));
        assert!(is_same_without_part("backup_2b", "backup"));
        assert!(!is_same_without_part("figure_8_2c", "figure"));
        assert!(!is_same_without_part("backup", "backup"));
    }

    #[test]
    fn the_nearest_names_come_first() {
        let known = ["backup_2b", "count_2b", "rejoin_2b", "initial_election_2a"];
        assert_eq!(nearest("bakcup_2b", known).first(), Some(&"backup_2b"));
        assert_eq!(nearest("TestInitalElection2A", known), ["initial_election_2a"]);
        assert!(nearest("zzzzzzzzzzzzzzzzz", known).is_empty());
    }

    #[test]
    fn one_nearest_name_is_singular() {
        assert_eq!(suggestion(&["a"]), "the nearest known name is a");
        assert_eq!(suggestion(&["a", "b"]), "the nearest known names are a, b");
    }

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
