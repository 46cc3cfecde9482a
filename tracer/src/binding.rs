//! For bindings to other languages: handles as the numbers that records carry, and beginnings and ends without guards.
//!
//! ```
//! use memtrace_tracer::{Bytes, Module, ModuleId, Tier, TransferId};
//!
//! let number = ModuleId::from(Module::define("unet", None, Bytes(3 << 30), None)).0;
//! // The number goes through code that has no types.
//! let unet = Module::from(ModuleId(number));
//! let transfer = unet.transfer(Tier::Host, Tier::Device(0), Bytes(3 << 30)).begin().detach();
//! TransferId(transfer.0).end(Bytes(3 << 30));
//! unet.begin_forward();
//! unet.end_forward();
//! ```
//!
//! Nothing here needs care to be sound: an id that names nothing, or an end without a beginning, is a record that the
//! analyzer counts as odd.

use std::time::Duration;

use memtrace_format::{
    Bytes, CounterId, DeviceId, DropCause, Event, HeapId, ModuleId, NameId, PoolId, StackId, ThreadId,
    TransferEnd,
};

use crate::{Counter, Device, Heap, Module, Name, Pool, Stack, cursor, fork, interruption, signals, state};

macro_rules! handles {
    ($($handle:ident: $id:ident,)*) => {
        $(
            impl From<$handle> for $id {
                fn from(handle: $handle) -> Self {
                    handle.0
                }
            }

            impl From<$id> for $handle {
                fn from(id: $id) -> Self {
                    Self(id)
                }
            }
        )*
    };
}

handles! {
    Name: NameId,
    Device: DeviceId,
    Heap: HeapId,
    Pool: PoolId,
    Module: ModuleId,
    Counter: CounterId,
    Stack: StackId,
}

impl Name {
    /// Enters a scope of this name on the calling thread, until [`end_scope`](Self::end_scope).
    #[inline]
    pub fn begin_scope(self) {
        cursor::record(|| Event::ScopeBegin { name: self.0, phase: false });
    }

    /// Enters a phase of this name on the calling thread, until [`end_scope`](Self::end_scope).
    #[inline]
    pub fn begin_phase(self) {
        cursor::record(|| Event::ScopeBegin { name: self.0, phase: true });
    }

    /// Leaves the scope or phase of this name that the calling thread entered last.
    #[inline]
    pub fn end_scope(self) {
        cursor::record(|| Event::ScopeEnd { name: self.0 });
    }
}

impl Module {
    /// A forward of this module runs on the calling thread, until [`end_forward`](Self::end_forward).
    #[inline]
    pub fn begin_forward(self) {
        cursor::record(|| Event::ForwardBegin(self.0));
    }

    /// The forward of this module that the calling thread began last has ended.
    #[inline]
    pub fn end_forward(self) {
        cursor::record(|| Event::ForwardEnd(self.0));
    }
}

/// Whether the calling thread is inside the tracer, so that what it does now is the tracer's own doing. For hooks that see
/// every call of a process, whoever makes it.
#[inline(always)]
pub fn inside() -> bool {
    cursor::is_inside()
}

/// Counts an event that whoever calls could not record, for this cause. Safe in a signal handler.
#[cold]
pub fn lose(cause: DropCause) {
    cursor::lose(cause);
}

/// Whether recording is on. What is not recorded because it had to stop is counted as lost: one event each time that this is
/// asked. For hooks that do more for an event than to record it.
#[inline(always)]
pub fn enabled_or_counted() -> bool {
    let mode = state::mode();
    if mode.is_stopped() {
        cursor::count_unrecorded();
    }
    mode.is_on()
}

/// Watches forks from now on, and not from when recording begins: before others do whose handlers would run while the tracer is
/// held.
pub fn watch_forks() {
    fork::watch();
}

/// Runs `work` on the calling thread without the handlers of signals, which come behind it. For what takes a lock in hooks, which
/// a handler may come to as well.
pub fn without_handlers<T>(work: impl FnOnce() -> T) -> T {
    let _signals = signals::hold_back();
    work()
}

/// Where the stack of the calling thread ends now, for [`has_come_back`].
#[inline(always)]
pub fn stack_place() -> usize {
    interruption::place()
}

/// Whether the stack of the calling thread has come back to `place`, so that a call which was under way there is over, however it
/// ended. `false` in a signal handler with a stack of its own, where that is not known.
#[inline(always)]
pub fn has_come_back(place: usize) -> bool {
    interruption::place() >= place && interruption::is_known_here()
}

/// A transfer under way, as a number; 0 if it began while recording was off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransferId(pub u64);

impl TransferId {
    const CORRELATION_BITS: u32 = 32;

    pub(crate) fn new(correlation: u32, origin: ThreadId) -> Self {
        // A thread has an id once it has recorded something, and it has recorded this transfer's beginning.
        if origin.is_none() {
            return Self(0);
        }
        Self(u64::from(correlation) | u64::from(origin.0) << Self::CORRELATION_BITS)
    }

    /// The transfer ended, having moved so many bytes, on whichever thread this is.
    #[inline]
    pub fn end(self, moved: Bytes) {
        self.record_end(moved, None);
    }

    /// As [`end`](Self::end); the device took so long for it.
    #[inline]
    pub fn end_measured(self, moved: Bytes, on_device: Duration) {
        self.record_end(moved, Some(on_device));
    }

    #[inline(always)]
    fn record_end(self, moved: Bytes, on_device: Option<Duration>) {
        if self.0 == 0 {
            return;
        }
        cursor::record(|| {
            Event::TransferEnd(TransferEnd {
                correlation: self.0 as u32,
                origin: ThreadId((self.0 >> Self::CORRELATION_BITS) as u32),
                module: ModuleId::NONE,
                size: moved,
                on_device,
            })
        });
    }
}
