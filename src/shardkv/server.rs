//! A server of a group. Its handlers start operations, and reply after the operations were applied.

use super::group::Group;
use super::machine::GroupMachine;
use super::mailbox::Mailbox;
use super::messages::{Applied, DeliverArgs, DeliverReply, Op, Reply, ShardKvError};
use super::migration::Verdict;
use super::migrator::Migrator;
use crate::kvraft::{GetArgs, PutAppendArgs};
use crate::raft::Options;
use crate::rsm::{Rsm, StartError};
use labapi::{GroupStart, RaftStatus};
use labrpc::{Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::thread;

/// One server of a group. Dropping this value kills the server.
pub struct ShardKv {
    rsm: Arc<Rsm<GroupMachine>>,
    mailbox: Arc<Mailbox>,
    node: NodeId,
}

impl ShardKv {
    /// Starts a server of a group and returns at once. The server belongs to the [current](node::current)
    /// node.
    ///
    /// # Errors
    /// If the saved state cannot be read.
    pub fn start(start: GroupStart) -> Result<ShardKv, StartError> {
        ShardKv::start_with(start, Options::default())
    }

    /// Like [`start`](ShardKv::start), but with other options for Raft than the default.
    ///
    /// # Errors
    /// The same as [`start`](ShardKv::start).
    pub fn start_with(start: GroupStart, options: Options) -> Result<ShardKv, StartError> {
        let GroupStart { server, gid, ctrlers, make_end } = start;
        let (me, maxraftstate) = (server.me, server.maxraftstate);
        let mailbox = Arc::new(Mailbox::default());
        let machine = GroupMachine::new(gid, mailbox.clone());
        let rsm = Arc::new(Rsm::make_with(server, machine, options)?);
        let migrator = Migrator::new(rsm.clone(), mailbox.clone(), ctrlers, make_end, maxraftstate);
        thread::spawn_named(format!("shardkv-{me}-migrator"), move || migrator.run());
        Ok(ShardKv { rsm, mailbox, node: node::current() })
    }

    /// The RPC handlers: `ShardKV` with `Get`, `PutAppend` and `Deliver`, and the handlers of Raft. Other
    /// groups call `Deliver`. No handler blocks its thread.
    pub fn services(&self) -> Vec<Service> {
        let (gets, writes, deliveries) = (self.rsm.clone(), self.rsm.clone(), self.rsm.clone());
        let mailbox = self.mailbox.clone();
        let shardkv = Service::new("ShardKV")
            .node(self.node)
            .deferred("Get", move |args: GetArgs, caller| submit(&gets, &Op::Get(args), caller))
            .deferred("PutAppend", move |args: PutAppendArgs, caller| {
                submit(&writes, &Op::PutAppend(args), caller)
            })
            .deferred("Deliver", move |args: DeliverArgs, caller| {
                deliver(&deliveries, &mailbox, args, caller);
            });
        vec![shardkv, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it is the leader of that term.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// The status of this server's Raft, for a display.
    pub fn raft_status(&self) -> RaftStatus {
        self.rsm.raft_status()
    }

    /// Reads the group in its current state on this server. This state may be older than the leader's.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Group) -> T) -> T {
        self.rsm.read(|machine| look(machine.group()))
    }

    /// Ends the server: its threads end, and the calls that wait for a reply of this server fail. This method
    /// returns at once.
    pub fn kill(&self) {
        self.mailbox.kill();
        self.rsm.kill();
    }
}

impl Drop for ShardKv {
    fn drop(&mut self) {
        // The network may still have the handlers, and the migrator's thread still has `rsm` and the mailbox.
        // So dropping this value alone would not end the server's threads.
        self.kill();
    }
}

fn submit(rsm: &Rsm<GroupMachine>, op: &Op, caller: Responder<Reply>) {
    rsm.submit(op, move |outcome| {
        caller.reply(match outcome {
            Ok(Applied::Client(reply)) => reply,
            Ok(_) | Err(_) => Err(ShardKvError::ErrWrongLeader),
        });
    });
}

/// Handles a delivery. Only a wanted delivery needs an entry in the log. For any other delivery, this server
/// can reply from its own state. This is correct on every server, because everything in the state is
/// committed. So repeated deliveries do not put more copies of the data into the log.
fn deliver(rsm: &Rsm<GroupMachine>, mailbox: &Mailbox, args: DeliverArgs, caller: Responder<DeliverReply>) {
    match rsm.read(|machine| machine.group().judge(&args)) {
        Verdict::Wanted => rsm.submit(&Op::Deliver(args), move |outcome| {
            caller.reply(match outcome {
                Ok(Applied::Deliver(reply)) => reply,
                Ok(_) | Err(_) => DeliverReply::ErrWrongLeader,
            });
        }),
        Verdict::Early if rsm.get_state().1 => {
            mailbox.behind();
            caller.reply(DeliverReply::Early);
        }
        Verdict::Early => caller.reply(DeliverReply::ErrWrongLeader),
        verdict @ (Verdict::Known | Verdict::Wrong) => caller.reply(DeliverReply::of(verdict)),
    }
}
