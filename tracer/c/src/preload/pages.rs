//! Memory for what hooks keep: pages of their own, for a hook allocates nothing.

use std::ptr;

/// Zeros that take memory only where they are written to, and are zeros again in a forked child: its log knows nothing of
/// what was live before. Null: there are none.
pub(crate) fn zeroed(bytes: usize) -> *mut libc::c_void {
    let pages = map(bytes, libc::MAP_NORESERVE);
    if !pages.is_null() {
        // SAFETY: they are this function's own.
        unsafe { libc::madvise(pages, bytes, libc::MADV_WIPEONFORK) };
    }
    pages
}

/// Zeros that a forked child has as its parent left them. Null: there are none.
pub(crate) fn lasting(bytes: usize) -> *mut libc::c_void {
    map(bytes, 0)
}

fn map(bytes: usize, more: libc::c_int) -> *mut libc::c_void {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | more;
    // SAFETY: a new mapping, which nobody else knows of. The system call itself, for `mmap` is hooked.
    let pages = unsafe { libc::syscall(libc::SYS_mmap, 0, bytes, access, flags, -1, 0) };
    if pages == -1 { ptr::null_mut() } else { ptr::with_exposed_provenance_mut(pages as usize) }
}

/// Gives pages back.
///
/// # Safety
///
/// They are from here, as many bytes, and not used any more.
pub(crate) unsafe fn give_back(pages: *mut libc::c_void, bytes: usize) {
    // SAFETY: the caller says so. The system call itself, for `munmap` is hooked.
    unsafe { libc::syscall(libc::SYS_munmap, pages, bytes) };
}
