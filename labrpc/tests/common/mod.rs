//! What both test files use.

use labrt::sync::Mutex;

/// Runs a test body. On the real clock one test of a file at a time, as in Go: some have time
/// limits of milliseconds.
pub fn run(body: impl Fn() + Send + Sync + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = (!labrt::is_sim()).then(|| ALONE.lock());
    labrt::run(body);
}
