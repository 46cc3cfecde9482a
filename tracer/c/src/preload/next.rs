//! The function that a hook stands before: the next of its name in the order in which the dynamic linker searches.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    marker::PhantomData,
    mem, ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use super::{flags::LOOKING_UP, keeping_errno, memory};

/// The next function of a name, of type `F`. Looked up once, and kept without a lock: whoever looks it up finds the same.
pub(crate) struct Next<F> {
    name: &'static CStr,
    /// Where it is if the program's own libraries do not have it: a library that was opened for itself alone.
    library: Option<&'static CStr>,
    found: AtomicPtr<c_void>,
    function: PhantomData<F>,
}

impl<F: Copy> Next<F> {
    /// # Safety
    ///
    /// The function of this name has the type `F`, a function pointer.
    pub(crate) const unsafe fn named(name: &'static CStr) -> Self {
        Self { name, library: None, found: AtomicPtr::new(ptr::null_mut()), function: PhantomData }
    }

    /// As [`named`](Self::named); it may be in `library`, which the program opened, as well.
    ///
    /// # Safety
    ///
    /// As for [`named`](Self::named).
    pub(crate) const unsafe fn of(name: &'static CStr, library: &'static CStr) -> Self {
        Self { name, library: Some(library), found: AtomicPtr::new(ptr::null_mut()), function: PhantomData }
    }

    /// The function, if there is one.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let mut found = self.found.load(Ordering::Relaxed);
        if found.is_null() {
            found = self.look_up();
        }
        // SAFETY: `F` is a function pointer, and that of this function, as the constructor's caller vouches.
        (!found.is_null()).then(|| unsafe { mem::transmute_copy(&found) })
    }

    #[cold]
    #[inline(never)]
    fn look_up(&self) -> *mut c_void {
        // Looking up may allocate, and so come here again: that call finds nothing, and helps itself. No handler comes in between,
        // for one that leaves by a jump would leave this as it is.
        let found = memtrace_tracer::without_handlers(|| {
            if LOOKING_UP.replace(true) {
                return ptr::null_mut();
            }
            let found = keeping_errno(|| {
                memory::prepare();
                let next = next_symbol(self.name);
                match self.library {
                    Some(library) if next.is_null() => symbol_of(library, self.name),
                    _ => next,
                }
            });
            LOOKING_UP.replace(false);
            found
        });
        if found.is_null() {
            return found;
        }
        self.found.store(found, Ordering::Relaxed);
        found
    }

    /// The function, if it was found before.
    #[inline(always)]
    pub(crate) fn known(&self) -> Option<F> {
        let found = self.found.load(Ordering::Relaxed);
        // SAFETY: as in `get`.
        (!found.is_null()).then(|| unsafe { mem::transmute_copy(&found) })
    }

    /// Keeps what the function is in `library`, which is loaded, unless it is known.
    pub(crate) fn learn_from(&self, library: &CStr) {
        self.learn(symbol_of(library, self.name));
    }

    /// Keeps what the function was found to be elsewhere, unless it is known.
    pub(crate) fn learn(&self, function: *mut c_void) {
        let _ = self.found.compare_exchange(ptr::null_mut(), function, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// What a hook goes on to by a jump, without a look whether it was found: before it is, that is a function that finds it.
#[repr(transparent)]
pub(crate) struct Jump<F> {
    function: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

impl<F: Copy> Jump<F> {
    /// # Safety
    ///
    /// `first` is a function of type `F`, which is a function pointer.
    pub(crate) const unsafe fn to(first: *mut c_void) -> Self {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        Self { function: AtomicPtr::new(first), kind: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> F {
        // SAFETY: it is an `F`: the constructor's caller vouches for the first, and no other type is kept.
        unsafe { mem::transmute_copy(&self.function.load(Ordering::Relaxed)) }
    }

    /// It is found.
    pub(crate) fn lead_to(&self, next: F) {
        // SAFETY: a function pointer, as the constructor has checked the size of.
        self.function.store(unsafe { mem::transmute_copy(&next) }, Ordering::Relaxed);
    }
}

/// The next functions of these names, and a function that finds all of them.
macro_rules! next {
    ($($place:ident = $name:ident($($argument:ty),* $(,)?) -> $result:ty;)*) => {
        $(
            static $place: $crate::preload::next::Next<unsafe extern "C" fn($($argument),*) -> $result> = {
                const NAME: &std::ffi::CStr = $crate::preload::next::c_name(concat!(stringify!($name), "\0"));
                // SAFETY: this is the type of the C library's function of this name.
                unsafe { $crate::preload::next::Next::named(NAME) }
            };
        )*

        /// Finds all of them.
        pub(crate) fn look_up_all() {
            $($place.get();)*
        }
    };
}

pub(crate) use next;

type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;

/// The C library's own `dlsym`, once it is found.
pub(crate) static REAL_DLSYM: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Finds it. Unlike other functions it cannot be asked for by the function that it is.
#[inline]
pub(crate) fn find_dlsym() {
    if !REAL_DLSYM.load(Ordering::Relaxed).is_null() {
        return;
    }
    // Since 2.34 it is a part of the C library; before, and for programs built before, of libdl.
    for version in [c"GLIBC_2.34", c"GLIBC_2.17", c"GLIBC_2.2.5"] {
        // SAFETY: both are strings.
        let found = unsafe { libc::dlvsym(libc::RTLD_NEXT, c"dlsym".as_ptr(), version.as_ptr()) };
        if !found.is_null() {
            REAL_DLSYM.store(found, Ordering::Relaxed);
            return;
        }
    }
}

/// As the C library's own `dlsym`; what it answers to who asks for the next is next behind this library.
pub(crate) fn real_dlsym(handle: *mut c_void, name: &CStr) -> *mut c_void {
    find_dlsym();
    let found = REAL_DLSYM.load(Ordering::Relaxed);
    if found.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: it is `dlsym`, which takes any handle of the caller's and a string.
    unsafe { mem::transmute::<*mut c_void, Dlsym>(found)(handle, name.as_ptr()) }
}

/// The next definition of `name` behind this library's own.
fn next_symbol(name: &CStr) -> *mut c_void {
    real_dlsym(libc::RTLD_NEXT, name)
}

/// The definition of `name` in a library that is loaded already.
pub(crate) fn symbol_of(library: &CStr, name: &CStr) -> *mut c_void {
    const LOADED: c_int = libc::RTLD_LAZY | libc::RTLD_NOLOAD;
    // SAFETY: it is a string, and nothing is loaded that is not there. The handle is kept, so the library stays.
    let handle = unsafe { libc::dlopen(library.as_ptr(), LOADED) };
    if handle.is_null() { ptr::null_mut() } else { real_dlsym(handle, name) }
}

/// A name for the loader, from one that ends with a zero.
pub(crate) const fn c_name(name: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(name.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a name ends with a zero, and has no other"),
    }
}
