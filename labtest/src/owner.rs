//! The end of a test, for all harnesses.

use std::ops::Deref;

use labrt::sync::Arc;

use super::output;

/// The methods of a cluster that are called at the end of a test.
pub trait Finish {
    /// Fails the test if it has taken longer than its limit. This method does not interrupt a test that is
    /// still working.
    fn check_timeout(&self);

    /// The line that a test prints when it has passed, in the form of the course.
    fn passed_line(&self) -> String;

    /// Stops every server, and then the network. Checks that all threads of the servers have ended.
    fn cleanup(&self);

    /// Gives up a test that has failed. The test's run is over, and labrt ends the threads. This method stops
    /// the network, and everything else that would continue.
    fn abandon(&self);
}

/// The owner of a cluster under test. The owner is dropped when the test's body returns. Then the cluster
/// ends, too.
///
/// The last call in the body of a test is [`Owner::end`]. It makes the last checks and prints the line of a
/// passed test.
#[must_use = "the cluster lives as long as its owner"]
pub struct Owner<C: Finish> {
    cluster: Arc<C>,
    /// True if [`Owner::end`] or [`Owner::stop`] was called.
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

    /// Ends a test: makes the last checks, then prints the line of a passed test, as the course does.
    ///
    /// There are two checks. The test must not have taken longer than its limit, which is 120 seconds in the
    /// course. All threads of the killed servers must have ended. Both checks come before the line is
    /// printed, so a test that says `Passed` has passed. (The course prints the line before it checks.)
    #[track_caller]
    pub fn end(mut self) {
        self.cluster.check_timeout();
        let line = self.cluster.passed_line();
        self.clean_up();
        self.cluster.check_timeout();
        output::end(&line);
    }

    /// Like [`end`](Owner::end), but this method checks no time limit and prints no line.
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

/// A test that fails does not reach [`Owner::end`]. So the drop has to stop the cluster of a failed test.
impl<C: Finish> Drop for Owner<C> {
    fn drop(&mut self) {
        if !self.finished {
            self.cluster.abandon();
        }
    }
}
