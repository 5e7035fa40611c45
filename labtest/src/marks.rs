//! The marks of a test in the picture of a history. They show what the test does to its servers and to the
//! network: partitions, crashes and so on.

use std::fmt::Display;

use labrt::sync::Mutex;
use labrt::time::since_start;

use super::network::reliability;

pub use porcupine::visualization::{Mark, MarkKind};

/// The time in nanoseconds since the start of the run.
pub(crate) fn now() -> u64 {
    u64::try_from(since_start().as_nanos()).expect("a run takes less than 584 years")
}

/// The marks of a test. Some marks are for an instant. Other marks have a beginning and an end: they are
/// opened and closed. The `bool` is true while a mark is open.
pub(crate) struct Marks(Mutex<Vec<(Mark, bool)>>);

/// The index of a mark that was opened. It is needed to close the mark.
#[derive(Clone, Copy)]
#[must_use = "the mark has to be closed"]
pub(crate) struct Lasting(usize);

impl Marks {
    pub fn new() -> Marks {
        Marks(Mutex::new(Vec::new()))
    }

    /// Adds a mark for something that happens now.
    pub fn instant(&self, kind: MarkKind, text: impl Into<String>) {
        self.add(kind, text.into(), false);
    }

    /// Opens a mark for something that begins now.
    pub fn open(&self, kind: MarkKind, text: impl Into<String>) -> Lasting {
        Lasting(self.add(kind, text.into(), true))
    }

    /// Closes a mark. The mark ends at the present time.
    pub fn close(&self, mark: Lasting) {
        let (mark, open) = &mut self.0.lock()[mark.0];
        mark.to = Some(now());
        *open = false;
    }

    /// Opens the mark of a server that goes down now. If the server is down already, this does nothing. If
    /// the server is paused, this also closes the mark of the pause.
    pub fn down(&self, server: impl Display) {
        self.end(paused_text(&server));
        self.begin(MarkKind::Crash, down_text(server));
    }

    /// Closes the mark of a server that is up again now. If the server was not down, this does nothing.
    pub fn up(&self, server: impl Display) {
        self.end(down_text(server));
    }

    /// Opens the mark of a server that is paused now. If the server is paused already, this does nothing.
    pub fn paused(&self, server: impl Display) {
        self.begin(MarkKind::Other, paused_text(server));
    }

    /// Closes the mark of a server whose pause ends now. If the server was not paused, this does nothing.
    pub fn resumed(&self, server: impl Display) {
        self.end(paused_text(server));
    }

    fn begin(&self, kind: MarkKind, text: String) {
        if self.find_open(&text).is_none() {
            self.add(kind, text, true);
        }
    }

    fn end(&self, text: String) {
        if let Some(open) = self.find_open(&text) {
            self.close(open);
        }
    }

    fn find_open(&self, text: &str) -> Option<Lasting> {
        self.0.lock().iter().position(|(mark, open)| *open && mark.text == text).map(Lasting)
    }

    /// Adds a mark which says that the network becomes unreliable (`true`) or reliable (`false`) now.
    pub fn unreliable(&self, unreliable: bool) {
        self.instant(MarkKind::Network, format!("{} network", reliability(unreliable)));
    }

    fn add(&self, kind: MarkKind, text: String, open: bool) -> usize {
        let mut marks = self.0.lock();
        marks.push((Mark { from: now(), to: None, kind, text }, open));
        marks.len() - 1
    }

    /// All marks, in the order in which they were added. A mark that is still open ends at the present time.
    pub fn all(&self) -> Vec<Mark> {
        let until = |(mark, open): &(Mark, bool)| match open {
            true => Mark { to: Some(now()), ..mark.clone() },
            false => mark.clone(),
        };
        self.0.lock().iter().map(until).collect()
    }
}

fn paused_text(server: impl Display) -> String {
    format!("{server} paused")
}

fn down_text(server: impl Display) -> String {
    format!("{server} down")
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrt::time::{Duration, sleep};

    #[test]
    fn what_lasts_ends_when_it_is_closed_or_now() {
        labrt::run(|| {
            let marks = Marks::new();
            let down = marks.open(MarkKind::Crash, "S0 down");
            let _cut = marks.open(MarkKind::Partition, "0 | 1");
            marks.instant(MarkKind::Network, "unreliable");
            sleep(Duration::from_millis(5));
            marks.close(down);
            sleep(Duration::from_millis(5));
            let all = marks.all();
            let texts: Vec<&str> = all.iter().map(|mark| mark.text.as_str()).collect();
            assert_eq!(texts, ["S0 down", "0 | 1", "unreliable"]);
            let lengths: Vec<Option<u64>> =
                all.iter().map(|mark| mark.to.map(|to| (to - mark.from) / 5_000_000)).collect();
            assert!(lengths[0] < lengths[1] && lengths[2].is_none(), "{lengths:?}");
        });
    }

    #[test]
    fn a_crash_ends_the_mark_of_a_pause() {
        labrt::run(|| {
            let marks = Marks::new();
            marks.paused("S0");
            marks.paused("S0");
            marks.paused("S1");
            sleep(Duration::from_millis(5));
            marks.down("S0");
            sleep(Duration::from_millis(5));
            marks.resumed("S0");
            let ended = |mark: &Mark| (mark.text.clone(), mark.to.map(|to| (to - mark.from) / 5_000_000));
            let all: Vec<(String, Option<u64>)> = marks.all().iter().map(ended).collect();
            assert_eq!(
                all.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(),
                ["S0 paused", "S1 paused", "S0 down"]
            );
            assert!(all[0].1 < all[1].1, "{all:?}");
        });
    }

    #[test]
    fn each_time_that_a_server_is_down_has_its_mark() {
        labrt::run(|| {
            let marks = Marks::new();
            marks.up("S0");
            marks.down("S0");
            marks.down("S0");
            marks.down("S1");
            sleep(Duration::from_millis(5));
            marks.up("S0");
            marks.down("S0");
            let ended = |mark: &Mark| (mark.to.map(|to| (to - mark.from) / 5_000_000), mark.text.clone());
            sleep(Duration::from_millis(10));
            let all: Vec<(Option<u64>, String)> = marks.all().iter().map(ended).collect();
            let texts: Vec<&str> = all.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, ["S0 down", "S1 down", "S0 down"]);
            assert!(all[0].0 < all[2].0 && all[2].0 < all[1].0, "{all:?}");
        });
    }
}
