//! Bytes made from a seed, and bytes folded into a fingerprint.

use std::fmt;

/// A number that tells one sequence of bytes from another; not a defence against anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) u64);

/// Odd, with bits well spread; from the fraction of the golden ratio, as splitmix64 uses it.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Fingerprint {
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        let mut state = bytes.len() as u64;
        for word in words {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            state = (state ^ word).wrapping_mul(SPREAD).rotate_left(29);
        }
        for byte in rest {
            state = (state ^ u64::from(*byte)).wrapping_mul(SPREAD).rotate_left(29);
        }
        Fingerprint(scramble(state))
    }

    /// This one, then another: order matters.
    pub(crate) fn then(self, next: Fingerprint) -> Fingerprint {
        Fingerprint(scramble(self.0.rotate_left(17) ^ next.0))
    }

    /// This one beside another: order does not matter, so threads may finish as they like.
    pub(crate) fn beside(self, other: Fingerprint) -> Fingerprint {
        Fingerprint(self.0.wrapping_add(other.0))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Bytes that look like noise and are always the same for one seed (the splitmix64 sequence).
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
    let mut state = scramble(seed);
    while bytes.len() < length {
        state = state.wrapping_add(SPREAD);
        bytes.extend_from_slice(&scramble(state).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The finalizer of splitmix64: every bit of the input reaches every bit of the output.
fn scramble(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_the_seeds_own() {
        assert_eq!(noise(7, 1000), noise(7, 1003)[..1000]);
        assert_ne!(noise(7, 1000), noise(8, 1000));
    }

    #[test]
    fn one_changed_byte_changes_the_fingerprint() {
        let mut bytes = noise(1, 4099);
        let before = Fingerprint::of(&bytes);
        for at in [0, 2048, 4098] {
            bytes[at] ^= 1;
            assert_ne!(Fingerprint::of(&bytes), before);
            bytes[at] ^= 1;
        }
        assert_eq!(Fingerprint::of(&bytes), before);
    }
}
