//! Bytes to values and back.
//!
//! Everything that leaves a node passes through here: RPC arguments and replies, the persisted Raft state,
//! snapshots. A value that has been through bytes shares no memory with the one it was made from, which is
//! what makes the simulated network honest.
//!
//! The encoding is serde over bincode with integers of variable length: a number below 251 takes one byte, a
//! text or byte string takes its length and its bytes. Nothing describes itself, so the reader must ask for
//! the type that the writer wrote. This crate is the only one that names bincode; another encoding would be a
//! change of this one file.
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
//! The Go `labgob` warns of two mistakes that cost students days. Neither can be made here, so neither check
//! exists:
//!
//! * **Lower-case field names.** Go's encoder silently skips fields that are not exported. serde's derive
//!   takes every field whatever its visibility; leaving one out takes a `#[serde(skip)]` that stands in the
//!   source.
//! * **Decoding into a variable that is not empty.** Go leaves out fields that hold zero, and decodes *into*
//!   the caller's variable, so that an old value can shine through. Here decoding returns a new value, of
//!   which every field comes from the bytes.
//!
//! # Bytes that are wrong
//!
//! [`decode`] never panics, whatever the bytes: it returns a [`DecodeError`] that says at which byte which
//! type could not be read, and why. A length read from the bytes is believed only up to [`LIMIT`], and memory
//! for the elements of a sequence is taken as they arrive. Two things are up to the type: one that contains
//! itself (`Box<Self>`) recurses as deeply as the bytes say, and a sequence of elements without size
//! (`Vec<()>`) is as long as they say. No message of the labs is of either kind.
#![forbid(unsafe_code)]

mod error;

pub use error::{DecodeError, Problem};

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::read::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;

/// How much one call of [`decode`] may claim, in bytes of memory: 64 MiB. A value that is larger than this
/// cannot be read back, so snapshots must be smaller.
pub const LIMIT: usize = 64 << 20;

type Format = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const FORMAT: Format = bincode::config::standard().with_limit::<LIMIT>();

/// Encodes one value.
///
/// # Panics
/// Only for a value that serde itself cannot write: a sequence that does not know its length, or a
/// `Serialize` written by hand that returns an error. Derived types never do.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Room for a small message or an entry, so that most values cost one allocation.
    let mut encoder = Encoder { bytes: Vec::with_capacity(64) };
    encoder.encode(value);
    encoder.into_bytes()
}

/// Decodes one value. It must take up the whole slice: bytes left over mean that writer and reader disagree
/// about the type, and are an error.
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

    /// What has not been read yet.
    pub fn remaining(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// Has everything been read?
    pub fn is_empty(&self) -> bool {
        self.offset == self.bytes.len()
    }

    fn error<T>(&self, offset: usize, problem: Problem) -> DecodeError {
        DecodeError { expected: type_name::<T>(), offset, length: self.bytes.len(), problem }
    }
}

/// Where reading a `T` fails. The quick way to decode does not say, so what has failed once is read once
/// more, by a reader that counts.
fn failing_byte<T: DeserializeOwned>(bytes: &[u8]) -> usize {
    let mut counter = CountingReader { bytes, offset: 0 };
    // The outcome is known; only how far it came is of interest.
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
