//! Releases memory to the driver.

use super::{
    Allocator, BlockId, Class,
    block::State,
    pool::{Fit, PoolIndex},
};

impl Allocator {
    /// Gives everything back that nothing lives in. What memory pools of their own keep, they keep while they are in use.
    pub(crate) fn release_cached(&mut self) {
        if std::mem::replace(&mut self.nothing_cached, true) {
            return;
        }
        for index in 0..self.pools.len() {
            let pool = &self.pools[index];
            if pool.key.requester.arena != 0 && !self.rules.plain {
                continue;
            }
            let cached: Vec<BlockId> = pool.free.iter().map(|fit| fit.id).collect();
            for id in cached {
                self.release_free(id);
            }
        }
        self.nothing_cached = true;
    }

    /// Gives one whole segment back, if it is free: the one at this address. Whether it was.
    pub(crate) fn release_at(&mut self, address: u64, size: u64) -> bool {
        let found = self.pools.iter().find_map(|pool| pool.at(address, size));
        let whole = found.filter(|fit| {
            let block = &self.blocks[fit.id];
            !block.is_split() && block.expandable.is_none()
        });
        if let Some(fit) = whole {
            self.release_free(fit.id);
        }
        whole.is_some()
    }

    /// The bytes of segments that nothing lives in.
    pub(crate) fn releasable(&self) -> u64 {
        let free = self.pools.iter().flat_map(|pool| &pool.free);
        free.map(|fit| &self.blocks[fit.id])
            .filter(|block| !block.is_split() && block.expandable.is_none())
            .map(|block| block.size)
            .sum()
    }

    /// With a limit to splitting: gives back segments that are never split, one that is large enough or the largest until they
    /// are.
    pub(super) fn release_unsplittable(&mut self, pool: PoolIndex, size: u64) -> bool {
        let limit = self.rules.max_split_size;
        if limit == u64::MAX {
            return false;
        }
        let wanted = size.max(limit);
        let is_whole = |fit: &Fit| {
            let block = &self.blocks[fit.id];
            !block.is_split() && block.expandable.is_none()
        };
        let list = &self.pools[pool.0 as usize];
        let mut chosen = Vec::new();
        let mut sum = 0u64;
        if let Some(fit) = list.fitting(wanted).next().filter(is_whole) {
            chosen.push(fit.id);
            sum = fit.size;
        } else {
            for fit in list.free.iter().rev().take_while(|fit| fit.size >= limit).filter(|fit| is_whole(fit))
            {
                if sum >= wanted {
                    break;
                }
                chosen.push(fit.id);
                sum = sum.saturating_add(fit.size);
            }
        }
        for id in chosen {
            self.release_free(id);
        }
        sum >= wanted
    }

    /// With a threshold: gives back segments that were idle for longer than the others, until less is reserved than that part
    /// of what may be.
    pub(super) fn collect_garbage(&mut self) {
        let threshold = self.rules.garbage_collection_threshold;
        if threshold <= 0.0 || self.capacity == u64::MAX {
            return;
        }
        let Some(excess) = self.reserved.checked_sub((self.capacity as f64 * threshold) as u64) else {
            return;
        };
        let mut idle: Vec<(u64, BlockId)> = Vec::new();
        for pool in self.pools.iter().filter(|pool| pool.key.class == Class::Large) {
            let whole = pool.free.iter().filter(|fit| {
                let block = &self.blocks[fit.id];
                !block.is_split() && block.expandable.is_none()
            });
            idle.extend(whole.map(|fit| (pool.asked - self.blocks[fit.id].idle_since, fit.id)));
        }
        let mut reclaimed = 0;
        while reclaimed < excess && !idle.is_empty() {
            let mean = idle.iter().map(|(age, _)| age).sum::<u64>() / idle.len() as u64;
            let mut young = Vec::new();
            for (age, id) in idle {
                if age >= mean {
                    reclaimed += self.blocks[id].size;
                    self.release_free(id);
                } else {
                    young.push((age, id));
                }
            }
            idle = young;
        }
    }

    /// Gives a free block back as far as it can be: a whole segment, or the full steps of an expandable one.
    fn release_free(&mut self, id: BlockId) {
        let block = self.blocks[id];
        debug_assert_eq!(block.state, State::Free);
        if block.expandable.is_some() {
            self.unmap(id);
        } else if !block.is_split() {
            self.forget(id);
            self.blocks.remove(id);
            self.reserved -= block.size;
        }
    }
}
