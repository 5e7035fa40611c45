//! The checks of a test: which peers lead, whether their terms are the same, and which commands they have
//! applied.
//!
//! The waiting times, the numbers of rounds and the texts of failures are the same as in the course. The
//! checks ignore a peer that does not run.

use labapi::RaftPeer;
use labrt::rng;
use labrt::time::{Duration, Instant, sleep};

use super::Cluster;
use crate::lives::Living;
use crate::value::Value;

/// How many times [`Cluster::check_one_leader`] asks the peers before it gives up.
const LEADER_ROUNDS: usize = 10;
/// For how long [`Cluster::one`] submits its command again and again.
const ONE_LIMIT: Duration = Duration::from_secs(10);
/// How long [`Cluster::one`] waits until a submitted command is committed.
const COMMIT_LIMIT: Duration = Duration::from_secs(2);

/// Decides whether [`Cluster::one`] may submit its command again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// The command is not submitted again. If a leader accepts it, it must be committed in time.
    No,
    /// If the command is not committed in time, it is submitted again. So the log may contain the command
    /// several times.
    Yes,
}

/// What the peers have applied at one index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Committed {
    /// How many peers have applied something at the index. A peer also counts if it has crashed or was
    /// disconnected afterwards.
    pub count: usize,
    /// The value that they have applied. It is `None` if no peer has applied anything at the index.
    pub value: Option<Value>,
}

/// A submission of [`Cluster::one`] that a leader has accepted.
struct Submitted {
    server: usize,
    index: u64,
    term: u64,
}

impl<R: RaftPeer> Cluster<R> {
    /// Waits for a leader among the connected peers, and returns it. If there are several leaders, it returns
    /// the leader of the newest term.
    ///
    /// # Panics
    /// If one term has two leaders, or if there is no leader for about five seconds.
    #[track_caller]
    pub fn check_one_leader(&self) -> usize {
        let all: Vec<usize> = (0..self.servers()).collect();
        self.check_one_leader_among(&all)
    }

    /// Like [`check_one_leader`](Cluster::check_one_leader), but considers only these peers, for example the
    /// peers on one side of a partition.
    #[track_caller]
    pub fn check_one_leader_among(&self, peers: &[usize]) -> usize {
        for _ in 0..LEADER_ROUNDS {
            sleep(Duration::from_millis(450 + rng::below(100)));
            if let Some(leader) = self.newest_leader(peers) {
                return leader;
            }
        }
        panic!("expected one leader, got none; {}", self.describe_peers());
    }

    /// Asks the connected peers among `peers`. Returns the peer that claims to lead in the newest term. Fails
    /// the test if two peers claim to lead in the same term.
    #[track_caller]
    fn newest_leader(&self, peers: &[usize]) -> Option<usize> {
        let states = self.connected_states().into_iter().filter(|(i, _)| peers.contains(i));
        let mut claims: Vec<(u64, usize)> =
            states.filter(|(_, (_, leads))| *leads).map(|(i, (term, _))| (term, i)).collect();
        claims.sort_unstable();
        if let Some(of_term) = claims.chunk_by(|a, b| a.0 == b.0).find(|of_term| of_term.len() > 1) {
            let leaders: Vec<String> = of_term.iter().map(|(_, i)| format!("S{i}")).collect();
            panic!("term {} has {} (>1) leaders: {}", of_term[0].0, of_term.len(), leaders.join(", "));
        }
        claims.last().map(|&(_, leader)| leader)
    }

    /// Returns the term of the connected peers, which must be the same for all of them. Returns 0 if no peer
    /// is connected.
    ///
    /// # Panics
    /// If the peers do not agree on the term.
    #[track_caller]
    pub fn check_terms(&self) -> u64 {
        let states = self.connected_states();
        let term = states.first().map_or(0, |(_, (term, _))| *term);
        if states.iter().any(|(_, (other, _))| *other != term) {
            panic!("servers disagree on term; {}", self.describe_peers());
        }
        term
    }

    /// Fails the test if a connected peer claims to be the leader now.
    #[track_caller]
    pub fn check_no_leader(&self) {
        for (i, (term, leads)) in self.connected_states() {
            if leads {
                panic!(
                    "expected no leader among connected servers, but {i} claims to be leader of term {term}"
                );
            }
        }
    }

    /// The number, the term and the role of each connected peer. This method asks one peer after the other.
    fn connected_states(&self) -> Vec<(usize, (u64, bool))> {
        let connected = (0..self.servers()).filter(|&i| self.is_connected(i));
        connected.filter_map(|i| Some((i, self.get_state(i)?))).collect()
    }

    /// The terms of all peers that run, whether they are connected or not.
    pub fn terms(&self) -> Vec<u64> {
        (0..self.servers()).filter_map(|i| Some(self.get_state(i)?.0)).collect()
    }

    /// How many peers have applied a command at this index, and which command.
    ///
    /// # Panics
    /// If two peers have applied different commands at this index.
    #[track_caller]
    pub fn n_committed(&self, index: u64) -> Committed {
        let mut seen = Committed { count: 0, value: None };
        for i in 0..self.servers() {
            let Some(value) = self.applied(i, index) else { continue };
            if let Some(other) = seen.value.as_ref().filter(|other| **other != value) {
                let what = self.describe_index(index);
                panic!("committed values do not match: index {index}, {other}, {value}; {what}");
            }
            seen.count += 1;
            seen.value = Some(value);
        }
        seen
    }

    /// What the service of peer `i` has applied at this index.
    pub fn applied(&self, i: usize, index: u64) -> Option<Value> {
        Some(self.state.lock().servers[i].log.get(&index)?.value.clone())
    }

    /// Waits until a peer applies a command at this index, and returns this peer. If a peer has applied a
    /// command at the index before the call, this method returns at once. The setup must be strict.
    ///
    /// # Panics
    /// If no peer has applied a command at the index within `limit`.
    #[track_caller]
    pub fn wait_for_first_apply(&self, index: u64, limit: Duration) -> usize {
        assert!(self.setup.strict, "wait_for_first_apply needs a strict setup");
        let end = Instant::now() + limit;
        let mut state = self.state.lock();
        loop {
            if let Some(first) = state.servers.iter().position(|slot| slot.log.contains_key(&index)) {
                return first;
            }
            if Instant::now() >= end {
                drop(state);
                panic!("no server has applied index {index} in {limit:?}; {}", self.describe_peers());
            }
            self.applied.wait_until(&mut state, end);
        }
    }

    /// Fails the test if a peer has applied anything at this index. A test calls this method if no majority
    /// was connected, so that no entry could be committed.
    #[track_caller]
    pub fn check_no_agreement(&self, index: u64) {
        let Committed { count, .. } = self.n_committed(index);
        if count > 0 {
            panic!("{count} committed but no majority; {}", self.describe_index(index));
        }
    }

    /// Waits until `expected` peers have applied a command at this index, and returns the command. This
    /// method does not submit a command.
    ///
    /// Returns `None` if a peer reaches a later term than `term` during the wait. Then another command may be
    /// committed at this index.
    ///
    /// # Panics
    /// If fewer than `expected` peers have applied something at the index after about 31 seconds.
    #[track_caller]
    pub fn wait(&self, index: u64, expected: usize, term: Option<u64>) -> Option<Value> {
        const ROUNDS: usize = 30;
        let mut pause = Duration::from_millis(10);
        for _ in 0..ROUNDS {
            if self.n_committed(index).count >= expected {
                break;
            }
            sleep(pause);
            if pause < Duration::from_secs(1) {
                pause *= 2;
            }
            if term.is_some_and(|term| self.terms().into_iter().any(|newer| newer > term)) {
                return None;
            }
        }
        let Committed { count, value } = self.n_committed(index);
        if count < expected {
            panic!(
                "only {count} decided for index {index}; wanted {expected}; {}",
                self.describe_index(index)
            );
        }
        value
    }

    /// Makes the peers agree on a value: finds a leader, submits the value, and waits until at least
    /// `expected` peers have applied the value.
    ///
    /// Returns the index of the value, or 0 if the test ends during this call. The search for a leader and
    /// all attempts together may take 10 s. A command that a leader has accepted must be applied within 2 s.
    /// With [`Retry::No`] the value is not submitted again after a leader has accepted it.
    ///
    /// # Panics
    /// If there is no agreement in time.
    #[track_caller]
    pub fn one(&self, value: impl Into<Value>, expected: usize, retry: Retry) -> u64 {
        let value = value.into();
        let start = Instant::now();
        let mut tried = 0;
        let mut last = None;
        while start.elapsed() < ONE_LIMIT && !self.finished() {
            let Some(submitted) = self.submit_to_anyone(&value, &mut tried) else {
                sleep(Duration::from_millis(50));
                continue;
            };
            if self.applied_in_time(&submitted, &value, expected) {
                return submitted.index;
            }
            if retry == Retry::No {
                panic!("{}", self.no_agreement(&value, expected, Some(&submitted)));
            }
            last = Some(submitted);
        }
        if !self.finished() {
            panic!("{}", self.no_agreement(&value, expected, last.as_ref()));
        }
        0
    }

    /// Submits the value to one connected peer after the other, until a peer accepts it. The first peer is
    /// the one after `tried`. Afterwards `tried` is the last peer that was tried.
    fn submit_to_anyone(&self, value: &Value, tried: &mut usize) -> Option<Submitted> {
        for _ in 0..self.servers() {
            *tried = self.after(*tried, 1);
            if !self.is_connected(*tried) {
                continue;
            }
            if let Some(started) = self.start(*tried, value.clone()) {
                return Some(Submitted { server: *tried, index: started.index, term: started.term });
            }
        }
        None
    }

    #[track_caller]
    fn applied_in_time(&self, submitted: &Submitted, value: &Value, expected: usize) -> bool {
        let start = Instant::now();
        while start.elapsed() < COMMIT_LIMIT {
            let seen = self.n_committed(submitted.index);
            if seen.count > 0 && seen.count >= expected && seen.value.as_ref() == Some(value) {
                return true;
            }
            sleep(Duration::from_millis(20));
        }
        false
    }

    fn no_agreement(&self, value: &Value, expected: usize, last: Option<&Submitted>) -> String {
        let text = format!("one({value}) failed to reach agreement");
        let Some(Submitted { server, index, term }) = last else {
            let leads = |i: &usize| self.peer(*i).is_some_and(|peer| peer.call(R::get_state).1);
            let refused = (0..self.servers()).filter(|i| self.is_connected(*i)).find(leads);
            let why = refused.map_or_else(String::new, |i| {
                format!(" (S{i} says that it leads, but its start() returned None)")
            });
            return format!("{text}: no leader accepted it{why}; {}", self.describe_peers());
        };
        let what = self.describe_index(*index);
        let peers = self.describe_peers();
        format!(
            "{text}: server {server} accepted it in term {term} at index {index}, wanted {expected} to apply it; \
             {what}; {peers}"
        )
    }

    /// A text that shows what each peer has applied at an index.
    fn describe_index(&self, index: u64) -> String {
        let state = self.state.lock();
        let entries = state.servers.iter().enumerate().map(|(i, slot)| match slot.log.get(&index) {
            Some(applied) => format!("S{i} {} (term {})", applied.value, applied.term),
            None => format!("S{i} nothing"),
        });
        format!("at index {index}: {}", entries.collect::<Vec<_>>().join(", "))
    }

    /// A text about each peer: its number, its term, its role, and what it has applied and saved.
    fn describe_peers(&self) -> String {
        let describe = |i| {
            let place = if self.is_connected(i) { "" } else { ", disconnected" };
            let applied = self.state.lock().servers[i].log.last_key_value().map_or(0, |(index, _)| *index);
            let (state, snapshot) = self.lives(i).saved_bytes();
            let has = format!("applied up to {applied}, saved {state} bytes and a snapshot of {snapshot}");
            match self.peer(i).as_ref().map(|peer: &Living<R>| peer.call(R::get_state)) {
                Some((term, true)) => format!("S{i} leader of term {term}{place} ({has})"),
                Some((term, false)) => format!("S{i} in term {term}{place} ({has})"),
                None if self.is_paused(i) => format!("S{i} paused ({has})"),
                None => format!("S{i} crashed ({has})"),
            }
        };
        (0..self.servers()).map(describe).collect::<Vec<_>>().join(", ")
    }
}
