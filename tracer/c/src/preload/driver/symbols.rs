//! The driver's functions by name: whoever looks up one that is hooked gets the hook.
//!
//! `dlsym` answers by where its caller is, so its hook must not stand between: what is not the driver's goes on to the C
//! library's own with the caller's return address in place. This library has no versions of its symbols, so the hook serves
//! programs built against any version of the C library.

use std::{
    arch::naked_asm,
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use super::{Code, Hook, SUCCESS, hooked};
use crate::preload::{
    active,
    next::{self, REAL_DLSYM},
    torch,
};

hooked! {
    11030 fn [cuGetProcAddress](name: *const c_char, place: *mut *mut c_void, version: c_int, flags: u64) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(name, place, version, flags) };
        // SAFETY: the caller passes a string, and a place that the call has written to if it succeeded.
        unsafe { hand_out(code, name, place, version, flags) }
    }

    12000 fn [cuGetProcAddress_v2](
        name: *const c_char,
        place: *mut *mut c_void,
        version: c_int,
        flags: u64,
        status: *mut c_int,
    ) |next| {
        // SAFETY: whatever the caller passes is passed on.
        let code = unsafe { next(name, place, version, flags, status) };
        // SAFETY: as above.
        unsafe { hand_out(code, name, place, version, flags) }
    }
}

/// Puts the hook of a function in place of what the driver answered.
unsafe fn hand_out(
    code: Code,
    name: *const c_char,
    place: *mut *mut c_void,
    version: c_int,
    flags: u64,
) -> Code {
    /// `CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM`.
    const PER_THREAD: u64 = 2;
    if code != SUCCESS || place.is_null() || name.is_null() || !active() {
        return code;
    }
    // SAFETY: the caller says so.
    let (name, found) = unsafe { (CStr::from_ptr(name), *place) };
    if found.is_null() {
        return code;
    }
    // The CUDA runtime asks for the functions of memory before its first call. By then PyTorch's allocator is there, if it is at all.
    if name == c"cuMemAlloc" {
        torch::watch_requests();
    }
    let forms = || super::hooks().filter(|hook| hook.is_form_of(name) && hook.since <= version);
    let newest = forms().map(|hook| hook.since).max();
    let wanted = forms()
        .filter(|hook| Some(hook.since) == newest)
        .max_by_key(|hook| hook.is_per_thread() == (flags & PER_THREAD != 0));
    if let Some(hook) = wanted {
        // SAFETY: the caller says so.
        unsafe { *place = hook.stand_before(found) };
    }
    code
}

impl Hook {
    /// Whether this is a form of the function that is asked for by `name`: `cuMemAlloc_v2` of `cuMemAlloc`.
    fn is_form_of(&self, name: &CStr) -> bool {
        let own = self.name;
        let own = own.strip_suffix("_ptsz").or_else(|| own.strip_suffix("_ptds")).unwrap_or(own);
        own.strip_suffix("_v2").unwrap_or(own).as_bytes() == name.to_bytes()
    }

    /// Whether its default stream is the thread's own.
    fn is_per_thread(&self) -> bool {
        self.name.ends_with("_ptsz") || self.name.ends_with("_ptds")
    }

    /// The hook, to be called in place of `found`. A driver whose own names lead to hooks, as everybody's do, has found one
    /// already, if perhaps of another form.
    fn stand_before(&self, found: *mut c_void) -> *mut c_void {
        if super::hooks().any(|hook| ptr::eq(found, hook.here)) {
            return found;
        }
        (self.learn)(found);
        self.here.cast_mut()
    }
}

/// The hook to return for `name`, or null: the C library is to answer.
unsafe extern "C" fn hook_for(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    next::find_dlsym();
    if !active() || name.is_null() || handle == libc::RTLD_NEXT || memtrace_tracer::inside() {
        return ptr::null_mut();
    }
    // SAFETY: the caller passes a string.
    let name = unsafe { CStr::from_ptr(name) };
    if !name.to_bytes().starts_with(b"cu") {
        return ptr::null_mut();
    }
    let Some(hook) = super::hooks().find(|hook| hook.name.as_bytes() == name.to_bytes()) else {
        return ptr::null_mut();
    };
    let found = next::real_dlsym(handle, name);
    // Where there is none, the C library is asked again and says so in its own way.
    if found.is_null() { found } else { hook.stand_before(found) }
}

/// Asks [`hook_for`], and if it has no answer goes on to the real `dlsym` as though the caller had called that.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    naked_asm!(
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "call {hook_for}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jnz 2f",
        "jmp qword ptr [rip + {real}]",
        "2:",
        "ret",
        hook_for = sym hook_for,
        real = sym REAL_DLSYM,
    )
}

/// Asks [`hook_for`], and if it has no answer goes on to the real `dlsym` as though the caller had called that.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "stp x0, x1, [sp, #16]",
        "bl {hook_for}",
        "mov x9, x0",
        "ldp x0, x1, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "cbnz x9, 2f",
        "adrp x16, {real}",
        "ldr x16, [x16, :lo12:{real}]",
        "br x16",
        "2:",
        "mov x0, x9",
        "ret",
        hook_for = sym hook_for,
        real = sym REAL_DLSYM,
    )
}

#[cfg(test)]
mod tests {
    use super::super::hooks;

    #[test]
    fn forms_of_a_function_are_known_by_its_name() {
        let forms = |name| {
            hooks().filter(move |hook| hook.is_form_of(name)).map(|hook| hook.name).collect::<Vec<_>>()
        };
        assert_eq!(forms(c"cuMemAlloc"), ["cuMemAlloc_v2"]);
        assert!(forms(c"cuMemAlloc_v2").is_empty(), "it is asked for by its base name");
        assert_eq!(forms(c"cuMemcpyHtoDAsync"), ["cuMemcpyHtoDAsync_v2", "cuMemcpyHtoDAsync_v2_ptsz"]);
        assert_eq!(forms(c"cuGetProcAddress"), ["cuGetProcAddress", "cuGetProcAddress_v2"]);
    }
}
