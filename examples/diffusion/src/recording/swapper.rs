//! The moves between host and device in the trace, one call for all that a hook does.

use std::cell::Cell;

use memtrace_tracer as memtrace;

use super::{Module, Place, Reason, acknowledge, bytes};
use crate::quantity::Bytes;

/// Weights that move as a unit.
pub(crate) trait Weights {
    fn recorded(&self) -> Module;
    fn size(&self) -> Bytes;
    /// Moves them, and says how much was copied.
    fn move_to(&self, place: Place) -> anyhow::Result<Bytes>;
}

/// Moves weights, and records the moves.
#[derive(Clone, Copy)]
pub(crate) struct Swapper(memtrace::Swapper);

/// Weights whose moves are acknowledged: the tracer calls them between a move's begin and its end.
struct Watched<'a, W> {
    weights: &'a W,
    /// Moves whose ends are not acknowledged yet.
    moves: &'a Cell<u32>,
}

impl Swapper {
    pub(crate) fn new(home: Place, device: Place) -> Swapper {
        Swapper(memtrace::Swapper::new(home.tier(), device.tier()))
    }

    /// Moves `leaving` out to make room, and `arriving` in.
    pub(crate) fn swap<W: Weights>(
        self,
        leaving: &[&W],
        arriving: &W,
        why: Reason,
    ) -> Result<(), anyhow::Error> {
        acknowledging(|moves| {
            let leaving: Vec<_> =
                leaving.iter().map(|weights| Watched { weights: *weights, moves }).collect();
            self.0.swap(&leaving, &Watched { weights: arriving, moves }, why.inner())
        })
    }

    pub(crate) fn load<W: Weights>(self, arriving: &W, why: Reason) -> anyhow::Result<()> {
        acknowledging(|moves| self.0.load(&Watched { weights: arriving, moves }, why.inner()))
    }

    pub(crate) fn evict<W: Weights>(self, leaving: &W, why: Reason) -> anyhow::Result<()> {
        acknowledging(|moves| self.0.evict(&Watched { weights: leaving, moves }, why.inner()))
    }
}

impl<W: Weights> memtrace::Weights for Watched<'_, W> {
    type Error = anyhow::Error;

    fn module(&self) -> memtrace::Module {
        self.weights.recorded().inner()
    }

    fn size(&self) -> memtrace::Bytes {
        bytes(self.weights.size())
    }

    fn move_to(&self, tier: memtrace::Tier) -> anyhow::Result<memtrace::Bytes> {
        acknowledge();
        self.moves.set(self.moves.get() + 1);
        self.weights.move_to(Place::of(tier)).map(bytes)
    }
}

/// The ends of moves are the tracer's when it returns, whether or not they went well.
fn acknowledging<T>(call: impl FnOnce(&Cell<u32>) -> T) -> T {
    let moves = Cell::new(0);
    let result = call(&moves);
    for _ in 0..moves.get() {
        acknowledge();
    }
    result
}
