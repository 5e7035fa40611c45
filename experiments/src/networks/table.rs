//! The table of the networks: for each network and each option, what happens within a minute.

use labapi::RaftPeer;
use labrt::collections::BTreeSet;
use labtest::partial::{Network, Seen, watch};
use mit6824::raft::{Raft, Tuned};

use crate::{each, range};

const HEAD: &str = "\
| network | option | elections won | of them in the last 30 s | the highest term rises by | leader at the end | seconds with commits, of 60 |
|---|---|---:|---:|---:|---|---:|";

/// Makes the runs, and prints the table.
pub fn print(seed: u64, runs: u64) -> Result<(), String> {
    println!("{HEAD}");
    for network in Network::ALL {
        row::<Raft>(network, "none", seed, runs)?;
        row::<Tuned<true, false>>(network, "PreVote", seed, runs)?;
        row::<Tuned<false, true>>(network, "CheckQuorum", seed, runs)?;
        row::<Tuned<true, true>>(network, "both", seed, runs)?;
    }
    Ok(())
}

fn row<R: RaftPeer>(network: Network, option: &str, seed: u64, runs: u64) -> Result<(), String> {
    let all = each(seed, runs, move || watch::<R>(network))
        .map_err(|error| format!("{}, {option}: {error}", network.name()))?;
    // Only the first row of a network has its name.
    let name = if option == "none" { network.name() } else { "" };
    println!("| {name} | {option} | {} |", cells(&all).join(" | "));
    Ok(())
}

fn cells(all: &[Seen]) -> [String; 5] {
    let leaders: BTreeSet<&str> = all.iter().map(|seen| seen.leader.unwrap_or("nobody")).collect();
    let leaders: Vec<&str> = leaders.into_iter().collect();
    [
        range(all.iter().map(|seen| seen.elections.len())),
        range(all.iter().map(|seen| seen.elections_at_the_end(30))),
        range(all.iter().map(|seen| seen.terms)),
        leaders.join(", "),
        range(all.iter().map(|seen| seen.busy.len())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrt::time::Duration;

    #[test]
    fn a_row_shows_ranges_and_all_leaders() {
        let seen = |leader, terms| Seen {
            elections: vec![(Duration::from_secs(1), 2, "1"), (Duration::from_secs(40), 3, "3")],
            terms,
            leader,
            commits: 100,
            busy: (0..10).collect(),
        };
        let cells = cells(&[seen(Some("3"), 4), seen(None, 2), seen(Some("1"), 2)]);
        assert_eq!(cells, ["2", "1", "2 to 4", "1, 3, nobody", "10"]);
    }
}
