//! Modules with a hook in front of them: what runs before a forward, and the list of what has been hooked.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::device::Tensor;
use crate::fingerprint::Fingerprint;
use crate::host_memory::HostTensor;
use crate::machine::Machine;
use crate::module::Module;
use crate::recording::Method;
use crate::residency::Residency;
use crate::unit::Unit;

/// A module whose forward asks for its weights first.
pub(crate) struct Hooked {
    machine: Arc<Machine>,
    residency: Arc<Residency>,
    pub(crate) module: Arc<Module>,
    weights: Option<Share>,
    /// With `--leak`, the hook remembers what it last saw, and with it a piece of device memory.
    seen: Option<Mutex<Option<Arc<Tensor>>>>,
}

/// The unit that a module maps to, its own or its parent's, and which of the unit's tensors are the module's.
#[derive(Clone)]
pub(crate) struct Share {
    pub(crate) unit: Arc<Unit>,
    pub(crate) tensors: Range<usize>,
}

/// Every hook there is, so that they can be taken off again; and what else lives as long as the process.
#[derive(Default)]
pub(crate) struct Hooks {
    hooked: Mutex<Vec<Arc<Hooked>>>,
    /// With `--host-leak`, what was read of checkpoints.
    state_dicts: Mutex<Vec<HostTensor>>,
}

/// Whether hooks remember their inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Forgets,
    Remembers,
}

impl Hooked {
    /// Runs the module: its forward begins, its hook brings its weights in, then `body` computes.
    pub(crate) fn call<T>(
        &self,
        input: &Arc<Tensor>,
        body: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.call_method(Method::Forward, input, body)
    }

    /// The same for a method that bypasses the forward, as a VAE's `decode` does: it is wrapped, and stands for one.
    pub(crate) fn call_method<T>(
        &self,
        method: Method,
        input: &Arc<Tensor>,
        body: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let _running = self.module.recorded.run(method);
        self.machine.books.forward(self.module.row);
        if let Some(seen) = &self.seen {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(input));
        }
        let _lease = match &self.weights {
            Some(share) => Some(self.residency.bring(&share.unit)?),
            None => None,
        };
        if self.weights.is_some() {
            self.machine.compute();
        }
        body()
    }

    /// A look at the module's weights on the device; see [`Unit::look`].
    pub(crate) fn look(&self, tick: u64) -> anyhow::Result<Fingerprint> {
        match &self.weights {
            Some(share) => share.unit.look(&share.tensors, tick),
            None => Ok(Fingerprint::default()),
        }
    }
}

impl Hooks {
    /// Puts a hook in front of a module.
    pub(crate) fn hook(
        &self,
        machine: &Arc<Machine>,
        residency: &Arc<Residency>,
        module: Arc<Module>,
        weights: Option<Share>,
        memory: Memory,
    ) -> Arc<Hooked> {
        let hooked = Arc::new(Hooked {
            machine: Arc::clone(machine),
            residency: Arc::clone(residency),
            module,
            weights,
            seen: (memory == Memory::Remembers).then(Mutex::default),
        });
        self.hooked.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&hooked));
        hooked
    }

    /// Keeps a tensor for as long as there are hooks.
    pub(crate) fn hold(&self, tensor: HostTensor) {
        self.state_dicts.lock().unwrap_or_else(PoisonError::into_inner).push(tensor);
    }

    /// Takes the hook of each of these modules off.
    pub(crate) fn remove<'a>(&self, modules: impl IntoIterator<Item = &'a Arc<Hooked>>) {
        let mut hooked = self.hooked.lock().unwrap_or_else(PoisonError::into_inner);
        for module in modules {
            hooked.retain(|other| !Arc::ptr_eq(module, other));
        }
    }
}
