//! The tracer behind a C interface: `libmemtrace.so`, `libmemtrace.a` and `include/memtrace.h`. The shared library is also what
//! `memtrace record` preloads.
//!
//! Each function is one call of [`memtrace_tracer`]; the header says what callers must know. The library may be linked,
//! opened with `dlopen` and used from several shared objects at once: they share it, and its one recording. A program that
//! has the tracer built in as well has two, which know nothing of each other: each makes a log, and the second says where.
//!
//! No panic crosses the boundary. Events compute nothing that could panic: they pass numbers on, and the tracer stores
//! them. What allocates (definitions, start, finish) runs inside [`boundary::guarded`].
#![cfg(target_os = "linux")]
#![allow(clippy::missing_safety_doc, reason = "the header says it once for all: a string is a string")]

mod boundary;

pub mod recording;

pub mod name;

pub mod heap;

pub mod module;

pub mod transfer;

pub mod counter;

/// What `memtrace record` puts into a program. Not in the static library: linked into a program, it would take the places
/// of its functions for good.
#[cfg(feature = "preload")]
pub(crate) mod preload;
