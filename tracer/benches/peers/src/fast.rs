//! fastrace: spans go to a collector thread, which hands them to a reporter; ours counts and drops them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use fastrace::{
    Span,
    collector::{Config, Reporter, SpanContext, SpanRecord},
    local::LocalSpan,
};
use memtrace_measure::{BATCH, Case};

static BEGUN: AtomicU64 = AtomicU64::new(0);
static REPORTED: AtomicU64 = AtomicU64::new(0);

struct Counting;

impl Reporter for Counting {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        REPORTED.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

pub(crate) fn start() {
    fastrace::set_reporter(Counting, Config::default().report_interval(Duration::from_millis(10)));
}

/// Spans inside a root span. A thread holds 10,240 of them until the root span ends, and would drop any further ones.
pub(crate) fn span() -> Case<'static> {
    const OF_A_ROOT: u64 = 4096;
    Case::of_batches("fastrace span", 2, || {
        for _ in 0..BATCH / OF_A_ROOT {
            let root = Span::root("batch", SpanContext::random());
            let _parent = root.set_local_parent();
            (0..OF_A_ROOT).for_each(|_| drop(LocalSpan::enter_with_local_parent("step")));
            BEGUN.fetch_add(OF_A_ROOT + 1, Ordering::Relaxed);
        }
    })
}

pub(crate) fn proof() -> String {
    fastrace::flush();
    format!(
        "fastrace: {} of {} spans reached the reporter",
        REPORTED.load(Ordering::Relaxed),
        BEGUN.load(Ordering::Relaxed)
    )
}
