//! Contexts, and which of them is current on a thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Mutex;

use crate::code::Code;
use crate::device::{Device, Ordinal};
use crate::driver::{self, Driver};
use crate::handle::{self, Handle};

thread_local! {
    /// This thread's contexts; the last is current.
    static STACK: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
}

/// What a call works in.
pub(crate) struct Current {
    pub(crate) context: Handle,
    pub(crate) device: &'static Device,
    pub(crate) driver: &'static Driver,
}

/// The calling thread's context, alive.
pub(crate) fn current() -> Result<Current, Code> {
    let driver = driver::driver()?;
    let context = current_handle()?;
    if context == Handle::NULL {
        return Err(Code::INVALID_CONTEXT);
    }
    let ordinal = driver.contexts.device_of(context).ok_or(Code::CONTEXT_IS_DESTROYED)?;
    Ok(Current { context, device: driver.device(ordinal)?, driver })
}

/// The calling thread's context, alive or not; null if there is none.
pub(crate) fn current_handle() -> Result<Handle, Code> {
    with_stack(|stack| stack.last().copied().unwrap_or(Handle::NULL))
}

/// Replaces the calling thread's context; null leaves the one below it.
pub(crate) fn set_current(context: Handle) -> Result<(), Code> {
    with_stack(|stack| {
        stack.pop();
        if context != Handle::NULL {
            stack.push(context);
        }
    })
}

pub(crate) fn push(context: Handle) -> Result<(), Code> {
    with_stack(|stack| stack.push(context))
}

pub(crate) fn pop() -> Result<Handle, Code> {
    with_stack(Vec::pop)?.ok_or(Code::INVALID_CONTEXT)
}

fn with_stack<R>(act: impl FnOnce(&mut Vec<Handle>) -> R) -> Result<R, Code> {
    STACK.try_with(|stack| act(&mut stack.borrow_mut())).map_err(|_| Code::DEINITIALIZED)
}

pub(crate) struct Contexts(Mutex<HashMap<Handle, Context>>);

struct Context {
    device: Ordinal,
    primary: bool,
    /// 0 for a primary context that nobody retains.
    references: u32,
}

impl Contexts {
    /// The primary contexts of `devices`, not retained.
    pub(crate) fn new(devices: &[Device]) -> Self {
        let primary = devices.iter().map(|device| {
            let context = Context { device: device.ordinal, primary: true, references: 0 };
            (device.primary_context, context)
        });
        Self(Mutex::new(primary.collect()))
    }

    /// The device of a living context.
    pub(crate) fn device_of(&self, context: Handle) -> Option<Ordinal> {
        let contexts = handle::lock(&self.0);
        let context = contexts.get(&context).filter(|context| context.references > 0)?;
        Some(context.device)
    }

    pub(crate) fn retain_primary(&self, device: &Device) -> Result<Handle, Code> {
        let mut contexts = handle::lock(&self.0);
        let context = contexts.get_mut(&device.primary_context).ok_or(Code::INVALID_DEVICE)?;
        if context.references == 0 {
            device.memory().hold(device.context_bytes)?;
        }
        context.references += 1;
        Ok(device.primary_context)
    }

    /// Releases once; the last release ends all that the context has.
    pub(crate) fn release_primary(&self, driver: &Driver, device: &Device) -> Result<(), Code> {
        let mut contexts = handle::lock(&self.0);
        let context = contexts
            .get_mut(&device.primary_context)
            .filter(|context| context.references > 0)
            .ok_or(Code::INVALID_CONTEXT)?;
        context.references -= 1;
        if context.references > 0 {
            return Ok(());
        }
        driver.release_all_of(device.primary_context, device.ordinal)
    }

    pub(crate) fn create(&self, device: &Device) -> Result<Handle, Code> {
        device.memory().hold(device.context_bytes)?;
        let handle = Handle::fresh();
        let context = Context { device: device.ordinal, primary: false, references: 1 };
        handle::lock(&self.0).insert(handle, context);
        Ok(handle)
    }

    /// Ends a context that `create` made, and all that it has; a primary one cannot be destroyed.
    pub(crate) fn destroy(&self, driver: &Driver, context: Handle) -> Result<(), Code> {
        let mut contexts = handle::lock(&self.0);
        if contexts.get(&context).is_none_or(|context| context.primary) {
            return Err(Code::INVALID_CONTEXT);
        }
        let removed = contexts.remove(&context).ok_or(Code::INVALID_CONTEXT)?;
        driver.release_all_of(context, removed.device)
    }
}
