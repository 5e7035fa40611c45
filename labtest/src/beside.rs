//! A failed run beside a run that passes: what is the last message that decides whether the test passes?
//!
//! With `LAB_BESIDE=1`, a test that fails in virtual time looks for such a message. It repeats the run again
//! and again. Each time it changes what happens to one message (`LAB_FATES`): a lost message is delivered, or
//! a delivered request is lost. All other random decisions stay the same, so the run is the same up to this
//! message. The search begins with the last message before the failure, and goes back in steps that become
//! longer, until a run passes. Now the search knows two messages: the test passes if the earlier message is
//! changed, and still fails if the later message is changed. The search halves the distance between the two
//! messages, until they are neighbours.
//!
//! Each run is a process of its own, because a changed run may never end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use labrt::Failed;
use labview::beside::{Side, html};
use labview::spacetime::{self, Event, Trace};

use super::{fates, output, page, variables};

/// The environment variable that switches the search on.
pub(crate) const VARIABLE: &str = "LAB_BESIDE";

/// If this number of runs has failed, the search gives up.
const MOST_RUNS: usize = 200;

/// The search tries this number of messages one by one before its steps become longer.
const ONE_BY_ONE: usize = 40;

/// If a run has too many events for its page, the page opens at the changed message. The page then shows this
/// number of ns before the message, and the same number after the message.
const SHOWN: u64 = 50_000_000;

/// Reads the variable.
///
/// # Errors
/// If the value is wrong, or if it is 1 and the clock is real. In real time, two runs with the same seed
/// differ even if no message is changed.
pub(crate) fn read() -> Result<bool, String> {
    let on = variables::switch(VARIABLE, "1 (look for a run that passes) or 0")?.unwrap_or(false);
    match on && !labrt::is_sim() {
        true => Err(format!("{VARIABLE}=1: works only in virtual time (cargo test --features sim)")),
        false => Ok(on),
    }
}

/// A message of the failed run whose fate can be changed.
struct Message {
    end: u64,
    nth: u64,
    /// The time of `rpc.sent`, in ns.
    sent: u64,
    was_lost: bool,
    /// The message in words: `S1 -> S2 Raft.RequestVote`.
    what: String,
}

impl Message {
    fn fate(&self) -> String {
        format!("{}.{}={}", self.end, self.nth, if self.was_lost { "delivered" } else { "lost" })
    }
}

/// Writes the pages of a failed run. Then looks for a run that passes, draws both runs, and prints what it
/// has found.
pub(crate) fn write(failed: &Failed<'_>) {
    page::write(failed);
    if let Err(error) = output::silently(|| search(failed)) {
        eprintln!("[lab] no run to put beside this one: {error}");
    }
}

fn search(failed: &Failed<'_>) -> Result<(), String> {
    let dir = PathBuf::from("out");
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let name = page::name_of(failed.run, failed.outcome.seed);
    let file = |end: &str| dir.join(format!("{name}-{end}"));

    let traces = [file("failed.jsonl"), file("passed.jsonl")];
    let outcome = page::again(failed, &traces[0], usize::MAX);
    let found = open(&traces[0]).and_then(|trace| {
        if outcome.trace != failed.outcome.trace {
            return Err("the run cannot be repeated: its trace is another one the second time".to_owned());
        }
        let messages = messages(&trace.events);
        let chosen = nearest(messages.len(), |i| passes(failed, &messages[i], None))?;
        let message = messages.into_iter().nth(chosen).ok_or("there is no message that can be changed")?;
        passes(failed, &message, Some(&traces[1]))?;
        Ok((trace, message))
    });
    let drawn = found.and_then(|(trace, message)| {
        let passed = open(&traces[1])?;
        // The first lines of the two trace files differ, because they say whether the run has failed. But
        // these lines are not among the events.
        let same = same_events(&trace.events, &passed.events);
        if trace.events.get(same).is_none_or(|event| event.t < message.sent) {
            return Err(
                "the runs differ before the changed message: the code is not deterministic".to_owned()
            );
        }
        let pages = [file("failed.html"), file("passed.html")];
        for (trace, page) in traces.iter().zip(&pages) {
            spacetime::draw(trace, page, spacetime::MOST_EVENTS, false)?;
        }
        let window = file("beside.html");
        fs::write(&window, beside(&name, &message, &trace.events, &passed.events, &pages))
            .map_err(|error| format!("{}: {error}", window.display()))?;
        Ok((message, window))
    });
    for trace in &traces {
        // The second file exists only if a run has passed. So errors are ignored.
        let _ = fs::remove_file(trace);
    }
    let (message, window) = drawn?;
    let replay = failed.run.replay_line(failed.outcome);
    let expected = format!("LAB_EXPECT={:016x}", failed.outcome.trace);
    eprintln!("[lab] {}", sentence(&message));
    eprintln!(
        "[lab] that run: {}",
        replay.replace(&expected, &format!("{}={}", fates::VARIABLE, message.fate()))
    );
    eprintln!("[lab] both runs: {}", std::path::absolute(&window).unwrap_or(window).display());
    Ok(())
}

fn open(trace: &Path) -> Result<Trace, String> {
    Trace::open(trace).map_err(|error| format!("{}: {error}", trace.display()))
}

fn sentence(message: &Message) -> String {
    let (then, now) = if message.was_lost { ("lost", "delivered") } else { ("delivered", "lost") };
    format!(
        "the test passes if one message is {now}, which is {then} in this run: {}, sent at t={:.6}s (end {}, nth {})",
        message.what,
        message.sent as f64 / 1e9,
        message.end,
        message.nth
    )
}

/// The messages that can be changed, the last one first.
fn messages(events: &[Event]) -> Vec<Message> {
    use labrt::collections::{BTreeMap, BTreeSet};
    let mut lost = BTreeMap::new();
    let mut delivered = BTreeSet::new();
    for event in events {
        match event.kind.as_str() {
            "rpc.dropped" => {
                lost.insert(event.id, event.cause.as_str());
            }
            "rpc.delivered" => {
                delivered.insert(event.id);
            }
            _ => {}
        }
    }
    let field = |event: &Event, name: &str| {
        event.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    let number = |event: &Event, name: &str| field(event, name).and_then(|value| value.as_u64());
    let text = |event: &Event, name: &str| {
        field(event, name)
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_else(|| "?".to_owned())
    };
    let failed = events.iter().position(|event| event.kind == "test.failed").unwrap_or(events.len());
    let sent = events[..failed].iter().rev().filter(|event| event.kind == "rpc.sent");
    sent.filter_map(|event| {
        // Only a message that the unreliable network has lost can be delivered instead. A one-way link, for
        // example, loses the message in any case.
        let was_lost = match lost.get(&event.id) {
            Some(cause) if cause.starts_with("unreliable") => true,
            Some(_) => return None,
            None if delivered.contains(&event.id) => false,
            None => return None,
        };
        let from = event.node.as_ref().map_or("the test", |node| node.name.as_str());
        let what = format!("{from} -> {} {}", text(event, "to"), text(event, "method"));
        let (end, nth) = (number(event, "end")?, number(event, "nth")?);
        Some(Message { end, nth, sent: event.t, was_lost, what })
    })
    .collect()
}

/// Looks for a small `i` below `count` for which `passes` is true. The search begins with single steps, and
/// then its steps become longer. If it ends during the single steps, it returns the smallest such `i`.
/// Otherwise `passes(i - 1)` is false, but `passes` may be true for a smaller number that was not tried.
fn nearest(count: usize, mut passes: impl FnMut(usize) -> Result<bool, String>) -> Result<usize, String> {
    let mut runs = 0;
    let mut step = 1;
    let mut tried = Vec::new();
    let mut next = 0;
    let mut found = None;
    while next < count && runs < MOST_RUNS {
        runs += 1;
        if passes(next)? {
            found = Some(next);
            break;
        }
        tried.push(next);
        if tried.len() > ONE_BY_ONE {
            step += 1 + step / 8;
        }
        next += step;
    }
    let Some(found) = found else {
        return Err(format!("{runs} runs, each with one changed message, have failed, too"));
    };
    // The run fails if message `low` is changed, and passes if message `high` is changed.
    let (mut low, mut high) = (tried.last().copied(), found);
    while let Some(failing) = low.filter(|low| high - low > 1) {
        let middle = failing + (high - failing) / 2;
        if passes(middle)? {
            high = middle;
        } else {
            low = Some(middle);
        }
    }
    Ok(high)
}

/// Runs the test in a process of its own, with this message changed. Returns whether the test passes.
fn passes(failed: &Failed<'_>, message: &Message, trace: Option<&Path>) -> Result<bool, String> {
    let run = failed.run;
    let exe = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let mut fates = message.fate();
    let mut command = Command::new(exe);
    for (name, value) in &run.variables {
        command.env(name, value);
        if name == fates::VARIABLE {
            fates = format!("{value},{fates}");
        }
    }
    for name in [VARIABLE, "LAB_EXPECT", "LAB_CHECK", "LAB_REPORT", "LAB_TRACE", "LAB_LOG"] {
        command.env_remove(name);
    }
    command
        .args(["--exact", run.identity.test.as_str()])
        .args(run.identity.ignored.then_some("--ignored"))
        .env(fates::VARIABLE, fates)
        .env("LAB_SEED", format!("{:#x}", failed.outcome.seed))
        .env("LAB_PREEMPT", failed.outcome.preempt.to_string())
        .env("LAB_JITTER_US", run.jitter.as_micros().to_string())
        .env("LAB_RUNS", "1")
        .env("LAB_PAGE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(trace) = trace {
        command.env("LAB_TRACE", trace);
    }
    let ended = command.spawn().and_then(|mut child: Child| child.wait());
    ended.map(|status| status.success()).map_err(|error| format!("the test cannot be started again: {error}"))
}

/// Returns how many events at the beginning are the same in both runs.
fn same_events(failed: &[Event], passed: &[Event]) -> usize {
    failed.iter().zip(passed).take_while(|(a, b)| a == b).count()
}

/// Returns the HTML page that shows the pages of both runs side by side. Each of these pages opens at the
/// first event that only one of the runs has.
fn beside(name: &str, message: &Message, failed: &[Event], passed: &[Event], pages: &[PathBuf; 2]) -> String {
    let same = same_events(failed, passed);
    let address = |page: &Path, events: &[Event]| {
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        // If a page has all events of its run, an event has the same number on the page as in the trace.
        match events.len() <= spacetime::MOST_EVENTS {
            true => format!("{name}#axis=events&e={}", same.min(events.len().saturating_sub(1))),
            false => format!("{name}#t={}-{}", message.sent.saturating_sub(SHOWN), message.sent + SHOWN),
        }
    };
    let (left, right) = (address(&pages[0], failed), address(&pages[1], passed));
    html(
        &format!("{name}: the failed run beside a run that passes"),
        &format!(
            "{}. Up to this message both runs are the same. Both pages open there.",
            capital(&sentence(message))
        ),
        &Side { title: "the run that failed", address: &left },
        &Side { title: "the run that passes", address: &right },
    )
}

/// The sentence with a capital letter at its beginning.
fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the runs of a search among 10,000 messages, and checks what it finds.
    #[track_caller]
    fn found(passing: impl Fn(usize) -> bool, expected: Option<usize>) {
        let mut runs = 0;
        let found = nearest(10_000, |i| {
            runs += 1;
            Ok(passing(i))
        });
        assert_eq!(found.ok(), expected);
        assert!(runs <= MOST_RUNS + 10, "{runs} runs");
    }

    #[test]
    fn the_search_finds_the_nearest_message() {
        found(|_| true, Some(0));
        found(|i| i == 17, Some(17));
        found(|i| i >= 60, Some(60));
        found(|i| i >= 3000, Some(3000));
        found(|_| false, None);
    }

    #[test]
    fn messages_that_cannot_be_changed_are_left_out() {
        let line = |kind: &str, id: u64, cause: &str| {
            let text = format!(
                r#"{{"t":{id},"kind":"{kind}","id":{id},"cause":"{cause}","node":"S1","f.end":3,"f.nth":{id},"f.to":"S2","f.method":"Raft.AppendEntries"}}"#
            );
            Event::parse(&text).expect("an event")
        };
        let events = [
            line("rpc.sent", 1, ""),
            line("rpc.delivered", 1, ""),
            line("rpc.sent", 2, ""),
            line("rpc.dropped", 2, "unreliable request"),
            line("rpc.sent", 3, ""),
            line("rpc.dropped", 3, "one-way link, request"),
            line("rpc.sent", 4, ""),
            line("test.failed", 0, ""),
            line("rpc.sent", 5, ""),
            line("rpc.delivered", 5, ""),
        ];
        let found: Vec<String> = messages(&events).iter().map(Message::fate).collect();
        assert_eq!(found, ["3.2=delivered", "3.1=lost"]);
        let first = &messages(&events)[0];
        assert_eq!(
            sentence(first),
            "the test passes if one message is delivered, which is lost in this run: S1 -> S2 Raft.AppendEntries, \
             sent at t=0.000000s (end 3, nth 2)"
        );
    }
}
