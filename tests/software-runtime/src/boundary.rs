//! Wraps every exported call: panics stop, a failure is kept as the thread's last.

use std::panic::{self, AssertUnwindSafe};

use crate::error::Error;

/// Defines exported calls. A body evaluates to `Result<(), Error>`. The functions are `unsafe`: their callers owe what
/// cuda_runtime_api.h asks of them, above all that pointers are valid for what is behind them.
macro_rules! runtime_calls {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$attribute])*
        #[unsafe(no_mangle)]
        #[allow(non_snake_case, reason = "the runtime's names")]
        pub(crate) unsafe extern "C" fn $name($($argument: $kind),*) -> $crate::error::Error {
            $crate::boundary::enter(|| $body)
        }
    )*};
}
pub(crate) use runtime_calls;

pub(crate) fn enter(body: impl FnOnce() -> Result<(), Error>) -> Error {
    let error = match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => Error::SUCCESS,
        Ok(Err(error)) => error,
        Err(_) => Error::UNKNOWN,
    };
    error.keep();
    error
}

/// Stores an answer; `cudaErrorInvalidValue` if there is no place for it.
///
/// # Safety
///
/// The place is null, or valid for a write.
pub(crate) unsafe fn set<T>(place: *mut T, value: T) -> Result<(), Error> {
    if place.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: the caller says so.
    unsafe { place.write_unaligned(value) };
    Ok(())
}
