//! The pieces of a heap: blocks, and the holes between those that lie in segments.
//!
//! The pieces of a segment are linked in the order of their addresses, as the caching allocators themselves keep them: a block
//! that is given back finds its neighbours without a search, and one that is handed out where a block of its size was changes
//! nothing but its own piece. A piece is one cache line. `benches/replay.rs` is why.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::{Block, OwnerId, largest::Largest, places::Places};
use crate::Nanos;

/// A piece's place in the list of [`Pieces`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PieceId(pub(super) u32);

impl PieceId {
    pub(super) const NONE: Self = Self(0);
}

/// Blocks and holes.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// The first one stands for none.
    nodes: Vec<Node>,
    /// The latest node that is not in use; each has the one before it as `next`.
    vacant: PieceId,
    places: Places,
    /// Blocks that lie in no hole, at whose address a hole starts that is too small for them.
    strays: HashMap<u64, Block>,
    largest: Largest,
    /// The holes by their starts; built when a hole is looked for by an address inside it, and kept up from then on.
    in_order: Option<BTreeMap<u64, PieceId>>,
    hole_bytes: u64,
    /// Of these, those of holes that are all that their border encloses.
    whole_bytes: u64,
    holes: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Node {
    pub(super) start: u64,
    pub(super) size: u64,
    requested: u64,
    born: Nanos,
    event: u64,
    /// The size under which [`Largest`] knows it.
    pub(super) noted: u64,
    owner: OwnerId,
    prev: PieceId,
    next: PieceId,
    pub(super) what: What,
    pending: bool,
}

const _: () = assert!(size_of::<Node>() == 64);

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Vacant,
    /// The two ends of a segment: behind its last piece, before its first.
    Border,
    Hole,
    /// A block in a segment, in what was a hole.
    Placed,
    /// Another block.
    Loose,
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
    pub(super) fn put_apart(&mut self, found: Option<PieceId>, start: u64, block: Block) {
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
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u64, Block)> + '_ {
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
    pub(super) fn put(&mut self, found: Option<PieceId>, start: u64, block: Block) {
        match found {
            Some(piece) if block.size > 0 && self.node(piece).size >= block.size => self.fill(piece, block),
            _ => self.put_apart(found, start, block),
        }
    }

    /// Puts a block inside of a hole, but not at its front, if there is one that holds it.
    #[cold]
    pub(super) fn put_inside(&mut self, start: u64, block: Block) -> bool {
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
    pub(super) fn take_found(&mut self, found: Option<PieceId>, address: u64) -> Option<Block> {
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
    pub(super) fn block_at(&self, address: u64) -> Option<Block> {
        let piece = self.find(address).map(|piece| self.node(piece)).filter(|node| node.is_block());
        piece.map(Node::block).or_else(|| self.strays.get(&address).copied())
    }

    /// The block at this address is given back but may still be used. Returns it as it was.
    pub(super) fn mark_pending(&mut self, address: u64) -> Option<Block> {
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

    /// The border of a new segment.
    pub(super) fn add_border(&mut self) -> PieceId {
        let border = self.add(Node::new(0, 0, What::Border));
        let node = &mut self.nodes[border.0 as usize];
        (node.prev, node.next) = (border, border);
        border
    }

    /// Joins what the second border encloses to the end of what the first does.
    pub(super) fn join(&mut self, first: PieceId, second: PieceId) {
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
    pub(super) fn append(&mut self, border: PieceId, start: u64, end: u64) {
        let last = self.node(border).prev;
        self.whole_bytes -= self.alone(last);
        let piece = self.insert_hole(start, end - start, last);
        let piece = self.merge(piece);
        self.whole_bytes += self.alone(piece);
    }

    /// Makes sure that a piece starts at `at`, in what the border encloses, and returns it. A block that lies across is lost.
    /// `None`: too much lies before it to find it.
    pub(super) fn cut(&mut self, border: PieceId, at: u64, lost: &mut Vec<(u64, Block)>) -> Option<PieceId> {
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
    pub(super) fn withdraw(&mut self, first: PieceId, end: u64, lost: &mut Vec<(u64, Block)>) -> PieceId {
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
    pub(super) fn split(&mut self, border: PieceId, last: PieceId) -> PieceId {
        let (head, tail) = (self.node(last).next, self.node(border).prev);
        self.link(last, border);
        let other = self.add_border();
        self.link(other, head);
        self.link(tail, other);
        other
    }

    /// The border that encloses nothing goes.
    pub(super) fn remove_border(&mut self, border: PieceId) {
        self.vacate(border);
    }

    /// What the border encloses is about to change: until [`changed`](Self::changed), it counts for nothing.
    pub(super) fn changing(&mut self, border: PieceId) {
        self.whole_bytes -= self.alone(self.node(border).next);
    }

    /// What the border encloses has changed.
    pub(super) fn changed(&mut self, border: PieceId) {
        self.whole_bytes += self.alone(self.node(border).next);
    }

    /// The bytes of a hole that is all that its border encloses; of another piece none.
    #[inline(always)]
    fn alone(&self, piece: PieceId) -> u64 {
        let node = self.node(piece);
        if node.prev == node.next && node.what == What::Hole { node.size } else { 0 }
    }

    /// Fills the front of a hole.
    #[inline]
    fn fill(&mut self, piece: PieceId, block: Block) {
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
    fn give_back(&mut self, piece: PieceId) {
        self.free_in_place(piece);
        let piece = self.merge(piece);
        self.whole_bytes += self.alone(piece);
    }

    /// Makes a placed block a hole, though there may be others beside it.
    #[inline(always)]
    fn free_in_place(&mut self, piece: PieceId) {
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
    fn merge(&mut self, piece: PieceId) -> PieceId {
        self.merge_right(piece);
        let piece = self.merge_left(piece);
        self.largest.note(piece, self.holes, &mut self.nodes);
        piece
    }

    /// Merges a hole with the one behind it.
    #[inline]
    fn merge_right(&mut self, piece: PieceId) {
        let next = self.node(piece).next;
        if self.node(next).what == What::Hole {
            self.absorb(piece, next);
        }
    }

    /// Merges a hole with the one before it, and returns what it has become.
    #[inline]
    fn merge_left(&mut self, piece: PieceId) -> PieceId {
        let prev = self.node(piece).prev;
        if self.node(prev).what != What::Hole {
            return piece;
        }
        self.absorb(prev, piece);
        prev
    }

    /// The first hole takes the second one, behind it, in.
    fn absorb(&mut self, first: PieceId, second: PieceId) {
        let size = self.node(second).size;
        self.remove_hole(second);
        self.hole_bytes += size;
        let node = &mut self.nodes[first.0 as usize];
        node.size += size;
        self.largest.note(first, self.holes, &mut self.nodes);
    }

    /// Adds a hole behind `prev`, not merged with any.
    fn insert_hole(&mut self, start: u64, size: u64, prev: PieceId) -> PieceId {
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

    fn remove_hole(&mut self, piece: PieceId) {
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
    fn resize_hole(&mut self, piece: PieceId, size: u64) {
        let node = &mut self.nodes[piece.0 as usize];
        self.hole_bytes -= node.size - size;
        node.size = size;
        self.largest.note(piece, self.holes, &mut self.nodes);
    }

    /// Adds a block where no piece starts; what lies beside it is for the caller to say.
    fn add_block(&mut self, start: u64, block: Block, what: What) -> PieceId {
        let mut node = Node::new(start, 0, what);
        node.fill(what, block);
        let piece = self.add(node);
        self.places.insert(start, piece);
        piece
    }

    /// The hole that this address lies in.
    fn hole_around(&mut self, address: u64) -> Option<PieceId> {
        let nodes = &self.nodes;
        let in_order = self.in_order.get_or_insert_with(|| {
            let holes = (0..).zip(nodes).filter(|(_, node)| node.what == What::Hole);
            holes.map(|(index, node)| (node.start, PieceId(index))).collect()
        });
        let (_, &hole) = in_order.range(..=address).next_back()?;
        (address < self.node(hole).end()).then_some(hole)
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

/// The most pieces that are walked over to find the one around an address.
const WALK: usize = 256;

impl Node {
    fn new(start: u64, size: u64, what: What) -> Self {
        Self {
            start,
            size,
            requested: 0,
            born: Nanos(0),
            event: 0,
            noted: 0,
            owner: OwnerId::default(),
            prev: PieceId::NONE,
            next: PieceId::NONE,
            what,
            pending: false,
        }
    }

    #[inline(always)]
    fn fill(&mut self, what: What, block: Block) {
        let Block { size, requested, born, event, owner, pending, placed: _ } = block;
        (self.size, self.requested, self.born, self.event) = (size, requested, born, event);
        (self.owner, self.pending, self.what) = (owner, pending, what);
    }

    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        self.start + self.size
    }

    #[inline(always)]
    pub(super) fn is_block(&self) -> bool {
        matches!(self.what, What::Placed | What::Loose)
    }

    fn is_in_segment(&self) -> bool {
        matches!(self.what, What::Placed | What::Hole)
    }

    #[inline(always)]
    pub(super) fn block(&self) -> Block {
        let &Self { size, requested, born, event, owner, pending, .. } = self;
        Block { size, requested, born, event, owner, pending, placed: self.what == What::Placed }
    }
}
