//! Modules and their transfers in the trace.

use memtrace_tracer as memtrace;

use super::{Acknowledged, acknowledge, bytes};
use crate::fingerprint::Fingerprint;
use crate::quantity::Bytes;

/// A module's handle.
#[derive(Clone, Copy)]
pub(crate) struct Module(memtrace::Module);

/// A forward that runs on this thread until this is dropped.
#[expect(dead_code, reason = "the guard acts when it is dropped")]
pub(crate) struct Forward(Acknowledged<memtrace::Forward>);

/// A transfer that is under way until it ends, or this is dropped.
pub(crate) struct Transfer(Option<memtrace::Transfer>);

/// Where weights are.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Disk,
    Host,
    Device(u16),
}

/// Why weights move.
#[derive(Clone, Copy)]
pub(crate) enum Reason {
    /// The residency policy wants it so.
    Policy,
    /// Somebody asked for it: a load, an unload.
    Explicit,
}

impl Module {
    /// Names a module by its own name, without its parent's.
    pub(crate) fn define(
        name: &str,
        parent: Option<Module>,
        size: Bytes,
        fingerprint: Option<Fingerprint>,
    ) -> Module {
        let parent = parent.map(|parent| parent.0);
        let fingerprint = fingerprint.map(|fingerprint| fingerprint.0);
        let module = memtrace::Module::define(name, parent, bytes(size), fingerprint);
        acknowledge();
        Module(module)
    }

    pub(crate) fn released(self) {
        self.0.released();
        acknowledge();
    }

    pub(crate) fn forward(self) -> Forward {
        Forward(Acknowledged::begun(self.0.forward()))
    }

    /// Begins a transfer of the module's weights; `room_for` is the module that needs their place.
    pub(crate) fn transfer(
        self,
        from: Place,
        to: Place,
        size: Bytes,
        reason: Reason,
        room_for: Option<Module>,
    ) -> Transfer {
        let reason = match reason {
            Reason::Policy => memtrace::Reason::Policy,
            Reason::Explicit => memtrace::Reason::Explicit,
        };
        let plan = self.0.transfer(from.tier(), to.tier(), bytes(size));
        let plan = plan.memory(memtrace::HostMemory::Pageable).reason(reason);
        let plan = match room_for {
            Some(module) => plan.making_room_for(module.0),
            None => plan,
        };
        let transfer = plan.begin();
        acknowledge();
        Transfer(Some(transfer))
    }

    pub(super) fn inner(self) -> memtrace::Module {
        self.0
    }
}

impl Transfer {
    /// It ended after `moved` bytes.
    pub(crate) fn end(mut self, moved: Bytes) {
        if let Some(transfer) = self.0.take() {
            transfer.end_early(bytes(moved));
            acknowledge();
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(transfer) = self.0.take() {
            // Nobody said that it ended: a panic is passing through, and nothing is known to have arrived.
            transfer.end_early(memtrace::Bytes(0));
            acknowledge();
        }
    }
}

impl Place {
    fn tier(self) -> memtrace::Tier {
        match self {
            Place::Disk => memtrace::Tier::Disk,
            Place::Host => memtrace::Tier::Host,
            Place::Device(ordinal) => memtrace::Tier::Device(ordinal),
        }
    }
}
