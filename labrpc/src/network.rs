//! The handle on a network, for the harness of a test.

use crate::end::End;
use crate::faults::{Link, NetworkOptions};
use crate::name::Name;
use crate::server::Server;
use crate::shared::SharedNetwork;
use labrt::node::NodeId;
use labrt::sync::Arc;

/// One simulated network. Clones are handles on the same one.
///
/// At first it is reliable, without long delays and without reordering. When its last handle is
/// dropped, the network is gone, and all messages under way fail at once. Ends do not count as
/// handles. To name an end, pass anything that turns into a [`Name`]: an `&End`, an `&Name`, a text,
/// a number. If there is no such end, nothing happens.
///
/// No operation blocks, and no operation runs code of a sender: the callbacks that it causes run on a
/// thread of the network.
#[derive(Clone)]
pub struct Network {
    handle: Arc<Handle>,
}

/// What all clones hold. It is dropped with the last of them.
struct Handle {
    shared: Arc<SharedNetwork>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.shut_down();
    }
}

impl Network {
    /// A network without ends and servers.
    pub fn new() -> Network {
        Network { handle: Arc::new(Handle { shared: SharedNetwork::new() }) }
    }

    /// End the network: later calls fail at once and are not counted. Messages that are under way are
    /// not affected.
    pub fn cleanup(&self) {
        self.shared().clean_up();
    }

    /// Set whether the network is reliable. An unreliable one delays requests by 0..26 ms, and
    /// loses a tenth of the requests and a tenth of the replies.
    pub fn reliable(&self, reliable: bool) {
        self.shared().change_settings(|settings| settings.unreliable = !reliable);
    }

    /// Set whether two of three replies are held back, by 200..2199 ms.
    pub fn long_reordering(&self, reordering: bool) {
        self.shared().change_settings(|settings| settings.long_reordering = reordering);
    }

    /// Set whether a call that reaches no server fails after up to 7 s instead of up to 100 ms.
    pub fn long_delays(&self, long: bool) {
        self.shared().change_settings(|settings| settings.long_delays = long);
    }

    /// Set what the network does beyond the switches above. Messages under way are not affected.
    /// Fatal when the options cannot be.
    #[track_caller]
    pub fn set_options(&self, options: NetworkOptions) {
        if let Some(complaint) = options.complaint() {
            labrt::fatal(format!("labrpc.Network.set_options(): {complaint}"));
        }
        self.shared().change_settings(|settings| settings.set_options(&options));
    }

    /// Is the network reliable?
    pub fn is_reliable(&self) -> bool {
        !self.shared().settings().unreliable
    }

    /// Are long delays on?
    pub fn is_long_delays(&self) -> bool {
        self.shared().settings().long_delays
    }

    /// Make an end of a fresh name for `owner`, connected to `target` (which need not exist yet)
    /// and disabled.
    pub fn make_end(&self, owner: NodeId, target: impl Into<Name>) -> End {
        let (id, name) = self.shared().add_fresh_end(owner, target.into());
        End::new(self.shared(), id, name)
    }

    /// Make an end of this name, without an owner, not connected and disabled. Fatal when the name is
    /// taken.
    #[track_caller]
    pub fn make_named_end(&self, name: impl Into<Name>) -> End {
        let name = name.into();
        match self.shared().add_end(name.clone(), NodeId::NONE) {
            Some(id) => End::new(self.shared(), id, name),
            None => labrt::fatal(format!("MakeEnd: {name} already exists")),
        }
    }

    /// Connect an end to the server of this name, which need not exist yet. It replaces an earlier
    /// connection.
    pub fn connect(&self, end: impl Into<Name>, server: impl Into<Name>) {
        self.shared().connect(&end.into(), server.into());
    }

    /// Enable or disable an end. Disabling it fails the calls whose handlers run at this moment.
    pub fn enable(&self, end: impl Into<Name>, enabled: bool) {
        self.shared().enable(&end.into(), enabled);
    }

    /// Set or repair a one-way fault. Messages under way are not affected.
    pub fn set_link(&self, end: impl Into<Name>, link: Link) {
        self.shared().set_link(&end.into(), link);
    }

    /// Delete an end: later calls on its handle reach no server, and its name is free. Fatal when
    /// there is no such end.
    #[track_caller]
    pub fn delete_end(&self, end: impl Into<Name>) {
        let end = end.into();
        if !self.shared().delete_end(&end) {
            labrt::fatal(format!("MakeEnd: {end} doesn't exists"));
        }
    }

    /// Close all ends of a node: the calls that wait on them fail at once, and so does every later
    /// call.
    pub fn close_ends_of(&self, owner: NodeId) {
        self.shared().close_ends_of(owner);
    }

    /// Put a server behind a name. If there is another one, it is replaced, and the calls whose
    /// handlers run in it at this moment fail at once.
    pub fn add_server(&self, name: impl Into<Name>, server: Server) {
        self.shared().set_server(name.into(), Some(server));
    }

    /// Remove the server behind a name. Calls whose handlers run at this moment fail at once. The
    /// handlers run on, and their replies are dropped.
    pub fn delete_server(&self, name: impl Into<Name>) {
        self.shared().set_server(name.into(), None);
    }

    /// How many requests have reached the server that now has this name. 0 when there is none.
    pub fn count(&self, server: impl Into<Name>) -> u64 {
        self.shared().count(&server.into())
    }

    /// How many requests have been sent, lost ones included.
    pub fn total_count(&self) -> u64 {
        self.shared().total_count()
    }

    /// How many bytes of arguments have been sent and of replies delivered.
    pub fn total_bytes(&self) -> u64 {
        self.shared().total_bytes()
    }

    fn shared(&self) -> &Arc<SharedNetwork> {
        &self.handle.shared
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}
