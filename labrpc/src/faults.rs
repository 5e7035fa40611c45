//! The dice of the network: what happens to the n-th message of an end, and how long it takes.
//!
//! Each decision has a label of its own and is a function of (seed of the run, label, end, n). So
//! one more decision in one place changes no other decision, and a single decision can be named,
//! recorded and replayed.

use labrt::rng::{self, Label};
use labrt::time::Duration;

const REQUEST_DELAY: Label = Label::new("net.request-delay");
const REQUEST_DROP: Label = Label::new("net.request-drop");
const REPLY_DROP: Label = Label::new("net.reply-drop");
const HOLD: Label = Label::new("net.hold");
const HOLD_RANGE: Label = Label::new("net.hold-range");
const HOLD_LENGTH: Label = Label::new("net.hold-length");
const UNREACHABLE: Label = Label::new("net.unreachable");
const COST: Label = Label::new("net.cost");

/// An unreliable network delays a request by less than this many milliseconds.
const SHORT_DELAY_MS: u64 = 27;
/// A call that reaches nobody fails in less than this many milliseconds.
const UNREACHABLE_MS: u64 = 100;
/// Under long delays, a call that reaches nobody fails in less than this many milliseconds.
const LONG_DELAY_MS: u64 = 7000;
/// An unreliable network loses this many of 1000 requests, and this many of 1000 replies.
const DROPPED_OF_1000: u64 = 100;

/// A one-way fault of one end. It makes the asymmetric partitions that enabling and disabling
/// cannot make.
///
/// To the caller a message lost on a one-way link looks like an unreachable server: `None` after up
/// to 99 ms, or after up to 6999 ms under long delays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Link {
    /// Requests and replies pass.
    #[default]
    Both,
    /// Requests are lost: no handler runs.
    RequestsLost,
    /// Requests pass and their handlers run; the replies are lost.
    RepliesLost,
}

/// What a request costs its server in virtual time (`--features sim`). The real clock charges
/// nothing.
///
/// One half is spent before the handler runs, the other half after it. Then the network looks
/// whether the server is still there. Without a cost, five clients in a loop would do 200,000
/// operations in a "five second" test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cost {
    /// 100 to 250 us: a call between the servers of one group.
    #[default]
    Peer,
    /// 1 to 2 ms: a call of a client to a server.
    Client,
    /// Nothing: a call over a perfect network takes no virtual time at all.
    Free,
}

impl Cost {
    /// The least and the most, in microseconds.
    fn range_us(self) -> Option<(u64, u64)> {
        match self {
            Cost::Peer => Some((100, 250)),
            Cost::Client => Some((1000, 2000)),
            Cost::Free => None,
        }
    }
}

/// What the decisions about a message depend on: its end, and which of this end's messages it is.
#[derive(Clone, Copy)]
pub(crate) struct Dice {
    pub end: u64,
    pub nth: u64,
}

impl Dice {
    fn below(self, label: Label, bound: u64) -> u64 {
        rng::scale(rng::draw(label, self.end, self.nth), bound)
    }

    /// How long an unreliable network delays this request.
    pub fn request_delay(self) -> Duration {
        Duration::from_millis(self.below(REQUEST_DELAY, SHORT_DELAY_MS))
    }

    /// Does an unreliable network lose this request?
    pub fn drops_request(self) -> bool {
        self.below(REQUEST_DROP, 1000) < DROPPED_OF_1000
    }

    /// Does an unreliable network lose the reply?
    pub fn drops_reply(self) -> bool {
        self.below(REPLY_DROP, 1000) < DROPPED_OF_1000
    }

    /// How long long reordering holds the reply back. `None`: not at all. Short holds are more
    /// likely.
    pub fn hold(self) -> Option<Duration> {
        if self.below(HOLD, 900) >= 600 {
            return None;
        }
        let range = 1 + self.below(HOLD_RANGE, 2000);
        Some(Duration::from_millis(200 + self.below(HOLD_LENGTH, range)))
    }

    /// How long it takes a caller to learn that it reached nobody.
    pub fn unreachable_delay(self, long_delays: bool) -> Duration {
        let bound = if long_delays { LONG_DELAY_MS } else { UNREACHABLE_MS };
        Duration::from_millis(self.below(UNREACHABLE, bound))
    }

    /// One of the two equal legs (request, reply) of what a request costs in virtual time.
    pub fn cost_leg(self, cost: Cost) -> Duration {
        let Some((least, most)) = cost.range_us() else { return Duration::ZERO };
        let nanos = least * 1000 + self.below(COST, (most - least) * 1000 + 1);
        Duration::from_nanos(nanos / 2)
    }
}
