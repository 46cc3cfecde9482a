//! Observers of a replay. They are called right after each event is applied.

use memtrace_format::{
    Bytes, CounterId, CounterValue, ModuleId, NameId, OutOfMemory, TransferBegin, TransferEnd,
};

use super::{HeldBlock, OpenScope, Replay, ReplayHeap, heap::Change};
use crate::{
    Nanos,
    model::{EventContext, TransferKey},
};

/// Observes a replay. Every method is called when the state is behind the event; those that an observer does not have cost nothing.
///
/// A heap is passed with its index in the replay, an event of a heap with its number among the heap's events.
pub(crate) trait Observer<'a> {
    /// What led to this state is not of the recording, or of the range, that is looked at: what is counted begins here. `is_baseline`:
    /// what is live was live before recording began.
    fn reset_at(&mut self, _now: Nanos, _replay: &mut Replay<'a>, _is_baseline: bool) {}

    /// The first event of a heap is about to be applied.
    fn heap_appeared(&mut self, _replay: &mut Replay<'a>, _heap: usize) {}

    /// A block was allocated.
    #[inline(always)]
    fn block_alloc(
        &mut self,
        _now: EventContext,
        _heap: (usize, &mut ReplayHeap),
        _number: u64,
        _change: Change,
    ) {
    }

    /// A block was given back. `size` is what the event says.
    #[inline(always)]
    fn block_free(
        &mut self,
        _now: EventContext,
        _heap: (usize, &mut ReplayHeap),
        _size: Bytes,
        _change: Change,
    ) {
    }

    /// A block was given back that a stream may still use. `size` is what the event says.
    fn block_free_requested(
        &mut self,
        _now: EventContext,
        _heap: (usize, &mut ReplayHeap),
        _size: Bytes,
        _change: Change,
    ) {
    }

    /// A block that was given back before is now free.
    fn block_free_completed(&mut self, _now: EventContext, _heap: (usize, &mut ReplayHeap), _change: Change) {
    }

    /// A segment came or went, and with it the blocks that are lost.
    fn segment(
        &mut self,
        _now: EventContext,
        _replay: &mut Replay<'a>,
        _heap: usize,
        _lost: &[(u64, HeldBlock)],
    ) {
    }

    /// A request failed.
    fn out_of_memory(
        &mut self,
        _now: EventContext,
        _replay: &mut Replay<'a>,
        _heap: usize,
        _failed: &OutOfMemory,
    ) {
    }

    /// A module was defined.
    fn module_defined(&mut self, _now: EventContext, _replay: &mut Replay<'a>, _module: ModuleId) {}

    /// A module was released.
    fn module_released(&mut self, _now: EventContext, _module: ModuleId) {}

    /// A forward begins.
    fn forward_begin(&mut self, _now: EventContext, _module: ModuleId) {}

    /// A forward ends.
    fn forward_end(&mut self, _now: EventContext, _replay: &mut Replay<'a>, _module: ModuleId) {}

    /// A transfer begins.
    fn transfer_begin(
        &mut self,
        _now: EventContext,
        _replay: &mut Replay<'a>,
        _key: TransferKey,
        _begin: &TransferBegin,
    ) {
    }

    /// A transfer ends.
    fn transfer_end(&mut self, _now: EventContext, _key: TransferKey, _end: &TransferEnd) {}

    /// A scope begins: a phase, if it has a number. It is not `entered` if it is nested too deep.
    fn scope_begin(
        &mut self,
        _now: EventContext,
        _replay: &mut Replay<'a>,
        _name: NameId,
        _phase: Option<u64>,
        _entered: bool,
    ) {
    }

    /// Scopes of a thread end: the one that is named last, before it those inside whose ends are missing.
    fn scope_end(&mut self, _now: EventContext, _replay: &mut Replay<'a>, _closed: &[OpenScope]) {}

    /// A mark was set.
    fn mark(&mut self, _now: EventContext, _replay: &mut Replay<'a>, _name: NameId, _value: u64) {}

    /// A mark was set on a heap.
    fn heap_mark(&mut self, _now: EventContext, _name: NameId, _value: u64) {}

    /// A counter was sampled.
    fn sample(
        &mut self,
        _now: EventContext,
        _replay: &mut Replay<'a>,
        _counter: CounterId,
        _value: CounterValue,
    ) {
    }
}

/// Nobody observes.
impl Observer<'_> for () {}
