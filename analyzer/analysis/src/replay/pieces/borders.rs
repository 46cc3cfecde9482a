//! Segments in the list of pieces: they are enclosed, joined, cut and removed.

use super::{super::HeldBlock, Node, PieceId, Pieces, What};

impl Pieces {
    /// The border of a new segment.
    pub(in crate::replay) fn add_border(&mut self) -> PieceId {
        let border = self.add(Node::new(0, 0, What::Border));
        let node = &mut self.nodes[border.0 as usize];
        (node.prev, node.next) = (border, border);
        border
    }

    /// Joins what the second border encloses to the end of what the first does.
    pub(in crate::replay) fn join(&mut self, first: PieceId, second: PieceId) {
        let (head, tail) = (self.node(second).next, self.node(second).prev);
        let last = self.node(first).prev;
        self.whole_bytes -= self.alone(head) + self.alone(last);
        self.link(last, head);
        self.link(tail, first);
        self.vacate(second);
        if self.node(last).what == What::Hole {
            self.merge_right(last);
        }
        self.whole_bytes += self.alone(last);
    }

    /// Adds memory that is free at the end of what the border encloses.
    pub(in crate::replay) fn append(&mut self, border: PieceId, start: u64, end: u64) {
        let last = self.node(border).prev;
        self.whole_bytes -= self.alone(last);
        let piece = self.insert_hole(start, end - start, last);
        let piece = self.merge(piece);
        self.whole_bytes += self.alone(piece);
    }

    /// Makes sure that a piece starts at `at`, in what the border encloses, and returns it. A block that lies across is lost.
    /// `None`: too much lies before it to find it.
    pub(in crate::replay) fn cut(
        &mut self,
        border: PieceId,
        at: u64,
        lost: &mut Vec<(u64, HeldBlock)>,
    ) -> Option<PieceId> {
        if let Some(piece) = self.find(at).filter(|&piece| self.node(piece).is_in_segment()) {
            return Some(piece);
        }
        let across = match self.hole_around(at) {
            Some(hole) => hole,
            None => {
                let mut piece = self.node(border).next;
                let ends = std::iter::from_fn(|| {
                    let found = piece;
                    piece = self.node(found).next;
                    Some(found)
                });
                let across = ends.take(WALK).find(|&piece| self.node(piece).end() > at)?;
                lost.push((self.node(across).start, self.node(across).block()));
                self.free_in_place(across);
                across
            }
        };
        let node = *self.node(across);
        self.resize_hole(across, at - node.start);
        let piece = self.insert_hole(at, node.end() - at, across);
        // If it was a block, a hole may lie before it.
        self.merge_left(across);
        Some(piece)
    }

    /// Takes a piece and all behind it away, up to `end`; blocks among them are lost. A piece that goes on behind `end` leaves
    /// a hole there. Returns the piece before what is gone.
    pub(in crate::replay) fn withdraw(
        &mut self,
        first: PieceId,
        end: u64,
        lost: &mut Vec<(u64, HeldBlock)>,
    ) -> PieceId {
        let before = self.node(first).prev;
        let mut piece = first;
        loop {
            let node = *self.node(piece);
            match node.what {
                What::Hole => self.remove_hole(piece),
                What::Placed => {
                    lost.push((node.start, node.block()));
                    self.unlink(piece);
                    self.remove(piece);
                }
                _ => return before,
            }
            if node.end() > end {
                let rest = self.insert_hole(end, node.end() - end, before);
                // What is before it now does not lie beside it.
                self.merge_right(rest);
            }
            if node.end() >= end {
                return before;
            }
            piece = node.next;
        }
    }

    /// Lets another border enclose what lies behind `last`, which is something.
    pub(in crate::replay) fn split(&mut self, border: PieceId, last: PieceId) -> PieceId {
        let (head, tail) = (self.node(last).next, self.node(border).prev);
        self.link(last, border);
        let other = self.add_border();
        self.link(other, head);
        self.link(tail, other);
        other
    }

    /// The border that encloses nothing goes.
    pub(in crate::replay) fn remove_border(&mut self, border: PieceId) {
        self.vacate(border);
    }

    /// What the border encloses is about to change: until [`changed`](Self::changed), it counts for nothing.
    pub(in crate::replay) fn changing(&mut self, border: PieceId) {
        self.whole_bytes -= self.alone(self.node(border).next);
    }

    /// What the border encloses has changed.
    pub(in crate::replay) fn changed(&mut self, border: PieceId) {
        self.whole_bytes += self.alone(self.node(border).next);
    }
}

/// The most pieces that are walked over to find the one around an address.
const WALK: usize = 256;
