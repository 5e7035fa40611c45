//! A monitor of the rules of Raft. It compares the reports of the servers with an executable specification.
//! It fails the run at the first event that no correct Raft could make.
//!
//! * `spec.rs` is the specification. It is written to be read beside Figure 2 of the paper.
//! * `shards.rs` is the specification of the sharded service: which group serves which shard.
//! * `rules.rs` has the rules that the specification checks: each rule has a name, the section of
//!   the paper that states it, and a sentence.
//! * `read.rs` turns events into the arguments of the specification.
//!
//! The monitor reads the events of `labapi::observe`, the saves that the persister reports, and the crashes
//! that the test makes. It checks a server only if the server calls
//! [`observe::restore`](labapi::observe::restore) when it starts. A server that calls it must also make all
//! other calls of `observe`. Each call must come at the moment of the event that it reports. A Raft without
//! these calls is not checked. The same is true for a sharded service and the functions of
//! [`observe::shards`](labapi::observe::shards).
//!
//! The monitor is on in virtual time, and off on real threads. `LAB_MONITOR=1` and `LAB_MONITOR=0` change
//! this.

mod log;
mod read;
mod rules;
mod shards;
mod spec;
#[cfg(test)]
mod tests;

use labapi::{HAS_A_LEADER, NO_QUORUM, PROMISED, Role};
use labrt::collections::BTreeMap;

use labrt::trace::{LiveEvent, Observer};

use log::Log;
use read::{Fields, short};
use shards::Shards;
use spec::{Act, At, Breach, Checked, Group, Saved};

use crate::variables::switch;

pub use rules::{ALL as RULES, Rule};

/// The environment variable that switches the monitor on or off.
pub(crate) const VARIABLE: &str = "LAB_MONITOR";

/// Reads the variable. `None` means that it is not set.
///
/// # Errors
/// If the value is neither 1 nor 0. The message names the variable, the value and what was expected.
pub(crate) fn read() -> Result<Option<bool>, String> {
    switch(VARIABLE, "1 (the monitor is on) or 0 (it is off)")
}

/// Makes the monitor of a run.
pub(crate) fn begin() -> Box<dyn Observer> {
    Box::<Monitor>::default()
}

/// The monitor of one run.
#[derive(Default)]
struct Monitor {
    /// The Raft groups, by their number.
    groups: BTreeMap<u16, Group>,
    /// The servers of the sharded service.
    shards: Shards,
}

impl Observer for Monitor {
    fn see(&mut self, event: &LiveEvent<'_>) -> Result<(), String> {
        match self.check(event) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(Breach { rule, text })) => Err(format!("{rule}: {text}. {}", rule.sentence)),
        }
    }

    fn describe(&self) -> Vec<String> {
        self.groups.iter().flat_map(|(&number, group)| group.describe(number)).collect()
    }
}

impl Monitor {
    /// Returns `None` if the specification does not know the event, or if the event lacks a field.
    fn check(&mut self, event: &LiveEvent<'_>) -> Option<Checked> {
        let LiveEvent { node, links, .. } = *event;
        if node.is_none() {
            return None;
        }
        let act = Act {
            server: usize::from(node.index),
            life: node.incarnation,
            thread: event.thread,
            at: At(event.time),
        };
        let fields = Fields(event.fields);
        let number = |name| fields.number(name);
        if let Some(what) = event.kind.name().strip_prefix("shardkv.") {
            return self.check_shards(event, what);
        }
        let group = self.groups.entry(node.group).or_default();
        let checked = match event.kind.name() {
            "fault.restart" => {
                group.start(act);
                self.shards.start(node);
                Ok(())
            }
            "fault.crash" => {
                group.crash(act);
                Ok(())
            }
            "persister.save" => {
                group.save(act, number("state")?, number("snapshot")?);
                Ok(())
            }
            "rpc.replied" => {
                group.replied(act, links.id);
                Ok(())
            }
            "raft.restore" => {
                let base = fields.place("last_included_index", "last_included_term")?;
                let saved = Saved {
                    term: number("term")?,
                    voted_for: fields.server("voted_for"),
                    log: Log::new(base, fields.entries()?),
                    snapshot: number("snapshot")?,
                };
                group.restore(act, saved)
            }
            "raft.term" => group.term(act, number("term")?),
            "raft.role" if links.cause == NO_QUORUM && fields.role()? == Role::Follower => {
                group.no_quorum(act, number("term")?)
            }
            "raft.role" => group.role(act, fields.role()?, number("term")?),
            "raft.vote" if links.cause == "granted" => {
                group.vote(act, fields.server("candidate")?, number("term")?)
            }
            "raft.vote" if [HAS_A_LEADER, PROMISED].contains(&links.cause) => {
                let promised = links.cause == PROMISED;
                group.candidate_ignored(act, fields.server("candidate")?, number("term")?, promised)
            }
            "raft.vote" => group.vote_refused(act, fields.server("candidate")?, number("term")?),
            "raft.append" => group.append(act, number("first")?, &fields.entries()?),
            "raft.truncate" => group.truncate(act, number("from")?, links.parent),
            "raft.commit" => group.commit(act, number("index")?),
            "raft.apply" => group.apply(act, number("index")?),
            "raft.snapshot" => {
                let own = links.cause == "own";
                let base = fields.place("index", "term")?;
                group.snapshot(act, own, base, number("last")?, number("snapshot")?)
            }
            "raft.request" => group.request(act, links.id, fields.request()?),
            "raft.reply" => group.reply(act, links.id, fields.reply()?),
            "apply" => group.delivered(act, number("index")?, short(number("command")?)),
            _ => return None,
        };
        Some(checked)
    }

    /// Checks an event of the sharded service, see [`labapi::observe::shards`].
    fn check_shards(&mut self, event: &LiveEvent<'_>, what: &str) -> Option<Checked> {
        let LiveEvent { node, links, .. } = *event;
        let (at, fields, shards) = (At(event.time), Fields(event.fields), &mut self.shards);
        let config = || Some((fields.number("num")?, fields.numbers("owners")?));
        let checked = match what {
            "restore" => {
                let serves = fields.numbers("serves")?;
                shards.restore(node, at, fields.number("gid")?, config()?, &serves)
            }
            "configured" => shards.configured(node, at, config()?),
            "given" => shards.given(node, at, fields.shard()?, fields.contents()?),
            "served" => shards.served(node, at, fields.shard()?, fields.source(links.cause)?),
            "answered" => shards.answered(node, at, fields.server("shard")?),
            _ => return None,
        };
        Some(checked)
    }
}
