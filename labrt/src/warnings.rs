//! Warnings about faults that do not fail the run. Each warning is printed and counted.

use crate::imp;
use crate::world::World;
use std::fmt::Display;
use std::sync::atomic::Ordering::Relaxed;

/// Prints `[lab] warning: text` on stderr and counts the warning for the current run (see
/// [`Stats::warnings`](crate::Stats::warnings)). Outside a run the warning is only printed.
pub fn warning(text: impl Display) {
    print(&text);
    imp::with_world_if_any(|world| {
        if let Some(world) = world {
            count(world);
        }
    });
}

pub(crate) fn print(text: &impl Display) {
    eprintln!("[lab] warning: {text}");
}

/// Counts a warning for the run that owns `world`.
pub(crate) fn count(world: &World) {
    world.warnings.fetch_add(1, Relaxed);
}
