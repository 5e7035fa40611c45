//! A text known by its length, a fingerprint, and an excerpt.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Texts of up to this many bytes are kept in full.
const SHORT: usize = 128;
/// Of a longer one so many bytes at its beginning are kept, and as many as fit at its end.
const HEAD: usize = 24;
const TAIL: usize = SHORT - HEAD;

/// Texts of up to this many bytes are shown in full.
const SHOWN: usize = 64;

/// A text of any length in about 150 bytes: its length, a fingerprint of 122 bits, its beginning and end.
///
/// On real threads one key of a store grows to hundreds of kB and is read tens of thousands of times; a history that
/// held these strings would take tens of GB. With this one it takes as many MB, and a step of the model as long as
/// the appended text is, not the whole one.
///
/// Texts of up to 128 bytes are kept in full, and are equal exactly if they are the same. For longer ones the
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
        Text { len, fingerprint: self.fingerprint_with(other.len, other.fingerprint), excerpt }
    }

    /// Might `whole` begin with this text, for all that is known? If so it is `true`. If not it is `false` where
    /// little is missing, as the end of `whole` is known; where much is missing it is often `true` nevertheless.
    pub fn may_begin(&self, whole: &Text) -> bool {
        let Some(missing) = whole.len.checked_sub(self.len) else { return false };
        let end = whole.end();
        match (end.len() as u64).checked_sub(missing) {
            Some(from) => {
                self.fingerprint_with(missing, fingerprint(&end[from as usize..])) == whole.fingerprint
            }
            None => self.beginning().iter().zip(whole.beginning()).all(|(own, other)| own == other),
        }
    }

    /// Of this text followed by another of so many bytes.
    fn fingerprint_with(&self, len: u64, other: [u64; 2]) -> [u64; 2] {
        [0, 1].map(|at| reduced(times(self.fingerprint[at], power(BASES[at], len)) + other[at]))
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

/// A short text as it is; a longer one as its beginning, how much is left out, and its end.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len <= SHOWN as u64 {
            return f.write_str(&String::from_utf8_lossy(self.beginning()));
        }
        let (head, tail) = (&self.beginning()[..HEAD], self.end());
        let tail = &tail[tail.len() - (SHOWN - HEAD)..];
        let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
        // A character may be cut in two at either place.
        let (head, tail) = (head.trim_end_matches('\u{fffd}'), tail.trim_start_matches('\u{fffd}'));
        write!(f, "{head}...({} bytes)...{tail}", self.len - SHOWN as u64)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Modulo [`P`], for sums of two reduced numbers.
const fn reduced(sum: u64) -> u64 {
    if sum >= P { sum - P } else { sum }
}

/// Modulo [`P`], for a product of two reduced numbers and a little more.
const fn reduced_product(product: u128) -> u64 {
    reduced((product as u64 & P) + (product >> 61) as u64)
}

const fn times(a: u64, b: u64) -> u64 {
    reduced_product(a as u128 * b as u128)
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

/// So many bytes are taken at once: their products need not wait for each other.
const BLOCK: usize = 16;

/// The powers of a base, from 0 to [`BLOCK`].
const fn powers(base: u64) -> [u64; BLOCK + 1] {
    let mut powers = [1; BLOCK + 1];
    let mut exponent = 1;
    while exponent <= BLOCK {
        powers[exponent] = times(powers[exponent - 1], base);
        exponent += 1;
    }
    powers
}

const POWERS: [[u64; BLOCK + 1]; 2] = [powers(BASES[0]), powers(BASES[1])];

/// The polynomials whose coefficients are the bytes, the last one's exponent being 0.
fn fingerprint(bytes: &[u8]) -> [u64; 2] {
    POWERS.map(|powers| {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let of_blocks = blocks.iter().fold(0, |value, block| {
            let terms = block.iter().zip(powers[..BLOCK].iter().rev());
            let sum: u128 = terms.map(|(&byte, &power)| u128::from(byte) * u128::from(power)).sum();
            reduced_product(u128::from(value) * u128::from(powers[BLOCK]) + sum)
        });
        rest.iter().fold(of_blocks, |value, &byte| reduced(times(value, powers[1]) + u64::from(byte)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text whose bytes do not repeat soon, with characters of one to four bytes.
    fn sample(characters: usize) -> String {
        let letter = |at: usize| ['a', 'q', '7', ' ', 'é', '漢', '🦀'][at * at % 23 % 7];
        (0..characters).map(letter).collect()
    }

    #[test]
    fn appending_is_appending() {
        for len in [0, 1, 5, 15, 16, 17, 30, 40, 60, 64, 65, 100, 150] {
            let whole = sample(len);
            for (cut, _) in whole.char_indices() {
                let (left, right) = whole.split_at(cut);
                let joined = Text::new(left).followed_by(&Text::new(right));
                assert_eq!(joined, Text::new(&whole), "{left:?} and {right:?}");
            }
        }
    }

    #[test]
    fn a_text_that_grows_by_little_is_the_text() {
        let mut whole = String::new();
        let mut grown = Text::EMPTY;
        for number in 0..2_000 {
            let more = format!("x {number} y");
            whole += &more;
            grown = grown.followed_by(&Text::new(&more));
            assert_eq!(grown, Text::new(&whole));
            assert_eq!(grown.len(), whole.len() as u64);
        }
    }

    #[test]
    fn the_fingerprint_is_the_polynomial() {
        let bytes = sample(100).into_bytes();
        for len in 0..bytes.len() {
            let expected = BASES.map(|base| {
                bytes[..len].iter().fold(0, |value: u128, &byte| {
                    (value * u128::from(base) + u128::from(byte)) % u128::from(P)
                }) as u64
            });
            assert_eq!(fingerprint(&bytes[..len]), expected, "{len} bytes");
        }
    }

    #[test]
    fn a_difference_in_the_middle_is_seen() {
        let text = "a".repeat(10_000);
        for at in [100, 5_000, 9_900] {
            let mut other = text.clone();
            other.replace_range(at..=at, "b");
            assert_ne!(Text::new(&text), Text::new(&other));
        }
        let swapped = [format!("{0}xy{0}", &text[..99]), format!("{0}yx{0}", &text[..99])];
        assert_ne!(Text::new(&swapped[0]), Text::new(&swapped[1]));
        assert_ne!(Text::new("a\0"), Text::new("a"), "a byte of 0 adds nothing to the polynomial");
        assert_ne!(Text::new("\0"), Text::EMPTY);
    }

    #[test]
    fn what_may_begin_a_text() {
        for len in [0, 1, 20, 60, 100, 200] {
            let whole = sample(len);
            for (cut, _) in whole.char_indices() {
                assert!(Text::new(&whole[..cut]).may_begin(&Text::new(&whole)), "{cut} bytes of {whole:?}");
            }
            assert!(Text::new(&whole).may_begin(&Text::new(&whole)));
            assert!(!Text::new(&(whole.clone() + "x")).may_begin(&Text::new(&whole)), "it is longer");
        }
        // A wrong beginning is found out by what is left, if that is known, or by its first bytes.
        let whole = "a".repeat(10_000);
        let wrong = |len: usize, at: usize| {
            let mut text = whole[..len].to_string();
            text.replace_range(at..=at, "b");
            Text::new(&text)
        };
        assert!(!wrong(9_950, 5_000).may_begin(&Text::new(&whole)));
        assert!(!wrong(5_000, 10).may_begin(&Text::new(&whole)));
        assert!(wrong(5_000, 2_500).may_begin(&Text::new(&whole)), "nothing is known of that");
    }

    #[test]
    fn a_long_text_is_shown_by_its_ends() {
        let short = "s".repeat(64);
        assert_eq!(Text::new(&short).to_string(), short);
        let long = format!("{}{}{}", "b".repeat(30), "m".repeat(1_000), "e".repeat(50));
        let shown = Text::new(&long).to_string();
        assert_eq!(shown, format!("{}...(1016 bytes)...{}", "b".repeat(24), "e".repeat(40)));
        // A character of two bytes that a cut goes through is left out.
        let cut = format!("{}é{}", "b".repeat(23), "e".repeat(100));
        assert_eq!(
            Text::new(&cut).to_string(),
            format!("{}...(61 bytes)...{}", "b".repeat(23), "e".repeat(40))
        );
    }
}
