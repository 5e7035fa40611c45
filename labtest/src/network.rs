//! Changes of the network. All harnesses use these functions.

use labrpc::{Link, Name, Network};
use labrt::dlog;
use labrt::time::Duration;
use std::ops::RangeInclusive;

use super::{events, fates};

/// Makes a network. Its messages have the fates that the user has chosen.
pub(crate) fn new_network() -> Network {
    Network::with_fates(fates::chosen().iter().copied())
}

/// The state that an end should have.
#[derive(PartialEq)]
pub(crate) struct Wanted {
    pub end: Name,
    /// True if the end is enabled.
    pub works: bool,
    /// Which messages the end carries while it is enabled.
    pub link: Link,
    /// How long each message of the end takes. `Some(None)` means: as long as the messages of other ends.
    /// `None` means that the time does not change.
    pub latency: Option<Option<RangeInclusive<Duration>>>,
}

impl Wanted {
    /// An end that carries messages in both directions while it works. `works` says whether it is enabled.
    pub fn new(end: Name, works: bool) -> Wanted {
        Wanted { end, works, link: Link::Both, latency: None }
    }
}

/// Makes all ends as the harness wants them: enables or disables each end, and sets which of its messages are
/// lost, held or slow. `wanted` takes the lock of the harness, and returns what the harness wants. No lock is
/// held while this function changes the network.
///
/// After a call of `wanted`, another thread may change the state of the harness. That thread may also change
/// the network earlier than this thread does. So this function calls `wanted` again after its changes, until
/// the result stays the same. Then the ends are as the newest state says, even if two threads have changed
/// the network.
pub(crate) fn bring_in_line(net: &Network, wanted: impl Fn() -> Vec<Wanted>) {
    let mut told = wanted();
    loop {
        for Wanted { end, works, link, latency } in &told {
            net.set_link(end, *link);
            if let Some(latency) = latency {
                net.set_latency(end, latency.clone());
            }
            net.enable(end, *works);
        }
        let now = wanted();
        if now == told {
            return;
        }
        told = now;
    }
}

/// Makes the network lose and delay messages (`true`), or makes it reliable again (`false`).
pub(crate) fn set_unreliable(net: &Network, unreliable: bool) {
    dlog!(TEST, "makes the network {}", reliability(unreliable));
    events::unreliable(unreliable);
    net.reliable(!unreliable);
}

/// Returns the word "unreliable" for a network that loses and delays messages (`true`), and the word
/// "reliable" for other networks (`false`).
pub(crate) fn reliability(unreliable: bool) -> &'static str {
    if unreliable { "unreliable" } else { "reliable" }
}

/// What a link does, in words for a log line.
pub(crate) fn effect(link: Link) -> &'static str {
    match link {
        Link::Both => "passes requests and replies",
        Link::RequestsLost => "loses requests",
        Link::RepliesLost => "loses replies",
        Link::RequestsHeld => "holds requests",
        Link::RepliesHeld => "holds replies",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrpc::{Server, Service};
    use labrt::node::NodeId;
    use labrt::sync::atomic::{AtomicUsize, Ordering};

    /// In the second half of this test, `wanted` returns a new state from its second call on, as if another
    /// thread had changed the state. So `bring_in_line` first sets the old state, and must set the new state
    /// afterwards.
    #[test]
    fn the_newest_state_wins() {
        labrt::run(|| {
            let net = Network::new();
            net.add_server("there", Server::new().service(Service::new("Echo").inline("Say", |it: u32| it)));
            let end = net.make_end(NodeId::NONE, "there");
            let say = || end.call::<u32, u32>("Echo.Say", &1);
            let looks = AtomicUsize::new(0);
            let wanted = |works: fn(usize) -> bool| {
                let look = looks.fetch_add(1, Ordering::SeqCst);
                vec![Wanted::new(end.name().clone(), works(look))]
            };
            bring_in_line(&net, || wanted(|_| true));
            assert_eq!((looks.swap(0, Ordering::SeqCst), say()), (2, Some(1)));
            bring_in_line(&net, || wanted(|look| look == 0));
            assert_eq!((looks.swap(0, Ordering::SeqCst), say()), (3, None));
        });
    }
}
