//! Describes messages and changes of state with the words of the paper.

use labapi::Role;
use mit6824::raft::{
    AppendEntriesArgs, AppendEntriesReply, Conflict, Core, Entry, InstallSnapshotArgs, Message,
    RequestVoteArgs,
};

/// Describes what a request contains.
pub fn request(message: &Message) -> String {
    match message {
        Message::RequestVote(RequestVoteArgs { term, last_log_index, last_log_term, .. }) => {
            let end = match last_log_index {
                0 => "the candidate's log is empty".to_owned(),
                index => format!("the candidate's log ends at {index} (term {last_log_term})"),
            };
            format!("RequestVote, term {term}: {end}")
        }
        Message::AppendEntries(args) => {
            let AppendEntriesArgs { term, prev_log_index, prev_log_term, entries, leader_commit, .. } = args;
            let after = match prev_log_index {
                0 => "from the beginning".to_owned(),
                index => format!("after {index} (term {prev_log_term})"),
            };
            let what = match entries.is_empty() {
                true => "nothing".to_owned(),
                false => range(prev_log_index + 1, &terms(entries)),
            };
            format!("AppendEntries, term {term}: {after}: {what}; committed {leader_commit}")
        }
        Message::InstallSnapshot(args) => {
            let InstallSnapshotArgs { term, last_included_index, last_included_term, .. } = args;
            format!("InstallSnapshot, term {term}: up to {last_included_index} (term {last_included_term})")
        }
        Message::PreVote(_) | Message::TimeoutNow(_) | Message::TransferVote(_) => {
            unreachable!("the scripts use nothing beyond Figure 2")
        }
    }
}

/// Describes the reply to an AppendEntries of `term`.
pub fn append_reply(reply: &AppendEntriesReply, term: u64) -> String {
    match reply.conflict {
        _ if reply.success => "success".to_owned(),
        _ if reply.term > term => format!("refused: it is term {} here", reply.term),
        None => "refused".to_owned(),
        Some(Conflict { index: 0, .. }) => "refused: we may agree on nothing".to_owned(),
        Some(Conflict { index, term }) => format!("refused: we may agree up to {index} (term {term})"),
    }
}

/// Describes some entries, for example `4 (term 2)` or `4..6 (terms 2 2 3)`.
fn range(first: u64, terms: &[u64]) -> String {
    match terms {
        [term] => format!("{first} (term {term})"),
        terms => {
            let list: Vec<String> = terms.iter().map(u64::to_string).collect();
            format!("{first}..{} (terms {})", first + terms.len() as u64 - 1, list.join(" "))
        }
    }
}

fn terms(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.term).collect()
}

/// The part of a server's state that the output shows.
#[derive(Clone)]
pub struct View {
    term: u64,
    role: Role,
    voted_for: Option<usize>,
    covered: u64,
    terms: Vec<u64>,
    commit_index: u64,
    next_indices: Vec<Option<u64>>,
}

impl View {
    pub fn of(core: &Core) -> View {
        let next_index = |peer| Some(core.progress(peer)?.next_index());
        View {
            term: core.current_term(),
            role: core.role(),
            voted_for: core.voted_for(),
            covered: core.log().last_included_index(),
            terms: core.log().iter_from(0).map(|entry| entry.term).collect(),
            commit_index: core.commit_index(),
            next_indices: (0..core.servers()).map(next_index).collect(),
        }
    }

    fn last(&self) -> u64 {
        self.covered + self.terms.len() as u64
    }

    fn term_at(&self, index: u64) -> Option<u64> {
        self.terms.get(index.checked_sub(self.covered + 1)? as usize).copied()
    }

    fn terms_from(&self, index: u64) -> &[u64] {
        self.terms.get((index - self.covered - 1) as usize..).unwrap_or_default()
    }

    /// Describes how the server `me` has changed from the state `self` to the state `now`. The text is empty
    /// if nothing has changed.
    pub fn changes(&self, now: &View, me: usize, names: &[String]) -> String {
        let mut words = Vec::new();
        if now.term != self.term {
            words.push(format!("enters term {}", now.term));
        }
        match (self.role, now.role) {
            (_, Role::Candidate) if (now.term, now.role) != (self.term, self.role) => {
                words.push("stands for election".to_owned());
            }
            (Role::Candidate | Role::Follower, Role::Leader) => {
                words.push(format!("leads term {}", now.term))
            }
            (Role::Leader, Role::Follower) => words.push("steps down".to_owned()),
            (Role::Candidate, Role::Follower) => words.push("gives up its candidacy".to_owned()),
            _ => {}
        }
        if let Some(candidate) =
            now.voted_for.filter(|_| now.voted_for != self.voted_for || now.term != self.term)
            && candidate != me
        {
            words.push(format!("votes for {}", names[candidate]));
        }
        self.log_changes(now, &mut words);
        if now.commit_index > self.commit_index {
            words.push(format!("commits up to {}", now.commit_index));
        }
        for (peer, (old, new)) in self.next_indices.iter().zip(&now.next_indices).enumerate() {
            if let Some((old, new)) = old.zip(*new).filter(|(old, new)| new < old) {
                words.push(format!("nextIndex[{}] falls from {old} to {new}", names[peer]));
            }
        }
        words.join(", ")
    }

    fn log_changes(&self, now: &View, words: &mut Vec<String>) {
        // Entries up to this index cannot be compared, because a snapshot covers them.
        let begin = self.covered.max(now.covered);
        if now.covered > self.covered {
            words.push(format!("keeps a snapshot up to {} in place of the entries", now.covered));
        }
        let ends = self.last().max(now.last());
        let departs = (begin + 1..=ends).find(|&index| self.term_at(index) != now.term_at(index));
        let Some(first) = departs else { return };
        if first <= self.last() {
            words.push(format!("drops {}", range(first, self.terms_from(first))));
        }
        if first <= now.last() {
            words.push(format!("appends {}", range(first, now.terms_from(first))));
        }
    }

    fn row(&self) -> String {
        let cell = |index: u64| {
            let term = self.term_at(index).map_or(".".to_owned(), |term| term.to_string());
            format!("{term:>3}{}", if index == self.commit_index { '|' } else { ' ' })
        };
        (1..=self.last()).map(cell).collect()
    }
}

/// Shows the logs of all servers, one below the other.
pub fn table(servers: &[(&str, Option<View>)]) -> Vec<String> {
    let name = |view: &Option<View>| match view {
        None => "down".to_owned(),
        Some(View { role: Role::Leader, term, .. }) => format!("term {term}, leads"),
        Some(View { role: Role::Candidate, term, .. }) => format!("term {term}, stands"),
        Some(View { term, .. }) => format!("term {term}"),
    };
    let heads: Vec<(String, String)> =
        servers.iter().map(|(server, view)| ((*server).to_owned(), name(view))).collect();
    let width = |column: fn(&(String, String)) -> usize| heads.iter().map(column).max().unwrap_or(0);
    let (names, states) = (width(|head| head.0.len()), width(|head| head.1.len()));
    let longest = servers.iter().filter_map(|(_, view)| view.as_ref().map(View::last)).max().unwrap_or(0);
    let line = |name: &str, state: &str, row: &str| {
        format!("{name:names$}  {state:states$} {row}").trim_end().to_owned()
    };
    let indices: String = (1..=longest).map(|index| format!("{index:>3} ")).collect();
    let rows = servers.iter().zip(&heads).map(|((_, view), (name, state))| {
        line(name, state, &view.as_ref().map(View::row).unwrap_or_default())
    });
    [line("", "index", &indices)].into_iter().chain(rows).collect()
}
