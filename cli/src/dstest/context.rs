//! What all chunks of a campaign share.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use super::run::{Mode, Stop, Test};
use super::scratch::Scratch;

/// What all chunks of a campaign share.
pub struct Context {
    /// The tests.
    pub tests: Vec<Test>,
    /// The clock they run on.
    pub mode: Mode,
    /// How long one seed may take, by the real clock.
    pub limit: Duration,
    /// How many failures of a test are replayed and kept.
    pub keep: u64,
    /// Whether the first failure ends the campaign.
    pub until_fail: bool,
    /// Whether the campaign is to end.
    pub stop: Stop,
    /// Where the temporary files go.
    pub scratch: Scratch,
    /// Failures of each test so far.
    pub failures: Vec<AtomicU64>,
    /// Whether the processes of a test report nothing. Then no more of them are started.
    pub broken: Vec<AtomicBool>,
}
