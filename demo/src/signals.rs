//! Ctrl-C, SIGTERM and SIGHUP.

use std::io;

use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicUsize, Ordering};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGINT: what `q` asks for.
    End,
    /// Any other: to be gone at once. Its number.
    Die(u8),
}

/// The signals that have come, instead of dying of them.
pub struct Signals {
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// Notes them from now on.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn new() -> io::Result<Signals> {
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).expect("signals are small positive numbers");
            signal_hook::flag::register_usize(signal, last.clone(), number)?;
        }
        Ok(Signals { last })
    }

    /// What the last signal since the last call asks for.
    pub fn take(&self) -> Option<Asked> {
        match self.last.swap(0, Ordering::SeqCst) {
            0 => None,
            number if i32::try_from(number) == Ok(SIGINT) => Some(Asked::End),
            number => Some(Asked::Die(u8::try_from(number).unwrap_or(u8::MAX))),
        }
    }
}
