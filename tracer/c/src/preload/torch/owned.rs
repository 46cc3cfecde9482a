//! Whose blocks are that were handed out before their module was named: the Python package says so of the weights of each module that it
//! names.

use memtrace_tracer::{Address, Module, ModuleId};

use super::{device::Device, mapped};
use crate::preload::records;

/// The storage that begins at `address` belongs to a module. `kind` and `index` are those of its device, as PyTorch numbers them.
#[unsafe(no_mangle)]
extern "C" fn memtrace_torch_owned(module: u32, kind: i8, index: i8, address: u64) {
    if !records() {
        return;
    }
    let device = Device::numbered(kind, index);
    let is_mapped = device.is_host() && mapped::begins_at(address);
    if let Some(pool) = if is_mapped { Some(mapped::pool()) } else { device.pool() } {
        pool.block_owned(Module::from(ModuleId(module)), Address(address));
    }
}
