//! Modules: what they are, when they run.

#![allow(non_camel_case_types, reason = "these are the names in C")]

use std::ffi::c_char;

use memtrace_tracer::{Bytes, Module, ModuleId};

use crate::boundary::{handle, text};

/// A named part of the engine that owns weights and moves as a unit. Modules form a tree.
pub type memtrace_module = u32;

/// Names a module. `name` is its own, without its parent's; `parent` is 0 for a root; `bytes` counts its children's
/// weights too; `fingerprint` tells its weights from all others, so that a module loaded twice under two names is
/// recognised, and is 0 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_module_define(
    name: *const c_char,
    parent: memtrace_module,
    bytes: u64,
    fingerprint: u64,
) -> memtrace_module {
    handle(|| {
        let parent = Some(ModuleId(parent)).filter(|parent| !parent.is_none()).map(Module::from);
        let fingerprint = Some(fingerprint).filter(|&fingerprint| fingerprint != 0);
        // SAFETY: the caller passes a string.
        let name = unsafe { text(name) };
        ModuleId::from(Module::define(&name, parent, Bytes(bytes), fingerprint)).0
    })
}

/// The engine dropped the module; its handle is not used again.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_module_released(module: memtrace_module) {
    Module::from(ModuleId(module)).released();
}

/// A forward of this module runs on the calling thread. What the thread allocates meanwhile belongs to the module. Methods
/// that stand for a forward (a VAE's encode and decode) are forwards too.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_forward_begin(module: memtrace_module) {
    Module::from(ModuleId(module)).begin_forward();
}

/// The forward of this module that the calling thread began last has ended.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_forward_end(module: memtrace_module) {
    Module::from(ModuleId(module)).end_forward();
}
