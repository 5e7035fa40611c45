//! A text known by its length, a fingerprint, and an excerpt.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Texts of up to this many bytes are kept in full.
const SHORT: usize = 64;
/// Of a longer one so many bytes at its beginning are kept, and as many as fit at its end.
const HEAD: usize = 24;
const TAIL: usize = SHORT - HEAD;

/// A text of any length in about a hundred bytes: its length, a fingerprint of 122 bits, its beginning and end.
///
/// On real threads one key of a store grows to hundreds of kB and is read tens of thousands of times; a history that
/// held these strings would take tens of GB. With this one it takes as many MB, and a step of the model as long as
/// the appended text is, not the whole one.
///
/// Texts of up to 64 bytes are kept in full, and are equal exactly if they are the same. For longer ones the
/// fingerprint is a pair of polynomials in the text's bytes, modulo 2^61 - 1, at two fixed and arbitrary
/// places. Different texts of at most n bytes, chosen without regard to these places, have the same one with a chance
/// of (n / 2^61)^2: below 2^-100 for texts of 2 kB, below 2^-80 for 2 MB. So *different* is never wrong, and a check with
/// these texts never calls a legal history illegal.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    len: u64,
    fingerprint: [u64; 2],
    /// All of a short text, then zeros; [`HEAD`] bytes of the beginning of a longer one and [`TAIL`] of its end.
    excerpt: [u8; SHORT],
}

/// The modulus of the fingerprints, a prime.
const P: u64 = (1 << 61) - 1;

/// Where the polynomials are taken.
const BASES: [u64; 2] = [0x0b7e_1516_28ae_d2a6, 0x1715_609d_3b4f_9e5d];

impl Text {
    /// The text of length 0.
    pub const EMPTY: Text = Text { len: 0, fingerprint: [0; 2], excerpt: [0; SHORT] };

    /// This text.
    pub fn new(text: &str) -> Text {
        let bytes = text.as_bytes();
        let mut excerpt = [0; SHORT];
        if bytes.len() <= SHORT {
            excerpt[..bytes.len()].copy_from_slice(bytes);
        } else {
            excerpt[..HEAD].copy_from_slice(&bytes[..HEAD]);
            excerpt[HEAD..].copy_from_slice(&bytes[bytes.len() - TAIL..]);
        }
        Text { len: bytes.len() as u64, fingerprint: fingerprint(bytes), excerpt }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Is it of length 0?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// This text followed by another.
    #[must_use]
    pub fn followed_by(&self, other: &Text) -> Text {
        let join = |which: usize| {
            let shifted = times(self.fingerprint[which], power(BASES[which], other.len));
            reduced(shifted + other.fingerprint[which])
        };
        let (head, tail) = (self.beginning(), other.end());
        let mut excerpt = [0; SHORT];
        let len = self.len + other.len;
        if len <= SHORT as u64 {
            excerpt[..head.len()].copy_from_slice(head);
            excerpt[head.len()..head.len() + tail.len()].copy_from_slice(tail);
        } else {
            let head = head.iter().chain(other.beginning());
            excerpt[..HEAD].iter_mut().zip(head).for_each(|(to, from)| *to = *from);
            let tail = tail.iter().rev().chain(self.end().iter().rev());
            excerpt[HEAD..].iter_mut().rev().zip(tail).for_each(|(to, from)| *to = *from);
        }
        Text { len, fingerprint: [join(0), join(1)], excerpt }
    }

    /// What is known of its beginning.
    fn beginning(&self) -> &[u8] {
        if self.len <= SHORT as u64 { &self.excerpt[..self.len as usize] } else { &self.excerpt[..HEAD] }
    }

    /// What is known of its end.
    fn end(&self) -> &[u8] {
        if self.len <= SHORT as u64 { &self.excerpt[..self.len as usize] } else { &self.excerpt[HEAD..] }
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::EMPTY
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::new(text)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The rest follows from this one, mostly.
        state.write_u64(self.fingerprint[0]);
    }
}

/// A short text as it is; a longer one as its beginning, what is left out, and its end.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len <= SHORT as u64 {
            return f.write_str(&String::from_utf8_lossy(self.beginning()));
        }
        let (head, tail) = (String::from_utf8_lossy(self.beginning()), String::from_utf8_lossy(self.end()));
        // A character may be cut in two at either place.
        let (head, tail) = (head.trim_end_matches('\u{fffd}'), tail.trim_start_matches('\u{fffd}'));
        write!(f, "{head}...({} bytes)...{tail}", self.len - SHORT as u64)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// `a` modulo [`P`], for sums of two reduced numbers.
fn reduced(a: u64) -> u64 {
    if a >= P { a - P } else { a }
}

/// The product modulo [`P`].
fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    reduced((product as u64 & P) + (product >> 61) as u64)
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, square);
        }
        square = times(square, square);
        exponent >>= 1;
    }
    result
}

/// The polynomials whose coefficients are the bytes, the last one's exponent being 0.
fn fingerprint(bytes: &[u8]) -> [u64; 2] {
    let mut result = [0; 2];
    for &byte in bytes {
        for (value, base) in result.iter_mut().zip(BASES) {
            *value = reduced(times(*value, base) + u64::from(byte));
        }
    }
    result
}
