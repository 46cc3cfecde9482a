//! The words of mapped pages. Those that commit something are atomic; the others are plain, for whoever sees the commit.
//!
//! In a model, each word of a page holds where loom's atomic is that stands for it. A plain access is then one that loom
//! allows only if no other thread's access to the word can come at the same time.

use std::ops::Deref;

use super::AtomicU64;

/// The size of a word.
pub(crate) const BYTES: usize = 8;

/// The word at `place`, for atomic accesses.
///
/// # Safety
///
/// `place` is a multiple of 8, and lies in a page that is mapped and writable for as long as `'a`. Other threads access the
/// word atomically, or not at the same time.
#[inline(always)]
pub(crate) unsafe fn atomic<'a>(place: *mut u64) -> &'a AtomicU64 {
    #[cfg(not(loom))]
    // SAFETY: the caller's.
    unsafe {
        AtomicU64::from_ptr(place)
    }
    #[cfg(loom)]
    // SAFETY: the caller's, and a model's page holds addresses of atomics that live as long as the page.
    unsafe {
        &*(place.read() as *const AtomicU64)
    }
}

/// Stores a word.
///
/// # Safety
///
/// As for [`atomic`], and no other thread accesses the word at the same time.
#[inline(always)]
pub(crate) unsafe fn write(place: *mut u64, value: u64) {
    #[cfg(not(loom))]
    // SAFETY: the caller's.
    unsafe {
        place.write(value);
    }
    #[cfg(loom)]
    // SAFETY: the caller's, and as in `atomic`; loom sees to it that the access is the only one. Loom takes a plain access for
    // a part of the atomic one before it, so a store that is moved before this one would hide without a load between them.
    unsafe {
        atomic(place).load(super::Ordering::Relaxed);
        (*(place.read() as *mut AtomicU64)).with_mut(|word| *word = value);
    }
}

/// Loads a word.
///
/// # Safety
///
/// As for [`atomic`], and no other thread stores to the word at the same time.
#[inline(always)]
pub(crate) unsafe fn read(place: *const u64) -> u64 {
    #[cfg(not(loom))]
    // SAFETY: the caller's.
    unsafe {
        place.read()
    }
    #[cfg(loom)]
    // SAFETY: the caller's, and as in `atomic`.
    unsafe {
        (*(place.read() as *const AtomicU64)).unsync_load()
    }
}

/// Stores whole words.
///
/// # Safety
///
/// As for [`write()`], for each of the words.
///
/// # Panics
///
/// In a model: `bytes` is not a number of whole words.
pub(crate) unsafe fn write_all(place: *mut u64, bytes: &[u8]) {
    #[cfg(not(loom))]
    // SAFETY: the caller's; `bytes` is borrowed, so it is not where nobody else looks.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast(), bytes.len());
    }
    #[cfg(loom)]
    for (at, word) in bytes.as_chunks::<BYTES>().0.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { write(place.add(at), u64::from_le_bytes(*word).to_le()) };
    }
}

/// Makes words zero.
///
/// # Safety
///
/// As for [`write()`], for each of the words.
pub(crate) unsafe fn clear(place: *mut u64, bytes: usize) {
    #[cfg(not(loom))]
    // SAFETY: the caller's.
    unsafe {
        std::ptr::write_bytes(place.cast::<u8>(), 0, bytes);
    }
    #[cfg(loom)]
    for at in 0..bytes / BYTES {
        // SAFETY: the caller's.
        unsafe { write(place.add(at), 0) };
    }
}

/// Whole words as bytes.
///
/// # Safety
///
/// As for [`read`], for each of the words, for as long as `'a`.
pub(crate) unsafe fn bytes<'a>(place: *const u64, bytes: usize) -> impl Deref<Target = [u8]> + 'a {
    #[cfg(not(loom))]
    // SAFETY: the caller's.
    unsafe {
        std::slice::from_raw_parts(place.cast::<u8>(), bytes)
    }
    #[cfg(loom)]
    // SAFETY: the caller's.
    unsafe {
        (0..bytes / BYTES).flat_map(|at| u64::from_le(read(place.add(at))).to_le_bytes()).collect::<Vec<u8>>()
    }
}
