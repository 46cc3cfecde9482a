//! Results of calls, and a thread's last failure.

use std::cell::Cell;
use std::ffi::CStr;

/// `cudaError_t`. What the driver answers means the same here, by the same number.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(pub(crate) u32);

thread_local! {
    static LAST: Cell<Error> = const { Cell::new(Error::SUCCESS) };
}

impl Error {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const INVALID_VALUE: Self = Self(1);
    pub(crate) const INITIALIZATION: Self = Self(3);
    pub(crate) const INVALID_DEVICE: Self = Self(101);
    pub(crate) const NOT_READY: Self = Self(600);
    pub(crate) const NOT_SUPPORTED: Self = Self(801);
    pub(crate) const UNKNOWN: Self = Self(999);

    /// The names of the runtime's own that programs look for, and a description.
    pub(crate) fn text(self) -> (&'static CStr, &'static CStr) {
        match self.0 {
            0 => (c"cudaSuccess", c"no error"),
            1 => (c"cudaErrorInvalidValue", c"invalid argument"),
            2 => (c"cudaErrorMemoryAllocation", c"out of memory"),
            3 => (c"cudaErrorInitializationError", c"initialization error"),
            100 => (c"cudaErrorNoDevice", c"no CUDA-capable device is detected"),
            101 => (c"cudaErrorInvalidDevice", c"invalid device ordinal"),
            201 => (c"cudaErrorDeviceUninitialized", c"invalid device context"),
            400 => (c"cudaErrorInvalidResourceHandle", c"invalid resource handle"),
            500 => (c"cudaErrorSymbolNotFound", c"named symbol not found"),
            600 => (c"cudaErrorNotReady", c"device not ready"),
            704 => (c"cudaErrorPeerAccessAlreadyEnabled", c"peer access is already enabled"),
            705 => (c"cudaErrorPeerAccessNotEnabled", c"peer access has not been enabled"),
            712 => (c"cudaErrorHostMemoryAlreadyRegistered", c"host memory is already registered"),
            713 => (c"cudaErrorHostMemoryNotRegistered", c"host memory is not registered"),
            801 => (c"cudaErrorNotSupported", c"operation not supported"),
            _ => (c"cudaErrorUnknown", c"unknown error"),
        }
    }

    /// Keeps what a call returns. A device that is not ready is no failure.
    pub(crate) fn keep(self) {
        if self != Self::SUCCESS && self != Self::NOT_READY {
            let _ = LAST.try_with(|last| last.set(self));
        }
    }

    /// The thread's last failure.
    pub(crate) fn last() -> Self {
        LAST.try_with(Cell::get).unwrap_or(Self::UNKNOWN)
    }

    /// The thread's last failure, which is then none.
    pub(crate) fn take_last() -> Self {
        LAST.try_with(|last| last.replace(Self::SUCCESS)).unwrap_or(Self::UNKNOWN)
    }
}
