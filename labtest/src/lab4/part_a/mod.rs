//! Part 4A: the shard controller.
//!
//! | file | tests |
//! |---|---|
//! | `basic.rs` | one group joins or leaves at a time |
//! | `multi.rs` | several groups join or leave in one request; the next leader has the same configuration |
//! | `again.rs` | joins and leaves move few shards (the course has had this test since 2024) |
//! | `checks.rs` | checks of configurations |
//!
//! A test of the course has several parts, and each part has a title of its own. Some parts check that a
//! change of the groups moves as few shards as possible. In the course, these checks can find no mistake:
//! they look only at the groups 1 to 10, and no test makes a group with such a gid (see [`Moves`]). The cases
//! whose names end in `_strict` are not in the course. They look at the groups that exist.

mod again;
mod basic;
pub(crate) mod checks;
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

/// Which shards a test considers when it checks that a join or a leave has moved as few shards as possible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Moves {
    /// The test considers only the shards of the groups 1 to 10, as the course does. These groups do not
    /// exist, so the test accepts all moves.
    OfGroupsThatAreNotThere,
    /// The test considers all shards. A change of the groups may move only as many shards as are needed to
    /// spread the shards evenly.
    AsFewAsPossible,
}

impl Moves {
    /// The text that is appended to the course's title of a part.
    fn suffix(self) -> &'static str {
        match self {
            Moves::OfGroupsThatAreNotThere => "",
            Moves::AsFewAsPossible => " (strict)",
        }
    }
}

/// `SERVERS` is the number of the controller's servers. `CLERKS` is the number of clerks that work at the
/// same time.
pub(crate) const SERVERS: usize = 3;
const CLERKS: usize = 10;

/// Converts a list of groups, with the names of their servers, to the type of the argument of a join.
pub(crate) fn groups(groups: &[(Gid, &[&str])]) -> BTreeMap<Gid, Vec<String>> {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    groups.iter().map(|&(gid, servers)| (gid, names(servers))).collect()
}

/// Runs `CLERKS` clerks at the same time, each in a thread of its own, and waits for all of them.
fn at_once<S: CtrlerService>(cfg: &Config<S>, body: fn(usize, &mut Client<S::Clerk>)) {
    let start = |i: usize| {
        let mut clerk = cfg.make_client(&cfg.all());
        thread::spawn_named(format!("client-{i}"), move || body(i, &mut clerk))
    };
    let clients: Vec<_> = (0..CLERKS).map(start).collect();
    clients.into_iter().for_each(join);
}
