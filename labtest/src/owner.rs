//! The end of a test, for all harnesses.

use std::ops::Deref;

use labrt::sync::Arc;

use super::output;

/// What a cluster does at the end of a test.
pub trait Finish {
    /// Fails a test that has taken longer than its limit. It does not interrupt a test.
    fn check_timeout(&self);

    /// The line of a test that has passed.
    fn passed_line(&self) -> String;

    /// Stops everything: every server, then the network. Checks that no thread of a server is left
    /// behind.
    fn cleanup(&self);

    /// The test has failed. Its run is over, and labrt ends the threads. This stops the network, and all that
    /// would go on otherwise.
    fn abandon(&self);
}

/// The owner of a cluster under test. It is dropped when the test's body returns, and the cluster ends with
/// it.
///
/// A body ends with [`Owner::end`], which makes the last checks and prints the course's line.
#[must_use = "the cluster lives as long as its owner"]
pub struct Owner<C: Finish> {
    cluster: Arc<C>,
    /// Whether [`Owner::end`] or [`Owner::stop`] was called.
    finished: bool,
}

impl<C: Finish> Owner<C> {
    pub(crate) fn new(cluster: Arc<C>) -> Owner<C> {
        Owner { cluster, finished: false }
    }

    /// The cluster, for a helper thread of the test.
    pub fn share(&self) -> Arc<C> {
        Arc::clone(&self.cluster)
    }

    /// Ends a test: makes the last checks, then prints the course's line.
    ///
    /// Two things are checked: that the test has kept its limit, 120 seconds in the course, and that the
    /// killed servers leave no thread behind. Both are checked before the line is printed (the course prints
    /// first), so a test that says `Passed` has passed.
    #[track_caller]
    pub fn end(mut self) {
        self.cluster.check_timeout();
        let line = self.cluster.passed_line();
        self.clean_up();
        self.cluster.check_timeout();
        output::end(&line);
    }

    /// Like [`end`](Owner::end), but without a limit of time and without a line.
    #[track_caller]
    pub fn stop(mut self) {
        self.clean_up();
    }

    #[track_caller]
    fn clean_up(&mut self) {
        self.finished = true;
        self.cluster.cleanup();
    }
}

impl<C: Finish> Deref for Owner<C> {
    type Target = Arc<C>;

    fn deref(&self) -> &Arc<C> {
        &self.cluster
    }
}

/// A test that fails does not reach [`Owner::end`].
impl<C: Finish> Drop for Owner<C> {
    fn drop(&mut self) {
        if !self.finished {
            self.cluster.abandon();
        }
    }
}
