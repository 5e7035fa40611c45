//! The signals SIGINT (Ctrl-C), SIGTERM and SIGHUP.

use std::io;

use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicUsize, Ordering};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The signal was SIGINT. It has the same effect as the key `q`.
    End,
    /// The signal was another one. It asks the process to end at once. The value is the number of the signal.
    Die(u8),
}

/// Notes the signals that arrive. So the signals do not end the process.
pub struct Signals {
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// Installs the handlers. From now on signals are noted.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub fn new() -> io::Result<Signals> {
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).expect("the number of a signal is small and positive");
            signal_hook::flag::register_usize(signal, last.clone(), number)?;
        }
        Ok(Signals { last })
    }

    /// What the last signal asks for, if there was one since the last call.
    pub fn take(&self) -> Option<Asked> {
        match self.last.swap(0, Ordering::SeqCst) {
            0 => None,
            number if i32::try_from(number) == Ok(SIGINT) => Some(Asked::End),
            number => Some(Asked::Die(u8::try_from(number).unwrap_or(u8::MAX))),
        }
    }
}
