//! Applies the events of heaps: blocks, segments, failed requests.

use memtrace_format::{BlockAlloc, BlockFree, BlockOwned, Kind, OutOfMemory, Segment};

use super::{
    BlockOwner, Inconsistency, Observer, OwnerId, Replay,
    heap::Change::{Done, Impossible, Left, Unknown},
};
use crate::model::EventContext;

impl<'a> Replay<'a> {
    #[inline]
    pub(super) fn block_alloc(
        &mut self,
        now: EventContext,
        alloc: &BlockAlloc,
        observer: &mut impl Observer<'a>,
    ) {
        let thread = &mut self.threads[now.thread];
        let owner = thread.owner(&mut self.owners, now.thread as u32, alloc.module, alloc.stack);
        if owner == OwnerId::OTHERS {
            self.oddities.count(Inconsistency::TooManyOwners);
        }
        let index = self.heap_of(alloc.pool, observer);
        let heap = &mut self.heaps[index];
        let number = heap.count_event();
        let change = heap.state.alloc(alloc, owner, now.time, number);
        match change {
            Impossible => self.oddities.count(Inconsistency::ImpossibleAlloc),
            Left { .. } => self.oddities.count(Inconsistency::AllocOfLive),
            Done | Unknown => {}
        }
        observer.block_alloc(now, (index, heap), number, change);
    }

    #[inline]
    pub(super) fn block_free(
        &mut self,
        now: EventContext,
        free: &BlockFree,
        observer: &mut impl Observer<'a>,
    ) {
        let index = self.heap_of(free.pool, observer);
        let heap = &mut self.heaps[index];
        heap.count_event();
        let change = heap.state.free(free);
        if let Unknown = change {
            self.oddities.count(Inconsistency::FreeOfUnknown);
        }
        observer.block_free(now, (index, heap), free.size, change);
    }

    pub(super) fn block_free_requested(
        &mut self,
        now: EventContext,
        free: &BlockFree,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let index = self.heap_of(free.pool, observer);
        let heap = &mut self.heaps[index];
        heap.count_event();
        let change = heap.state.request_free(free);
        match change {
            Unknown => self.oddities.count(Inconsistency::FreeOfUnknown),
            Impossible => self.oddities.count(Inconsistency::FreeRequestedTwice),
            Left { .. } | Done => {}
        }
        observer.block_free_requested(now, (index, heap), free.size, change);
        Kind::BlockFreeRequested
    }

    /// The request has been counted, and so has a block that nobody knows.
    pub(super) fn block_free_completed(
        &mut self,
        now: EventContext,
        free: &BlockFree,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let index = self.heap_of(free.pool, observer);
        let heap = &mut self.heaps[index];
        heap.count_event();
        let change = heap.state.free(free);
        if let Left { block, .. } = change
            && block.is_allocated()
        {
            self.oddities.count(Inconsistency::CompletedWithoutRequest);
        }
        observer.block_free_completed(now, (index, heap), change);
        Kind::BlockFreeCompleted
    }

    #[cold]
    pub(super) fn segment(
        &mut self,
        now: EventContext,
        segment: &Segment,
        kind: Kind,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let mut lost = std::mem::take(&mut self.lost);
        let index = self.heap_of(segment.pool, observer);
        let heap = &mut self.heaps[index];
        heap.count_event();
        let change = match kind {
            Kind::SegmentAlloc => heap.state.reserve(segment, false, &mut lost),
            Kind::SegmentMap => heap.state.reserve(segment, true, &mut lost),
            _ => heap.state.release(segment, &mut lost),
        };
        match change {
            Unknown => self.oddities.count(Inconsistency::ReleaseOfUnknown),
            Impossible => self.oddities.count(Inconsistency::ImpossibleSegment),
            Done | Left { .. } => {}
        }
        self.oddities.count_many(Inconsistency::LiveInReleased, lost.len() as u64);
        observer.segment(now, self, index, &lost);
        lost.clear();
        self.lost = lost;
        kind
    }

    /// A block that belongs to a module keeps it; one that is not there is nobody's.
    pub(super) fn block_owned(&mut self, owned: &BlockOwned) -> Kind {
        let heap = self.known_heap(owned.pool).map(|index| &mut self.heaps[index].state);
        if let Some((heap, block)) =
            heap.and_then(|heap| heap.block(owned.address.0).map(|block| (heap, block)))
            && let Some(&owner) = self.owners.owner(block.owner)
            && owner.module.is_none()
            && block.owner != OwnerId::OTHERS
        {
            let owner = self.owners.intern(BlockOwner { module: owned.module, ..owner });
            heap.set_owner(owned.address.0, owner);
        }
        Kind::BlockOwned
    }

    pub(super) fn out_of_memory(
        &mut self,
        now: EventContext,
        failed: &OutOfMemory,
        observer: &mut impl Observer<'a>,
    ) -> Kind {
        let index = self.heap_of(failed.pool, observer);
        self.heaps[index].count_event();
        observer.out_of_memory(now, self, index, failed);
        Kind::OutOfMemory
    }
}
