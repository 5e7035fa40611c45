//! What the course's tests leave open.

use crate::tester::harness::Case;
use crate::tester::shards::Sharded;

pub(super) fn cases<S: Sharded>() -> Vec<Case> {
    vec![]
}
