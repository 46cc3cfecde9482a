//! The sequence in which units were used on each device, and what an optimal policy would have loaded for it.
//!
//! The sequence is as long as the trace, so it is judged window by window and forgotten. Whatever such a policy has on the
//! device where a window begins, it has at most the capacity; so a window costs it at least what it costs from nothing, less
//! the capacity. The sum over windows is a lower bound of the whole, and lower than it might be by a capacity a window.

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId, Tier};

use super::lower_bound::{Keeper, least, optimum};

/// The most uses of a window. Uses of one unit in a row are one.
const WINDOW: usize = 1 << 16;

/// The most devices that are followed.
const DEVICES: usize = 64;

/// What was used on every device.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    pub(crate) devices: Vec<DeviceUses>,
    /// Something happened on a device that there was no room for.
    pub(crate) devices_left_out: bool,
}

/// What was used on one device.
#[derive(Debug)]
pub(crate) struct DeviceUses {
    pub(crate) device: Tier,
    pub(crate) loads: u64,
    pub(crate) loaded: Bytes,
    /// The uses, those of one unit in a row as one.
    pub(crate) uses: u64,
    /// What units that had arrived and not left filled together, at most, up to now.
    pub(crate) capacity: Bytes,
    pub(crate) least: Bytes,
    pub(crate) achievable: Bytes,
    pub(crate) windows: u64,
    occupied: Bytes,
    window: Vec<u32>,
    last: ModuleId,
    units: Vec<Unit>,
    index: HashMap<ModuleId, u32>,
    keeper: Keeper,
    /// Units that were there when counting began.
    initial: Vec<ModuleId>,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    module: ModuleId,
    /// The smallest size that it was used at in this window.
    size: u64,
}

impl Uses {
    /// A unit has arrived, and fills so much.
    pub(crate) fn arrived(&mut self, device: Tier, size: Bytes) {
        let Some(device) = self.device(device) else { return };
        device.loads += 1;
        device.loaded.0 = device.loaded.0.saturating_add(size.0);
        device.occupied.0 = device.occupied.0.saturating_add(size.0);
        device.capacity = device.capacity.max(device.occupied);
    }

    /// A unit that had arrived has left.
    pub(crate) fn left(&mut self, device: Tier, size: Bytes) {
        let Some(device) = self.device(device) else { return };
        device.occupied.0 = device.occupied.0.saturating_sub(size.0);
    }

    /// A unit turns out to have been there since counting began until now.
    pub(crate) fn had_been(&mut self, device: Tier, module: ModuleId, size: Bytes) {
        let Some(device) = self.device(device) else { return };
        device.capacity.0 = device.capacity.0.saturating_add(size.0);
        if device.windows == 0 && device.initial.len() < WINDOW {
            device.initial.push(module);
        }
    }

    /// A unit was used, and filled so much.
    pub(crate) fn used(&mut self, device: Tier, module: ModuleId, size: Bytes) {
        let Some(device) = self.device(device) else { return };
        device.used(module, size.0);
    }

    /// Begins to count anew. What is on a device is there.
    pub(crate) fn reset_at(&mut self, there: impl Iterator<Item = (Tier, ModuleId, Bytes)>) {
        *self = Self::default();
        for (device, module, size) in there {
            self.had_been(device, module, size);
            if let Some(device) = self.device(device) {
                device.occupied.0 = device.occupied.0.saturating_add(size.0);
            }
        }
    }

    /// The trace ends.
    pub(crate) fn finish(&mut self) {
        self.devices.iter_mut().for_each(DeviceUses::close_window);
    }

    /// What units that have arrived and not left fill on a device.
    pub(super) fn occupied(&self, device: Tier) -> Bytes {
        let known = self.devices.iter().find(|known| known.device == device);
        known.map_or(Bytes(0), |device| device.occupied)
    }

    fn device(&mut self, device: Tier) -> Option<&mut DeviceUses> {
        if let Some(at) = self.devices.iter().position(|known| known.device == device) {
            return self.devices.get_mut(at);
        }
        if self.devices.len() == DEVICES {
            self.devices_left_out = true;
            return None;
        }
        self.devices.push(DeviceUses::new(device));
        self.devices.last_mut()
    }
}

impl DeviceUses {
    fn new(device: Tier) -> Self {
        Self {
            device,
            loads: 0,
            loaded: Bytes(0),
            uses: 0,
            capacity: Bytes(0),
            least: Bytes(0),
            achievable: Bytes(0),
            windows: 0,
            occupied: Bytes(0),
            window: Vec::new(),
            last: ModuleId::NONE,
            units: Vec::new(),
            index: HashMap::new(),
            keeper: Keeper::default(),
            initial: Vec::new(),
        }
    }

    fn used(&mut self, module: ModuleId, size: u64) {
        let again = std::mem::replace(&mut self.last, module) == module;
        if again && self.window.is_empty() {
            return;
        }
        let units = &mut self.units;
        let unit = *self.index.entry(module).or_insert_with(|| {
            units.push(Unit { module, size });
            units.len() as u32 - 1
        });
        let known = &mut self.units[unit as usize].size;
        *known = size.min(*known);
        if again {
            return;
        }
        self.uses += 1;
        self.window.push(unit);
        if self.window.len() == WINDOW {
            self.close_window();
        }
    }

    fn close_window(&mut self) {
        if self.window.is_empty() {
            return;
        }
        let sizes: Vec<u64> = self.units.iter().map(|unit| unit.size).collect();
        let capacity = self.capacity.0;
        let added = if self.windows == 0 {
            let mut held: Vec<u32> =
                self.initial.iter().filter_map(|module| self.index.get(module).copied()).collect();
            held.sort_unstable();
            held.dedup();
            self.keeper.held.clone_from(&held);
            fewest(&self.window, &sizes, capacity, &held)
        } else {
            fewest(&self.window, &sizes, capacity, &[]).saturating_sub(capacity)
        };
        let kept = self.keeper.serve(&self.window, &sizes, capacity);
        self.least.0 = self.least.0.saturating_add(added);
        self.achievable.0 = self.achievable.0.saturating_add(kept);
        self.windows += 1;
        self.forget_units();
    }

    /// Forgets the uses of the window, and all units but those that are held.
    fn forget_units(&mut self) {
        self.window.clear();
        self.initial = Vec::new();
        self.units = self.keeper.held.iter().map(|&unit| self.units[unit as usize]).collect();
        self.keeper.held = (0..self.units.len() as u32).collect();
        self.index = self.units.iter().zip(0..).map(|(unit, index)| (unit.module, index)).collect();
    }
}

/// The most that is known to be the least.
fn fewest(uses: &[u32], sizes: &[u64], capacity: u64, held: &[u32]) -> u64 {
    optimum(uses, sizes, capacity, held).unwrap_or_else(|| least(uses, sizes, capacity, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Tier = Tier::Device(0);

    fn module(id: u32) -> ModuleId {
        ModuleId(id)
    }

    /// Two units of 10 take turns where there is room for 15.
    fn turns(count: usize) -> DeviceUses {
        let mut uses = Uses::default();
        uses.arrived(DEVICE, Bytes(15));
        uses.left(DEVICE, Bytes(15));
        for turn in 0..count {
            uses.arrived(DEVICE, Bytes(10));
            uses.used(DEVICE, module(1 + turn as u32 % 2), Bytes(10));
            uses.used(DEVICE, module(1 + turn as u32 % 2), Bytes(10));
            uses.left(DEVICE, Bytes(10));
        }
        uses.finish();
        uses.devices.remove(0)
    }

    #[test]
    fn what_does_not_fit_has_to_be_loaded_each_turn() {
        let told = turns(5);
        assert_eq!((told.uses, told.windows, told.capacity), (5, 1, Bytes(15)));
        assert_eq!((told.least, told.achievable, told.loaded), (Bytes(50), Bytes(50), Bytes(65)));
    }

    #[test]
    fn a_window_costs_the_bound_no_more_than_a_capacity() {
        let count = 3 * WINDOW + 7;
        let told = turns(count);
        assert_eq!((told.uses, told.windows), (count as u64, 4));
        let whole = count as u64 * 10;
        assert!(told.least.0 <= whole && whole - told.least.0 <= 3 * 15, "{} {whole}", told.least.0);
        assert_eq!(told.achievable, Bytes(count as u64 * 10));
        assert!(told.units.len() <= 1);
    }

    #[test]
    fn what_is_there_from_the_beginning_need_not_be_loaded() {
        let mut uses = Uses::default();
        uses.reset_at([(DEVICE, module(1), Bytes(10))].into_iter());
        uses.used(DEVICE, module(1), Bytes(10));
        uses.left(DEVICE, Bytes(10));
        uses.arrived(DEVICE, Bytes(4));
        uses.used(DEVICE, module(2), Bytes(4));
        uses.finish();
        let told = &uses.devices[0];
        assert_eq!((told.capacity, told.least, told.achievable), (Bytes(10), Bytes(4), Bytes(4)));
    }
}
