//! Checks that each case with a mistake (see `tests/hunt.rs`) fails with any seed.
#![cfg(feature = "sim")]

#[path = "hunt/cases.rs"]
mod cases;

use cases::cases;
use labrt::Run;

/// If such a case passed, or failed for another reason, a reader would learn nothing from it.
#[test]
fn the_bugs_are_found_from_any_seed() {
    for case in cases().into_iter().filter(|case| case.ignored) {
        let found = match case.name.as_str() {
            "old_leader_stays_hunt" => "changed when it was alone",
            "figure_8_to_the_letter_hunt" => "committed entries stay",
            other => panic!("there is no expected failure for {other}"),
        };
        for seed in 0..20 {
            let run = Run { quiet: true, ..Run::default() };
            let body = case.body.clone();
            let failure = run.once(seed, move || body()).failure;
            let message = failure.map_or("the case passes".to_owned(), |failure| failure.message);
            assert!(message.contains(found), "{}, seed {seed}: {message}", case.name);
        }
    }
}
