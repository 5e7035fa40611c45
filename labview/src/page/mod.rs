//! HTML pages for people. Each page is one HTML file that needs no network, no server and no other file.
//!
//! A [`Page`] has its own style, markup, scripts and data. In addition it has the parts that all pages share.
//! These parts are in `shared/`: style, theme, the axis of time with its gestures, keys, tooltip, search, and
//! the code that keeps the view in the URL. The scripts are not JavaScript modules: they share one global
//! scope, and the browser runs them in the given order. So a script may use what an earlier script defines,
//! and every script may use the shared scripts.
//!
//! This module does not know what a page is about. The texts of a page may come from any source and contain
//! anything. In a page these texts are data, never markup. This is guaranteed in two ways: the JSON has no
//! `<`, and the scripts insert a text as text, never as HTML.
//!
//! ```
//! use labview::page::Page;
//!
//! let page = Page { title: "a < b", style: "", body: "<p id=\"said\"></p>", scripts: &[] };
//! let html = page.html(&["</script>"]);
//! assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<title>a &lt; b</title>"));
//! assert!(html.contains(r#"["\u003c/script>"]"#));
//! ```

use std::borrow::Cow;

use serde::Serialize;

const STYLES: &[&str] = &[include_str!("shared/base.css"), include_str!("shared/frame.css")];

const SCRIPTS: &[&str] = &[
    include_str!("shared/format.js"),
    include_str!("shared/theme.js"),
    include_str!("shared/canvas.js"),
    include_str!("shared/axis.js"),
    include_str!("shared/gestures.js"),
    include_str!("shared/strip.js"),
    include_str!("shared/keys.js"),
    include_str!("shared/tooltip.js"),
    include_str!("shared/search.js"),
    include_str!("shared/fragment.js"),
    include_str!("shared/fold.js"),
];

/// The parts of a page that it does not share with other pages.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The title of the browser's window. Any text is possible.
    pub title: &'a str,
    /// CSS, which comes after the shared style.
    pub style: &'a str,
    /// The markup of the body.
    pub body: &'a str,
    /// Scripts, which come after the shared scripts.
    pub scripts: &'a [&'a str],
}

impl Page<'_> {
    /// Returns the HTML document. The scripts read `data` as JSON from the element with the id `data`.
    ///
    /// # Panics
    /// If `data` cannot be written as JSON, for example because a map in it has lists as keys.
    pub fn html(&self, data: &impl Serialize) -> String {
        let json = serde_json::to_string(data).expect("numbers, texts and lists are JSON");
        let mut html = String::with_capacity(json.len() + 150_000);
        html.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
        // This policy forbids all requests. So no text in the page can make the browser send a request.
        html.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
        html.push_str("style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n");
        html.push_str("<link rel=\"icon\" href=\"data:,\">\n<title>");
        push_text(&mut html, self.title);
        html.push_str("</title>\n");
        for style in STYLES.iter().chain([&self.style]) {
            html.push_str("<style>\n");
            html.push_str(style);
            html.push_str("</style>\n");
        }
        html.push_str("</head>\n<body>\n");
        html.push_str(self.body);
        html.push_str("<script type=\"application/json\" id=\"data\">");
        push_json(&mut html, &json);
        html.push_str("</script>\n");
        for script in SCRIPTS.iter().chain(self.scripts) {
            html.push_str("<script>\n");
            html.push_str(script);
            html.push_str("</script>\n");
        }
        html.push_str("</body>\n</html>\n");
        html
    }
}

/// Appends a text as the content of an element. Escapes replace the characters that HTML treats as markup.
pub(crate) fn push_text(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
    }
}

/// Appends JSON as the content of a script element. The character `<` could begin the end tag of the element,
/// so it is written as an escape. U+2028 and U+2029, which old JavaScript treats as line ends, are written as
/// escapes, too. In JSON, these characters occur only in strings. In a string, an escape means the same as
/// the character itself.
fn push_json(html: &mut String, json: &str) {
    // One search for each character: a search for a single character is fast, also in a build that is not
    // optimized.
    let mut text = Cow::Borrowed(json);
    for (c, escape) in [('<', "\\u003c"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")] {
        if text.contains(c) {
            text = Cow::Owned(text.replace(c, escape));
        }
    }
    html.push_str(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Page<'_> = Page { title: "", style: "", body: "", scripts: &[] };

    #[test]
    fn data_cannot_end_its_element() {
        for text in ["</script><img onerror=x>", "<!-- <script>", "\u{0}\n\u{2028}\u{2029}'\"\\", "é漢😀", ""]
        {
            let html = PLAIN.html(&text);
            let (_, data) = html.split_once(r#"id="data">"#).expect("the page has data");
            let (data, _) = data.split_once("</script").expect("the data has an end tag");
            assert!(!data.contains('<') && !data.contains('\u{2028}'));
            assert_eq!(serde_json::from_str::<String>(data).expect("JSON"), text);
        }
    }

    #[test]
    fn a_title_is_not_markup() {
        let html = Page { title: "</title><b>&amp;\n", ..PLAIN }.html(&0);
        assert!(html.contains("<title>&lt;/title&gt;&lt;b&gt;&amp;amp; </title>"));
    }

    #[test]
    fn the_shared_parts_come_first() {
        let html = Page { style: "own {}", scripts: &["own();"], ..PLAIN }.html(&0);
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(place(":root") < place("own {}"));
        assert!(place("class TimeAxis") < place("own();"));
    }
}
