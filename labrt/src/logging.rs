//! Log lines, each of which has a topic. A line has the form `time TOPIC S<server> T<term> text`. The program
//! `lab dslogs` can read this form.
//!
//! `LAB_LOG=VOTE,LEAD` switches these two topics on. `LAB_LOG=all` switches all topics on. If the topic of a
//! line is off, the line is not printed and costs only one atomic load. The time in a line is the time since
//! the start of the test, on the test's clock, in units of 0.1 ms. The lines are printed to stdout through
//! the `log` crate. If a program installs its own logger, that logger gets the lines. Each line is a record
//! of the `log` crate, and the record's target is the topic.

use crate::{context, env, time};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

macro_rules! topics {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// The subject of a log line.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(clippy::upper_case_acronyms, reason = "these are the course's names")]
        pub enum Topic {
            $(#[doc = $doc] $name,)*
        }

        impl Topic {
            /// All topics.
            pub const ALL: &'static [Topic] = &[$(Topic::$name,)*];

            /// The four letters of the topic in a line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Topic::$name => $text,)*
                }
            }
        }
    };
}

topics! {
    TIMR "TIMR" "Timers, for example election timeouts.";
    VOTE "VOTE" "Votes: a server asks for a vote, gives it or refuses it.";
    LEAD "LEAD" "Leaders: a server becomes leader, or stops being leader.";
    TERM "TERM" "A change of term.";
    LOG1 "LOG1" "The leader's side of log replication.";
    LOG2 "LOG2" "The follower's side of log replication.";
    CMIT "CMIT" "Commits and applies.";
    PERS "PERS" "Persistence.";
    SNAP "SNAP" "Snapshots.";
    DROP "DROP" "Messages that are lost, late or ignored.";
    CLNT "CLNT" "The clients of a service.";
    SHRD "SHRD" "Shards: new configurations, and shards that are given away, received or deleted.";
    TEST "TEST" "The steps of the test itself: faults, restarts.";
    INFO "INFO" "Other information.";
    WARN "WARN" "Something is unusual.";
    ERRO "ERRO" "Something is wrong.";
}

static MASK: AtomicU32 = AtomicU32::new(0);

/// True if the topic is on.
#[inline]
pub fn enabled(topic: Topic) -> bool {
    MASK.load(Relaxed) & (1 << topic as u32) != 0
}

/// Switches topics on. `list` is a list of names with commas between them, or `all`. If `list` is empty, all
/// topics are off.
///
/// # Errors
/// If the list has an unknown topic. The message names this topic and all known topics.
pub fn set_topics(list: &str) -> Result<(), String> {
    let mut mask = 0u32;
    for word in list.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        if word.eq_ignore_ascii_case("all") {
            mask = (1 << Topic::ALL.len()) - 1;
            continue;
        }
        let topic = Topic::ALL.iter().find(|t| t.name().eq_ignore_ascii_case(word)).ok_or_else(|| {
            let known: Vec<_> = Topic::ALL.iter().map(|t| t.name()).collect();
            format!("LAB_LOG: {word:?} is not a topic; expected `all` or some of {}", known.join(","))
        })?;
        mask |= 1 << *topic as u32;
    }
    MASK.store(mask, Relaxed);
    if mask != 0 {
        install();
    }
    Ok(())
}

/// Calls `f` with all topics off. During the call, the other runs of the process print no log lines either.
pub(crate) fn muted<T>(f: impl FnOnce() -> T) -> T {
    let before = MASK.swap(0, Relaxed);
    let value = f();
    MASK.store(before, Relaxed);
    value
}

pub(crate) fn init_from(lookup: &env::Lookup<'_>) -> Result<(), String> {
    lookup("LAB_LOG").map_or(Ok(()), |list| set_topics(&list))
}

/// Installs a logger that prints to stdout. If the program has a logger already, this does nothing.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        use std::io::Write;
        let logger = env_logger::Builder::new()
            .filter_level(log::LevelFilter::Info)
            .format(|f, record| writeln!(f, "{}", record.args()))
            .target(env_logger::Target::Stdout)
            .try_init();
        // If there is an error, the program has installed its own logger, so nothing is wrong.
        drop(logger);
    });
}

/// Prints a line. Use [`dlog!`](crate::dlog), which first checks whether the topic is on.
#[track_caller]
pub fn line(topic: Topic, term: Option<u64>, text: std::fmt::Arguments<'_>) {
    let now = time::since_start().as_micros() / 100;
    let (node, name) = (context::node(), topic.name());
    match (node.is_none(), term) {
        (true, _) => log::info!(target: name, "{now:06} {name} {text}"),
        (false, None) => log::info!(target: name, "{now:06} {name} {node} {text}"),
        (false, Some(term)) => log::info!(target: name, "{now:06} {name} {node} T{term} {text}"),
    }
}

/// Prints a log line if its topic is on: `dlog!(VOTE, term, "asks {} for a vote", peer)`. For a line without
/// a term, write `dlog!(TEST, "text")`.
///
/// The line shows the current [`node`](crate::node) as its server. If the topic is off, nothing is formatted.
#[macro_export]
macro_rules! dlog {
    ($topic:ident, $format:literal $($args:tt)*) => {
        if $crate::logging::enabled($crate::logging::Topic::$topic) {
            $crate::logging::line($crate::logging::Topic::$topic, None, format_args!($format $($args)*));
        }
    };
    ($topic:ident, $term:expr, $format:literal $($args:tt)*) => {
        if $crate::logging::enabled($crate::logging::Topic::$topic) {
            $crate::logging::line($crate::logging::Topic::$topic, Some($term), format_args!($format $($args)*));
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_checked() {
        let e = set_topics("VOTE,NOPE").unwrap_err();
        assert!(e.contains("\"NOPE\"") && e.contains("TIMR,VOTE"), "{e}");
        assert!(!enabled(Topic::VOTE), "a bad list changes nothing");
    }
}
