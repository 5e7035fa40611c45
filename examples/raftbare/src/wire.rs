//! What the servers send: the messages of the crate, with the commands that the crate does not know.

use crate::log::Item;
use labapi::Command;
use labrt::collections::BTreeMap;
use raftbare::{
    LogEntries, LogEntry, LogIndex, LogPosition, Message, MessageHeader, MessageSeqNo, NodeId, Term,
};
use serde::{Deserialize, Serialize};

/// The term and the index of an entry.
pub(crate) type Place = (u64, u64);

pub(crate) fn position((term, index): Place) -> LogPosition {
    LogPosition { term: Term::new(term), index: LogIndex::new(index) }
}

pub(crate) fn place(position: LogPosition) -> Place {
    (position.term.get(), position.index.get())
}

/// A message: the sender, its term, the number of the message, and the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wire {
    from: u64,
    term: u64,
    seqno: u64,
    body: Body,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Body {
    VoteCall { last: Place },
    VoteReply { granted: bool },
    AppendCall { commit: u64, prev: Place, items: Vec<Item> },
    AppendReply { last: Place },
}

/// A snapshot: the last entry that it covers, the number of the last command up to this entry, and the data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub end: Place,
    pub number: u64,
    pub data: Vec<u8>,
}

impl Wire {
    /// The sender.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The name of the RPC for this message. The pages show this name.
    pub fn method(&self) -> &'static str {
        match self.body {
            Body::VoteCall { .. } | Body::VoteReply { .. } => "Raft.RequestVote",
            Body::AppendCall { .. } | Body::AppendReply { .. } => "Raft.AppendEntries",
        }
    }

    /// Makes a message from a message of the crate. `item` returns the entry at a position.
    pub fn pack(message: Message, item: impl Fn(LogPosition) -> Item) -> Wire {
        let (from, term, seqno) = (message.from().get(), message.term().get(), message.seqno().get());
        let body = match message {
            Message::RequestVoteCall { last_position, .. } => Body::VoteCall { last: place(last_position) },
            Message::RequestVoteReply { vote_granted, .. } => Body::VoteReply { granted: vote_granted },
            Message::AppendEntriesCall { commit_index, entries, .. } => Body::AppendCall {
                commit: commit_index.get(),
                prev: place(entries.prev_position()),
                items: entries.iter_with_positions().map(|(at, _)| item(at)).collect(),
            },
            Message::AppendEntriesReply { last_position, .. } => {
                Body::AppendReply { last: place(last_position) }
            }
        };
        Wire { from, term, seqno, body }
    }

    /// Returns the message of the crate, and the commands in it, by index.
    pub fn open(self) -> (Message, BTreeMap<u64, Command>) {
        let Wire { from, term, seqno, body } = self;
        let (from, term, seqno) = (NodeId::new(from), Term::new(term), MessageSeqNo::new(seqno));
        let header = MessageHeader { from, term, seqno };
        let mut commands = BTreeMap::new();
        let message = match body {
            Body::VoteCall { last } => Message::RequestVoteCall { header, last_position: position(last) },
            Body::VoteReply { granted } => Message::RequestVoteReply { header, vote_granted: granted },
            Body::AppendCall { commit, prev, items } => {
                let mut entries = LogEntries::new(position(prev));
                for item in items {
                    entries.push(item.entry());
                    if let Item::Command(command) = item {
                        commands.insert(entries.last_position().index.get(), command);
                    }
                }
                Message::AppendEntriesCall { header, commit_index: LogIndex::new(commit), entries }
            }
            Body::AppendReply { last } => {
                Message::AppendEntriesReply { header, last_position: position(last) }
            }
        };
        (message, commands)
    }
}

impl Item {
    /// The entry as the crate knows it.
    pub fn entry(&self) -> LogEntry {
        match self {
            Item::Term(term) => LogEntry::Term(Term::new(*term)),
            Item::Command(_) => LogEntry::Command,
        }
    }
}
