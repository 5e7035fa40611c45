//! A text in a compact form. It contains only the length of the text, a fingerprint and an excerpt.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Texts of up to this number of bytes are kept completely.
const SHORT: usize = 128;
/// A longer text is not kept completely: only its first `HEAD` bytes and its last [`TAIL`] bytes are kept.
const HEAD: usize = 24;
const TAIL: usize = SHORT - HEAD;

/// Texts of up to this number of bytes are shown completely.
const SHOWN: usize = 64;

/// A text of any length in about 150 bytes: its length, a fingerprint of 122 bits, its beginning and its end.
///
/// In a test on real threads the value of one key grows to hundreds of kB, and clients read it tens of
/// thousands of times. A history with all these strings would take tens of GB. With `Text` the history takes
/// tens of MB. The time of a step of the model depends only on the length of the appended text, not on the
/// length of the whole text.
///
/// Texts of up to 128 bytes are kept completely. Two such `Text`s are equal if and only if their bytes are
/// equal. For longer texts, equality also depends on the fingerprint. The bytes of a text are the
/// coefficients of a polynomial. The fingerprint consists of the values of this polynomial at two fixed
/// points, modulo 2^61 - 1. The points were chosen arbitrarily.
///
/// Two different long texts may have the same fingerprint. Suppose that the texts have at most n bytes and do
/// not depend on the two points. Then the probability that two different texts have the same fingerprint is
/// at most (n / 2^61)^2. For texts of 2 kB it is below 2^-100, and for texts of 2 MB below 2^-80. If two
/// `Text`s are different, their texts are certainly different. So a check with `Text`s never says that a
/// legal history is illegal.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    len: u64,
    fingerprint: [u64; 2],
    /// A short text is here completely, followed by zeros. Of a longer text, the first [`HEAD`] bytes and the
    /// last [`TAIL`] bytes are here.
    excerpt: [u8; SHORT],
}

/// The modulus of the fingerprints, a prime.
const P: u64 = (1 << 61) - 1;

/// The points at which the polynomials are evaluated.
const BASES: [u64; 2] = [0x0b7e_1516_28ae_d2a6, 0x1715_609d_3b4f_9e5d];

impl Text {
    /// The text of length 0.
    pub const EMPTY: Text = Text { len: 0, fingerprint: [0; 2], excerpt: [0; SHORT] };

    /// Makes a `Text` from a string.
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

    /// The text's length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Joins two texts: this text, followed by the other text.
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

    /// Returns whether it is possible that `whole` begins with this text. If `whole` begins with this text,
    /// the result is `true`. Otherwise there are three cases. If `whole` is shorter than this text, the
    /// result is `false`. If `whole` is at most a little longer than this text, the bytes of `whole` after
    /// this text are known. Then the fingerprints are compared, and the result is almost certainly `false`.
    /// If `whole` is much longer, only the first bytes are compared. So the result may be `true` although
    /// `whole` does not begin with this text.
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

    /// The length and the fingerprint of this text.
    pub(super) fn print(&self) -> Print {
        Print { len: self.len, fingerprint: self.fingerprint }
    }

    /// The bytes at the end of the text, as far as they are known. If the text is short, these are all bytes.
    pub(super) fn known_end(&self) -> &[u8] {
        self.end()
    }

    /// All bytes of the text, if it is short.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        (self.len <= SHORT as u64).then(|| self.beginning())
    }

    /// Returns the fingerprint of two texts joined: this text, followed by another text. The other text has
    /// the length `len` and the fingerprint `other`.
    fn fingerprint_with(&self, len: u64, other: [u64; 2]) -> [u64; 2] {
        [0, 1].map(|at| reduced(times(self.fingerprint[at], power(BASES[at], len)) + other[at]))
    }

    /// The beginning of the text, as far as it is known.
    fn beginning(&self) -> &[u8] {
        if self.len <= SHORT as u64 { &self.excerpt[..self.len as usize] } else { &self.excerpt[..HEAD] }
    }

    /// The end of the text, as far as it is known.
    fn end(&self) -> &[u8] {
        if self.len <= SHORT as u64 { &self.excerpt[..self.len as usize] } else { &self.excerpt[HEAD..] }
    }
}

/// The length and the fingerprint of a text, without any of its bytes. From the prints of a text and of one
/// of its ends, the print of the rest can be computed. So a text can be taken apart although most of its
/// bytes are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Print {
    len: u64,
    fingerprint: [u64; 2],
}

impl Print {
    /// The length of the text in bytes.
    pub(super) fn len(self) -> u64 {
        self.len
    }

    /// The print of this text followed by another text.
    pub(super) fn followed_by(self, end: Print) -> Print {
        let fingerprint = [0, 1]
            .map(|at| reduced(times(self.fingerprint[at], power(BASES[at], end.len)) + end.fingerprint[at]));
        Print { len: self.len + end.len, fingerprint }
    }

    /// The print of the text without this end. The text must have this end. Returns `None` if the end is too
    /// long.
    pub(super) fn without_end(self, end: Print) -> Option<Print> {
        let len = self.len.checked_sub(end.len)?;
        let fingerprint = [0, 1].map(|at| {
            let inverse = power(power(BASES[at], end.len), P - 2);
            times(reduced(self.fingerprint[at] + P - end.fingerprint[at]), inverse)
        });
        Some(Print { len, fingerprint })
    }

    /// The print of the text without this start. The text must have this start. Returns `None` if the start
    /// is too long.
    pub(super) fn without_start(self, start: Print) -> Option<Print> {
        let len = self.len.checked_sub(start.len)?;
        let fingerprint = [0, 1].map(|at| {
            reduced(self.fingerprint[at] + P - times(start.fingerprint[at], power(BASES[at], len)))
        });
        Some(Print { len, fingerprint })
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
        // This number alone is enough for a hash. It is the same for equal texts, and almost never the same
        // for different texts.
        state.write_u64(self.fingerprint[0]);
    }
}

/// Shows a short text completely. For a longer text, it shows the beginning, the number of bytes that are
/// left out, and the end.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len <= SHOWN as u64 {
            return f.write_str(&String::from_utf8_lossy(self.beginning()));
        }
        let (head, tail) = (&self.beginning()[..HEAD], self.end());
        let tail = &tail[tail.len() - (SHOWN - HEAD)..];
        let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
        // Each of the two cuts may split a character.
        let (head, tail) = (head.trim_end_matches('\u{fffd}'), tail.trim_start_matches('\u{fffd}'));
        write!(f, "{head}...({} bytes)...{tail}", self.len - SHOWN as u64)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// Reduces a sum of two numbers modulo [`P`]. The two numbers must be below `P`.
const fn reduced(sum: u64) -> u64 {
    if sum >= P { sum - P } else { sum }
}

/// Reduces a product modulo [`P`]. The argument must be a product of two numbers below `P`, or only a little
/// larger than such a product.
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

/// How many bytes are processed together. The multiplications for these bytes do not depend on each other, so
/// the processor can do them at the same time.
const BLOCK: usize = 16;

/// The powers of a base with the exponents 0 to [`BLOCK`].
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

/// Returns the values of the polynomial at the two points. The bytes are its coefficients. The last byte has
/// exponent 0.
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

    /// A text with characters of one to four bytes. The sequence of characters repeats every 23 characters.
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
    fn a_text_that_grows_in_small_steps_is_the_whole_text() {
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
    fn a_print_can_be_put_together_and_taken_apart() {
        for len in [0, 1, 20, 100, 300] {
            let whole = sample(len);
            let print = Text::new(&whole).print();
            for (cut, _) in whole.char_indices() {
                let [left, right] = [&whole[..cut], &whole[cut..]].map(|text| Text::new(text).print());
                assert_eq!(left.followed_by(right), print);
                assert_eq!(print.without_end(right), Some(left));
                assert_eq!(print.without_start(left), Some(right));
            }
        }
        let [short, long] = ["a", "ab"].map(|text| Text::new(text).print());
        assert_eq!((short.without_end(long), short.without_start(long)), (None, None));
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
    fn a_text_may_begin_another_one() {
        for len in [0, 1, 20, 60, 100, 200] {
            let whole = sample(len);
            for (cut, _) in whole.char_indices() {
                assert!(Text::new(&whole[..cut]).may_begin(&Text::new(&whole)), "{cut} bytes of {whole:?}");
            }
            assert!(Text::new(&whole).may_begin(&Text::new(&whole)));
            assert!(
                !Text::new(&(whole.clone() + "x")).may_begin(&Text::new(&whole)),
                "a text cannot begin with a longer text"
            );
        }
        // `may_begin` finds out that a beginning is wrong in two cases: the rest of the whole text is known,
        // or the wrong byte is one of the first bytes.
        let whole = "a".repeat(10_000);
        let wrong = |len: usize, at: usize| {
            let mut text = whole[..len].to_string();
            text.replace_range(at..=at, "b");
            Text::new(&text)
        };
        assert!(!wrong(9_950, 5_000).may_begin(&Text::new(&whole)));
        assert!(!wrong(5_000, 10).may_begin(&Text::new(&whole)));
        assert!(
            wrong(5_000, 2_500).may_begin(&Text::new(&whole)),
            "the byte that differs is not in the excerpt, and the fingerprint of the rest is not known"
        );
    }

    #[test]
    fn a_long_text_is_shown_by_its_beginning_and_its_end() {
        let short = "s".repeat(64);
        assert_eq!(Text::new(&short).to_string(), short);
        let long = format!("{}{}{}", "b".repeat(30), "m".repeat(1_000), "e".repeat(50));
        let shown = Text::new(&long).to_string();
        assert_eq!(shown, format!("{}...(1016 bytes)...{}", "b".repeat(24), "e".repeat(40)));
        // If a cut splits a character of two bytes, that character is left out.
        let cut = format!("{}é{}", "b".repeat(23), "e".repeat(100));
        assert_eq!(
            Text::new(&cut).to_string(),
            format!("{}...(61 bytes)...{}", "b".repeat(23), "e".repeat(40))
        );
    }
}
