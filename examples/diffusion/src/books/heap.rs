//! The book of one heap.

use serde::Serialize;

use crate::quantity::Bytes;

/// What is allocated and reserved now, and what it was at its highest.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeapBook {
    now: Levels,
    peak: Levels,
    summary: HeapSummary,
    failures: Vec<FailedRequest>,
}

/// A request that failed, and what there was when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FailedRequest {
    pub(crate) requested_bytes: Bytes,
    /// Reserved and not allocated, in all.
    pub(crate) cached_bytes: Bytes,
    /// The largest piece of that.
    pub(crate) largest_free_bytes: Bytes,
    /// What the driver had left, if it says.
    pub(crate) device_free_bytes: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Levels {
    allocated: Bytes,
    requested: Bytes,
    reserved: Bytes,
}

/// The figures of a heap that are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct HeapSummary {
    /// Blocks handed out and taken back.
    pub(crate) allocs: u64,
    pub(crate) frees: u64,
    pub(crate) segment_allocs: u64,
    pub(crate) segment_frees: u64,
    pub(crate) ooms: u64,
    /// The most that was allocated at once, and the state of that moment, the first of its kind.
    pub(crate) peak_allocated_bytes: Bytes,
    pub(crate) requested_at_peak_bytes: Bytes,
    pub(crate) reserved_at_peak_bytes: Bytes,
    /// The most that was reserved at once.
    pub(crate) peak_reserved_bytes: Bytes,
    pub(crate) final_allocated_bytes: Bytes,
    pub(crate) final_requested_bytes: Bytes,
    pub(crate) final_reserved_bytes: Bytes,
}

impl HeapBook {
    pub(crate) fn allocated(&self) -> Bytes {
        self.now.allocated
    }

    pub(crate) fn reserved(&self) -> Bytes {
        self.now.reserved
    }

    pub(crate) fn segment_alloc(&mut self, size: Bytes) {
        self.summary.segment_allocs += 1;
        self.now.reserved += size;
        let highest = &mut self.summary.peak_reserved_bytes;
        *highest = self.now.reserved.max(*highest);
    }

    pub(crate) fn segment_free(&mut self, size: Bytes) {
        self.summary.segment_frees += 1;
        self.now.reserved -= size;
    }

    pub(crate) fn block_alloc(&mut self, size: Bytes, requested: Bytes) {
        self.summary.allocs += 1;
        self.now.allocated += size;
        self.now.requested += requested;
        if self.now.allocated > self.peak.allocated {
            self.peak = self.now;
        }
    }

    pub(crate) fn block_free(&mut self, size: Bytes, requested: Bytes) {
        self.summary.frees += 1;
        self.now.allocated -= size;
        self.now.requested -= requested;
    }

    pub(crate) fn out_of_memory(&mut self, request: FailedRequest) {
        self.summary.ooms += 1;
        self.failures.push(request);
    }

    pub(crate) fn failures(&self) -> &[FailedRequest] {
        &self.failures
    }

    pub(crate) fn summary(&self) -> HeapSummary {
        HeapSummary {
            peak_allocated_bytes: self.peak.allocated,
            requested_at_peak_bytes: self.peak.requested,
            reserved_at_peak_bytes: self.peak.reserved,
            final_allocated_bytes: self.now.allocated,
            final_requested_bytes: self.now.requested,
            final_reserved_bytes: self.now.reserved,
            ..self.summary
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_first_highest_moment_as_it_was() {
        let mut book = HeapBook::default();
        book.segment_alloc(Bytes(4096));
        book.block_alloc(Bytes(1024), Bytes(1000));
        book.block_alloc(Bytes(1024), Bytes(900));
        book.segment_alloc(Bytes(4096));
        book.block_free(Bytes(1024), Bytes(900));
        book.block_alloc(Bytes(1024), Bytes(1024));
        let summary = book.summary();
        assert_eq!(summary.peak_allocated_bytes, Bytes(2048));
        assert_eq!(summary.requested_at_peak_bytes, Bytes(1900));
        assert_eq!(summary.reserved_at_peak_bytes, Bytes(4096));
        assert_eq!(summary.peak_reserved_bytes, Bytes(8192));
        assert_eq!(summary.final_requested_bytes, Bytes(2024));
    }
}
