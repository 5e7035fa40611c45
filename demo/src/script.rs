//! The automatic faults.
//!
//! The script has a deck of cards. Each card is a kind of fault. The deck is shuffled, and the cards are
//! played one by one: a fault happens, and a few seconds later it is repaired. Only a shard that has moved
//! does not move back. After the last card the deck is shuffled again. The faults and their times depend only
//! on the random numbers. There is one exception: if an action is for the leader of a team, the demo chooses
//! the server that leads at the time of the action.

use labrt::rng::{Rng, scale};
use labrt::time::Duration;

use crate::act::{Act, GROUPS, SERVERS, Target, Team};

/// An action, and how long the script waits before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub wait: Duration,
    pub act: Act,
}

#[derive(Clone, Copy, Debug)]
enum Card {
    CrashLeader,
    CrashAny,
    CrashCtrler,
    CutOffLeader,
    CutOffCtrler,
    Unreliable,
    LeaveAndJoin,
    Move,
}

const DECK: [Card; 10] = [
    Card::CrashLeader,
    Card::CutOffLeader,
    Card::LeaveAndJoin,
    Card::Unreliable,
    Card::CrashAny,
    Card::Move,
    Card::CrashLeader,
    Card::CutOffLeader,
    Card::CrashCtrler,
    Card::CutOffCtrler,
];

/// An endless sequence of steps.
pub struct Script<R> {
    dice: R,
    deck: Vec<Card>,
    /// The action that repairs the last fault; `None` if there is nothing to repair.
    then: Option<Act>,
}

impl<R: Rng> Script<R> {
    /// A script that takes its random numbers from `dice`.
    pub fn new(dice: R) -> Script<R> {
        Script { dice, deck: Vec::new(), then: None }
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        match self.then.take() {
            Some(act) => Step { wait: self.between(2000, 3500), act },
            None => {
                let wait = self.between(1000, 2000);
                let card = self.draw();
                let (act, then) = self.play(card);
                self.then = then;
                Step { wait, act }
            }
        }
    }

    /// Makes the next step of the script repair everything, for example because the user has caused a fault.
    pub fn start_over(&mut self) {
        self.then = Some(Act::Mend);
    }

    fn play(&mut self, card: Card) -> (Act, Option<Act>) {
        let gi = self.below(GROUPS);
        let leader = Target::Leader(Team::Group(gi));
        match card {
            Card::CrashLeader => (Act::Crash(leader), Some(Act::Mend)),
            Card::CrashAny => {
                let place = Team::Group(gi).place(self.below(SERVERS));
                (Act::Crash(Target::Server(place)), Some(Act::Restart(Target::Server(place))))
            }
            Card::CrashCtrler => (Act::Crash(Target::Leader(Team::Ctrlers)), Some(Act::Mend)),
            Card::CutOffLeader => (Act::CutOff(leader), Some(Act::Heal)),
            Card::CutOffCtrler => (Act::CutOff(Target::Leader(Team::Ctrlers)), Some(Act::Heal)),
            Card::Unreliable => (Act::Unreliable(true), Some(Act::Unreliable(false))),
            Card::LeaveAndJoin => (Act::Leave(gi), Some(Act::Join(gi))),
            Card::Move => (Act::Move(Some(self.below(labapi::NSHARDS)), gi), None),
        }
    }

    fn draw(&mut self) -> Card {
        if self.deck.is_empty() {
            self.deck = DECK.to_vec();
            for last in (1..self.deck.len()).rev() {
                let other = self.below(last + 1);
                self.deck.swap(last, other);
            }
        }
        self.deck.pop().expect("the deck has just been filled")
    }

    fn between(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + scale(self.dice.next_u64(), to - from))
    }

    fn below(&mut self, n: usize) -> usize {
        scale(self.dice.next_u64(), n as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrt::Run;
    use labrt::rng::stream;
    use labrt::sync::{Arc, Mutex};

    /// The first steps of the script with this seed.
    fn steps(seed: u64, count: usize) -> Vec<Step> {
        let steps = Arc::new(Mutex::new(Vec::new()));
        let kept = steps.clone();
        let outcome = Run::default().once(seed, move || {
            let mut script = Script::new(stream("script", 0));
            *kept.lock() = (0..count).map(|_| script.step()).collect();
        });
        assert!(outcome.failure.is_none());
        steps.lock().clone()
    }

    #[test]
    fn the_same_seed_gives_the_same_script() {
        assert_eq!(steps(1, 100), steps(1, 100));
        assert_ne!(steps(1, 100), steps(2, 100));
    }

    #[test]
    fn a_deck_has_all_kinds_of_faults() {
        // These steps play all ten cards. Nine of the cards need a second action, which repairs the fault.
        let acts: Vec<Act> = steps(3, 19).into_iter().map(|step| step.act).collect();
        let has = |kind: fn(&Act) -> bool| acts.iter().any(kind);
        assert!(has(|act| matches!(act, Act::Crash(Target::Leader(Team::Group(_))))));
        assert!(has(|act| matches!(act, Act::CutOff(_))));
        assert!(has(|act| matches!(act, Act::Unreliable(true))));
        assert!(has(|act| matches!(act, Act::Leave(_))) && has(|act| matches!(act, Act::Join(_))));
        assert!(has(|act| matches!(act, Act::Move(..))));
    }

    #[test]
    fn one_thing_is_broken_at_a_time() {
        let mut broken = None;
        for Step { wait, act } in steps(4, 500) {
            assert!(wait >= Duration::from_secs(1) && wait < Duration::from_secs(4), "{wait:?}");
            broken = match (broken, act) {
                (None, Act::Move(..)) => None,
                (None, Act::Crash(_) | Act::CutOff(_) | Act::Unreliable(true) | Act::Leave(_)) => Some(act),
                (Some(Act::Crash(Target::Server(down))), Act::Restart(Target::Server(up))) if down == up => {
                    None
                }
                (Some(Act::Crash(Target::Leader(_))), Act::Mend) => None,
                (Some(Act::CutOff(_)), Act::Heal) => None,
                (Some(Act::Unreliable(true)), Act::Unreliable(false)) => None,
                (Some(Act::Leave(left)), Act::Join(joins)) if left == joins => None,
                (before, act) => panic!("{act:?} after {before:?}"),
            };
        }
    }

    #[test]
    fn after_a_users_fault_everything_is_repaired_first() {
        let outcome = Run::default().once(5, || {
            let mut script = Script::new(stream("script", 0));
            script.step();
            script.start_over();
            assert_eq!(script.step().act, Act::Mend);
        });
        assert!(outcome.failure.is_none());
    }
}
