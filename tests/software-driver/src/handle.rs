//! Opaque handles, and the tables of what they stand for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::code::Code;

/// What the program holds as `CUcontext`, `CUstream`, `CUevent` or `CUmemoryPool`: a number, not an address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle(pub(crate) u64);

impl Handle {
    pub(crate) const NULL: Self = Self(0);

    /// A handle never given before, so that a stale one is always recognised.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0x1000);
        Self(NEXT.fetch_add(0x10, Ordering::Relaxed))
    }
}

/// Objects behind handles.
pub(crate) struct Table<T>(Mutex<HashMap<Handle, T>>);

impl<T> Table<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    pub(crate) fn insert(&self, object: T) -> Handle {
        let handle = Handle::fresh();
        lock(&self.0).insert(handle, object);
        handle
    }

    /// Looks at or changes one object; `CUDA_ERROR_INVALID_HANDLE` if there is none.
    pub(crate) fn with<R>(&self, handle: Handle, act: impl FnOnce(&mut T) -> R) -> Result<R, Code> {
        lock(&self.0).get_mut(&handle).map(act).ok_or(Code::INVALID_HANDLE)
    }

    pub(crate) fn remove(&self, handle: Handle) -> Result<T, Code> {
        lock(&self.0).remove(&handle).ok_or(Code::INVALID_HANDLE)
    }

    pub(crate) fn retain(&self, keep: impl Fn(&T) -> bool) {
        lock(&self.0).retain(|_, object| keep(object));
    }
}

/// Locks, also after a panic elsewhere: every change under these locks is complete before anything can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
