//! Code that both test files use.

use labrt::sync::Mutex;

/// Runs the body of a test. In real time only one test of a file runs at a time, as in Go. The reason is that
/// some tests have time limits of only a few milliseconds.
pub fn run(body: impl Fn() + Send + Sync + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = (!labrt::is_sim()).then(|| ALONE.lock());
    labrt::run(body);
}
