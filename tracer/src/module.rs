//! Modules: what they are, when they run.

use std::marker::PhantomData;

use memtrace_format::{Bytes, Definition, Event, ModuleDefinition, ModuleId, Tier};

use crate::{cursor, definitions::cut, session, transfer::TransferPlan};

/// A named part of the engine that owns weights and moves as a unit. Modules form a tree.
///
/// ```
/// use memtrace_tracer::{Bytes, Module, Tier};
///
/// let unet = Module::define("unet", None, Bytes(3_400_000_000), None);
/// let middle = Module::define("middle_block", Some(unet), Bytes(400_000_000), None);
/// {
///     let _transfer = middle.transfer(Tier::Host, Tier::Device(0), Bytes(400_000_000)).begin();
///     // The copy happens here.
/// }
/// let _forward = middle.forward();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module(pub(crate) ModuleId);

impl Module {
    /// Names a module. `name` is its own, without its parent's; `bytes` counts its children's weights too; `fingerprint`
    /// tells its weights from all others, so that a module loaded twice under two names is recognised.
    pub fn define(name: &str, parent: Option<Self>, bytes: Bytes, fingerprint: Option<u64>) -> Self {
        let definition = ModuleDefinition {
            name: cut(name).to_owned(),
            parent: parent.map_or(0, |parent| parent.0.0),
            bytes: bytes.0,
            fingerprint,
        };
        let module = Self(session::define(|id| Definition::Module(id, definition)).unwrap_or(ModuleId::NONE));
        cursor::record(|| Event::ModuleDefined(module.0));
        module
    }

    /// The engine dropped the module; its id is not used again.
    pub fn released(self) {
        cursor::record(|| Event::ModuleReleased(self.0));
    }

    /// A forward of this module runs on this thread until the guard is dropped. Wrapped methods that stand for a forward
    /// (a VAE's `encode` and `decode`) are forwards too, with a name: [`method`](Self::method). What the thread allocates meanwhile belongs to the module.
    #[inline]
    pub fn forward(self) -> Forward {
        self.begin_forward();
        Forward { module: self, not_send: PhantomData }
    }

    /// A move of `size` bytes of this module, to be said more of and then begun.
    #[inline]
    pub fn transfer(self, from: Tier, to: Tier, size: Bytes) -> TransferPlan {
        TransferPlan::new(self.0, from, to, size)
    }
}

/// A forward that runs on this thread; it ends when this is dropped.
#[must_use = "a forward ends when its guard is dropped"]
#[derive(Debug)]
pub struct Forward {
    module: Module,
    /// A forward belongs to the thread that began it.
    not_send: PhantomData<*const ()>,
}

impl Drop for Forward {
    #[inline]
    fn drop(&mut self) {
        self.module.end_forward();
    }
}
