//! The retry policy of all clients: which server to ask next, how long to wait for the reply, and when to
//! pause.
//!
//! A client cannot know which server leads. So a [`Retry`] asks the servers one after the other. It starts
//! with the server that replied last. If the request or the reply is lost, this server is asked a second
//! time, because it may still be the leader. If a server does not reply in time, the next server is asked at
//! once. If no server has replied in a whole round, there is a pause. Each pause is longer than the one
//! before, up to a limit.
//!
//! A [`Retry`] never blocks: it gets the time as an argument, and [`due`](Retry::due) returns the time of the
//! next step. A blocking client ([`Servers`](super::Servers)) sleeps until that time. A thread may also have
//! other work. Then it does a part of this work, and looks whether the time `due` has come. A blocking call
//! cannot distinguish a lost message from a late one. So a blocking client reports both as
//! [`Lost`](Response::Lost).

use labrt::time::{Duration, Instant};

/// How long a client waits for the reply of one server before it asks the next server. The limit is needed,
/// because a leader that is cut off from its followers cannot commit and so never replies.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Pauses that grow: each pause is twice as long as the one before, up to a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_millis(80);

    /// Makes a value that begins with the shortest pause.
    pub fn new() -> Backoff {
        Backoff { next: Backoff::SHORTEST }
    }

    /// Returns the next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = Backoff::LONGEST.min(pause * 2);
        pause
    }

    /// Have the pauses stopped growing?
    pub fn is_longest(&self) -> bool {
        self.next == Backoff::LONGEST
    }
}

/// The result of one request to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// There is no reply: a message was lost.
    Lost,
    /// The server does not lead.
    NotLeader,
    /// The server has replied.
    Reply,
}

/// A request that a client sends to the servers of a group until one of them replies. The client can use the
/// same value for several requests, one after the other.
#[derive(Debug)]
pub(crate) struct Retry {
    servers: usize,
    /// The server that was asked, or that will be asked next.
    server: usize,
    /// Is `server` the server that replied last? If so, it is asked a second time after a loss.
    replied_last: bool,
    /// The number of tries that have failed since the last reply.
    failed: usize,
    backoff: Backoff,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next server must be asked at `due`.
    Waiting { due: Instant },
    /// Request number `request` was sent to the server. If no reply comes until the time `due`, the next
    /// server is asked.
    Asked { request: u64, due: Instant },
    /// A reply has arrived. The caller decides what comes next.
    Replied,
}

impl Retry {
    /// A request to a group. `servers` is the number of the group's servers, at least 1. The request is due
    /// at once.
    pub fn new(servers: usize, now: Instant) -> Retry {
        let state = State::Waiting { due: now };
        Retry { servers, server: 0, replied_last: false, failed: 0, backoff: Backoff::new(), state }
    }

    /// The time at which the caller must call [`ask`](Retry::ask). It is `None` if a reply has arrived and
    /// the caller has not decided yet what comes next.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { due } | State::Asked { due, .. } => Some(due),
            State::Replied => None,
        }
    }

    /// Returns the server to ask now. `request` is the number of this request. [`respond`](Retry::respond)
    /// needs it to recognize late responses.
    pub fn ask(&mut self, request: u64, now: Instant) -> usize {
        if matches!(self.state, State::Asked { .. }) {
            self.try_next_server(now);
        }
        self.state = State::Asked { request, due: now + PATIENCE };
        self.server
    }

    /// Handles the response to a request. Returns true if the response is the reply to the latest request.
    /// Then the caller must decide what comes next: [`restart`](Retry::restart), [`repeat`](Retry::repeat),
    /// or nothing.
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

    /// Makes the next request due at `due`. After this, the first pause is the shortest one again.
    pub fn restart(&mut self, due: Instant) {
        self.backoff = Backoff::new();
        self.state = State::Waiting { due };
    }

    /// Makes the same request due again after a pause.
    pub fn repeat(&mut self, now: Instant) {
        self.state = State::Waiting { due: now + self.backoff.pause() };
    }

    /// Ends a pause. If a request was already sent, this method does not change its time limit.
    pub fn hurry(&mut self, now: Instant) {
        if let State::Waiting { due } = &mut self.state {
            *due = now.min(*due);
        }
    }

    /// Chooses the next server. It is asked at once, or after a pause if every server was asked.
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
