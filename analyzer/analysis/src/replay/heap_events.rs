//! What happens to heaps: blocks and segments come and go, requests fail.

use memtrace_format::{BlockAlloc, BlockFree, Kind, OutOfMemory, Segment};

use super::{
    Moment, Oddity, OwnerId, Replay,
    heap::Change::{Done, Impossible, Left, Unknown},
};
use crate::{analyses::FailedRequest, autopsy::Scene};

impl Replay<'_> {
    #[inline]
    pub(super) fn block_alloc(&mut self, now: Moment, alloc: &BlockAlloc) {
        let thread = &mut self.threads[now.thread];
        let owner = thread.owner(&mut self.owners, now.thread as u32, alloc.module, alloc.stack);
        if owner == OwnerId::OTHERS {
            self.oddities.count(Oddity::TooManyOwners);
        }
        let (heap, device) = self.heap(alloc.pool);
        let event = heap.watch.count_alloc();
        match heap.state.alloc(alloc, owner, now.time, event) {
            Impossible => self.oddities.count(Oddity::ImpossibleAlloc),
            Left { address, block } => {
                heap.watch.block_left(address, block);
                heap.watch.grown(now.time, event, &mut heap.state, device);
                self.oddities.count(Oddity::AllocOfLive);
            }
            Done | Unknown => heap.watch.grown(now.time, event, &mut heap.state, device),
        }
    }

    #[inline]
    pub(super) fn block_free(&mut self, now: Moment, free: &BlockFree) {
        let (heap, device) = self.heap(free.pool);
        heap.watch.count_free();
        match heap.state.free(free) {
            Left { address, block } => heap.watch.block_left(address, block),
            Unknown => {
                heap.watch.baseline_free(free.size);
                return self.oddities.count(Oddity::FreeOfUnknown);
            }
            Done | Impossible => {}
        }
        heap.watch.shrunk(now.time, &mut heap.state, device);
    }

    pub(super) fn block_free_requested(&mut self, now: Moment, free: &BlockFree) -> Kind {
        let (heap, device) = self.heap(free.pool);
        heap.watch.count_free();
        match heap.state.request_free(free) {
            Left { address, block } => {
                heap.watch.block_left(address, block);
                heap.watch.shrunk(now.time, &mut heap.state, device);
            }
            Done => heap.watch.shrunk(now.time, &mut heap.state, device),
            Unknown => {
                heap.watch.baseline_free(free.size);
                self.oddities.count(Oddity::FreeOfUnknown);
            }
            Impossible => self.oddities.count(Oddity::FreeRequestedTwice),
        }
        Kind::BlockFreeRequested
    }

    /// The request has been counted, and so has a block that nobody knows.
    pub(super) fn block_free_completed(&mut self, now: Moment, free: &BlockFree) -> Kind {
        let (heap, device) = self.heap(free.pool);
        heap.watch.count_event();
        match heap.state.free(free) {
            Left { address, block } => {
                heap.watch.block_left(address, block);
                heap.watch.shrunk(now.time, &mut heap.state, device);
                if block.is_allocated() {
                    self.oddities.count(Oddity::CompletedWithoutRequest);
                }
            }
            Done | Impossible => heap.watch.shrunk(now.time, &mut heap.state, device),
            Unknown => {}
        }
        Kind::BlockFreeCompleted
    }

    #[cold]
    pub(super) fn segment(&mut self, now: Moment, segment: &Segment, kind: Kind) -> Kind {
        let mut lost = std::mem::take(&mut self.lost);
        let (heap, device) = self.heap(segment.pool);
        heap.watch.count_event();
        let change = match kind {
            Kind::SegmentAlloc => heap.state.reserve(segment, false, &mut lost),
            Kind::SegmentMap => heap.state.reserve(segment, true, &mut lost),
            _ => heap.state.release(segment, &mut lost),
        };
        let count = lost.len();
        for (address, block) in lost.drain(..) {
            heap.watch.block_left(address, block);
        }
        heap.watch.resegmented(now.time, &mut heap.state, device);
        match change {
            Unknown => self.oddities.count(Oddity::ReleaseOfUnknown),
            Impossible => self.oddities.count(Oddity::ImpossibleSegment),
            Done | Left { .. } => {}
        }
        self.oddities.count_many(Oddity::LiveInReleased, count as u64);
        self.lost = lost;
        let index = self.heap_index(segment.pool);
        let device = self.heaps[index].device;
        self.analyses.devices.watch(device).ledger.resegmented(now.time, &self.heaps);
        kind
    }

    pub(super) fn out_of_memory(&mut self, now: Moment, failed: &OutOfMemory) -> Kind {
        let thread = &self.threads[now.thread];
        let (module, scope) = (thread.module(), thread.scope());
        let index = self.heap_index(failed.pool);
        let told = failed.free.map(|free| free.0);
        let balance = self.analyses.devices.balance(self.heaps[index].device, now.time, &self.heaps, told);
        let heap = &mut self.heaps[index];
        heap.watch.count_event();
        let failures = &mut self.analyses.failures;
        let rules = failures.rules(self.trace.definitions(), heap.key).rules.clone();
        let scene = Scene::of(failed, &mut heap.state, balance.as_ref(), rules);
        let (key, pool, requested) = (heap.key, failed.pool, failed.requested);
        let failed = FailedRequest { now, heap: index, key, pool, requested, module, scope, balance };
        failures.add(failed, scene, &heap.state);
        Kind::OutOfMemory
    }
}
