//! Encodes values as bytes and decodes bytes to values.
//!
//! All data that leaves a node is encoded with this crate: RPC arguments and replies, the persisted Raft
//! state, snapshots. As with a real network, a decoded value shares no memory with the value that was
//! encoded.
//!
//! The encoding is serde over bincode with integers of variable length: a number below 251 takes one byte, a
//! text or byte string takes its length and its bytes. The bytes do not contain their type, so the reader
//! must decode the same type that the writer has encoded. No other crate of this project uses bincode. So to
//! change the encoding, you need to change only this crate.
//!
//! ```
//! let bytes = labgob::encode(&(7u64, "seven"));
//! let (number, name): (u64, String) = labgob::decode(&bytes).expect("we have just written it");
//! assert_eq!((number, name.as_str()), (7, "seven"));
//! ```
//!
//! # Several values in one buffer
//!
//! Like the course's `labgob`, an [`Encoder`] can write several values one after the other, and a [`Decoder`]
//! reads them in the same order. The key/value services write their snapshots in this way.
//!
//! # The course's two checks
//!
//! The Go `labgob` warns about two mistakes that have cost students days. Both mistakes are impossible here,
//! so this crate does not check for them:
//!
//! * **Lower-case field names.** Go's encoder silently skips fields that are not exported. serde's derive
//!   encodes all fields. A field is left out only if the source has `#[serde(skip)]`.
//! * **Decoding into a variable that is not empty.** Go does not send fields whose value is zero, and decodes
//!   *into* the caller's variable. So an old value of a field can remain. Here decoding returns a new value,
//!   and all its fields come from the bytes.
//!
//! # Bad bytes
//!
//! [`decode`] never panics: for bad bytes it returns a [`DecodeError`], which names the byte, the type and
//! the reason. A length in the bytes may not be greater than [`LIMIT`], and memory for the elements of a
//! sequence is allocated while they are read. Two kinds of types have no such protection. If a type contains
//! itself (`Box<Self>`), the bytes decide how deep the recursion is. If the elements of a sequence have no
//! size (`Vec<()>`), the bytes decide how long the sequence is. The messages of the labs have no such types.
#![forbid(unsafe_code)]

mod error;

pub use error::{DecodeError, Problem};

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::read::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;

/// The most memory that one call of [`decode`] may need: 64 MiB. A larger value cannot be decoded, so
/// snapshots must be smaller.
pub const LIMIT: usize = 64 << 20;

type Format = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const FORMAT: Format = bincode::config::standard().with_limit::<LIMIT>();

/// Encodes one value.
///
/// # Panics
/// If serde itself cannot write the value. This happens with a sequence that does not know its length, and
/// with a hand-written `Serialize` that returns an error. It never happens with derived types.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // The buffer has room for a small message or an entry, so most values need only one allocation.
    let mut encoder = Encoder { bytes: Vec::with_capacity(64) };
    encoder.encode(value);
    encoder.into_bytes()
}

/// Decodes one value. The value must use the whole slice. More bytes are an error, because then the writer
/// has written another type than the reader expects.
///
/// # Errors
/// Returns a [`DecodeError`] if there are too few or too many bytes, if the value needs more than [`LIMIT`],
/// or if a field is no value of its type.
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
    /// Makes an encoder with an empty buffer.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Appends a value.
    ///
    /// # Panics
    /// In the same cases as the function [`encode`].
    pub fn encode<T: Serialize + ?Sized>(&mut self, value: &T) {
        if let Err(error) = bincode::serde::encode_into_std_write(value, &mut self.bytes, FORMAT) {
            panic!("labgob: a value of type {} cannot be encoded: {error:?}", type_name::<T>());
        }
    }

    /// Returns the bytes of all values that were encoded.
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
    /// Makes a decoder that starts at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { bytes, offset: 0 }
    }

    /// Decodes the next value. After an error the decoder is still before the value that it could not read.
    ///
    /// # Errors
    /// In the same cases as the function [`decode`], except that more bytes may follow.
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

/// Finds the byte at which reading a `T` fails. The fast decoder does not report this byte. So after a
/// failure the bytes are read again, by a slower reader that counts the bytes.
fn failing_byte<T: DeserializeOwned>(bytes: &[u8]) -> usize {
    let mut counter = CountingReader { bytes, offset: 0 };
    // The error of this call is ignored, because it is known already. Only the position is needed.
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
