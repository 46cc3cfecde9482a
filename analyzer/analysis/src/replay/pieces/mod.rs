//! The pieces of a heap: blocks, and the holes between those that lie in segments.
//!
//! The pieces of a segment are linked in the order of their addresses, as the caching allocators themselves keep them: a block
//! that is given back finds its neighbours without a search, and one that is handed out where a block of its size was changes
//! nothing but its own piece. A piece is one cache line. `benches/replay.rs` is why.

mod borders;
mod holes;
mod node;

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{HeldBlock, OwnerId, largest::Largest, places::Places};
pub(super) use node::{Node, PieceId, What};

/// Blocks and holes.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// The first one stands for none.
    nodes: Vec<Node>,
    /// The latest node that is not in use; each has the one before it as `next`.
    vacant: PieceId,
    places: Places,
    /// Blocks that lie in no hole, at whose address a hole starts that is too small for them.
    strays: HashMap<u64, HeldBlock>,
    largest: Largest,
    /// The holes by their starts; built when a hole is looked for by an address inside it, and kept up from then on.
    in_order: Option<BTreeMap<u64, PieceId>>,
    hole_bytes: u64,
    /// Of these, those of holes that are all that their border encloses.
    whole_bytes: u64,
    holes: u64,
}

impl Default for Pieces {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(0, 0, What::Vacant)],
            vacant: PieceId::NONE,
            places: Places::default(),
            strays: HashMap::new(),
            largest: Largest::default(),
            in_order: None,
            hole_bytes: 0,
            whole_bytes: 0,
            holes: 0,
        }
    }
}

impl Pieces {
    /// None yet, with room for so many.
    pub(super) fn with_room(pieces: usize) -> Self {
        let mut nodes = Vec::with_capacity(pieces + 1);
        nodes.push(Node::new(0, 0, What::Vacant));
        Self { nodes, places: Places::with_room(pieces), ..Self::default() }
    }

    /// Adds a piece to the end of what the border encloses, as it was.
    pub(super) fn restore(&mut self, border: PieceId, start: u64, size: u64, piece: super::Piece) {
        let last = self.node(border).prev;
        self.whole_bytes -= self.alone(last);
        let added = match piece {
            super::Piece::Hole => self.insert_hole(start, size, last),
            super::Piece::Block(block) => {
                let added = self.add_block(start, block, What::Placed);
                self.link(last, added);
                self.link(added, border);
                added
            }
        };
        self.whole_bytes += self.alone(added);
    }

    /// Puts a block at its address, where there is none, though not in the hole that may have been found there.
    pub(super) fn put_apart(&mut self, found: Option<PieceId>, start: u64, block: HeldBlock) {
        match found {
            Some(_) => _ = self.strays.insert(start, block),
            None => _ = self.add_block(start, block, What::Loose),
        }
    }

    /// The bytes of all holes.
    #[inline(always)]
    pub(super) fn hole_bytes(&self) -> u64 {
        self.hole_bytes
    }

    /// The bytes of segments that are one hole.
    #[inline(always)]
    pub(super) fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// How many holes there are.
    #[inline(always)]
    pub(super) fn holes(&self) -> u64 {
        self.holes
    }

    /// The size of the largest hole; zero if there is none.
    #[inline]
    pub(super) fn largest_hole(&mut self) -> u64 {
        self.largest.size(&mut self.nodes)
    }

    /// Every block, in no order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u64, HeldBlock)> + '_ {
        let strays = self.strays.iter().map(|(&address, &block)| (address, block));
        self.nodes.iter().filter(|node| node.is_block()).map(|node| (node.start, node.block())).chain(strays)
    }

    /// How many pieces [`blocks`](Self::blocks) walks over.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() + self.strays.len()
    }

    /// The hole or the placed or loose block that starts here.
    #[inline(always)]
    pub(super) fn find(&self, address: u64) -> Option<PieceId> {
        self.places.find(address, |piece| self.node(piece).start == address)
    }

    /// The hole or placed block behind this one, in the same segment.
    pub(super) fn behind(&self, piece: PieceId) -> Option<PieceId> {
        let next = self.node(piece).next;
        (self.node(next).what != What::Border).then_some(next)
    }

    #[inline(always)]
    pub(super) fn node(&self, piece: PieceId) -> &Node {
        &self.nodes[piece.0 as usize]
    }

    /// Whether so many pieces are there that a look at one is likely to wait for memory.
    #[inline(always)]
    pub(super) fn are_many(&self) -> bool {
        const MANY: usize = 1 << 13;
        self.places.len() > MANY
    }

    /// A guess at the piece that starts here.
    #[inline(always)]
    pub(super) fn guess(&self, address: u64) -> PieceId {
        self.places.guess(address)
    }

    /// The neighbours of a piece.
    #[inline(always)]
    pub(super) fn neighbours(&self, piece: PieceId) -> (PieceId, PieceId) {
        let node = self.node(piece);
        (node.prev, node.next)
    }

    /// Puts a block at its address, where there is none; `found` is the hole that starts there, if one does.
    #[inline]
    pub(super) fn put(&mut self, found: Option<PieceId>, start: u64, block: HeldBlock) {
        match found {
            Some(piece) if block.size > 0 && self.node(piece).size >= block.size => self.fill(piece, block),
            _ => self.put_apart(found, start, block),
        }
    }

    /// Puts a block inside of a hole, but not at its front, if there is one that holds it.
    #[cold]
    pub(super) fn put_inside(&mut self, start: u64, block: HeldBlock) -> bool {
        let Some(hole) = self.hole_around(start) else { return false };
        let node = *self.node(hole);
        let before = start - node.start;
        if node.size - before < block.size {
            return false;
        }
        self.whole_bytes -= self.alone(hole);
        // The front stays a hole; what is behind it is a hole for a moment.
        self.resize_hole(hole, before);
        let rest = self.insert_hole(start, node.size - before, hole);
        self.fill(rest, block);
        true
    }

    /// Whether blocks lie where holes start that are too small for them.
    #[inline(always)]
    pub(super) fn has_strays(&self) -> bool {
        !self.strays.is_empty()
    }

    /// Takes the block at this address; `found` is what was found there.
    #[inline(always)]
    pub(super) fn take_found(&mut self, found: Option<PieceId>, address: u64) -> Option<HeldBlock> {
        let piece = found.unwrap_or(PieceId::NONE);
        let node = self.node(piece);
        let block = node.block();
        match node.what {
            What::Placed => {
                self.give_back(piece);
                Some(block)
            }
            What::Loose => {
                self.remove(piece);
                Some(block)
            }
            _ if self.strays.is_empty() => None,
            _ => self.strays.remove(&address),
        }
    }

    /// The block at this address.
    pub(super) fn block_at(&self, address: u64) -> Option<HeldBlock> {
        let piece = self.find(address).map(|piece| self.node(piece)).filter(|node| node.is_block());
        piece.map(Node::block).or_else(|| self.strays.get(&address).copied())
    }

    /// The block at this address belongs to another owner.
    pub(super) fn set_owner(&mut self, address: u64, owner: OwnerId) {
        if let Some(piece) = self.find(address).filter(|&piece| self.node(piece).is_block()) {
            self.nodes[piece.0 as usize].owner = owner;
        } else if let Some(stray) = self.strays.get_mut(&address) {
            stray.owner = owner;
        }
    }

    /// The block at this address is given back but may still be used. Returns it as it was.
    pub(super) fn mark_pending(&mut self, address: u64) -> Option<HeldBlock> {
        if let Some(piece) = self.find(address).filter(|&piece| self.node(piece).is_block()) {
            let node = &mut self.nodes[piece.0 as usize];
            let before = node.block();
            node.pending = true;
            return Some(before);
        }
        let stray = self.strays.get_mut(&address)?;
        let before = *stray;
        stray.pending = true;
        Some(before)
    }

    /// Adds a block where no piece starts; what lies beside it is for the caller to say.
    fn add_block(&mut self, start: u64, block: HeldBlock, what: What) -> PieceId {
        let mut node = Node::new(start, 0, what);
        node.fill(what, block);
        let piece = self.add(node);
        self.places.insert(start, piece);
        piece
    }

    #[inline(always)]
    fn link(&mut self, prev: PieceId, next: PieceId) {
        self.nodes[prev.0 as usize].next = next;
        self.nodes[next.0 as usize].prev = prev;
    }

    #[inline(always)]
    fn unlink(&mut self, piece: PieceId) {
        let (prev, next) = self.neighbours(piece);
        self.link(prev, next);
    }

    #[inline(always)]
    fn add(&mut self, node: Node) -> PieceId {
        let piece = self.vacant;
        if piece == PieceId::NONE {
            self.nodes.push(node);
            return PieceId(
                u32::try_from(self.nodes.len() - 1).expect("memory ends before so many pieces do"),
            );
        }
        let place = &mut self.nodes[piece.0 as usize];
        self.vacant = place.next;
        *place = Node { noted: place.noted, ..node };
        piece
    }

    /// Removes a piece that nothing is linked to.
    #[inline(always)]
    fn remove(&mut self, piece: PieceId) {
        self.places.remove(self.node(piece).start, piece);
        self.vacate(piece);
    }

    #[inline(always)]
    fn vacate(&mut self, piece: PieceId) {
        let node = &mut self.nodes[piece.0 as usize];
        node.what = What::Vacant;
        node.next = self.vacant;
        self.vacant = piece;
    }
}
