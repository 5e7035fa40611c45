//! What can be measured, and which measurements belong to a piece.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A group of measurements that belong to one table of `docs/performance.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Piece {
    /// The machine: a hand-over between two threads, a free lock, a small message as bytes, a copy
    Floor,
    /// Puts of a key/value service with different numbers of clients: ours and openraft
    Kv,
    /// Entries of a log, without a service: ours and raft-rs
    Entries,
    /// The other measurements of this project: calls, latency, snapshots, gets, five servers, shards
    Own,
    /// The checker of histories: three ways to record calls with unknown results
    Checker,
}

/// A system that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// This project
    Ours,
    /// The crate openraft; tokio has as many workers as this process may use cores
    Openraft,
    /// The crate openraft; tokio has one worker
    #[value(name = "openraft-1")]
    OpenraftOneWorker,
    /// The crate raft; the commit index goes to the followers with the next entries
    RaftRs,
    /// The crate raft; each new commit index goes to the followers in a message of its own
    #[value(name = "raft-rs-broadcast")]
    RaftRsBroadcast,
    /// An older version of this project. Only the option `--before` adds it.
    #[value(skip)]
    Before,
}

impl System {
    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            System::Ours => "ours",
            System::Openraft => "openraft",
            System::OpenraftOneWorker => "openraft-1",
            System::RaftRs => "raft-rs",
            System::RaftRsBroadcast => "raft-rs-broadcast",
            System::Before => "before",
        }
    }
}

/// What one measurement measures, and the unit of its most important value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// A hand-over between two threads on two cores
    Across,
    /// A hand-over between two threads on one core
    Within,
    /// A message through a rendezvous channel
    Rendezvous,
    /// An answer, if `clients` threads ask one other thread and sleep until it answers
    Answer,
    /// A lock that no other thread wants
    Lock,
    /// The smallest message of Raft, as bytes
    Encode,
    /// The same message, from bytes
    Decode,
    /// A copy of 64 KiB
    Copy,
    /// Puts a second
    Put,
    /// Puts a second, if the servers take snapshots
    PutSnapshots,
    /// Gets a second
    Get,
    /// Entries a second, in a log that is almost new
    Entries,
    /// Entries a second, in a log that has many entries
    LongLog,
    /// Entries a second, through apply channels, in a log that is almost new
    Channels,
    /// One command of a bare Raft, from its start until the leader's consumer has taken it from the channel
    Command,
    /// A call of an inline handler
    Call,
    /// A call of a pooled handler: it runs on a thread of its own
    PooledCall,
    /// 1,000 appends of one client
    Appends,
    /// Puts a second of 32 clients on a sharded service; `servers` is the number of groups
    Shards,
    /// The longest wait of a client while a group joins
    Join,
    /// The check of histories in which calls with unknown results never return
    NoReturn,
    /// The check of histories in which these calls return at the end
    Literal,
    /// The same, if the checker may ignore these returns
    Ignored,
}

impl What {
    /// The name on the command line and in the results.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Is the result a number per second? Otherwise it is a time in nanoseconds.
    pub fn is_rate(self) -> bool {
        matches!(
            self,
            What::Put
                | What::PutSnapshots
                | What::Get
                | What::Entries
                | What::LongLog
                | What::Channels
                | What::Shards
        )
    }

    /// The name of the most important value.
    pub fn value(self) -> &'static str {
        if self.is_rate() { "rate" } else { "ns" }
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What is measured.
    pub what: What,
    /// The system.
    pub system: System,
    /// How many servers there are, or how many groups of servers.
    pub servers: usize,
    /// How many clients there are.
    pub clients: usize,
}

/// The result of one measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The cost of a hand-over between two threads on two cores, in nanoseconds, measured in the same
    /// process.
    pub hand_over_ns: f64,
    /// The values by name. A name says what the value is: a rate, a time in nanoseconds (`ns`), a ratio.
    pub values: Values,
}

/// Values by name.
pub type Values = BTreeMap<String, f64>;

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.what.name(), self.system.name(), self.servers, self.clients)
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Cell, String> {
        let expected = || format!("`{text}`: expected for example put/ours/3/32");
        let parts: Vec<&str> = text.split('/').collect();
        let [what, system, servers, clients] = parts[..] else { return Err(expected()) };
        let number = |text: &str| text.parse::<usize>().map_err(|_| expected());
        Ok(Cell {
            what: What::from_str(what, false).map_err(|_| expected())?,
            system: System::from_str(system, false).map_err(|_| expected())?,
            servers: number(servers)?,
            clients: number(clients)?,
        })
    }
}

/// The measurements of one round of a piece. The systems follow each other directly, so that they meet the
/// same state of the machine. `clients` are the numbers of clients for [`Piece::Kv`].
pub fn cells(piece: Piece, systems: &[System], clients: &[u32]) -> Vec<Cell> {
    let rows: Vec<(What, usize, usize)> = match piece {
        Piece::Floor => {
            use What::{Across, Copy, Decode, Encode, Lock, Rendezvous, Within};
            let mut rows =
                [Across, Within, Rendezvous, Lock, Encode, Decode, Copy].map(|what| (what, 0, 0)).to_vec();
            rows.extend([1, 32, 128, 1024].map(|threads| (What::Answer, 0, threads)));
            rows
        }
        Piece::Kv => clients.iter().map(|&clients| (What::Put, 3, clients as usize)).collect(),
        Piece::Entries => vec![(What::Entries, 3, 0)],
        Piece::Own => {
            let mut rows = vec![
                (What::Call, 1, 1),
                (What::PooledCall, 1, 1),
                (What::Command, 3, 1),
                (What::LongLog, 3, 0),
                (What::Channels, 3, 0),
                (What::Appends, 3, 1),
                (What::Join, 3, 10),
            ];
            rows.extend([1, 32].map(|clients| (What::PutSnapshots, 3, clients)));
            rows.extend([1, 32, 128].map(|clients| (What::Get, 3, clients)));
            rows.extend([1, 32, 128].map(|clients| (What::Put, 5, clients)));
            rows.extend([1, 2, 3].map(|groups| (What::Shards, groups, 32)));
            rows
        }
        Piece::Checker => [What::NoReturn, What::Literal, What::Ignored].map(|what| (what, 0, 0)).into(),
    };
    let takes_part = |system: System| match system {
        System::Ours => true,
        System::Before => !matches!(piece, Piece::Floor | Piece::Checker),
        System::Openraft | System::OpenraftOneWorker => piece == Piece::Kv,
        System::RaftRs | System::RaftRsBroadcast => piece == Piece::Entries,
    };
    let systems: Vec<System> = systems.iter().copied().filter(|&system| takes_part(system)).collect();
    rows.into_iter()
        .flat_map(|(what, servers, clients)| {
            systems.iter().map(move |&system| Cell { what, system, servers, clients })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_text_and_back() {
        for piece in Piece::value_variants() {
            for cell in cells(*piece, &[System::Ours, System::Openraft, System::RaftRs], &[1, 32]) {
                assert_eq!(cell.to_string().parse(), Ok(cell));
            }
        }
        let error = "put/ours/3".parse::<Cell>().expect_err("the clients are missing");
        assert!(error.contains("put/ours/3/32"), "{error}");
    }

    #[test]
    fn a_system_is_only_in_the_pieces_that_it_has() {
        let systems = [System::Ours, System::Before, System::Openraft, System::RaftRs];
        let count = |piece, system| {
            cells(piece, &systems, &[1, 32]).iter().filter(|cell| cell.system == system).count()
        };
        assert_eq!(systems.map(|system| count(Piece::Kv, system)), [2, 2, 2, 0]);
        assert_eq!(systems.map(|system| count(Piece::Entries, system)), [1, 1, 0, 1]);
        assert_eq!(count(Piece::Floor, System::Before), 0);
        assert_eq!(count(Piece::Own, System::Openraft), 0);
    }
}
