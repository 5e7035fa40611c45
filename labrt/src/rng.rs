//! The random numbers of a run.
//!
//! All numbers come from the seed of the run, but in independent **streams**. There is one stream for the
//! test's body, one for each incarnation of each node, and one for the scheduler of the virtual clock. A
//! decision can also have a name ([`draw`]). The number for such a decision comes from no stream, but
//! directly from the seed and the name. So if one part of a program draws one more number, the other parts
//! still get the same numbers. For this reason a small change of a program changes its runs only a little.
//!
//! The generator is xoshiro256++. Its output for a given seed is the same in all versions. On real threads
//! the seed comes from the system, or from `LAB_SEED` if that variable is set.

use crate::node::NodeId;
use crate::{context, foreign, imp};
use rand::TryRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::convert::Infallible;

pub use rand::{Rng, RngExt};

/// The name of a kind of decision. The number for a decision depends on this name.
#[derive(Clone, Copy, Debug)]
pub struct Label(u64);

impl Label {
    /// Makes a label. Use a different name for each purpose.
    pub const fn new(name: &str) -> Label {
        Label(hash_str(name))
    }
}

/// Computes the FNV-1a hash of a text.
pub(crate) const fn hash_str(s: &str) -> u64 {
    let bytes = s.as_bytes();
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    let mut i = 0;
    while i < bytes.len() {
        h = (h ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    h
}

/// The finalizer of splitmix64.
const fn scramble(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Derives a seed from another seed. Different `parts` give seeds that look independent of each other.
pub(crate) const fn split(seed: u64, parts: [u64; 3]) -> u64 {
    const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut h = scramble(seed.wrapping_add(GAMMA));
    let mut i = 0;
    while i < parts.len() {
        h = scramble((h ^ parts[i]).wrapping_add(GAMMA));
        i += 1;
    }
    h
}

pub(crate) fn generator(seed: u64, label: Label, id: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(split(seed, [label.0, id, 0]))
}

/// Returns the random number for the decision that is named by the label and the two numbers. The random
/// number depends only on these three and on the run's seed. It does not depend on earlier draws.
#[track_caller]
pub fn draw(label: Label, a: u64, b: u64) -> u64 {
    split(imp::with_world(|w| w.seed), [label.0, a, b])
}

/// Makes a new stream from the run's seed, a name and a number.
#[track_caller]
pub fn stream(label: &str, id: u64) -> Stream {
    Stream(generator(imp::with_world(|w| w.seed), Label::new(label), id))
}

/// Returns the stream of the current node, or of the test's body.
#[track_caller]
pub fn rng() -> RunRng {
    foreign::touch();
    RunRng(())
}

/// Draws a number from [`rng`], uniform in `0..n`. If `n` is 0, the number is 0.
#[track_caller]
pub fn below(n: u64) -> u64 {
    scale(rng().next_u64(), n)
}

/// Maps a uniform 64-bit number to `0..n` by multiply-shift. The bias is below `n / 2^64`.
pub fn scale(x: u64, n: u64) -> u64 {
    ((x as u128 * n as u128) >> 64) as u64
}

/// A random number generator that belongs to the code that has made it (see [`stream`]).
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256PlusPlus);

impl TryRng for Stream {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }
    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(dst)
    }
}

/// A handle to the run's stream for the current node (see [`rng`]).
#[derive(Clone, Copy, Debug)]
pub struct RunRng(());

fn with_stream<R>(f: impl FnOnce(&mut Xoshiro256PlusPlus) -> R) -> R {
    const NODES: Label = Label::new("node");
    let node: NodeId = context::node();
    imp::with_world(|w| {
        let mut streams = w.streams.lock();
        f(streams.entry(node).or_insert_with(|| generator(w.seed, NODES, node.pack())))
    })
}

impl TryRng for RunRng {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        with_stream(|s| s.try_next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        with_stream(|s| s.try_next_u64())
    }
    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        with_stream(|s| s.try_fill_bytes(dst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After an upgrade of the crate with the generator, a seed must still give the same run.
    #[test]
    fn the_streams_are_stable() {
        let mut g = generator(42, Label::new("test"), 7);
        assert_eq!(
            [g.next_u64(), g.next_u64()],
            [STABLE[0], STABLE[1]],
            "the numbers for a seed have changed: every recorded seed now gives another run"
        );
        assert_eq!(split(42, [1, 2, 3]), STABLE[2]);
    }

    const STABLE: [u64; 3] =
        [16_303_534_513_838_999_546, 1_714_447_403_179_229_863, 4_591_807_362_961_508_349];

    #[test]
    fn scale_stays_in_range() {
        assert_eq!(scale(u64::MAX, 10), 9);
        assert_eq!(scale(0, 10), 0);
        assert_eq!(scale(12345, 0), 0);
    }
}
