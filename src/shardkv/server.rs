//! A server of a group: the handlers, which put operations into the log and answer when they come out.

use super::courier::{Bell, Courier};
use super::group::Group;
use super::messages::{DeliverArgs, Delivery, Op, Outcome, Reply, ShardKvError};
use super::migration::Verdict;
use crate::kvraft::{GetArgs, PutAppendArgs};
use crate::raft::{Options, RoleChange};
use crate::rsm::{Rsm, StartError, StateMachine};
use labapi::{Gid, GroupStart, RaftStatus};
use labgob::DecodeError;
use labrpc::{Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::thread;

/// One server of a group. Dropping it kills it.
pub struct ShardKv {
    rsm: Arc<Rsm<Replica>>,
    bell: Arc<Bell>,
    node: NodeId,
}

impl ShardKv {
    /// Starts a server of a group. Returns at once. The server belongs to the node that is
    /// [current](node::current).
    ///
    /// # Errors
    /// What was saved cannot be read.
    pub fn start(start: GroupStart) -> Result<ShardKv, StartError> {
        ShardKv::start_with(start, Options::default())
    }

    /// [`start`](ShardKv::start) with options for Raft.
    ///
    /// # Errors
    /// As [`start`](ShardKv::start).
    pub fn start_with(start: GroupStart, options: Options) -> Result<ShardKv, StartError> {
        let GroupStart { server, gid, ctrlers, make_end } = start;
        let (me, maxraftstate) = (server.me, server.maxraftstate);
        let bell = Arc::new(Bell::default());
        let replica = Replica { group: Group::new(gid), gid, bell: bell.clone() };
        let rsm = Arc::new(Rsm::start_with(server, replica, options)?);
        let courier = Courier::new(rsm.clone(), bell.clone(), ctrlers, make_end, maxraftstate);
        thread::spawn_named(format!("shardkv-{me}-courier"), move || courier.run());
        Ok(ShardKv { rsm, bell, node: node::current() })
    }

    /// The RPC handlers: `ShardKV` with `Get`, `PutAppend` and, for other groups, `Deliver`; and those of Raft. No
    /// thread waits in them.
    pub fn services(&self) -> Vec<Service> {
        let (gets, writes, deliveries) = (self.rsm.clone(), self.rsm.clone(), self.rsm.clone());
        let bell = self.bell.clone();
        let shardkv = Service::new("ShardKV")
            .node(self.node)
            .deferred("Get", move |args: GetArgs, caller| submit(&gets, &Op::Get(args), caller))
            .deferred("PutAppend", move |args: PutAppendArgs, caller| {
                submit(&writes, &Op::PutAppend(args), caller)
            })
            .deferred("Deliver", move |args: DeliverArgs, caller| deliver(&deliveries, &bell, args, caller));
        vec![shardkv, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it leads it.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// Where this server's Raft stands, for whoever watches it.
    pub fn raft_status(&self) -> RaftStatus {
        self.rsm.raft_status()
    }

    /// Looks at the group as it is on this server at this moment, which may be behind the leader's.
    pub fn read<T>(&self, look: impl FnOnce(&Group) -> T) -> T {
        self.rsm.read(|replica| look(&replica.group))
    }

    /// Ends the server: its threads end, and the calls that wait in it fail. Does not wait for any of that.
    pub fn kill(&self) {
        self.bell.kill();
        self.rsm.kill();
    }
}

impl Drop for ShardKv {
    fn drop(&mut self) {
        // The network may still hold the handlers, and the courier the rest.
        self.kill();
    }
}

fn submit(rsm: &Rsm<Replica>, op: &Op, caller: Responder<Reply>) {
    rsm.submit(op, move |outcome| {
        caller.reply(match outcome {
            Ok(Outcome::Client(reply)) => reply,
            Ok(_) | Err(_) => Err(ShardKvError::ErrWrongLeader),
        });
    });
}

/// Most of what there is to say to a delivery can be said from what this server has applied, which is for good
/// whoever leads; that saves the log a copy of all the data.
fn deliver(rsm: &Rsm<Replica>, bell: &Bell, args: DeliverArgs, caller: Responder<Delivery>) {
    match rsm.read(|replica| replica.group.judge(&args)) {
        Verdict::Wanted => rsm.submit(&Op::Deliver(args), move |outcome| {
            caller.reply(match outcome {
                Ok(Outcome::Delivery(delivery)) => delivery,
                Ok(_) | Err(_) => Delivery::ErrWrongLeader,
            });
        }),
        Verdict::Early if rsm.get_state().1 => {
            bell.behind();
            caller.reply(Delivery::Early);
        }
        Verdict::Early => caller.reply(Delivery::ErrWrongLeader),
        verdict @ (Verdict::Known | Verdict::Wrong) => caller.reply(Delivery::of(verdict)),
    }
}

/// A group as one server has it, and the courier that is to hear what has become of it.
pub(super) struct Replica {
    group: Group,
    gid: Gid,
    bell: Arc<Bell>,
}

impl Replica {
    pub fn group(&self) -> &Group {
        &self.group
    }
}

impl StateMachine for Replica {
    type Op = Op;
    type Reply = Outcome;

    fn apply(&mut self, op: Op) -> Outcome {
        let moves = matches!(op, Op::Reconfigure(_) | Op::Deliver(_) | Op::Acknowledge { .. });
        let outcome = self.group.apply(op);
        if moves {
            self.bell.changed();
        }
        outcome
    }

    fn snapshot(&self) -> Vec<u8> {
        self.group.encode()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        self.group = Group::decode(self.gid, snapshot)?;
        self.bell.changed();
        Ok(())
    }

    fn on_role(&mut self, role: RoleChange) -> Option<Op> {
        self.bell.role(role.is_leader.then_some(role.term));
        role.is_leader.then_some(Op::NewTerm)
    }
}
