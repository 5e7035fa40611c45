//! The servers of a script (see `main.rs`). Each server has a [`Core`] (the rules of Raft) and a disk. The
//! servers send messages to each other.

use labapi::{ApplyMsg, Command, Persister, Role};
use std::time::Duration;

use labrt::collections::BTreeMap;
use mit6824::raft::{
    AppendEntriesReply, Core, Entry, InstallSnapshotReply, Message, Options, Outgoing, RaftLog,
    RequestVoteReply, Sent,
};

use crate::step::{Fate, Step, Targets};
use crate::words::{self, View};

type Result<T> = std::result::Result<T, String>;

/// Several servers, and a network that delivers or loses each message as the script says.
#[derive(Default)]
pub struct Cluster {
    names: Vec<String>,
    servers: Vec<Server>,
    options: Options,
    now: Duration,
    /// For each server, the side of the partition on which the server is. The list is empty if there is no
    /// partition.
    sides: Vec<usize>,
    held: BTreeMap<String, (usize, Outgoing)>,
    /// The lines of output that were written since the step began.
    happened: Vec<String>,
}

struct Server {
    /// The core of this server. This is `None` if the server is down.
    core: Option<Core>,
    disk: Persister,
}

/// The reply of a server to a request.
enum Reply {
    Vote(RequestVoteReply),
    Append(AppendEntriesReply),
    Snapshot(InstallSnapshotReply),
}

impl Cluster {
    /// Plays a step. Returns the lines that describe what happens in the step.
    pub fn play(&mut self, step: Step) -> Result<Vec<String>> {
        self.step(step)?;
        Ok(std::mem::take(&mut self.happened))
    }

    fn step(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Servers(names) => return self.make(names),
            Step::Log { servers, current_term, terms } => {
                for server in servers {
                    self.begin_with(&server, current_term, &terms)?;
                }
            }
            Step::Timeout(server) => {
                let server = self.running(&server)?;
                let now = self.now;
                self.change(server, "", |core| core.election_timeout(now));
            }
            Step::Wait { ms } => self.wait(Duration::from_millis(ms)),
            Step::Send { from, to, fate } => return self.send(&from, &to, &fate),
            Step::SendAll { from, to } => return self.send_all(&from, &to),
            Step::Deliver(name) => {
                let (from, outgoing) = self.held.remove(&name).ok_or(format!("nothing is held as {name}"))?;
                self.deliver(from, outgoing, &Fate::Arrives);
            }
            Step::Propose { server, commands } => return self.propose(&server, &commands),
            Step::Snapshot { server, index } => {
                let server = self.running(&server)?;
                let data = format!("everything up to {index}").into_bytes();
                self.change(server, "", |core| core.snapshot(index, data))
                    .map_err(|error| error.to_string())?;
            }
            Step::Crash(server) => {
                let server = self.running(&server)?;
                self.servers[server].core = None;
            }
            Step::Restart(server) => return self.restart(&server),
            Step::Partition(sides) => return self.partition(&sides),
            Step::Heal => self.sides.clear(),
            Step::Show => self.show(),
        }
        Ok(())
    }

    fn make(&mut self, names: Vec<String>) -> Result<()> {
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(format!("two servers are called {}", twice.1));
        }
        let n = names.len();
        *self = Cluster { names, ..Cluster::default() };
        self.servers = (0..n).map(|me| self.server(Core::new(me, n), Persister::new())).collect();
        Ok(())
    }

    /// A server that has just started. The first server has an election timeout of 300 ms. The timeout of
    /// each further server is 100 ms longer than the timeout of the server before it.
    fn server(&self, mut core: Core, disk: Persister) -> Server {
        core.options = self.options.clone();
        core.set_election_timeout(Duration::from_millis(300 + 100 * core.me() as u64));
        core.reset_election_timer(self.now);
        Server { core: Some(core), disk }
    }

    /// Makes a server a follower in `current_term`. It is as if the server has heard from a leader, and has
    /// received entries with these terms from this leader.
    fn begin_with(&mut self, server: &str, current_term: u64, terms: &[u64]) -> Result<()> {
        let me = self.running(server)?;
        if !terms.is_sorted() {
            return Err("terms must not decrease along a log".into());
        }
        if let Some(term) = terms.last().filter(|&&term| term > current_term) {
            return Err(format!("entries of term {term} in term {current_term}"));
        }
        let entry =
            |(index, &term): (u64, &u64)| Entry { term, command: command(&format!("{index}/{term}")) };
        let log = RaftLog::after(0, 0, (1..).zip(terms).map(entry).collect());
        let n = self.servers.len();
        self.servers[me] =
            self.server(Core::of(me, n, current_term, None, log, Role::Follower), Persister::new());
        Ok(())
    }

    fn propose(&mut self, server: &str, commands: &[String]) -> Result<()> {
        let me = self.running(server)?;
        for text in commands {
            self.change(me, "", |core| core.propose(command(text)))
                .ok_or_else(|| format!("{server} is not the leader"))?;
        }
        Ok(())
    }

    fn restart(&mut self, server: &str) -> Result<()> {
        let me = self.find(server)?;
        if self.servers[me].core.is_some() {
            return Err(format!("{server} is running: crash it first"));
        }
        let disk = self.servers[me].disk.copy();
        let core =
            Core::restore(me, self.servers.len(), &disk).expect("a server can read what it has written");
        let vote =
            core.voted_for().map_or(String::new(), |it| format!(", having voted for {}", self.names[it]));
        let end = core.log().last_index();
        self.say(format!("{server}: is back in term {}{vote}, its log ends at {end}", core.current_term()));
        self.servers[me] = self.server(core, disk);
        Ok(())
    }

    fn partition(&mut self, sides: &[Vec<String>]) -> Result<()> {
        let mut side_of = vec![usize::MAX; self.servers.len()];
        for (side, names) in sides.iter().enumerate() {
            for name in names {
                side_of[self.find(name)?] = side;
            }
        }
        match side_of.iter().position(|side| *side == usize::MAX) {
            Some(nowhere) => Err(format!("{} is on no side", self.names[nowhere])),
            None => {
                self.sides = side_of;
                Ok(())
            }
        }
    }

    // ------------------------------------------------------------------ Messages

    /// Sends one message to each target. All requests are sent before the first of them arrives.
    fn send(&mut self, from: &str, to: &Targets, fate: &Fate) -> Result<()> {
        let from = self.running(from)?;
        let mut outgoing = Vec::new();
        self.now += self.options.heartbeat_interval;
        for peer in self.targets(from, to)? {
            match self.next_message(from, peer) {
                Some(message) => outgoing.push(message),
                None => {
                    self.say(format!("{} has nothing to send to {}", self.names[from], self.names[peer]));
                }
            }
        }
        for message in outgoing {
            self.deliver(from, message, fate);
        }
        Ok(())
    }

    /// Sends messages to the targets again and again, until there is nothing more to send to any of them.
    fn send_all(&mut self, from: &str, to: &Targets) -> Result<()> {
        let from = self.running(from)?;
        let peers = self.targets(from, to)?;
        self.now += self.options.heartbeat_interval;
        loop {
            let messages: Vec<Outgoing> =
                peers.iter().filter_map(|&peer| self.next_message(from, peer)).collect();
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages {
                self.deliver(from, message, &Fate::Arrives);
            }
            self.now += self.options.commit_interval;
        }
    }

    fn next_message(&mut self, from: usize, peer: usize) -> Option<Outgoing> {
        self.servers[from].core.as_mut()?.next_message(peer, self.now)
    }

    /// Lets time pass. If a server does something by itself, the output shows the time first, and then what
    /// the server does.
    fn wait(&mut self, how_long: Duration) {
        let end = self.now + how_long;
        while let Some(at) = self.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.say(format!("[{} ms]", self.now.as_millis()));
            while self.next_deadline().is_some_and(|at| at <= self.now) {
                (0..self.servers.len()).for_each(|server| self.do_what_is_due(server));
            }
        }
        self.now = end;
    }

    /// The earliest time at which some server has something to do.
    fn next_deadline(&self) -> Option<Duration> {
        let deadlines = |core: &Core| {
            let sends = (0..core.servers()).filter_map(|peer| core.next_deadline(peer));
            sends.chain(core.election_deadline()).min()
        };
        self.servers.iter().filter_map(|server| server.core.as_ref()).filter_map(deadlines).min()
    }

    fn do_what_is_due(&mut self, server: usize) {
        let now = self.now;
        let stands = |core: &Core| core.election_deadline().is_some_and(|at| at <= now);
        if self.servers[server].core.as_ref().is_some_and(stands) {
            self.change(server, "", |core| core.election_timeout(now));
        }
        for peer in 0..self.servers.len() {
            while let Some(outgoing) = self.next_message(server, peer) {
                self.deliver(server, outgoing, &Fate::Arrives);
            }
        }
    }

    fn deliver(&mut self, from: usize, outgoing: Outgoing, fate: &Fate) {
        let to = outgoing.sent.peer;
        let reaches = self.sides.get(from) == self.sides.get(to) && self.servers[to].core.is_some();
        let fate = if reaches || matches!(fate, Fate::HeldAs(_)) { fate } else { &Fate::Lost };
        let note = match fate {
            Fate::Arrives | Fate::ReplyLost => "",
            Fate::Lost => "  -- lost",
            Fate::HeldAs(_) => "  -- held",
        };
        let (sender, receiver) = (self.names[from].clone(), self.names[to].clone());
        self.say(format!("{sender} -> {receiver}  {}{note}", words::request(&outgoing.message)));
        match fate {
            Fate::Lost => return self.lost(from, outgoing.sent),
            Fate::HeldAs(name) => {
                self.held.insert(name.clone(), (from, outgoing));
                return;
            }
            Fate::Arrives | Fate::ReplyLost => {}
        }
        let Outgoing { sent, message } = outgoing;
        let now = self.now;
        let reply = self.change(to, "  ", |core| handle(core, &message, now));
        let text = match &reply {
            Reply::Vote(reply) if reply.vote_granted => "granted".to_owned(),
            Reply::Vote(_) => "not granted".to_owned(),
            Reply::Append(reply) => words::append_reply(reply, sent.term),
            Reply::Snapshot(reply) => format!("done, in term {}", reply.term),
        };
        let is_lost = *fate == Fate::ReplyLost;
        self.say(format!("{sender} <- {receiver}  {text}{}", if is_lost { "  -- lost" } else { "" }));
        if is_lost {
            return self.lost(from, sent);
        }
        if self.servers[from].core.is_some() {
            self.change(from, "  ", |core| take_reply(core, sent, &reply, now));
        }
    }

    fn lost(&mut self, from: usize, sent: Sent) {
        if self.servers[from].core.is_some() {
            self.change(from, "  ", |core| core.message_lost(sent));
        }
    }

    // ------------------------------------------------------------------ Servers

    /// Calls `rule` with the core of a server. Then does what the core asks for in its effects: for example,
    /// saves the state. Writes into the output what has changed.
    fn change<R>(&mut self, me: usize, indent: &str, rule: impl FnOnce(&mut Core) -> R) -> R {
        let Server { core, disk } = &mut self.servers[me];
        let core = core.as_mut().expect("the callers have checked that the server is running");
        let before = View::of(core);
        let result = rule(core);
        let mut taken = Vec::new();
        loop {
            let effects = core.take_effects();
            core.persist_to(disk, &effects.persist);
            core.check_invariants();
            core.check_persisted(disk);
            let Some(batch) = core.take_apply(usize::MAX) else { break };
            taken.extend(batch);
        }
        let changes = before.changes(&View::of(core), me, &self.names);
        let name = &self.names[me];
        if !changes.is_empty() {
            self.happened.push(format!("{indent}{name}: {changes}"));
        }
        for message in taken {
            if let ApplyMsg::Snapshot { index, .. } = message {
                self.happened
                    .push(format!("{indent}{name}: hands the snapshot up to {index} to its service"));
            }
        }
        result
    }

    fn show(&mut self) {
        let views = self.servers.iter().map(|server| server.core.as_ref().map(View::of));
        let servers: Vec<_> = self.names.iter().map(String::as_str).zip(views).collect();
        self.happened.extend(words::table(&servers));
    }

    fn targets(&self, from: usize, to: &Targets) -> Result<Vec<usize>> {
        match to {
            Targets::All => Ok((0..self.servers.len()).filter(|&peer| peer != from).collect()),
            Targets::These(names) => names.iter().map(|name| self.find(name)).collect(),
        }
    }

    fn running(&self, name: &str) -> Result<usize> {
        let server = self.find(name)?;
        match self.servers[server].core {
            Some(_) => Ok(server),
            None => Err(format!("{name} is down")),
        }
    }

    fn find(&self, name: &str) -> Result<usize> {
        let found = self.names.iter().position(|known| known == name);
        found.ok_or_else(|| format!("no server is called {name}; there are {}", self.names.join(" ")))
    }

    fn say(&mut self, line: String) {
        self.happened.push(line);
    }
}

fn command(text: &str) -> Command {
    Command::new(text)
}

fn handle(core: &mut Core, message: &Message, now: Duration) -> Reply {
    match message {
        Message::RequestVote(args) => Reply::Vote(core.request_vote(args, now)),
        Message::AppendEntries(args) => Reply::Append(core.append_entries(args, now)),
        Message::InstallSnapshot(args) => Reply::Snapshot(core.install_snapshot(args, now)),
        Message::PreVote(_) | Message::TimeoutNow(_) | Message::TransferVote(_) => {
            unreachable!("the scripts use nothing beyond Figure 2")
        }
    }
}

fn take_reply(core: &mut Core, sent: Sent, reply: &Reply, now: Duration) {
    match reply {
        Reply::Vote(reply) => core.vote_reply(sent, reply, now),
        Reply::Append(reply) => core.append_reply(sent, reply, now),
        Reply::Snapshot(reply) => core.snapshot_reply(sent, reply, now),
    }
}
