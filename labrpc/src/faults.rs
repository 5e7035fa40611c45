//! The dice of the network: the random decisions. They decide what happens to the n-th message of an end, and
//! how long the message takes.
//!
//! Each decision has its own label. A decision depends only on the seed of the run, the label, the end and n.
//! So an additional decision at one place in the code does not change any other decision.

use labrt::node::NodeId;
use labrt::rng::{self, Label};
use labrt::sync::Arc;
use labrt::time::Duration;
use std::ops::RangeInclusive;

const REQUEST_DELAY: Label = Label::new("net.request-delay");
const REQUEST_DROP: Label = Label::new("net.request-drop");
const REPLY_DROP: Label = Label::new("net.reply-drop");
const REPLY_HOLD: HoldLabels = HoldLabels {
    chance: Label::new("net.hold"),
    range: Label::new("net.hold-range"),
    length: Label::new("net.hold-length"),
};
const REQUEST_HOLD: HoldLabels = HoldLabels {
    chance: Label::new("net.request-hold"),
    range: Label::new("net.request-hold-range"),
    length: Label::new("net.request-hold-length"),
};
const UNREACHABLE: Label = Label::new("net.unreachable");
const COST: Label = Label::new("net.cost");
const REQUEST_LATENCY: Label = Label::new("net.request-latency");
const REPLY_LATENCY: Label = Label::new("net.reply-latency");
const DUPLICATE: Label = Label::new("net.duplicate");
const DUPLICATE_DELAY: Label = Label::new("net.duplicate-delay");

/// An unreliable network delays a request by less than this many milliseconds.
const SHORT_DELAY_MS: u64 = 27;
/// A call that reaches no server fails in less than this many milliseconds.
const UNREACHABLE_MS: u64 = 100;
/// Under long delays, a call that reaches no server fails in less than this many milliseconds.
const LONG_DELAY_MS: u64 = 7000;
/// An unreliable network loses this many of 1000 requests, and this many of 1000 replies.
pub(crate) const DROPPED_OF_1000: u16 = 100;
/// The greatest latency that a network can have.
const LONGEST_LATENCY: Duration = Duration::from_secs(3600);

/// The labels of the three decisions that say whether a message is held back, and how long.
#[derive(Clone, Copy)]
struct HoldLabels {
    chance: Label,
    range: Label,
    length: Label,
}

/// Faults in addition to the course's switches ([`Network::reliable`](crate::Network::reliable) and so on).
/// These options are for protocols that must handle more faults than the protocols of the labs. With the
/// default options, the network behaves like the course's network.
///
/// ```
/// use labrpc::{Network, NetworkOptions};
/// use labrt::time::Duration;
///
/// labrt::run(|| {
///     let net = Network::new();
///     net.set_options(NetworkOptions {
///         latency: Duration::from_millis(5)..=Duration::from_millis(20),
///         lost_replies: Some(300),
///         ..NetworkOptions::default()
///     });
/// });
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkOptions {
    /// How long each request takes, and how long each reply takes, also in a reliable network. Use this for
    /// protocols with time limits for a real network. This option finds timeouts that are shorter than twice
    /// the longest latency. If the range is wide, a message can overtake an earlier message. By default,
    /// messages take no time.
    pub latency: RangeInclusive<Duration>,
    /// How many of 1000 requests are lost. Their handlers do not run. `None` means 100 if the network is
    /// unreliable, and otherwise 0. Use this option for faults in one direction. It finds code with a wrong
    /// assumption: that a call without a reply was executed.
    pub lost_requests: Option<u16>,
    /// How many of 1000 replies are lost, after their handlers have run. `None` means 100 if the network is
    /// unreliable, and otherwise 0. Use this option for faults in one direction. It finds code that repeats a
    /// request without an id: the server does not recognize the repeated request, and executes it twice.
    pub lost_replies: Option<u16>,
    /// If this is true, two of three requests wait 200..2199 ms, as replies do under
    /// [`Network::long_reordering`](crate::Network::long_reordering). Use this option for protocols that must
    /// handle old requests. It finds code with a wrong assumption: that the last request to arrive is also
    /// the last one that was sent.
    pub reorder_requests: bool,
    /// Of 1000 requests that are not lost, this many arrive twice. By default, the second time is 0..26 ms
    /// after the first. The handler runs again, and its second reply is dropped. Use this option for
    /// protocols that must work on a network that can deliver a message twice. It finds handlers that are not
    /// idempotent.
    pub duplicated_requests: u16,
    /// If a request arrives twice, the time between the two arrivals. `None` means 0..26 ms. Use this option
    /// for protocols that must recognize an old request. It finds code that takes an old request for a new
    /// one.
    pub duplicate_delay: Option<RangeInclusive<Duration>>,
}

impl Default for NetworkOptions {
    fn default() -> NetworkOptions {
        NetworkOptions {
            latency: Duration::ZERO..=Duration::ZERO,
            lost_requests: None,
            lost_replies: None,
            reorder_requests: false,
            duplicated_requests: 0,
            duplicate_delay: None,
        }
    }
}

impl NetworkOptions {
    /// Returns a text that says what is wrong with these options. Returns `None` if nothing is wrong.
    pub(crate) fn complaint(&self) -> Option<String> {
        let delay = self.duplicate_delay.as_ref().and_then(|it| complaint_about_range("duplicate_delay", it));
        if delay.is_some() {
            return delay;
        }
        let shares = [
            ("lost_requests", self.lost_requests.unwrap_or(0)),
            ("lost_replies", self.lost_replies.unwrap_or(0)),
            ("duplicated_requests", self.duplicated_requests),
        ];
        if let Some((name, share)) = shares.into_iter().find(|(_, share)| *share > 1000) {
            return Some(format!("{name} is {share} of 1000; expected a number from 0 to 1000"));
        }
        complaint_about_range("latency", &self.latency)
    }
}

/// Checks a range of delays. `name` is the name of the range. Returns a text that says what is wrong, or
/// `None` if nothing is wrong.
pub(crate) fn complaint_about_range(name: &str, range: &RangeInclusive<Duration>) -> Option<String> {
    let is_bad = range.start() > range.end() || *range.end() > LONGEST_LATENCY;
    is_bad.then(|| format!("{name} is {range:?}; expected the least first, and at most {LONGEST_LATENCY:?}"))
}

/// What happens to one chosen message, instead of what the random decisions say. All other random decisions
/// stay the same. So if you run a seed with a chosen fate and without it, the two runs differ only in this
/// message and in what follows from it. See [`Network::with_fates`](crate::Network::with_fates).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The request and its reply are not lost. They are delayed as the random decisions say.
    Delivered,
    /// The request is lost: no handler runs.
    RequestLost,
    /// The handler runs, but its reply is lost.
    ReplyLost,
    /// The request and its reply are not lost. The request has this delay in addition to its other delays.
    Late(Duration),
}

/// A moment in the life of a message, for the function of
/// [`Network::on_message`](crate::Network::on_message).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageEvent {
    /// A node has sent a request. The request is on its way.
    Sent,
    /// The handler of a node has replied. The reply has not left the node yet.
    Replied {
        /// The node that has sent the request. It is [`NodeId::NONE`] for a client.
        to: NodeId,
    },
}

/// The function of [`Network::on_message`](crate::Network::on_message).
pub type MessageHook = Arc<dyn Fn(NodeId, MessageEvent) -> bool + Send + Sync>;

/// A one-way fault of one end: messages in one direction are lost, or wait in the network. With such faults
/// you can make asymmetric partitions. This is not possible if you only enable and disable ends.
///
/// If a message is lost on a one-way link, the call ends in the same way as a call to a server that cannot be
/// reached: it returns `None` after up to 99 ms, or after up to 6999 ms under long delays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Link {
    /// Requests and replies pass.
    #[default]
    Both,
    /// Requests are lost: no handler runs.
    RequestsLost,
    /// Requests pass and their handlers run, but the replies are lost.
    RepliesLost,
    /// Requests wait in the network until [`Network::release`](crate::Network::release). Each request was
    /// sent to a name. At the release, it goes to the server that has this name then. The server may have
    /// been restarted in the meantime.
    RequestsHeld,
    /// Requests pass and their handlers run, but the replies wait in the network until
    /// [`Network::release`](crate::Network::release).
    RepliesHeld,
}

/// How much virtual time a request takes (`--features sim`). In real time there is no such cost.
///
/// One half of this time passes before the handler runs, and the other half passes after the handler. After
/// the second half, the network checks whether the server still exists. Without a cost, clients could make
/// far too many calls: in a test of five seconds, five clients in a loop would do 200,000 operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cost {
    /// The cost is 100 to 250 us. This value is for a call between two servers of one group.
    #[default]
    Peer,
    /// The cost is 16 to 28 ms. This value is for a call of a client to a server. So the clients of a test do
    /// about as many operations as in a run of the course's tests in Go.
    Client,
    /// The cost is 1 to 2 ms. This value is for a client that must do many operations in a short time.
    NearClient,
    /// There is no cost. If the network adds no delay, a call takes no virtual time.
    Free,
}

impl Cost {
    /// Returns the least and the greatest cost, in microseconds.
    fn range_us(self) -> Option<(u64, u64)> {
        match self {
            Cost::Peer => Some((100, 250)),
            Cost::Client => Some((16_000, 28_000)),
            Cost::NearClient => Some((1000, 2000)),
            Cost::Free => None,
        }
    }
}

/// How long a message keeps a node busy, in virtual time (`--features sim`). See
/// [`Network::set_capacity`](crate::Network::set_capacity).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// The time for each message, whatever its size.
    pub per_message: Duration,
    /// The additional time for each 1000 bytes of the message. A message with fewer bytes takes the same part
    /// of this time.
    pub per_kilobyte: Duration,
}

impl Capacity {
    /// Returns how long a node is busy with a message of this size.
    pub(crate) fn time_for(self, bytes: usize) -> Duration {
        let nanos = self.per_kilobyte.as_nanos() * bytes as u128 / 1000;
        self.per_message + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The range of times that a message can take in the network, in microseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Latency {
    least_us: u32,
    most_us: u32,
}

impl From<&RangeInclusive<Duration>> for Latency {
    fn from(range: &RangeInclusive<Duration>) -> Latency {
        let us = |d: &Duration| u32::try_from(d.as_micros()).unwrap_or(u32::MAX);
        Latency { least_us: us(range.start()), most_us: us(range.end()) }
    }
}

/// The two numbers on which the random decisions about a message depend: the number of its end, and its own
/// number among the messages of this end.
#[derive(Clone, Copy)]
pub(crate) struct Dice {
    pub end: u64,
    pub nth: u64,
}

impl Dice {
    fn below(self, label: Label, bound: u64) -> u64 {
        rng::scale(rng::draw(label, self.end, self.nth), bound)
    }

    /// Returns how long an unreliable network delays this request.
    pub fn request_delay(self) -> Duration {
        Duration::from_millis(self.below(REQUEST_DELAY, SHORT_DELAY_MS))
    }

    /// Returns whether this request is lost, if `of_1000` of 1000 requests are lost.
    pub fn drops_request(self, of_1000: u16) -> bool {
        of_1000 > 0 && self.below(REQUEST_DROP, 1000) < u64::from(of_1000)
    }

    /// Returns whether the reply is lost, if `of_1000` of 1000 replies are lost.
    pub fn drops_reply(self, of_1000: u16) -> bool {
        of_1000 > 0 && self.below(REPLY_DROP, 1000) < u64::from(of_1000)
    }

    /// Returns how long the reply is held back under long reordering. `None` means that this reply is not
    /// held back.
    pub fn reply_hold(self) -> Option<Duration> {
        self.hold(REPLY_HOLD)
    }

    /// Returns how long this request is held back if requests are reordered. `None` means that this request
    /// is not held back.
    pub fn request_hold(self) -> Option<Duration> {
        self.hold(REQUEST_HOLD)
    }

    /// Returns how long a message is held back. Short times are more likely than long ones.
    fn hold(self, labels: HoldLabels) -> Option<Duration> {
        if self.below(labels.chance, 900) >= 600 {
            return None;
        }
        let range = 1 + self.below(labels.range, 2000);
        Some(Duration::from_millis(200 + self.below(labels.length, range)))
    }

    /// Returns how long the request is in the network.
    pub fn request_latency(self, latency: Latency) -> Duration {
        self.latency(REQUEST_LATENCY, latency)
    }

    /// Returns how long the reply is in the network.
    pub fn reply_latency(self, latency: Latency) -> Duration {
        self.latency(REPLY_LATENCY, latency)
    }

    fn latency(self, label: Label, Latency { least_us, most_us }: Latency) -> Duration {
        if most_us == 0 {
            return Duration::ZERO;
        }
        let spread = u64::from(most_us - least_us);
        Duration::from_micros(u64::from(least_us) + self.below(label, spread + 1))
    }

    /// Returns the time between the two arrivals of the request, if `of_1000` of 1000 requests arrive twice.
    /// `None` means that this request arrives only once.
    pub fn duplicate(self, of_1000: u16, delay: Option<Latency>) -> Option<Duration> {
        let is_doubled = of_1000 > 0 && self.below(DUPLICATE, 1000) < u64::from(of_1000);
        is_doubled.then(|| match delay {
            None => Duration::from_millis(self.below(DUPLICATE_DELAY, SHORT_DELAY_MS)),
            Some(range) => self.latency(DUPLICATE_DELAY, range),
        })
    }

    /// Returns how long it takes until the caller gets the failure, if a call reaches no server.
    pub fn unreachable_delay(self, long_delays: bool) -> Duration {
        let bound = if long_delays { LONG_DELAY_MS } else { UNREACHABLE_MS };
        Duration::from_millis(self.below(UNREACHABLE, bound))
    }

    /// Returns one half of the virtual time that a request costs. This half is used for the request and again
    /// for the reply.
    pub fn cost_leg(self, cost: Cost) -> Duration {
        let Some((least, most)) = cost.range_us() else { return Duration::ZERO };
        let nanos = least * 1000 + self.below(COST, (most - least) * 1000 + 1);
        Duration::from_nanos(nanos / 2)
    }
}
