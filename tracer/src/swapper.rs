//! Swapping: what an engine's hooks do before a module runs, recorded with one call a hook.

use memtrace_format::{Bytes, HostMemory, Reason, Tier};

use crate::{
    module::{Forward, Module},
    name::{Name, Scope},
    transfer::TransferPlan,
};

/// Weights that move as a unit, as the engine holds them.
pub trait Weights {
    /// Why a move can fail.
    type Error;

    /// The module that they are the weights of.
    fn module(&self) -> Module;

    /// What a move of all of them moves.
    fn size(&self) -> Bytes;

    /// Moves them to `tier` and says how many bytes were copied: fewer than [`size`](Self::size) where some were there
    /// already, 0 where a copy of them was there and the other is dropped.
    ///
    /// # Errors
    ///
    /// They could not be moved. The log then says that nothing was.
    fn move_to(&self, tier: Tier) -> Result<Bytes, Self::Error>;
}

/// Records the moves between one device and the place where weights wait. The engine decides and moves; this says when a
/// move begins and ends, why it is made, and which module it makes room for.
///
/// It keeps no list of what is where. The engine's own list decides who leaves, so that an engine makes the same moves
/// whether or not it is recorded.
///
/// ```
/// use std::cell::{Cell, RefCell};
///
/// use memtrace_tracer::{self as memtrace, Bytes, Module, Reason, Swapper, Tier, Weights};
///
/// struct Unit {
///     module: Module,
///     tier: Cell<Tier>,
/// }
///
/// impl Weights for Unit {
///     type Error = std::io::Error;
///
///     fn module(&self) -> Module {
///         self.module
///     }
///     fn size(&self) -> Bytes {
///         Bytes(300_000_000)
///     }
///     fn move_to(&self, tier: Tier) -> Result<Bytes, Self::Error> {
///         // The copy happens here.
///         self.tier.set(tier);
///         Ok(self.size())
///     }
/// }
///
/// /// One unit at a time is on the device, as in a web UI with little memory.
/// struct Hooks<'a> {
///     swapper: Swapper,
///     resident: RefCell<Option<&'a Unit>>,
/// }
///
/// impl<'a> Hooks<'a> {
///     /// The hook in front of a forward. For a module that moves with its parent, `unit` is the parent's.
///     fn before_forward(&self, unit: &'a Unit) -> Result<(), std::io::Error> {
///         if unit.tier.get() == Tier::Device(0) {
///             return Ok(());
///         }
///         let leaving = self.resident.take();
///         self.swapper.swap(leaving, unit, Reason::Policy)?;
///         self.resident.replace(Some(unit));
///         Ok(())
///     }
/// }
///
/// let unit = |name| Unit {
///     module: Module::define(name, None, Bytes(300_000_000), None),
///     tier: Cell::new(Tier::Host),
/// };
/// let (unet, vae) = (unit("unet"), unit("vae"));
/// let hooks = Hooks { swapper: Swapper::new(Tier::Host, Tier::Device(0)), resident: RefCell::default() };
/// {
///     let _forward = unet.module.forward();
///     hooks.before_forward(&unet)?;
/// }
/// {
///     // Not the module's forward, so it is wrapped. The trace shows it by name.
///     let _decode = vae.module.method(memtrace::name!("decode"));
///     hooks.before_forward(&vae)?;
/// }
/// assert_eq!((unet.tier.get(), vae.tier.get()), (Tier::Host, Tier::Device(0)));
/// // A manager that is asked for memory lets go of what nobody runs.
/// hooks.swapper.evict(&vae, Reason::Pressure)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swapper {
    home: Tier,
    device: Tier,
}

impl Swapper {
    /// For moves between `home`, where weights wait ([`Tier::Host`] or [`Tier::Pinned`]), and `device`.
    pub const fn new(home: Tier, device: Tier) -> Self {
        Self { home, device }
    }

    /// The whole of a hook: moves `leaving` out, in this order, to make room for `arriving`, and `arriving` in because a
    /// forward needs it. `why` is the reason of those that leave: [`Reason::Policy`] if they would leave with room enough,
    /// [`Reason::Capacity`] if they would not.
    ///
    /// # Errors
    ///
    /// The first move that fails; those after it are not made.
    pub fn swap<'a, W: Weights + 'a>(
        &self,
        leaving: impl IntoIterator<Item = &'a W>,
        arriving: &W,
        why: Reason,
    ) -> Result<(), W::Error> {
        for weights in leaving {
            let plan = self.plan(weights, self.device, self.home, why);
            carry(plan.making_room_for(arriving.module()), weights, self.home)?;
        }
        self.load(arriving, Reason::Demand)
    }

    /// Moves weights in: [`Reason::Demand`] for a forward, [`Reason::Prefetch`] ahead of one, [`Reason::Explicit`] where the
    /// program was told to.
    ///
    /// # Errors
    ///
    /// The move's.
    pub fn load<W: Weights>(&self, arriving: &W, why: Reason) -> Result<(), W::Error> {
        carry(self.plan(arriving, self.home, self.device, why), arriving, self.device)
    }

    /// Moves weights out for nobody in particular: [`Reason::Explicit`], [`Reason::Policy`] or [`Reason::Pressure`].
    ///
    /// # Errors
    ///
    /// The move's.
    pub fn evict<W: Weights>(&self, leaving: &W, why: Reason) -> Result<(), W::Error> {
        carry(self.plan(leaving, self.device, self.home, why), leaving, self.home)
    }

    fn plan<W: Weights>(&self, weights: &W, from: Tier, to: Tier, why: Reason) -> TransferPlan {
        let memory = match self.home {
            Tier::Host => HostMemory::Pageable,
            Tier::Pinned => HostMemory::Pinned,
            _ => HostMemory::Unknown,
        };
        weights.module().transfer(from, to, weights.size()).memory(memory).reason(why)
    }
}

impl Module {
    /// A wrapped method of this module runs on this thread until the guard is dropped: a forward of it, and within it a
    /// scope of the method's name.
    #[inline]
    pub fn method(self, name: Name) -> Method {
        let forward = self.forward();
        Method { _scope: name.scope(), _forward: forward }
    }

    /// What `from` held of the module is given up, and nothing is copied: it is on disk.
    pub fn discard(self, from: Tier, why: Reason) {
        self.transfer(from, Tier::Disk, Bytes(0)).reason(why).begin().end();
    }
}

/// A wrapped method that runs on this thread; it ends when this is dropped.
#[must_use = "a method ends when its guard is dropped"]
#[derive(Debug)]
pub struct Method {
    // Dropped in this order: the scope lies within the forward.
    _scope: Scope,
    _forward: Forward,
}

/// A move that panics is one that moved nothing.
fn carry<W: Weights>(plan: TransferPlan, weights: &W, to: Tier) -> Result<(), W::Error> {
    let transfer = plan.begin().moved(Bytes(0));
    let moved = weights.move_to(to)?;
    transfer.end_early(moved);
    Ok(())
}
