//! The reserved memory of a heap, and the pool that each part serves.

use std::collections::BTreeMap;

use super::pools::PoolTag;

/// Reserved ranges.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserved {
    pieces: BTreeMap<u64, Piece>,
}

/// A segment, or a mapped part of an expandable one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) end: u64,
    pub(super) pool: PoolTag,
    pub(super) expandable: bool,
}

impl Reserved {
    /// Every range, by address.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u64, Piece)> {
        self.pieces.iter().map(|(&start, &piece)| (start, piece))
    }

    /// Adds a range; what it overlaps gives way.
    pub(super) fn add(&mut self, start: u64, piece: Piece) {
        self.remove(start, piece.end);
        if start < piece.end {
            self.pieces.insert(start, piece);
        }
    }

    /// Removes a range, and tells whether all of it was reserved.
    pub(super) fn remove(&mut self, start: u64, end: u64) -> bool {
        let mut at = start;
        while at < end {
            let Some((first, piece)) = self.touching(at, end) else { return false };
            self.pieces.remove(&first);
            if first < start {
                self.pieces.insert(first, Piece { end: start, ..piece });
            }
            if piece.end > end {
                self.pieces.insert(end, piece);
            }
            if first > at {
                self.remove(piece.end.min(end), end);
                return false;
            }
            at = piece.end;
        }
        true
    }

    /// The range around an address.
    pub(super) fn around(&self, address: u64) -> Option<(u64, Piece)> {
        let (&start, &piece) = self.pieces.range(..=address).next_back()?;
        (address < piece.end).then_some((start, piece))
    }

    /// How far memory goes on from an address: to the end of its segment, and no further than `limit`.
    pub(super) fn reach(&self, address: u64, limit: u64) -> Option<u64> {
        let (_, mut piece) = self.around(address)?;
        while piece.end < limit
            && piece.expandable
            && let Some(next) = self.pieces.get(&piece.end).filter(|next| next.expandable)
        {
            piece = *next;
        }
        Some(piece.end.min(limit))
    }

    fn touching(&self, start: u64, end: u64) -> Option<(u64, Piece)> {
        self.around(start).or_else(|| self.pieces.range(start..end).next().map(|(&at, &piece)| (at, piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::pools::PoolKind;

    fn piece(end: u64, expandable: bool) -> Piece {
        Piece { end, pool: PoolTag { id: (0, 0), stream: 0, kind: PoolKind::Large }, expandable }
    }

    fn ranges(reserved: &Reserved) -> Vec<(u64, u64)> {
        reserved.pieces().map(|(start, piece)| (start, piece.end)).collect()
    }

    #[test]
    fn a_part_in_the_middle_leaves_both_ends() {
        let mut reserved = Reserved::default();
        reserved.add(0, piece(100, true));
        assert!(reserved.remove(40, 60));
        assert_eq!(ranges(&reserved), [(0, 40), (60, 100)]);
        assert!(!reserved.remove(30, 70), "a part of it is gone already");
        assert_eq!(ranges(&reserved), [(0, 30), (70, 100)]);
        reserved.add(20, piece(80, true));
        assert_eq!(ranges(&reserved), [(0, 20), (20, 80), (80, 100)]);
    }

    #[test]
    fn only_expandable_neighbours_go_on() {
        let mut reserved = Reserved::default();
        for (start, expandable) in [(0, true), (10, true), (20, false), (30, false)] {
            reserved.add(start, piece(start + 10, expandable));
        }
        assert_eq!(reserved.reach(5, 100), Some(20));
        assert_eq!(reserved.reach(5, 15), Some(15));
        assert_eq!(reserved.reach(25, 100), Some(30));
        assert_eq!(reserved.reach(40, 100), None);
    }
}
