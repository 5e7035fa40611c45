//! The CPU time of this process.

use labrt::time::Duration;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// The CPU time of all threads of this process, those that have ended included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// The time in the program itself.
    pub program: Duration,
    /// The time in the system, for this process.
    pub system: Duration,
}

impl CpuTime {
    /// The CPU time since the start of this process.
    ///
    /// # Panics
    /// If the system does not tell it. Linux always does.
    pub fn so_far() -> CpuTime {
        let time = |it: TimeVal| Duration::new(it.tv_sec().unsigned_abs(), it.tv_usec() as u32 * 1000);
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system tells the CPU time of this process");
        CpuTime { program: time(usage.user_time()), system: time(usage.system_time()) }
    }

    /// The CPU time since an earlier moment.
    pub fn since(self, earlier: CpuTime) -> CpuTime {
        CpuTime {
            program: self.program.saturating_sub(earlier.program),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_in_the_program() {
        let before = CpuTime::so_far();
        let mut sum = 0_u64;
        // The system counts CPU time in steps of some milliseconds.
        while CpuTime::so_far().since(before).program < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(1));
        }
        let after = CpuTime::so_far();
        assert!(after.since(before).program >= Duration::from_millis(20));
        assert_eq!(before.since(after), CpuTime::default());
    }
}
