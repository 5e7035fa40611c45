//! For each rule there are two similar short stories: one breaks the rule, and the other does not.

use labapi::Role::{Candidate, Follower, Leader};

use labrt::node::NodeId;

use super::log::{Entry, Log, Place};
use super::shards::{Contents, Shards, Source};
use super::spec::{Act, At, Checked, Group, Reply, Request, Saved};
use super::{RULES, Rule, rules};

/// A group of servers, told as a story: each call is one event.
struct Story {
    group: Group,
    now: u64,
    life: u32,
    saves: u64,
    messages: u64,
}

fn entry(term: u64, command: u32) -> Entry {
    Entry { term, command }
}

fn place(index: u64, term: u64) -> Place {
    Place { index, term }
}

impl Story {
    fn of(servers: usize) -> Story {
        let mut story = Story { group: Group::default(), now: 0, life: 1, saves: 0, messages: 0 };
        for server in 0..servers {
            let act = story.act(server);
            story.group.start(act);
            story.group.restore(act, Saved::default()).expect("all servers start empty");
        }
        story
    }

    fn act(&mut self, server: usize) -> Act {
        self.now += 1_000_000;
        Act { server, life: self.life, thread: server as u64, at: At(self.now) }
    }

    fn save(&mut self, server: usize) {
        self.saves += 1;
        let act = self.act(server);
        self.group.save(act, self.saves, 0);
    }

    fn ok(checked: Checked) {
        if let Err(breach) = checked {
            panic!("{}: {}", breach.rule, breach.text);
        }
    }

    fn term(&mut self, server: usize, term: u64) {
        let act = self.act(server);
        Story::ok(self.group.term(act, term));
        self.save(server);
    }

    /// The server sees a higher term.
    fn step_down(&mut self, server: usize, term: u64) {
        self.term(server, term);
        let act = self.act(server);
        Story::ok(self.group.role(act, Follower, term));
    }

    fn vote(&mut self, server: usize, candidate: usize, term: u64) -> Checked {
        let act = self.act(server);
        let checked = self.group.vote(act, candidate, term);
        self.save(server);
        checked
    }

    /// The server stands for election in `term`, and asks for votes.
    fn stand(&mut self, server: usize, term: u64, last: Place) {
        self.stand_silently(server, term);
        Story::ok(self.ask(server, term, last));
    }

    fn stand_silently(&mut self, server: usize, term: u64) {
        self.term(server, term);
        let act = self.act(server);
        Story::ok(self.group.role(act, Candidate, term));
        Story::ok(self.vote(server, server, term));
    }

    fn ask(&mut self, server: usize, term: u64, last: Place) -> Checked {
        self.messages += 1;
        let act = self.act(server);
        self.group.request(act, self.messages, Request::Vote { term, candidate: server, last })
    }

    fn lead(&mut self, server: usize, term: u64) -> Checked {
        let act = self.act(server);
        self.group.role(act, Leader, term)
    }

    /// The voters raise their term and vote, and then the candidate leads.
    fn elect(&mut self, server: usize, term: u64, last: Place, voters: &[usize]) {
        self.stand(server, term, last);
        for &voter in voters {
            self.step_down(voter, term);
            Story::ok(self.vote(voter, server, term));
        }
        Story::ok(self.lead(server, term));
    }

    fn append(&mut self, server: usize, first: u64, entries: &[Entry]) -> Checked {
        let act = self.act(server);
        let checked = self.group.append(act, first, entries);
        self.save(server);
        checked
    }

    fn commit(&mut self, server: usize, index: u64) -> Checked {
        let act = self.act(server);
        self.group.commit(act, index)
    }

    fn apply(&mut self, server: usize, index: u64) -> Checked {
        let act = self.act(server);
        self.group.apply(act, index)
    }

    /// The leader sends entries. The result is the message's id.
    fn send(&mut self, leader: usize, term: u64, prev: Place, entries: &[Entry], commit: u64) -> u64 {
        self.messages += 1;
        let act = self.act(leader);
        let request = Request::Append { term, leader, prev, entries: entries.to_vec(), commit };
        Story::ok(self.group.request(act, self.messages, request));
        self.messages
    }

    fn answer(&mut self, server: usize, id: u64, term: u64, success: bool) -> Checked {
        let act = self.act(server);
        self.group.reply(act, id, Reply::Append { term, success })
    }

    fn truncate(&mut self, server: usize, from: u64, parent: u64) -> Checked {
        let act = self.act(server);
        let checked = self.group.truncate(act, from, parent);
        self.save(server);
        checked
    }

    fn snapshot(&mut self, server: usize, own: bool, base: Place, last: u64) -> Checked {
        let act = self.act(server);
        let checked = self.group.snapshot(act, own, base, last, 77);
        self.save(server);
        checked
    }

    /// The server crashes, and starts with this state.
    fn restart(&mut self, server: usize, state: Saved) -> Checked {
        let act = self.act(server);
        self.group.crash(act);
        self.life += 1;
        let act = self.act(server);
        self.group.start(act);
        self.group.restore(act, state)
    }

    /// Three servers. S0 leads term 1. S0 and S1 have stored, committed and applied two entries.
    fn in_operation() -> Story {
        let mut story = Story::of(3);
        story.elect(0, 1, Place::default(), &[1, 2]);
        let entries = [entry(1, 10), entry(1, 11)];
        Story::ok(story.append(0, 1, &entries));
        let id = story.send(0, 1, Place::default(), &entries, 0);
        Story::ok(story.append(1, 1, &entries));
        Story::ok(story.answer(1, id, 1, true));
        for server in [0, 1] {
            Story::ok(story.commit(server, 2));
            Story::ok(story.apply(server, 2));
        }
        story
    }
}

#[track_caller]
fn breaks(checked: Checked, rule: &Rule, words: &str) {
    let breach = checked.expect_err("the story breaks a rule");
    assert_eq!(breach.rule.name, rule.name, "{}", breach.text);
    assert!(breach.text.contains(words), "{}", breach.text);
}

#[test]
fn rules_have_different_names_and_full_sentences() {
    for (i, rule) in RULES.iter().enumerate() {
        assert!(rule.sentence.ends_with('.') && !rule.section.is_empty(), "{rule}");
        assert!(RULES[..i].iter().all(|other| other.name != rule.name), "{rule}");
    }
}

#[test]
fn a_term_never_falls() {
    let mut story = Story::of(3);
    story.term(0, 5);
    let act = story.act(0);
    breaks(story.group.term(act, 4), &rules::TERMS_RISE, "goes from 5 to 4");
    breaks(story.group.role(act, Follower, 4), &rules::TERMS_RISE, "its term is 5");
}

#[test]
fn a_term_has_one_leader_with_the_votes_of_a_majority() {
    let mut story = Story::of(4);
    story.stand(0, 1, Place::default());
    story.term(1, 1);
    Story::ok(story.vote(1, 0, 1));
    breaks(story.lead(0, 1), &rules::MAJORITY, "with the votes of S0, S1; a majority of 4 servers has 3");

    let mut story = Story::of(3);
    story.elect(0, 1, Place::default(), &[2]);
    story.stand(1, 1, Place::default());
    breaks(story.lead(1, 1), &rules::ELECTION_SAFETY, "S0 has led this term since");
}

#[test]
fn only_a_candidate_leads_and_a_leader_goes_only_for_a_higher_term() {
    let mut story = Story::of(3);
    breaks(story.lead(0, 0), &rules::ROLES, "it was a follower");
    let mut story = Story::in_operation();
    let act = story.act(0);
    breaks(story.group.role(act, Follower, 1), &rules::ROLES, "has not seen a higher term");
    let mut story = Story::in_operation();
    story.term(0, 2);
    let act = story.act(0);
    Story::ok(story.group.role(act, Follower, 2));
}

/// CheckQuorum: a leader may step down in its own term if it is true that no majority has answered it.
#[test]
fn a_leader_without_a_quorum_may_step_down() {
    let mut story = Story::in_operation();
    let id = story.send(0, 1, Place::default(), &[], 2);
    Story::ok(story.answer(1, id, 1, true));
    let act = story.act(0);
    story.group.replied(act, id);
    // An answer that has just arrived may not be handled yet, so it does not count at once.
    story.now += 50_000_000;
    let act = story.act(0);
    breaks(story.group.no_quorum(act, 1), &rules::ROLES, "S1 have just answered");
    story.now += 1_000_000_000;
    let act = story.act(1);
    breaks(story.group.no_quorum(act, 1), &rules::ROLES, "it does not lead that term");
    let act = story.act(0);
    Story::ok(story.group.no_quorum(act, 1));
    breaks(story.lead(0, 1), &rules::ROLES, "it was a follower");
}

/// CheckQuorum: a server may answer a candidate with a lower term if it is true that it has a leader.
#[test]
fn a_server_with_a_leader_may_ignore_a_candidate() {
    let mut story = Story::in_operation();
    let id = story.send(0, 1, Place::default(), &[], 2);
    Story::ok(story.answer(2, id, 1, true));
    story.stand(1, 9, place(2, 1));
    let act = story.act(2);
    let refusal = Reply::Vote { term: 1, granted: false };
    breaks(story.group.reply(act, story.messages, refusal), &rules::HIGHER_TERM, "a request of term 9");
    Story::ok(story.ask(1, 9, place(2, 1)));
    Story::ok(story.group.candidate_ignored(act, 1, 9, false));
    Story::ok(story.group.candidate_ignored(act, 1, 9, true));
    Story::ok(story.group.reply(act, story.messages, refusal));
    story.now += 5_000_000_000;
    let act = story.act(2);
    for promised in [false, true] {
        let checked = story.group.candidate_ignored(act, 1, 9, promised);
        breaks(checked, &rules::HIGHER_TERM, "it has heard from none");
    }
}

#[test]
fn a_pre_vote_raises_no_term_and_goes_to_a_log_that_is_up_to_date() {
    let mut story = Story::in_operation();
    let ask = |story: &mut Story, last| {
        story.messages += 1;
        let act = story.act(2);
        story.group.request(act, story.messages, Request::PreVote { term: 1, candidate: 2, last })
    };
    Story::ok(ask(&mut story, Place::default()));
    let yes = Reply::PreVote { term: 1, granted: true };
    let act = story.act(1);
    breaks(story.group.reply(act, story.messages, yes), &rules::PRE_VOTE, "the log of S2 is empty");
    Story::ok(ask(&mut story, place(2, 1)));
    Story::ok(story.group.reply(act, story.messages, yes));
    Story::ok(ask(&mut story, place(2, 1)));
    let act = story.act(0);
    breaks(story.group.reply(act, story.messages, yes), &rules::PRE_VOTE, "it is leader of term 1");
}

#[test]
fn a_server_has_one_vote_also_after_a_restart() {
    let mut story = Story::of(3);
    for candidate in [0, 1] {
        story.stand(candidate, 1, Place::default());
    }
    story.term(2, 1);
    Story::ok(story.vote(2, 0, 1));
    Story::ok(story.vote(2, 0, 1));
    breaks(story.vote(2, 1, 1), &rules::ONE_VOTE, "it had voted for S0 in this term at");
    breaks(story.vote(2, 1, 2), &rules::ONE_VOTE, "its term is 1");

    let forgets = Saved { term: 1, ..Saved::default() };
    breaks(story.restart(2, forgets), &rules::RESTORED, "a vote for nobody in term 1");
}

#[test]
fn the_saved_state_comes_back_and_only_that() {
    let mut story = Story::in_operation();
    let act = story.act(1);
    Story::ok(story.group.append(act, 3, &[]));
    let log = Log::new(Place::default(), [entry(1, 10), entry(1, 11)]);
    let saved = Saved { term: 1, voted_for: Some(0), log, snapshot: 0 };
    breaks(story.restart(1, Saved { term: 0, ..saved.clone() }), &rules::RESTORED, "had saved term 1");
    let shorter = Saved { log: Log::new(Place::default(), [entry(1, 10)]), ..saved.clone() };
    breaks(story.restart(1, shorter), &rules::RESTORED, "had saved the log ends at index 2");
    Story::ok(story.restart(1, saved.clone()));

    let act = story.act(1);
    Story::ok(story.group.term(act, 9));
    Story::ok(story.restart(1, saved));
}

#[test]
fn a_vote_goes_to_a_log_that_is_up_to_date_and_is_owed_to_it() {
    let mut story = Story::in_operation();
    story.stand(2, 2, Place::default());
    story.term(1, 2);
    breaks(
        story.vote(1, 2, 2),
        &rules::UP_TO_DATE,
        "the candidate's log is empty, its own ends at index 2 of term 1",
    );

    let mut story = Story::in_operation();
    story.stand(1, 2, place(2, 1));
    story.term(2, 2);
    let act = story.act(2);
    breaks(story.group.vote_refused(act, 1, 2), &rules::VOTE_OWED, "it has voted for nobody");
    Story::ok(story.vote(2, 1, 2));
    breaks(story.group.vote_refused(act, 1, 2), &rules::VOTE_OWED, "it has voted for S1");
    story.step_down(0, 2);
    story.stand(0, 3, place(2, 1));
    Story::ok(story.group.vote_refused(act, 0, 3));
}

#[test]
fn a_leader_only_appends_entries_of_its_term() {
    let mut story = Story::in_operation();
    breaks(story.truncate(0, 2, 0), &rules::APPEND_ONLY, "leads and removes");
    let mut story = Story::in_operation();
    story.elect(1, 2, place(2, 1), &[2]);
    breaks(story.append(1, 3, &[entry(1, 12)]), &rules::APPEND_ONLY, "appends an entry of term 1");
}

#[test]
fn logs_match() {
    let mut story = Story::in_operation();
    let other = [entry(1, 10), entry(1, 99)];
    breaks(story.append(2, 1, &other), &rules::LOG_MATCHING, "has another command");
    let mut story = Story::in_operation();
    breaks(story.append(1, 3, &[entry(1, 12)]), &rules::LOG_MATCHING, "S0, has not made this entry");
    let mut story = Story::in_operation();
    breaks(story.append(1, 3, &[entry(7, 12)]), &rules::LOG_MATCHING, "its term is 1");
}

#[test]
fn a_follower_checks_the_entry_before_the_new_ones() {
    let mut story = Story::in_operation();
    breaks(story.append(2, 2, &[entry(1, 11)]), &rules::CONSISTENCY, "but its log ends at 0");
    let id = story.send(0, 1, place(2, 1), &[], 2);
    breaks(story.answer(2, id, 1, true), &rules::CONSISTENCY, "it lacks index 2 of term 1");
    let id = story.send(0, 1, place(2, 1), &[], 2);
    Story::ok(story.answer(2, id, 1, false));
    let id = story.send(0, 1, Place::default(), &[], 2);
    breaks(story.answer(2, id, 1, false), &rules::CONSISTENCY, "refuses entries");
}

#[test]
fn only_conflicting_entries_are_removed() {
    let mut story = Story::of(5);
    story.elect(0, 1, Place::default(), &[1, 2]);
    let entries = [entry(1, 10), entry(1, 11)];
    Story::ok(story.append(0, 1, &entries));
    Story::ok(story.append(1, 1, &entries));
    let id = story.send(0, 1, Place::default(), &entries[..1], 0);
    breaks(story.truncate(1, 1, id), &rules::ONLY_CONFLICTS, "the same entry there");
    breaks(story.truncate(1, 2, id), &rules::ONLY_CONFLICTS, "no entry there");

    story.elect(2, 2, Place::default(), &[3, 4]);
    Story::ok(story.append(2, 1, &[entry(2, 20)]));
    let id = story.send(2, 2, Place::default(), &[entry(2, 20)], 0);
    story.term(1, 2);
    Story::ok(story.truncate(1, 1, id));
}

#[test]
fn committed_entries_are_not_removed() {
    let mut story = Story::in_operation();
    breaks(story.truncate(1, 2, 0), &rules::STATE_MACHINE_SAFETY, "it has committed up to 2");
}

#[test]
fn a_leader_commits_entries_of_its_term_on_a_majority() {
    let mut story = Story::of(3);
    story.elect(0, 1, Place::default(), &[1, 2]);
    Story::ok(story.append(0, 1, &[entry(1, 10)]));
    breaks(story.commit(0, 1), &rules::COMMITMENT, "only S0 stored it");

    let mut story = Story::of(3);
    story.elect(0, 1, Place::default(), &[1, 2]);
    for server in [0, 1] {
        Story::ok(story.append(server, 1, &[entry(1, 10)]));
    }
    let act = story.act(1);
    breaks(story.group.commit(act, 1), &rules::COMMITMENT, "does not lead");

    story.step_down(0, 2);
    story.elect(0, 3, place(1, 1), &[1]);
    breaks(story.commit(0, 1), &rules::COMMITMENT, "but no entry of its own term");
    let mut story = Story::in_operation();
    breaks(story.commit(0, 2), &rules::COMMITMENT, "goes from 2 to 2");
    breaks(story.commit(0, 3), &rules::COMMITMENT, "its log ends at 2");
}

#[test]
fn an_entry_that_is_not_saved_does_not_count() {
    let mut story = Story::of(3);
    story.elect(0, 1, Place::default(), &[1, 2]);
    Story::ok(story.append(0, 1, &[entry(1, 10)]));
    let act = story.act(1);
    Story::ok(story.group.append(act, 1, &[entry(1, 10)]));
    breaks(story.commit(0, 1), &rules::COMMITMENT, "only S0 stored it");
}

#[test]
fn a_leader_has_all_committed_entries() {
    let mut story = Story::in_operation();
    // S2 does not report its requests for votes. So the monitor cannot compare S2's log with the voter's log.
    story.stand_silently(2, 2);
    story.term(0, 2);
    Story::ok(story.vote(0, 2, 2));
    breaks(
        story.lead(2, 2),
        &rules::LEADER_COMPLETENESS,
        "at index 1 it has no entry; S0, the leader of term 1, had committed",
    );
}

#[test]
fn a_late_leader_may_lack_what_a_leader_of_a_higher_term_has_committed() {
    let mut story = Story::of(5);
    story.elect(0, 1, Place::default(), &[1, 2]);
    Story::ok(story.append(0, 1, &[entry(1, 10)]));
    // S3 has the votes of a majority, but one of them is still on its way.
    story.stand(3, 2, Place::default());
    for voter in [2, 4] {
        story.step_down(voter, 2);
        Story::ok(story.vote(voter, 3, 2));
    }
    story.step_down(0, 2);
    story.elect(0, 3, place(1, 1), &[1, 2, 4]);
    Story::ok(story.append(0, 2, &[entry(3, 11)]));
    let entries = [entry(1, 10), entry(3, 11)];
    for follower in [1, 2] {
        let id = story.send(0, 3, Place::default(), &entries, 0);
        Story::ok(story.append(follower, 1, &entries));
        Story::ok(story.answer(follower, id, 3, true));
    }
    Story::ok(story.commit(0, 2));
    Story::ok(story.lead(3, 2));
    // In a higher term a leader needs the entries.
    story.step_down(3, 3);
    story.stand_silently(3, 4);
    for voter in [1, 2] {
        story.step_down(voter, 4);
        Story::ok(story.vote(voter, 3, 4));
    }
    breaks(story.lead(3, 4), &rules::LEADER_COMPLETENESS, "S0, the leader of term 3, had committed");
}

#[test]
fn all_commit_the_same() {
    let mut story = Story::of(3);
    story.elect(0, 1, Place::default(), &[1]);
    Story::ok(story.append(0, 1, &[entry(1, 10)]));
    story.elect(1, 2, Place::default(), &[2]);
    for server in [1, 2] {
        Story::ok(story.append(server, 1, &[entry(2, 20)]));
    }
    Story::ok(story.commit(1, 1));
    breaks(story.commit(0, 1), &rules::STATE_MACHINE_SAFETY, "S1 has committed another one, of term 2");
}

#[test]
fn entries_are_applied_in_order() {
    let mut story = Story::in_operation();
    breaks(story.apply(0, 1), &rules::APPLY_ORDER, "it has applied 2 before");
    breaks(story.apply(0, 3), &rules::APPLY_ORDER, "committed only up to 2");
    let act = story.act(0);
    Story::ok(story.group.delivered(act, 2, 11));
    breaks(story.group.delivered(act, 2, 12), &rules::STATE_MACHINE_SAFETY, "another command");
    breaks(story.group.delivered(act, 3, 12), &rules::STATE_MACHINE_SAFETY, "no leader has committed it");
}

#[test]
fn nothing_is_said_before_it_is_saved() {
    let mut story = Story::in_operation();
    let entries = [entry(1, 12)];
    Story::ok(story.append(0, 3, &entries));
    let id = story.send(0, 1, place(2, 1), &entries, 2);
    let act = story.act(1);
    Story::ok(story.group.append(act, 3, &entries));
    breaks(story.answer(1, id, 1, true), &rules::SAVED_FIRST, "its log is not saved");

    let mut story = Story::of(3);
    let act = story.act(0);
    Story::ok(story.group.term(act, 1));
    breaks(story.ask(0, 1, Place::default()), &rules::SAVED_FIRST, "its term is not saved");
}

#[test]
fn a_save_of_the_same_bytes_saves_nothing() {
    let mut story = Story::of(3);
    story.group.save(Act { server: 0, life: 1, thread: 0, at: At(1) }, 5, 0);
    let act = story.act(0);
    Story::ok(story.group.term(act, 1));
    story.group.save(act, 5, 0);
    breaks(story.ask(0, 1, Place::default()), &rules::SAVED_FIRST, "its term is not saved");
    story.group.save(act, 6, 0);
    Story::ok(story.ask(0, 1, Place::default()));
}

#[test]
fn messages_are_true() {
    let mut story = Story::in_operation();
    breaks(story.ask(1, 2, place(2, 1)), &rules::TRUE_MESSAGES, "its term is 1");
    story.stand(1, 2, place(2, 1));
    breaks(
        story.ask(1, 2, Place::default()),
        &rules::TRUE_MESSAGES,
        "says that its log is empty, but it ends at index 2",
    );

    let request =
        |prev: Place, commit: u64| Request::Append { term: 1, leader: 0, prev, entries: Vec::new(), commit };
    let act = story.act(0);
    breaks(
        story.group.request(act, 90, request(place(2, 0), 2)),
        &rules::TRUE_MESSAGES,
        "no log has such an entry",
    );
    breaks(story.group.request(act, 90, request(place(2, 1), 3)), &rules::TRUE_MESSAGES, "committed up to 3");
    let act = story.act(1);
    let of_another =
        Request::Append { term: 2, leader: 1, prev: Place::default(), entries: Vec::new(), commit: 2 };
    breaks(story.group.request(act, 91, of_another), &rules::TRUE_MESSAGES, "this term has no leader");
}

#[test]
fn higher_terms_are_taken_over() {
    let mut story = Story::in_operation();
    let id = story.send(0, 1, place(2, 1), &[], 2);
    story.term(1, 2);
    let act = story.act(1);
    Story::ok(story.group.reply(act, id, Reply::Append { term: 2, success: false }));
    let act = story.act(0);
    story.group.replied(act, id);
    story.send(0, 1, place(2, 1), &[], 2);
    story.now += 60_000_000;
    let act = story.act(0);
    let late = Request::Append { term: 1, leader: 0, prev: place(2, 1), entries: Vec::new(), commit: 2 };
    breaks(story.group.request(act, 99, late), &rules::HIGHER_TERM, "a reply has told it of term 2");

    let mut story = Story::in_operation();
    story.stand(1, 2, place(2, 1));
    let act = story.act(0);
    let reply = Reply::Vote { term: 1, granted: false };
    breaks(story.group.reply(act, story.messages, reply), &rules::HIGHER_TERM, "to a request of term 2");
}

#[test]
fn a_candidate_yields_to_the_leader_of_its_term() {
    let mut story = Story::of(3);
    story.stand(1, 1, Place::default());
    story.elect(0, 1, Place::default(), &[2]);
    let id = story.send(0, 1, Place::default(), &[], 0);
    breaks(story.answer(1, id, 1, true), &rules::CANDIDATE_YIELDS, "and is a candidate");
    let id = story.send(0, 1, Place::default(), &[], 0);
    let act = story.act(1);
    Story::ok(story.group.role(act, Follower, 1));
    Story::ok(story.answer(1, id, 1, true));
}

#[test]
fn a_snapshot_covers_applied_entries_and_keeps_the_rest() {
    let mut story = Story::in_operation();
    breaks(story.snapshot(0, true, place(3, 1), 3), &rules::SNAPSHOT, "no leader has committed that index");
    breaks(story.snapshot(0, true, place(1, 9), 2), &rules::SNAPSHOT, "the entry there has term 1");
    breaks(story.snapshot(0, true, place(1, 1), 1), &rules::SNAPSHOT, "ends at 1 after a snapshot");
    let mut story = Story::in_operation();
    Story::ok(story.snapshot(0, true, place(2, 1), 2));
    breaks(story.snapshot(0, true, place(1, 1), 2), &rules::SNAPSHOT, "replaces its snapshot up to 2");
    Story::ok(story.snapshot(2, false, place(2, 1), 2));
    let act = story.act(1);
    breaks(story.group.snapshot(act, false, place(2, 1), 2, 78), &rules::SNAPSHOT, "that no server has made");
}

#[test]
fn the_servers_are_described() {
    let mut story = Story::in_operation();
    Story::ok(story.snapshot(0, true, place(2, 1), 2));
    let act = story.act(2);
    story.group.crash(act);
    assert_eq!(
        story.group.describe(0),
        [
            "S0 leader of term 1: no entries in the log, snapshot up to 2, committed up to 2, applied up to 2",
            "S1 follower in term 1: log 1..2, committed up to 2, applied up to 2",
        ]
    );
    assert!(story.group.describe(7)[1].starts_with("G7S1 follower"), "the number of a group is in the names");
}

#[test]
fn a_crash_takes_back_a_snapshot_that_was_not_saved() {
    let mut story = Story::in_operation();
    let act = story.act(0);
    Story::ok(story.group.snapshot(act, true, place(1, 1), 2, 77));
    let log = Log::new(Place::default(), [entry(1, 10), entry(1, 11)]);
    Story::ok(story.restart(0, Saved { term: 1, voted_for: Some(0), log, snapshot: 0 }));
}

#[test]
fn a_crash_takes_back_a_vote_that_was_not_saved() {
    let mut story = Story::in_operation();
    let log = Log::new(Place::default(), [entry(1, 10), entry(1, 11)]);
    let saved = Saved { term: 1, voted_for: Some(0), log, snapshot: 0 };
    let act = story.act(0);
    Story::ok(story.group.term(act, 2));
    Story::ok(story.group.vote(act, 1, 2));
    Story::ok(story.restart(0, saved));
    story.step_down(0, 2);
    Story::ok(story.vote(0, 2, 2));
    let log = Log::new(Place::default(), [entry(1, 10), entry(1, 11)]);
    Story::ok(story.restart(0, Saved { term: 2, voted_for: Some(2), log, snapshot: 0 }));
    let breach = story.vote(0, 1, 2).expect_err("the vote for S2 was saved");
    assert_eq!(breach.rule.name, "One Vote");
}

#[test]
fn a_server_that_does_not_report_its_start_is_not_checked() {
    let mut group = Group::default();
    let act = Act { server: 0, life: 1, thread: 0, at: At(1) };
    group.start(act);
    Story::ok(group.role(act, Leader, 7));
    Story::ok(group.commit(act, 3));
}

/// Groups 100 and 101 with one server each, told as a story. The shards are 0 and 1.
struct Moves {
    shards: Shards,
    now: u64,
}

const MINE: Contents = Contents { data: 1, sessions: 2 };

impl Moves {
    /// Both groups have taken configuration 1, in which group 100 owns both shards.
    fn begin() -> Moves {
        let mut moves = Moves { shards: Shards::default(), now: 0 };
        for gid in [100, 101] {
            moves.shards.start(Moves::server(gid));
            Moves::ok(moves.restore(gid, 0, &[0, 0], &[]));
            Moves::ok(moves.take(gid, 1, &[100, 100]));
        }
        for shard in [0, 1] {
            Moves::ok(moves.serve(100, (1, shard), Source::New));
            Moves::ok(moves.answer(100, shard));
        }
        moves
    }

    fn ok(checked: Checked) {
        Story::ok(checked);
    }

    fn server(gid: u64) -> NodeId {
        NodeId { group: u16::try_from(gid).expect("a small gid"), ..NodeId::first(0) }
    }

    fn at(&mut self) -> At {
        self.now += 1_000_000;
        At(self.now)
    }

    fn restore(&mut self, gid: u64, num: u64, owners: &[u64], serves: &[u64]) -> Checked {
        let at = self.at();
        self.shards.restore(Moves::server(gid), at, gid, (num, owners.to_vec()), serves)
    }

    fn take(&mut self, gid: u64, num: u64, owners: &[u64]) -> Checked {
        let at = self.at();
        self.shards.configured(Moves::server(gid), at, (num, owners.to_vec()))
    }

    fn give(&mut self, gid: u64, shard: (u64, usize), contents: Contents) -> Checked {
        let at = self.at();
        self.shards.given(Moves::server(gid), at, shard, contents)
    }

    fn serve(&mut self, gid: u64, shard: (u64, usize), source: Source) -> Checked {
        let at = self.at();
        self.shards.served(Moves::server(gid), at, shard, source)
    }

    fn answer(&mut self, gid: u64, shard: usize) -> Checked {
        let at = self.at();
        self.shards.answered(Moves::server(gid), at, shard)
    }

    /// Both groups have taken configuration 2, which gives shard 1 to group 101. Group 100 has given the
    /// shard away.
    fn moving() -> Moves {
        let mut moves = Moves::begin();
        for gid in [100, 101] {
            Moves::ok(moves.take(gid, 2, &[100, 101]));
        }
        Moves::ok(moves.give(100, (2, 1), MINE));
        moves
    }
}

#[test]
fn a_shard_moves() {
    let mut moves = Moves::moving();
    Moves::ok(moves.answer(100, 0));
    Moves::ok(moves.serve(101, (2, 1), Source::Received(MINE)));
    Moves::ok(moves.answer(101, 1));
    // The server restarts, and does the same again.
    moves.shards.start(NodeId { incarnation: 2, ..Moves::server(101) });
    Moves::ok(moves.answer(101, 1));
    Moves::ok(moves.restore(101, 1, &[100, 100], &[]));
    Moves::ok(moves.take(101, 2, &[100, 101]));
    Moves::ok(moves.serve(101, (2, 1), Source::Received(MINE)));
    Moves::ok(moves.answer(101, 1));
}

#[test]
fn only_the_owner_serves_a_shard() {
    let mut moves = Moves::moving();
    breaks(moves.answer(100, 1), &rules::ONE_OWNER, "number 2, the shard belongs to group 101");
    breaks(moves.answer(101, 1), &rules::ONE_OWNER, "the data of the shard has not arrived");
    breaks(
        moves.serve(101, (2, 1), Source::New),
        &rules::ONE_OWNER,
        "group 100 owned the shard in configuration 1",
    );
    Moves::ok(moves.take(100, 3, &[100, 0]));
    Moves::ok(moves.serve(100, (3, 0), Source::NeverLeft));
    breaks(moves.answer(100, 1), &rules::ONE_OWNER, "the shard belongs to no group");
    breaks(
        moves.take(101, 3, &[100, 101]),
        &rules::ONE_OWNER,
        "in which shard 1 belongs to group 101, but G100S0",
    );
}

#[test]
fn the_new_owner_gets_what_was_given_away() {
    let other = Contents { data: 9, ..MINE };
    let mut moves = Moves::moving();
    breaks(
        moves.serve(101, (2, 1), Source::Received(other)),
        &rules::ONE_OWNER,
        "with other data than G100S0",
    );
    breaks(
        moves.serve(101, (2, 0), Source::Received(MINE)),
        &rules::ONE_OWNER,
        "no group has given this shard",
    );
    breaks(moves.give(100, (2, 1), other), &rules::ONE_OWNER, "with other data than G100S0");
}

#[test]
fn a_shard_moves_with_the_memory_of_its_clients() {
    let without = Contents { sessions: 0, ..MINE };
    let mut moves = Moves::moving();
    breaks(moves.serve(101, (2, 1), Source::Received(without)), &rules::SESSIONS_MOVE, "with other sessions");
    Moves::ok(moves.serve(101, (2, 1), Source::Received(MINE)));
}
