//! How the kernel schedules the threads that labrt starts.

/// Asks the kernel to schedule the calling thread with the policy `SCHED_BATCH` of Linux.
///
/// The servers and clients of a run wake each other all the time. With the usual policy, the thread that was
/// woken often interrupts the thread that has woken it. With `SCHED_BATCH` it does not. So a thread finishes
/// more of its work before another thread gets the core, and there are fewer switches between threads. A
/// thread may start some milliseconds later, but the shortest timeouts of the labs are much longer.
///
/// If the thread has another policy than the usual one, the policy stays: somebody has chosen it for this
/// process. The nice value always stays. If the kernel refuses the policy, the thread is only slower.
#[cfg(target_os = "linux")]
pub(super) fn ask_for_batch_policy() {
    use thread_priority::{
        NormalThreadSchedulePolicy::{Batch, Other},
        ThreadPriority, ThreadPriorityValue,
        ThreadSchedulePolicy::Normal,
        set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
    };

    if thread_schedule_policy() != Ok(Normal(Other)) {
        return;
    }
    // Linux has a nice value for each thread, and this call reads that of the calling thread.
    let Ok(nice) = rustix::process::getpriority_process(None) else { return };
    // The crate always sets a nice value, too. It has other numbers for the nice values, from 0 to 99.
    let same_nice = (0..=99)
        .filter_map(|number| ThreadPriorityValue::try_from(number).ok())
        .map(ThreadPriority::Crossplatform)
        .find(|priority| priority.to_posix(Normal(Batch)) == Ok(nice));
    if let Some(priority) = same_nice {
        let _ = set_thread_priority_and_policy(thread_native_id(), priority, Normal(Batch));
    }
}

/// The policy exists only on Linux.
#[cfg(not(target_os = "linux"))]
pub(super) fn ask_for_batch_policy() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::ask_for_batch_policy;
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

    /// Gives the calling thread a policy and a nice value. Returns false if the kernel refuses.
    fn set(policy: ThreadSchedulePolicy, priority: ThreadPriority) -> bool {
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    }

    /// Can these tests see what the function does? If not, this says why.
    fn can_test() -> bool {
        let (policy, nice) = now();
        let allowed = on_a_thread(|| set(Normal(Batch), ThreadPriority::Min));
        if policy != Normal(Other) || !allowed {
            eprintln!(
                "skipped: the process has the policy {policy:?}, nice value {nice}; SCHED_BATCH allowed: {allowed}"
            );
        }
        policy == Normal(Other) && allowed
    }

    #[test]
    fn all_threads_of_a_run_have_the_policy() {
        if !can_test() {
            return;
        }
        let before = now();
        let check = move || assert_eq!(now(), (Normal(Batch), before.1));
        crate::run(move || {
            check();
            crate::thread::spawn(check).join().expect("no panic");
            crate::thread::spawn_named("named", check).join().expect("no panic");
        });
        assert_eq!(now(), before, "the thread that starts the run is no thread of the run");
    }

    #[test]
    fn the_nice_value_stays() {
        if !can_test() {
            return;
        }
        for nice in getpriority_process(None).expect("the nice value")..=19 {
            on_a_thread(|| {
                setpriority_process(None, nice).expect("each thread may become nicer");
                ask_for_batch_policy();
                assert_eq!(now(), (Normal(Batch), nice));
            });
        }
    }

    #[test]
    fn a_chosen_policy_stays() {
        if !can_test() {
            return;
        }
        on_a_thread(|| {
            assert!(set(Normal(Idle), ThreadPriority::Min), "each thread may get the lowest policy");
            ask_for_batch_policy();
            assert_eq!(now().0, Normal(Idle));
        });
    }
}
