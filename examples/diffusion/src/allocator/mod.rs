//! A caching allocator over a driver, with PyTorch's published rules: it reserves segments, hands out blocks of them,
//! keeps what comes back, and asks the driver again only when nothing it keeps fits.
//!
//! Every change is recorded and booked here, under the lock that its owner holds: a free before it happens, an
//! allocation after it happened, so that the order in the trace is the order of the facts.

mod blocks;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use self::blocks::{BlockId, Blocks};
pub(crate) use self::rules::Class;
use crate::books::{FailedRequest, HeapBook};
use crate::driver::{Driver, DriverError};
use crate::quantity::{Address, Bytes};
use crate::recording;

/// A queue of the device. Memory that one stream frees is reused by that stream alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stream(pub(crate) u32);

/// What only its own requests can reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PoolKey {
    stream: Stream,
    class: Class,
}

/// Why there is no block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AllocationError {
    /// Nothing cached fits, and the driver has too little even after everything cached went back.
    #[error(
        "out of device memory: tried to allocate {requested}; of {total} in all, {allocated} are allocated, {cached} \
         are cached and {free} are free; try --tier lowvram, a smaller --width and --height, or a larger --capacity"
    )]
    OutOfMemory { requested: Bytes, total: Bytes, allocated: Bytes, cached: Bytes, free: Bytes },
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// The allocator's state. It is not synchronised: a [`Device`](crate::device::Device) holds it under a lock.
pub(crate) struct Allocator {
    driver: Arc<dyn Driver>,
    heap: recording::Heap,
    book: HeapBook,
    blocks: Blocks,
    live: HashMap<Address, BlockId>,
    pools: BTreeMap<PoolKey, Pool>,
}

/// The free blocks of one pool, and the name it is recorded under.
struct Pool {
    free: BTreeSet<Fit>,
    recorded: recording::Pool,
}

/// A free block, ordered the way it is looked for: the smallest that fits, of those the lowest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    size: Bytes,
    address: Address,
    id: BlockId,
}

impl Allocator {
    pub(crate) fn new(driver: Arc<dyn Driver>, heap: recording::Heap) -> Allocator {
        Allocator {
            driver,
            heap,
            book: HeapBook::default(),
            blocks: Blocks::default(),
            live: HashMap::new(),
            pools: BTreeMap::new(),
        }
    }

    pub(crate) fn book(&self) -> &HeapBook {
        &self.book
    }

    /// Hands out a block of at least `requested` bytes; `owner` is the module whose weights will lie there, if so.
    pub(crate) fn allocate(
        &mut self,
        stream: Stream,
        requested: Bytes,
        owner: Option<recording::Module>,
    ) -> Result<Address, AllocationError> {
        let size = rules::block_size(requested);
        let key = PoolKey { stream, class: Class::of(size) };
        let id = match self.take_best_fit(key, size) {
            Some(id) => id,
            None => self.reserve(key, size).map_err(|error| self.explain(error, key, requested))?,
        };
        if key.class.splits(self.blocks[id].size - size) {
            let rest = self.blocks.split(id, size);
            self.keep(rest);
        }
        let block = &mut self.blocks[id];
        block.requested = Some(requested);
        let (address, size) = (block.address, block.size);
        self.live.insert(address, id);
        self.book.block_alloc(size, requested);
        self.recorded(key).block_alloc(address, size, requested, owner);
        Ok(address)
    }

    /// Takes a block back and merges it with its free neighbours.
    pub(crate) fn free(&mut self, address: Address) {
        let mut id = self.live.remove(&address).expect("a tensor frees its block once");
        let block = &self.blocks[id];
        let (key, size) = (block.pool, block.size);
        let requested = block.requested.expect("a live block was asked for");
        self.recorded(key).block_free(address, size);
        self.book.block_free(size, requested);
        self.blocks[id].requested = None;
        if let Some(after) = self.blocks.free_after(id) {
            self.forget(after);
            self.blocks.absorb_after(id);
        }
        if let Some(before) = self.blocks.free_before(id) {
            self.forget(before);
            self.blocks.absorb_after(before);
            id = before;
        }
        self.keep(id);
    }

    /// Gives every segment that nothing lives in back to the driver.
    pub(crate) fn release_cached(&mut self) -> Result<(), DriverError> {
        let keys: Vec<PoolKey> = self.pools.keys().copied().collect();
        for key in keys {
            for id in self.whole_segments(key) {
                self.release(id)?;
            }
        }
        Ok(())
    }

    fn take_best_fit(&mut self, key: PoolKey, size: Bytes) -> Option<BlockId> {
        let least = Fit { size, address: Address(0), id: BlockId::LEAST };
        let pool = self.pool(key);
        let fit = pool.free.range(least..).next().copied()?;
        pool.free.remove(&fit);
        Some(fit.id)
    }

    /// Reserves a segment for a block of `size`: at once, else after giving back segments of the same pool that are
    /// together large enough, else after giving back all that are cached.
    fn reserve(&mut self, key: PoolKey, size: Bytes) -> Result<BlockId, DriverError> {
        let segment = rules::segment_size(size);
        match self.reserve_segment(key, segment) {
            Err(DriverError::OutOfMemory) => {}
            done => return done,
        }
        if self.release_enough(key, segment)? {
            match self.reserve_segment(key, segment) {
                Err(DriverError::OutOfMemory) => {}
                done => return done,
            }
        }
        self.release_cached()?;
        self.reserve_segment(key, segment)
    }

    fn reserve_segment(&mut self, key: PoolKey, size: Bytes) -> Result<BlockId, DriverError> {
        let address = self.driver.malloc(size)?;
        self.book.segment_alloc(size);
        self.recorded(key).segment_alloc(address, size);
        Ok(self.blocks.insert_segment(key, address, size))
    }

    /// Releases whole free segments of one pool, largest first, until they add up to `wanted`; none if they cannot.
    fn release_enough(&mut self, key: PoolKey, wanted: Bytes) -> Result<bool, DriverError> {
        let mut released = Bytes::ZERO;
        let mut chosen = Vec::new();
        for id in self.whole_segments(key).into_iter().rev() {
            if released >= wanted {
                break;
            }
            released += self.blocks[id].size;
            chosen.push(id);
        }
        if released < wanted {
            return Ok(false);
        }
        for id in chosen {
            self.release(id)?;
        }
        Ok(true)
    }

    fn release(&mut self, id: BlockId) -> Result<(), DriverError> {
        self.forget(id);
        let segment = self.blocks.remove(id);
        self.recorded(segment.pool).segment_free(segment.address, segment.size);
        self.book.segment_free(segment.size);
        self.driver.free(segment.address)
    }

    /// The free blocks of a pool that are whole segments, smallest first.
    fn whole_segments(&self, key: PoolKey) -> Vec<BlockId> {
        let free = self.pools.get(&key).into_iter().flat_map(|pool| &pool.free);
        free.map(|fit| fit.id).filter(|id| self.blocks[*id].is_whole_segment()).collect()
    }

    /// Books and records a failed request, and says how things stood.
    fn explain(&mut self, error: DriverError, key: PoolKey, requested: Bytes) -> AllocationError {
        let DriverError::OutOfMemory = error else { return error.into() };
        let free = self.driver.free_memory().ok();
        let cached = self.book.reserved() - self.book.allocated();
        self.book.out_of_memory(FailedRequest {
            requested_bytes: requested,
            cached_bytes: cached,
            largest_free_bytes: self.largest_free(),
            device_free_bytes: free,
        });
        self.recorded(key).out_of_memory(requested, free);
        AllocationError::OutOfMemory {
            requested,
            total: self.driver.total(),
            allocated: self.book.allocated(),
            cached,
            free: free.unwrap_or_default(),
        }
    }

    /// The largest free block of all pools.
    fn largest_free(&self) -> Bytes {
        let largest = self.pools.values().filter_map(|pool| pool.free.last());
        largest.map(|fit| fit.size).max().unwrap_or_default()
    }

    fn keep(&mut self, id: BlockId) {
        let (key, fit) = self.fit(id);
        self.pool(key).free.insert(fit);
    }

    fn forget(&mut self, id: BlockId) {
        let (key, fit) = self.fit(id);
        self.pool(key).free.remove(&fit);
    }

    fn fit(&self, id: BlockId) -> (PoolKey, Fit) {
        let block = &self.blocks[id];
        (block.pool, Fit { size: block.size, address: block.address, id })
    }

    fn recorded(&mut self, key: PoolKey) -> recording::Pool {
        self.pool(key).recorded
    }

    fn pool(&mut self, key: PoolKey) -> &mut Pool {
        let heap = self.heap;
        self.pools.entry(key).or_insert_with(|| {
            let name = match key.class {
                Class::Small => "small",
                Class::Large => "large",
            };
            Pool { free: BTreeSet::new(), recorded: heap.pool(name, key.stream) }
        })
    }
}
