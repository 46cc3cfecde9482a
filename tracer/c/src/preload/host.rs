//! The host's allocator: `malloc` and its kin.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Blocks of at least this many bytes are recorded.
static THRESHOLD: AtomicUsize = AtomicUsize::new(DEFAULT_THRESHOLD);

const DEFAULT_THRESHOLD: usize = 4 << 10;

/// Records blocks of at least `bytes` bytes.
pub(crate) fn set_threshold(bytes: usize) {
    THRESHOLD.store(bytes, Ordering::Relaxed);
}
