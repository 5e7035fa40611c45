//! How deep calls are nested on a thread.
//!
//! Some functions call a closure of their user, and this closure may call the same function again. With each
//! such call the stack grows. With this module a function learns how deep its calls are nested, and can leave
//! the closure to another thread before the stack is full.

use crate::context;

/// Enters a function that may be called inside of itself. The guard lives until the function returns.
pub fn enter() -> Nesting {
    let depth = context::with(|c| {
        c.nesting += 1;
        c.nesting
    });
    Nesting { depth: depth.unwrap_or_default(), here: std::marker::PhantomData }
}

/// The guard of [`enter`].
#[must_use = "the call counts only as long as the guard lives"]
pub struct Nesting {
    depth: u32,
    /// A guard must be dropped on the thread that has made it.
    here: std::marker::PhantomData<*const ()>,
}

impl Nesting {
    /// Returns how many guards this thread had when this guard was made. The guard itself counts.
    pub fn depth(&self) -> u32 {
        self.depth
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        context::with(|c| c.nesting -= 1);
    }
}
