//! Who is on the device: everybody, or one unit at a time.
//!
//! The mechanism is the web UIs' for little memory. Before a module runs, a hook asks for its unit; if another unit is
//! in, that one is sent out first, then the one asked for is moved in. A unit that somebody is running stays: whoever
//! wants another waits. Since nobody asks for a second unit while one runs, nobody waits for ever.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::machine::Machine;
use crate::recording::Reason;
use crate::unit::Unit;

/// The policy and, if units take turns, whose turn it is.
pub(crate) enum Residency {
    Everything,
    OneAtATime { machine: Arc<Machine>, turn: Mutex<Turn>, over: Condvar },
}

/// The unit that is in, and how many forwards of it are running.
#[derive(Default)]
pub(crate) struct Turn {
    resident: Option<Arc<Unit>>,
    running: u32,
}

/// Keeps a unit on the device while it lives.
pub(crate) struct Lease<'a> {
    residency: &'a Residency,
}

impl Residency {
    pub(crate) fn one_at_a_time(machine: &Arc<Machine>) -> Residency {
        Residency::OneAtATime { machine: Arc::clone(machine), turn: Mutex::default(), over: Condvar::new() }
    }

    /// Makes sure that a freshly loaded unit is where the policy wants it.
    pub(crate) fn admit(&self, unit: &Unit) -> anyhow::Result<()> {
        match self {
            Residency::Everything => unit.to_device(Reason::Explicit),
            Residency::OneAtATime { .. } => Ok(()),
        }
    }

    /// Brings a unit in, and sends the one that was in out.
    pub(crate) fn bring(&self, unit: &Arc<Unit>) -> anyhow::Result<Lease<'_>> {
        let Residency::OneAtATime { machine, turn, over } = self else {
            return Ok(Lease { residency: self });
        };
        let mut turn = locked(turn);
        while turn.running > 0 && !turn.has(unit) {
            turn = over.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if !turn.has(unit) {
            let evicted = turn.resident.take();
            if let Some(evicted) = &evicted {
                evicted.to_host(Reason::Policy, Some(unit))?;
            }
            unit.to_device(Reason::Policy)?;
            if let Some(evicted) = evicted {
                machine.books.swapped(evicted.module.bytes + unit.module.bytes);
            }
            turn.resident = Some(Arc::clone(unit));
        }
        turn.running += 1;
        Ok(Lease { residency: self })
    }

    /// Parks a unit on the host before its checkpoint is unloaded. Nothing runs any more.
    pub(crate) fn dismiss(&self, unit: &Arc<Unit>) -> anyhow::Result<()> {
        if let Residency::OneAtATime { turn, .. } = self {
            let mut turn = locked(turn);
            if turn.has(unit) {
                turn.resident = None;
            }
        }
        unit.to_host(Reason::Explicit, None)
    }
}

impl Turn {
    fn has(&self, unit: &Arc<Unit>) -> bool {
        self.resident.as_ref().is_some_and(|resident| Arc::ptr_eq(resident, unit))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Residency::OneAtATime { turn, over, .. } = self.residency {
            let mut turn = locked(turn);
            turn.running -= 1;
            if turn.running == 0 {
                over.notify_all();
            }
        }
    }
}

/// A panic in a move leaves no resident, which the next `bring` copes with.
fn locked(turn: &Mutex<Turn>) -> MutexGuard<'_, Turn> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}
