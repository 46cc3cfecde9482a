//! Which device a thread uses, and the primary context that calls on it work in.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::OnceLock;

use crate::driver::{self, Driver, Handle};
use crate::error::Error;

/// As many as the software driver has at most.
const MOST: usize = 64;

thread_local! {
    static DEVICE: Cell<c_int> = const { Cell::new(0) };
}

/// The device of the calling thread: the first, until it has chosen.
pub(crate) fn chosen() -> c_int {
    DEVICE.try_with(Cell::get).unwrap_or(0)
}

/// Makes a device the calling thread's, as the runtime since CUDA 12 does: with its context.
pub(crate) fn choose(device: c_int) -> Result<(), Error> {
    primary(device)?;
    let _ = DEVICE.try_with(|chosen| chosen.set(device));
    ready().map(drop)
}

/// The driver, with the context of the thread's device current.
pub(crate) fn ready() -> Result<&'static Driver, Error> {
    let driver = driver::driver()?;
    let wanted = primary(chosen())?.0;
    let mut current = std::ptr::null_mut();
    // SAFETY: the place is valid for a write, and the handle is that of a living context.
    unsafe {
        (driver.current)(&mut current).result()?;
        if current != wanted {
            (driver.set_current)(wanted).result()?;
        }
    }
    Ok(driver)
}

#[derive(Clone, Copy)]
pub(crate) struct Context(pub(crate) Handle);

// SAFETY: a handle is a number to everybody but the driver.
unsafe impl Send for Context {}
// SAFETY: as for `Send`.
unsafe impl Sync for Context {}

/// The primary context of a device, retained when it is first asked for and never released.
pub(crate) fn primary(device: c_int) -> Result<Context, Error> {
    static PRIMARY: [OnceLock<Result<Context, Error>>; MOST] = [const { OnceLock::new() }; MOST];
    let driver = driver::driver()?;
    let place =
        usize::try_from(device).ok().and_then(|place| PRIMARY.get(place)).ok_or(Error::INVALID_DEVICE)?;
    *place.get_or_init(|| {
        let mut context = std::ptr::null_mut();
        // SAFETY: the place is valid for a write.
        unsafe { (driver.retain_primary)(&mut context, device) }.result()?;
        Ok(Context(context))
    })
}
