//! Copies of rectangles and boxes of memory. Each end is told by its kind; arrays, which have no addresses, are on the current
//! device.

use super::{
    Code, Handle,
    copies::{self, End},
    hooked,
};

hooked! {
    3020 fn [cuMemcpy2D_v2 cuMemcpy2D_v2_ptds](shape: *const Rectangle) |next| {
        // SAFETY: whatever the caller passes is passed on.
        unsafe { copy(shape, || next(shape)) }
    }

    3020 fn [cuMemcpy2DUnaligned_v2 cuMemcpy2DUnaligned_v2_ptds](shape: *const Rectangle) |next| {
        // SAFETY: as above.
        unsafe { copy(shape, || next(shape)) }
    }

    3020 fn [cuMemcpy2DAsync_v2 cuMemcpy2DAsync_v2_ptsz](shape: *const Rectangle, stream: Handle) |next| {
        // SAFETY: as above.
        unsafe { copy(shape, || next(shape, stream)) }
    }

    3020 fn [cuMemcpy3D_v2 cuMemcpy3D_v2_ptds](shape: *const Cuboid) |next| {
        // SAFETY: as above.
        unsafe { copy(shape, || next(shape)) }
    }

    3020 fn [cuMemcpy3DAsync_v2 cuMemcpy3DAsync_v2_ptsz](shape: *const Cuboid, stream: Handle) |next| {
        // SAFETY: as above.
        unsafe { copy(shape, || next(shape, stream)) }
    }

    4000 fn [cuMemcpy3DPeer cuMemcpy3DPeer_ptds](shape: *const Cuboid) |next| {
        // SAFETY: as above.
        unsafe { copy(shape, || next(shape)) }
    }

    4000 fn [cuMemcpy3DPeerAsync cuMemcpy3DPeerAsync_ptsz](shape: *const Cuboid, stream: Handle) |next| {
        // SAFETY: as above.
        unsafe { copy(shape, || next(shape, stream)) }
    }
}

/// What is to be copied, and from where to where.
trait Shape {
    fn ends(&self) -> (End, End);
    fn bytes(&self) -> usize;
}

/// Runs a copy as a transfer.
///
/// # Safety
///
/// `shape` is null, or what the driver is to read.
unsafe fn copy<S: Shape>(shape: *const S, call: impl FnOnce() -> Code) -> Code {
    // SAFETY: the caller says so.
    match unsafe { shape.as_ref() } {
        Some(shape) => copies::copy(|| shape.ends(), shape.bytes(), call),
        None => call(),
    }
}

/// One end of a copy in two dimensions: the half of `CUDA_MEMCPY2D`.
#[repr(C)]
struct Plane {
    x: usize,
    y: usize,
    place: Place,
    pitch: usize,
}

/// `CUDA_MEMCPY2D`
#[repr(C)]
struct Rectangle {
    from: Plane,
    to: Plane,
    width: usize,
    height: usize,
}

/// One end of a copy in three dimensions: the half of `CUDA_MEMCPY3D`.
#[repr(C)]
struct Space {
    x: usize,
    y: usize,
    z: usize,
    level: usize,
    place: Place,
    reserved: Handle,
    pitch: usize,
    height: usize,
}

/// `CUDA_MEMCPY3D`; or `CUDA_MEMCPY3D_PEER`, which has contexts in the reserved places.
#[repr(C)]
struct Cuboid {
    from: Space,
    to: Space,
    width: usize,
    height: usize,
    depth: usize,
}

/// Which memory it is: one of the addresses counts.
#[repr(C)]
struct Place {
    /// A `CUmemorytype`.
    kind: u32,
    host: u64,
    device: u64,
    array: Handle,
}

impl Place {
    fn end(&self) -> End {
        const HOST: u32 = 1;
        const UNIFIED: u32 = 4;
        match self.kind {
            HOST => copies::host(self.host),
            UNIFIED => copies::either(self.device),
            _ => copies::device(self.device),
        }
    }
}

impl Shape for Rectangle {
    fn ends(&self) -> (End, End) {
        (self.from.place.end(), self.to.place.end())
    }

    fn bytes(&self) -> usize {
        self.width.saturating_mul(self.height)
    }
}

impl Shape for Cuboid {
    fn ends(&self) -> (End, End) {
        (self.from.place.end(), self.to.place.end())
    }

    fn bytes(&self) -> usize {
        self.width.saturating_mul(self.height).saturating_mul(self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of the structures in cuda.h.
    #[test]
    fn shapes_are_those_of_the_header() {
        assert_eq!((size_of::<Rectangle>(), size_of::<Cuboid>()), (128, 200));
    }
}
