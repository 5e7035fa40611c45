//! Draws curves and dots as SVG.

use std::fmt::Write as _;

use mit6824_experiments::svg;

use crate::results::{Spread, number};

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 380.0;
/// The margins around the plot.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;
/// If the greatest value is this many times the least one, the axis is logarithmic. Otherwise it begins at 0.
const WIDE: f64 = 8.0;

/// Curves over places that have the same distance from each other.
pub struct Curves {
    /// The title. If the axis is logarithmic, the picture says so after the title.
    pub title: &'static str,
    /// What the places are.
    pub below: &'static str,
    /// The names of the places.
    pub places: Vec<String>,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// One curve.
pub struct Curve {
    /// The name.
    pub name: &'static str,
    /// The colour.
    pub colour: &'static str,
    /// A point for each place. A line shows its least and its greatest value.
    pub points: Vec<Option<Spread>>,
}

impl Curves {
    /// The picture.
    pub fn svg(&self) -> String {
        let spreads = || self.curves.iter().flat_map(|curve| curve.points.iter().flatten());
        let least = spreads().map(|spread| spread.least).fold(f64::INFINITY, f64::min);
        let greatest = spreads().map(|spread| spread.greatest).fold(1.0, f64::max);
        let axis = Axis::new(least, greatest, HEIGHT - BOTTOM, TOP);
        let heading = match axis.is_logarithmic {
            true => format!("{} (logarithmic)", self.title),
            false => self.title.to_owned(),
        };
        let mut out = svg::open(WIDTH, HEIGHT, &heading);
        title(&mut out, &heading);
        for value in axis.marks() {
            let (y, right) = (axis.at(value), WIDTH - RIGHT);
            let line =
                format!("<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>");
            svg::element(&mut out, line);
            text(&mut out, LEFT - 8.0, y + 4.0, "end", &number(value));
        }
        let x =
            |place: usize| LEFT + (WIDTH - LEFT - RIGHT) * (place as f64 + 0.5) / self.places.len() as f64;
        for (place, name) in self.places.iter().enumerate() {
            text(&mut out, x(place), HEIGHT - BOTTOM + 18.0, "middle", name);
        }
        text(&mut out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - BOTTOM + 40.0, "middle", self.below);
        for (number, curve) in self.curves.iter().enumerate() {
            curve.draw(&mut out, &axis, x);
            let y = TOP + 14.0 + 22.0 * number as f64;
            key(&mut out, WIDTH - RIGHT + 14.0, y, curve.name, curve.colour);
        }
        out + "</svg>\n"
    }
}

impl Curve {
    fn draw(&self, out: &mut String, axis: &Axis, x: impl Fn(usize) -> f64) {
        let colour = self.colour;
        let mut points = String::new();
        let mut marks = String::new();
        for (place, spread) in self.points.iter().enumerate() {
            let Some(spread) = spread else { continue };
            let (x, y) = (x(place), axis.at(spread.median));
            let (low, high) = (axis.at(spread.least), axis.at(spread.greatest));
            write!(points, "{x:.1},{y:.1} ").expect("a String takes everything");
            writeln!(
                marks,
                "<line x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\" stroke=\"{colour}\"/>\
                 <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            )
            .expect("a String takes everything");
        }
        let points = points.trim_end();
        let line =
            format!("<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>");
        svg::element(out, line);
        *out += &marks;
    }
}

/// Pairs of dots on a logarithmic axis. A thin line joins the two dots of a pair. Bars would have no meaning:
/// a logarithmic axis has no zero at which they could begin.
pub struct Dots {
    /// The title.
    pub title: &'static str,
    /// What the axis shows.
    pub below: &'static str,
    /// The names and the colours of the two dots of a pair.
    pub names: [(&'static str, &'static str); 2],
    /// The name of each pair, and the values of its dots in seconds. A dot may be missing.
    pub rows: Vec<(&'static str, [Option<f64>; 2])>,
}

impl Dots {
    /// The picture.
    pub fn svg(&self) -> String {
        let pair = 30.0;
        let bottom = TOP + pair * self.rows.len() as f64;
        let mut out = svg::open(WIDTH, bottom + 84.0, self.title);
        title(&mut out, self.title);
        let values = || self.rows.iter().flat_map(|(_, values)| values.iter().flatten().copied());
        let least = values().fold(f64::INFINITY, f64::min);
        let axis = Axis::logarithmic(least / 2.0, values().fold(1.0, f64::max), LEFT, WIDTH - RIGHT);
        for value in axis.marks() {
            let x = axis.at(value);
            let line =
                format!("<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>");
            svg::element(&mut out, line);
            text(&mut out, x, bottom + 18.0, "middle", &format!("{} s", number(value)));
        }
        text(&mut out, (LEFT + WIDTH - RIGHT) / 2.0, bottom + 40.0, "middle", self.below);
        for (place, (name, values)) in self.rows.iter().enumerate() {
            let y = TOP + pair * (place as f64 + 0.5);
            text(&mut out, LEFT - 8.0, y + 4.0, "end", name);
            if let [Some(one), Some(other)] = values.map(|value| value.map(|value| axis.at(value))) {
                let line = format!(
                    "<line x1=\"{one:.1}\" y1=\"{y:.1}\" x2=\"{other:.1}\" y2=\"{y:.1}\" stroke=\"#999\"/>"
                );
                svg::element(&mut out, line);
            }
            for (which, (value, (_, colour))) in values.iter().zip(self.names).enumerate() {
                let Some(value) = *value else { continue };
                let x = axis.at(value);
                let dot = format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>");
                svg::element(&mut out, dot);
                // The texts are outside of the pair: the lesser value is on the left, the greater one on the
                // right.
                let is_lesser = values[1 - which].is_some_and(|other| value < other);
                let (at, anchor) = if is_lesser { (x - 9.0, "end") } else { (x + 9.0, "start") };
                text(&mut out, at, y + 4.0, anchor, &format!("{} s", number(value)));
            }
        }
        for (which, (name, colour)) in self.names.into_iter().enumerate() {
            key(&mut out, LEFT + 160.0 * which as f64, bottom + 66.0, name, colour);
        }
        out + "</svg>\n"
    }
}

/// An axis from the value `from` at the place `begin` to the value `to` at the place `end`.
struct Axis {
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
    is_logarithmic: bool,
}

impl Axis {
    /// An axis that is logarithmic if the values need it.
    fn new(least: f64, greatest: f64, begin: f64, end: f64) -> Axis {
        if greatest > least * WIDE {
            return Axis::logarithmic(least, greatest, begin, end);
        }
        let step = step(greatest);
        Axis { from: 0.0, to: (greatest / step).ceil() * step, begin, end, is_logarithmic: false }
    }

    /// An axis from a power of ten to another one.
    fn logarithmic(least: f64, greatest: f64, begin: f64, end: f64) -> Axis {
        let power = |exponent: f64| 10_f64.powf(exponent);
        let from = power(least.max(1e-9).log10().floor());
        let to = power(greatest.max(1e-9).log10().ceil()).max(from * 10.0);
        Axis { from, to, begin, end, is_logarithmic: true }
    }

    fn at(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            (value / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.begin + (self.end - self.begin) * share.clamp(0.0, 1.0)
    }

    /// The values at which the axis has a mark.
    fn marks(&self) -> Vec<f64> {
        if !self.is_logarithmic {
            let step = step(self.to);
            return (0..=(self.to / step).round() as u32).map(|n| f64::from(n) * step).collect();
        }
        let decades = (self.to / self.from).log10().round() as i32;
        let decade = |n: i32| self.from * 10_f64.powi(n);
        (0..decades).flat_map(|n| [1.0, 2.0, 5.0].map(|times| decade(n) * times)).chain([self.to]).collect()
    }
}

/// The distance between two marks of an axis from 0 to `greatest`: 1, 2 or 5 times a power of ten.
fn step(greatest: f64) -> f64 {
    let power = 10_f64.powf((greatest / 10.0).max(1e-9).log10().ceil());
    [0.1, 0.2, 0.5]
        .into_iter()
        .map(|share| share * power)
        .find(|step| greatest / step <= 8.0)
        .unwrap_or(power)
}

fn title(out: &mut String, title: &str) {
    svg::element(
        out,
        format!("<text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{title}</text>"),
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    svg::element(out, format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"));
}

/// A small bar with the colour of something, and its name.
fn key(out: &mut String, x: f64, y: f64, name: &str, colour: &str) {
    let above = y - 8.0;
    svg::element(out, format!("<rect x=\"{x}\" y=\"{above}\" width=\"26\" height=\"6\" fill=\"{colour}\"/>"));
    text(out, x + 34.0, y, "start", name);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64) -> Option<Spread> {
        Some(Spread { least: median * 0.9, median, greatest: median * 1.1 })
    }

    #[test]
    fn curves_are_inside_the_plot() {
        for greatest in [20_000.0, 900_000.0] {
            let curves = Curves {
                title: "Puts",
                below: "clients",
                places: vec!["1".to_owned(), "8".to_owned(), "32".to_owned()],
                curves: vec![
                    Curve {
                        name: "here",
                        colour: "red",
                        points: vec![spread(10_000.0), spread(greatest), None],
                    },
                    Curve { name: "there", colour: "blue", points: vec![spread(15_000.0); 3] },
                ],
            };
            let picture = curves.svg();
            assert!(
                picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && !picture.contains("NaN")
            );
            let points: Vec<(f64, f64)> = picture
                .split("points=\"")
                .skip(1)
                .flat_map(|points| points.split('"').next().expect("there is a first part").split(' '))
                .map(|point| point.split_once(',').expect("two numbers"))
                .map(|(x, y)| (x.parse().expect("x"), y.parse().expect("y")))
                .collect();
            assert_eq!(points.len(), 5);
            let inside = |(x, y): &(f64, f64)| {
                (LEFT..=WIDTH - RIGHT).contains(x) && (TOP..=HEIGHT - BOTTOM).contains(y)
            };
            assert!(points.iter().all(inside), "{points:?}");
            assert!(points[1].1 < points[0].1, "the greater value is above");
        }
    }

    #[test]
    fn axes_have_round_marks() {
        assert_eq!(
            Axis::new(500.0, 760.0, 0.0, 100.0).marks(),
            [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0]
        );
        let axis = Axis::new(12_000.0, 390_000.0, 0.0, 100.0);
        assert_eq!((axis.from, axis.to), (10_000.0, 1_000_000.0));
        assert_eq!(axis.marks().len(), 7);
        assert_eq!(
            [10_000.0, 100_000.0, 1_000_000.0].map(|value| axis.at(value).round()),
            [0.0, 50.0, 100.0]
        );
    }

    #[test]
    fn a_longer_time_has_a_dot_further_on_the_right() {
        let dots = Dots {
            title: "CPU",
            below: "seconds (logarithmic)",
            names: [("here", "red"), ("Go", "blue")],
            rows: vec![("2B", [Some(0.1), Some(1.1)]), ("2D", [Some(0.2), None])],
        };
        let picture = dots.svg();
        let places: Vec<f64> = picture
            .split("<circle cx=\"")
            .skip(1)
            .filter_map(|it| it.split('"').next()?.parse().ok())
            .collect();
        let [a, b, c] = places[..] else { panic!("three dots: {places:?}") };
        assert!(LEFT < a && a < c && c < b && b <= WIDTH - RIGHT, "{places:?}");
        assert_eq!(picture.matches("stroke=\"#999\"").count(), 1, "one pair has two dots");
        assert!(picture.contains(">seconds (logarithmic)<"), "{picture}");
    }
}
