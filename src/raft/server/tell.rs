//! Reports what the rules have done: in the trace ([`observe`]), and in the log lines of `LAB_LOG`.

use crate::raft::core::Core;
use crate::raft::effects::Event;
use crate::raft::messages::{Conflict, Entry};
use labapi::{Role, observe};
use labrt::dlog;

/// Writes the server's first state into the trace and the log.
pub(super) fn restored(core: &Core) {
    let state = observe::Restored {
        term: core.current_term(),
        voted_for: core.voted_for(),
        last_included_index: core.log().last_included_index(),
        last_included_term: core.log().last_included_term(),
        snapshot: core.snapshot_data(),
    };
    observe::restore(&state, core.log().iter_from(0).map(Entry::parts));
}

/// Writes one event of the last rule into the trace and the log. `core` has the state after that rule.
pub(super) fn event(core: &Core, event: &Event) {
    let (log, current_term) = (core.log(), core.current_term());
    match *event {
        Event::TermRose(term) => observe::term(term),
        Event::Voted { candidate, term } => {
            observe::vote(candidate, term);
            dlog!(VOTE, current_term, "votes for S{candidate}");
        }
        Event::VoteRefused { candidate, term, cause } => {
            observe::vote_refused(candidate, term, cause);
            dlog!(VOTE, current_term, "no vote for S{candidate} in term {term}: {cause}");
        }
        Event::PreVotesAsked(term) => dlog!(VOTE, current_term, "asks for pre-votes for term {term}"),
        Event::PreVoteAnswered { candidate, term, refusal: None } => {
            dlog!(VOTE, current_term, "would vote for S{candidate} in term {term}");
        }
        Event::PreVoteAnswered { candidate, term, refusal: Some(cause) } => {
            dlog!(VOTE, current_term, "would not vote for S{candidate} in term {term}: {cause}");
        }
        Event::TransferBegan(target) => {
            dlog!(LEAD, current_term, "transfers the leadership to S{target}");
        }
        Event::TransferEnded(target) => {
            dlog!(LEAD, current_term, "gives up the transfer of the leadership to S{target}");
        }
        Event::RoleChanged { role, term, cause } => {
            observe::role(role, term, cause);
            dlog!(TERM, term, "{}: {cause}", role.name());
            if role == Role::Leader {
                dlog!(LEAD, term, "leads, log ends at {}", log.last_index());
            }
        }
        Event::Appended { first, last } => {
            let count = usize::try_from(last + 1 - first).unwrap_or(usize::MAX);
            observe::append(first, log.iter_from(first).take(count).map(Entry::parts));
            match core.is_leader() {
                true => dlog!(LOG1, current_term, "takes in {last}"),
                false => dlog!(LOG2, current_term, "stores {first}..={last}"),
            }
        }
        Event::Truncated { from, dropped } => observe::truncate(from, dropped),
        Event::Committed(index) => {
            observe::commit(index, current_term);
            dlog!(CMIT, current_term, "commits up to {index}");
        }
        Event::Applied(index) => observe::apply(index),
        Event::SnapshotKept(source) => {
            let (index, term) = (log.last_included_index(), log.last_included_term());
            let data = core.snapshot_data();
            observe::snapshot(source, index, term, log.last_index(), data);
            dlog!(SNAP, current_term, "snapshot up to {index}, {source}, {} bytes", data.len());
        }
        Event::EntriesRefused { prev, conflict: Conflict { index, term } } => {
            dlog!(LOG2, current_term, "refuses entries after {prev}: may agree up to {index}, term {term}");
        }
        Event::RefusalHeard { peer, prev, conflict: Some(Conflict { index, term }) } => {
            let hint = format_args!("may agree up to {index}, term {term}");
            dlog!(LOG1, current_term, "S{peer} refused entries after {prev}: {hint}");
        }
        Event::RefusalHeard { peer, prev, conflict: None } => {
            dlog!(LOG1, current_term, "S{peer} refused entries after {prev}");
        }
    }
}
