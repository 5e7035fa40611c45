//! The cluster with its clients, and the actions on it.

use labapi::{NSHARDS, Role, key2shard};
use labrt::chan::{self, Receiver, Sender};
use labrt::rng::{self, Rng, scale};
use labrt::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use labrt::sync::{Arc, Mutex};
use labrt::thread::{self, JoinHandle};
use labrt::time::{Duration, Instant, sleep};
use labtest::kv::History;
use labtest::marks::Mark;
use labtest::shards::{Cluster, Config, Place, Setup, gid, make_quietly};
use mit6824::shardkv::ShardKv;
use porcupine::models::kv::Operation;

use crate::act::{Act, GROUPS, Target, Team};
use crate::news::{Kind, called};
use crate::view::View;

/// When the Raft state has this many bytes, the server makes a snapshot and cuts the log. With the clients of
/// the demo this happens every few seconds.
const MAXRAFTSTATE: usize = 48 << 10;

/// The largest number of operations that all clients together begin per second. With this limit the history
/// can be kept in memory, checked in seconds, and viewed in a browser.
const MOST_A_SECOND: u32 = 1600;

/// How long each client waits between two operations, if there are `clients` clients.
fn pause(clients: u32) -> Duration {
    Duration::from_secs(1) * clients / MOST_A_SECOND
}

/// The first letters of the keys. Each letter belongs to a different shard.
const LETTERS: &[u8; NSHARDS] = b"abcdefghij";
/// How many keys begin with each letter.
const KEYS_A_SHARD: u64 = 4;

/// How many changes of the configuration may wait for the controllers.
const MOST_CHANGES: usize = 8;

/// A change of the configuration. One thread makes all of these changes.
enum Change {
    Join(usize),
    Leave(usize),
    Move(usize, usize),
}

/// An event with its time, which counts from the start of the clients.
pub type Event = (Duration, Kind, String);

/// The cluster, while its clients work.
pub struct Room {
    config: Config<ShardKv>,
    history: Arc<History>,
    start: Instant,
    /// How many operations the clients have finished, for each shard.
    operations: Arc<[AtomicU64; NSHARDS]>,
    /// The latencies of the operations that have finished since the last call of [`Room::take_latencies`].
    latencies: Arc<Mutex<Vec<Duration>>>,
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
    changes: Sender<Change>,
    /// How many changes are not made yet.
    waiting: Arc<AtomicUsize>,
    refusals: Arc<Mutex<Vec<String>>>,
    events: Vec<Event>,
    /// How many faults there have been so far.
    faults: u64,
    dice: rng::Stream,
}

impl Room {
    /// Starts the servers, lets all groups join, and then starts the clients.
    pub fn open(title: &str, clients: u32) -> Room {
        let setup = Setup::new().maxraftstate(MAXRAFTSTATE).groups(GROUPS);
        let config = make_quietly::<ShardKv>(title, setup);
        config.joinm(&[0, 1, 2]);
        let (changes, todo) = chan::unbounded();
        let (waiting, refusals) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        {
            let (cluster, waiting, refusals) = (config.share(), waiting.clone(), refusals.clone());
            thread::spawn_named("changes", move || make_changes(&cluster, &todo, &waiting, &refusals));
        }
        let mut room = Room {
            config,
            history: Arc::new(History::new()),
            start: Instant::now(),
            operations: Arc::new(Default::default()),
            latencies: Arc::new(Mutex::new(Vec::new())),
            done: Arc::new(AtomicBool::new(false)),
            clients: Vec::new(),
            changes,
            waiting,
            refusals,
            events: Vec::new(),
            faults: 0,
            dice: rng::stream("room", 0),
        };
        room.clients = (0..clients).map(|me| room.start_client(me, pause(clients))).collect();
        room
    }

    fn start_client(&self, me: u32, pause: Duration) -> JoinHandle<()> {
        let (cluster, history) = (self.config.share(), self.history.clone());
        let (operations, done) = (self.operations.clone(), self.done.clone());
        let latencies = self.latencies.clone();
        thread::spawn_named(format!("client-{me}"), move || {
            let mut dice = rng::stream("client", u64::from(me));
            let mut below = |n| scale(dice.next_u64(), n);
            let mut clerk = cluster.make_client().recorded(&history, me);
            for number in 0_u64.. {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                let letter = char::from(LETTERS[below(NSHARDS as u64) as usize]);
                let key = format!("{letter}{}", below(KEYS_A_SHARD));
                let began = Instant::now();
                // All writes are different. So the value that a read returns shows which writes were done
                // before the read.
                let value = format!("{me}.{number} ");
                match below(10) {
                    0..4 => drop(clerk.get(&key)),
                    4..8 => clerk.append(&key, &value),
                    _ => clerk.put(&key, &value),
                }
                latencies.lock().push(began.elapsed());
                operations[key2shard(&key)].fetch_add(1, Ordering::Relaxed);
                sleep(pause);
            }
        })
    }

    /// The time since the clients began.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The present state of all servers.
    pub fn view(&self) -> View {
        let places = Team::ALL.into_iter().flat_map(Team::places);
        let by_shard = std::array::from_fn(|shard| self.operations[shard].load(Ordering::Relaxed));
        View {
            at: self.elapsed(),
            servers: places.map(|place| (place, self.config.look(place))).collect(),
            unreliable: self.config.is_unreliable(),
            rpcs: self.config.rpcs(),
            operations: by_shard.iter().sum(),
            by_shard,
        }
    }

    /// The latencies of the operations that have finished since the last call.
    pub fn take_latencies(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.latencies.lock())
    }

    /// How many faults there have been so far. If a group joins or leaves, or if a shard moves, this also
    /// counts as a fault.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// How many changes of the configuration wait for the controllers.
    pub fn changes_waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The events since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        let refused = std::mem::take(&mut *self.refusals.lock());
        refused.into_iter().for_each(|text| self.tell(Kind::Other, text));
        std::mem::take(&mut self.events)
    }

    fn tell(&mut self, kind: Kind, text: String) {
        self.events.push((self.elapsed(), kind, text));
    }

    fn broken(&mut self, text: String) {
        self.faults += 1;
        self.tell(Kind::Fault, text);
    }

    /// Does an action. If the action is a change of the configuration, another thread does it later. Such
    /// changes keep their order.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Crash(target) => self.crash(target),
            Act::Restart(target) => {
                let place = self.place(target);
                match self.config.is_up(place) {
                    true => self.tell(Kind::Other, format!("{place} is up already")),
                    false => self.restart(place),
                }
            }
            Act::Toggle(place) => match self.config.is_up(place) {
                true => self.crash(Target::Server(place)),
                false => self.restart(place),
            },
            Act::CutOff(target) => {
                let place = self.place(target);
                let what = self.described(place);
                self.config.isolate(place);
                self.broken(format!("{what} is cut off"));
            }
            Act::Heal => {
                self.config.heal();
                self.tell(Kind::Mended, "the network is healed".to_owned());
            }
            Act::Unreliable(unreliable) => self.set_unreliable(unreliable),
            Act::ToggleUnreliable => self.set_unreliable(!self.config.is_unreliable()),
            Act::Join(gi) => self.change(Change::Join(gi), format!("group {} is to join", gid(gi))),
            Act::Leave(gi) => self.change(Change::Leave(gi), format!("group {} is to leave", gid(gi))),
            Act::Move(shard, gi) => {
                let shard = shard.unwrap_or_else(|| self.shard_of_others(gi));
                self.change(
                    Change::Move(shard, gi),
                    format!("shard {shard} is to move to group {}", gid(gi)),
                );
            }
            Act::Mend => self.mend(),
        }
    }

    fn crash(&mut self, target: Target) {
        let place = self.place(target);
        if !self.config.is_up(place) {
            return self.tell(Kind::Other, format!("{place} is down already"));
        }
        let what = self.described(place);
        self.config.shutdown(place);
        self.broken(format!("{what} crashes"));
    }

    fn restart(&mut self, place: Place) {
        self.config.start(place);
        self.tell(Kind::Mended, format!("{place} restarts"));
    }

    fn set_unreliable(&mut self, unreliable: bool) {
        self.config.set_unreliable(unreliable);
        match unreliable {
            true => self.broken("the network is unreliable: messages are late and get lost".to_owned()),
            false => self.tell(Kind::Mended, "the network is reliable".to_owned()),
        }
    }

    fn mend(&mut self) {
        if self.config.is_unreliable() {
            self.set_unreliable(false);
        }
        let places: Vec<Place> = Team::ALL.into_iter().flat_map(Team::places).collect();
        if places.iter().any(|&place| self.config.look(place).cut_off) {
            self.act(Act::Heal);
        }
        for place in places {
            if !self.config.is_up(place) {
                self.restart(place);
            }
        }
    }

    fn change(&mut self, change: Change, text: String) {
        if self.changes_waiting() >= MOST_CHANGES {
            return self.tell(Kind::Other, "too many changes wait for the controllers".to_owned());
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.changes.send(change).is_ok() {
            self.faults += 1;
            self.tell(Kind::Other, text);
        }
    }

    /// A random shard. If possible, it is a shard that the group `gi` does not own.
    fn shard_of_others(&mut self, gi: usize) -> usize {
        let owners = self.view().shards().map(|shard| shard.owner);
        let mut shards: Vec<usize> = (0..NSHARDS).filter(|&shard| owners[shard] != Some(gi)).collect();
        if shards.is_empty() {
            shards.extend(0..NSHARDS);
        }
        shards[scale(self.dice.next_u64(), shards.len() as u64) as usize]
    }

    /// The server that a target means.
    fn place(&self, target: Target) -> Place {
        let Target::Leader(team) = target else {
            let Target::Server(place) = target else { unreachable!("a target is a server or a leader") };
            return place;
        };
        let up = || team.places().into_iter().find(|&place| self.config.is_up(place));
        self.view().leader(team).or_else(up).unwrap_or(team.place(0))
    }

    /// The name of a server with its role, for a sentence.
    fn described(&self, place: Place) -> String {
        let role = self.config.look(place).status.map(|status| status.raft.role);
        match role {
            Some(Role::Leader) => format!("{place}, leader of {},", called(Team::of(place))),
            _ => place.to_string(),
        }
    }

    /// Makes the clients begin no more operations.
    pub fn set_done(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    /// How many clients have not finished.
    pub fn busy_clients(&self) -> usize {
        self.clients.iter().filter(|client| !client.is_finished()).count()
    }

    /// Stops the servers. The clients must have finished. Returns the clients' operations, and the faults
    /// that happened while the clients worked.
    pub fn close(self) -> (Vec<Operation>, Vec<Mark>) {
        let marks = self.config.marks();
        self.config.stop();
        (self.history.take(), marks)
    }
}

fn make_changes(
    cluster: &Arc<Cluster<ShardKv>>,
    todo: &Receiver<Change>,
    waiting: &AtomicUsize,
    refusals: &Mutex<Vec<String>>,
) {
    for change in todo.iter() {
        // No other thread changes the configuration. So if a change is possible now, it is still possible
        // when it is made.
        let config = cluster.query();
        let is_in = |gi| config.groups.contains_key(&gid(gi));
        let refuse = |text: String| refusals.lock().push(text);
        match change {
            Change::Join(gi) if is_in(gi) => refuse(format!("group {} has joined already", gid(gi))),
            Change::Join(gi) => cluster.join(gi),
            Change::Leave(gi) if !is_in(gi) => refuse(format!("group {} has left already", gid(gi))),
            Change::Leave(gi) if config.groups.len() == 1 => {
                refuse(format!("group {} stays: without any group, clients would wait", gid(gi)));
            }
            Change::Leave(gi) => cluster.leave(gi),
            Change::Move(_, gi) if !is_in(gi) => {
                refuse(format!("group {} has left: no shard for it", gid(gi)))
            }
            Change::Move(shard, gi) if config.shards[shard] == gid(gi) => {
                refuse(format!("shard {shard} is on group {} already", gid(gi)));
            }
            Change::Move(shard, gi) => cluster.move_shard(shard, gi),
        }
        waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
