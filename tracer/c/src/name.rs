//! Names, and what is recorded under a name alone: scopes, phases and marks.

#![allow(non_camel_case_types, reason = "these are the names in C")]

use std::ffi::c_char;

use memtrace_tracer::{Name, NameId};

use crate::boundary::{handle, text};

/// A name. The same text has the same name.
pub type memtrace_name = u32;

/// Interns a text. Takes a lock and a look-up: keep what it returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memtrace_name_intern(string: *const c_char) -> memtrace_name {
    // SAFETY: the caller passes a string.
    handle(|| NameId::from(Name::intern(&unsafe { text(string) })).0)
}

/// Enters a scope on the calling thread. Scopes nest.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_scope_begin(name: memtrace_name) {
    Name::from(NameId(name)).begin_scope();
}

/// Leaves the scope or phase of this name that the calling thread entered last.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_scope_end(name: memtrace_name) {
    Name::from(NameId(name)).end_scope();
}

/// Enters a phase on the calling thread: a scope that reports list by itself, such as a job's stages. A run has few of
/// them. memtrace_phase_end leaves it.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_phase_begin(name: memtrace_name) {
    Name::from(NameId(name)).begin_phase();
}

/// Leaves the phase of this name that the calling thread entered last.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_phase_end(name: memtrace_name) {
    Name::from(NameId(name)).end_scope();
}

/// Records that the program is here now, with a number of its own.
#[unsafe(no_mangle)]
pub extern "C" fn memtrace_mark(name: memtrace_name, value: u64) {
    Name::from(NameId(name)).mark_with(value);
}
