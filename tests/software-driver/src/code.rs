//! The codes that calls return: the values and names of `CUresult` in cuda.h.

use std::ffi::CStr;

/// What a call returns; 0 is success.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    /// The name in cuda.h and a description, or `None` for a value not listed here.
    pub(crate) fn text(self) -> Option<(&'static CStr, &'static CStr)> {
        CODES.iter().find(|(code, _, _)| *code == self).map(|(_, name, description)| (*name, *description))
    }
}

macro_rules! codes {
    ($($name:ident = $value:literal, $exported:literal, $description:literal;)*) => {
        #[allow(dead_code, reason = "some codes are returned only as injected faults")]
        impl Code {
            $(pub(crate) const $name: Self = Self($value);)*
        }

        const CODES: &[(Code, &CStr, &CStr)] = &[$((Code::$name, $exported, $description)),*];
    };
}

codes! {
    SUCCESS = 0, c"CUDA_SUCCESS", c"no error";
    INVALID_VALUE = 1, c"CUDA_ERROR_INVALID_VALUE", c"invalid argument";
    OUT_OF_MEMORY = 2, c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory";
    NOT_INITIALIZED = 3, c"CUDA_ERROR_NOT_INITIALIZED", c"cuInit has not been called";
    DEINITIALIZED = 4, c"CUDA_ERROR_DEINITIALIZED", c"the driver is shutting down";
    NO_DEVICE = 100, c"CUDA_ERROR_NO_DEVICE", c"no device";
    INVALID_DEVICE = 101, c"CUDA_ERROR_INVALID_DEVICE", c"invalid device ordinal";
    INVALID_CONTEXT = 201, c"CUDA_ERROR_INVALID_CONTEXT", c"invalid context, or none current";
    ALREADY_MAPPED = 208, c"CUDA_ERROR_ALREADY_MAPPED", c"already mapped";
    ECC_UNCORRECTABLE = 214, c"CUDA_ERROR_ECC_UNCORRECTABLE", c"uncorrectable memory error";
    PEER_ACCESS_UNSUPPORTED = 217, c"CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", c"peer access is not supported between these devices";
    OPERATING_SYSTEM = 304, c"CUDA_ERROR_OPERATING_SYSTEM", c"the operating system refused";
    INVALID_HANDLE = 400, c"CUDA_ERROR_INVALID_HANDLE", c"invalid handle";
    NOT_FOUND = 500, c"CUDA_ERROR_NOT_FOUND", c"symbol not found";
    NOT_READY = 600, c"CUDA_ERROR_NOT_READY", c"not finished yet";
    ILLEGAL_ADDRESS = 700, c"CUDA_ERROR_ILLEGAL_ADDRESS", c"illegal memory access";
    LAUNCH_OUT_OF_RESOURCES = 701, c"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", c"too many resources requested";
    LAUNCH_TIMEOUT = 702, c"CUDA_ERROR_LAUNCH_TIMEOUT", c"a launch took too long";
    PEER_ACCESS_ALREADY_ENABLED = 704, c"CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", c"peer access is enabled already";
    PEER_ACCESS_NOT_ENABLED = 705, c"CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", c"peer access is not enabled";
    CONTEXT_IS_DESTROYED = 709, c"CUDA_ERROR_CONTEXT_IS_DESTROYED", c"the current context was destroyed";
    HOST_MEMORY_ALREADY_REGISTERED = 712, c"CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED", c"host memory already registered";
    HOST_MEMORY_NOT_REGISTERED = 713, c"CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", c"host memory not registered";
    LAUNCH_FAILED = 719, c"CUDA_ERROR_LAUNCH_FAILED", c"a launch failed";
    NOT_PERMITTED = 800, c"CUDA_ERROR_NOT_PERMITTED", c"not permitted";
    NOT_SUPPORTED = 801, c"CUDA_ERROR_NOT_SUPPORTED", c"not supported";
    SYSTEM_NOT_READY = 802, c"CUDA_ERROR_SYSTEM_NOT_READY", c"the system is not ready";
    STREAM_CAPTURE_UNMATCHED = 903, c"CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", c"the capture began on another stream";
    STREAM_CAPTURE_IMPLICIT = 906, c"CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", c"the legacy stream is not captured";
    CAPTURED_EVENT = 907, c"CUDA_ERROR_CAPTURED_EVENT", c"the event was recorded in a capture";
    UNKNOWN = 999, c"CUDA_ERROR_UNKNOWN", c"unknown error";
}
