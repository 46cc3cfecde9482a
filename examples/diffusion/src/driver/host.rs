//! A device made of host memory, with a fixed capacity that really runs out.
//!
//! Like a GPU's, its addresses are its own: they lie on a 2 MiB grid, are reused lowest first, and cannot be
//! dereferenced. The bytes behind them are real, so what a copy did can be read back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Driver, DriverError, HostBuffer};
use crate::quantity::{Address, Bytes};

/// What a driver hands out is a multiple of this, and so is where it lies.
const GRANULE: Bytes = Bytes::mib(2);
/// Where device memory appears, far from any address of the process itself.
const BASE: Address = Address(0x0700_0000_0000);

/// A device of host memory.
pub(crate) struct HostDriver {
    capacity: Bytes,
    ranges: Mutex<BTreeMap<Address, Range>>,
}

/// What one `malloc` returned. It has a lock of its own, so that copies on different ranges do not wait for each other.
#[derive(Clone)]
struct Range {
    size: Bytes,
    memory: Arc<Mutex<Box<[u8]>>>,
}

/// Where an address lies: in which range, and how far into it.
struct Place {
    range: Range,
    start: Address,
    offset: usize,
}

impl HostDriver {
    /// A device with this much memory, rounded down to what it can hand out.
    pub(crate) fn new(capacity: Bytes) -> HostDriver {
        HostDriver { capacity: Bytes(capacity.0 / GRANULE.0 * GRANULE.0), ranges: Mutex::default() }
    }

    fn ranges(&self) -> MutexGuard<'_, BTreeMap<Address, Range>> {
        lock(&self.ranges)
    }

    fn place(&self, address: Address, size: Bytes) -> Result<Place, DriverError> {
        let ranges = self.ranges();
        let below = ranges.range(..=address).next_back();
        match below {
            Some((start, range)) if address.since(*start) + size <= range.size => {
                Ok(Place { range: range.clone(), start: *start, offset: address.since(*start).length() })
            }
            _ => Err(DriverError::Failed(format!("{size} at {:#x} are not allocated", address.0))),
        }
    }
}

impl Driver for HostDriver {
    fn heap_name(&self) -> String {
        "device:0".to_owned()
    }

    fn name(&self) -> String {
        "host memory as a device".to_owned()
    }

    fn ordinal(&self) -> u16 {
        0
    }

    fn total(&self) -> Bytes {
        self.capacity
    }

    fn free_memory(&self) -> Result<Bytes, DriverError> {
        Ok(self.capacity - in_use(&self.ranges()))
    }

    fn malloc(&self, size: Bytes) -> Result<Address, DriverError> {
        let size = size.round_up(GRANULE);
        let mut ranges = self.ranges();
        if size > self.capacity - in_use(&ranges) {
            return Err(DriverError::OutOfMemory);
        }
        let address = lowest_gap(&ranges, size);
        // Zeroed memory comes from the kernel untouched: a page costs memory when something is copied to it.
        let memory = Arc::new(Mutex::new(vec![0; size.length()].into_boxed_slice()));
        ranges.insert(address, Range { size, memory });
        Ok(address)
    }

    fn free(&self, address: Address) -> Result<(), DriverError> {
        match self.ranges().remove(&address) {
            Some(_) => Ok(()),
            None => Err(DriverError::Failed(format!("{:#x} is not allocated", address.0))),
        }
    }

    /// This device's copies are the processor's, so there is nothing to lock.
    fn page_locked(&self, size: Bytes) -> Result<Box<dyn HostBuffer>, DriverError> {
        Ok(Box::new(vec![0; size.length()].into_boxed_slice()))
    }

    fn copy_to_device(&self, to: Address, from: &[u8]) -> Result<(), DriverError> {
        let place = self.place(to, Bytes::of(from.len()))?;
        lock(&place.range.memory)[place.offset..][..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn copy_to_host(&self, to: &mut [u8], from: Address) -> Result<(), DriverError> {
        let place = self.place(from, Bytes::of(to.len()))?;
        to.copy_from_slice(&lock(&place.range.memory)[place.offset..][..to.len()]);
        Ok(())
    }

    fn copy_within_device(&self, to: Address, from: Address, size: Bytes) -> Result<(), DriverError> {
        let (to, from) = (self.place(to, size)?, self.place(from, size)?);
        let length = size.length();
        if to.start == from.start {
            lock(&to.range.memory).copy_within(from.offset..from.offset + length, to.offset);
            return Ok(());
        }
        // Two ranges are always locked lower address first, so that two copies cannot wait for each other.
        let (mut target, source);
        if to.start < from.start {
            target = lock(&to.range.memory);
            source = lock(&from.range.memory);
        } else {
            source = lock(&from.range.memory);
            target = lock(&to.range.memory);
        }
        target[to.offset..][..length].copy_from_slice(&source[from.offset..][..length]);
        Ok(())
    }
}

impl HostBuffer for Box<[u8]> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

fn in_use(ranges: &BTreeMap<Address, Range>) -> Bytes {
    ranges.values().map(|range| range.size).sum()
}

/// The lowest address at which `size` fits between the ranges, or above them all.
fn lowest_gap(ranges: &BTreeMap<Address, Range>, size: Bytes) -> Address {
    let mut end = BASE;
    for (start, range) in ranges {
        if start.since(end) >= size {
            break;
        }
        end = start.offset(range.size);
    }
    end
}

/// A thread that panicked while it copied leaves bytes behind, not a broken structure.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_out_and_gets_back() {
        let driver = HostDriver::new(Bytes::mib(7));
        assert_eq!(driver.total(), Bytes::mib(6));
        let first = driver.malloc(Bytes::mib(4)).unwrap();
        assert!(matches!(driver.malloc(Bytes(Bytes::mib(2).0 + 1)), Err(DriverError::OutOfMemory)));
        driver.free(first).unwrap();
        assert_eq!(driver.free_memory().unwrap(), Bytes::mib(6));
        assert!(driver.free(first).is_err());
    }

    #[test]
    fn addresses_are_on_the_grid_and_reused_lowest_first() {
        let driver = HostDriver::new(Bytes::mib(64));
        let [a, b, c] = [1, 3, 1].map(|n| driver.malloc(Bytes::mib(n)).unwrap());
        assert_eq!([b, c].map(|address| address.since(a)), [Bytes::mib(2), Bytes::mib(6)]);
        driver.free(b).unwrap();
        assert_eq!(driver.malloc(Bytes::mib(6)).unwrap().since(a), Bytes::mib(8));
        assert_eq!(driver.malloc(Bytes(1)).unwrap(), b);
    }

    #[test]
    fn copies_move_bytes_and_stay_inside() {
        let driver = HostDriver::new(Bytes::mib(8));
        let [a, b] = [2, 2].map(|n| driver.malloc(Bytes::mib(n)).unwrap());
        driver.copy_to_device(a.offset(Bytes(5)), b"swap").unwrap();
        driver.copy_within_device(b, a.offset(Bytes(5)), Bytes(4)).unwrap();
        driver.copy_within_device(a, a.offset(Bytes(5)), Bytes(4)).unwrap();
        driver.copy_within_device(a.offset(Bytes(100)), b, Bytes(4)).unwrap();
        let mut read = [0; 4];
        driver.copy_to_host(&mut read, a.offset(Bytes(100))).unwrap();
        assert_eq!(&read, b"swap");
        assert!(driver.copy_to_device(a.offset(Bytes(Bytes::mib(2).0 - 1)), b"ab").is_err());
    }
}
