//! What all harnesses do to the network.

use labrpc::{Link, Name, Network};
use labrt::dlog;

use super::events;

/// What an end shall do.
#[derive(PartialEq)]
pub(crate) struct Wanted {
    pub end: Name,
    /// It is enabled.
    pub works: bool,
    /// Which messages it carries while it works.
    pub link: Link,
}

impl Wanted {
    /// An end that works, or not, and that has no fault of one direction.
    pub fn new(end: Name, works: bool) -> Wanted {
        Wanted { end, works, link: Link::Both }
    }
}

/// Brings ends in line with what a harness wants of them. `wanted` looks at the state of the
/// harness, under its lock; the network is told without that lock.
///
/// Another thread may change the state in between, and may tell the network first. So `wanted` is
/// asked again afterwards, until nothing has changed: then the ends are what the state says,
/// whoever came last.
pub(crate) fn bring_in_line(net: &Network, wanted: impl Fn() -> Vec<Wanted>) {
    let mut told = wanted();
    loop {
        for Wanted { end, works, link } in &told {
            net.set_link(end, *link);
            net.enable(end, *works);
        }
        let now = wanted();
        if now == told {
            return;
        }
        told = now;
    }
}

/// Makes the network lose and delay messages (`true`), or not.
pub(crate) fn set_unreliable(net: &Network, unreliable: bool) {
    dlog!(TEST, "makes the network {}", reliability(unreliable));
    events::unreliable(unreliable);
    net.reliable(!unreliable);
}

/// How the network is called when it loses and delays messages, and when it does not.
pub(crate) fn reliability(unreliable: bool) -> &'static str {
    if unreliable { "unreliable" } else { "reliable" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrpc::{Server, Service};
    use labrt::node::NodeId;
    use labrt::sync::atomic::{AtomicUsize, Ordering};

    /// The state changes after the first look, and whoever changed it has told the network already.
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
