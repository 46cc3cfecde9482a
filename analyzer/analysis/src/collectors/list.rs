//! The collectors there are, and how events get to them.

use memtrace_format::{
    Bytes, CounterId, CounterValue, ModuleId, NameId, OutOfMemory, TransferBegin, TransferEnd,
};

use super::{
    Counters, Devices, FOLLOWED, Failures, Growth, HeapWatch, Marks, Movement, Phases, Profiles, Totals,
    collector::{Collector, Context},
};
use crate::{
    Nanos,
    model::{EventContext, HeapKey, TransferKey},
    replay::{
        Change::{self, Done, Impossible, Left, Unknown},
        HeldBlock, Observer, OpenScope, Replay, ReplayHeap,
    },
    source::Log,
};

/// Makes of the list a struct with every collector, which shows them what a replay shows.
macro_rules! collectors {
    ($($(#[$doc:meta])* $name:ident: $collector:ty,)*) => {
        /// Everything that is kept of a replay.
        #[derive(Debug)]
        pub(crate) struct Collectors<'a> {
            /// What is watched of each heap, in the order of the replay's. Every event of a block gets here.
            pub(crate) heaps: Vec<HeapWatch>,
            /// What is watched of each device.
            pub(crate) devices: Devices<'a>,
            $($(#[$doc])* pub(crate) $name: $collector,)*
        }

        impl<'a> Collectors<'a> {
            /// For a replay of this log from its beginning.
            pub(crate) fn new(log: &'a Log) -> Self {
                Self {
                    heaps: Vec::new(),
                    devices: Devices::new(log.definitions(), log.threads().len()),
                    $($name: Collector::new(log),)*
                }
            }
        }

        impl<'a> Collectors<'a> {
            #[inline(always)]
            fn block_changed(&mut self, now: EventContext, heap: &ReplayHeap) {
                $(self.$name.block_changed(now, heap);)*
            }
        }

        impl<'a> Observer<'a> for Collectors<'a> {
            fn reset_at(&mut self, now: Nanos, replay: &mut Replay<'a>, is_baseline: bool) {
                for (watch, heap) in self.heaps.iter_mut().zip(&mut replay.heaps) {
                    watch.reset_at(now, heap);
                    if is_baseline {
                        watch.mark_live_as_baseline(&heap.state);
                    }
                }
                self.devices.reset_at(now, &replay.heaps);
                // Marks before an imported recording are facts of it.
                let facts = is_baseline.then(|| std::mem::take(&mut self.marks));
                let now = EventContext { time: now, thread: 0 };
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.reset_at(&mut context);)*
                if let Some(facts) = facts {
                    self.marks = facts;
                }
            }

            fn heap_appeared(&mut self, replay: &mut Replay<'a>, heap: usize) {
                if heap >= FOLLOWED {
                    return;
                }
                let definition = match replay.heaps[heap].key {
                    HeapKey::Heap(id) => replay.log.definitions().heap(id),
                    HeapKey::LostPool(_) => None,
                };
                let device = self.devices.of_heap(heap, definition);
                self.heaps.push(HeapWatch::new(heap, replay.end, device));
            }

            #[inline(always)]
            fn block_alloc(&mut self, now: EventContext, (index, heap): (usize, &mut ReplayHeap), number: u64, change: Change) {
                let Some(watch) = self.heaps.get_mut(index) else { return };
                let device = self.devices.watch(watch.device);
                watch.allocs += 1;
                match change {
                    Impossible => {}
                    Left { address, block } => {
                        watch.block_left(address, block);
                        watch.grown(now.time, number, heap, device);
                    }
                    Done | Unknown => watch.grown(now.time, number, heap, device),
                }
                self.block_changed(now, heap);
            }

            #[inline(always)]
            fn block_free(&mut self, now: EventContext, (index, heap): (usize, &mut ReplayHeap), size: Bytes, change: Change) {
                let Some(watch) = self.heaps.get_mut(index) else { return };
                let device = self.devices.watch(watch.device);
                watch.frees += 1;
                match change {
                    Left { address, block } => watch.block_left(address, block),
                    Unknown => return watch.baseline_free(size),
                    Done | Impossible => {}
                }
                watch.shrunk(now.time, heap, device);
                self.block_changed(now, heap);
            }

            fn block_free_requested(
                &mut self,
                now: EventContext,
                (index, heap): (usize, &mut ReplayHeap),
                size: Bytes,
                change: Change,
            ) {
                let Some(watch) = self.heaps.get_mut(index) else { return };
                let device = self.devices.watch(watch.device);
                watch.frees += 1;
                match change {
                    Left { address, block } => {
                        watch.block_left(address, block);
                        watch.shrunk(now.time, heap, device);
                    }
                    Done => watch.shrunk(now.time, heap, device),
                    Unknown => return watch.baseline_free(size),
                    Impossible => return,
                }
                self.block_changed(now, heap);
            }

            fn block_free_completed(&mut self, now: EventContext, (index, heap): (usize, &mut ReplayHeap), change: Change) {
                let Some(watch) = self.heaps.get_mut(index) else { return };
                let device = self.devices.watch(watch.device);
                match change {
                    Left { address, block } => {
                        watch.block_left(address, block);
                        watch.shrunk(now.time, heap, device);
                    }
                    Done | Impossible => watch.shrunk(now.time, heap, device),
                    Unknown => return,
                }
                self.block_changed(now, heap);
            }

            fn segment(&mut self, now: EventContext, replay: &mut Replay<'a>, heap: usize, lost: &[(u64, HeldBlock)]) {
                let Some(watch) = self.heaps.get_mut(heap) else { return };
                let device = self.devices.watch(watch.device);
                for &(address, block) in lost {
                    watch.block_left(address, block);
                }
                watch.resegmented(now.time, &mut replay.heaps[heap], device);
                device.ledger.resegmented(now.time, &replay.heaps);
            }

            fn out_of_memory(&mut self, now: EventContext, replay: &mut Replay<'a>, heap: usize, failed: &OutOfMemory) {
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.out_of_memory(&mut context, heap, failed);)*
            }

            fn module_defined(&mut self, now: EventContext, replay: &mut Replay<'a>, module: ModuleId) {
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.module_defined(&mut context, module);)*
            }

            fn module_released(&mut self, now: EventContext, module: ModuleId) {
                $(self.$name.module_released(now, module);)*
            }

            fn forward_begin(&mut self, now: EventContext, module: ModuleId) {
                $(self.$name.border(now, &mut self.devices);)*
                $(self.$name.forward_begin(now, module);)*
            }

            fn forward_end(&mut self, now: EventContext, replay: &mut Replay<'a>, module: ModuleId) {
                $(self.$name.border(now, &mut self.devices);)*
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.forward_end(&mut context, module);)*
            }

            fn transfer_begin(
                &mut self,
                now: EventContext,
                replay: &mut Replay<'a>,
                key: TransferKey,
                begin: &TransferBegin,
            ) {
                $(self.$name.border(now, &mut self.devices);)*
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.transfer_begin(&mut context, key, begin);)*
            }

            fn transfer_end(&mut self, now: EventContext, key: TransferKey, end: &TransferEnd) {
                $(self.$name.border(now, &mut self.devices);)*
                $(self.$name.transfer_end(now, key, end);)*
            }

            fn scope_begin(
                &mut self,
                now: EventContext,
                replay: &mut Replay<'a>,
                name: NameId,
                phase: Option<u64>,
                entered: bool,
            ) {
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.scope_begin(&mut context, name, phase, entered);)*
            }

            fn scope_end(&mut self, now: EventContext, replay: &mut Replay<'a>, closed: &[OpenScope]) {
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.scope_end(&mut context, closed);)*
            }

            fn mark(&mut self, now: EventContext, replay: &mut Replay<'a>, name: NameId, value: u64) {
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.mark(&mut context, name, value);)*
            }

            fn heap_mark(&mut self, now: EventContext, name: NameId, value: u64) {
                $(self.$name.heap_mark(now, name, value);)*
            }

            fn sample(&mut self, now: EventContext, replay: &mut Replay<'a>, counter: CounterId, value: CounterValue) {
                self.devices.sample(now, counter, value, &replay.heaps);
                let mut context = Context { now, replay, heaps: &mut self.heaps, devices: &mut self.devices };
                $(self.$name.sample(&mut context, counter, value);)*
            }
        }
    };
}

collectors! {
    /// Where modules are, what moves them and what that costs.
    movement: Movement<'a>,
    /// How full the heaps are at the ends of phases and between.
    phases: Phases,
    /// Marks.
    marks: Marks,
    /// Samples of counters.
    counters: Counters,
    /// What allocators say of themselves, beside their events.
    totals: Totals<'a>,
    /// Requests that failed.
    failures: Failures<'a>,
    /// What an engine needs beside its cache.
    profiles: Profiles<'a>,
    /// What does not come back, by whatever repeats.
    growth: Growth<'a>,
}
