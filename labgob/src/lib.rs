//! Bytes to values and back.
//!
//! All data that leaves a node passes through here: RPC arguments and replies, the persisted Raft state,
//! snapshots. A decoded value shares no memory with the value that was encoded, as over a real network.
//!
//! The encoding is serde over bincode with integers of variable length: a number below 251 takes one byte, a
//! text or byte string takes its length and its bytes. The bytes do not contain their type, so the reader
//! must ask for the type that the writer wrote. This crate is the only one that names bincode, so another
//! encoding would be a change of this one file.
//!
//! ```
//! let bytes = labgob::encode(&(7u64, "seven"));
//! let (number, name): (u64, String) = labgob::decode(&bytes).expect("we have just written it");
//! assert_eq!((number, name.as_str()), (7, "seven"));
//! ```
//!
//! # Several values in one buffer
//!
//! Like the course's `labgob`, an [`Encoder`] takes any number of values one after the other, and one
//! [`Decoder`] gives them back in the same order. Snapshots of the key/value services are written so.
//!
//! # What became of the course's two checks
//!
//! The Go `labgob` warns of two mistakes that cost students days. Both are impossible here, so there are no
//! such checks:
//!
//! * **Lower-case field names.** Go's encoder silently skips fields that are not exported. serde's derive
//!   takes all fields. A field is left out only if the source says `#[serde(skip)]`.
//! * **Decoding into a variable that is not empty.** Go leaves out fields that hold zero, and decodes *into*
//!   the caller's variable, so an old value can remain. Here decoding returns a new value, and all its fields
//!   come from the bytes.
//!
//! # Bytes that are wrong
//!
//! [`decode`] never panics: for bad bytes it returns a [`DecodeError`], which names the byte, the type and
//! the reason. A length in the bytes counts only up to [`LIMIT`], and memory for the elements of a sequence
//! is allocated as they are read. Two kinds of types have no such protection: a type that contains itself
//! (`Box<Self>`) recurses as deeply as the bytes say, and a sequence of elements without size (`Vec<()>`) is
//! as long as the bytes say. The messages of the labs contain neither.
#![forbid(unsafe_code)]

mod error;

pub use error::{DecodeError, Problem};

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::read::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;

/// The most memory that one call of [`decode`] may need: 64 MiB. A larger value cannot be read back, so
/// snapshots must be smaller.
pub const LIMIT: usize = 64 << 20;

type Format = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const FORMAT: Format = bincode::config::standard().with_limit::<LIMIT>();

/// Encodes one value.
///
/// # Panics
/// When serde itself cannot write the value: a sequence that does not know its length, or a `Serialize`
/// written by hand that returns an error. Derived types never do.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Room for a small message or an entry, so that most values cost one allocation.
    let mut encoder = Encoder { bytes: Vec::with_capacity(64) };
    encoder.encode(value);
    encoder.into_bytes()
}

/// Decodes one value. It must take the whole slice: bytes that are left over are an error, because writer and
/// reader disagree about the type then.
///
/// # Errors
/// [`DecodeError`] when the bytes end early, go on too long, claim more than [`LIMIT`], or hold something
/// that `T` cannot be.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode()?;
    if !decoder.is_empty() {
        let problem = Problem::TrailingBytes { count: decoder.remaining().len() };
        return Err(decoder.error::<T>(decoder.offset, problem));
    }
    Ok(value)
}

/// Writes values one after the other into one buffer.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder with an empty buffer.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Appends a value.
    ///
    /// # Panics
    /// As [`encode`].
    pub fn encode<T: Serialize + ?Sized>(&mut self, value: &T) {
        if let Err(error) = bincode::serde::encode_into_std_write(value, &mut self.bytes, FORMAT) {
            panic!("labgob: a value of type {} cannot be encoded: {error:?}", type_name::<T>());
        }
    }

    /// The bytes of all values so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads values one after the other, in the order in which one [`Encoder`] wrote them.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { bytes, offset: 0 }
    }

    /// Decodes the next value. After an error the decoder stays where it was, before the value that it could
    /// not read.
    ///
    /// # Errors
    /// As the function [`decode`], except that bytes may follow.
    pub fn decode<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        match bincode::serde::borrow_decode_from_slice(self.remaining(), FORMAT) {
            Ok((value, used)) => {
                self.offset += used;
                Ok(value)
            }
            Err(error) => {
                Err(self.error::<T>(self.offset + failing_byte::<T>(self.remaining()), error.into()))
            }
        }
    }

    /// The bytes that have not been read yet.
    pub fn remaining(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// Whether all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.offset == self.bytes.len()
    }

    fn error<T>(&self, offset: usize, problem: Problem) -> DecodeError {
        DecodeError { expected: type_name::<T>(), offset, length: self.bytes.len(), problem }
    }
}

/// Finds the byte at which reading a `T` fails. The fast way to decode does not know it, so bytes that have
/// failed are read once more, by a reader that counts.
fn failing_byte<T: DeserializeOwned>(bytes: &[u8]) -> usize {
    let mut counter = CountingReader { bytes, offset: 0 };
    // The outcome is known. Only the position matters.
    let _ = bincode::serde::decode_from_reader::<T, _, Format>(&mut counter, FORMAT);
    counter.offset
}

struct CountingReader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader for CountingReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> Result<(), bincode::error::DecodeError> {
        let rest = &self.bytes[self.offset..];
        let Some(source) = rest.get(..target.len()) else {
            return Err(bincode::error::DecodeError::UnexpectedEnd { additional: target.len() - rest.len() });
        };
        target.copy_from_slice(source);
        self.offset += target.len();
        Ok(())
    }
}
