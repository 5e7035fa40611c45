//! Tasks as OS threads (`LAB_BACKEND=threads`). Only one of these threads runs at a time. We say that this
//! thread has the token. When a task has ended, its thread is used again for later tasks. These may be tasks
//! of later runs. The kernel and the traces are the same as with coroutines, but a switch takes more time.
//! There are two advantages: a stack overflow is reported with the thread's name, and a debugger shows real
//! threads.

use super::kernel::{Kernel, TaskSlot, set_current};
use crate::foreign;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// A binary semaphore that uses `park` and `unpark` of std.
struct Gate {
    open: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Gate {
    fn new() -> Gate {
        Gate { open: AtomicBool::new(false), thread: OnceLock::new() }
    }
    fn open(&self) {
        self.open.store(true, Ordering::Release);
        if let Some(t) = self.thread.get() {
            t.unpark();
        }
    }
    fn wait(&self) {
        while !self.open.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }
}

struct Worker {
    gate: Gate,
    work: Mutex<Option<(Arc<Kernel>, TaskSlot)>>,
}

static IDLE: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

#[derive(Default)]
pub(super) struct Os {
    /// The thread of each started task.
    bound: Mutex<Vec<Option<Arc<Worker>>>>,
    /// The gate that is opened when the run is over.
    root: OnceLock<Arc<Gate>>,
}

impl Os {
    fn grant(&self, k: &Arc<Kernel>, to: Option<TaskSlot>) {
        let Some(slot) = to else {
            self.root.get().expect("the run has been started").open();
            return;
        };
        let w = {
            let mut b = self.bound.lock();
            let i = slot as usize;
            if b.len() <= i {
                b.resize_with(i + 1, || None);
            }
            b[i].get_or_insert_with(|| {
                let w = IDLE.lock().pop().unwrap_or_else(|| new_worker(k.stack));
                *w.work.lock() = Some((k.clone(), slot));
                w
            })
            .clone()
        };
        w.gate.open();
    }

    pub(super) fn switch(&self, k: &Arc<Kernel>, from: TaskSlot, to: Option<TaskSlot>) {
        let me = self.bound.lock()[from as usize].clone().expect("the running task has a thread");
        self.grant(k, to);
        me.gate.wait();
    }

    pub(super) fn drive(&self, k: &Arc<Kernel>, first: TaskSlot) {
        let g = Gate::new();
        let _ = g.thread.set(std::thread::current());
        let g = Arc::new(g);
        let _ = self.root.set(g.clone());
        self.grant(k, Some(first));
        g.wait();
    }

    fn unbind(&self, slot: TaskSlot) {
        self.bound.lock()[slot as usize] = None;
    }
}

fn new_worker(stack: usize) -> Arc<Worker> {
    let w = Arc::new(Worker { gate: Gate::new(), work: Mutex::new(None) });
    let me = w.clone();
    let h = std::thread::Builder::new()
        .name("labrt-task".into())
        .stack_size(stack)
        .spawn(move || {
            foreign::adopt();
            loop {
                me.gate.wait();
                let (k, slot) = me.work.lock().take().expect("a worker with the token has work");
                set_current(Some(k.clone()));
                let next = k.task_main(slot);
                set_current(None);
                let os = k.threads_backend().expect("only this back end makes workers");
                os.unbind(slot);
                IDLE.lock().push(me.clone());
                os.grant(&k, next);
            }
        })
        .expect("the system can start an OS thread");
    let _ = w.gate.thread.set(h.thread().clone());
    w
}
