//! Holes: they are filled, left behind, merged.

use super::{super::HeldBlock, Node, PieceId, Pieces, What};

impl Pieces {
    /// The bytes of a hole that is all that its border encloses; of another piece none.
    #[inline(always)]
    pub(super) fn alone(&self, piece: PieceId) -> u64 {
        let node = self.node(piece);
        if node.prev == node.next && node.what == What::Hole { node.size } else { 0 }
    }

    /// Fills the front of a hole.
    #[inline]
    pub(super) fn fill(&mut self, piece: PieceId, block: HeldBlock) {
        self.whole_bytes -= self.alone(piece);
        let node = &mut self.nodes[piece.0 as usize];
        let (start, rest) = (node.start, node.size - block.size);
        node.fill(What::Placed, block);
        self.hole_bytes -= block.size;
        self.holes -= 1;
        if let Some(in_order) = &mut self.in_order {
            in_order.remove(&start);
        }
        if rest > 0 {
            self.hole_bytes -= rest;
            self.insert_hole(start + block.size, rest, piece);
        }
    }

    /// Makes a placed block a hole, merged with those beside it.
    #[inline]
    pub(super) fn give_back(&mut self, piece: PieceId) {
        self.free_in_place(piece);
        let piece = self.merge(piece);
        self.whole_bytes += self.alone(piece);
    }

    /// Makes a placed block a hole, though there may be others beside it.
    #[inline(always)]
    pub(super) fn free_in_place(&mut self, piece: PieceId) {
        let node = &mut self.nodes[piece.0 as usize];
        node.what = What::Hole;
        node.pending = false;
        self.hole_bytes += node.size;
        self.holes += 1;
        if let Some(in_order) = &mut self.in_order {
            in_order.insert(node.start, piece);
        }
    }

    /// Merges a hole with those beside it, and returns what it has become.
    #[inline]
    pub(super) fn merge(&mut self, piece: PieceId) -> PieceId {
        self.merge_right(piece);
        let piece = self.merge_left(piece);
        self.largest.note(piece, self.holes, &mut self.nodes);
        piece
    }

    /// Merges a hole with the one behind it.
    #[inline]
    pub(super) fn merge_right(&mut self, piece: PieceId) {
        let next = self.node(piece).next;
        if self.node(next).what == What::Hole {
            self.absorb(piece, next);
        }
    }

    /// Merges a hole with the one before it, and returns what it has become.
    #[inline]
    pub(super) fn merge_left(&mut self, piece: PieceId) -> PieceId {
        let prev = self.node(piece).prev;
        if self.node(prev).what != What::Hole {
            return piece;
        }
        self.absorb(prev, piece);
        prev
    }

    /// The first hole takes the second one, behind it, in.
    pub(super) fn absorb(&mut self, first: PieceId, second: PieceId) {
        let size = self.node(second).size;
        self.remove_hole(second);
        self.hole_bytes += size;
        let node = &mut self.nodes[first.0 as usize];
        node.size += size;
        self.largest.note(first, self.holes, &mut self.nodes);
    }

    /// Adds a hole behind `prev`, not merged with any.
    pub(super) fn insert_hole(&mut self, start: u64, size: u64, prev: PieceId) -> PieceId {
        if let Some(loose) = self.find(start) {
            self.strays.insert(start, self.node(loose).block());
            self.remove(loose);
        }
        let piece = self.add(Node::new(start, size, What::Hole));
        self.places.insert(start, piece);
        let next = self.node(prev).next;
        self.link(prev, piece);
        self.link(piece, next);
        self.hole_bytes += size;
        self.holes += 1;
        if let Some(in_order) = &mut self.in_order {
            in_order.insert(start, piece);
        }
        self.largest.note(piece, self.holes, &mut self.nodes);
        piece
    }

    pub(super) fn remove_hole(&mut self, piece: PieceId) {
        let node = *self.node(piece);
        self.hole_bytes -= node.size;
        self.holes -= 1;
        if let Some(in_order) = &mut self.in_order {
            in_order.remove(&node.start);
        }
        self.unlink(piece);
        self.remove(piece);
    }

    /// Gives a hole another size; what it gives up is accounted for by the caller.
    pub(super) fn resize_hole(&mut self, piece: PieceId, size: u64) {
        let node = &mut self.nodes[piece.0 as usize];
        self.hole_bytes -= node.size - size;
        node.size = size;
        self.largest.note(piece, self.holes, &mut self.nodes);
    }

    /// The hole that this address lies in.
    pub(super) fn hole_around(&mut self, address: u64) -> Option<PieceId> {
        let nodes = &self.nodes;
        let in_order = self.in_order.get_or_insert_with(|| {
            let holes = (0..).zip(nodes).filter(|(_, node)| node.what == What::Hole);
            holes.map(|(index, node)| (node.start, PieceId(index))).collect()
        });
        let (_, &hole) = in_order.range(..=address).next_back()?;
        (address < self.node(hole).end()).then_some(hole)
    }
}
