//! A range of addresses as a row of cells.

use memtrace_analysis::snapshot::{BlockState, LiveBlock};
use memtrace_format::Bytes;

/// The number of colours of a cell: [`OTHERS`], or one for each name in the legend.
pub(crate) const TINTS: usize = 10;
/// The colour of blocks without a name in the legend.
pub(crate) const OTHERS: u8 = 0;

/// The contents of a cell's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tile {
    /// The fill of the cell.
    pub(crate) filling: Filling,
    /// The colour of the largest owner.
    pub(crate) tint: u8,
    /// True if the program freed most of it while a stream still uses it.
    pub(crate) pending: bool,
    /// True if a block begins here that keeps a segment from being released.
    pub(crate) pinned: bool,
}

/// The fill of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Filling {
    /// Nothing is there.
    #[default]
    FreeSpace,
    /// Blocks, and something free between them.
    Part,
    /// Blocks only, and one begins here.
    Full,
    /// The inside of one block.
    Inside,
}

/// Draws the addresses from `from` up to `to` in at most `width` cells. `blocks` are in the order of their addresses.
pub(crate) fn strip(
    blocks: &[LiveBlock],
    (from, to): (u64, u64),
    width: u16,
    tint: impl Fn(&LiveBlock) -> u8,
) -> Vec<Tile> {
    let length = to.saturating_sub(from);
    let cells = usize::try_from(length).unwrap_or(usize::MAX).min(usize::from(width));
    if cells == 0 {
        return Vec::new();
    }
    let scale = Scale { from, length: u128::from(length), cells: cells as u128 };
    let mut sums = vec![OwnerSum::default(); cells];
    for block in blocks {
        let (start, end) = (block.address.0.max(from), block.address.0.saturating_add(block.bytes.0).min(to));
        if start >= end {
            continue;
        }
        let tint = usize::from(tint(block)).min(TINTS - 1);
        let (first, last) = (scale.cell_of(start), scale.cell_of(end - 1));
        for (cell, sum) in sums.iter_mut().enumerate().take(last + 1).skip(first) {
            let part = end.min(scale.edge(cell + 1)).saturating_sub(start.max(scale.edge(cell)));
            sum.by_tint[tint] = sum.by_tint[tint].saturating_add(part);
            if block.state == BlockState::Pending {
                sum.pending = sum.pending.saturating_add(part);
            }
        }
        sums[first].begins |= block.address.0 >= from;
    }
    let tile = |(cell, sum): (usize, &OwnerSum)| sum.tile(Bytes(scale.edge(cell + 1) - scale.edge(cell)));
    sums.iter().enumerate().map(tile).collect()
}

/// The cells that a range of addresses touches.
pub(crate) fn cells_of(
    (start, end): (u64, u64),
    (from, to): (u64, u64),
    cells: usize,
) -> std::ops::Range<usize> {
    let (start, end) = (start.max(from), end.min(to));
    if start >= end || cells == 0 {
        return 0..0;
    }
    let scale = Scale { from, length: u128::from(to - from), cells: cells as u128 };
    scale.cell_of(start)..scale.cell_of(end - 1) + 1
}

/// The first address of a cell.
pub(crate) fn address_of(cell: usize, (from, to): (u64, u64), cells: usize) -> u64 {
    Scale { from, length: u128::from(to.saturating_sub(from)), cells: cells.max(1) as u128 }.edge(cell)
}

struct Scale {
    from: u64,
    length: u128,
    cells: u128,
}

impl Scale {
    fn cell_of(&self, address: u64) -> usize {
        (u128::from(address - self.from) * self.cells / self.length) as usize
    }

    /// The first address in a cell.
    fn edge(&self, cell: usize) -> u64 {
        let distance = (cell as u128 * self.length).div_ceil(self.cells);
        self.from.saturating_add(u64::try_from(distance).unwrap_or(u64::MAX))
    }
}

#[derive(Clone, Default)]
struct OwnerSum {
    by_tint: [u64; TINTS],
    pending: u64,
    begins: bool,
}

impl OwnerSum {
    fn tile(&self, length: Bytes) -> Tile {
        let used = self.by_tint.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
        let filling = match used {
            0 => Filling::FreeSpace,
            used if used < length.0 => Filling::Part,
            _ if self.begins => Filling::Full,
            _ => Filling::Inside,
        };
        let largest = (0..TINTS).max_by_key(|&tint| (self.by_tint[tint], std::cmp::Reverse(tint)));
        let tint = largest.map_or(OTHERS, |tint| tint as u8);
        Tile { filling, tint, pending: used > 0 && self.pending.saturating_mul(2) > used, pinned: false }
    }
}

#[cfg(test)]
mod tests {
    use memtrace_format::Address;
    use proptest::prelude::*;

    use super::*;
    use memtrace_analysis::{Nanos, snapshot::OwnerIndex};

    fn block(address: u64, bytes: u64, owner: u32) -> LiveBlock {
        LiveBlock {
            address: Address(address),
            bytes: Bytes(bytes),
            requested_bytes: Some(Bytes(bytes)),
            state: if owner == 9 { BlockState::Pending } else { BlockState::Allocated },
            is_placed: true,
            owner: OwnerIndex(owner),
            born_ns: Nanos(0),
            born_event: None,
        }
    }

    fn signs(blocks: &[LiveBlock], range: (u64, u64), width: u16) -> String {
        let tiles = strip(blocks, range, width, |block| block.owner.0 as u8);
        let sign = |tile: &Tile| match tile.filling {
            Filling::FreeSpace => '.',
            Filling::Part => char::from(b'a' + tile.tint),
            Filling::Full => char::from(b'A' + tile.tint),
            Filling::Inside => '-',
        };
        tiles.iter().map(sign).collect()
    }

    #[test]
    fn blocks_fill_the_cells_they_lie_in() {
        let blocks = [block(100, 40, 1), block(140, 5, 2), block(170, 10, 3)];
        assert_eq!(signs(&blocks, (100, 200), 10), "B---c..D..");
        assert_eq!(signs(&blocks, (110, 150), 4), "---c");
        assert_eq!(signs(&blocks, (100, 200), 2), "bd");
        assert_eq!(signs(&blocks, (100, 103), 10), "B--", "no cell is less than a byte");
        assert_eq!(signs(&blocks, (100, 100), 10), "");
        assert_eq!(signs(&[], (0, u64::MAX), 3), "...");
    }

    #[test]
    fn most_of_a_cell_says_whose_it_is() {
        let blocks = [block(0, 3, 1), block(3, 4, 2), block(7, 3, 3)];
        let tiles = strip(&blocks, (0, 10), 1, |block| block.owner.0 as u8);
        assert_eq!(tiles, [Tile { filling: Filling::Full, tint: 2, ..Tile::default() }]);
        let tiles = strip(&[block(0, 10, 9)], (0, 10), 1, |_| 4);
        assert!(tiles[0].pending);
    }

    proptest! {
        /// Against a walk over every single address.
        #[test]
        fn every_cell_is_what_its_addresses_are(
            lengths in prop::collection::vec((1u64..9, 0u64..4, 0u32..9), 1..20),
            from in 0u64..30,
            length in 1u64..120,
            width in 1u16..40,
        ) {
            let mut at = 5;
            let mut blocks = Vec::new();
            for (length, gap, owner) in lengths {
                blocks.push(block(at, length, owner));
                at += length + gap;
            }
            let range = (from, from + length);
            let tiles = strip(&blocks, range, width, |block| block.owner.0 as u8);
            let cells = tiles.len();
            prop_assert_eq!(cells as u64, length.min(u64::from(width)));
            for (cell, tile) in tiles.iter().enumerate() {
                let addresses = address_of(cell, range, cells)..address_of(cell + 1, range, cells);
                let holder = |address: u64| blocks.iter().position(|block| {
                    (block.address.0..block.address.0 + block.bytes.0).contains(&address)
                });
                let used = addresses.clone().filter(|&address| holder(address).is_some()).count() as u64;
                let begins = addresses.clone().any(|address| blocks.iter().any(|block| block.address.0 == address));
                let expected = match used {
                    0 => Filling::FreeSpace,
                    used if used < addresses.end - addresses.start => Filling::Part,
                    _ if begins => Filling::Full,
                    _ => Filling::Inside,
                };
                prop_assert_eq!(tile.filling, expected, "cell {} of {}", cell, cells);
                for address in addresses {
                    prop_assert_eq!(cells_of((address, address + 1), range, cells), cell..cell + 1);
                }
            }
        }
    }
}
