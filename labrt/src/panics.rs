//! The panic hook, and the function that ends the process if a run cannot be ended.
//!
//! The hook keeps the place of a panic for the report of the failed run. If a foreign thread panics (see
//! `foreign.rs`), the hook fails the run. If the run is quiet, the hook prints nothing.

use crate::context;
use crate::node::NodeId;
use crate::outcome::panic_text;
use std::cell::Cell;
use std::io::Write;
use std::panic::Location;
use std::sync::Once;

/// The payload with which a thread is unwound after its run is over. The unwinding starts with
/// `resume_unwind`, which does not call the hook.
pub(crate) struct Cancelled;

/// A panic, and the node in whose code it happened.
pub(crate) struct Panic {
    pub(crate) text: String,
    pub(crate) node: NodeId,
}

impl Panic {
    /// Makes a `Panic` without a place from the payload of a panic.
    pub(crate) fn of_payload(payload: &(dyn std::any::Any + Send)) -> Panic {
        Panic { text: panic_text(payload), node: context::node() }
    }
}

mod tls {
    use super::*;
    thread_local!(pub(super) static BLAMED: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) });
}

/// Sets the place that is reported for the next panic of this thread.
pub(crate) fn blame(place: &'static Location<'static>) {
    tls::BLAMED.set(Some(place));
}

/// Unwinds the calling thread. This prints nothing.
pub(crate) fn cancel() -> ! {
    std::panic::resume_unwind(Box::new(Cancelled))
}

/// Prints the text `why`, which says why a run cannot be ended. Then ends the process.
///
/// libtest captures what `eprintln!` prints and shows it at the end of the test. Here the test never ends, so
/// that text would be lost. For this reason this function writes directly to stderr, which libtest does not
/// capture.
pub(crate) fn exit(why: &str) -> ! {
    // If there is an error, stderr is closed, and there is nothing left to do.
    let _ = writeln!(std::io::stderr().lock(), "{why}");
    std::process::exit(101);
}

pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = tls::BLAMED.take().or(info.location());
            let place = place.map(|l| format!(" (at {}:{})", l.file(), l.line())).unwrap_or_default();
            let text = panic_text(info.payload()) + &place;
            let panic = Panic { text, node: context::node() };
            if !crate::imp::on_panic(panic) {
                before(info);
            }
        }));
    });
}
