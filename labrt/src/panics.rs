//! The panic hook: notes where a panic happened, so that the report of a failed run can say it,
//! fails the run for a panic of a foreign thread, and keeps quiet runs quiet. And the end of the
//! process when a run cannot be ended.

use crate::context;
use crate::node::NodeId;
use crate::outcome::panic_text;
use std::cell::Cell;
use std::io::Write;
use std::panic::Location;
use std::sync::Once;

/// The payload with which a thread is unwound when its run is over. Raised by `resume_unwind`, so
/// no hook sees it.
pub(crate) struct Cancelled;

/// A panic, and whose code it happened in.
pub(crate) struct Panic {
    pub(crate) text: String,
    pub(crate) node: NodeId,
}

impl Panic {
    /// One whose place is not known.
    pub(crate) fn of_payload(payload: &(dyn std::any::Any + Send)) -> Panic {
        Panic { text: panic_text(payload), node: context::node() }
    }
}

mod tls {
    use super::*;
    thread_local!(pub(super) static BLAMED: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) });
}

/// The next panic of this thread is reported as one at `place`.
pub(crate) fn blame(place: &'static Location<'static>) {
    tls::BLAMED.set(Some(place));
}

/// Ends the calling thread without a word.
pub(crate) fn cancel() -> ! {
    std::panic::resume_unwind(Box::new(Cancelled))
}

/// Ends the process, because a run cannot be ended, and says why.
///
/// libtest captures what `eprintln!` prints, and shows it when the test has ended: never, in this
/// case. What is written to stderr itself is not captured.
pub(crate) fn exit(why: &str) -> ! {
    // If stderr is closed there is nobody to tell.
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
