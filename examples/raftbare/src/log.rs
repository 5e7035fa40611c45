//! The log with its commands, in memory and in a `Persister`.
//!
//! # Numbers and indices
//!
//! The labs count only commands: the first command has the number 1, the next one the number 2. The crate
//! counts all entries of its log, and a new leader of the crate begins its term with an entry that is no
//! command. So a command has an *index* in the crate and a smaller *number* in the labs.
//! [`Log::number_at`] and [`Log::position_of`] translate.

use crate::wire::{Place, Snapshot, place, position};
use labapi::{Command, Persister};
use labrt::collections::VecDeque;
use labrt::sync::Arc;
use raftbare::{ClusterConfig, LogEntries, LogPosition, NodeId, Term};
use serde::{Deserialize, Serialize};

/// An entry of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Item {
    /// A leader began this term.
    Term(u64),
    /// A command of the service.
    Command(Command),
}

/// The first frame of the saved state. The other frames are the entries.
#[derive(Default, Serialize, Deserialize)]
struct Head {
    term: u64,
    vote: Option<u64>,
    end: Place,
    number: u64,
}

enum Change {
    TruncateTo(usize),
    Append(Vec<u8>),
    DropFront(usize),
    Snapshot(Vec<u8>),
}

pub(crate) struct Log {
    persister: Arc<Persister>,
    changes: Vec<Change>,
    head_changed: bool,
    config: ClusterConfig,
    /// The last entry that the snapshot covers.
    end: LogPosition,
    /// The number of the last command that the snapshot covers.
    number: u64,
    /// The entries after the snapshot, each with the number of the last command up to this entry.
    items: VecDeque<(Item, u64)>,
}

impl Log {
    /// Reads the saved state of a server. The group has this number of `servers`. Also returns the term and
    /// the vote.
    pub fn load(persister: Arc<Persister>, servers: usize) -> (Log, Term, Option<NodeId>) {
        let frames = persister.frames().expect("the state was saved as frames");
        let head: Head = match frames.head() {
            Some(head) => labgob::decode(head).expect("`save` has written the head"),
            None => Head::default(),
        };
        let mut config = ClusterConfig::new();
        config.voters.extend((0..servers as u64).map(NodeId::new));
        let mut log = Log {
            persister,
            changes: Vec::new(),
            head_changed: false,
            config,
            end: position(head.end),
            number: head.number,
            items: VecDeque::new(),
        };
        for frame in frames.entries() {
            log.push(labgob::decode(frame).expect("`save` has written the entry"));
        }
        (log, Term::new(head.term), head.vote.map(NodeId::new))
    }

    /// The log as the crate knows it.
    pub fn for_the_rules(&self) -> raftbare::Log {
        let entries = LogEntries::from_iter(self.end, self.items.iter().map(|(item, _)| item.entry()));
        raftbare::Log::new(self.config.clone(), entries)
    }

    /// Saves all changes in one step.
    pub fn save(&mut self, term: Term, vote: Option<NodeId>) {
        if self.changes.is_empty() && !self.head_changed {
            return;
        }
        self.head_changed = false;
        let (vote, end) = (vote.map(NodeId::get), place(self.end));
        let head = labgob::encode(&Head { term: term.get(), vote, end, number: self.number });
        let changes = std::mem::take(&mut self.changes);
        let saved = self.persister.update(|writer| {
            writer.head(head);
            for change in changes {
                match change {
                    Change::TruncateTo(kept) => writer.truncate_to(kept),
                    Change::Append(frame) => writer.append(frame),
                    Change::DropFront(dropped) => writer.drop_front(dropped),
                    Change::Snapshot(data) => writer.snapshot(data.into()),
                }
            }
        });
        saved.expect("the state is always saved as frames");
    }

    /// Notes that the term or the vote has changed.
    pub fn head_changed(&mut self) {
        self.head_changed = true;
    }

    /// The servers of the group. They never change.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// The last entry that the snapshot covers.
    pub fn snapshot_position(&self) -> LogPosition {
        self.end
    }

    /// The entry at an index after the snapshot.
    pub fn item(&self, index: u64) -> &Item {
        &self.items[self.at(index)].0
    }

    fn at(&self, index: u64) -> usize {
        (index - self.end.index.get() - 1) as usize
    }

    /// The number of the last command up to the entry at `index`.
    pub fn number_at(&self, index: u64) -> u64 {
        if index == self.end.index.get() { self.number } else { self.items[self.at(index)].1 }
    }

    /// The position of the command with this number, if it comes after the snapshot.
    pub fn position_of(&self, number: u64) -> Option<LogPosition> {
        if number <= self.number {
            return None;
        }
        let at = self.items.partition_point(|(_, it)| *it < number);
        let term = self.items.range(..=at).rev().find_map(|(item, _)| match item {
            Item::Term(term) => Some(*term),
            Item::Command(_) => None,
        });
        let term = term.unwrap_or(self.end.term.get());
        Some(position((term, self.end.index.get() + 1 + at as u64)))
    }

    fn push(&mut self, item: Item) {
        let before = self.items.back().map_or(self.number, |(_, number)| *number);
        let number = before + u64::from(matches!(item, Item::Command(_)));
        self.items.push_back((item, number));
    }

    /// Replaces the entries after `prev`.
    pub fn append(&mut self, prev: u64, items: impl Iterator<Item = Item>) {
        self.truncate_after(prev);
        for item in items {
            self.changes.push(Change::Append(labgob::encode(&item)));
            self.push(item);
        }
    }

    fn truncate_after(&mut self, last: u64) {
        let kept = (last - self.end.index.get()) as usize;
        if kept < self.items.len() {
            self.items.truncate(kept);
            self.changes.push(Change::TruncateTo(kept));
        }
    }

    /// Replaces the first entries by a snapshot of the service. The last command in the snapshot has the
    /// number `number`, and its entry is at the position `end`.
    pub fn compact(&mut self, end: LogPosition, number: u64, data: Vec<u8>) {
        let dropped = self.at(end.index.get()) + 1;
        self.items.drain(..dropped);
        (self.end, self.number) = (end, number);
        self.changes.push(Change::DropFront(dropped));
        self.changes.push(Change::Snapshot(data));
    }

    /// Installs a snapshot that a leader has sent. The entries after the snapshot stay, up to the index
    /// `last`.
    pub fn install(&mut self, end: LogPosition, number: u64, data: &[u8], last: u64) {
        let covered = ((end.index.get() - self.end.index.get()) as usize).min(self.items.len());
        self.items.drain(..covered);
        self.changes.push(Change::DropFront(covered));
        (self.end, self.number) = (end, number);
        self.truncate_after(last);
        self.changes.push(Change::Snapshot(data.to_vec()));
    }

    /// The snapshot, to be sent to a peer.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { end: place(self.end), number: self.number, data: self.persister.read_snapshot().to_vec() }
    }
}
