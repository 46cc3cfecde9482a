//! Wraps every exported call: faults strike, panics stop, null out-pointers are refused.

use std::ffi::{CStr, c_char};
use std::panic::{self, AssertUnwindSafe};

use crate::code::Code;
use crate::settings;

/// Defines exported calls, and lists them in `EXPORTED` for symbol look-up.
///
/// A body evaluates to `Result<(), Code>`. The functions are `unsafe`: their callers owe what cuda.h asks of them, above
/// all that pointers are valid for the sizes given.
macro_rules! driver_calls {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block
    )*) => {
        $(
            $(#[$attribute])*
            #[unsafe(no_mangle)]
            #[allow(non_snake_case, reason = "the driver's names")]
            pub(crate) unsafe extern "C" fn $name($($argument: $kind),*) -> $crate::code::Code {
                $crate::boundary::enter(stringify!($name), || $body)
            }
        )*

        /// The calls of this file.
        pub(crate) const EXPORTED: &[$crate::calls::Symbol] = &[$(
            $crate::calls::Symbol { name: stringify!($name), entry: $name as *const () },
        )*];
    };
}
pub(crate) use driver_calls;

/// Runs the body of the call `name` unless a fault is set for it.
pub(crate) fn enter(name: &str, body: impl FnOnce() -> Result<(), Code>) -> Code {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        settings::strike(name)?;
        body()
    }));
    match outcome {
        Ok(Ok(())) => Code::SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => Code::UNKNOWN,
    }
}

/// A pointer through which a call answers.
#[repr(transparent)]
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// The place is null, or valid for a write.
    pub(crate) unsafe fn to(place: *mut T) -> Self {
        Self(place)
    }

    /// Stores the answer; `CUDA_ERROR_INVALID_VALUE` if the pointer is null.
    pub(crate) fn set(self, value: T) -> Result<(), Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // SAFETY: an `Out` comes only from the caller of an exported call, who owes a pointer that is valid for a write.
        unsafe { self.0.write_unaligned(value) };
        Ok(())
    }

    /// Stores the answer if the caller wants it.
    pub(crate) fn set_if_wanted(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: as in `set`.
            unsafe { self.0.write_unaligned(value) };
        }
    }

    /// The same pointer for an answer of another type.
    pub(crate) fn cast<U>(self) -> Out<U> {
        Out(self.0.cast())
    }
}

/// Text that a caller passes, or null.
#[repr(transparent)]
pub(crate) struct Text(*const c_char);

impl Text {
    pub(crate) fn read(&self) -> Option<&CStr> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: a `Text` comes only from the caller of an exported call, who owes text that ends with a zero byte.
        Some(unsafe { CStr::from_ptr(self.0) })
    }
}
