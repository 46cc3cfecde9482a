//! Contexts: making, ending, and making current.

use std::ffi::c_void;

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::context;
use crate::device::Ordinal;
use crate::driver;
use crate::handle::Handle;

/// Of streams; the least is 0.
const GREATEST_PRIORITY: i32 = -5;

driver_calls! {
    fn cuDevicePrimaryCtxRetain(context: Out<Handle>, device: Ordinal) {
        let driver = driver::driver()?;
        context.set(driver.contexts.retain_primary(driver.device(device)?)?)
    }

    fn cuDevicePrimaryCtxRelease_v2(device: Ordinal) {
        let driver = driver::driver()?;
        driver.contexts.release_primary(driver, driver.device(device)?)
    }

    fn cuDevicePrimaryCtxGetState(device: Ordinal, flags: Out<u32>, active: Out<i32>) {
        let driver = driver::driver()?;
        let primary = driver.device(device)?.primary_context;
        flags.set(0)?;
        active.set(i32::from(driver.contexts.device_of(primary).is_some()))
    }

    fn cuCtxCreate_v2(context: Out<Handle>, _flags: u32, device: Ordinal) {
        context.set(create(device)?)
    }

    fn cuCtxCreate_v4(context: Out<Handle>, _parameters: *mut c_void, _flags: u32, device: Ordinal) {
        context.set(create(device)?)
    }

    fn cuCtxDestroy_v2(context: Handle) {
        let driver = driver::driver()?;
        driver.contexts.destroy(driver, context)?;
        if context::current_handle()? == context {
            context::pop()?;
        }
        Ok(())
    }

    fn cuCtxGetCurrent(context: Out<Handle>) {
        driver::driver()?;
        context.set(context::current_handle()?)
    }

    fn cuCtxSetCurrent(context: Handle) {
        if context != Handle::NULL {
            require_alive(context)?;
        }
        context::set_current(context)
    }

    fn cuCtxPushCurrent_v2(context: Handle) {
        require_alive(context)?;
        context::push(context)
    }

    fn cuCtxPopCurrent_v2(context: Out<Handle>) {
        driver::driver()?;
        let popped = context::pop()?;
        context.set_if_wanted(popped);
        Ok(())
    }

    fn cuCtxGetDevice(device: Out<Ordinal>) {
        device.set(context::current()?.device.ordinal)
    }

    fn cuCtxGetStreamPriorityRange(least: Out<i32>, greatest: Out<i32>) {
        context::current()?;
        least.set_if_wanted(0);
        greatest.set_if_wanted(GREATEST_PRIORITY);
        Ok(())
    }

    fn cuCtxSetFlags(_flags: u32) {
        context::current().map(drop)
    }

    fn cuCtxSynchronize() {
        let current = context::current()?;
        current.driver.order.wait_for_all(current.context);
        Ok(())
    }
}

/// A new context of `device`, current on the calling thread.
fn create(device: Ordinal) -> Result<Handle, Code> {
    let driver = driver::driver()?;
    let context = driver.contexts.create(driver.device(device)?)?;
    context::push(context)?;
    Ok(context)
}

fn require_alive(context: Handle) -> Result<(), Code> {
    let contexts = &driver::driver()?.contexts;
    contexts.device_of(context).map(drop).ok_or(Code::INVALID_CONTEXT)
}
