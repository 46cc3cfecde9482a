//! Host memory that the driver allocated, or was told of.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::code::Code;
use crate::handle::{self, Handle};
use crate::mapping::Mapping;

/// A host address, as a number: this module never looks behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostAddress(pub(crate) usize);

pub(crate) struct PinnedMemory(Mutex<BTreeMap<HostAddress, Pinned>>);

struct Pinned {
    bytes: usize,
    flags: u32,
    context: Handle,
    /// The memory, if it is the driver's and not the program's.
    owned: Option<Mapping>,
}

impl PinnedMemory {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub(crate) fn allocate(&self, bytes: usize, flags: u32, context: Handle) -> Result<HostAddress, Code> {
        if bytes == 0 {
            return Err(Code::INVALID_VALUE);
        }
        let memory = Mapping::backed(bytes).ok_or(Code::OUT_OF_MEMORY)?;
        let address = HostAddress(memory.start() as usize);
        let pinned = Pinned { bytes, flags, context, owned: Some(memory) };
        handle::lock(&self.0).insert(address, pinned);
        Ok(address)
    }

    pub(crate) fn free(&self, address: HostAddress) -> Result<(), Code> {
        self.remove(address, true).ok_or(Code::INVALID_VALUE)
    }

    /// Takes note of the program's own memory.
    pub(crate) fn register(
        &self,
        address: HostAddress,
        bytes: usize,
        flags: u32,
        context: Handle,
    ) -> Result<(), Code> {
        let end = address.0.checked_add(bytes).ok_or(Code::INVALID_VALUE)?;
        if address.0 == 0 || bytes == 0 {
            return Err(Code::INVALID_VALUE);
        }
        let mut pinned = handle::lock(&self.0);
        let below_the_end = pinned.range(..HostAddress(end)).next_back();
        if below_the_end.is_some_and(|(start, known)| start.0 + known.bytes > address.0) {
            return Err(Code::HOST_MEMORY_ALREADY_REGISTERED);
        }
        let registered = Pinned { bytes, flags, context, owned: None };
        pinned.insert(address, registered);
        Ok(())
    }

    pub(crate) fn unregister(&self, address: HostAddress) -> Result<(), Code> {
        self.remove(address, false).ok_or(Code::HOST_MEMORY_NOT_REGISTERED)
    }

    /// The flags given for the memory around `address`.
    pub(crate) fn flags(&self, address: HostAddress) -> Result<u32, Code> {
        let pinned = handle::lock(&self.0);
        let (start, known) = pinned.range(..=address).next_back().ok_or(Code::INVALID_VALUE)?;
        if address.0 - start.0 >= known.bytes {
            return Err(Code::INVALID_VALUE);
        }
        Ok(known.flags)
    }

    pub(crate) fn release_all_of(&self, context: Handle) {
        handle::lock(&self.0).retain(|_, pinned| pinned.context != context);
    }

    fn remove(&self, address: HostAddress, owned: bool) -> Option<()> {
        let mut pinned = handle::lock(&self.0);
        if pinned.get(&address)?.owned.is_some() != owned {
            return None;
        }
        pinned.remove(&address).map(drop)
    }
}
