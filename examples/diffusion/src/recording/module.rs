//! Modules in the trace, and their way from disk and back.

use memtrace_tracer as memtrace;

use super::{Acknowledged, acknowledge, bytes};
use crate::fingerprint::Fingerprint;
use crate::quantity::Bytes;

/// A module's handle.
#[derive(Clone, Copy)]
pub(crate) struct Module(memtrace::Module);

/// What of a module is called.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    Forward,
    Encode,
    Decode,
}

/// A forward, or a method that stands for one, that runs on this thread until this is dropped.
#[expect(dead_code, reason = "the guard acts when it is dropped")]
pub(crate) struct Running(Guard);

#[expect(dead_code, reason = "the guards act when they are dropped")]
enum Guard {
    Forward(Acknowledged<memtrace::Forward>),
    Method(Acknowledged<memtrace::Method>),
}

/// A transfer from disk that is under way until it ends, or this is dropped.
pub(crate) struct Transfer(Option<memtrace::Transfer>);

/// Where weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Disk,
    Host,
    Pinned,
    Device(u16),
}

/// Why weights move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There was no room for another.
    Capacity,
    /// One leaves when another comes, room or not.
    Policy,
    /// Somebody asked for it: a load, an unload.
    Explicit,
    /// The machine is short of memory.
    Pressure,
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

    pub(crate) fn run(self, method: Method) -> Running {
        let named = |name| Guard::Method(Acknowledged::begun(self.0.method(name), 2));
        Running(match method {
            Method::Forward => Guard::Forward(Acknowledged::begun(self.0.forward(), 1)),
            Method::Encode => named(memtrace::name!("encode")),
            Method::Decode => named(memtrace::name!("decode")),
        })
    }

    /// Begins to read the module's weights from disk.
    pub(crate) fn read(self, to: Place, size: Bytes) -> Transfer {
        let plan = self.0.transfer(memtrace::Tier::Disk, to.tier(), bytes(size));
        let memory = match to {
            Place::Pinned => memtrace::HostMemory::Pinned,
            _ => memtrace::HostMemory::Pageable,
        };
        let transfer = plan.memory(memory).reason(memtrace::Reason::Explicit).begin();
        acknowledge();
        Transfer(Some(transfer))
    }

    /// The weights are dropped; the file has them.
    pub(crate) fn discard(self, from: Place, why: Reason) {
        self.0.discard(from.tier(), why.inner());
        acknowledge();
        acknowledge();
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
    pub(super) fn of(tier: memtrace::Tier) -> Place {
        match tier {
            memtrace::Tier::Device(ordinal) => Place::Device(ordinal),
            memtrace::Tier::Pinned => Place::Pinned,
            memtrace::Tier::Disk => Place::Disk,
            _ => Place::Host,
        }
    }

    pub(super) fn tier(self) -> memtrace::Tier {
        match self {
            Place::Disk => memtrace::Tier::Disk,
            Place::Host => memtrace::Tier::Host,
            Place::Pinned => memtrace::Tier::Pinned,
            Place::Device(ordinal) => memtrace::Tier::Device(ordinal),
        }
    }
}

impl Reason {
    pub(super) fn inner(self) -> memtrace::Reason {
        match self {
            Reason::Capacity => memtrace::Reason::Capacity,
            Reason::Policy => memtrace::Reason::Policy,
            Reason::Explicit => memtrace::Reason::Explicit,
            Reason::Pressure => memtrace::Reason::Pressure,
        }
    }
}
