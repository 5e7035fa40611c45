//! The columns of the table: where on the screen a log line is printed.
//!
//! ```text
//!   time  S0                 S1
//!   1234  VOTE T1 asks for
//!         votes
//!   1240                     VOTE T1 votes for
//!                            S0
//! ```

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::line::{Entry, Server};

/// The width of the time column, with the gap after it.
const TIME: usize = 9;
/// Space between columns.
const GAP: usize = 1;
/// The width of the narrowest column. If the terminal is too narrow for columns of this width, the printed
/// lines are longer than a line of the terminal.
const NARROWEST: usize = 10;

/// Puts log lines into columns.
pub struct Layout {
    width: usize,
    color: bool,
    columns: Vec<Server>,
}

impl Layout {
    /// A layout without columns.
    pub fn new(width: usize, color: bool) -> Layout {
        Layout { width, color, columns: Vec::new() }
    }

    /// The columns.
    pub fn columns(&self) -> &[Server] {
        &self.columns
    }

    /// Sets the columns.
    pub fn set_columns(&mut self, columns: Vec<Server>) {
        self.columns = columns;
    }

    /// Sets the width. Returns whether the new width differs from the old one.
    pub fn set_width(&mut self, width: usize) -> bool {
        std::mem::replace(&mut self.width, width) != width
    }

    fn column_width(&self) -> usize {
        let count = self.columns.len().max(1);
        let gaps = GAP * (count - 1);
        (self.width.saturating_sub(TIME + gaps) / count).max(NARROWEST)
    }

    /// The head of the table.
    pub fn head(&self) -> String {
        let width = self.column_width();
        let mut line = format!("{:>7}  ", "time");
        for server in &self.columns {
            line += &format!("{:<w$}", server.to_string(), w = width + GAP);
        }
        let line = line.trim_end();
        if self.color { format!("\x1b[1;4m{line}\x1b[0m\n") } else { format!("{line}\n") }
    }

    /// The text of a log line, with its newlines.
    pub fn entry(&self, entry: &Entry) -> String {
        let place = entry.server.and_then(|server| self.columns.iter().position(|c| *c == server));
        let (indent, width) = match place {
            Some(column) => (column * (self.column_width() + GAP), self.column_width()),
            None => (0, self.width.saturating_sub(TIME).max(NARROWEST)),
        };
        let text = format!("{} {}", entry.topic.name(), entry.text);
        let mut out = String::new();
        for (number, piece) in wrap(text.trim_end(), width).iter().enumerate() {
            let time = if number == 0 { format!("{:>7}", entry.time) } else { " ".repeat(7) };
            let piece = if self.color {
                format!("\x1b[{}m{piece}\x1b[0m", entry.topic.color())
            } else {
                piece.clone()
            };
            out += &format!("{time}  {:indent$}{piece}\n", "");
        }
        out
    }
}

/// Breaks a text into lines of at most `width` cells, between words if possible.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() <= width {
            line.extend(std::iter::repeat_n(' ', gap));
            line += word;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        let mut pieces = chop(word, width);
        line = pieces.pop().unwrap_or_default();
        lines.extend(pieces);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Cuts a word into pieces of at most `width` cells. A character without width (a combining accent, for
/// example) stays with the character before it.
fn chop(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let cells = c.width().unwrap_or(0);
        if used + cells > width && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += cells;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("a  b", 10), ["a b"]);
    }

    #[test]
    fn long_words_are_chopped_by_cells_not_bytes() {
        assert_eq!(wrap("x abcdefghij", 4), ["x", "abcd", "efgh", "ij"]);
        assert_eq!(wrap("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(wrap("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        for width in 1..5 {
            assert_eq!(wrap("日e\u{301}🎉z", width).concat(), "日e\u{301}🎉z");
        }
    }
}
