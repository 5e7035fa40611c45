//! Tests of the differences between two views.

use labapi::Holding;
use labtest::shards::{Place, gid};

use super::samples::{calm, down, leads, troubled, with, with_status};
use crate::act::Team;
use crate::news::{Kind, between};

#[test]
fn equal_views_have_no_news() {
    assert!(between(&calm(), &calm()).is_empty());
}

#[test]
fn a_new_leader_is_news_even_while_the_old_one_still_leads() {
    let news = between(&calm(), &troubled());
    let leader = news.iter().find(|(kind, _)| *kind == Kind::Leader);
    assert_eq!(leader.map(|(_, text)| &**text), Some("G100S1 leads group 100 in term 4"));
}

#[test]
fn the_same_leader_in_another_term_is_news() {
    let mut after = calm();
    leads(&mut after, Place::Ctrler(0), 9);
    assert_eq!(between(&calm(), &after), [(Kind::Leader, "G1S0 leads the controllers in term 9".to_owned())]);
}

#[test]
fn a_group_without_a_leader_is_not_news() {
    let mut after = calm();
    down(&mut after, Place::Server(1, 0));
    assert!(between(&calm(), &after).is_empty(), "the other servers know the same configuration");
}

#[test]
fn a_lost_majority_is_news() {
    let mut after = troubled();
    with(&mut after, Place::Server(1, 0), |look| look.cut_off = true);
    let lost = "group 101 has no majority: 1 of 3 servers is up and connected";
    assert_eq!(between(&troubled(), &after), [(Kind::Fault, lost.to_owned())]);
    let news = between(&after, &troubled());
    assert_eq!(news, [(Kind::Mended, "group 101 has a majority again".to_owned())]);
}

#[test]
fn configurations_and_shards_that_arrive_are_news() {
    let before = troubled();
    let mut after = troubled();
    with_status(&mut after, Place::Ctrler(2), |status| {
        status.config = 3;
        status.groups = vec![100, 101];
        status.owners = [gid(0); 10];
    });
    with_status(&mut after, Place::Server(1, 0), |status| status.shards[9] = Holding::Serving);
    assert_eq!(
        between(&before, &after),
        [
            (Kind::Shards, "configuration 3: groups 100 101".to_owned()),
            (Kind::Shards, "group 101 now serves shard 9".to_owned()),
        ]
    );
}

#[test]
fn a_group_that_comes_back_has_not_gained_anything() {
    let mut before = calm();
    Team::Group(2).places().into_iter().for_each(|place| down(&mut before, place));
    let shards = between(&before, &calm()).into_iter().filter(|(kind, _)| *kind == Kind::Shards);
    assert_eq!(shards.count(), 0);
}

#[test]
fn shards_are_served_by_their_owners() {
    let view = troubled();
    let shards = view.shards();
    assert!(shards[..9].iter().all(|shard| shard.served));
    assert_eq!((shards[9].owner, shards[9].served), (Some(1), false));
    assert_eq!(
        view.leader(Team::Group(0)),
        Some(Place::Server(0, 1)),
        "the leader is the server that leads the later term"
    );
}
