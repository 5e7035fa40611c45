//! Reads the fields of an event.

use labapi::Role;
use labrt::trace::Field;

use super::log::{Entry, Place};
use super::shards::{Contents, Source};
use super::spec::{Reply, Request};

/// The named fields of an event.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a [(&'static str, Field<'a>)]);

impl<'a> Fields<'a> {
    fn get(self, name: &str) -> Option<&'a Field<'a>> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    pub fn number(self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Field::U(number) | Field::X(number) => Some(*number),
            _ => None,
        }
    }

    pub fn server(self, name: &str) -> Option<usize> {
        usize::try_from(self.number(name)?).ok()
    }

    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Field::T(text) => Some(text),
            _ => None,
        }
    }

    /// A list of numbers: `100,101,0`.
    pub fn numbers(self, name: &str) -> Option<Vec<u64>> {
        let items = self.text(name)?.split(',').filter(|item| !item.is_empty());
        items.map(|item| item.parse().ok()).collect()
    }

    fn yes(self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Field::B(yes) => Some(*yes),
            _ => None,
        }
    }

    pub fn place(self, index: &str, term: &str) -> Option<Place> {
        Some(Place { index: self.number(index)?, term: self.number(term)? })
    }

    pub fn role(self) -> Option<Role> {
        let name = self.text("role")?;
        [Role::Follower, Role::Candidate, Role::Leader].into_iter().find(|role| role.name() == name)
    }

    /// The entries in the fields `terms` (`1*2,3` means the terms 1, 1, 3) and `commands`.
    pub fn entries(self) -> Option<Vec<Entry>> {
        let mut commands = self.text("commands")?.split(',');
        let mut entries = Vec::new();
        for run in self.text("terms")?.split(',').filter(|run| !run.is_empty()) {
            let (term, count) = run.split_once('*').unwrap_or((run, "1"));
            let (term, count) = (term.parse().ok()?, count.parse::<usize>().ok()?);
            for _ in 0..count {
                let command = u32::from_str_radix(commands.next()?, 16).ok()?;
                entries.push(Entry { term, command });
            }
        }
        Some(entries)
    }

    pub fn request(self) -> Option<Request> {
        let term = self.number("term")?;
        match self.text("rpc")? {
            "RequestVote" => Some(Request::Vote {
                term,
                candidate: self.server("candidate")?,
                last: self.place("last_log_index", "last_log_term")?,
            }),
            "PreVote" => Some(Request::PreVote {
                term,
                candidate: self.server("candidate")?,
                last: self.place("last_log_index", "last_log_term")?,
            }),
            "TimeoutNow" => Some(Request::TimeoutNow { term }),
            "AppendEntries" => Some(Request::Append {
                term,
                leader: self.server("leader")?,
                prev: self.place("prev_log_index", "prev_log_term")?,
                entries: self.entries()?,
                commit: self.number("leader_commit")?,
            }),
            "InstallSnapshot" => Some(Request::Install {
                term,
                leader: self.server("leader")?,
                last: self.place("last_included_index", "last_included_term")?,
                snapshot: self.number("snapshot")?,
            }),
            _ => None,
        }
    }

    /// The number of a configuration, and a shard.
    pub fn shard(self) -> Option<(u64, usize)> {
        Some((self.number("num")?, self.server("shard")?))
    }

    pub fn contents(self) -> Option<Contents> {
        Some(Contents { data: self.number("data")?, sessions: self.number("sessions")? })
    }

    /// The reason why a group serves a shard, from the event's cause.
    pub fn source(self, cause: &str) -> Option<Source> {
        match cause {
            "new" => Some(Source::New),
            "received" => Some(Source::Received(self.contents()?)),
            "never left" => Some(Source::NeverLeft),
            _ => None,
        }
    }

    pub fn reply(self) -> Option<Reply> {
        let term = self.number("term")?;
        match self.text("rpc")? {
            "RequestVote" => Some(Reply::Vote { term, granted: self.yes("vote_granted")? }),
            "PreVote" => Some(Reply::PreVote { term, granted: self.yes("vote_granted")? }),
            "TimeoutNow" => Some(Reply::TimeoutNow { term }),
            "AppendEntries" => Some(Reply::Append { term, success: self.yes("success")? }),
            "InstallSnapshot" => Some(Reply::Install { term }),
            _ => None,
        }
    }
}

/// Computes the short digest of a command from its long digest. Some events have the short digest, and others
/// have the long one.
pub fn short(digest: u64) -> u32 {
    (digest ^ (digest >> 32)) as u32
}
