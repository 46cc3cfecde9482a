//! Memory that is made apart from its addresses: ranges that are reserved, physical memory, and where which is mapped.
//!
//! Behind the range that the program sees lies a second one of the same size, into which the physical memory is really mapped:
//! a copy over the seam of two mappings finds its bytes in one piece there.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::address_space::AddressSpace;
use crate::code::Code;
use crate::device::{Device, Ordinal};
use crate::device_memory::{ADDRESSES_PER_BYTE, DeviceAddress, Span};
use crate::frames::Frame;
use crate::handle::{self, Handle};
use crate::mapping::Mapping;

/// What sizes and addresses are multiples of, as on devices.
pub(crate) const GRANULARITY: usize = 2 << 20;

pub(crate) struct VirtualMemory {
    /// Keeps the addresses that the program sees; they are never mapped.
    _addresses: Mapping,
    range: Range<u64>,
    /// What is behind them.
    behind: Arc<Mapping>,
    state: Mutex<State>,
}

struct State {
    space: AddressSpace,
    reserved: BTreeMap<DeviceAddress, usize>,
    physical: HashMap<Handle, Physical>,
    mapped: BTreeMap<DeviceAddress, Piece>,
}

struct Physical {
    device: Ordinal,
    frame: Frame,
    /// How many times the program holds it.
    references: u32,
    mappings: u32,
}

struct Piece {
    bytes: usize,
    physical: Handle,
    /// A bit for each device that may read and write it.
    access: u64,
}

impl VirtualMemory {
    /// `None` if the operating system has not enough addresses left.
    pub(crate) fn new(devices: &[Device]) -> Option<Self> {
        let capacity: usize = devices.iter().map(|device| device.capacity).sum();
        let bytes = capacity.checked_mul(ADDRESSES_PER_BYTE)?.checked_next_multiple_of(GRANULARITY)?;
        let addresses = Mapping::reserved(bytes.checked_add(GRANULARITY)?)?;
        let start = (addresses.start() as u64).next_multiple_of(GRANULARITY as u64);
        Some(Self {
            _addresses: addresses,
            range: start..start + bytes as u64,
            behind: Arc::new(Mapping::reserved(bytes)?),
            state: Mutex::new(State {
                space: AddressSpace::new(DeviceAddress(start), bytes),
                reserved: BTreeMap::new(),
                physical: HashMap::new(),
                mapped: BTreeMap::new(),
            }),
        })
    }

    pub(crate) fn contains(&self, address: DeviceAddress) -> bool {
        self.range.contains(&address.0)
    }

    pub(crate) fn reserve(&self, bytes: usize, alignment: usize) -> Result<DeviceAddress, Code> {
        if !is_whole(bytes) || alignment > GRANULARITY {
            return Err(Code::INVALID_VALUE);
        }
        let mut state = handle::lock(&self.state);
        let address = state.space.take(bytes).ok_or(Code::OUT_OF_MEMORY)?;
        state.reserved.insert(address, bytes);
        Ok(address)
    }

    /// Gives a range back in which nothing is mapped.
    pub(crate) fn free(&self, address: DeviceAddress, bytes: usize) -> Result<(), Code> {
        let mut state = handle::lock(&self.state);
        if state.reserved.get(&address) != Some(&bytes) || state.pieces(address, bytes).next().is_some() {
            return Err(Code::INVALID_VALUE);
        }
        state.reserved.remove(&address);
        state.space.give_back(address, bytes);
        Ok(())
    }

    /// Physical memory of a device, mapped nowhere.
    pub(crate) fn create(&self, device: &Device, bytes: usize) -> Result<Handle, Code> {
        if !is_whole(bytes) {
            return Err(Code::INVALID_VALUE);
        }
        device.memory().hold(bytes)?;
        let frame = device.frames.take(bytes).inspect_err(|_| device.memory().let_go(bytes))?;
        let physical = Physical { device: device.ordinal, frame, references: 1, mappings: 0 };
        let made = Handle::fresh();
        handle::lock(&self.state).physical.insert(made, physical);
        Ok(made)
    }

    /// Lets go of it once; it is the device's again when nobody holds it and it is mapped nowhere.
    pub(crate) fn release(&self, devices: &[Device], memory: Handle) -> Result<(), Code> {
        let mut state = handle::lock(&self.state);
        let physical = state.physical.get_mut(&memory).ok_or(Code::INVALID_VALUE)?;
        physical.references = physical.references.checked_sub(1).ok_or(Code::INVALID_VALUE)?;
        state.collect(devices, memory);
        Ok(())
    }

    /// That there is such memory, and the program holds it.
    pub(crate) fn check(&self, memory: Handle) -> Result<(), Code> {
        let state = handle::lock(&self.state);
        state
            .physical
            .get(&memory)
            .filter(|known| known.references > 0)
            .map(|_| ())
            .ok_or(Code::INVALID_VALUE)
    }

    /// Holds on once more to what is mapped at `address`.
    pub(crate) fn retain(&self, address: DeviceAddress) -> Result<Handle, Code> {
        let mut state = handle::lock(&self.state);
        let memory = state.piece_at(address).ok_or(Code::INVALID_VALUE)?.1.physical;
        state.physical.get_mut(&memory).ok_or(Code::INVALID_VALUE)?.references += 1;
        Ok(memory)
    }

    /// Maps all of `memory`, for no device yet.
    pub(crate) fn map(
        &self,
        devices: &[Device],
        address: DeviceAddress,
        bytes: usize,
        memory: Handle,
    ) -> Result<(), Code> {
        let mut state = handle::lock(&self.state);
        let known =
            state.physical.get(&memory).filter(|known| known.references > 0 && known.frame.bytes == bytes);
        let (device, frame) = known.map(|known| (known.device, known.frame)).ok_or(Code::INVALID_VALUE)?;
        let is_reserved = state.reserved.range(..=address).next_back().is_some_and(|(start, size)| {
            let offset = address.0 - start.0;
            offset.is_multiple_of(GRANULARITY as u64) && offset + bytes as u64 <= *size as u64
        });
        if !is_reserved {
            return Err(Code::INVALID_VALUE);
        }
        if state.pieces(address, bytes).next().is_some() {
            return Err(Code::ALREADY_MAPPED);
        }
        let file = devices[device.0 as usize].frames.file()?;
        self.behind.map(self.offset(address), bytes, file, frame.offset).ok_or(Code::OUT_OF_MEMORY)?;
        if let Some(known) = state.physical.get_mut(&memory) {
            known.mappings += 1;
        }
        state.mapped.insert(address, Piece { bytes, physical: memory, access: 0 });
        Ok(())
    }

    /// Unmaps whole mappings that fill the range.
    pub(crate) fn unmap(&self, devices: &[Device], address: DeviceAddress, bytes: usize) -> Result<(), Code> {
        let mut state = handle::lock(&self.state);
        let whole: Vec<_> =
            state.pieces(address, bytes).map(|(start, piece)| (*start, piece.bytes)).collect();
        let first = whole.first().is_some_and(|(start, _)| *start == address);
        if !first || whole.iter().map(|(_, bytes)| bytes).sum::<usize>() != bytes {
            return Err(Code::INVALID_VALUE);
        }
        self.behind.unmap(self.offset(address), bytes).ok_or(Code::OPERATING_SYSTEM)?;
        for (start, _) in whole {
            let Some(piece) = state.mapped.remove(&start) else { continue };
            if let Some(known) = state.physical.get_mut(&piece.physical) {
                known.mappings -= 1;
            }
            state.collect(devices, piece.physical);
        }
        Ok(())
    }

    /// Says whether `device` may read and write what is mapped in a range, all of which must be.
    pub(crate) fn set_access(
        &self,
        address: DeviceAddress,
        bytes: usize,
        device: Ordinal,
        allowed: bool,
    ) -> Result<(), Code> {
        let mut state = handle::lock(&self.state);
        if state.pieces(address, bytes).map(|(_, piece)| piece.bytes).sum::<usize>() != bytes {
            return Err(Code::INVALID_VALUE);
        }
        let bit = 1_u64 << device.0;
        for (_, piece) in state.mapped.range_mut(address..DeviceAddress(address.0 + bytes as u64)) {
            piece.access = if allowed { piece.access | bit } else { piece.access & !bit };
        }
        Ok(())
    }

    /// Whether `device` may read and write what is at `address`.
    pub(crate) fn access(&self, address: DeviceAddress, device: Ordinal) -> Result<bool, Code> {
        let state = handle::lock(&self.state);
        let (_, piece) = state.piece_at(address).ok_or(Code::INVALID_VALUE)?;
        Ok(piece.access >> device.0 & 1 == 1)
    }

    /// The device that the memory at `address` is on.
    pub(crate) fn device_at(&self, address: DeviceAddress) -> Option<Ordinal> {
        let state = handle::lock(&self.state);
        let (_, piece) = state.piece_at(address)?;
        state.physical.get(&piece.physical).map(|known| known.device)
    }

    /// The mapping around `address`: its start and its size.
    pub(crate) fn mapping_around(&self, address: DeviceAddress) -> Result<(DeviceAddress, usize), Code> {
        let state = handle::lock(&self.state);
        state.piece_at(address).map(|(start, piece)| (start, piece.bytes)).ok_or(Code::INVALID_VALUE)
    }

    /// The bytes at `address`, if all of them are mapped and some device may use them.
    pub(crate) fn span(&self, address: DeviceAddress, bytes: usize) -> Result<Span, Code> {
        let state = handle::lock(&self.state);
        let end = address.0 + bytes as u64;
        let mut reached = address;
        while reached.0 < end {
            let (start, piece) = state.piece_at(reached).ok_or(Code::INVALID_VALUE)?;
            if piece.access == 0 {
                return Err(Code::INVALID_VALUE);
            }
            reached = DeviceAddress(start.0 + piece.bytes as u64);
        }
        Ok(Span::new(Arc::clone(&self.behind), self.offset(address)))
    }

    fn offset(&self, address: DeviceAddress) -> usize {
        (address.0 - self.range.start) as usize
    }
}

impl State {
    /// The mappings that overlap a range.
    fn pieces(&self, address: DeviceAddress, bytes: usize) -> impl Iterator<Item = (&DeviceAddress, &Piece)> {
        let below = self.piece_at(address).map_or(address, |(start, _)| start);
        self.mapped.range(below..DeviceAddress(address.0 + bytes as u64))
    }

    fn piece_at(&self, address: DeviceAddress) -> Option<(DeviceAddress, &Piece)> {
        let (start, piece) = self.mapped.range(..=address).next_back()?;
        (address.0 - start.0 < piece.bytes as u64).then_some((*start, piece))
    }

    /// Gives physical memory back that nobody holds.
    fn collect(&mut self, devices: &[Device], memory: Handle) {
        let gone = self.physical.get(&memory).filter(|known| known.references == 0 && known.mappings == 0);
        let Some((device, frame)) = gone.map(|known| (&devices[known.device.0 as usize], known.frame)) else {
            return;
        };
        self.physical.remove(&memory);
        device.frames.give_back(frame);
        device.memory().let_go(frame.bytes);
    }
}

fn is_whole(bytes: usize) -> bool {
    bytes > 0 && bytes.is_multiple_of(GRANULARITY)
}
