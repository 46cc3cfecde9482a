//! The CUDA driver: what a device is, and what of its memory is free.
//!
//! It looks at a driver that the program uses already and leaves no trace: it loads no library, initialises nothing and
//! makes no context, for each of these costs device memory, time, or the right to fork. So the few functions are looked
//! up by `dlsym` in the library that the process has loaded; cudarc would load one by itself, and panics where a function
//! is missing. Only [`Driver::load`], for those who ask, loads and initialises.

mod calls;

use std::{
    ffi::{CStr, CString, c_int, c_void},
    ptr,
};

use memtrace_format::Bytes;

use super::{Ordinal, Reading, Unavailable, Uuid};
use calls::{Calls, DeviceHandle};

/// The driver of this process. Its library stays loaded.
#[derive(Clone, Copy)]
pub(crate) struct Driver {
    calls: Calls,
}

/// One device of the driver.
#[derive(Clone, Copy)]
pub(crate) struct DriverDevice {
    calls: Calls,
    device: DeviceHandle,
    ordinal: Ordinal,
}

/// What of a device's memory is whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DriverMemory {
    /// What can be allocated. On an integrated device: the host's free memory, without caches that could be dropped.
    pub(crate) free: Bytes,
    /// All of it.
    pub(crate) total: Bytes,
}

/// A device's default pool of stream-ordered allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolMemory {
    /// Handed out to the program.
    pub(crate) used: Bytes,
    /// The most that was, since the program set this mark back.
    pub(crate) used_high: Bytes,
    /// Held of the device.
    pub(crate) reserved: Bytes,
    /// The most that was.
    pub(crate) reserved_high: Bytes,
}

/// Whether a context may be made where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// No: without one, there is no figure yet.
    AsItIs,
    /// Yes, for the time of the call.
    MakeOne,
}

/// Attributes of devices and pools, as cuda.h numbers them.
mod attribute {
    pub(super) const MAX_SHARED_MEMORY_PER_BLOCK: u32 = 8;
    pub(super) const INTEGRATED: u32 = 18;
    pub(super) const MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: u32 = 97;
    pub(super) const MEMORY_POOLS_SUPPORTED: u32 = 115;

    pub(super) const POOL_RESERVED: u32 = 5;
    pub(super) const POOL_RESERVED_HIGH: u32 = 6;
    pub(super) const POOL_USED: u32 = 7;
    pub(super) const POOL_USED_HIGH: u32 = 8;
}

impl Driver {
    /// The driver, if the process has loaded it already.
    ///
    /// # Errors
    ///
    /// It has not, yet.
    pub(crate) fn present() -> Reading<Self> {
        let path = loaded_driver().ok_or(Unavailable::NotYet("the process has not loaded libcuda"))?;
        Self::open(&path, libc::RTLD_NOLOAD)
    }

    /// The driver, loaded and initialised if it is not.
    ///
    /// # Errors
    ///
    /// There is none, or it finds no device.
    pub(crate) fn load() -> Reading<Self> {
        let driver = Self::present().or_else(|_| Self::open(c"libcuda.so.1", 0))?;
        // SAFETY: the flags must be 0.
        unsafe { driver.calls.cuInit(0) }?;
        Ok(driver)
    }

    fn open(path: &CStr, flags: c_int) -> Reading<Self> {
        // SAFETY: the path ends with a zero. The constructors that loading may run are the driver's, which are meant to be run so.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | flags) };
        if library.is_null() {
            return Err(Unavailable::Missing("libcuda.so.1".to_owned()));
        }
        // SAFETY: the library is the CUDA driver, and is never closed.
        Ok(Self { calls: unsafe { Calls::of(library) } })
    }

    /// Its devices.
    ///
    /// # Errors
    ///
    /// The program has not initialised it yet, or there are none.
    pub(crate) fn devices(&self) -> Reading<Vec<DriverDevice>> {
        let mut count = 0;
        // SAFETY: the place is valid to write to.
        unsafe { self.calls.cuDeviceGetCount(&raw mut count) }?;
        if count == 0 {
            return Err(Unavailable::Missing("a CUDA device".to_owned()));
        }
        (0..count).map(|ordinal| self.device(Ordinal(ordinal as u16))).collect()
    }

    /// The device of this number.
    pub(crate) fn device(&self, ordinal: Ordinal) -> Reading<DriverDevice> {
        let mut device = DeviceHandle(0);
        // SAFETY: the place is valid to write to.
        unsafe { self.calls.cuDeviceGet(&raw mut device, ordinal.0.into()) }?;
        Ok(DriverDevice { calls: self.calls, device, ordinal })
    }
}

impl DriverDevice {
    pub(crate) fn ordinal(&self) -> Ordinal {
        self.ordinal
    }

    /// What the driver calls it.
    pub(crate) fn name(&self) -> Reading<String> {
        let mut name = [0_u8; 256];
        // SAFETY: there is room for as many bytes as it says.
        unsafe {
            self.calls.cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as c_int, self.device)?;
        }
        let name = CStr::from_bytes_until_nul(&name);
        Ok(name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
    }

    /// Its UUID; that of its instance, where it is a part of a divided device.
    pub(crate) fn uuid(&self) -> Reading<Uuid> {
        let mut uuid = [0; 16];
        // SAFETY: a UUID is 16 bytes.
        unsafe {
            self.calls
                .cuDeviceGetUuid_v2(&raw mut uuid, self.device)
                .or_else(|_| self.calls.cuDeviceGetUuid(&raw mut uuid, self.device))?;
        }
        Ok(Uuid(uuid))
    }

    /// All of its memory.
    pub(crate) fn total(&self) -> Reading<Bytes> {
        let mut total = 0;
        // SAFETY: the place is valid to write to.
        unsafe { self.calls.cuDeviceTotalMem_v2(&raw mut total, self.device) }?;
        Ok(Bytes(total as u64))
    }

    /// Whether its memory is the host's.
    pub(crate) fn is_integrated(&self) -> Reading<bool> {
        self.attribute(attribute::INTEGRATED).map(|value| value != 0)
    }

    /// The most shared memory that a block has without asking for more.
    pub(crate) fn shared_memory_per_block(&self) -> Reading<Bytes> {
        self.bytes_attribute(attribute::MAX_SHARED_MEMORY_PER_BLOCK)
    }

    /// The most shared memory that a block can ask for.
    pub(crate) fn shared_memory_per_block_optin(&self) -> Reading<Bytes> {
        self.bytes_attribute(attribute::MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
    }

    /// Whether the program has a primary context on it, which is what the CUDA runtime and cudarc use.
    pub(crate) fn is_active(&self) -> Reading<bool> {
        let (mut flags, mut active) = (0, 0);
        // SAFETY: both places are valid to write to.
        unsafe { self.calls.cuDevicePrimaryCtxGetState(self.device, &raw mut flags, &raw mut active) }?;
        Ok(active != 0)
    }

    /// What of its memory is free. The calling thread's own context stays current.
    ///
    /// A program that gives its last primary context up just before the context is retained here gets it back for the time
    /// of this call.
    ///
    /// # Errors
    ///
    /// There is no context and none may be made, or the driver refuses.
    pub(crate) fn memory(&self, context: Context) -> Reading<DriverMemory> {
        self.require_context(context)?;
        let current = Current::enter(self)?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: both places are valid to write to.
        unsafe { current.0.calls.cuMemGetInfo_v2(&raw mut free, &raw mut total) }?;
        Ok(DriverMemory { free: Bytes(free as u64), total: Bytes(total as u64) })
    }

    /// What its default pool has.
    ///
    /// # Errors
    ///
    /// It has no pools, or there is no context yet.
    pub(crate) fn pool(&self) -> Reading<PoolMemory> {
        self.require_context(Context::AsItIs)?;
        if self.attribute(attribute::MEMORY_POOLS_SUPPORTED)? == 0 {
            return Err(Unavailable::Unsupported { call: "stream-ordered allocation" });
        }
        let mut pool = ptr::null_mut();
        // SAFETY: the place is valid to write to.
        unsafe { self.calls.cuDeviceGetDefaultMemPool(&raw mut pool, self.device) }?;
        let figure = |attribute| {
            let mut value = 0_u64;
            // SAFETY: these attributes are 64 bits wide.
            unsafe { self.calls.cuMemPoolGetAttribute(pool, attribute, (&raw mut value).cast()) }?;
            Ok(Bytes(value))
        };
        Ok(PoolMemory {
            used: figure(attribute::POOL_USED)?,
            used_high: figure(attribute::POOL_USED_HIGH)?,
            reserved: figure(attribute::POOL_RESERVED)?,
            reserved_high: figure(attribute::POOL_RESERVED_HIGH)?,
        })
    }

    fn require_context(&self, context: Context) -> Reading<()> {
        match context {
            Context::AsItIs if !self.is_active()? => {
                Err(Unavailable::NotYet("the process has no context on the device"))
            }
            _ => Ok(()),
        }
    }

    fn bytes_attribute(&self, attribute: u32) -> Reading<Bytes> {
        self.attribute(attribute).map(|value| Bytes(u64::from(value.cast_unsigned())))
    }

    fn attribute(&self, attribute: u32) -> Reading<c_int> {
        let mut value = 0;
        // SAFETY: the place is valid to write to.
        unsafe { self.calls.cuDeviceGetAttribute(&raw mut value, attribute, self.device) }?;
        Ok(value)
    }
}

/// A device's primary context, retained and current on this thread while this lives.
struct Current<'a>(&'a DriverDevice);

impl<'a> Current<'a> {
    fn enter(device: &'a DriverDevice) -> Reading<Self> {
        let mut context = ptr::null_mut();
        // SAFETY: the place is valid to write to, and what is retained is released in `drop` or here.
        unsafe {
            device.calls.cuDevicePrimaryCtxRetain(&raw mut context, device.device)?;
            if let Err(error) = device.calls.cuCtxPushCurrent_v2(context) {
                let _ = device.calls.cuDevicePrimaryCtxRelease_v2(device.device);
                return Err(error);
            }
        }
        Ok(Self(device))
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped = ptr::null_mut();
        // SAFETY: `enter` pushed and retained. There is nothing to be done about an error.
        unsafe {
            let _ = self.0.calls.cuCtxPopCurrent_v2(&raw mut popped);
            let _ = self.0.calls.cuDevicePrimaryCtxRelease_v2(self.0.device);
        }
    }
}

/// The path under which the process has loaded the driver. Asking the loader for the library by its name would search for it
/// on the disk each time that it is not loaded.
fn loaded_driver() -> Option<CString> {
    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
        // SAFETY: the loader passes a valid description, and the pointer that it was given, which is one to the option below.
        let (name, found) = unsafe { ((*info).dlpi_name, &mut *found.cast::<Option<CString>>()) };
        if name.is_null() {
            return 0;
        }
        // SAFETY: the loader's names end with a zero and stay while it calls.
        let path = unsafe { CStr::from_ptr(name) };
        let file = path.to_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if !file.starts_with(b"libcuda.so") {
            return 0;
        }
        *found = Some(path.to_owned());
        1
    }
    let mut found: Option<CString> = None;
    // SAFETY: `look` has the type that is called, does not unwind, and gets the place that it expects.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut found).cast()) };
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_the_driver_gets_none() {
        let absent = Driver::present().err();
        assert_eq!(absent, Some(Unavailable::NotYet("the process has not loaded libcuda")));
        assert!(loaded_driver().is_none());
    }
}
