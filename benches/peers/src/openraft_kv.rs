//! The key/value service on openraft: a log and a map in memory, and a network that calls the other server
//! directly.
//!
//! Nothing here is ever bytes: a command is a struct, its key and its value are shared, and a copy of it only
//! counts references. There is no table of the clients' last commands. So this is less work than a service
//! with a network and with clients that repeat their commands.
//!
//! One message at a time is under way to a follower: `stream_append` of the network is the one of the crate.
//! Another `stream_append`, with 4 and with 64 messages at a time, was tried, and it was not faster.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Debug, Display};
use std::future::Future;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use futures_util::{Stream, TryStreamExt};
use openraft::alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf};
use openraft::entry::RaftEntry;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::storage::{
    EntryResponder, IOFlushed, LogState, RaftLogReader, RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine,
};
use openraft::{Config, EntryPayload, OptionalSend, Raft, RaftNetworkFactory, RaftNetworkV2, SnapshotPolicy};
use tokio::sync::Barrier;

use crate::plan::{Cell, System, Values, What};
use crate::{not_measured_by, summary};

/// How long the first answer of a group may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The value of each put. It has the same length as in the measurement of this project.
const VALUE: &str = "another of 24 characters";

openraft::declare_raft_types!(
    /// The types of the service.
    pub Types: D = Put, R = (), Node = (),
);

/// A command.
#[derive(Clone, Debug)]
pub struct Put {
    key: Arc<str>,
    value: Arc<str>,
}

impl Display for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.value)
    }
}

type Server = Raft<Types, Map>;

/// Makes one measurement.
pub fn measure(cell: Cell, seconds: u64) -> Result<Values, String> {
    if cell.what != What::Put {
        return Err(not_measured_by(cell));
    }
    let workers = match cell.system {
        System::OpenraftOneWorker => 1,
        _ => available_parallelism().map_or(1, usize::from),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_time()
        .build()
        .map_err(|error| format!("the runtime of tokio: {error}"))?;
    // The work is a task, because the thread that waits here is not one of the workers.
    let work = runtime.spawn(puts(cell.servers as u64, cell.clients, seconds));
    let rates = runtime.block_on(work).map_err(|error| error.to_string())?;
    let mut values = summary::of_seconds(&rates.map_err(|error| format!("openraft: {error}"))?);
    values.insert("workers".to_owned(), workers as f64);
    Ok(values)
}

/// Measures how many puts `clients` clients do together in each second. All clients count from the same
/// moment. Before it, each of them has put once.
async fn puts(servers: u64, clients: usize, seconds: u64) -> Result<Vec<u64>, String> {
    let group = start(servers).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let (ready, began) = (Arc::new(Barrier::new(clients + 1)), Arc::new(OnceLock::new()));
    let client = |number: usize| {
        let (leader, stop) = (group[0].clone(), stop.clone());
        let (ready, began) = (ready.clone(), began.clone());
        let key: Arc<str> = format!("key-{number}").into();
        tokio::spawn(async move {
            let first = put(&leader, &key).await;
            ready.wait().await;
            first?;
            let (began, mut counts) = (*began.get_or_init(Instant::now), vec![0; seconds as usize]);
            while !stop.load(Ordering::Relaxed) {
                put(&leader, &key).await?;
                if let Some(count) = counts.get_mut(began.elapsed().as_secs() as usize) {
                    *count += 1;
                }
            }
            Ok::<_, String>(counts)
        })
    };
    let tasks: Vec<_> = (0..clients).map(client).collect();
    ready.wait().await;
    let end = *began.get_or_init(Instant::now) + Duration::from_secs(seconds);
    tokio::time::sleep_until(end.into()).await;
    stop.store(true, Ordering::Relaxed);
    let mut rates = vec![0; seconds as usize];
    for task in tasks {
        let counts = task.await.map_err(|error| error.to_string())??;
        rates.iter_mut().zip(counts).for_each(|(rate, count)| *rate += count);
    }
    for server in &group {
        server.shutdown().await.map_err(|error| error.to_string())?;
    }
    Ok(rates)
}

/// Puts once, and waits for the answer.
async fn put(leader: &Server, key: &Arc<str>) -> Result<(), String> {
    let put = Put { key: key.clone(), value: VALUE.into() };
    leader.client_write(put).await.map(|_| ()).map_err(|error| error.to_string())
}

/// Starts the servers. The first one leads, and has answered a put.
async fn start(servers: u64) -> Result<Vec<Server>, String> {
    let config = Config {
        // These settings are as in the measurement of this project: the same interval of heartbeats, nobody
        // else becomes the leader, and there are no snapshots. The other settings are the defaults of the
        // crate, so `max_payload_entries` is 300.
        heartbeat_interval: 100,
        election_timeout_min: 3000,
        election_timeout_max: 6000,
        snapshot_policy: SnapshotPolicy::Never,
        ..Config::default()
    };
    let config = Arc::new(config.validate().map_err(|error| error.to_string())?);
    let router = Router::default();
    let mut group = Vec::new();
    for number in 0..servers {
        let server = Raft::new(number, config.clone(), router.clone(), Log::default(), Map::default());
        group.push(server.await.map_err(|error| error.to_string())?);
    }
    // The router is empty before, so it takes the servers.
    let _ = router.0.set(group.clone());
    let members: std::collections::BTreeMap<u64, ()> = (0..servers).map(|number| (number, ())).collect();
    group[0].initialize(members).await.map_err(|error| error.to_string())?;
    // A new leader refuses puts for a moment.
    let (start, first) = (Instant::now(), Arc::from("first"));
    while let Err(error) = put(&group[0], &first).await {
        if start.elapsed() > PATIENCE {
            return Err(format!("no put in {PATIENCE:?}: {error}"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(group)
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().expect("nobody panics with this lock")
}

/// The log of one server.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<LogData>>);

#[derive(Default)]
struct LogData {
    vote: Option<VoteOf<Types>>,
    purged: Option<LogIdOf<Types>>,
    /// The entries after `purged`.
    entries: VecDeque<EntryOf<Types>>,
}

impl LogData {
    /// The index of the first entry in `entries`.
    fn first(&self) -> u64 {
        self.purged.as_ref().map_or(0, |id| id.index() + 1)
    }

    /// The place of an index in `entries`.
    fn place(&self, index: u64) -> usize {
        (index.saturating_sub(self.first()) as usize).min(self.entries.len())
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<EntryOf<Types>>, io::Error> {
        let log = locked(&self.0);
        let from = match range.start_bound() {
            Bound::Included(&index) => log.place(index),
            Bound::Excluded(&index) => log.place(index + 1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(&index) => log.place(index + 1),
            Bound::Excluded(&index) => log.place(index),
            Bound::Unbounded => log.entries.len(),
        };
        Ok(log.entries.range(from..to.max(from)).cloned().collect())
    }

    async fn read_vote(&mut self) -> Result<Option<VoteOf<Types>>, io::Error> {
        Ok(locked(&self.0).vote)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Log;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let log = locked(&self.0);
        let last = log.entries.back().map(|entry| entry.log_id()).or(log.purged);
        Ok(LogState { last_purged_log_id: log.purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Log {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> Result<(), io::Error> {
        locked(&self.0).vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = EntryOf<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut log = locked(&self.0);
        for entry in entries {
            let place = log.place(entry.index());
            log.entries.truncate(place);
            log.entries.push_back(entry);
        }
        drop(log);
        callback.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<Types>>) -> Result<(), io::Error> {
        let mut log = locked(&self.0);
        let kept = last.map_or(0, |id| log.place(id.index() + 1));
        log.entries.truncate(kept);
        Ok(())
    }

    async fn purge(&mut self, upto: LogIdOf<Types>) -> Result<(), io::Error> {
        let mut log = locked(&self.0);
        let dropped = log.place(upto.index() + 1);
        log.entries.drain(..dropped);
        log.purged = Some(upto);
        Ok(())
    }
}

/// The map of one server.
#[derive(Clone, Default)]
struct Map(Arc<Mutex<MapData>>);

#[derive(Clone, Default)]
struct MapData {
    applied: Option<LogIdOf<Types>>,
    members: StoredMembershipOf<Types>,
    values: HashMap<Arc<str>, Arc<str>>,
}

impl RaftStateMachine<Types> for Map {
    type SnapshotData = MapData;
    type SnapshotBuilder = Map;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>), io::Error> {
        let map = locked(&self.0);
        Ok((map.applied, map.members.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let mut map = locked(&self.0);
            map.applied = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Blank => (),
                EntryPayload::Normal(put) => {
                    map.values.insert(put.key, put.value);
                }
                EntryPayload::Membership(members) => {
                    map.members = StoredMembershipOf::<Types>::new(Some(entry.log_id), members);
                }
            }
            drop(map);
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Map {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMetaOf<Types>,
        data: MapData,
    ) -> Result<(), io::Error> {
        *locked(&self.0) =
            MapData { applied: meta.last_log_id, members: meta.last_membership.clone(), ..data };
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, MapData>>, io::Error> {
        Ok(None)
    }
}

impl RaftSnapshotBuilder<Types> for Map {
    type SnapshotData = MapData;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, MapData>, io::Error> {
        let data = locked(&self.0).clone();
        let meta =
            SnapshotMetaOf::<Types> { last_log_id: data.applied, last_membership: data.members.clone() };
        Ok(SnapshotOf::<Types, MapData> { meta, snapshot: data })
    }
}

/// The network: the other servers of this process.
#[derive(Clone, Default)]
struct Router(Arc<OnceLock<Vec<Server>>>);

/// The way to one server.
struct Link {
    router: Router,
    to: u64,
}

impl Link {
    fn server(&self) -> Result<&Server, NetworkError<Types>> {
        let servers = self.router.0.get().map(Vec::as_slice).unwrap_or_default();
        servers
            .get(self.to as usize)
            .ok_or_else(|| NetworkError::from_string("the server has not started yet"))
    }
}

/// The other server has refused the message: it has stopped.
fn refused(error: impl Display) -> RPCError<Types> {
    NetworkError::from_string(error.to_string()).into()
}

impl RaftNetworkFactory<Types> for Router {
    type Network = Link;

    async fn new_client(&mut self, to: u64, (): &()) -> Link {
        Link { router: self.clone(), to }
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = MapData;

    async fn append_entries(
        &mut self,
        message: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.server()?.append_entries(message).await.map_err(refused)
    }

    async fn vote(
        &mut self,
        message: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.server()?.vote(message).await.map_err(refused)
    }

    async fn full_snapshot(
        &mut self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, MapData>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let answer = self.server()?.install_full_snapshot(vote, snapshot).await;
        answer.map_err(|error| NetworkError::from_string(error.to_string()).into())
    }
}
