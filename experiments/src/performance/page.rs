//! Finds the places for the figures in a page.

/// A page with places for figures. A place is the lines between two markers.
pub struct Page(String);

impl Page {
    /// A page with this text.
    pub fn new(text: String) -> Page {
        Page(text)
    }

    /// The text of the page.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Replaces the figures of a piece.
    ///
    /// # Errors
    /// If the page has no place for this piece.
    pub fn replace(&mut self, piece: &str, lines: &str) -> Result<(), String> {
        let begin = format!("<!-- figures of {piece}: scripts/bench.sh writes these lines -->\n");
        let end = format!("<!-- end of the figures of {piece} -->\n");
        let missing = |marker: &str| format!("expected the line `{}`", marker.trim_end());
        let from = self.0.find(&begin).ok_or_else(|| missing(&begin))? + begin.len();
        let to = from + self.0[from..].find(&end).ok_or_else(|| missing(&end))?;
        self.0.replace_range(from..to, &format!("\n{}\n\n", lines.trim()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_figures_of_the_piece_change() {
        let place = |piece: &str, lines: &str| {
            format!(
                "<!-- figures of {piece}: scripts/bench.sh writes these lines -->\n{lines}<!-- end of the figures of {piece} -->\n"
            )
        };
        let mut page = Page::new(format!("# A\n\n{}text\n{}", place("kv", "old\n"), place("floor", "old\n")));
        page.replace("floor", "new").expect("there is a place");
        assert_eq!(
            page.text(),
            format!("# A\n\n{}text\n{}", place("kv", "old\n"), place("floor", "\nnew\n\n"))
        );
        let once = page.text().to_owned();
        page.replace("floor", "new").expect("there is a place");
        assert_eq!(page.text(), once);
        let error = page.replace("entries", "new").expect_err("there is no place");
        assert!(error.contains("figures of entries"), "{error}");
    }
}
