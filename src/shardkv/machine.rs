//! The state machine of a server. It has the group's state, and reports changes to the server's migrator.

use super::events;
use super::group::Group;
use super::mailbox::Mailbox;
use super::messages::{Applied, Op};
use crate::raft::RoleChange;
use crate::rsm::StateMachine;
use labapi::Gid;
use labgob::DecodeError;
use labrt::sync::Arc;

/// The copy of the group's state on one server. It reports changes to the migrator through the mailbox.
pub(super) struct GroupMachine {
    group: Group,
    gid: Gid,
    mailbox: Arc<Mailbox>,
}

impl GroupMachine {
    /// The state of group `gid` in configuration 0.
    pub fn new(gid: Gid, mailbox: Arc<Mailbox>) -> GroupMachine {
        let group = Group::new(gid);
        events::restored(gid, group.config(), group.shards());
        GroupMachine { group, gid, mailbox }
    }

    pub fn group(&self) -> &Group {
        &self.group
    }
}

impl StateMachine for GroupMachine {
    type Op = Op;
    type Reply = Applied;

    fn apply(&mut self, op: Op) -> Applied {
        let migrates = matches!(op, Op::Reconfigure(_) | Op::Deliver(_) | Op::Acknowledge { .. });
        let applied = self.group.apply(op);
        if migrates {
            self.mailbox.changed();
        }
        applied
    }

    fn snapshot(&self) -> Vec<u8> {
        self.group.encode()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        self.group = Group::decode(self.gid, snapshot)?;
        events::restored(self.gid, self.group.config(), self.group.shards());
        self.mailbox.changed();
        Ok(())
    }

    fn on_role(&mut self, role: RoleChange) -> Option<Op> {
        self.mailbox.role(role.is_leader.then_some(role.term));
        role.is_leader.then_some(Op::NewTerm)
    }
}
