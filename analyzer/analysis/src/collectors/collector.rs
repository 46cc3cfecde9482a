//! The interface of collectors.

use memtrace_format::{CounterId, CounterValue, ModuleId, NameId, OutOfMemory, TransferBegin, TransferEnd};

use super::{DeviceIndex, Devices, HeapWatch, devices::NONE};
use crate::{
    model::{EventContext, TransferKey},
    replay::{OpenScope, Replay, ReplayHeap},
    source::Log,
};

/// What a collector sees beside the event: the state behind it, and what is watched of every heap and device.
pub(super) struct Context<'c, 'a> {
    /// When and on which thread the event happened.
    pub(super) now: EventContext,
    /// The state.
    pub(super) replay: &'c mut Replay<'a>,
    /// What is watched of the heaps, in the order of the replay's: of the first ones.
    pub(super) heaps: &'c mut [HeapWatch],
    /// What is watched of the devices.
    pub(super) devices: &'c mut Devices<'a>,
}

impl Context<'_, '_> {
    /// The device of a heap; none of a heap that is not followed.
    pub(super) fn device_of(&self, heap: usize) -> DeviceIndex {
        self.heaps.get(heap).map_or(NONE, |watch| watch.device)
    }
}

/// Keeps something of a replay. It listens to the events whose methods it has, each called when the state is behind the event; what it
/// does not listen to costs nothing.
pub(super) trait Collector<'a> {
    /// Before the first event.
    fn new(log: &'a Log) -> Self;

    /// Begins to count anew: events from now on are of the recording, or the range, that is looked at. What is open stays open, and what
    /// is somewhere stays there.
    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {}

    /// A block of this heap was allocated or given back.
    #[inline(always)]
    fn block_changed(&mut self, _now: EventContext, _heap: &ReplayHeap) {}

    /// A request in this heap failed.
    fn out_of_memory(&mut self, _context: &mut Context<'_, 'a>, _heap: usize, _failed: &OutOfMemory) {}

    /// A module was defined.
    fn module_defined(&mut self, _context: &mut Context<'_, 'a>, _module: ModuleId) {}

    /// A module was released.
    fn module_released(&mut self, _now: EventContext, _module: ModuleId) {}

    /// A forward or a transfer is about to begin or end: what was is over.
    fn border(&mut self, _now: EventContext, _devices: &mut Devices<'a>) {}

    /// A forward begins.
    fn forward_begin(&mut self, _now: EventContext, _module: ModuleId) {}

    /// A forward ends.
    fn forward_end(&mut self, _context: &mut Context<'_, 'a>, _module: ModuleId) {}

    /// A transfer begins.
    fn transfer_begin(&mut self, _context: &mut Context<'_, 'a>, _key: TransferKey, _begin: &TransferBegin) {}

    /// A transfer ends.
    fn transfer_end(&mut self, _now: EventContext, _key: TransferKey, _end: &TransferEnd) {}

    /// A scope begins: a phase, if it has a number. It is not `entered` if it is nested too deep.
    fn scope_begin(
        &mut self,
        _context: &mut Context<'_, 'a>,
        _name: NameId,
        _phase: Option<u64>,
        _entered: bool,
    ) {
    }

    /// Scopes of a thread end: the one that is named last, before it those inside whose ends are missing.
    fn scope_end(&mut self, _context: &mut Context<'_, 'a>, _closed: &[OpenScope]) {}

    /// A mark was set.
    fn mark(&mut self, _context: &mut Context<'_, 'a>, _name: NameId, _value: u64) {}

    /// A mark was set on a heap.
    fn heap_mark(&mut self, _now: EventContext, _name: NameId, _value: u64) {}

    /// A counter was sampled.
    fn sample(&mut self, _context: &mut Context<'_, 'a>, _counter: CounterId, _value: CounterValue) {}
}
