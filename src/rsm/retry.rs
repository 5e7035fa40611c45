//! The retry policy of everything that asks a group of servers: which server to ask next, how long
//! to wait for its reply, and when to pause.
//!
//! A client cannot know which server leads. So a [`Retry`] asks the servers one after the other,
//! and begins with the one that replied last. A lost message says nothing about who leads, so the
//! server that replied last gets a second try. If a server does not reply in time, the
//! next one is asked at once.
//! After a round in which no server has replied comes a pause, and each pause is longer than the
//! one before.
//!
//! A [`Retry`] never blocks: time is an argument, and [`due`](Retry::due) says when the next step
//! is due. A blocking client ([`Servers`](super::Servers)) sleeps until then. A thread that does
//! other things meanwhile looks at it between them. A blocking call does not say whether a message
//! was lost or is late, so a blocking client reports both as [`Lost`](Response::Lost).

use labrt::time::{Duration, Instant};

/// How long a client waits for the reply of one server before it asks the next one. A leader that
/// is cut off from its followers cannot reply, and does not know it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Pauses that grow: each is twice as long as the one before, up to a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_millis(80);

    /// Begins with the shortest pause.
    pub fn new() -> Backoff {
        Backoff { next: Backoff::SHORTEST }
    }

    /// Gives the next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = Backoff::LONGEST.min(pause * 2);
        pause
    }

    /// Whether the pauses have stopped growing.
    pub fn is_longest(&self) -> bool {
        self.next == Backoff::LONGEST
    }
}

/// What came back from the server that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// Nothing: a message was lost.
    Lost,
    /// The server does not lead.
    NotLeader,
    /// A reply.
    Reply,
}

/// One request to a group of servers, which is repeated until it is done; or a series of such
/// requests.
#[derive(Debug)]
pub(crate) struct Retry {
    servers: usize,
    /// The server to ask next, or the one that was asked.
    server: usize,
    /// Whether `server` is the one that replied last. It has a second try.
    replied_last: bool,
    /// How many tries have failed since the last reply.
    failed: usize,
    backoff: Backoff,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next server is to be asked at `due`.
    Waiting { due: Instant },
    /// The server has until `due` to reply to request number `request`.
    Asked { request: u64, due: Instant },
    /// A reply has come. The caller decides what is next.
    Replied,
}

impl Retry {
    /// A request to so many servers, at least 1, which may be sent at once.
    pub fn new(servers: usize, now: Instant) -> Retry {
        let state = State::Waiting { due: now };
        Retry { servers, server: 0, replied_last: false, failed: 0, backoff: Backoff::new(), state }
    }

    /// When to [`ask`](Retry::ask). `None`: a reply has come, and the caller has not said what is
    /// next.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { due } | State::Asked { due, .. } => Some(due),
            State::Replied => None,
        }
    }

    /// The server to ask now. The caller numbers the requests, so that a late response is
    /// recognized.
    pub fn ask(&mut self, request: u64, now: Instant) -> usize {
        if matches!(self.state, State::Asked { .. }) {
            self.try_next_server(now);
        }
        self.state = State::Asked { request, due: now + PATIENCE };
        self.server
    }

    /// Takes the response to a request. True: it is the reply to the latest request, and the caller
    /// has to say what is next: [`restart`](Retry::restart), [`repeat`](Retry::repeat), or nothing.
    pub fn respond(&mut self, request: u64, response: Response, now: Instant) -> bool {
        if !matches!(self.state, State::Asked { request: latest, .. } if latest == request) {
            return false;
        }
        match response {
            Response::Reply => {
                (self.replied_last, self.failed) = (true, 0);
                self.state = State::Replied;
                return true;
            }
            Response::Lost if self.replied_last => {
                self.replied_last = false;
                self.state = State::Waiting { due: now };
            }
            Response::Lost | Response::NotLeader => self.try_next_server(now),
        }
        false
    }

    /// The next request is due at `due`; its pauses begin with the shortest.
    pub fn restart(&mut self, due: Instant) {
        self.backoff = Backoff::new();
        self.state = State::Waiting { due };
    }

    /// The same request is due again after a pause.
    pub fn repeat(&mut self, now: Instant) {
        self.state = State::Waiting { due: now + self.backoff.pause() };
    }

    /// Ends a pause. A request that is under way keeps its time.
    pub fn hurry(&mut self, now: Instant) {
        if let State::Waiting { due } = &mut self.state {
            *due = now.min(*due);
        }
    }

    /// The next server is due: at once, or after a pause if each server has had its turn.
    fn try_next_server(&mut self, now: Instant) {
        self.server = (self.server + 1) % self.servers;
        self.replied_last = false;
        self.failed += 1;
        match self.failed.is_multiple_of(self.servers) {
            true => self.repeat(now),
            false => self.state = State::Waiting { due: now },
        }
    }
}
