//! Moves addresses: each heap gets a new base, and keeps its inner layout.

use hashbrown::HashMap;
use memtrace_format::{Kind, PoolId, Record, Word};

use super::records;
use crate::{model::HeapKey, source::Log};

/// Heaps are moved by a multiple of this, so that blocks stay as they were aligned.
const ALIGNMENT: u64 = 1 << 21;

/// The lowest address of every heap.
#[derive(Debug, Default)]
pub(super) struct Addresses(HashMap<HeapKey, u64>);

impl Addresses {
    /// Looks at the addresses in the records of a chunk. (A definition's bytes are none.)
    pub(super) fn meet(&mut self, trace: &Log, body: &mut [u8]) {
        for (heap, address) in addresses(trace, body) {
            let lowest = self.0.entry(heap).or_insert(u64::MAX);
            *lowest = (*lowest).min(number(address));
        }
    }

    /// Moves every address towards zero, by as much as all others of its heap.
    pub(super) fn rebase(&self, trace: &Log, body: &mut [u8]) {
        for (heap, address) in addresses(trace, body) {
            let lowest = self.0.get(&heap).copied().unwrap_or(0);
            let moved = number(address).wrapping_sub(lowest / ALIGNMENT * ALIGNMENT);
            *address = moved.to_le_bytes();
        }
    }
}

/// The addresses in records, each with its heap. What this version does not know is removed, for it may be anything.
fn addresses<'a>(trace: &'a Log, body: &'a mut [u8]) -> impl Iterator<Item = (HeapKey, &'a mut [u8; 8])> {
    records(body).iter_mut().filter_map(move |record| {
        let word = Word::from_bits(u64::from_le_bytes(*record[Record::WORD_OFFSET..].first_chunk()?));
        match word.kind() {
            Some(
                Kind::SegmentAlloc
                | Kind::SegmentFree
                | Kind::SegmentMap
                | Kind::SegmentUnmap
                | Kind::BlockAlloc
                | Kind::BlockFree
                | Kind::BlockFreeRequested
                | Kind::BlockFreeCompleted
                | Kind::BlockOwned,
            ) => Some((trace.definitions().heap_key(PoolId(word.pool())), record[8..].first_chunk_mut()?)),
            Some(_) => None,
            None => {
                record[8..Record::WORD_OFFSET].fill(0);
                None
            }
        }
    })
}

fn number(address: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*address)
}
