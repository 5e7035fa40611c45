//! Two pages side by side, in one window. Each page stays a file of its own, in the same folder.

use crate::page::push_text;

/// One of the two pages.
pub struct Side<'a> {
    /// The text above the page.
    pub title: &'a str,
    /// The name of the page's file, with the part after `#` that says what the page shows.
    pub address: &'a str,
}

/// The HTML of the window. `title` says what the two pages are, and `text` says what the reader should
/// know.
pub fn html(title: &str, text: &str, left: &Side<'_>, right: &Side<'_>) -> String {
    let side = |side: &Side<'_>| {
        let (title, address) = (escape(side.title), escape(side.address));
        format!("<section><h2>{title}</h2><iframe title=\"{title}\" src=\"{address}\"></iframe></section>\n")
    };
    let (title, text) = (escape(title), escape(text));
    let (left, right) = (side(left), side(right));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<h1>{title}</h1>\n<p>{text}</p>\n<main>\n{left}{right}</main>\n</html>\n"
    )
}

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; font: 14px/1.4 system-ui, sans-serif; }
h1 { font-size: 16px; margin: 8px 12px 0; }
p { margin: 2px 12px 8px; }
main { flex: 1; min-height: 0; display: flex; gap: 4px; }
section { flex: 1; min-width: 0; display: flex; flex-direction: column; }
h2 { font-size: 14px; margin: 0 12px 4px; }
iframe { flex: 1; width: 100%; min-height: 300px; border: 0; border-top: 1px solid GrayText; }
@media (max-width: 700px) { body { height: auto; } main { flex-direction: column; } iframe { height: 80vh; } }
";

/// Escapes a text, so that it can be the content of an element, or the value of an attribute in double
/// quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_text(&mut out, text);
    out.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let side = Side { title: "a < b", address: "x.html#t=1-2&m=\"3\"" };
        let html = html("<title>", "it's & more", &side, &side);
        assert!(html.contains("<h1>&lt;title&gt;</h1>") && html.contains("it's &amp; more"));
        assert_eq!(html.matches("src=\"x.html#t=1-2&amp;m=&quot;3&quot;\"").count(), 2);
    }
}
