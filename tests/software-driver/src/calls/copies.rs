//! Copies: every byte really moves, and only between live blocks and host memory.

use std::ffi::c_void;
use std::ptr;

use crate::boundary::{Out, driver_calls};
use crate::calls::streams;
use crate::code::Code;
use crate::context::{self, Current};
use crate::device::Device;
use crate::device_memory::{DeviceAddress, Span};
use crate::driver::Driver;
use crate::handle::Handle;

driver_calls! {
    fn cuMemcpyHtoD_v2(to: DeviceAddress, from: usize, bytes: usize) {
        copy(context::current()?.driver, Side::Device(to), Side::Host(from), bytes)
    }

    fn cuMemcpyHtoDAsync_v2(to: DeviceAddress, from: usize, bytes: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        copy(driver, Side::Device(to), Side::Host(from), bytes)
    }

    fn cuMemcpyDtoH_v2(to: usize, from: DeviceAddress, bytes: usize) {
        copy(context::current()?.driver, Side::Host(to), Side::Device(from), bytes)
    }

    fn cuMemcpyDtoHAsync_v2(to: usize, from: DeviceAddress, bytes: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        copy(driver, Side::Host(to), Side::Device(from), bytes)
    }

    fn cuMemcpyDtoD_v2(to: DeviceAddress, from: DeviceAddress, bytes: usize) {
        copy(context::current()?.driver, Side::Device(to), Side::Device(from), bytes)
    }

    fn cuMemcpyDtoDAsync_v2(to: DeviceAddress, from: DeviceAddress, bytes: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        copy(driver, Side::Device(to), Side::Device(from), bytes)
    }

    fn cuMemcpyPeer(to: DeviceAddress, to_context: Handle, from: DeviceAddress, from_context: Handle, bytes: usize) {
        let driver = context::current()?.driver;
        peer_copy(driver, (to, to_context), (from, from_context), bytes)
    }

    fn cuMemcpyPeerAsync(
        to: DeviceAddress,
        to_context: Handle,
        from: DeviceAddress,
        from_context: Handle,
        bytes: usize,
        stream: Handle,
    ) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        peer_copy(driver, (to, to_context), (from, from_context), bytes)
    }

    fn cuMemcpy(to: DeviceAddress, from: DeviceAddress, bytes: usize) {
        let driver = context::current()?.driver;
        copy(driver, Side::unified(driver, to), Side::unified(driver, from), bytes)
    }

    fn cuMemcpy2D_v2(shape: *const Rectangle) {
        copy_rows(context::current()?.driver, shape)
    }

    fn cuMemcpy2DAsync_v2(shape: *const Rectangle, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        copy_rows(driver, shape)
    }

    fn cuMemcpy3D_v2(shape: *const Cuboid) {
        copy_layers(context::current()?.driver, shape)
    }

    fn cuMemcpy3DAsync_v2(shape: *const Cuboid, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        copy_layers(driver, shape)
    }

    fn cuMemcpyBatchAsync(
        to: *const DeviceAddress,
        from: *const DeviceAddress,
        bytes: *const usize,
        count: usize,
        _attributes: *const c_void,
        _indices: *const usize,
        _attribute_count: usize,
        failed: Out<usize>,
        stream: Handle,
    ) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        for place in 0..count {
            // SAFETY: the caller owes `count` of each.
            let (to, from, bytes) = unsafe { (*to.add(place), *from.add(place), *bytes.add(place)) };
            let copied = copy(driver, Side::unified(driver, to), Side::unified(driver, from), bytes);
            if copied.is_err() {
                failed.set_if_wanted(place);
                return copied;
            }
        }
        Ok(())
    }

    fn cuMemcpyAsync(to: DeviceAddress, from: DeviceAddress, bytes: usize, stream: Handle) {
        let Some(Current { driver, .. }) = streams::work_on(stream)? else { return Ok(()) };
        copy(driver, Side::unified(driver, to), Side::unified(driver, from), bytes)
    }
}

/// One half of `CUDA_MEMCPY2D`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Plane {
    x: usize,
    y: usize,
    kind: u32,
    host: usize,
    device: DeviceAddress,
    array: Handle,
    pitch: usize,
}

/// `CUDA_MEMCPY2D`
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Rectangle {
    from: Plane,
    to: Plane,
    width: usize,
    height: usize,
}

impl Plane {
    /// Where a row begins.
    fn row(&self, row: usize) -> Result<Side, Code> {
        const HOST: u32 = 1;
        const DEVICE: u32 = 2;
        let offset = (self.y + row) * self.pitch + self.x;
        match self.kind {
            HOST => Ok(Side::Host(self.host + offset)),
            DEVICE => Ok(Side::Device(DeviceAddress(self.device.0 + offset as u64))),
            _ => Err(Code::INVALID_VALUE),
        }
    }
}

/// One half of `CUDA_MEMCPY3D`: planes of so many rows, one behind the other.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Space {
    x: usize,
    y: usize,
    z: usize,
    level: usize,
    kind: u32,
    host: usize,
    device: DeviceAddress,
    array: Handle,
    reserved: Handle,
    pitch: usize,
    height: usize,
}

/// `CUDA_MEMCPY3D`
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Cuboid {
    from: Space,
    to: Space,
    width: usize,
    height: usize,
    depth: usize,
}

impl Space {
    /// The plane at a depth.
    fn plane(&self, depth: usize) -> Plane {
        let Self { x, y, kind, host, device, array, pitch, .. } = *self;
        Plane { x, y: (self.z + depth) * self.height + y, kind, host, device, array, pitch }
    }
}

fn copy_layers(driver: &Driver, shape: *const Cuboid) -> Result<(), Code> {
    // SAFETY: the caller owes null or a whole structure.
    let shape = unsafe { shape.as_ref() }.ok_or(Code::INVALID_VALUE)?;
    (0..shape.depth).try_for_each(|depth| {
        let (from, to) = (shape.from.plane(depth), shape.to.plane(depth));
        copy_rows(driver, &Rectangle { from, to, width: shape.width, height: shape.height })
    })
}

fn copy_rows(driver: &Driver, shape: *const Rectangle) -> Result<(), Code> {
    // SAFETY: the caller owes null or a whole structure.
    let shape = unsafe { shape.as_ref() }.ok_or(Code::INVALID_VALUE)?;
    (0..shape.height).try_for_each(|row| copy(driver, shape.to.row(row)?, shape.from.row(row)?, shape.width))
}

/// One end of a copy.
enum Side {
    Device(DeviceAddress),
    Host(usize),
}

impl Side {
    /// What an address means under unified addressing.
    fn unified(driver: &Driver, address: DeviceAddress) -> Self {
        if driver.is_of_a_device(address) { Self::Device(address) } else { Self::Host(address.0 as usize) }
    }

    /// The device, if it is one's.
    fn device<'a>(&self, driver: &'a Driver) -> Option<&'a Device> {
        match self {
            Self::Device(address) => driver.device_at(*address),
            Self::Host(_) => None,
        }
    }

    fn bytes(self, driver: &Driver, bytes: usize) -> Result<Bytes, Code> {
        match self {
            Self::Device(address) => driver.span(address, bytes).map(Bytes::Device),
            // A device address passed as a host's would fault in the middle of the copy.
            Self::Host(0) => Err(Code::INVALID_VALUE),
            Self::Host(address) if driver.is_of_a_device(DeviceAddress(address as u64)) => {
                Err(Code::INVALID_VALUE)
            }
            Self::Host(address) => Ok(Bytes::Host(ptr::with_exposed_provenance_mut(address))),
        }
    }
}

/// The bytes at one end; those of a device stay mapped while this lives, even if the block is freed meanwhile.
enum Bytes {
    Device(Span),
    Host(*mut u8),
}

impl Bytes {
    fn start(&self) -> *mut u8 {
        match self {
            Self::Device(span) => span.start(),
            Self::Host(start) => *start,
        }
    }
}

fn copy(driver: &Driver, to: Side, from: Side, bytes: usize) -> Result<(), Code> {
    if bytes == 0 {
        return Ok(());
    }
    let grown = [&to, &from].into_iter().find_map(|side| side.device(driver));
    let to = to.bytes(driver, bytes)?;
    let from = from.bytes(driver, bytes)?;
    // SAFETY: a span is `bytes` long inside a mapping that it keeps alive, and the caller of a copy owes host memory of
    // that size. `copy` allows the two to overlap.
    unsafe { ptr::copy(from.start(), to.start(), bytes) };
    if let Some(device) = grown {
        device.memory().grow();
    }
    Ok(())
}

/// A copy whose ends name their contexts, which must be alive and of the devices that the addresses are on.
fn peer_copy(
    driver: &Driver,
    to: (DeviceAddress, Handle),
    from: (DeviceAddress, Handle),
    bytes: usize,
) -> Result<(), Code> {
    for (address, context) in [to, from] {
        let device = driver.contexts.device_of(context).ok_or(Code::INVALID_CONTEXT)?;
        if driver.device_at(address).is_none_or(|found| found.ordinal != device) {
            return Err(Code::INVALID_VALUE);
        }
    }
    copy(driver, Side::Device(to.0), Side::Device(from.0), bytes)
}
