//! The events that the demo reports: the differences between two views, in words.

use labapi::Holding;
use labrt::collections::BTreeSet;
use labtest::shards::gid;

use crate::act::{GROUPS, SERVERS, Team};
use crate::view::{View, list};

/// The kind of an event. It decides the event's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault has begun.
    Fault,
    /// A fault was repaired.
    Mended,
    /// A leader was elected.
    Leader,
    /// There is a new configuration, or shards have moved.
    Shards,
    /// Any other event.
    Other,
}

/// Compares two views, and returns the differences as events.
pub fn between(before: &View, after: &View) -> Vec<(Kind, String)> {
    let mut news = Vec::new();
    for team in Team::ALL {
        let (old, new) = (led(before, team), led(after, team));
        if let Some((place, term)) = new.filter(|_| new != old) {
            news.push((Kind::Leader, format!("{place} leads {} in term {term}", called(team))));
        }
    }
    for team in Team::ALL {
        match (before.has_majority(team), after.has_majority(team)) {
            (true, false) => {
                let (count, have) =
                    (after.connected(team), if team == Team::Ctrlers { "have" } else { "has" });
                let are = if count == 1 { "is" } else { "are" };
                let text = format!(
                    "{} {have} no majority: {count} of {SERVERS} servers {are} up and connected",
                    called(team)
                );
                news.push((Kind::Fault, text));
            }
            (false, true) => {
                let have = if team == Team::Ctrlers { "have" } else { "has" };
                news.push((Kind::Mended, format!("{} {have} a majority again", called(team))));
            }
            _ => {}
        }
    }
    let number = |view: &View| view.config().map_or(0, |config| config.config);
    if let Some(config) = after.config().filter(|config| config.config > number(before)) {
        let groups = match config.groups.is_empty() {
            true => "no groups".to_owned(),
            false => format!("groups {}", list(&config.groups)),
        };
        news.push((Kind::Shards, format!("configuration {}: {groups}", config.config)));
    }
    for gi in 0..GROUPS {
        let serves = |view: &View| view.shards_of(gi, Holding::Serving).into_iter().collect::<BTreeSet<_>>();
        // If no server of a group is up, the view shows no shards of the group. But the group has not given
        // them away, so nothing is reported.
        let (Some(_), Some(_)) = (before.best(Team::Group(gi)), after.best(Team::Group(gi))) else {
            continue;
        };
        let (old, new) = (serves(before), serves(after));
        let gained: Vec<usize> = new.difference(&old).copied().collect();
        if !gained.is_empty() {
            let plural = if gained.len() == 1 { "" } else { "s" };
            news.push((
                Kind::Shards,
                format!("group {} now serves shard{plural} {}", gid(gi), list(&gained)),
            ));
        }
    }
    news
}

/// The name of a team in a sentence.
pub fn called(team: Team) -> String {
    match team {
        Team::Ctrlers => "the controllers".to_owned(),
        Team::Group(gi) => format!("group {}", gid(gi)),
    }
}

fn led(view: &View, team: Team) -> Option<(labtest::shards::Place, u64)> {
    let leader = view.leader(team)?;
    Some((leader, view.status(leader)?.raft.term))
}
