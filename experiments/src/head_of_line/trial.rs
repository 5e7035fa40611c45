//! One trial: a leader gets commands at a fixed rate, and the time until each command is committed and
//! applied is measured.
//!
//! The load is open: a command comes at its time, also if earlier commands still wait. So the trial measures
//! how long commands take, and not how many commands the servers can do.
//!
//! There are no elections after the first one: only server 0 has a short election timeout. Saving and
//! applying take no time.

use labapi::{ApplyMsg, Command, Persister};
use labrt::chan::{self, Sender};
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Mutex, Signal};
use labrt::time::{Duration, Instant, sleep};
use mit6824::raft::{self, ApplySink, Raft, RoleChange};
use mit6824_experiments::multi_paxos::{self, Paxos, Sink, Value};
use mit6824_experiments::wire::{Conditions, Wire};

/// Who replicates the commands, and how its leader sends them to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Raft: the next message waits for the answer to the last one. It has all commands that have come
    /// meanwhile.
    OneAtATime,
    /// Raft: the next message waits for the answer to the last one, but at most 10 ms. This is the default of
    /// this project.
    Batches,
    /// Raft: each command is sent at once, in a message of its own. At most 32 messages are on their way.
    Window,
    /// Multi-Paxos: each command is sent at once, as with the window of Raft.
    MultiPaxos,
}

impl System {
    /// All systems.
    pub const ALL: [System; 4] = [System::OneAtATime, System::Batches, System::Window, System::MultiPaxos];

    /// The name in tables and pictures.
    pub fn name(self) -> &'static str {
        match self {
            System::OneAtATime => "Raft, one message at a time",
            System::Batches => "Raft, batches",
            System::Window => "Raft, window",
            System::MultiPaxos => "Multi-Paxos",
        }
    }
}

/// The commands of a trial.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The number of servers.
    pub servers: usize,
    /// The number of commands in a second.
    pub rate: u32,
    /// The number of commands.
    pub commands: usize,
}

/// What happened to one command, at the leader. The times begin when the command came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// The time until the leader knew that the command is committed: chosen, in Paxos.
    pub commit: Duration,
    /// The time until the leader applied the command.
    pub apply: Duration,
}

/// The result of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What happened to each command.
    pub latencies: Vec<Latency>,
    /// The number of requests between servers for each command, also lost requests and heartbeats.
    pub requests: f64,
}

/// The times of all commands. The first command has the index 1.
#[derive(Default)]
struct Book {
    came: Vec<Instant>,
    committed: Vec<Option<Instant>>,
    applied: Vec<Option<Instant>>,
}

impl Book {
    fn note(times: &mut Vec<Option<Instant>>, index: u64) {
        let at = usize::try_from(index).expect("there are not so many commands") - 1;
        if times.len() <= at {
            times.resize(at + 1, None);
        }
        assert!(times[at].is_none(), "index {index} is reported twice");
        times[at] = Some(Instant::now());
    }

    fn apply(&mut self, index: u64) {
        assert_eq!(index, self.applied.len() as u64 + 1, "commands are applied in order");
        Book::note(&mut self.applied, index);
    }

    fn latencies(&self) -> Vec<Latency> {
        let since = |came: &Instant, at: &Option<Instant>| {
            at.expect("the trial waits until all commands are applied").duration_since(*came)
        };
        let times = self.came.iter().zip(&self.committed).zip(&self.applied);
        times
            .map(|((came, commit), apply)| Latency { commit: since(came, commit), apply: since(came, apply) })
            .collect()
    }
}

/// Writes into the book what one server does, if it is the leader.
struct Watcher {
    book: Option<Arc<Mutex<Book>>>,
    tell: Sender<()>,
}

impl Watcher {
    fn note(&self, what: impl FnOnce(&mut Book)) {
        if let Some(book) = &self.book {
            what(&mut book.lock());
        }
    }
}

impl ApplySink for Watcher {
    /// A leader of Raft commits an entry together with all entries before it. It wakes the applier at once.
    /// So an entry is applied at the moment at which it is committed.
    fn deliver(&mut self, message: ApplyMsg, _stop: &Signal) -> bool {
        if let ApplyMsg::Command { index, .. } = message {
            self.note(|book| {
                Book::note(&mut book.committed, index);
                book.apply(index);
            });
        }
        true
    }

    fn wants_roles(&self) -> bool {
        true
    }

    fn role_changed(&mut self, change: RoleChange) {
        if change.is_leader {
            // Nobody waits for this any more if the trial is over.
            let _ = self.tell.send(());
        }
    }
}

impl Sink for Watcher {
    fn chosen(&mut self, slot: u64) {
        self.note(|book| Book::note(&mut book.committed, slot));
    }

    fn apply(&mut self, slot: u64, _value: Value) {
        self.note(|book| book.apply(slot));
    }

    fn leads(&mut self, leads: bool) {
        if leads {
            let _ = self.tell.send(());
        }
    }
}

/// The servers of a trial.
enum Group {
    Raft(Vec<Raft>),
    Paxos(Vec<Paxos>),
}

impl Group {
    /// Gives a command to the leader. Returns its index.
    fn propose(&self, command: Command) -> u64 {
        let index = match self {
            Group::Raft(servers) => servers[0].start(command).map(|started| started.index),
            Group::Paxos(servers) => servers[0].propose(command),
        };
        index.expect("server 0 leads, because the others have no election timeouts")
    }
}

/// Runs one trial. It must be called inside a [`labrt::Run`].
///
/// # Panics
/// If server 0 does not lead, or if a command is not applied within a minute after the last one came.
pub fn trial(system: System, conditions: Conditions, load: Load) -> Found {
    let wire = Wire::new(load.servers, conditions);
    let book = Arc::new(Mutex::new(Book::default()));
    let (tell, elected) = chan::unbounded();
    let watcher = |me: usize| Watcher { book: (me == 0).then(|| book.clone()), tell: tell.clone() };
    let group = start(system, conditions, load.servers, &wire, watcher);
    elected.recv_timeout(Duration::from_secs(60)).expect("server 0 becomes the leader");
    // After this second, the leader has heard from all others.
    sleep(Duration::from_secs(1));

    let (begun, before) = (Instant::now(), wire.requests());
    for i in 0..load.commands {
        let due = begun + Duration::from_secs(1) * u32::try_from(i).expect("few commands") / load.rate;
        sleep(due.saturating_duration_since(Instant::now()));
        // The command came when it was due, also if the timer was late.
        book.lock().came.push(due);
        let index = group.propose(Command::new(i.to_le_bytes()));
        assert_eq!(index, i as u64 + 1, "each command has its own index");
    }
    let requests = (wire.requests() - before) as f64 / load.commands as f64;
    let last = Instant::now();
    while book.lock().applied.len() < load.commands {
        assert!(last.elapsed() < Duration::from_secs(60), "{system:?}: a command is not applied");
        sleep(conditions.one_way);
    }
    let latencies = book.lock().latencies();
    match &group {
        Group::Raft(servers) => servers.iter().for_each(Raft::kill),
        Group::Paxos(servers) => servers.iter().for_each(Paxos::kill),
    }
    Found { latencies, requests }
}

fn start(
    system: System,
    conditions: Conditions,
    servers: usize,
    wire: &Wire,
    watcher: impl Fn(usize) -> Watcher,
) -> Group {
    // A message without an answer is lost after the timeout. Heartbeats are a little rarer than that, so that
    // they never come before the answer or the loss of the last message.
    let heartbeat_interval = conditions.timeout + Duration::from_micros(100);
    let soon = heartbeat_interval * 10;
    let never = Duration::from_secs(1_000_000);
    let election_timeout = |me: usize| {
        let from = if me == 0 { soon } else { never };
        from..from + Duration::from_millis(1)
    };
    let disk = || Arc::new(Persister::new());
    match system {
        System::MultiPaxos => {
            let start = |me: usize| {
                let _node = node::enter(NodeId::first(me));
                let options = multi_paxos::Options {
                    election_timeout: election_timeout(me),
                    heartbeat_interval,
                    ..multi_paxos::Options::default()
                };
                let server =
                    Paxos::start(wire.ends(me), me, disk(), watcher(me), options).expect("the disk is empty");
                wire.add(me, server.service());
                server
            };
            Group::Paxos((0..servers).map(start).collect())
        }
        System::OneAtATime | System::Batches | System::Window => {
            let entries_interval = match system {
                System::OneAtATime => never,
                System::Batches => raft::Options::default().entries_interval,
                _ => Duration::ZERO,
            };
            let start = |me: usize| {
                let _node = node::enter(NodeId::first(me));
                let options = raft::Options {
                    election_timeout: election_timeout(me),
                    heartbeat_interval,
                    entries_interval,
                    ..raft::Options::default()
                };
                let server = Raft::make_with(wire.ends(me), me, disk(), watcher(me), options)
                    .expect("the disk is empty");
                wire.add(me, server.service());
                server
            };
            Group::Raft((0..servers).map(start).collect())
        }
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use labrt::Run;
    use mit6824_experiments::command_line::each;

    const LOAD: Load = Load { servers: 3, rate: 1000, commands: 1000 };

    fn found(system: System, lost: u32, stream: bool) -> Found {
        let one_way = Duration::from_millis(5);
        let conditions = Conditions { one_way, lost, timeout: one_way * 4, stream };
        let run = Run { jitter: Duration::from_micros(10), ..Run::default() };
        let mut found = each(&run, 1, 1, move || trial(system, conditions, LOAD)).expect("the trial works");
        found.pop().expect("there is one trial")
    }

    #[test]
    fn a_trial_is_a_function_of_its_seed() {
        assert_eq!(found(System::MultiPaxos, 50, false), found(System::MultiPaxos, 50, false));
    }

    #[test]
    fn without_loss_a_command_at_once_takes_a_round_trip() {
        for system in [System::Window, System::MultiPaxos] {
            let Found { latencies, requests } = found(system, 0, false);
            let range = Duration::from_micros(9400)..=Duration::from_micros(10_700);
            assert!(latencies.iter().all(|it| range.contains(&it.commit) && it.apply == it.commit));
            assert!((1.99..2.1).contains(&requests), "{system:?}: {requests} requests for each command");
        }
    }

    #[test]
    fn one_message_at_a_time_needs_fewer_messages_and_more_time() {
        let Found { latencies, requests } = found(System::OneAtATime, 0, false);
        assert!(requests < 0.3, "{requests} requests for each command");
        let longest = latencies.iter().map(|it| it.commit).max().expect("there are commands");
        assert!((Duration::from_millis(18)..Duration::from_millis(22)).contains(&longest), "{longest:?}");
    }

    /// A command is applied at the moment at which it and all commands before it are committed.
    #[test]
    fn a_command_waits_only_for_itself_and_for_earlier_commands() {
        for (system, stream) in System::ALL.into_iter().flat_map(|system| [(system, false), (system, true)]) {
            let all = found(system, 100, stream).latencies;
            let mut committed = Duration::ZERO;
            let mut early = 0;
            for (i, it) in all.iter().enumerate() {
                let came = Duration::from_millis(i as u64);
                committed = committed.max(came + it.commit);
                assert_eq!(came + it.apply, committed, "{system:?}, command {i}");
                early += usize::from(it.commit < it.apply);
            }
            // Only Multi-Paxos commits a command before an earlier one, and on a stream it hardly can.
            let expected = if (system, stream) == (System::MultiPaxos, false) { 10..200 } else { 0..1 };
            assert!(stream || expected.contains(&early), "{system:?}: {early}");
        }
    }
}
