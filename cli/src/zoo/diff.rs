//! Applies the changes of an animal to the sources, and shows them as a unified diff.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::animal::{Animal, Change};

/// How many unchanged lines a diff shows before and after a change.
const CONTEXT: usize = 3;

/// A file before and after a change.
pub struct Changed {
    /// The file, relative to the project's folder.
    pub file: String,
    /// Its text in the project.
    pub before: String,
    /// Its text with the change.
    pub after: String,
    /// The places that differ, in the order of the file.
    places: Vec<Place>,
}

/// A place of a file, in bytes of the old text, and the new text for it.
struct Place {
    start: usize,
    end: usize,
    new: String,
}

/// Applies an animal's changes to the texts of the project's files. Writes nothing.
///
/// # Errors
/// If a file cannot be read, if it does not contain an old text exactly once, or if two old texts overlap.
/// The error has a line for each such change.
pub fn apply(root: &Path, animal: &Animal) -> Result<Vec<Changed>, String> {
    apply_changes(root, &animal.name, &animal.changes)
}

/// Like [`apply`], but for any list of changes. `name` is the name of these changes in the error.
pub fn apply_changes(root: &Path, name: &str, changes: &[Change]) -> Result<Vec<Changed>, String> {
    let mut by_file: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        by_file.entry(&change.file).or_default().push(change);
    }
    let (mut changed, mut wrong) = (Vec::new(), Vec::new());
    for (file, changes) in by_file {
        match fs::read_to_string(root.join(file)) {
            Ok(before) => match replace(&before, &changes) {
                Ok((after, places)) => changed.push(Changed { file: file.to_owned(), before, after, places }),
                Err(what) => wrong.extend(what.into_iter().map(|what| format!("{name}: {file}: {what}"))),
            },
            Err(error) => wrong.push(format!("{name}: {file} cannot be read: {error}")),
        }
    }
    if wrong.is_empty() { Ok(changed) } else { Err(wrong.join("\n")) }
}

/// Makes all changes in a text. Returns the new text, and the places that have changed.
fn replace(text: &str, changes: &[&Change]) -> Result<(String, Vec<Place>), Vec<String>> {
    let (mut places, mut wrong) = (Vec::new(), Vec::new());
    for change in changes {
        let found: Vec<usize> = text.match_indices(&change.old).map(|(at, _)| at).collect();
        match found.as_slice() {
            [at] => places.push(Place { start: *at, end: at + change.old.len(), new: change.new.clone() }),
            found => {
                let first =
                    change.old.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
                let count = found.len();
                wrong.push(format!("has the old text {first:?} ... {count} times, expected exactly once"));
            }
        }
    }
    places.sort_by_key(|place| place.start);
    if places.windows(2).any(|pair| pair[0].end > pair[1].start) {
        wrong.push("two old texts overlap, expected texts that are apart".to_owned());
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (mut after, mut from) = (String::new(), 0);
    for place in &places {
        after += &text[from..place.start];
        after += &place.new;
        from = place.end;
    }
    after += &text[from..];
    Ok((after, places))
}

/// Whole lines of a file that are replaced by other lines.
#[derive(Debug, PartialEq)]
struct Lines {
    /// The number of lines before the first replaced line.
    before: usize,
    removed: Vec<String>,
    added: Vec<String>,
}

/// A change as a unified diff.
pub fn unified(changed: &Changed) -> String {
    let lines: Vec<&str> = changed.before.lines().collect();
    let replaced: Vec<Lines> =
        changed.places.iter().map(|place| whole_lines(&changed.before, place)).collect();
    let mut out = format!("--- a/{0}\n+++ b/{0}\n", changed.file);
    let mut shift = 0_isize;
    let mut rest = replaced.as_slice();
    while let Some(first) = rest.first() {
        // Changes with few lines between them share a hunk.
        let mut count = 1;
        while count < rest.len() && rest[count].before <= end(&rest[count - 1]) + 2 * CONTEXT {
            count += 1;
        }
        let (hunk, others) = rest.split_at(count);
        rest = others;
        let start = first.before.saturating_sub(CONTEXT);
        let stop = (end(&hunk[count - 1]) + CONTEXT).min(lines.len());
        let (mut body, mut at, mut grown) = (String::new(), start, 0_isize);
        for part in hunk {
            lines[at..part.before].iter().for_each(|line| body += &format!(" {line}\n"));
            part.removed.iter().for_each(|line| body += &format!("-{line}\n"));
            part.added.iter().for_each(|line| body += &format!("+{line}\n"));
            at = end(part);
            grown += part.added.len() as isize - part.removed.len() as isize;
        }
        lines[at..stop].iter().for_each(|line| body += &format!(" {line}\n"));
        let (old, new) = (stop - start, (stop - start) as isize + grown);
        out += &format!("@@ -{},{old} +{},{new} @@\n{body}", start + 1, (start as isize + 1) + shift);
        shift += grown;
    }
    out
}

fn end(lines: &Lines) -> usize {
    lines.before + lines.removed.len()
}

/// The whole lines that a change replaces. Lines at the beginning and at the end that stay the same are left
/// out.
fn whole_lines(text: &str, place: &Place) -> Lines {
    let start = text[..place.start].rfind('\n').map_or(0, |at| at + 1);
    let stop = match text[..place.end].ends_with('\n') && place.end > start {
        true => place.end,
        false => text[place.end..].find('\n').map_or(text.len(), |at| place.end + at + 1),
    };
    let new = format!("{}{}{}", &text[start..place.start], place.new, &text[place.end..stop]);
    let mut removed: Vec<&str> = text[start..stop].lines().collect();
    let mut added: Vec<&str> = new.lines().collect();
    let mut before = text[..start].lines().count();
    let same = removed.iter().zip(&added).take_while(|(a, b)| a == b).count();
    removed.drain(..same);
    added.drain(..same);
    before += same;
    while removed.last().is_some_and(|last| added.last() == Some(last)) {
        removed.pop();
        added.pop();
    }
    let owned = |lines: Vec<&str>| lines.into_iter().map(str::to_owned).collect();
    Lines { before, removed: owned(removed), added: owned(added) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\n";

    fn diff(text: &str, changes: &[(&str, &str)]) -> String {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(old, new)| Change { file: "f".into(), old: (*old).to_owned(), new: (*new).to_owned() })
            .collect();
        let (after, places) =
            replace(text, &changes.iter().collect::<Vec<_>>()).expect("the changes fit the text");
        unified(&Changed { file: "f".into(), before: text.to_owned(), after, places })
    }

    #[test]
    fn a_diff_has_three_lines_around_a_change() {
        assert_eq!(
            diff(TEXT, &[("g\nh\n", "g\nH\nH2\n")]),
            "--- a/f\n+++ b/f\n@@ -5,7 +5,8 @@\n e\n f\n g\n-h\n+H\n+H2\n i\n j\n k\n"
        );
    }

    #[test]
    fn changes_apart_have_hunks_of_their_own_and_close_changes_share_one() {
        let apart = diff(TEXT, &[("b\nc", "b\nC"), ("p\n", "")]);
        assert!(apart.contains("@@ -1,6 +1,6 @@\n a\n b\n-c\n+C\n d\n"), "{apart}");
        assert!(apart.contains("@@ -13,6 +13,5 @@\n m\n n\n o\n-p\n q\n r\n"), "{apart}");
        let close = diff(TEXT, &[("j\n", "J\n"), ("d\n", "D\n")]);
        assert_eq!(close.matches("@@ -").count(), 1, "{close}");
    }

    #[test]
    fn an_old_text_must_be_there_exactly_once() {
        for (old, times) in [("\n", "18 times"), ("x", "0 times")] {
            let change = Change { file: "f".into(), old: old.into(), new: "y".into() };
            let Err(wrong) = replace(TEXT, &[&change]) else { panic!("{old} fits") };
            assert!(wrong[0].contains(times), "{wrong:?}");
        }
    }
}
