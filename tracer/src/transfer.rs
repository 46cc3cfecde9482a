//! Transfers: bytes that move between tiers, with a beginning and an end.

use std::{mem, time::Duration};

use memtrace_format::{
    Bytes, Event, HostMemory, ModuleId, Reason, ThreadId, Tier, TransferBegin, TransferEnd,
};

use crate::{binding::TransferId, cursor, module::Module};

/// A transfer that has not begun.
#[must_use = "a transfer is recorded when it begins"]
#[derive(Clone, Copy, Debug)]
pub struct TransferPlan {
    module: ModuleId,
    from: Tier,
    to: Tier,
    size: Bytes,
    memory: HostMemory,
    reason: Reason,
    room_for: ModuleId,
}

impl TransferPlan {
    /// A transfer that belongs to no module.
    #[inline]
    pub fn of_bytes(from: Tier, to: Tier, size: Bytes) -> Self {
        Self::new(ModuleId::NONE, from, to, size)
    }

    #[inline(always)]
    pub(crate) fn new(module: ModuleId, from: Tier, to: Tier, size: Bytes) -> Self {
        let (memory, reason) = (HostMemory::Unknown, Reason::Unknown);
        Self { module, from, to, size, memory, reason, room_for: ModuleId::NONE }
    }

    /// The kind of host memory at the host's end.
    #[inline]
    pub fn memory(self, memory: HostMemory) -> Self {
        Self { memory, ..self }
    }

    /// Why it is made.
    #[inline]
    pub fn reason(self, reason: Reason) -> Self {
        Self { reason, ..self }
    }

    /// It is an eviction made so that `module` finds room: one half of a swap.
    #[inline]
    pub fn making_room_for(self, module: Module) -> Self {
        Self { room_for: module.0, ..self }
    }

    /// It begins now. What this thread allocates until it ends belongs to the module that moves.
    #[inline]
    pub fn begin(self) -> Transfer {
        let correlation = cursor::next_correlation();
        cursor::record(|| {
            Event::TransferBegin(TransferBegin {
                correlation,
                module: self.module,
                from: self.from,
                to: self.to,
                size: self.size,
                memory: self.memory,
                reason: self.reason,
                room_for: self.room_for,
            })
        });
        Transfer {
            correlation,
            origin: cursor::thread(),
            module: self.module,
            size: self.size,
            on_device: None,
        }
    }
}

/// A transfer under way; it ends when this is dropped, on whichever thread that happens.
#[must_use = "a transfer ends when its guard is dropped"]
#[derive(Debug)]
pub struct Transfer {
    correlation: u32,
    origin: ThreadId,
    module: ModuleId,
    size: Bytes,
    on_device: Option<Duration>,
}

impl Transfer {
    /// It ended, having moved all its bytes. The same as dropping it.
    #[inline]
    pub fn end(self) {}

    /// It goes on without a guard, and ends where [`TransferId::end`] is called.
    pub fn detach(self) -> TransferId {
        let id = TransferId::new(self.correlation, self.origin);
        mem::forget(self);
        id
    }

    /// It ended after `moved` bytes.
    #[inline]
    pub fn end_early(self, moved: Bytes) {
        drop(self.moved(moved));
    }

    /// It ended, and the device took so long for it: the time between two of its events, say. Reports use that in place of
    /// the time until now, which the host may have spent otherwise.
    #[inline]
    pub fn end_measured(mut self, on_device: Duration) {
        self.on_device = Some(on_device);
    }

    /// So far it has moved this much; should it be dropped now, that is all.
    #[inline]
    pub(crate) fn moved(self, moved: Bytes) -> Self {
        let mut transfer = self;
        transfer.size = moved;
        transfer
    }
}

impl Drop for Transfer {
    #[inline]
    fn drop(&mut self) {
        cursor::record(|| {
            Event::TransferEnd(TransferEnd {
                correlation: self.correlation,
                origin: self.origin,
                module: self.module,
                size: self.size,
                on_device: self.on_device,
            })
        });
    }
}
