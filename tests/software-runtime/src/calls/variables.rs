//! Variables of kernels: host memory, for no kernel reads them.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use crate::boundary::{runtime_calls, set};
use crate::error::Error;

/// By the address of what stands for it in the program.
static VARIABLES: Mutex<Option<HashMap<usize, Box<[u8]>>>> = Mutex::new(None);

#[unsafe(no_mangle)]
extern "C" fn __cudaRegisterVar(
    _code: *mut *mut c_void,
    host: *mut c_char,
    _device: *mut c_char,
    _name: *const c_char,
    _is_external: c_int,
    bytes: usize,
    _is_constant: c_int,
    _is_global: c_int,
) {
    let mut variables = VARIABLES.lock().unwrap_or_else(PoisonError::into_inner);
    variables.get_or_insert_default().insert(host.addr(), vec![0; bytes].into_boxed_slice());
}

runtime_calls! {
    fn cudaGetSymbolAddress(place: *mut *mut c_void, symbol: *const c_void) {
        let address = with(symbol, |variable| variable.as_mut_ptr().cast())?;
        // SAFETY: the caller owes a place.
        unsafe { set(place, address) }
    }

    fn cudaMemcpyToSymbol(symbol: *const c_void, from: *const c_void, bytes: usize, offset: usize, _kind: c_int) {
        with(symbol, |variable| {
            let part = variable.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes)).ok_or(Error::INVALID_VALUE)?;
            // SAFETY: the caller owes so many bytes of host memory.
            unsafe { part.as_mut_ptr().copy_from(from.cast(), bytes) };
            Ok(())
        })?
    }
}

fn with<R>(symbol: *const c_void, act: impl FnOnce(&mut [u8]) -> R) -> Result<R, Error> {
    /// `cudaErrorInvalidSymbol`
    const INVALID_SYMBOL: Error = Error(13);
    let mut variables = VARIABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let variable = variables.as_mut().and_then(|variables| variables.get_mut(&symbol.addr()));
    variable.map(|variable| act(variable)).ok_or(INVALID_SYMBOL)
}
