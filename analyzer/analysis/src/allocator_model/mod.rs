//! A model of a caching allocator. It replays a history of requests under given rules.
//!
//! It follows what PyTorch documents of its allocator for CUDA, and its order of attempts: the smallest free block of the
//! requester that fits; a new segment; segments given back that are never split, then one; everything given back that is
//! whole, then one; failure. It shares no code with it, and knows addresses only as far as order needs them. Under
//! [`Rules::plain`] it is the least that any allocator must do: find a hole, or reserve as much as was asked for.
//!
//! What it is good for is measured, not assumed: see [`rehearsal`](crate::oom).

mod block;
mod expandable;
mod pool;
mod release;
mod restore;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use block::BlockId;
pub(crate) use pool::{PoolKey, Requester};
pub(crate) use restore::Restored;
pub use rules::{Class, MIN_BLOCK, Rules, SETTING, SMALL, SMALL_SEGMENT};

use hashbrown::HashMap;

use block::{Block, Blocks, State};
use pool::{Fit, Pool, PoolIndex};

/// Where segments lie that have no address of a recording: above every address of one, and as far apart.
const ADDRESSES: u64 = 1 << 60;

/// A model of a caching allocator.
#[derive(Clone, Debug)]
pub(crate) struct Allocator {
    rules: Rules,
    /// The most that it can reserve.
    capacity: u64,
    blocks: Blocks,
    pools: Vec<Pool>,
    index: HashMap<PoolKey, PoolIndex>,
    reserved: u64,
    reserved_peak: u64,
    next_address: u64,
    /// Where the recorded allocator got a segment of this size that the model has not reserved yet.
    offered: Option<(u64, u64)>,
    /// Nothing became free since everything cached was given back.
    nothing_cached: bool,
}

impl Allocator {
    /// An allocator that has reserved nothing yet.
    pub(crate) fn new(rules: Rules, capacity: u64) -> Self {
        Self {
            rules,
            capacity,
            blocks: Blocks::default(),
            pools: Vec::new(),
            index: HashMap::new(),
            reserved: 0,
            reserved_peak: 0,
            next_address: ADDRESSES,
            offered: None,
            nothing_cached: true,
        }
    }

    /// From now on it can reserve so much.
    pub(crate) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    /// Its segments' bytes.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// The most of them so far.
    pub(crate) fn reserved_peak(&self) -> u64 {
        self.reserved_peak
    }

    /// How long a block is.
    pub(crate) fn size(&self, id: BlockId) -> u64 {
        self.blocks[id].size
    }

    /// The next segment of this size lies at this address, as it did in a recording.
    pub(crate) fn offer(&mut self, address: u64, size: u64) {
        self.offered = Some((address, size));
    }

    /// Hands out a block for a request. None: it fails.
    pub(crate) fn allocate(&mut self, requester: Requester, requested: u64) -> Option<BlockId> {
        let size = self.rules.rounded(requested);
        let class = self.rules.class(size);
        let pool = self.pool(PoolKey { requester, class });
        self.pools[pool.0 as usize].asked += 1;
        let id = self.take_best_fit(pool, size).or_else(|| self.reserve(pool, size))?;
        let block = self.blocks[id];
        if self.rules.splits(class, block.expandable.is_some(), size, block.size - size) {
            let rest = self.blocks.split(id, size);
            self.keep(rest);
        }
        self.blocks[id].state = State::Used;
        Some(id)
    }

    /// Takes a block back and merges it with its free neighbours.
    pub(crate) fn free(&mut self, id: BlockId) {
        let asked = self.pools[self.blocks[id].pool.0 as usize].asked;
        self.blocks[id].idle_since = asked;
        self.settle(id, State::Free);
    }

    /// Makes a block free or unmapped, as one with its neighbours of that state.
    fn settle(&mut self, mut id: BlockId, state: State) {
        self.blocks[id].state = state;
        let [before, after] = self.blocks.neighbours(id, state);
        if let Some(after) = after {
            self.forget(after);
            self.blocks.absorb_after(id);
        }
        if let Some(before) = before {
            self.forget(before);
            let idle_since = self.blocks[before].idle_since.max(self.blocks[id].idle_since);
            self.blocks.absorb_after(before);
            self.blocks[before].idle_since = idle_since;
            id = before;
        }
        self.keep(id);
    }

    fn take_best_fit(&mut self, pool: PoolIndex, size: u64) -> Option<BlockId> {
        let best = self.best_fit(pool, size)?;
        self.pools[pool.0 as usize].free.remove(&best);
        Some(best.id)
    }

    /// The smallest block that fits, as long as it may serve. Of an expandable segment's last block counts what it could grow
    /// to.
    fn best_fit(&self, pool: PoolIndex, size: u64) -> Option<Fit> {
        let mut fits = self.pools[pool.0 as usize].fitting(size);
        let mut best = fits.next()?;
        if self.blocks[best.id].expandable.is_some() {
            if self.rules.expandable_segments {
                for next in fits {
                    if !self.blocks[best.id].is_split() || self.reach(next.id) >= self.reach(best.id) {
                        break;
                    }
                    best = next;
                }
            } else {
                best = fits.find(|fit| self.blocks[fit.id].expandable.is_none())?;
            }
        }
        self.rules.may_serve(size, best.size).then_some(best)
    }

    fn reserve(&mut self, pool: PoolIndex, size: u64) -> Option<BlockId> {
        self.collect_garbage();
        if let Some(id) = self.obtain(pool, size) {
            return Some(id);
        }
        if self.release_unsplittable(pool, size)
            && let Some(id) = self.obtain(pool, size)
        {
            return Some(id);
        }
        self.release_cached();
        self.obtain(pool, size)
    }

    /// A segment for a block, or memory for addresses of an expandable one.
    fn obtain(&mut self, pool: PoolIndex, size: u64) -> Option<BlockId> {
        if self.rules.expandable_segments {
            return self.grow(pool, size);
        }
        let segment = self.rules.segment(size);
        if !self.fits(segment) {
            return None;
        }
        let address = match self.offered.take_if(|(_, size)| *size == segment) {
            Some((address, _)) => address,
            None => self.fresh_addresses(segment)?,
        };
        self.count_reserved(segment);
        Some(self.blocks.insert(Block {
            pool,
            address,
            size: segment,
            state: State::Used,
            expandable: None,
            idle_since: 0,
            before: None,
            after: None,
        }))
    }

    fn fits(&self, more: u64) -> bool {
        self.reserved.checked_add(more).is_some_and(|reserved| reserved <= self.capacity)
    }

    fn count_reserved(&mut self, more: u64) {
        self.reserved += more;
        self.reserved_peak = self.reserved_peak.max(self.reserved);
    }

    /// Addresses that nothing lies at. A recording may ask for more than there are.
    fn fresh_addresses(&mut self, size: u64) -> Option<u64> {
        let address = self.next_address;
        self.next_address = address.checked_add(size)?;
        Some(address)
    }

    fn keep(&mut self, id: BlockId) {
        let block = self.blocks[id];
        let pool = &mut self.pools[block.pool.0 as usize];
        if block.state == State::Unmapped {
            pool.unmapped.insert((block.address, id));
        } else {
            self.blocks[id].state = State::Free;
            self.nothing_cached = false;
            pool.free.insert(Fit { size: block.size, address: block.address, id });
        }
    }

    fn forget(&mut self, id: BlockId) {
        let block = self.blocks[id];
        let pool = &mut self.pools[block.pool.0 as usize];
        if block.state == State::Unmapped {
            pool.unmapped.remove(&(block.address, id));
        } else {
            pool.free.remove(&Fit { size: block.size, address: block.address, id });
        }
    }

    fn pool(&mut self, key: PoolKey) -> PoolIndex {
        *self.index.entry(key).or_insert_with(|| {
            self.pools.push(Pool::new(key));
            PoolIndex(self.pools.len() as u32 - 1)
        })
    }
}
