//! The driver's functions that are called here.

#![allow(non_snake_case, reason = "the driver's names")]

use std::{
    ffi::{c_char, c_int, c_void},
    mem,
};

use crate::sources::{Reading, Unavailable};

/// `CUdevice`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct DeviceHandle(pub(super) c_int);

/// `CUresult`.
#[repr(transparent)]
pub(super) struct Status(u32);

impl Status {
    fn check(self, call: &'static str) -> Reading<()> {
        match self.0 {
            0 => Ok(()),
            3 => Err(Unavailable::NotYet("the process has not initialised libcuda")),
            100 => Err(Unavailable::Missing("a CUDA device".to_owned())),
            801 => Err(Unavailable::Unsupported { call }),
            code => Err(Unavailable::Failed { call, why: format!("CUDA error {code}") }),
        }
    }
}

macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $kind:ty),*);)*) => {
        /// The driver's functions, as cuda.h declares them; those that an old driver does not have are missing.
        #[derive(Clone, Copy)]
        pub(super) struct Calls {
            $($name: Option<unsafe extern "C" fn($($kind),*) -> Status>,)*
        }

        impl Calls {
            /// # Safety
            ///
            /// `library` is the CUDA driver, and is never closed.
            pub(super) unsafe fn of(library: *mut c_void) -> Self {
                $(
                    let name = concat!(stringify!($name), "\0").as_ptr().cast::<c_char>();
                    // SAFETY: the name ends with a zero; a null pointer becomes `None`, and a function of this name in
                    // the driver has the type that cuda.h gives it.
                    let $name = unsafe {
                        mem::transmute::<*mut c_void, Option<unsafe extern "C" fn($($kind),*) -> Status>>(
                            libc::dlsym(library, name),
                        )
                    };
                )*
                Self { $($name,)* }
            }

            $(
                /// # Safety
                ///
                /// What cuda.h asks of the caller: above all, that places to write to are valid.
                pub(super) unsafe fn $name(&self, $($argument: $kind),*) -> Reading<()> {
                    let call = self.$name.ok_or(Unavailable::Unsupported { call: stringify!($name) })?;
                    // SAFETY: the caller's.
                    unsafe { call($($argument),*) }.check(stringify!($name))
                }
            )*
        }
    };
}

calls! {
    fn cuInit(flags: u32);
    fn cuDeviceGetCount(count: *mut c_int);
    fn cuDeviceGet(device: *mut DeviceHandle, ordinal: c_int);
    fn cuDeviceGetName(name: *mut c_char, length: c_int, device: DeviceHandle);
    fn cuDeviceGetUuid(uuid: *mut [u8; 16], device: DeviceHandle);
    fn cuDeviceGetUuid_v2(uuid: *mut [u8; 16], device: DeviceHandle);
    fn cuDeviceTotalMem_v2(total: *mut usize, device: DeviceHandle);
    fn cuDeviceGetAttribute(value: *mut c_int, attribute: u32, device: DeviceHandle);
    fn cuDevicePrimaryCtxGetState(device: DeviceHandle, flags: *mut u32, active: *mut c_int);
    fn cuDevicePrimaryCtxRetain(context: *mut *mut c_void, device: DeviceHandle);
    fn cuDevicePrimaryCtxRelease_v2(device: DeviceHandle);
    fn cuCtxPushCurrent_v2(context: *mut c_void);
    fn cuCtxPopCurrent_v2(context: *mut *mut c_void);
    fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize);
    fn cuDeviceGetDefaultMemPool(pool: *mut *mut c_void, device: DeviceHandle);
    fn cuMemPoolGetAttribute(pool: *mut c_void, attribute: u32, value: *mut c_void);
}
