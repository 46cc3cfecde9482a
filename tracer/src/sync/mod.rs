//! Building blocks of the part without locks: the standard library's types or, under `cfg(loom)`, those of loom, which tries
//! every order in which threads can meet and every value that the memory model lets a load return.
//!
//! `crate::model` holds the tests that run then. The code that they check is the code that ships: all that differs is here.

/// The words of mapped pages.
pub(crate) mod word;

/// What one thread and its signal handlers share.
#[cfg(not(loom))]
pub(crate) mod own_thread {
    pub(crate) use std::{cell::Cell, sync::atomic::AtomicUsize};
}

#[cfg(loom)]
pub(crate) mod own_thread;

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
};

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

/// The standard library's, with loom's interface.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, look: impl FnOnce(*const T) -> R) -> R {
        look(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, change: impl FnOnce(*mut T) -> R) -> R {
        change(self.0.get())
    }
}
