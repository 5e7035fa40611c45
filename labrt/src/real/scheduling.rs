//! How the kernel schedules the threads of a run.

/// Asks the kernel to schedule the calling thread with the policy `SCHED_BATCH` of Linux. The threads
/// that it starts inherit the policy.
///
/// The servers and clients of a run wake each other all the time. With the usual policy, a thread that wakes
/// often interrupts the thread that runs. With `SCHED_BATCH` the other one finishes its work first, so it can
/// hand on more work at once, and there are fewer switches between threads. It does not matter that a thread
/// starts some milliseconds later, because the shortest timeouts of the labs are much longer.
///
/// If the thread has another policy than the usual one, or a nice value, both stay: somebody has chosen how
/// this process is scheduled. If the kernel refuses the policy, the thread is only slower.
#[cfg(target_os = "linux")]
pub(super) fn hand_on_more_at_once() {
    use thread_priority::{
        NormalThreadSchedulePolicy::{Batch, Other},
        ThreadPriority, ThreadPriorityValue,
        ThreadSchedulePolicy::Normal,
        set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
    };
    /// The nice value 0 in the crate's numbers, which go from 0 to 99. The crate sets the nice value, too.
    const NICE_0: u8 = 48;

    let usual =
        thread_schedule_policy() == Ok(Normal(Other)) && rustix::process::getpriority_process(None) == Ok(0);
    if usual && let Ok(nice_0) = ThreadPriorityValue::try_from(NICE_0) {
        let _ = set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Crossplatform(nice_0),
            Normal(Batch),
        );
    }
}

/// The policy exists only on Linux.
#[cfg(not(target_os = "linux"))]
pub(super) fn hand_on_more_at_once() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::hand_on_more_at_once;
    use rustix::process::{getpriority_process, setpriority_process};
    use thread_priority::{
        NormalThreadSchedulePolicy::{Batch, Idle, Other},
        ThreadPriority,
        ThreadSchedulePolicy::{self, Normal},
        set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
    };

    /// The policy and the nice value of the calling thread.
    fn now() -> (ThreadSchedulePolicy, i32) {
        (thread_schedule_policy().expect("the policy"), getpriority_process(None).expect("the nice value"))
    }

    /// Calls `f` on a thread of its own, because a thread cannot always take back a policy or a nice value.
    fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|s| s.spawn(f).join().expect("no panic"))
    }

    #[test]
    fn all_threads_of_a_run_have_the_policy() {
        if now() != (Normal(Other), 0) {
            eprintln!("skipped: this process runs with {:?}", now());
            return;
        }
        let check = || assert_eq!(now(), (Normal(Batch), 0));
        crate::run(move || {
            check();
            crate::thread::spawn(check).join().expect("no panic");
            crate::thread::spawn_named("named", check).join().expect("no panic");
        });
        assert_eq!(now(), (Normal(Other), 0), "the thread that starts the run is no thread of the run");
    }

    #[test]
    fn a_chosen_policy_or_nice_value_stays() {
        on_a_thread(|| {
            setpriority_process(None, 19).expect("each thread may become nicer");
            let before = now();
            hand_on_more_at_once();
            assert_eq!(now(), before);
        });
        on_a_thread(|| {
            let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, Normal(Idle));
            hand_on_more_at_once();
            assert_eq!(now().0, Normal(Idle));
        });
    }
}
