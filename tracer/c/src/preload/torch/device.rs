//! Devices as PyTorch numbers them.

use memtrace_tracer::{self as memtrace, Bytes, Heap, MemoryKind, Pool};

use crate::preload::{
    driver,
    pools::{self, LazyPool, MOST_DEVICES},
};

/// `c10::Device`, which is passed by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Device {
    /// A `c10::DeviceType`.
    kind: i8,
    /// Its ordinal; -1 where there is but one.
    index: i8,
}

/// The names of `c10::DeviceType`, in its order.
const KINDS: [&str; 21] = [
    "cpu",
    "cuda",
    "mkldnn",
    "opengl",
    "opencl",
    "ideep",
    "hip",
    "fpga",
    "maia",
    "xla",
    "vulkan",
    "metal",
    "xpu",
    "mps",
    "meta",
    "hpu",
    "ve",
    "lazy",
    "ipu",
    "mtia",
    "privateuseone",
];

const CPU: i8 = 0;
const CUDA: i8 = 1;

/// How many devices are told apart.
pub(super) const PLACES: usize = KINDS.len() * MOST_DEVICES;

impl Device {
    pub(super) fn numbered(kind: i8, index: i8) -> Self {
        Self { kind, index }
    }

    /// Whether it is the host.
    pub(super) fn is_host(self) -> bool {
        self.kind == CPU
    }

    /// A number of its own below [`PLACES`], if it is a device that has a name.
    pub(super) fn place(self) -> Option<usize> {
        let (kind, index) = (usize::try_from(self.kind).ok()?, self.ordinal());
        (kind < KINDS.len() && index < MOST_DEVICES).then_some(kind * MOST_DEVICES + index)
    }

    /// Where its blocks are recorded. Segments that are seen at the driver are in the same heap.
    pub(super) fn pool(self) -> Option<Pool> {
        static POOLS: [LazyPool; PLACES] = [const { LazyPool::new() }; PLACES];
        let place = self.place()?;
        if self.kind == CUDA {
            return Some(pools::cuda(self.ordinal() as u16));
        }
        Some(POOLS[place].get_or_define(|| {
            let (kind, device) = if self.is_host() {
                (MemoryKind::Host, None)
            } else {
                (
                    MemoryKind::Device,
                    Some(memtrace::Device::define(self.ordinal() as u16, &self.name(), None)),
                )
            };
            Heap::define(&self.name(), kind, device).pool("", 0)
        }))
    }

    /// What the driver has free of it. PyTorch makes the device that it asks the current one.
    pub(super) fn free(self) -> Option<Bytes> {
        if self.kind == CUDA { driver::free() } else { None }
    }

    /// The name of its heap.
    pub(super) fn name(self) -> String {
        let kind = usize::try_from(self.kind).ok().and_then(|kind| KINDS.get(kind)).unwrap_or(&"unknown");
        if self.is_host() { format!("torch {kind}") } else { format!("{kind}:{}", self.ordinal()) }
    }

    fn ordinal(self) -> usize {
        usize::try_from(self.index).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_a_name_and_a_place() {
        let named = |kind, index| (Device { kind, index }.name(), Device { kind, index }.place());
        assert_eq!(named(0, -1), ("torch cpu".to_owned(), Some(0)));
        assert_eq!(named(1, 3), ("cuda:3".to_owned(), Some(MOST_DEVICES + 3)));
        assert_eq!(named(20, 0).0, "privateuseone:0");
        assert_eq!(named(99, 0).1, None);
        assert_eq!(named(1, i8::MAX).1, None);
    }
}
