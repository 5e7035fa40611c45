//! Part 4A: the shard controller.
//!
//! | file | tests |
//! |---|---|
//! | `basic.rs` | one group joins or leaves at a time |
//! | `multi.rs` | several groups at once; the next leader has the same configuration |
//! | `again.rs` | joins and leaves move few shards (the course's, since 2024) |
//! | `checks.rs` | what a configuration must be like |
//!
//! A test of the course is a row of parts, each with a title of its own. Its checks for the fewest moves look at
//! groups that are not there, see [`Moves`]; the strict twins of the tests, which are ours, look at those that are.

mod again;
mod basic;
mod checks;
mod multi;

use labapi::{CtrlerService, Gid};
use labrt::collections::BTreeMap;
use labrt::thread;

use crate::harness::Case;
use crate::lives::join;
use crate::service::{Client, Config};

pub(super) fn cases<S: CtrlerService>() -> Vec<Case> {
    vec![
        Case::of_course("basic", "TestBasic", basic::basic::<S>),
        Case::of_course("multi", "TestMulti", multi::multi::<S>),
        Case::of_course("minimal_again", "TestMinimalAgain", again::minimal_again::<S>),
        Case::ours("basic_strict", basic::basic_strict::<S>),
        Case::ours("multi_strict", multi::multi_strict::<S>),
    ]
}

/// Whether a test looks at how many shards a join or leave has moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Moves {
    /// As the course does: at the shards of the groups 1 to 10 only. None of these is there, so any moves are fine.
    OfGroupsThatAreNotThere,
    /// At all shards: a change of the groups may move as many as it takes to spread them evenly, and no more.
    AsFewAsPossible,
}

impl Moves {
    /// What a part's title says beyond the course's.
    fn suffix(self) -> &'static str {
        match self {
            Moves::OfGroupsThatAreNotThere => "",
            Moves::AsFewAsPossible => " (strict)",
        }
    }
}

/// How many servers the controller has, and how many clerks work at once.
const SERVERS: usize = 3;
const CLERKS: usize = 10;

/// Groups and the names of their servers.
fn groups(groups: &[(Gid, &[&str])]) -> BTreeMap<Gid, Vec<String>> {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    groups.iter().map(|&(gid, servers)| (gid, names(servers))).collect()
}

/// `CLERKS` clerks at once, each in a thread of its own; waits for all of them.
fn at_once<S: CtrlerService>(cfg: &Config<S>, body: fn(usize, &mut Client<S::Clerk>)) {
    let start = |i: usize| {
        let mut clerk = cfg.make_client(&cfg.all());
        thread::spawn_named(format!("client-{i}"), move || body(i, &mut clerk))
    };
    let clients: Vec<_> = (0..CLERKS).map(start).collect();
    clients.into_iter().for_each(join);
}
