//! puffin: scopes go into a stream of their thread's, which is handed over when the outermost scope ends.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use memtrace_measure::{BATCH, Case};
use puffin::GlobalProfiler;

static BEGUN: AtomicU64 = AtomicU64::new(0);
static IN_FRAMES: AtomicU64 = AtomicU64::new(0);

/// Turns scopes on, and starts what stands for the program's main loop: a frame every few milliseconds.
pub(crate) fn start() {
    puffin::set_scopes_on(true);
    GlobalProfiler::lock().add_sink(Box::new(|frame| {
        IN_FRAMES.fetch_add(frame.meta().num_scopes as u64, Ordering::Relaxed);
    }));
    thread::spawn(|| {
        loop {
            GlobalProfiler::lock().new_frame();
            thread::sleep(Duration::from_millis(5));
        }
    });
}

/// Scopes inside one that is a batch long.
pub(crate) fn nested_scope() -> Case<'static> {
    Case::of_batches("puffin scope in another", 2, || {
        puffin::profile_scope!("batch");
        for _ in 0..BATCH {
            puffin::profile_scope!("step");
        }
        BEGUN.fetch_add(BATCH + 1, Ordering::Relaxed);
    })
}

/// Scopes that are handed over one by one.
pub(crate) fn outermost_scope() -> Case<'static> {
    Case::of_batches("puffin scope by itself", 2, || {
        for _ in 0..BATCH {
            puffin::profile_scope!("step");
        }
        BEGUN.fetch_add(BATCH, Ordering::Relaxed);
    })
}

pub(crate) fn proof() -> String {
    GlobalProfiler::lock().new_frame();
    format!(
        "puffin: {} of {} scopes are in frames",
        IN_FRAMES.load(Ordering::Relaxed),
        BEGUN.load(Ordering::Relaxed)
    )
}
