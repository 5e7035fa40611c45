//! The results of `lab zoo matrix` as a picture: a row for each animal, a column for each method.
//!
//! The colour of a cell says in how many of the seeds the method finds the animal. The cell also has this
//! number in percent, so a reader need not see the colour. The style sheet of the picture has colours for a
//! light and for a dark page.

use std::fmt::Write;

use super::animal::Animal;
use super::results::{Finding, Method, Results};
use super::table::HEADINGS;

/// Sizes in pixels.
const ROW: usize = 15;
const CELL: usize = 46;
const NAME: usize = 318;
const KIND: usize = 52;
const BLOCK: usize = NAME + KIND + COLUMNS.len() * CELL;
const GAP: usize = 30;
const EDGE: usize = 14;
/// The height of a heading together with the names of the columns below it.
const TITLE: usize = 44;

const COLUMNS: [(Method, &str); 4] = [
    (Method::Course, "course"),
    (Method::Strict, "strict"),
    (Method::Monitor, "monitor"),
    (Method::Unit, "unit"),
];

const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#1f2328}.h{font-weight:600;font-size:13px}.m{fill:#59636e}\
.c{text-anchor:middle}.bg{fill:#ffffff}.n{fill:#f6d5d2}.a{fill:#fbe8b8}.b{fill:#cfe6c4}.d{fill:#8fc98a}.u{fill:#e6e9ec}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.m{fill:#9aa5b1}.bg{fill:#0d1117}.n{fill:#6b2420}.a{fill:#6a5000}\
.b{fill:#2d5226}.d{fill:#1f7a33}.u{fill:#2a3038}}";

/// The picture as SVG.
pub fn draw(animals: &[Animal], results: &Results) -> String {
    // Raft is the left column. The services are the right one.
    let of = |lab: &str| animals.iter().filter(|it| it.lab == lab).collect::<Vec<_>>();
    let columns = [&HEADINGS[..1], &HEADINGS[1..]];
    let height_of = |column: &[(&str, &str)]| {
        column.iter().map(|(lab, _)| TITLE + of(lab).len() * ROW + GAP).sum::<usize>()
    };
    let legend = 34;
    let height = 2 * EDGE + legend + columns.iter().map(|column| height_of(column)).max().unwrap_or(0);
    let width = 2 * EDGE + columns.len() * BLOCK + (columns.len() - 1) * GAP;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\">\n<title>Which method finds which animal of the zoo, in percent of the seeds</title>\n\
         <style>{STYLE}</style>\n<rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    draw_legend(&mut out);
    for (number, column) in columns.iter().enumerate() {
        let x = EDGE + number * (BLOCK + GAP);
        let mut y = EDGE + legend;
        for (lab, heading) in *column {
            let animals = of(lab);
            text(&mut out, x, y + 14, "h", heading);
            for (place, (_, name)) in COLUMNS.iter().enumerate() {
                text(&mut out, x + NAME + KIND + place * CELL + CELL / 2, y + 36, "m c", name);
            }
            y += TITLE;
            for animal in &animals {
                draw_row(&mut out, x, y, animal, results);
                y += ROW;
            }
            y += GAP;
        }
    }
    out + "</svg>\n"
}

fn draw_legend(out: &mut String) {
    let mut x = EDGE;
    for (class, words) in [
        ("n", "found in no seed"),
        ("a", "in less than half of the seeds"),
        ("b", "in half of them or more"),
        ("d", "in all seeds"),
        ("u", "not measured, or no test for it"),
    ] {
        rect(out, x, EDGE, 14, class, "");
        text(out, x + 20, EDGE + 11, "m", words);
        x += 40 + words.len() * 6;
    }
}

fn draw_row(out: &mut String, x: usize, y: usize, animal: &Animal, results: &Results) {
    let base = y + ROW - 4;
    text(out, x, base, "", &animal.name);
    text(out, x + NAME, base, "m", &animal.breaks);
    for (place, (method, _)) in COLUMNS.iter().enumerate() {
        let (class, words, about) = cell(results.of(animal, *method), *method);
        let left = x + NAME + KIND + place * CELL;
        rect(out, left, y, CELL - 2, class, &about);
        text(out, left + CELL / 2 - 1, base, "c", &words);
    }
}

/// The class, the words and the description of a cell.
fn cell(finding: Option<&Finding>, method: Method) -> (&'static str, String, String) {
    let Some(finding) = finding.filter(|finding| finding.seeds > 0) else {
        return ("u", String::new(), "not measured".to_owned());
    };
    if method == Method::Unit {
        let count = finding.tests.len();
        let words = if count == 0 { "no".to_owned() } else { "yes".to_owned() };
        return (if count == 0 { "n" } else { "d" }, words, format!("{count} unit tests fail"));
    }
    if !finding.has_runs() {
        return ("u", "none".to_owned(), "no suite has a test for it".to_owned());
    }
    let class = match finding.failed {
        0 => "n",
        failed if failed == finding.seeds => "d",
        failed if 2 * failed >= finding.seeds => "b",
        _ => "a",
    };
    let percent = 100 * finding.failed / finding.seeds;
    (class, percent.to_string(), format!("{} of {} seeds", finding.failed, finding.seeds))
}

fn rect(out: &mut String, x: usize, y: usize, width: usize, class: &str, about: &str) {
    let height = ROW - 1;
    let about = if about.is_empty() { String::new() } else { format!("<title>{about}</title>") };
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\">{about}</rect>"
    );
}

fn text(out: &mut String, x: usize, y: usize, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_cell_says_in_how_many_seeds_the_animal_is_found() {
        let class = |failed: u64| {
            let finding = Finding { seeds: 10, failed, spent: 1.0, ..Finding::default() };
            cell(Some(&finding), Method::Course).0
        };
        assert_eq!([0, 1, 4, 5, 9, 10].map(class), ["n", "a", "a", "b", "b", "d"]);
        assert_eq!(cell(None, Method::Course).0, "u");
        let no_test = Finding { seeds: 10, ..Finding::default() };
        assert_eq!(cell(Some(&no_test), Method::Course).1, "none");
    }
}
