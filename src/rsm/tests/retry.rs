//! Tests which server a client asks next, and when.

use crate::rsm::retry::{PATIENCE, Response, Retry};
use labrt::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// Asks a server each time when a request is due. No server leads. Returns the time and the server of each
/// request.
fn ask_followers(retry: &mut Retry, start: Instant, requests: u64) -> Vec<(u128, usize)> {
    let mut now = start;
    (0..requests)
        .map(|request| {
            now = now.max(retry.due().expect("no reply has arrived"));
            let server = retry.ask(request, now);
            assert!(!retry.respond(request, Response::NotLeader, now));
            ((now - start).as_millis(), server)
        })
        .collect()
}

#[test]
fn every_server_is_asked_and_pauses_grow() {
    labrt::run(|| {
        let now = Instant::now();
        let mut retry = Retry::new(3, now);
        let asked = ask_followers(&mut retry, now, 8);
        let expected = [(0, 0), (0, 1), (0, 2), (10, 0), (10, 1), (10, 2), (30, 0), (30, 1)];
        assert_eq!(asked, expected);
        // The times add up: 10 + 20 + 40 + 80 + 80. The pauses do not become longer than 80.
        assert_eq!(ask_followers(&mut retry, now, 10).last(), Some(&(230, 2)));
    });
}

#[test]
fn the_server_that_replied_is_asked_first_and_twice() {
    labrt::run(|| {
        let now = Instant::now();
        let mut retry = Retry::new(3, now);
        ask_followers(&mut retry, now, 1);
        assert_eq!(retry.ask(10, now), 1);
        assert!(retry.respond(10, Response::Reply, now));
        assert_eq!(retry.due(), None, "the caller has not decided what comes next");

        retry.restart(now + 5 * MS);
        assert_eq!(retry.due(), Some(now + 5 * MS));
        assert_eq!(retry.ask(11, now), 1);
        retry.respond(11, Response::Lost, now);
        assert_eq!(retry.ask(12, now), 1, "after one loss the server that replied last is asked again");
        retry.respond(12, Response::Lost, now);
        assert_eq!(retry.ask(13, now), 2, "after a second loss another server is asked");
    });
}

#[test]
fn a_server_that_does_not_reply_in_time_is_left() {
    labrt::run(|| {
        let now = Instant::now();
        let mut retry = Retry::new(3, now);
        assert_eq!(retry.ask(1, now), 0);
        assert_eq!(retry.due(), Some(now + PATIENCE));
        assert_eq!(retry.ask(2, now + PATIENCE), 1);
        assert!(!retry.respond(1, Response::Reply, now + PATIENCE), "this is a reply to an old request");
        assert!(retry.respond(2, Response::Reply, now + PATIENCE));
    });
}

#[test]
fn a_request_is_repeated_after_a_pause() {
    labrt::run(|| {
        let now = Instant::now();
        let mut retry = Retry::new(3, now);
        for (request, pause) in [(1, 10), (2, 20), (3, 40), (4, 80), (5, 80)] {
            assert_eq!(retry.ask(request, now), 0, "the server that replied is asked again");
            assert!(retry.respond(request, Response::Reply, now));
            retry.repeat(now);
            assert_eq!(retry.due(), Some(now + pause * MS));
        }
        retry.restart(now);
        retry.ask(6, now);
        retry.respond(6, Response::Reply, now);
        retry.repeat(now);
        assert_eq!(retry.due(), Some(now + 10 * MS), "the pauses start again with the shortest pause");
    });
}

#[test]
fn hurry_ends_a_pause_and_nothing_else() {
    labrt::run(|| {
        let now = Instant::now();
        let mut retry = Retry::new(1, now);
        retry.restart(now + 100 * MS);
        retry.hurry(now + MS);
        assert_eq!(retry.due(), Some(now + MS));
        retry.ask(1, now + MS);
        retry.hurry(now + 2 * MS);
        assert_eq!(
            retry.due(),
            Some(now + MS + PATIENCE),
            "the time limit of a request that was sent does not change"
        );
    });
}
