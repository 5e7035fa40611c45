//! The log and the rest of the saved state, in memory and in a `Persister`.

use labapi::Persister;
use labrt::sync::{Arc, Mutex};
use raft_consensus::persistent_log::{Error, Log};
use raft_consensus::{LogIndex, ServerId, Term};
use std::fmt;
use std::io::{Read, Write};

/// The saved state. A clone is a second handle to the same state.
#[derive(Clone)]
pub(crate) struct Disk {
    persister: Arc<Persister>,
    head: Arc<Mutex<Head>>,
    entries: Entries,
}

/// The entries, each with its term. A clone is a second handle to the same entries.
#[derive(Clone)]
pub(crate) struct Entries(Arc<Mutex<Vec<Entry>>>);

/// The crate `raft-consensus` requires that its log and its state machine have `Debug`. Both contain the
/// entries.
impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.len())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, term {}", self.entries, self.term())
    }
}

impl Entries {
    /// The term of the entry at `index`. It is 0 if there is no such entry.
    pub fn term(&self, index: u64) -> u64 {
        let entries = self.0.lock();
        index.checked_sub(1).and_then(|at| entries.get(at as usize)).map_or(0, |(term, _)| *term)
    }

    fn len(&self) -> u64 {
        self.0.lock().len() as u64
    }
}

/// The term and the bytes of an entry.
type Entry = (u64, Vec<u8>);

/// The term and the vote.
type Head = (u64, Option<u64>);

impl Disk {
    /// Reads the state.
    pub fn load(persister: Arc<Persister>) -> Disk {
        let frames = persister.frames().expect("the state was saved as frames");
        let head: Head = match frames.head() {
            Some(head) => labgob::decode(head).expect("`save` has written the head"),
            None => (0, None),
        };
        let entry = |frame| labgob::decode(frame).expect("`append_entries` has written the entry");
        let entries = frames.entries().map(entry).collect();
        Disk { persister, head: Arc::new(Mutex::new(head)), entries: Entries(Arc::new(Mutex::new(entries))) }
    }

    /// The entries of the log.
    pub fn entries(&self) -> Entries {
        self.entries.clone()
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.head.lock().0
    }

    fn save(&mut self, head: Head) {
        *self.head.lock() = head;
        let saved = self.persister.update(|writer| writer.head(labgob::encode(&head)));
        saved.expect("the state is always saved as frames");
    }
}

impl Log for Disk {
    type Error = Error;

    fn current_term(&self) -> Result<Term, Error> {
        Ok(Term(self.term()))
    }

    fn set_current_term(&mut self, term: Term) -> Result<(), Error> {
        self.save((term.as_u64(), None));
        Ok(())
    }

    fn inc_current_term(&mut self) -> Result<Term, Error> {
        self.save((self.term() + 1, None));
        self.current_term()
    }

    fn voted_for(&self) -> Result<Option<ServerId>, Error> {
        Ok(self.head.lock().1.map(ServerId))
    }

    fn set_voted_for(&mut self, server: ServerId) -> Result<(), Error> {
        self.save((self.term(), Some(server.as_u64())));
        Ok(())
    }

    fn latest_log_index(&self) -> Result<LogIndex, Error> {
        Ok(LogIndex(self.entries.len()))
    }

    fn latest_log_term(&self) -> Result<Term, Error> {
        Ok(Term(self.entries.term(self.entries.len())))
    }

    fn entry<W: Write>(&self, index: LogIndex, buf: Option<W>) -> Result<Term, Error> {
        let entries = self.entries.0.lock();
        let at = index.as_u64().checked_sub(1).ok_or(Error::BadIndex)?;
        let (term, data) = entries.get(at as usize).ok_or(Error::BadIndex)?;
        if let Some(mut buf) = buf {
            buf.write_all(data)?;
        }
        Ok(Term(*term))
    }

    /// Removes the entry at the index `from` and all later entries. Then appends the entries `new`.
    fn append_entries<R: Read, I: Iterator<Item = (Term, R)>>(
        &mut self,
        from: LogIndex,
        new: I,
    ) -> Result<(), Error> {
        let kept = from.as_u64().checked_sub(1).ok_or(Error::BadLogIndex)? as usize;
        let mut entries = self.entries.0.lock();
        if entries.len() < kept {
            return Err(Error::BadLogIndex);
        }
        let (old, first) = (entries.len(), kept);
        entries.truncate(kept);
        for (term, mut reader) in new {
            let mut data = Vec::new();
            reader.read_to_end(&mut data)?;
            entries.push((term.as_u64(), data));
        }
        let head = labgob::encode(&*self.head.lock());
        let saved = self.persister.update(|writer| {
            // The persister accepts entries only if there is a head, and before the first save there is none.
            // So each save writes the head.
            writer.head(head);
            if kept < old {
                writer.truncate_to(kept);
            }
            entries[first..].iter().for_each(|entry| writer.append(labgob::encode(entry)));
        });
        saved.expect("the state is always saved as frames");
        Ok(())
    }
}
