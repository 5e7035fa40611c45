//! What reads with a session give up: histories of three sessions, and their checks.
//!
//! Three sessions read and write one key, and nothing fails. Session A reads at the leader, B and C read at a
//! follower each. With ways to read that only the leader has, all read there. Each history is checked twice.
//! The checker for linearizability searches for an order of the operations. [`one_order`] checks sequential
//! consistency: the indices of the operations must be such an order. This order need not respect the times of
//! different sessions, but it respects the order within each session.

use std::path::Path;

use labrt::rng;
use labrt::sync::{Arc, Mutex};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use porcupine::models::kv::{KvInput, KvModel, KvOutput, Operation};
use porcupine::{Options, Verdict, check, picture};

use crate::cluster::Cluster;
use crate::measure::options;
use crate::run_once;
use crate::store::Way;

/// How many servers there are, and how many clients.
const SERVERS: usize = 3;
/// How many operations each client does.
const OPERATIONS: usize = 4;
/// Of 100 operations, this many are writes.
const WRITES: u64 = 30;
/// The longest pause of a client between two operations, in microseconds.
const PAUSE_US: u64 = 100;
/// The key that the clients use.
const KEY: &str = "x";
/// The names of the sessions.
pub const SESSIONS: [&str; SERVERS] = ["A", "B", "C"];

/// An operation of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// The number of the session.
    pub session: usize,
    /// The server that has answered the operation.
    pub server: usize,
    pub is_write: bool,
    /// The value that was written or read.
    pub value: String,
    /// The index of the write, or of the state from which the read was answered.
    pub index: u64,
    /// The times of the call and of the answer, since the start of the history.
    pub start: Duration,
    pub end: Duration,
}

impl Op {
    fn text(&self) -> String {
        let what = if self.is_write { "writes" } else { "reads" };
        format!("{what} {}", self.value)
    }
}

/// The operations of all sessions, in the order of their calls.
pub type History = Vec<Op>;

/// Lets the sessions work. It must be called inside a [`labrt::Run`].
fn record(way: Way) -> History {
    let cluster = Cluster::start(SERVERS, way, &options());
    let leader = cluster.leader();
    cluster.client(leader).write(KEY, "0");
    sleep(Duration::from_millis(50));
    let (begin, ops) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let sessions: Vec<_> = (0..SERVERS)
        .map(|session| {
            let at = if way.is_everywhere() { (leader + session) % SERVERS } else { leader };
            let (mut client, ops) = (cluster.client(at), ops.clone());
            thread::spawn_named(SESSIONS[session], move || {
                for nth in 1..=OPERATIONS {
                    sleep(Duration::from_micros(rng::below(PAUSE_US)));
                    let (is_write, start) = (rng::below(100) < WRITES, begin.elapsed());
                    let written = format!("{}{nth}", SESSIONS[session].to_lowercase());
                    let (answer, server) = match is_write {
                        true => (client.write(KEY, &written), leader),
                        false => (client.read(KEY), client.at),
                    };
                    let (end, index) = (begin.elapsed(), answer.index);
                    let value = if is_write { written } else { answer.value };
                    ops.lock().push(Op { session, server, is_write, value, index, start, end });
                }
            })
        })
        .collect();
    sessions.into_iter().for_each(|session| session.join().expect("a session does not fail"));
    cluster.end();
    let mut ops = ops.lock().clone();
    ops.sort_by_key(|op| op.start);
    ops
}

/// Is there one order of all operations in which each session has its own order, and each read returns the
/// last value before it? The order that is checked is the order of the indices: first the writes, and after
/// each write the reads of the state that it has made.
///
/// # Errors
/// The error says which operations contradict the order.
fn one_order(first: (u64, &str), history: &[Op]) -> Result<(), String> {
    for op in history {
        let writes = history.iter().filter(|it| it.is_write);
        if op.is_write {
            let same = writes.filter(|it| it.index == op.index).count();
            if same > 1 || op.index <= first.0 {
                return Err(format!("the index {} of '{}' is not its own", op.index, op.text()));
            }
            continue;
        }
        let last = writes.filter(|it| it.index <= op.index).max_by_key(|it| it.index);
        let expected = last.map_or(first.1, |it| it.value.as_str());
        if op.value != expected {
            return Err(format!("'{}' at index {}: expected {expected}", op.text(), op.index));
        }
    }
    for (session, name) in SESSIONS.iter().enumerate() {
        let own: Vec<&Op> = history.iter().filter(|op| op.session == session).collect();
        for pair in own.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            let falls = after.index < before.index || (after.is_write && after.index == before.index);
            if falls {
                return Err(format!(
                    "session {name} goes back: '{}', then '{}'",
                    before.text(),
                    after.text()
                ));
            }
        }
    }
    Ok(())
}

/// The history for the checker. The first operation is the write before the sessions begin.
fn operations(history: &[Op]) -> Vec<Operation> {
    // A history begins at the time 0, so all times are moved, to have room for the first write.
    let before = Duration::from_micros(10);
    let ns = |time: Duration| (before + time).as_nanos() as u64;
    let first =
        Operation { client: 0, input: KvInput::put(KEY, "0"), call: 0, output: KvOutput::none(), ret: 1 };
    let rest = history.iter().map(|op| Operation {
        client: op.session as u32,
        input: if op.is_write { KvInput::put(KEY, op.value.as_str()) } else { KvInput::get(KEY) },
        call: ns(op.start),
        output: if op.is_write { KvOutput::none() } else { KvOutput::value(op.value.as_str()) },
        ret: ns(op.end),
    });
    std::iter::once(first).chain(rest).collect()
}

/// The histories of one way to read.
pub struct Histories {
    /// How many histories there are.
    pub count: u64,
    /// The histories that are not linearizable.
    pub illegal: Vec<History>,
    /// For each history that is not sequentially consistent, what is wrong with it.
    pub disordered: Vec<String>,
}

impl Histories {
    /// The history that is not linearizable and has the fewest writes. It is the easiest one to read.
    pub fn simplest(&self) -> Option<&History> {
        self.illegal.iter().min_by_key(|history| history.iter().filter(|op| op.is_write).count())
    }
}

/// Records and checks `count` histories.
///
/// # Errors
/// If a run fails, or if a check gives no verdict.
pub fn histories(way: Way, seed: u64, count: u64) -> Result<Histories, String> {
    let (mut illegal, mut disordered) = (Vec::new(), Vec::new());
    for nth in 0..count {
        let seed = seed.wrapping_add(nth);
        let history = run_once(seed, move || record(way))?;
        let failed = |error: String| format!("reads by {way}, seed {seed}: {error}");
        disordered.extend(one_order((1, "0"), &history).err().map(failed));
        let report = check(&KvModel, &operations(&history), &Options::default());
        match report.verdict {
            Verdict::Ok => {}
            Verdict::Illegal => illegal.push(history),
            Verdict::Unknown => return Err(failed("the checker gave no verdict".to_owned())),
        }
    }
    Ok(Histories { count, illegal, disordered })
}

/// Writes the checker's page about a history.
///
/// # Errors
/// If the file cannot be written.
pub fn write_page(history: &[Op], path: &Path) -> std::io::Result<()> {
    let operations = operations(history);
    let options = Options { partials: true, ..Options::default() };
    let report = check(&KvModel, &operations, &options);
    picture(&KvModel, &operations, &report, "three sessions, one key", Vec::new()).write(path)
}

/// Two operations that show that a history is not linearizable: the first one ended before the second one, a
/// read, began. But the read comes from an older state.
pub fn contradiction(history: &[Op]) -> Option<(&Op, &Op)> {
    let reads = history.iter().filter(|op| !op.is_write);
    reads
        .flat_map(|read| history.iter().map(move |op| (op, read)))
        .find(|(op, read)| op.end < read.start && op.index > read.index)
}

/// The history as a table.
pub fn table(history: &[Op]) -> String {
    let mut out =
        "| from | to | session | server | operation | index |\n|---:|---:|---|---|---|---:|\n".to_owned();
    for op in history {
        let us = |time: Duration| time.as_micros();
        out += &format!(
            "| {} us | {} us | {} | S{} | {} | {} |\n",
            us(op.start),
            us(op.end),
            SESSIONS[op.session],
            op.server,
            op.text(),
            op.index
        );
    }
    out
}

/// The contradiction of a history, in words.
pub fn in_words((op, read): (&Op, &Op)) -> String {
    format!(
        "{} {}, and the answer comes at {} us. After that, at {} us, {} begins to read. It {}.",
        SESSIONS[op.session],
        op.text(),
        op.end.as_micros(),
        read.start.as_micros(),
        SESSIONS[read.session],
        read.text()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(session: usize, text: &str, index: u64, (start, end): (u64, u64)) -> Op {
        let (is_write, value) = (text.starts_with('w'), text[1..].to_owned());
        let us = Duration::from_micros;
        Op { session, server: session, is_write, value, index, start: us(start), end: us(end) }
    }

    #[test]
    fn an_old_value_is_sequentially_consistent_but_not_linearizable() {
        let history = vec![op(0, "wa", 2, (0, 10)), op(1, "r0", 1, (20, 30)), op(1, "ra", 2, (40, 50))];
        assert_eq!(one_order((1, "0"), &history), Ok(()));
        let report = check(&KvModel, &operations(&history), &Options::default());
        assert_eq!(report.verdict, Verdict::Illegal);
        let found = contradiction(&history).expect("the first read is old");
        assert_eq!(found, (&history[0], &history[1]));
        assert_eq!(
            in_words(found),
            "A writes a, and the answer comes at 10 us. After that, at 20 us, B begins to read. It reads 0."
        );
        assert_eq!(table(&history).lines().nth(3), Some("| 20 us | 30 us | B | S1 | reads 0 | 1 |"));
    }

    #[test]
    fn a_session_that_goes_back_is_found() {
        let write = op(0, "wa", 2, (0, 10));
        let back = vec![write.clone(), op(1, "ra", 2, (20, 30)), op(1, "r0", 1, (40, 50))];
        assert_eq!(
            one_order((1, "0"), &back),
            Err("session B goes back: 'reads a', then 'reads 0'".to_owned())
        );
        let own = vec![write.clone(), op(0, "r0", 1, (20, 30))];
        assert!(one_order((1, "0"), &own).is_err(), "a session sees its own writes");
        let wrong = vec![write.clone(), op(1, "r0", 2, (20, 30))];
        assert_eq!(one_order((1, "0"), &wrong), Err("'reads 0' at index 2: expected a".to_owned()));
        let twice = vec![write, op(1, "wb", 2, (20, 30))];
        assert_eq!(one_order((1, "0"), &twice), Err("the index 2 of 'writes a' is not its own".to_owned()));
    }

    #[cfg(feature = "sim")]
    #[test]
    fn only_sessions_read_old_values() {
        for way in Way::ALL {
            let found = histories(way, 1, 40).expect("every run passes");
            assert_eq!(found.disordered, Vec::<String>::new());
            assert_eq!(found.illegal.is_empty(), way != Way::Session, "reads by {way}");
            for history in &found.illegal {
                assert_eq!(history.len(), SERVERS * OPERATIONS);
            }
        }
    }
}
