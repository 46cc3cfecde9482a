//! Finds the piece that starts at an address: a table of 8 bytes an entry, so that a million live blocks are found without a cache miss
//! more than the block itself costs. `benches/replay.rs` is why it is not a map of the library.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::pieces::PieceId;

/// No piece has this number.
const EMPTY: u64 = PieceId::NONE.0 as u64;

/// Open addressing with linear probing. A slot has the hash of the address in its upper half and the number of the piece in
/// its lower one; the address itself is with the piece.
#[derive(Clone, Debug)]
pub(super) struct Places {
    slots: Vec<u64>,
    len: usize,
    /// Drawn anew for each table, so that no file is made to collide.
    seeds: [u64; 2],
}

impl Default for Places {
    fn default() -> Self {
        let random = RandomState::new();
        let seed = |number: u64| {
            let mut hasher = random.build_hasher();
            hasher.write_u64(number);
            hasher.finish()
        };
        Self { slots: vec![EMPTY; 8], len: 0, seeds: [seed(1), seed(2) | 1] }
    }
}

impl Places {
    /// An empty table with room for so many.
    pub(super) fn with_room(pieces: usize) -> Self {
        let slots = (pieces / 3 * 4 + 8).next_power_of_two();
        Self { slots: vec![EMPTY; slots], ..Self::default() }
    }

    /// The piece for which `is_at` holds among those that may be at this address.
    #[inline(always)]
    pub(super) fn find(&self, address: u64, is_at: impl Fn(PieceId) -> bool) -> Option<PieceId> {
        let hash = self.hash(address);
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            if slot >> 32 == u64::from(hash) && is_at(PieceId(slot as u32)) {
                return Some(PieceId(slot as u32));
            }
            at = self.next(at);
        }
    }

    /// A piece that may be at this address, found without a look at any piece.
    #[inline(always)]
    pub(super) fn guess(&self, address: u64) -> PieceId {
        let hash = self.hash(address);
        let home = self.home(hash);
        let slot = self.slots[home];
        if slot >> 32 == u64::from(hash) {
            PieceId(slot as u32)
        } else {
            PieceId(self.slots[self.next(home)] as u32)
        }
    }

    /// Adds a piece at an address where there is none.
    #[inline]
    pub(super) fn insert(&mut self, address: u64, piece: PieceId) {
        if self.len >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        self.len += 1;
        let hash = self.hash(address);
        self.settle(u64::from(hash) << 32 | u64::from(piece.0));
    }

    /// Removes the piece at this address.
    #[inline]
    pub(super) fn remove(&mut self, address: u64, piece: PieceId) {
        let hash = self.hash(address);
        let slot = u64::from(hash) << 32 | u64::from(piece.0);
        let mut gap = self.home(hash);
        while self.slots[gap] != slot {
            if self.slots[gap] == EMPTY {
                return;
            }
            gap = self.next(gap);
        }
        self.len -= 1;
        // What lies behind moves up, unless it is nearer to where it belongs than the gap is.
        let mask = self.slots.len() - 1;
        let mut at = gap;
        loop {
            at = self.next(at);
            let slot = self.slots[at];
            if slot == EMPTY {
                break;
            }
            let home = self.home((slot >> 32) as u32);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.slots[gap] = slot;
                gap = at;
            }
        }
        self.slots[gap] = EMPTY;
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[cold]
    fn grow(&mut self) {
        let slots = vec![EMPTY; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, slots) {
            if slot != EMPTY {
                self.settle(slot);
            }
        }
    }

    #[inline(always)]
    fn settle(&mut self, slot: u64) {
        let mut at = self.home((slot >> 32) as u32);
        while self.slots[at] != EMPTY {
            at = self.next(at);
        }
        self.slots[at] = slot;
    }

    #[inline(always)]
    fn hash(&self, address: u64) -> u32 {
        let product = u128::from(address ^ self.seeds[0]) * u128::from(self.seeds[1]);
        ((product >> 64) as u64 ^ product as u64) as u32
    }

    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few addresses, so that the table is dense and slots move.
        #[test]
        fn it_finds_what_a_map_finds(steps in prop::collection::vec((0u64..40, any::<bool>()), 1..400)) {
            let mut places = Places::default();
            let mut model = BTreeMap::new();
            for (number, (address, add)) in (1u32..).zip(steps) {
                match model.get(&address).copied() {
                    None if add => {
                        places.insert(address, PieceId(number));
                        model.insert(address, PieceId(number));
                    }
                    Some(piece) if !add => {
                        places.remove(address, piece);
                        model.remove(&address);
                    }
                    _ => {}
                }
                prop_assert_eq!(places.len(), model.len());
                for address in 0..40 {
                    let expected = model.get(&address).copied();
                    let found = places.find(address, |piece| Some(piece) == expected);
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
