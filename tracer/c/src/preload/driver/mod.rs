//! The CUDA driver: `cu*`, by whichever of its ways a program comes to it. Linked against it, the program calls the functions
//! here in place of the driver's; looking them up, by `dlsym` or as the CUDA runtime does by `cuGetProcAddress`, it is
//! handed them ([`symbols`]).
//!
//! What a caching allocator asks for are segments of its heap, `cuda:0`, unless it asks a pool of the driver's, which caches; what the program itself asks for are blocks of that
//! heap; what a library asks for (NCCL, cuBLAS) are blocks of a heap named after it ([`owner`]).

mod batches;

mod context;

mod copies;

mod device_memory;

mod live;

mod memory_pools;

mod owner;

mod pinned;

mod pitched;

mod symbols;

mod virtual_memory;

use std::ffi::{CStr, c_int, c_void};

pub(super) use context::{define as define_device, free};

/// Finds `dlsym`, while one thread alone runs.
pub(super) fn begin() {
    super::next::find_dlsym();
}

/// Where the driver is, if the program opened it for itself alone.
const LIBRARY: &CStr = c"libcuda.so.1";

/// An address on a device.
type DeviceAddress = u64;

/// A stream, a context, a pool: what only the driver looks at.
type Handle = *mut c_void;

/// `CUresult`.
type Code = c_int;

const SUCCESS: Code = 0;
const OUT_OF_MEMORY: Code = 2;
/// `CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND`: there is no driver, or not this function.
const NOT_FOUND: Code = 302;

/// A function of the driver that is hooked.
struct Hook {
    name: &'static str,
    /// The version of cuda.h that brought it.
    since: c_int,
    here: *const c_void,
    learn: fn(*mut c_void),
}

// SAFETY: it points to functions.
unsafe impl Sync for Hook {}

/// Functions of the driver by these names, each with what comes before the driver's own, of which `next` is the name inside.
macro_rules! hooked {
    ($($since:literal fn [$($name:ident)+] $arguments:tt |$next:ident| $body:block)*) => {
        pub(super) static HOOKS: &[crate::preload::driver::Hook] =
            &[$($(
                crate::preload::driver::hook!($since $name $arguments $next $body),
            )+)*];
    };
}

macro_rules! hook {
    ($since:literal $name:ident ($($argument:ident: $type:ty),* $(,)?) $next:ident $body:block) => {{
        static NEXT: crate::preload::next::Next<
            unsafe extern "C" fn($($type),*) -> crate::preload::driver::Code,
        > = {
            const NAME: &std::ffi::CStr = crate::preload::next::c_name(concat!(stringify!($name), "\0"));
            // SAFETY: this is the function's type in cuda.h.
            unsafe { crate::preload::next::Next::of(NAME, crate::preload::driver::LIBRARY) }
        };

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> crate::preload::driver::Code {
            let Some($next) = NEXT.get() else { return crate::preload::driver::NOT_FOUND };
            $body
        }

        crate::preload::driver::Hook {
            name: stringify!($name),
            since: $since,
            here: $name as *const std::ffi::c_void,
            learn: |found| NEXT.learn(found),
        }
    }};
}

use {hook, hooked};

/// Functions of the driver that are called and not hooked.
macro_rules! driver_functions {
    ($($place:ident = $name:literal($($type:ty),*);)*) => {
        $(
            static $place: crate::preload::next::Next<
                unsafe extern "C" fn($($type),*) -> crate::preload::driver::Code,
            > = {
                // SAFETY: this is the function's type in cuda.h.
                unsafe { crate::preload::next::Next::of($name, crate::preload::driver::LIBRARY) }
            };
        )*
    };
}

use driver_functions;

/// All hooks.
fn hooks() -> impl Iterator<Item = &'static Hook> {
    let chapters = [
        batches::HOOKS,
        device_memory::HOOKS,
        memory_pools::HOOKS,
        pinned::HOOKS,
        virtual_memory::HOOKS,
        copies::HOOKS,
        pitched::HOOKS,
        symbols::HOOKS,
    ];
    chapters.into_iter().flatten()
}
