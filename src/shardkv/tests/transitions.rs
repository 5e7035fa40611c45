//! Tests every cell of the table in `migration`.

use crate::shardkv::migration::{Event, Handoff, Owner, Shard, Verdict};
use labrt::sync::Arc;

/// `OLD` is the configuration number of an old handoff. `NOW` is the number of the configuration that takes
/// effect now.
const OLD: u64 = 3;
const NOW: u64 = 7;
const US: Owner = Owner::Mine;
const THEM: Owner = Owner::Others(102);

fn handoff(num: u64, to: u64) -> Handoff<&'static str> {
    Handoff { num, to, data: Arc::new("old") }
}

fn states() -> [Shard<&'static str>; 6] {
    [
        Shard::Elsewhere,
        Shard::Serving("data"),
        Shard::Awaiting(None),
        Shard::Awaiting(Some(handoff(OLD, 101))),
        Shard::Parked("data"),
        Shard::Giving(handoff(OLD, 101)),
    ]
}

#[test]
fn every_transition() {
    use Shard::{Awaiting, Elsewhere, Giving, Parked, Serving};
    let given = || Giving(Handoff { num: NOW, to: 102, data: Arc::new("data") });
    let old = || handoff(OLD, 101);
    let configured = |owner, first| Event::Configured { num: NOW, owner, first };
    // There is one row for each event. The cells of a row have the same order as `states`.
    let table: [(Event<&str>, [Shard<&str>; 6]); 7] = [
        (
            configured(US, true),
            [
                Serving(""),
                Serving("data"),
                Awaiting(None),
                Awaiting(Some(old())),
                Serving("data"),
                Awaiting(Some(old())),
            ],
        ),
        (
            configured(US, false),
            [
                Awaiting(None),
                Serving("data"),
                Awaiting(None),
                Awaiting(Some(old())),
                Serving("data"),
                Awaiting(Some(old())),
            ],
        ),
        (
            configured(THEM, false),
            [Elsewhere, given(), Awaiting(None), Awaiting(Some(old())), given(), Giving(old())],
        ),
        (
            configured(Owner::NoGroup, false),
            [Elsewhere, Parked("data"), Awaiting(None), Awaiting(Some(old())), Parked("data"), Giving(old())],
        ),
        (
            Event::Arrived(Arc::new("new")),
            [Elsewhere, Serving("data"), Serving("new"), Serving("new"), Parked("data"), Giving(old())],
        ),
        (
            Event::Acknowledged { num: OLD },
            [Elsewhere, Serving("data"), Awaiting(None), Awaiting(None), Parked("data"), Elsewhere],
        ),
        (
            Event::Acknowledged { num: NOW },
            [
                Elsewhere,
                Serving("data"),
                Awaiting(None),
                Awaiting(Some(old())),
                Parked("data"),
                Giving(old()),
            ],
        ),
    ];
    for (event, expected) in table {
        for (state, after) in states().into_iter().zip(expected) {
            assert_eq!(state.clone().step(event.clone()), after, "{state:?} and {event:?}");
        }
    }
}

#[test]
fn every_verdict() {
    for state in states() {
        for owner in [US, THEM, Owner::NoGroup] {
            let of = |num| Verdict::of(num, NOW, owner, &state);
            assert_eq!(of(NOW + 1), Verdict::Early, "{state:?}");
            assert_eq!(of(NOW - 1), Verdict::Known, "{state:?}");
            let expected = match (owner, state.is_awaiting()) {
                (US, true) => Verdict::Wanted,
                (US, false) => Verdict::Known,
                _ => Verdict::Wrong,
            };
            assert_eq!(of(NOW), expected, "{state:?} of {owner:?}");
        }
    }
}

/// The states that are possible, for each owner of the shard in the current configuration.
#[test]
fn a_state_fits_its_owner() {
    let sound = |owner, num| states().map(|state| state.is_sound(num, owner));
    assert_eq!(sound(US, NOW), [false, true, true, true, false, false]);
    assert_eq!(sound(THEM, NOW), [true, false, false, false, false, true]);
    assert_eq!(sound(Owner::NoGroup, NOW), [true, false, false, false, true, true]);
    // This handoff has the number of a configuration that the group has not reached.
    assert_eq!(sound(US, OLD - 1), [false, true, true, false, false, false]);
    assert_eq!(sound(THEM, OLD - 1), [true, false, false, false, false, false]);
}

/// As in a real group, no configuration takes effect while the shard is Awaiting. Under this condition,
/// `is_sound` must be true for the state after each event.
#[test]
fn transitions_keep_states_sound() {
    for state in states() {
        for owner in [US, THEM, Owner::NoGroup] {
            if state.is_awaiting() {
                continue;
            }
            let after = state.clone().step(Event::Configured { num: NOW, owner, first: false });
            assert!(after.is_sound(NOW, owner), "{state:?} became {after:?} of {owner:?}");
            for num in [OLD, NOW] {
                let later = after.clone().step(Event::Acknowledged { num });
                assert!(later.is_sound(NOW, owner), "{after:?} became {later:?} of {owner:?}");
            }
            if owner == US {
                let later = after.clone().step(Event::Arrived(Arc::new("new")));
                assert!(later.is_sound(NOW, owner), "{after:?} became {later:?} of {owner:?}");
            }
        }
    }
}
