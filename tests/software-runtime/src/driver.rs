//! The driver's calls, looked up as NVIDIA's runtime does: the library, `cuGetProcAddress_v2`, and from it every other.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use crate::error::Error;

/// A stream, an event, a context, a pool, a graph.
pub(crate) type Handle = *mut c_void;

/// An address on a device.
pub(crate) type DeviceAddress = u64;

type Look = unsafe extern "C" fn(*const c_char, *mut *mut c_void, c_int, u64, *mut c_int) -> Error;

/// Every function by its base name, with the version of cuda.h that brought the form it has here.
macro_rules! driver {
    ($($version:literal $field:ident = $name:literal($($kind:ty),* $(,)?);)*) => {
        pub(crate) struct Driver {
            look: Look,
            $(pub(crate) $field: unsafe extern "C" fn($($kind),*) -> Error,)*
        }

        impl Driver {
            fn found_by(look: Look) -> Option<Self> {
                Some(Self {
                    look,
                    // SAFETY: the function of this name and version has this type in cuda.h.
                    $($field: unsafe {
                        std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($kind),*) -> Error>(find(look, $name, $version)?)
                    },)*
                })
            }
        }
    };
}

driver! {
    2000 init = c"cuInit"(u32);
    2020 version = c"cuDriverGetVersion"(*mut c_int);
    2000 device_count = c"cuDeviceGetCount"(*mut c_int);
    2000 device_name = c"cuDeviceGetName"(*mut c_char, c_int, c_int);
    11040 device_uuid = c"cuDeviceGetUuid"(*mut [u8; 16], c_int);
    3020 device_bytes = c"cuDeviceTotalMem"(*mut usize, c_int);
    2000 device_attribute = c"cuDeviceGetAttribute"(*mut c_int, c_int, c_int);
    4010 device_bus_id = c"cuDeviceGetPCIBusId"(*mut c_char, c_int, c_int);
    4000 can_access_peer = c"cuDeviceCanAccessPeer"(*mut c_int, c_int, c_int);
    11020 default_pool = c"cuDeviceGetDefaultMemPool"(*mut Handle, c_int);
    11020 pool_in_use = c"cuDeviceGetMemPool"(*mut Handle, c_int);
    11020 use_pool = c"cuDeviceSetMemPool"(c_int, Handle);
    7000 retain_primary = c"cuDevicePrimaryCtxRetain"(*mut Handle, c_int);
    4000 current = c"cuCtxGetCurrent"(*mut Handle);
    4000 set_current = c"cuCtxSetCurrent"(Handle);
    2000 synchronize = c"cuCtxSynchronize"();
    5050 priorities = c"cuCtxGetStreamPriorityRange"(*mut c_int, *mut c_int);
    4000 enable_peer = c"cuCtxEnablePeerAccess"(Handle, u32);
    4000 disable_peer = c"cuCtxDisablePeerAccess"(Handle);
    3020 info = c"cuMemGetInfo"(*mut usize, *mut usize);
    3020 alloc = c"cuMemAlloc"(*mut DeviceAddress, usize);
    3020 free = c"cuMemFree"(DeviceAddress);
    11020 alloc_async = c"cuMemAllocAsync"(*mut DeviceAddress, usize, Handle);
    11020 alloc_from_pool = c"cuMemAllocFromPoolAsync"(*mut DeviceAddress, usize, Handle, Handle);
    11020 free_async = c"cuMemFreeAsync"(DeviceAddress, Handle);
    11020 pool_create = c"cuMemPoolCreate"(*mut Handle, *const c_void);
    11020 pool_destroy = c"cuMemPoolDestroy"(Handle);
    11020 pool_attribute = c"cuMemPoolGetAttribute"(Handle, c_int, *mut c_void);
    11020 set_pool_attribute = c"cuMemPoolSetAttribute"(Handle, c_int, *mut c_void);
    11020 pool_access = c"cuMemPoolSetAccess"(Handle, *const c_void, usize);
    11020 pool_trim = c"cuMemPoolTrimTo"(Handle, usize);
    2020 host_alloc = c"cuMemHostAlloc"(*mut *mut c_void, usize, u32);
    2000 host_free = c"cuMemFreeHost"(*mut c_void);
    6050 host_register = c"cuMemHostRegister"(*mut c_void, usize, u32);
    4000 host_unregister = c"cuMemHostUnregister"(*mut c_void);
    3020 host_device_address = c"cuMemHostGetDevicePointer"(*mut DeviceAddress, *mut c_void, u32);
    4000 pointer_attribute = c"cuPointerGetAttribute"(*mut c_void, c_int, DeviceAddress);
    4000 copy = c"cuMemcpy"(DeviceAddress, DeviceAddress, usize);
    4000 copy_async = c"cuMemcpyAsync"(DeviceAddress, DeviceAddress, usize, Handle);
    3020 copy_in = c"cuMemcpyHtoD"(DeviceAddress, *const c_void, usize);
    3020 copy_in_async = c"cuMemcpyHtoDAsync"(DeviceAddress, *const c_void, usize, Handle);
    3020 copy_out = c"cuMemcpyDtoH"(*mut c_void, DeviceAddress, usize);
    3020 copy_out_async = c"cuMemcpyDtoHAsync"(*mut c_void, DeviceAddress, usize, Handle);
    3020 copy_within = c"cuMemcpyDtoD"(DeviceAddress, DeviceAddress, usize);
    3020 copy_within_async = c"cuMemcpyDtoDAsync"(DeviceAddress, DeviceAddress, usize, Handle);
    4000 copy_peer_async = c"cuMemcpyPeerAsync"(DeviceAddress, Handle, DeviceAddress, Handle, usize, Handle);
    3020 copy_rows_async = c"cuMemcpy2DAsync"(*const c_void, Handle);
    3020 fill = c"cuMemsetD8"(DeviceAddress, u8, usize);
    3020 fill_async = c"cuMemsetD8Async"(DeviceAddress, u8, usize, Handle);
    5050 stream_create = c"cuStreamCreateWithPriority"(*mut Handle, u32, c_int);
    4000 stream_destroy = c"cuStreamDestroy"(Handle);
    2000 stream_synchronize = c"cuStreamSynchronize"(Handle);
    2000 stream_query = c"cuStreamQuery"(Handle);
    3020 stream_wait = c"cuStreamWaitEvent"(Handle, Handle, u32);
    5050 stream_priority = c"cuStreamGetPriority"(Handle, *mut c_int);
    10000 host_function = c"cuLaunchHostFunc"(Handle, *const c_void, *mut c_void);
    5000 callback = c"cuStreamAddCallback"(Handle, *const c_void, *mut c_void, u32);
    2000 event_create = c"cuEventCreate"(*mut Handle, u32);
    4000 event_destroy = c"cuEventDestroy"(Handle);
    2000 event_record = c"cuEventRecord"(Handle, Handle);
    2000 event_query = c"cuEventQuery"(Handle);
    2000 event_synchronize = c"cuEventSynchronize"(Handle);
    2000 event_elapsed = c"cuEventElapsedTime"(*mut f32, Handle, Handle);
    4000 launch = c"cuLaunchKernel"(Handle, u32, u32, u32, u32, u32, u32, u32, Handle, *mut *mut c_void, *mut *mut c_void);
    10010 capture_begin = c"cuStreamBeginCapture"(Handle, u32);
    12030 capture_into = c"cuStreamBeginCaptureToGraph"(Handle, Handle, *const c_void, *const c_void, usize, u32);
    10000 capture_end = c"cuStreamEndCapture"(Handle, *mut Handle);
    10000 is_capturing = c"cuStreamIsCapturing"(Handle, *mut u32);
    11030 capture_info = c"cuStreamGetCaptureInfo"(Handle, *mut u32, *mut u64, *mut Handle, *mut *const c_void, *mut usize);
    10010 capture_mode = c"cuThreadExchangeStreamCaptureMode"(*mut u32);
    10000 graph_nodes = c"cuGraphGetNodes"(Handle, *mut Handle, *mut usize);
    10000 graph_destroy = c"cuGraphDestroy"(Handle);
    11040 graph_instantiate = c"cuGraphInstantiateWithFlags"(*mut Handle, Handle, u64);
    10000 graph_launch = c"cuGraphLaunch"(Handle, Handle);
    10000 executable_destroy = c"cuGraphExecDestroy"(Handle);
}

/// The driver, initialised; what `cuInit` says otherwise.
pub(crate) fn driver() -> Result<&'static Driver, Error> {
    static DRIVER: OnceLock<Result<Driver, Error>> = OnceLock::new();
    DRIVER.get_or_init(open).as_ref().map_err(|error| *error)
}

impl Driver {
    /// A function of the driver that a program asks for by its base name and a version.
    pub(crate) fn look_up(&self, name: &CStr, version: c_int) -> Option<*mut c_void> {
        find(self.look, name, version)
    }
}

impl Error {
    /// As what a call of the driver's came to.
    pub(crate) fn result(self) -> Result<(), Self> {
        if self == Self::SUCCESS { Ok(()) } else { Err(self) }
    }
}

fn open() -> Result<Driver, Error> {
    // SAFETY: both are names that end with a zero byte. The library stays.
    let look = unsafe {
        let library = libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
        if library.is_null() {
            return Err(Error::INITIALIZATION);
        }
        libc::dlsym(library, c"cuGetProcAddress_v2".as_ptr())
    };
    if look.is_null() {
        return Err(Error::INITIALIZATION);
    }
    // SAFETY: the function of this name has this type in cuda.h.
    let look = unsafe { std::mem::transmute::<*mut c_void, Look>(look) };
    let driver = Driver::found_by(look).ok_or(Error::INITIALIZATION)?;
    // SAFETY: it takes no pointer.
    unsafe { (driver.init)(0) }.result().map(|()| driver)
}

fn find(look: Look, name: &CStr, version: c_int) -> Option<*mut c_void> {
    let (mut found, mut status) = (std::ptr::null_mut(), 0);
    // SAFETY: the name ends with a zero byte, and both places are valid for a write.
    let error = unsafe { look(name.as_ptr(), &mut found, version, 0, &mut status) };
    (error == Error::SUCCESS && !found.is_null()).then_some(found)
}
