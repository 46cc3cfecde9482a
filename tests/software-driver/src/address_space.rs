//! Places the next block in a device's address range: in the lowest gap that holds it, so that addresses are reused.

use std::collections::BTreeMap;

use crate::device_memory::DeviceAddress;

/// The free gaps of a range of device addresses; neighbouring gaps are always one.
#[derive(Debug)]
pub(crate) struct AddressSpace {
    gaps: BTreeMap<u64, u64>,
}

impl AddressSpace {
    pub(crate) fn new(start: DeviceAddress, bytes: usize) -> Self {
        Self { gaps: BTreeMap::from([(start.0, bytes as u64)]) }
    }

    /// The lowest place for `bytes`, no longer free.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<DeviceAddress> {
        let wanted = bytes as u64;
        let (start, size) =
            self.gaps.iter().map(|(start, size)| (*start, *size)).find(|(_, size)| *size >= wanted)?;
        self.gaps.remove(&start);
        if size > wanted {
            self.gaps.insert(start + wanted, size - wanted);
        }
        Some(DeviceAddress(start))
    }

    /// Makes a place free that `take` gave.
    pub(crate) fn give_back(&mut self, address: DeviceAddress, bytes: usize) {
        let (mut start, mut size) = (address.0, bytes as u64);
        if let Some((&below, &below_size)) = self.gaps.range(..start).next_back()
            && below + below_size == start
        {
            self.gaps.remove(&below);
            start = below;
            size += below_size;
        }
        if let Some(above_size) = self.gaps.remove(&(start + size)) {
            size += above_size;
        }
        self.gaps.insert(start, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_gap_that_fits_is_taken() {
        let mut space = AddressSpace::new(DeviceAddress(1000), 100);
        let first = space.take(10).unwrap();
        let second = space.take(20).unwrap();
        assert_eq!((first, second), (DeviceAddress(1000), DeviceAddress(1010)));
        space.give_back(first, 10);
        assert_eq!(space.take(11), Some(DeviceAddress(1030)));
        assert_eq!(space.take(10), Some(first));
        assert_eq!(space.take(60), None);
    }

    #[test]
    fn neighbouring_gaps_become_one() {
        let mut space = AddressSpace::new(DeviceAddress(0), 30);
        let blocks: Vec<_> = (0..3).map(|_| space.take(10).unwrap()).collect();
        for index in [0, 2, 1] {
            space.give_back(blocks[index], 10);
        }
        assert_eq!(space.take(30), Some(DeviceAddress(0)));
    }
}
