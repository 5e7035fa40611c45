//! The meaning of the keys.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::act::{Act, SERVERS, Target, Team};
use labtest::shards::Place;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// End the demo.
    End,
    /// Show or hide the list of keys.
    Help,
    /// Switch automatic faults on or off.
    Auto,
    /// Choose the server this many rows below the chosen one.
    Choose(isize),
    /// An action on the servers.
    Do(Act),
}

/// The texts about the keys, the most important key first.
pub const KEYS: &[(&str, &str, &str)] = &[
    ("q", "end", "end, and see whether it was linearizable (also Esc, Ctrl-C)"),
    ("?", "help", "this list"),
    ("1-9", "crash/restart", "crash the server with this number, or restart it"),
    ("p", "cut off", "cut the chosen server off from its group and the controllers"),
    ("h", "heal", "reconnect all servers that are cut off"),
    ("u", "unreliable", "the network delays and loses messages, or stops that"),
    ("j/l", "join/leave", "the chosen server's group joins or leaves"),
    ("m", "move", "a shard moves to the chosen server's group"),
    ("↑↓", "choose", "choose a server (also Tab)"),
    ("c/r", "crash/restart", "crash or restart the chosen server"),
    ("x", "mend", "repair all: restart servers, heal the network"),
    ("a", "auto", "automatic faults: on or off"),
];

/// The server with this number on the screen.
pub fn of_digit(digit: usize) -> Option<Place> {
    let index = digit.checked_sub(1).filter(|&index| index < 9)?;
    Some(Place::Server(index / SERVERS, index % SERVERS))
}

/// The number of a server on the screen. A controller has no number. To crash a controller, the user first
/// chooses it.
pub fn digit(place: Place) -> Option<usize> {
    match place {
        Place::Server(gi, i) => Some(gi * SERVERS + i + 1),
        Place::Ctrler(_) | Place::Second(_) => None,
    }
}

/// What a key asks for, if `chosen` is the chosen server.
pub fn wish(key: KeyEvent, chosen: Place) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(key.code, KeyCode::Char('c' | 'd')).then_some(Wish::End);
    }
    let group = |act: fn(usize) -> Act| match Team::of(chosen) {
        Team::Group(gi) => Some(Wish::Do(act(gi))),
        Team::Ctrlers => None,
    };
    let it = Target::Server(chosen);
    match key.code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Wish::End),
        KeyCode::Char('?') => Some(Wish::Help),
        KeyCode::Char('a') => Some(Wish::Auto),
        KeyCode::Down | KeyCode::Right | KeyCode::Tab => Some(Wish::Choose(1)),
        KeyCode::Up | KeyCode::Left | KeyCode::BackTab => Some(Wish::Choose(-1)),
        KeyCode::PageDown => Some(Wish::Choose(SERVERS as isize)),
        KeyCode::PageUp => Some(Wish::Choose(-(SERVERS as isize))),
        KeyCode::Char(c @ '1'..='9') => {
            of_digit(c as usize - '0' as usize).map(|place| Wish::Do(Act::Toggle(place)))
        }
        KeyCode::Char('c') => Some(Wish::Do(Act::Crash(it))),
        KeyCode::Char('r') => Some(Wish::Do(Act::Restart(it))),
        KeyCode::Char('p') => Some(Wish::Do(Act::CutOff(it))),
        KeyCode::Char('h') => Some(Wish::Do(Act::Heal)),
        KeyCode::Char('u') => Some(Wish::Do(Act::ToggleUnreliable)),
        KeyCode::Char('x') => Some(Wish::Do(Act::Mend)),
        KeyCode::Char('j') => group(Act::Join),
        KeyCode::Char('l') => group(Act::Leave),
        KeyCode::Char('m') => group(|gi| Act::Move(None, gi)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    fn typed(c: char, chosen: Place) -> Option<Wish> {
        wish(plain(KeyCode::Char(c)), chosen)
    }

    const CHOSEN: Place = Place::Server(1, 2);

    #[test]
    fn digits_are_the_servers_of_the_groups() {
        assert_eq!(typed('1', CHOSEN), Some(Wish::Do(Act::Toggle(Place::Server(0, 0)))));
        assert_eq!(typed('9', CHOSEN), Some(Wish::Do(Act::Toggle(Place::Server(2, 2)))));
        assert_eq!(typed('0', CHOSEN), None);
        for number in 1..=9 {
            assert_eq!(of_digit(number).and_then(digit), Some(number));
        }
        assert_eq!(of_digit(10), None);
        assert_eq!(digit(Place::Ctrler(0)), None);
    }

    #[test]
    fn letters_act_on_the_chosen_server() {
        let it = Target::Server(CHOSEN);
        assert_eq!(typed('c', CHOSEN), Some(Wish::Do(Act::Crash(it))));
        assert_eq!(typed('r', CHOSEN), Some(Wish::Do(Act::Restart(it))));
        assert_eq!(typed('p', CHOSEN), Some(Wish::Do(Act::CutOff(it))));
        assert_eq!(typed('j', CHOSEN), Some(Wish::Do(Act::Join(1))));
        assert_eq!(typed('l', CHOSEN), Some(Wish::Do(Act::Leave(1))));
        assert_eq!(typed('m', CHOSEN), Some(Wish::Do(Act::Move(None, 1))));
    }

    #[test]
    fn controllers_neither_join_nor_leave() {
        let chosen = Place::Ctrler(1);
        assert!("jlm".chars().all(|c| typed(c, chosen).is_none()));
        assert_eq!(typed('c', chosen), Some(Wish::Do(Act::Crash(Target::Server(chosen)))));
    }

    #[test]
    fn the_other_keys_act_on_everything() {
        assert_eq!(typed('h', CHOSEN), Some(Wish::Do(Act::Heal)));
        assert_eq!(typed('u', CHOSEN), Some(Wish::Do(Act::ToggleUnreliable)));
        assert_eq!(typed('x', CHOSEN), Some(Wish::Do(Act::Mend)));
        assert_eq!(typed('a', CHOSEN), Some(Wish::Auto));
        assert_eq!(typed('?', CHOSEN), Some(Wish::Help));
        assert_eq!(typed('z', CHOSEN), None);
    }

    #[test]
    fn three_keys_end_the_demo() {
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for key in [plain(KeyCode::Char('q')), plain(KeyCode::Esc), control_c] {
            assert_eq!(wish(key, CHOSEN), Some(Wish::End));
        }
    }

    #[test]
    fn a_key_counts_when_it_goes_down() {
        let released = KeyEvent { kind: KeyEventKind::Release, ..plain(KeyCode::Char('q')) };
        assert_eq!(wish(released, CHOSEN), None);
    }
}
