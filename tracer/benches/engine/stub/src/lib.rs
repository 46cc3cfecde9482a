//! The tracer's API with nothing behind it: what the example engine calls, and no more.
//!
//! An engine built with this in the tracer's place is the engine that has no tracer. What it calls must exist here, or it
//! does not build; so the two cannot drift apart unseen.
#![allow(unused_variables, reason = "nothing is done with anything")]

pub use memtrace_format::{Address, Bytes, HostMemory, MemoryKind, Reason, Tier, Unit};

#[inline(always)]
pub fn engine(name: &str, version: &str) {}

#[derive(Clone, Copy)]
pub struct Device;

impl Device {
    #[inline(always)]
    pub fn define(ordinal: u16, name: &str, total: Option<Bytes>) -> Self {
        Self
    }
}

#[derive(Clone, Copy)]
pub struct Heap;

impl Heap {
    #[inline(always)]
    pub fn define(name: &str, kind: MemoryKind, device: Option<Device>) -> Self {
        Self
    }

    #[inline(always)]
    pub fn pool(self, name: &str, stream: u64) -> Pool {
        Pool
    }
}

#[derive(Clone, Copy)]
pub struct Pool;

impl Pool {
    #[inline(always)]
    pub fn segment_alloc(self, address: Address, size: Bytes) {}

    #[inline(always)]
    pub fn segment_free(self, address: Address, size: Bytes) {}

    #[inline(always)]
    pub fn block_alloc(self, address: Address, size: Bytes, requested: Bytes) {}

    #[inline(always)]
    pub fn block_alloc_for(self, module: Module, address: Address, size: Bytes, requested: Bytes) {}

    #[inline(always)]
    pub fn block_free(self, address: Address, size: Bytes) {}

    #[inline(always)]
    pub fn out_of_memory(self, requested: Bytes, free: Option<Bytes>) {}
}

#[derive(Clone, Copy)]
pub struct Counter;

impl Counter {
    #[inline(always)]
    pub fn define(name: &str, unit: Unit, device: Option<Device>) -> Self {
        Self
    }

    #[inline(always)]
    pub fn record(self, value: u64) {}
}

#[derive(Clone, Copy)]
pub struct Module;

impl Module {
    #[inline(always)]
    pub fn define(name: &str, parent: Option<Self>, bytes: Bytes, fingerprint: Option<u64>) -> Self {
        Self
    }

    #[inline(always)]
    pub fn released(self) {}

    #[inline(always)]
    pub fn forward(self) -> Forward {
        Forward
    }

    #[inline(always)]
    pub fn method(self, name: Name) -> Method {
        Method
    }

    #[inline(always)]
    pub fn discard(self, from: Tier, why: Reason) {}

    #[inline(always)]
    pub fn transfer(self, from: Tier, to: Tier, size: Bytes) -> TransferPlan {
        TransferPlan
    }
}

pub struct Forward;

pub struct Method;

pub struct Name;

impl Name {
    #[inline(always)]
    pub fn mark_with(self, value: u64) {}
}

/// The engine moves its weights when the swapper says so: that is left of it.
#[derive(Clone, Copy)]
pub struct Swapper {
    home: Tier,
    device: Tier,
}

pub trait Weights {
    type Error;

    fn module(&self) -> Module;
    fn size(&self) -> Bytes;
    fn move_to(&self, tier: Tier) -> Result<Bytes, Self::Error>;
}

impl Swapper {
    #[inline(always)]
    pub const fn new(home: Tier, device: Tier) -> Self {
        Self { home, device }
    }

    #[inline(always)]
    pub fn swap<'a, W: Weights + 'a>(
        &self,
        leaving: impl IntoIterator<Item = &'a W>,
        arriving: &W,
        why: Reason,
    ) -> Result<(), W::Error> {
        for weights in leaving {
            weights.move_to(self.home)?;
        }
        self.load(arriving, why)
    }

    #[inline(always)]
    pub fn load<W: Weights>(&self, arriving: &W, why: Reason) -> Result<(), W::Error> {
        arriving.move_to(self.device).map(|_| ())
    }

    #[inline(always)]
    pub fn evict<W: Weights>(&self, leaving: &W, why: Reason) -> Result<(), W::Error> {
        leaving.move_to(self.home).map(|_| ())
    }
}

#[derive(Clone, Copy)]
pub struct TransferPlan;

impl TransferPlan {
    #[inline(always)]
    pub fn memory(self, memory: HostMemory) -> Self {
        self
    }

    #[inline(always)]
    pub fn reason(self, reason: Reason) -> Self {
        self
    }

    #[inline(always)]
    pub fn making_room_for(self, module: Module) -> Self {
        self
    }

    #[inline(always)]
    pub fn begin(self) -> Transfer {
        Transfer
    }
}

pub struct Transfer;

impl Transfer {
    #[inline(always)]
    pub fn end_early(self, moved: Bytes) {}
}

pub struct Scope;

#[macro_export]
macro_rules! name {
    ($text:literal) => {
        $crate::Name
    };
}

#[macro_export]
macro_rules! scope {
    ($text:literal) => {
        $crate::Scope
    };
}

#[macro_export]
macro_rules! phase {
    ($text:literal) => {
        $crate::Scope
    };
}

#[macro_export]
macro_rules! mark {
    ($text:literal) => {
        ()
    };
}
