//! Memory that the driver handed out and has not got back, and how each piece was recorded.

use memtrace_tracer::{Address, Bytes, MemoryKind, Pool, Stack};

use super::{DeviceAddress, owner::Owner};
use crate::preload::{
    extents::{Extent, Extents, Taken},
    stacks,
};

/// What a range is in the log.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) pool: Pool,
    pub(super) form: Form,
    pub(super) kind: MemoryKind,
    pub(super) device: u16,
    /// Who asked for it.
    pub(super) stack: Stack,
}

/// Which events say that it came and went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Block,
    Segment,
    /// A part of a segment that grows.
    Mapped,
}

static LIVE: Extents<About> = Extents::new();

/// The driver handed out memory of a device to `owner`.
pub(super) fn handed_out(owner: Owner, device: u16, address: DeviceAddress, bytes: usize, virtually: bool) {
    let form = match (owner.is_caching_allocator(), virtually) {
        (false, _) => Form::Block,
        (true, false) => Form::Segment,
        (true, true) => Form::Mapped,
    };
    let about =
        About { pool: owner.pool(device), form, kind: MemoryKind::Device, device, stack: stacks::here() };
    begin(&extent(address, bytes), about);
}

/// A range is live from now on.
pub(super) fn begin(extent: &Extent, about: About) {
    if extent.is_empty() || !LIVE.insert(extent, about) {
        return;
    }
    let (address, size) = (Address(extent.start as u64), Bytes(extent.len() as u64));
    let request = about.pool.asked_by(about.stack);
    match about.form {
        Form::Block => request.block_alloc(address, size, size),
        Form::Segment => request.segment_alloc(address, size),
        Form::Mapped => request.segment_map(address, size),
    }
}

/// What begins at `address` is about to be given back.
pub(super) fn end(address: DeviceAddress) -> Option<(Extent, About)> {
    let (extent, _) = LIVE.around(address as usize)?;
    // The driver takes back nothing by an address inside it.
    if extent.start == address as usize { end_within(&extent) } else { None }
}

/// One of the ranges that overlap `range` is about to be given back.
pub(super) fn end_within(range: &Extent) -> Option<(Extent, About)> {
    let Taken { extent, about, .. } = LIVE.take(range)?;
    let (address, size) = (Address(extent.start as u64), Bytes(extent.len() as u64));
    match about.form {
        Form::Block => about.pool.block_free(address, size),
        Form::Segment => about.pool.segment_free(address, size),
        Form::Mapped => about.pool.segment_unmap(address, size),
    }
    Some((extent, about))
}

/// What `address` is in.
pub(super) fn around(address: DeviceAddress) -> Option<About> {
    LIVE.around(address as usize).map(|(_, about)| about)
}

pub(super) fn extent(address: DeviceAddress, bytes: usize) -> Extent {
    let start = address as usize;
    start..start.saturating_add(bytes)
}
