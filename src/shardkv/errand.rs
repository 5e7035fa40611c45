//! Asking a group of servers until one of them answers: whom to ask next, and when. No thread waits for it.
//!
//! An errand rests, or has asked somebody, or is held because something else has to happen first. Servers are
//! asked one after the other, beginning with the one that answered last; after a round in which nobody could
//! answer, and after an answer that only asks for patience, comes a pause, longer each time.

use labrt::time::{Duration, Instant};

/// How long one server has time to answer. A leader that is cut off from its group cannot.
pub(super) const PATIENCE: Duration = crate::rsm::PATIENCE;

/// The first pause, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));

#[derive(Debug)]
pub(super) struct Errand {
    servers: usize,
    /// Whom to ask.
    next: usize,
    /// It was the one that answered last.
    proven: bool,
    /// How many could not answer since one did.
    misses: usize,
    pause: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Rests { until: Instant },
    Asked { ticket: u64, until: Instant },
    Held,
}

/// What has come of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing: a message was lost.
    Nothing,
    /// That server does not lead.
    NotLeader,
    /// An answer.
    Answer,
}

impl Errand {
    /// One that may begin at once. `servers` is at least 1.
    pub fn new(servers: usize, now: Instant) -> Errand {
        Errand {
            servers,
            next: 0,
            proven: false,
            misses: 0,
            pause: PAUSE.0,
            state: State::Rests { until: now },
        }
    }

    /// When to [`ask`](Errand::ask). `None`: it is held.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            State::Rests { until } | State::Asked { until, .. } => Some(until),
            State::Held => None,
        }
    }

    /// Whom to ask now. `ticket` stands for this question.
    pub fn ask(&mut self, ticket: u64, now: Instant) -> usize {
        if matches!(self.state, State::Asked { .. }) {
            self.go_on(now);
        }
        self.state = State::Asked { ticket, until: now + PATIENCE };
        self.next
    }

    /// What was heard on question `ticket`. True: an answer to the present question; the errand is held until
    /// it is told more.
    pub fn hear(&mut self, ticket: u64, heard: Heard, now: Instant) -> bool {
        if !matches!(self.state, State::Asked { ticket: asked, .. } if asked == ticket) {
            return false;
        }
        match heard {
            Heard::Answer => {
                (self.proven, self.misses) = (true, 0);
                self.state = State::Held;
                return true;
            }
            // That says nothing about who leads.
            Heard::Nothing if self.proven => {
                self.proven = false;
                self.state = State::Rests { until: now };
            }
            Heard::Nothing | Heard::NotLeader => self.go_on(now),
        }
        false
    }

    /// Not before `until`.
    pub fn rest(&mut self, until: Instant) {
        self.pause = PAUSE.0;
        self.state = State::Rests { until };
    }

    /// Again after a pause.
    pub fn retry(&mut self, now: Instant) {
        self.state = State::Rests { until: now + self.pause };
        self.pause = PAUSE.1.min(self.pause * 2);
    }

    /// If it rests, it should not.
    pub fn hurry(&mut self, now: Instant) {
        if let State::Rests { until } = &mut self.state {
            *until = now.min(*until);
        }
    }

    /// The next server, after a pause if all have had their turn.
    fn go_on(&mut self, now: Instant) {
        self.next = (self.next + 1) % self.servers;
        self.proven = false;
        self.misses += 1;
        match self.misses.is_multiple_of(self.servers) {
            true => self.retry(now),
            false => self.state = State::Rests { until: now },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Asks for the question, hears nothing but refusals, and gives who was asked when.
    fn refusals(errand: &mut Errand, start: Instant, count: u64) -> Vec<(u128, usize)> {
        let mut now = start;
        (0..count)
            .map(|ticket| {
                now = now.max(errand.due().expect("it is not held"));
                let server = errand.ask(ticket, now);
                assert!(!errand.hear(ticket, Heard::NotLeader, now));
                ((now - start).as_millis(), server)
            })
            .collect()
    }

    #[test]
    fn every_server_is_asked_and_pauses_grow() {
        labrt::run(|| {
            let now = Instant::now();
            let mut errand = Errand::new(3, now);
            let asked = refusals(&mut errand, now, 8);
            let expected = [(0, 0), (0, 1), (0, 2), (10, 0), (10, 1), (10, 2), (30, 0), (30, 1)];
            assert_eq!(asked, expected);
            // 10 + 20 + 40 + 80 + 80: no longer than that.
            assert_eq!(refusals(&mut errand, now, 10).last(), Some(&(230, 2)));
        });
    }

    #[test]
    fn the_one_that_answered_is_asked_first_and_twice() {
        labrt::run(|| {
            let now = Instant::now();
            let mut errand = Errand::new(3, now);
            refusals(&mut errand, now, 1);
            assert_eq!(errand.ask(10, now), 1);
            assert!(errand.hear(10, Heard::Answer, now));
            assert_eq!(errand.due(), None, "held");

            errand.rest(now + 5 * MS);
            assert_eq!(errand.due(), Some(now + 5 * MS));
            assert_eq!(errand.ask(11, now), 1);
            errand.hear(11, Heard::Nothing, now);
            assert_eq!(errand.ask(12, now), 1, "a lost message says nothing");
            errand.hear(12, Heard::Nothing, now);
            assert_eq!(errand.ask(13, now), 2, "the second one is a reason to look elsewhere");
        });
    }

    #[test]
    fn who_does_not_answer_in_time_is_left() {
        labrt::run(|| {
            let now = Instant::now();
            let mut errand = Errand::new(3, now);
            assert_eq!(errand.ask(1, now), 0);
            assert_eq!(errand.due(), Some(now + PATIENCE));
            assert_eq!(errand.ask(2, now + PATIENCE), 1);
            assert!(!errand.hear(1, Heard::Answer, now + PATIENCE), "an answer to an old question");
            assert!(errand.hear(2, Heard::Answer, now + PATIENCE));
        });
    }

    #[test]
    fn hurry_ends_a_rest_and_nothing_else() {
        labrt::run(|| {
            let now = Instant::now();
            let mut errand = Errand::new(1, now);
            errand.rest(now + 100 * MS);
            errand.hurry(now + MS);
            assert_eq!(errand.due(), Some(now + MS));
            errand.ask(1, now + MS);
            errand.hurry(now + 2 * MS);
            assert_eq!(errand.due(), Some(now + MS + PATIENCE), "the question is under way");
        });
    }
}
