//! Which pictures the page has.

use crate::picture::{Curve, Curves, Dots};
use crate::results::Results;
use crate::tables::{LABS, Lab, SYSTEMS, with_better_openraft};

/// The colour of each system in [`SYSTEMS`].
const COLOURS: [&str; 5] = ["#d7191c", "#b8860b", "#0571b0", "#008837", "#7b3294"];

/// The pictures of a piece: names of files, and SVG.
pub fn of_piece(piece: &str, results: &Results) -> Vec<(&'static str, String)> {
    let results = results.of(piece);
    match piece {
        "kv" => vec![("performance-kv.svg", puts(&results).svg())],
        "entries" => vec![("performance-entries.svg", entries(&results).svg())],
        "course" => vec![("performance-course.svg", course(&results).svg())],
        _ => Vec::new(),
    }
}

/// The systems that have results: their results, their names and their colours.
fn systems(results: &Results) -> Vec<(Results, &'static str, &'static str)> {
    let system =
        |((system, name), colour): (&(&str, &'static str), &'static str)| (results.by(system), *name, colour);
    SYSTEMS.iter().zip(COLOURS).map(system).filter(|(found, ..)| !found.is_empty()).collect()
}

fn puts(results: &Results) -> Curves {
    let results = &with_better_openraft(results);
    let clients = results.clients();
    let curve = |(found, name, colour): (Results, &'static str, &'static str)| Curve {
        name,
        colour,
        points: clients.iter().map(|&n| found.only(|it| it.clients == n).spread("rate")).collect(),
    };
    Curves {
        title: "Puts per second",
        below: "clients",
        places: clients.iter().map(u32::to_string).collect(),
        curves: systems(results).into_iter().map(curve).collect(),
    }
}

fn entries(results: &Results) -> Curves {
    let rounds = systems(results).iter().map(|(found, ..)| found.rounds("rate").len()).max().unwrap_or(0);
    let curve = |(found, name, colour): (Results, &'static str, &'static str)| Curve {
        name,
        colour,
        points: (0..rounds as u32).map(|n| found.only(|it| it.round == n).spread("rate")).collect(),
    };
    Curves {
        title: "Entries per second, pipelined",
        below: "round",
        places: (1..=rounds).map(|round| round.to_string()).collect(),
        curves: systems(results).into_iter().map(curve).collect(),
    }
}

fn course(results: &Results) -> Dots {
    let dots = |(suite, name, go): &Lab| {
        let cpu = results.only(|it| it.what == *suite).spread("cpu_s")?;
        Some((*name, [Some(cpu.median), go.map(|(least, _)| least)]))
    };
    Dots {
        title: "CPU seconds of the course's tests, on real threads",
        below: "CPU seconds (logarithmic)",
        names: [("here", COLOURS[0]), ("Go (the least that was measured)", COLOURS[2])],
        rows: LABS.iter().filter_map(dots).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_a_curve() {
        let mut results = Results::default();
        for (system, rate) in [("ours", 60_000), ("openraft", 150_000)] {
            for clients in [1, 32] {
                let line = format!(
                    "{{\"piece\":\"kv\",\"what\":\"put\",\"system\":\"{system}\",\"clients\":{clients},\
                     \"values\":{{\"rate\":{}}}}}",
                    rate * clients
                );
                results.add(&line).expect("it is a result");
            }
        }
        let pictures = of_piece("kv", &results);
        let [(name, svg)] = &pictures[..] else { panic!("one picture") };
        assert_eq!(*name, "performance-kv.svg");
        assert!(svg.contains(">here<") && svg.contains(">openraft<") && !svg.contains(">raft-rs<"), "{svg}");
        assert!(svg.contains(">Puts per second (logarithmic)<"), "{svg}");
        assert!(of_piece("floor", &results).is_empty());
    }
}
