//! Changes of bytes that know nothing of what the bytes mean.

use std::ops::Range;

use fastrand::Rng;

/// Numbers that somebody may have forgotten.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// A few changes within a range.
pub(crate) fn change(random: &mut Rng, bytes: &mut [u8], within: Range<usize>) {
    if within.is_empty() {
        return;
    }
    for _ in 0..=random.usize(..4) {
        let at = random.usize(within.clone());
        match random.u8(..8) {
            0 | 1 => bytes[at] ^= 1 << random.u8(..8),
            2 => bytes[at] = random.u8(..),
            3..=5 => {
                let width = 1 << random.usize(..4);
                let at = within.start + (at - within.start) / width * width;
                let number =
                    (NUMBERS[random.usize(..NUMBERS.len())] as i128 + i128::from(random.i8(-2..=2))) as u64;
                let end = (at + width).min(within.end);
                bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
            _ => {
                let from = random.usize(within.clone());
                let length = random.usize(..64).min(within.end - at.max(from));
                bytes.copy_within(from..from + length, at);
            }
        }
    }
}

/// Cuts, repeats and inserts, where lengths may change; `words` mean something to whoever reads.
pub(crate) fn rearrange(random: &mut Rng, bytes: &mut Vec<u8>, words: &[&[u8]]) {
    for _ in 0..=random.usize(..3) {
        let at = random.usize(..=bytes.len());
        let length = random.usize(..=64.min(bytes.len() - at));
        match random.u8(..8) {
            0 => drop(bytes.drain(at..at + length)),
            1 => {
                let part = bytes[at..at + length].to_vec();
                let to = random.usize(..=bytes.len());
                bytes.splice(to..to, part);
            }
            2 if random.u8(..4) == 0 => bytes.truncate(at),
            3 | 4 if !words.is_empty() => {
                let word = words[random.usize(..words.len())];
                bytes.splice(at..at + length.min(word.len()), word.iter().copied());
            }
            _ => {
                let all = 0..bytes.len();
                change(random, bytes, all);
            }
        }
    }
}
