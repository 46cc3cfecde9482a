//! The size of the largest hole, at any time.

use std::collections::BinaryHeap;

use super::pieces::{Node, PieceId, What};

/// Every hole as `(size, hole)`, and entries that are no longer so: those are passed over when they surface.
#[derive(Clone, Debug, Default)]
pub(super) struct Largest(BinaryHeap<(u64, PieceId)>);

impl Largest {
    /// The size of the largest hole; zero if there is none.
    #[inline]
    pub(super) fn size(&mut self, nodes: &mut [Node]) -> u64 {
        while let Some(&(size, piece)) = self.0.peek() {
            let node = &mut nodes[piece.0 as usize];
            if is_so(node, size) {
                return size;
            }
            if node.noted == size {
                node.noted = 0;
            }
            self.0.pop();
        }
        0
    }

    /// One of so many `holes` has this size now. Where a block comes and goes in the same place again and again, it is known.
    #[inline(always)]
    pub(super) fn note(&mut self, piece: PieceId, holes: u64, nodes: &mut [Node]) {
        let node = &mut nodes[piece.0 as usize];
        if node.noted != node.size {
            node.noted = node.size;
            self.0.push((node.size, piece));
            if self.0.len() as u64 > 2 * holes + 64 {
                self.tidy(nodes);
            }
        }
    }

    /// Forgets what is no longer so, and what is said twice.
    #[cold]
    fn tidy(&mut self, nodes: &mut [Node]) {
        let mut entries = std::mem::take(&mut self.0).into_vec();
        for (_, piece) in &entries {
            nodes[piece.0 as usize].noted = 0;
        }
        entries.retain(|&(size, piece)| {
            let node = &mut nodes[piece.0 as usize];
            let kept = is_so(node, size) && node.noted == 0;
            if kept {
                node.noted = size;
            }
            kept
        });
        self.0 = BinaryHeap::from(entries);
    }
}

#[inline(always)]
fn is_so(node: &Node, size: u64) -> bool {
    node.what == What::Hole && node.size == size
}
