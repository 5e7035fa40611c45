//! Tasks as stackful coroutines (corosensei), all on the OS thread that called `labrt::run`.

use super::kernel::{Kernel, TaskSlot, set_current};
use crate::context::{self, Context};
use crate::foreign;
use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::RefCell;
use std::sync::Arc;

type Yield = Yielder<(), ()>;
type Co = Coroutine<(), (), (), DefaultStack>;

mod tls {
    use super::*;
    thread_local! {
        /// The yielders of the started tasks. A task suspends itself with its yielder. Entry `s` is valid as
        /// long as the stack of task `s` is valid.
        pub(super) static YIELDERS: RefCell<Vec<*const Yield>> = const { RefCell::new(Vec::new()) };
        /// The stacks of tasks that have ended. Later tasks of this OS thread use these stacks again. These
        /// may be tasks of later runs.
        pub(super) static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
    }
}

/// Suspends the running task `me`. Then `drive` resumes the task that is now the kernel's current task.
pub(super) fn switch(me: TaskSlot) {
    let y = tls::YIELDERS.with(|v| v.borrow()[me as usize]);
    // SAFETY: `me` is the running task. So its yielder is on the current stack, and is valid.
    unsafe { (*y).suspend(()) }
}

fn start(k: &Arc<Kernel>, slot: TaskSlot) -> Co {
    let stack = tls::STACKS.with(|p| {
        let mut p = p.borrow_mut();
        match p.pop() {
            Some(s) if s.base().get() - s.limit().get() >= k.stack => s,
            _ => DefaultStack::new(k.stack).expect("the system has memory for a task's stack"),
        }
    });
    let k = k.clone();
    Coroutine::with_stack(stack, move |y: &Yield, ()| {
        tls::YIELDERS.with(|v| {
            let mut v = v.borrow_mut();
            if v.len() <= slot as usize {
                v.resize(slot as usize + 1, std::ptr::null());
            }
            v[slot as usize] = y;
        });
        k.task_main(slot);
    })
}

/// A task that has been started. While the task does not run, its context is kept here.
struct Task {
    co: Co,
    context: Context,
}

pub(super) fn drive(k: &Arc<Kernel>) {
    // The caller may be a task of another run, the outer run. At the end, the outer run is made current
    // again.
    let outer_run = set_current(Some(k.clone()));
    let _adopted = foreign::adopt_for_now();
    let outer_yielders = tls::YIELDERS.take();
    let mut tasks: Vec<Option<Task>> = Vec::new();
    while let Some(slot) = k.current_task() {
        let i = slot as usize;
        if tasks.len() <= i {
            tasks.resize_with(i + 1, || None);
        }
        let task = tasks[i].get_or_insert_with(|| Task { co: start(k, slot), context: Context::default() });
        let outer = context::swap(std::mem::take(&mut task.context));
        let result = task.co.resume(());
        task.context = context::swap(outer);
        if let CoroutineResult::Return(()) = result {
            let stack = tasks[i].take().expect("this task has just run").co.into_stack();
            tls::STACKS.with(|p| p.borrow_mut().push(stack));
        }
    }
    // The tasks that are left could not be cancelled. Their values are never dropped, and the memory of their
    // stacks is never freed.
    for task in tasks.into_iter().flatten() {
        let mut co = task.co;
        // SAFETY: the stack is never used again, so everything on it stays valid.
        unsafe { co.force_reset() };
        std::mem::forget(co);
    }
    tls::YIELDERS.set(outer_yielders);
    set_current(outer_run);
}
