//! The tables of the page.

use crate::results::{Measured, Results, Spread, number, ratio, time};

/// The pieces that the page has.
pub const PIECES: &[&str] = &["floor", "kv", "entries", "own", "course", "seeds", "checker"];

/// The systems that the tables know, with the names that the tables use. The first one is this project.
pub const SYSTEMS: &[(&str, &str)] = &[
    ("ours", "here"),
    ("before", "here, older commit"),
    ("openraft", "openraft"),
    ("raft-rs", "raft-rs"),
    ("raft-rs-broadcast", "raft-rs (broadcast)"),
];

/// The costs of the machine: what, the number of threads if it matters, and the text.
const COSTS: &[(&str, u32, &str)] = &[
    ("across", 0, "a hand-over between two cores: wake a thread that sleeps, and sleep"),
    ("within", 0, "a hand-over within one core"),
    ("rendezvous", 0, "a message through a rendezvous channel; its threads are not fixed to cores"),
    ("answer", 1, "a thread asks another one, and sleeps until it answers"),
    ("answer", 32, "the time for each answer, if one thread answers 32 threads"),
    ("answer", 128, "the same, if it answers 128 threads"),
    ("answer", 1024, "the same, if it answers 1,024 threads"),
    ("lock", 0, "take a lock that no other thread wants, give it back"),
    ("encode", 0, "encode the smallest AppendEntries message"),
    ("decode", 0, "decode it"),
    ("copy", 0, "copy 64 KiB"),
];

/// In a text of the table `own`, this stands for the number of entries before the measurement.
const ENTRIES_BEFORE: &str = "{entries_before}";

/// The rows of the table `own`: what, servers, clients, the text, and the figure of the Go course.
const OWN: &[(&str, u32, u32, &str, &str)] = &[
    ("call", 1, 1, "an RPC with a small argument, to an inline handler (it runs on the caller's thread)", ""),
    (
        "pooled-call",
        1,
        1,
        "an RPC with a small argument, to a pooled handler (it runs on a thread of its own; in Go, in a \
         goroutine of its own)",
        "35 to 53 us",
    ),
    (
        "command",
        3,
        1,
        "one command of a bare Raft, from start until a consumer has taken it from the channel",
        "",
    ),
    (
        "long-log",
        3,
        0,
        "commands per second, pipelined, with a log that already has {entries_before} entries",
        "loses its leader before 20,000",
    ),
    ("channels", 3, 0, "commands per second, pipelined, through apply channels as in lab 2", ""),
    ("put-snapshots", 3, 1, "puts per second, 1 client, 3 servers that take snapshots as in lab 3B", ""),
    ("put-snapshots", 3, 32, "puts per second, 32 clients, 3 servers that take snapshots as in lab 3B", ""),
    ("get", 3, 1, "gets per second, through the log, 1 client, 3 servers", ""),
    ("get", 3, 32, "gets per second, through the log, 32 clients, 3 servers", ""),
    ("get", 3, 128, "gets per second, through the log, 128 clients, 3 servers", ""),
    ("put", 5, 1, "puts per second, 1 client, 5 servers", ""),
    ("put", 5, 32, "puts per second, 32 clients, 5 servers", ""),
    ("put", 5, 128, "puts per second, 128 clients, 5 servers", ""),
    (
        "appends",
        3,
        1,
        "1,000 operations of one client, as in `speed_3a`",
        "two ranges were measured: 0.6 to 4 s, and 16 to 20 s",
    ),
    ("shards", 1, 32, "puts per second, 32 clients, a sharded service of 1 group", ""),
    ("shards", 2, 32, "puts per second, 32 clients, a sharded service of 2 groups on the same cores", ""),
    ("shards", 3, 32, "puts per second, 32 clients, a sharded service of 3 groups on the same cores", ""),
];

/// The longest waits of the table `own`: the value, and the text.
const WAITS: &[(&str, &str)] = &[
    (
        "before_ns",
        "longest wait of a client of a sharded service of 2 groups, 100 kB in each shard, while no shard moves",
    ),
    (
        "stays_ns",
        "longest wait of a client while a third group joins, for shards that stay in their group, 100 kB in \
         each shard",
    ),
    (
        "ns",
        "longest wait of a client while a third group joins, for shards that move to the new group, 100 kB in \
         each shard",
    ),
];

/// The rows of the table `checker`: what, and the text.
const WAYS: &[(&str, &str)] = &[
    ("no-return", "as a call that never returns"),
    ("literal", "as a return at the end, taken literally"),
    ("ignored", "as a return at the end, which the search ignores"),
];

/// A lab of the table `course`: the suite, the name, and the least and the greatest CPU seconds with Go.
pub type Lab = (&'static str, &'static str, Option<(f64, f64)>);

/// The labs of the table `course`.
pub const LABS: &[Lab] = &[
    ("lab2a", "2A", None),
    ("lab2b", "2B", Some((1.1, 1.1))),
    ("lab2c", "2C", Some((17.9, 17.9))),
    ("lab2d", "2D", None),
    ("lab3a", "3A", Some((105.0, 152.0))),
    ("lab3b", "3B", Some((48.0, 48.0))),
    ("lab4a", "4A", None),
    ("lab4b", "4B", Some((68.0, 68.0))),
];

/// The figures of a piece, as lines of the page.
///
/// # Errors
/// If the page does not know this piece.
pub fn of_piece(piece: &str, results: &Results, note: &str) -> Result<String, String> {
    let results = results.of(piece);
    let table = match piece {
        "floor" => floor(&results),
        "kv" => kv(&results),
        "entries" => entries(&results),
        "own" => own(&results),
        "course" => course(&results),
        "seeds" => seeds(&results),
        "checker" => checker(&results),
        _ => {
            return Err(format!(
                "there is a result of the piece `{piece}`: expected one of {}",
                PIECES.join(", ")
            ));
        }
    };
    // The table of the floor has a row for the hand-over, and the checker has only one thread.
    let hand_over = if ["floor", "checker"].contains(&piece) { None } else { results.hand_over() };
    let floor = hand_over.map_or_else(String::new, |it| {
        format!("\nA hand-over between two cores took {} in this run.", it.text(time))
    });
    let repeats = match results.repeats() {
        0 => String::new(),
        n => format!("\nMeasurements that failed and were repeated: {n}."),
    };
    Ok(format!("{note}{floor}{repeats}\n\n{table}"))
}

/// One line of a table.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a table. The first column is aligned to the left, the others to the right.
fn head(cells: &[String]) -> String {
    let rule: Vec<String> =
        (0..cells.len()).map(|column| if column == 0 { "---" } else { "---:" }.to_owned()).collect();
    format!("{}|{}|\n", row(cells), rule.join("|"))
}

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn shown(spread: Option<Spread>, write: fn(f64) -> String) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| spread.text(write))
}

fn median(spread: Option<Spread>, write: fn(f64) -> String) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| write(spread.median))
}

fn floor(results: &Results) -> String {
    let mut table = head(&texts(&["what", "takes"]));
    for (what, threads, text) in COSTS {
        let found = results.only(|it| it.what == *what && it.clients == *threads);
        if !found.is_empty() {
            table += &row(&[(*text).to_owned(), shown(found.spread("ns"), time)]);
        }
    }
    table
}

/// The systems that have results.
fn systems(results: &Results) -> Vec<(&'static str, &'static str)> {
    SYSTEMS.iter().copied().filter(|(system, _)| !results.by(system).is_empty()).collect()
}

/// For each number of clients, only the better one of the two variants of openraft, as `openraft`: with a
/// worker for each core, or with one worker.
pub fn with_better_openraft(results: &Results) -> Results {
    let is_openraft = |it: &Measured| it.system.starts_with("openraft");
    let mut kept = results.only(|it| !is_openraft(it));
    for clients in results.clients() {
        let variants = ["openraft", "openraft-1"]
            .map(|system| results.only(|it| it.clients == clients && it.system == system));
        let rate = |variant: &Results| variant.spread("rate").map_or(0.0, |rate| rate.median);
        let [all, one] = variants;
        let better = if rate(&one) > rate(&all) { one } else { all };
        kept = kept.and(better.renamed("openraft"));
    }
    kept
}

fn kv(results: &Results) -> String {
    let results = &with_better_openraft(results);
    format!("{}{}", rates(results), cpu_times(results))
}

/// The rates of the table `kv`.
fn rates(results: &Results) -> String {
    let systems = systems(results);
    let has_openraft = !results.by("openraft").is_empty();
    let others = || systems.iter().filter(|(system, _)| *system != "ours");
    let mut cells = texts(&["clients"]);
    cells.extend(systems.iter().map(|(_, name)| format!("puts per second, {name}")));
    cells.extend(has_openraft.then(|| "workers of openraft".to_owned()));
    cells.extend(others().map(|(_, name)| format!("here / {name}, by round")));
    cells.extend(texts(&["last second / first, here", "hand-over"]));
    let mut table = head(&cells);
    for clients in results.clients() {
        let at = results.only(|it| it.clients == clients);
        let ours = at.by("ours");
        let mut cells = vec![exact(clients)];
        cells.extend(systems.iter().map(|(system, _)| shown(at.by(system).spread("rate"), number)));
        cells.extend(has_openraft.then(|| median(at.by("openraft").spread("workers"), count)));
        cells.extend(others().map(|(system, _)| shown(ours.over(&at.by(system), "rate"), ratio)));
        // With fewer than two seconds there is no such value.
        cells.push(ours.spread("last_over_first").map_or_else(String::new, |it| ratio(it.median)));
        cells.push(median(at.hand_over(), time));
        table += &row(&cells);
    }
    table
}

/// The CPU times of the table `kv`: the value, and the text.
const CPU_TIMES: &[(&str, &str)] =
    &[("program_ns", "in the program"), ("system_ns", "in the system"), ("idle_ns", "idle")];

/// The CPU time of one put, as a second table. It is empty if there are no such results.
fn cpu_times(results: &Results) -> String {
    let known = results.only(|it| it.values.contains_key(CPU_TIMES[0].0));
    if known.is_empty() {
        return String::new();
    }
    let systems = systems(&known);
    let columns = || systems.iter().flat_map(|system| CPU_TIMES.iter().map(move |time| (system, time)));
    let mut cells = texts(&["clients"]);
    cells.extend(columns().map(|((_, name), (_, text))| format!("{name}, {text}")));
    let mut table = format!("\nThe CPU time of one put on all cores together:\n\n{}", head(&cells));
    for clients in known.clients() {
        let at = known.only(|it| it.clients == clients);
        let mut cells = vec![exact(clients)];
        cells.extend(columns().map(|((system, _), (value, _))| median(at.by(system).spread(value), time)));
        table += &row(&cells);
    }
    table
}

/// A value that is a count below a million, exactly.
fn count(value: f64) -> String {
    exact(value as u32)
}

/// A number below a million, exactly.
fn exact(number: u32) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

fn entries(results: &Results) -> String {
    let ours = results.by("ours");
    let mut table =
        head(&texts(&["system", "entries per second", "here / this system, by round", "hand-over"]));
    for (system, name) in systems(results) {
        let found = results.by(system);
        let over = if system == "ours" { String::new() } else { shown(ours.over(&found, "rate"), ratio) };
        table += &row(&[
            name.to_owned(),
            shown(found.spread("rate"), number),
            over,
            median(found.hand_over(), time),
        ]);
    }
    table
}

fn own(results: &Results) -> String {
    let systems = systems(results);
    let mut cells = texts(&["what"]);
    cells.extend(systems.iter().map(|(_, name)| (*name).to_owned()));
    cells.extend(texts(&["Go", "hand-over"]));
    let mut table = head(&cells);
    let mut add = |found: &Results, value: &str, text: &str, go: &str| {
        let write = if value == "rate" { number } else { time };
        let mut cells = vec![text.to_owned()];
        cells.extend(systems.iter().map(|(system, _)| shown(found.by(system).spread(value), write)));
        cells.extend([go.to_owned(), median(found.hand_over(), time)]);
        table += &row(&cells);
    };
    for (what, servers, clients, text, go) in OWN {
        let found =
            results.only(|it| (it.what.as_str(), it.servers, it.clients) == (what, *servers, *clients));
        let value = if found.spread("rate").is_some() { "rate" } else { "ns" };
        if !found.is_empty() {
            let text = text.replace(ENTRIES_BEFORE, &median(found.spread("entries_before"), number));
            add(&found, value, &text, go);
        }
    }
    let join = results.only(|it| it.what == "join");
    if !join.is_empty() {
        WAITS.iter().for_each(|(value, text)| add(&join, value, text, ""));
    }
    table
}

fn seconds(value: f64) -> String {
    format!("{} s", number(value))
}

fn course(results: &Results) -> String {
    let mut table = head(&texts(&["lab", "CPU, here", "CPU, Go", "Go / here", "wall, here"]));
    for (suite, name, go) in LABS {
        let found = results.only(|it| it.what == *suite);
        let Some(cpu) = found.spread("cpu_s") else { continue };
        let (go_text, over) = match go {
            None => Default::default(),
            Some((least, greatest)) if least == greatest => {
                (seconds_exactly(*least), number(least / cpu.median))
            }
            Some((least, greatest)) => (
                format!("{least} to {greatest} s"),
                format!("{} to {}", number(least / cpu.median), number(greatest / cpu.median)),
            ),
        };
        table += &row(&[
            (*name).to_owned(),
            shown(Some(cpu), seconds),
            go_text,
            over,
            shown(found.spread("wall_s"), seconds),
        ]);
    }
    table
}

fn seconds_exactly(value: f64) -> String {
    format!("{value} s")
}

fn seeds(results: &Results) -> String {
    let mut table = head(&texts(&["lab", "runs", "CPU of one run of all its tests"]));
    for (what, text) in [("lab2", "2, all parts"), ("lab3", "3, both parts"), ("lab4", "4, both parts")] {
        let found = results.only(|it| it.what == what);
        let Some(cpu) = found.spread("cpu_s") else { continue };
        table += &row(&[text.to_owned(), median(found.spread("runs"), number), shown(Some(cpu), seconds)]);
    }
    table
}

fn checker(results: &Results) -> String {
    let [histories, illegal, unknown] =
        ["histories", "illegal", "unknown_results"].map(|value| median(results.spread(value), count));
    let mut table =
        format!("There are {histories} histories with {unknown} unknown results. {illegal} are illegal.\n\n");
    let last = format!("all {histories} histories");
    table += &head(&texts(&["how an unknown result is recorded", &last, "taken literally / this, by round"]));
    let literal = results.only(|it| it.what == "literal");
    for (what, text) in WAYS {
        let found = results.only(|it| it.what == *what);
        if !found.is_empty() {
            let over =
                if *what == "literal" { String::new() } else { shown(literal.over(&found, "ns"), ratio) };
            table += &row(&[(*text).to_owned(), shown(found.spread("ns"), time), over]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(lines: &[&str]) -> Results {
        let mut results = Results::default();
        results.add(&lines.join("\n")).expect("they are results");
        results
    }

    #[test]
    fn the_table_of_puts_has_a_column_for_each_system() {
        let results = results(&[
            r#"{"piece":"kv","what":"put","system":"ours","clients":1024,"hand_over_ns":5000,"values":{"rate":50000,"last_over_first":0.98}}"#,
            r#"{"piece":"kv","what":"put","system":"openraft","clients":1024,"hand_over_ns":5000,"values":{"rate":200000,"workers":2}}"#,
            r#"{"piece":"kv","what":"put","system":"openraft-1","clients":1024,"hand_over_ns":5000,"values":{"rate":100000,"workers":1}}"#,
            r#"{"piece":"kv","what":"put","system":"ours","clients":1,"repeats":2,"values":{"rate":50000}}"#,
            r#"{"piece":"kv","what":"put","system":"openraft","clients":1,"values":{"rate":20000,"workers":2}}"#,
            r#"{"piece":"kv","what":"put","system":"openraft-1","clients":1,"values":{"rate":25000,"workers":1}}"#,
        ]);
        let text = of_piece("kv", &results, "Here and now.").expect("it is a piece");
        assert!(
            text.starts_with(
                "Here and now.\nA hand-over between two cores took 5.0 us in this run.\n\
                 Measurements that failed and were repeated: 2.\n\n| clients |"
            ),
            "{text}"
        );
        assert!(text.contains("| 1 | 50,000 | 25,000 | 1 | 2.00 |  | - |\n"), "{text}");
        assert!(text.ends_with("| 1,024 | 50,000 | 200,000 | 2 | 0.25 | 0.98 | 5.0 us |\n"), "{text}");
        let columns = text.lines().skip(4).map(|line| line.matches('|').count()).collect::<Vec<_>>();
        assert_eq!(columns, [8, 8, 8, 8]);
    }

    #[test]
    fn the_cpu_time_of_a_put_has_a_table_of_its_own() {
        let results = results(&[
            r#"{"piece":"kv","what":"put","system":"ours","clients":1,"values":{"rate":1e5,"program_ns":6000,"system_ns":1000,"idle_ns":13000}}"#,
            r#"{"piece":"kv","what":"put","system":"before","clients":1,"values":{"rate":1e5}}"#,
        ]);
        let text = kv(&results.of("kv"));
        let (_, cpu) = text.split_once("\nThe CPU time of one put").expect("there is a second table");
        assert!(
            cpu.contains("| clients | here, in the program | here, in the system | here, idle |\n"),
            "{cpu}"
        );
        assert!(cpu.ends_with("|\n| 1 | 6.0 us | 1.0 us | 13 us |\n"), "{cpu}");
    }

    #[test]
    fn the_length_of_the_log_is_the_one_that_was_measured() {
        let results = results(&[
            r#"{"piece":"own","what":"long-log","system":"ours","servers":3,"values":{"rate":700000,"entries_before":1000000}}"#,
        ]);
        let text = own(&results.of("own"));
        assert!(text.contains("that already has 1,000,000 entries | 700,000 |"), "{text}");
    }

    #[test]
    fn the_table_of_the_checker_has_the_ratio() {
        let results = results(&[
            r#"{"piece":"checker","what":"literal","system":"ours","hand_over_ns":5000,"values":{"ns":2e7,"histories":102,"illegal":12,"unknown_results":1384}}"#,
            r#"{"piece":"checker","what":"ignored","system":"ours","hand_over_ns":5000,"values":{"ns":8e6,"histories":102,"illegal":12,"unknown_results":1384}}"#,
        ]);
        let text = of_piece("checker", &results, "Now.").expect("it is a piece");
        assert!(
            text.starts_with("Now.\n\nThere are 102 histories with 1,384 unknown results. 12 are illegal.\n"),
            "{text}"
        );
        assert!(text.ends_with("which the search ignores | 8.0 ms | 2.50 |\n"), "{text}");
    }

    #[test]
    fn the_table_of_the_course_has_the_figures_of_go() {
        let results = results(&[
            r#"{"piece":"course","what":"lab2b","values":{"cpu_s":0.1,"wall_s":20}}"#,
            r#"{"piece":"course","what":"lab3a","values":{"cpu_s":5,"wall_s":200}}"#,
        ]);
        let text = course(&results.of("course"));
        assert!(text.contains("| 2B | 0.10 s | 1.1 s | 11 | 20 s |\n"), "{text}");
        assert!(text.contains("| 3A | 5.0 s | 105 to 152 s | 21 to 30 | 200 s |\n"), "{text}");
    }

    #[test]
    fn an_unknown_piece_is_an_error() {
        let results = results(&[r#"{"piece":"disk","what":"sync","values":{"ns":1}}"#]);
        let error = of_piece("disk", &results, "").expect_err("there is no such piece");
        assert!(error.contains("`disk`") && error.contains("entries"), "{error}");
    }
}
