//! What the pictures of the experiments have in common.

/// The beginning of an SVG on white. The end is `</svg>`.
pub fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

/// Adds an element, in a line of its own.
pub fn element(out: &mut String, text: String) {
    *out += &text;
    out.push('\n');
}
