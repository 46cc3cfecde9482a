//! A thread that can start, and end, while the dynamic loader is at work.
//!
//! Recording may begin in a constructor of a library that a program opens with `dlopen`, which holds the loader's lock
//! until the constructor returns. A thread of the standard library registers destructors of thread-local values when it
//! starts, and again when it parks, and that takes the same lock: whoever waited for it in the constructor would wait for
//! ever. This thread, and what waits for it, has no such values.

use std::{
    ffi::{CStr, c_void},
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A running thread.
pub(crate) struct Thread(libc::pthread_t);

type Body = Box<dyn FnOnce() + Send>;

impl Thread {
    /// Starts a thread of this name (at most 15 bytes) that runs `body`.
    pub(crate) fn start(
        name: &'static CStr,
        stack: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let named: Body = Box::new(move || {
            // SAFETY: the name ends with a zero and lives for ever.
            unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
            body();
        });
        let argument = Box::into_raw(Box::new(named));
        // SAFETY: the attributes are initialised before they are used and destroyed once. The thread takes the body over;
        // if there is no thread, it is taken back.
        unsafe {
            let mut attributes = mem::zeroed();
            let mut thread = mem::zeroed();
            libc::pthread_attr_init(&raw mut attributes);
            libc::pthread_attr_setstacksize(&raw mut attributes, stack);
            let error = libc::pthread_create(&raw mut thread, &raw const attributes, run, argument.cast());
            libc::pthread_attr_destroy(&raw mut attributes);
            if error != 0 {
                drop(Box::from_raw(argument));
                return Err(io::Error::from_raw_os_error(error));
            }
            Ok(Self(thread))
        }
    }

    /// Leaves it to itself.
    pub(crate) fn detach(self) {
        // SAFETY: the thread was started joinable and, `self` being taken, is not joined.
        unsafe { libc::pthread_detach(self.0) };
    }

    /// Waits until it has ended.
    pub(crate) fn join(self) {
        // SAFETY: the thread was started joinable and, `self` being taken, is joined once.
        unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }
}

extern "C" fn run(argument: *mut c_void) -> *mut c_void {
    // SAFETY: `start` passes a boxed body, to this thread alone.
    let body = unsafe { Box::from_raw(argument.cast::<Body>()) };
    // A panic has said so on stderr; the log is readable without what the thread did not get to, and the program goes on.
    let _ = catch_unwind(AssertUnwindSafe(body));
    ptr::null_mut()
}

/// Something that one thread gives and another waits for.
pub(crate) struct Signal<T> {
    given: Mutex<Option<T>>,
    changed: Condvar,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Signal<T> {
    pub(crate) const fn new() -> Self {
        Self { given: Mutex::new(None), changed: Condvar::new() }
    }

    pub(crate) fn give(&self, value: T) {
        *self.lock() = Some(value);
        self.changed.notify_all();
    }

    /// Waits until it is given, and takes it.
    pub(crate) fn wait(&self) -> T {
        let mut given = self.lock();
        loop {
            match given.take() {
                Some(value) => return value,
                None => given = self.changed.wait(given).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Whether it is given by the end of this time.
    pub(super) fn given_within(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |given| given.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
