//! Decides which modules are on the device: all, or those whose turn it is.
//!
//! The mechanism is the web UIs' for little memory. Before a module runs, a hook asks for its unit; whoever has to leave for
//! it is sent out first, then the one asked for is moved in. A unit that somebody is running stays: whoever needs its place
//! waits. Since nobody asks for a second unit while one runs, nobody waits for ever.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::machine::Machine;
use crate::quantity::Bytes;
use crate::recording::Reason;
use crate::unit::Unit;

/// Who may be on the device.
pub(crate) enum Residency {
    Everything(Arc<Machine>),
    Turns(Turns),
}

/// Units take turns.
pub(crate) struct Turns {
    machine: Arc<Machine>,
    room: Room,
    resident: Mutex<Vec<Resident>>,
    over: Condvar,
}

/// How much of the device is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// One unit's, whatever its size.
    ForOne,
    /// So many bytes; the least recently used leave when another needs them. A unit larger than that is alone.
    For(Bytes),
}

/// A unit that is in, and how many forwards of it are running. In a list, the least recently used come first.
struct Resident {
    unit: Arc<Unit>,
    running: u32,
}

/// Keeps a unit on the device while it lives.
pub(crate) struct Lease<'a>(Option<(&'a Turns, Arc<Unit>)>);

impl Residency {
    pub(crate) fn turns(machine: &Arc<Machine>, room: Room) -> Residency {
        let machine = Arc::clone(machine);
        Residency::Turns(Turns { machine, room, resident: Mutex::default(), over: Condvar::new() })
    }

    /// Makes sure that a unit that was loaded, or not in use, is where the policy wants it.
    pub(crate) fn admit(&self, unit: &Unit) -> anyhow::Result<()> {
        match self {
            Residency::Everything(machine) if !unit.is_on_device() => {
                machine.swapper.load(unit, Reason::Explicit)
            }
            Residency::Everything(_) | Residency::Turns(_) => Ok(()),
        }
    }

    /// Brings a unit in, and sends those out that have to leave for it.
    pub(crate) fn bring(&self, unit: &Arc<Unit>) -> anyhow::Result<Lease<'_>> {
        match self {
            Residency::Everything(_) => Ok(Lease(None)),
            Residency::Turns(turns) => turns.bring(unit),
        }
    }

    /// Parks a unit on the host before its checkpoint is put aside. Nothing runs any more.
    pub(crate) fn dismiss(&self, unit: &Arc<Unit>) -> anyhow::Result<()> {
        let machine = match self {
            Residency::Everything(machine) => machine,
            Residency::Turns(turns) => {
                turns.resident().retain(|resident| !Arc::ptr_eq(&resident.unit, unit));
                &turns.machine
            }
        };
        if unit.is_on_device() { machine.swapper.evict(&**unit, Reason::Explicit) } else { Ok(()) }
    }

    /// Sends the least recently used unit that nobody runs out, because memory is short; says whether there was one.
    pub(crate) fn give_way(&self) -> anyhow::Result<bool> {
        let Residency::Turns(turns) = self else { return Ok(false) };
        let mut resident = turns.resident();
        let Some(index) = resident.iter().position(|resident| resident.running == 0) else {
            return Ok(false);
        };
        let leaving = resident.remove(index);
        turns.machine.swapper.evict(&*leaving.unit, Reason::Pressure)?;
        turns.machine.books.remedied(|book| &mut book.gave_way, leaving.unit.module.bytes);
        Ok(true)
    }
}

impl Turns {
    fn bring(&self, unit: &Arc<Unit>) -> anyhow::Result<Lease<'_>> {
        let mut resident = self.resident();
        loop {
            if let Some(index) = resident.iter().position(|resident| Arc::ptr_eq(&resident.unit, unit)) {
                let mut used = resident.remove(index);
                used.running += 1;
                resident.push(used);
                break;
            }
            if let Some(leaving) = self.leaving(&resident, unit) {
                let leaving: Vec<Resident> = resident
                    .extract_if(.., |resident| leaving.iter().any(|unit| Arc::ptr_eq(&resident.unit, unit)))
                    .collect();
                self.swap(&leaving, unit)?;
                resident.push(Resident { unit: Arc::clone(unit), running: 1 });
                break;
            }
            resident = self.over.wait(resident).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(Lease(Some((self, Arc::clone(unit)))))
    }

    /// Those that leave to make room for `unit`, the least recently used first; none while too many are running.
    fn leaving(&self, resident: &[Resident], unit: &Unit) -> Option<Vec<Arc<Unit>>> {
        let fits = |staying: Bytes| {
            staying == Bytes::ZERO
                || matches!(self.room, Room::For(room) if staying + unit.module.bytes <= room)
        };
        let mut staying = resident.iter().map(|resident| resident.unit.module.bytes).sum();
        let mut leaving = Vec::new();
        for idle in resident.iter().filter(|resident| resident.running == 0) {
            if fits(staying) {
                break;
            }
            staying -= idle.unit.module.bytes;
            leaving.push(Arc::clone(&idle.unit));
        }
        fits(staying).then_some(leaving)
    }

    fn swap(&self, leaving: &[Resident], unit: &Unit) -> anyhow::Result<()> {
        let why = match self.room {
            Room::ForOne => Reason::Policy,
            Room::For(_) => Reason::Capacity,
        };
        let out: Vec<&Unit> = leaving.iter().map(|resident| &*resident.unit).collect();
        self.machine.swapper.swap(&out, unit, why)?;
        if !out.is_empty() {
            let moved: Bytes = out.iter().map(|unit| unit.module.bytes).sum();
            self.machine.books.swapped(moved + unit.module.bytes);
        }
        Ok(())
    }

    /// A panic in a move leaves its units out of the list, which the next `bring` copes with.
    fn resident(&self) -> MutexGuard<'_, Vec<Resident>> {
        self.resident.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some((turns, unit)) = &self.0 else { return };
        let mut resident = turns.resident();
        if let Some(resident) = resident.iter_mut().find(|resident| Arc::ptr_eq(&resident.unit, unit)) {
            resident.running -= 1;
            if resident.running == 0 {
                turns.over.notify_all();
            }
        }
    }
}
