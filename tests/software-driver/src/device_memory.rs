//! The memory of one device: which blocks live where, and what is left.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::address_space::AddressSpace;
use crate::code::Code;
use crate::handle::Handle;
use crate::mapping::Mapping;
use crate::pool::Pool;
use crate::settings::Settings;

/// How many times its capacity a device has in addresses, so that it runs out of memory and never of places to put it.
pub(crate) const ADDRESSES_PER_BYTE: usize = 16;

/// Addresses begin on a multiple of this, as a device's do.
const ADDRESS_ALIGNMENT: usize = 2 << 20;

/// A place in a device's address range (`CUdeviceptr`); the program can compute with it and not look behind it.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeviceAddress(pub(crate) u64);

/// Which call a block came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `cuMemAlloc`: taken from the device.
    Device,
    /// `cuMemAllocAsync` and `cuMemAllocFromPoolAsync`: taken from a pool.
    Pool(Handle),
}

/// Bytes of a live block, kept alive while somebody copies them.
pub(crate) struct Span {
    backing: Arc<Mapping>,
    offset: usize,
}

impl Span {
    pub(crate) fn new(backing: Arc<Mapping>, offset: usize) -> Self {
        Self { backing, offset }
    }

    pub(crate) fn start(&self) -> *mut u8 {
        self.backing.start().wrapping_add(self.offset)
    }
}

struct Block {
    bytes: usize,
    charged: usize,
    origin: Origin,
    context: Handle,
    backing: Arc<Mapping>,
}

pub(crate) struct DeviceMemory {
    /// Keeps the addresses reserved.
    _addresses: Mapping,
    range: Range<u64>,
    space: AddressSpace,
    blocks: BTreeMap<DeviceAddress, Block>,
    capacity: usize,
    granularity: usize,
    /// Bytes taken that are not the pool's: blocks, contexts, other processes.
    held: usize,
    /// Those of other processes.
    foreign: usize,
    /// What the process and others take with each copy, beside its blocks.
    growth: [usize; 2],
    pools: HashMap<Handle, Pool>,
}

impl DeviceMemory {
    /// `None` if the operating system has not enough addresses left.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let alignment = settings.granularity.max(ADDRESS_ALIGNMENT);
        let bytes = settings.capacity.checked_mul(ADDRESSES_PER_BYTE)?.checked_next_multiple_of(alignment)?;
        let addresses = Mapping::reserved(bytes.checked_add(alignment)?)?;
        let start = (addresses.start() as u64).next_multiple_of(alignment as u64);
        Some(Self {
            _addresses: addresses,
            range: start..start + bytes as u64,
            space: AddressSpace::new(DeviceAddress(start), bytes),
            blocks: BTreeMap::new(),
            capacity: settings.capacity,
            granularity: settings.granularity,
            held: settings.foreign_bytes,
            foreign: settings.foreign_bytes,
            growth: [settings.context_growth, settings.foreign_growth],
            pools: HashMap::new(),
        })
    }

    /// A pool of this device's memory, empty.
    pub(crate) fn make_pool(&mut self) -> Handle {
        let handle = Handle::fresh();
        self.pools.insert(handle, Pool::new());
        handle
    }

    /// Ends a pool that nothing is allocated from.
    pub(crate) fn end_pool(&mut self, handle: Handle) -> Result<(), Code> {
        if self.pool(handle)?.is_in_use() {
            return Err(Code::INVALID_VALUE);
        }
        self.pools.remove(&handle);
        Ok(())
    }

    pub(crate) fn pool(&mut self, handle: Handle) -> Result<&mut Pool, Code> {
        self.pools.get_mut(&handle).ok_or(Code::INVALID_VALUE)
    }

    /// The addresses that blocks of this device can have.
    pub(crate) fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    pub(crate) fn free_bytes(&self) -> usize {
        self.capacity - self.held - self.pools.values().map(Pool::reserved).sum::<usize>()
    }

    /// What other processes hold.
    pub(crate) fn foreign_bytes(&self) -> usize {
        self.foreign
    }

    /// A copy was made: the context and other processes grow as they are set to, as far as there is room.
    pub(crate) fn grow(&mut self) {
        let [context, foreign] = self.growth;
        self.held += context.min(self.free_bytes());
        let foreign = foreign.min(self.free_bytes());
        self.held += foreign;
        self.foreign += foreign;
    }

    /// Takes bytes that are no block, such as a context's own.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Code> {
        if bytes > self.free_bytes() {
            return Err(Code::OUT_OF_MEMORY);
        }
        self.held += bytes;
        Ok(())
    }

    pub(crate) fn let_go(&mut self, bytes: usize) {
        self.held -= bytes;
    }

    pub(crate) fn allocate(
        &mut self,
        bytes: usize,
        origin: Origin,
        context: Handle,
    ) -> Result<DeviceAddress, Code> {
        if bytes == 0 {
            return Err(Code::INVALID_VALUE);
        }
        let charged = bytes
            .checked_next_multiple_of(self.granularity)
            .filter(|charged| *charged <= self.capacity)
            .ok_or(Code::OUT_OF_MEMORY)?;
        let growth = match origin {
            Origin::Device => charged,
            Origin::Pool(pool) => self.pool(pool)?.growth(charged),
        };
        if growth > self.free_bytes() {
            return Err(Code::OUT_OF_MEMORY);
        }
        let backing = Arc::new(Mapping::backed(bytes).ok_or(Code::OUT_OF_MEMORY)?);
        let address = self.space.take(charged).ok_or(Code::OUT_OF_MEMORY)?;
        match origin {
            Origin::Device => self.held += charged,
            Origin::Pool(pool) => self.pool(pool)?.take(charged),
        }
        let block = Block { bytes, charged, origin, context, backing };
        self.blocks.insert(address, block);
        Ok(address)
    }

    /// Frees the block that begins at `address`.
    pub(crate) fn free(&mut self, address: DeviceAddress) -> Result<(), Code> {
        let block = self.blocks.remove(&address).ok_or(Code::INVALID_VALUE)?;
        self.space.give_back(address, block.charged);
        match block.origin {
            Origin::Device => self.held -= block.charged,
            Origin::Pool(pool) => self.pool(pool)?.put_back(block.charged),
        }
        Ok(())
    }

    /// Frees every block that was allocated in `context`.
    pub(crate) fn free_all_of(&mut self, context: Handle) {
        let addresses: Vec<_> = self
            .blocks
            .iter()
            .filter(|(_, block)| block.context == context)
            .map(|(address, _)| *address)
            .collect();
        for address in addresses {
            // The address was listed under the lock that still is held, so the block is there.
            let _ = self.free(address);
        }
    }

    /// The live block around `address`: its start and its size as requested.
    pub(crate) fn block_around(&self, address: DeviceAddress) -> Result<(DeviceAddress, usize), Code> {
        let (start, block) = self.find(address)?;
        Ok((start, block.bytes))
    }

    /// The bytes at `address`, if all of them lie in one live block.
    pub(crate) fn span(&self, address: DeviceAddress, bytes: usize) -> Result<Span, Code> {
        let (start, block) = self.find(address)?;
        let offset = (address.0 - start.0) as usize;
        if bytes > block.bytes - offset {
            return Err(Code::INVALID_VALUE);
        }
        Ok(Span::new(Arc::clone(&block.backing), offset))
    }

    fn find(&self, address: DeviceAddress) -> Result<(DeviceAddress, &Block), Code> {
        self.blocks
            .range(..=address)
            .next_back()
            .filter(|(start, block)| address.0 - start.0 < block.bytes as u64)
            .map(|(start, block)| (*start, block))
            .ok_or(Code::INVALID_VALUE)
    }
}
