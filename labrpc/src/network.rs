//! The handle on a network: what a test's harness turns and reads.

use crate::core::Core;
use crate::end::End;
use crate::faults::Link;
use crate::name::Name;
use crate::server::Server;
use labrt::node::NodeId;
use labrt::sync::Arc;

/// One simulated network; clones are handles on the same one.
///
/// It starts reliable, without long delays and without reordering. When its last handle is dropped it is gone: all
/// that is under way fails at once. Ends do not count as handles. Ends are named by anything that turns into a
/// [`Name`]: an `&End`, an `&Name`, a text, a number; for an end that does not exist nothing happens.
///
/// None of these operations blocks, and none runs a sender's code; call-backs that they cause run on a thread of
/// the network.
#[derive(Clone)]
pub struct Network {
    handle: Arc<Handle>,
}

/// What all clones share; dropped with the last of them.
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.shut_down();
    }
}

impl Network {
    /// A network without ends and servers.
    pub fn new() -> Network {
        Network { handle: Arc::new(Handle { core: Core::new() }) }
    }

    /// End the network: calls made from now on fail at once, uncounted. Those under way end as they would have.
    pub fn cleanup(&self) {
        self.core().clean_up();
    }

    /// Without reliability (`false`) requests are delayed by 0..26 ms, and a tenth of the requests and a tenth of the
    /// replies are lost.
    pub fn reliable(&self, reliable: bool) {
        self.core().change_moods(|moods| moods.unreliable = !reliable);
    }

    /// Hold two of three replies back, by 200..2199 ms.
    pub fn long_reordering(&self, reordering: bool) {
        self.core().change_moods(|moods| moods.long_reordering = reordering);
    }

    /// A call that reaches nobody fails after up to 7 s instead of up to 100 ms.
    pub fn long_delays(&self, long: bool) {
        self.core().change_moods(|moods| moods.long_delays = long);
    }

    /// Is the network reliable?
    pub fn is_reliable(&self) -> bool {
        !self.core().moods().unreliable
    }

    /// Are long delays on?
    pub fn is_long_delays(&self) -> bool {
        self.core().moods().long_delays
    }

    /// An end of a fresh name for `owner`, connected to `target` (which need not exist yet) and disabled.
    pub fn make_end(&self, owner: NodeId, target: impl Into<Name>) -> End {
        let (id, name) = self.core().add_fresh_end(owner, target.into());
        End::new(self.core(), id, name)
    }

    /// An end of this name, owned by nobody, connected to nothing and disabled. Fatal when the name is taken.
    #[track_caller]
    pub fn make_named_end(&self, name: impl Into<Name>) -> End {
        let name = name.into();
        match self.core().add_end(&name, NodeId::NONE) {
            Some(id) => End::new(self.core(), id, name),
            None => labrt::fatal(format!("MakeEnd: {name} already exists")),
        }
    }

    /// Connect an end to the server of this name, which need not exist yet. Done anew, the last one holds.
    pub fn connect(&self, end: impl Into<Name>, server: impl Into<Name>) {
        self.core().connect(&end.into(), server.into());
    }

    /// Enable or disable an end. Disabling fails the calls whose handlers run at this moment.
    pub fn enable(&self, end: impl Into<Name>, enabled: bool) {
        self.core().enable(&end.into(), enabled);
    }

    /// Set or mend a one-way fault; messages under way are not affected.
    pub fn set_link(&self, end: impl Into<Name>, link: Link) {
        self.core().set_link(&end.into(), link);
    }

    /// Delete an end: calls on its handle reach nobody from now on, and its name is free. Fatal when unknown.
    #[track_caller]
    pub fn delete_end(&self, end: impl Into<Name>) {
        let end = end.into();
        if !self.core().delete_end(&end) {
            labrt::fatal(format!("MakeEnd: {end} doesn't exists"));
        }
    }

    /// Close all ends of a node: what they wait for fails at once, and so does every later call on them.
    pub fn close_ends_of(&self, owner: NodeId) {
        self.core().close_ends_of(owner);
    }

    /// Put a server under a name, or replace the one there, whose calls under way fail at once.
    pub fn add_server(&self, name: impl Into<Name>, server: Server) {
        self.core().set_server(name.into(), Some(server));
    }

    /// Remove the server under a name. Calls whose handlers run at this moment fail at once; the handlers run on,
    /// and their replies reach nobody.
    pub fn delete_server(&self, name: impl Into<Name>) {
        self.core().set_server(name.into(), None);
    }

    /// How many requests have reached the server that now has this name; 0 when there is none.
    pub fn count(&self, server: impl Into<Name>) -> u64 {
        self.core().count(&server.into())
    }

    /// How many requests have been sent, lost ones included.
    pub fn total_count(&self) -> u64 {
        self.core().total_count()
    }

    /// How many bytes of arguments have been sent and of replies delivered.
    pub fn total_bytes(&self) -> u64 {
        self.core().total_bytes()
    }

    fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}
