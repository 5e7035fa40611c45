//! This crate encodes values as bytes, and decodes bytes to values.
//!
//! All data that leaves a node is encoded with this crate: RPC arguments and replies, the persisted Raft
//! state, snapshots. So a decoded value shares no memory with the value that was encoded, just as on a real
//! network.
//!
//! The encoding uses serde and bincode. An integer has a variable length: a number below 251 takes one byte.
//! A text or a byte string is encoded as its length and its bytes. The bytes do not contain the type of the
//! value. So the reader must decode the same type that the writer has encoded. No other crate of this project
//! uses bincode. So if you want to change the encoding, you have to change only this crate.
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
//! reads them in the same order. The key/value services of this project write their snapshots in this way.
//!
//! # The course's two checks
//!
//! The Go `labgob` warns about two mistakes, because students have lost days with them. In Rust both mistakes
//! are impossible, so this crate does not check for them:
//!
//! * **Lower-case field names.** Go's encoder silently skips fields whose names begin with a lower-case
//!   letter. serde's derive encodes all fields. A field is left out only if the source has `#[serde(skip)]`.
//! * **Decoding into a variable that is not empty.** Go does not send fields whose value is zero, and it
//!   decodes into a variable of the caller. So if the variable has an old value in such a field, this old
//!   value remains. In this crate, decoding returns a new value, and all its fields come from the bytes.
//!
//! # A value as a text
//!
//! [`short`] makes a short text of any value that can be encoded, for the readers of a trace.
//!
//! # Bad bytes
//!
//! [`decode`] never panics: for bad bytes it returns a [`DecodeError`], which names the byte, the type and
//! the reason. A length in the bytes must not be greater than [`LIMIT`]. The memory for the elements of a
//! sequence is allocated only when the elements are read. So bad bytes cannot use up the memory. But two
//! kinds of types are not protected in this way. If a type contains itself (`Box<Self>`), the bytes decide
//! how deep the recursion is. If the elements of a sequence have no size (`Vec<()>`), the bytes decide how
//! long the sequence is. The messages of the labs have no such types.
#![forbid(unsafe_code)]

mod error;
mod short;

pub use error::{DecodeError, Problem};
pub use short::short;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::read::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;

/// The largest amount of memory that one call of [`decode`] may need: 64 MiB. A larger value cannot be
/// decoded, so a snapshot must not be larger.
pub const LIMIT: usize = 64 << 20;

type Format = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const FORMAT: Format = bincode::config::standard().with_limit::<LIMIT>();

/// Encodes one value.
///
/// # Panics
/// If serde cannot write the value. There are two cases: a sequence does not know its length, or a
/// hand-written `Serialize` returns an error. This never happens with types that derive `Serialize`.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // The buffer is large enough for a small message or a log entry, so most values need only one allocation.
    let mut encoder = Encoder { bytes: Vec::with_capacity(64) };
    encoder.encode(value);
    encoder.into_bytes()
}

/// Decodes one value. The value must use all bytes of the slice. If there are more bytes, this is an error,
/// because the writer must have written another type than the reader expects.
///
/// # Errors
/// Returns a [`DecodeError`] if there are too few or too many bytes, if the value needs more than [`LIMIT`],
/// or if the bytes of a field are not a value of its type.
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

    /// Decodes the next value. After an error, the position of the decoder is still before the value that
    /// could not be read.
    ///
    /// # Errors
    /// In the same cases as the function [`decode`], with one exception: more bytes after the value are no
    /// error.
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

    /// Returns the bytes that have not been read yet.
    pub fn remaining(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// True if all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.offset == self.bytes.len()
    }

    fn error<T>(&self, offset: usize, problem: Problem) -> DecodeError {
        DecodeError { expected: type_name::<T>(), offset, length: self.bytes.len(), problem }
    }
}

/// Finds the byte at which reading a `T` fails. The usual decoder is fast, but does not report this byte. So
/// after a failure, a slower reader reads the bytes again and counts them.
fn failing_byte<T: DeserializeOwned>(bytes: &[u8]) -> usize {
    let mut counter = CountingReader { bytes, offset: 0 };
    // This call fails with the error that is known already. Only the position is needed, so the error is
    // ignored.
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
