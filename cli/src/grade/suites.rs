//! The names of all tests, from the judge's own lists.
//!
//! To get a list of tests from the judge, the caller must name a type that these tests will check. The names
//! of the tests do not depend on this type, so this file uses this project's types. To make the list, nothing
//! is built or run. So a wrong name in grade.toml is found at once.

use labtest::harness::Case;
use labtest::{lab2, lab3, lab4, strict, strict3, strict4};
use mit6824::kvraft::KvServer;
use mit6824::raft::Raft;
use mit6824::shardctrler::ShardCtrler;
use mit6824::shardkv::ShardKv;

/// A suite, which is one test binary.
pub struct Suite {
    /// The name of the suite. The test target has the same name.
    pub name: &'static str,
    /// The tests of the suite, in the order in which they run.
    pub tests: Vec<Listed>,
}

/// A test of a suite.
#[derive(Clone, Copy)]
pub struct Listed {
    /// The name of the test.
    pub name: &'static str,
    /// Whether the test runs only if the user gives its name.
    pub ignored: bool,
}

/// All suites, in the order of the labs, and then the strict suites.
pub fn all() -> Vec<Suite> {
    let lists = [
        ("lab2a", lab2::cases::<Raft>(lab2::Part::A)),
        ("lab2b", lab2::cases::<Raft>(lab2::Part::B)),
        ("lab2c", lab2::cases::<Raft>(lab2::Part::C)),
        ("lab2d", lab2::cases::<Raft>(lab2::Part::D)),
        ("lab3a", lab3::cases::<KvServer>(lab3::Part::A)),
        ("lab3b", lab3::cases::<KvServer>(lab3::Part::B)),
        ("lab4a", lab4::cases_4a::<ShardCtrler>()),
        ("lab4b", lab4::cases_4b::<ShardKv>()),
        ("strict2", strict::cases::<Raft>()),
        ("strict3", strict3::cases::<KvServer>()),
        ("strict4", strict4::cases::<ShardCtrler, ShardKv>()),
    ];
    lists.into_iter().map(|(name, cases)| Suite { name, tests: cases.iter().map(listed).collect() }).collect()
}

fn listed(case: &Case) -> Listed {
    // `leak` does no harm here: the lists are made once, and their names are used until the process ends.
    Listed { name: case.name.clone().leak(), ignored: case.ignored }
}
