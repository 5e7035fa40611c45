//! Draws the screen of a terminal as an SVG picture. Letters are stored as text and not as shapes, so that a
//! reader can search for words.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// The size of a cell and of the letters in it, in pixels.
const CELL: (f32, f32) = (8.4, 18.0);
const LETTERS: f32 = 14.0;
/// The margin around the screen.
const MARGIN: f32 = 14.0;

const BACKGROUND: &str = "#14171f";
const TEXT: &str = "#d7dae0";

/// The sixteen colours of a terminal.
const PALETTE: [&str; 16] = [
    "#14171f", "#f0616d", "#7fd88f", "#f2c55c", "#5b9df5", "#d58fe8", "#4fd0d9", "#b4bac6", "#5f6777",
    "#ff7b86", "#98e8a5", "#ffd97a", "#82b6ff", "#e6a8f5", "#74e2ea", "#ffffff",
];

#[derive(Clone, PartialEq)]
struct Style {
    color: &'static str,
    back: Option<&'static str>,
    bold: bool,
    dim: bool,
}

/// Draws the picture of a screen.
pub fn of(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let width = f32::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f32::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"{LETTERS}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let style = style_at(screen, row, column);
            let from = column;
            let mut text = String::new();
            while column < columns && style_at(screen, row, column) == style {
                let cell = screen.cell(row, column);
                text.push_str(cell.filter(|cell| cell.has_contents()).map_or(" ", Cell::contents));
                column += 1;
            }
            run(&mut svg, (row, from), column - from, &text, &style);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Draws neighbouring cells that have the same style.
fn run(svg: &mut String, (row, column): (u16, u16), cells: u16, text: &str, style: &Style) {
    let (x, y) = (MARGIN + f32::from(column) * CELL.0, MARGIN + f32::from(row) * CELL.1);
    let width = f32::from(cells) * CELL.0;
    if let Some(back) = style.back {
        let height = CELL.1;
        writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{back}\"/>"
        )
        .expect("a string takes every text");
    }
    // Blanks at both ends are not drawn: they are invisible, and some programs that draw SVG remove them.
    let blank = text.chars().take_while(|&c| c == ' ').count();
    let ink = text.trim_matches(' ');
    if ink.is_empty() {
        return;
    }
    if ink.chars().all(|c| shape(c).is_some() || c == ' ') {
        return shapes(svg, (x, y), text, style);
    }
    let (x, base) = (x + blank as f32 * CELL.0, y + CELL.1 * 0.74);
    let length = ink.chars().count() as f32 * CELL.0;
    let ink = ink.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}");
    let bold = if style.bold { " font-weight=\"bold\"" } else { "" };
    let dim = if style.dim { " opacity=\"0.55\"" } else { "" };
    let color = style.color;
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{base:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{color}\"{bold}{dim}>{ink}</text>"
    )
    .expect("a string takes every text");
}

/// The shape of a character that is a bar or a line. Such characters are drawn as rectangles. So there is no
/// gap between neighbouring characters, whatever the font is. The result has two numbers: the distance from
/// the top of the cell, and the height of the shape. Both are parts of the cell's height.
fn shape(c: char) -> Option<(f32, f32)> {
    match c {
        '▁'..='█' => {
            let height = (c as u32 - '▁' as u32 + 1) as f32 / 8.0;
            Some((1.0 - height, height))
        }
        '─' => Some((0.47, 0.06)),
        '━' => Some((0.42, 0.16)),
        _ => None,
    }
}

fn shapes(svg: &mut String, (x, y): (f32, f32), text: &str, style: &Style) {
    let cells: Vec<char> = text.chars().collect();
    let mut column = 0;
    for same in cells.chunk_by(|a, b| a == b) {
        let (x, width) = (x + column as f32 * CELL.0, same.len() as f32 * CELL.0);
        column += same.len();
        let Some((top, part)) = shape(same[0]) else { continue };
        let (y, height) = (y + top * CELL.1, part * CELL.1);
        let dim = if style.dim { " opacity=\"0.55\"" } else { "" };
        let color = style.color;
        // The rectangle is a little wider, because otherwise the background shows between neighbouring edges.
        let width = width + 0.3;
        writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{color}\"{dim}/>"
        )
        .expect("a string takes every text");
    }
}

fn style_at(screen: &Screen, row: u16, column: u16) -> Style {
    let Some(cell) = screen.cell(row, column) else {
        return Style { color: TEXT, back: None, bold: false, dim: false };
    };
    Style {
        color: color_of(cell.fgcolor()).unwrap_or(TEXT),
        back: color_of(cell.bgcolor()),
        bold: cell.bold(),
        dim: cell.dim(),
    }
}

fn color_of(color: Color) -> Option<&'static str> {
    match color {
        Color::Idx(index) => PALETTE.get(usize::from(index)).copied(),
        Color::Default | Color::Rgb(..) => None,
    }
}
