//! The log on raft-rs, the crate `raft`, with its own storage in memory.
//!
//! One thread runs three servers. It gives each message to its receiver as it is: it is never bytes. This is
//! the fastest form that we know of: there are no locks that another thread wants, and no thread is ever
//! woken.
//!
//! There are two variants. With `skip_bcast_commit` the commit index goes to the followers with the next
//! entries, as in this project. Without it, which is the default of the crate, each new commit index goes
//! there in a message of its own. In both the crate's option `batch_append` made no clear difference.

use std::time::Instant;

use raft::eraftpb::{Entry, EntryType, Message};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};

use crate::plan::{Cell, System, Values, What};
use crate::{COMMAND_BYTES, WARM_UP, WINDOW, entries, not_measured_by};

/// The number of the server that leads. The servers have the numbers from 1 on.
const LEADER: u64 = 1;
/// The thread proposes this many commands at most before it looks after the servers again. Numbers from 64 to
/// 4,096 were tried without `skip_bcast_commit`, and this one gave the most entries a second.
const BATCH: u64 = 1024;

/// Makes one measurement.
pub fn measure(cell: Cell, seconds: u64) -> Result<Values, String> {
    if cell.what != What::Entries {
        return Err(not_measured_by(cell));
    }
    let run = || -> raft::Result<f64> {
        let mut group = Group::start(cell.servers as u64, cell.system == System::RaftRs)?;
        group.pipeline(WARM_UP)?;
        group.pipeline(entries(seconds))
    };
    let rate = run().map_err(|error| format!("{}: {error}", cell.system.name()))?;
    Ok(Values::from([("rate".to_owned(), rate), ("entries_before".to_owned(), WARM_UP as f64)]))
}

/// Three servers, and the messages between them.
struct Group {
    servers: Vec<Node>,
    messages: Vec<Message>,
}

struct Node {
    raw: RawNode<MemStorage>,
    /// How many commands this server has applied.
    applied: u64,
}

impl Group {
    /// Starts the servers, and lets the first one win an election.
    fn start(servers: u64, skip_bcast_commit: bool) -> raft::Result<Group> {
        let silent = slog::Logger::root(slog::Discard, slog::o!());
        let numbers: Vec<u64> = (1..=servers).collect();
        let mut group = Group { servers: Vec::new(), messages: Vec::new() };
        for &id in &numbers {
            let storage = MemStorage::new_with_conf_state((numbers.clone(), vec![]));
            let config = Config {
                id,
                election_tick: 10,
                heartbeat_tick: 3,
                max_size_per_msg: 1 << 20,
                max_inflight_msgs: 1024,
                skip_bcast_commit,
                ..Config::default()
            };
            let raw = RawNode::new(&config, storage, &silent)?;
            group.servers.push(Node { raw, applied: 0 });
        }
        group.servers[0].raw.campaign()?;
        while group.work()? {}
        assert_eq!(
            group.servers[0].raw.raft.state,
            StateRole::Leader,
            "all servers vote for server {LEADER}"
        );
        Ok(group)
    }

    /// Proposes `count` commands, and works until all servers have applied them. Returns the entries a
    /// second.
    fn pipeline(&mut self, count: u64) -> raft::Result<f64> {
        let start = Instant::now();
        let (mut proposed, mut applied) = (self.applied(), self.applied());
        let goal = proposed + count;
        while applied < goal {
            let until = (proposed + BATCH).min(applied + WINDOW).min(goal);
            let is_idle = proposed == until;
            for number in proposed..until {
                let mut command = vec![0; COMMAND_BYTES];
                command[..8].copy_from_slice(&number.to_le_bytes());
                self.servers[0].raw.propose(Vec::new(), command)?;
            }
            proposed = until;
            let worked = self.work()?;
            if is_idle && !worked {
                // There are no next entries that could take the commit index to the followers. So a heartbeat
                // takes it there, at once.
                self.servers[0].raw.ping();
            }
            applied = self.applied();
        }
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }

    /// How many commands all servers have applied.
    fn applied(&self) -> u64 {
        self.servers.iter().map(|server| server.applied).min().unwrap_or_default()
    }

    /// Lets each server do what it can do, and then delivers the messages. Returns whether there were any.
    fn work(&mut self) -> raft::Result<bool> {
        for server in &mut self.servers {
            server.settle(&mut self.messages)?;
        }
        let worked = !self.messages.is_empty();
        for message in self.messages.drain(..) {
            self.servers[message.to as usize - 1].raw.step(message)?;
        }
        Ok(worked)
    }
}

impl Node {
    /// Saves what is new, applies what is committed, and adds the messages to send.
    fn settle(&mut self, messages: &mut Vec<Message>) -> raft::Result<()> {
        while self.raw.has_ready() {
            let mut ready = self.raw.ready();
            messages.append(&mut ready.take_messages());
            self.apply(ready.take_committed_entries());
            {
                let mut store = self.raw.mut_store().wl();
                store.append(ready.entries())?;
                if let Some(hard) = ready.hs() {
                    store.set_hardstate(hard.clone());
                }
            }
            messages.append(&mut ready.take_persisted_messages());
            let mut rest = self.raw.advance(ready);
            if let Some(commit) = rest.commit_index() {
                self.raw.mut_store().wl().mut_hard_state().set_commit(commit);
            }
            messages.append(&mut rest.take_messages());
            self.apply(rest.take_committed_entries());
            self.raw.advance_apply();
        }
        Ok(())
    }

    fn apply(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            // A new leader begins its term with an entry without data.
            if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
                self.applied += 1;
                std::hint::black_box(&entry.data);
            }
        }
    }
}
