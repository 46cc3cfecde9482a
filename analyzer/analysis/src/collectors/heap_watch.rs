//! The figures that are kept of one heap.

use memtrace_format::Bytes;

use super::{DeviceIndex, DeviceWatch, PeakWatch, PeaksWatch};
use crate::{
    Nanos,
    replay::{HeapState, HeldBlock, Level, ReplayHeap},
    timeline::TrackRecorder,
};

/// Heaps beyond this many are counted, and nothing is kept of them: how many heaps there are is the file's choice, and each takes
/// kilobytes of a report.
pub(crate) const FOLLOWED: usize = 1024;

/// Heaps beyond this many get no track and no figures in phases, and those beyond [`FINE`] a coarse track: how many heaps
/// there are is the file's choice, how much memory they take is ours.
pub(crate) const TRACKED: usize = 64;
const FINE: usize = 8;
const FINE_BINS: usize = 16_384;
const COARSE_BINS: usize = 1_024;

/// The holes of a heap at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FragmentationSnapshot {
    pub(crate) time: Nanos,
    pub(crate) level: Level,
    pub(crate) inactive: u64,
    pub(crate) free_blocks: u64,
    pub(crate) largest_free: u64,
    /// Of the inactive bytes, those of segments that hold nothing else.
    pub(crate) whole: u64,
}

impl FragmentationSnapshot {
    #[inline]
    pub(crate) fn of(time: Nanos, heap: &mut HeapState) -> Self {
        let largest_free = heap.largest_hole();
        Self {
            time,
            level: Level::of(heap),
            inactive: heap.hole_bytes(),
            free_blocks: heap.holes(),
            largest_free,
            whole: heap.whole_bytes(),
        }
    }
}

/// Watches one heap.
#[derive(Debug)]
pub(crate) struct HeapWatch {
    /// The device whose memory it is of.
    pub(crate) device: DeviceIndex,
    pub(crate) allocs: u64,
    pub(crate) frees: u64,
    /// Bytes of blocks that were live before recording began: in an imported recording those that it says, else those that were
    /// given back and never handed out.
    pub(crate) baseline: u64,
    pub(crate) unknown_frees: u64,
    pub(crate) peak: PeakWatch,
    pub(crate) peaks: PeaksWatch,
    pub(crate) reserved_peak: (Nanos, u64),
    /// When the most inactive bytes lay outside the largest hole.
    pub(crate) worst: FragmentationSnapshot,
    /// The heap's event that made it so.
    pub(crate) worst_event: u64,
    /// When the most inactive bytes lay in segments that blocks kept, and the heap's event that made it so.
    pub(crate) most_pinned: FragmentationSnapshot,
    pub(crate) most_pinned_event: u64,
    pub(crate) track: Option<TrackRecorder>,
    /// The largest allocated and reserved sums since the latest border of a phase.
    since_border: (u64, u64),
    /// What the device was told last.
    told: Level,
}

impl HeapWatch {
    /// For the heap number `ordinal`, whose first event happens at `time`.
    pub(crate) fn new(ordinal: usize, time: Nanos, device: DeviceIndex) -> Self {
        let bins = if ordinal < FINE { FINE_BINS } else { COARSE_BINS };
        Self {
            device,
            allocs: 0,
            frees: 0,
            baseline: 0,
            unknown_frees: 0,
            peak: PeakWatch::new(time),
            peaks: PeaksWatch::new(time),
            reserved_peak: (time, 0),
            worst: FragmentationSnapshot { time, ..FragmentationSnapshot::default() },
            worst_event: 0,
            most_pinned: FragmentationSnapshot { time, ..FragmentationSnapshot::default() },
            most_pinned_event: 0,
            track: (ordinal < TRACKED).then(|| TrackRecorder::new(bins)),
            since_border: (0, 0),
            told: Level::default(),
        }
    }

    /// Begins to count anew: the heap is as full as it is.
    pub(crate) fn reset_at(&mut self, now: Nanos, heap: &mut ReplayHeap) {
        let bins = self.track.as_ref().map(TrackRecorder::capacity);
        let latest = heap.events.saturating_sub(1);
        let state = &mut heap.state;
        *self = Self {
            peak: PeakWatch::at(now, latest, state),
            peaks: PeaksWatch::at(now, latest, state),
            reserved_peak: (now, state.segments.reserved()),
            worst: FragmentationSnapshot::of(now, state),
            worst_event: latest,
            most_pinned: FragmentationSnapshot::of(now, state),
            most_pinned_event: latest,
            track: bins.map(TrackRecorder::new),
            told: self.told,
            ..Self::new(0, now, self.device)
        };
        self.track(now, Level::of(&heap.state));
    }

    /// What the heap holds now was live before recording began.
    pub(crate) fn mark_live_as_baseline(&mut self, heap: &HeapState) {
        self.baseline = heap.measured();
    }

    /// A block was given back that nobody handed out.
    #[cold]
    pub(crate) fn baseline_free(&mut self, size: Bytes) {
        self.unknown_frees += 1;
        self.baseline = self.baseline.saturating_add(size.0);
    }

    /// A block is no longer allocated; it is still to be said how full the heap is now.
    #[inline(always)]
    pub(crate) fn block_left(&mut self, address: u64, block: HeldBlock) {
        self.peak.left(address, block);
    }

    /// A block was handed out.
    #[inline(always)]
    pub(crate) fn grown(&mut self, time: Nanos, event: u64, heap: &mut ReplayHeap, device: &mut DeviceWatch) {
        self.since_border.0 = self.since_border.0.max(heap.state.totals.allocated);
        self.peak.grown(time, event, &mut heap.state);
        if heap.state.was_split() {
            self.fragmented(time, heap);
        }
        self.tell(time, heap, device);
    }

    /// A block was given back, wholly or so that only a stream uses it.
    #[inline(always)]
    pub(crate) fn shrunk(&mut self, time: Nanos, heap: &mut ReplayHeap, device: &mut DeviceWatch) {
        self.fragmented(time, heap);
        self.tell(time, heap, device);
    }

    /// Segments have changed, and with them perhaps blocks.
    pub(crate) fn resegmented(&mut self, time: Nanos, heap: &mut ReplayHeap, device: &mut DeviceWatch) {
        let reserved = heap.state.segments.reserved();
        if reserved > self.reserved_peak.1 {
            self.reserved_peak = (time, reserved);
        }
        self.since_border.1 = self.since_border.1.max(reserved);
        self.fragmented(time, heap);
        self.tell(time, heap, device);
    }

    /// The largest allocated and reserved sums since this was last asked.
    pub(crate) fn cross_border(&mut self, heap: &HeapState) -> (u64, u64) {
        std::mem::replace(&mut self.since_border, (heap.totals.allocated, heap.segments.reserved()))
    }

    /// A block taken from the front of a hole never brings more waste, so only what gives memory back or splits a hole asks.
    #[inline]
    fn fragmented(&mut self, time: Nanos, heap: &mut ReplayHeap) {
        let inactive = heap.state.hole_bytes();
        let worst = self.worst.inactive - self.worst.largest_free;
        if inactive > worst && inactive - heap.state.largest_hole() > worst {
            self.worst = FragmentationSnapshot::of(time, &mut heap.state);
            self.worst_event = heap.events - 1;
        }
    }

    #[inline(always)]
    fn tell(&mut self, time: Nanos, heap: &mut ReplayHeap, device: &mut DeviceWatch) {
        let state = &mut heap.state;
        // Only events of the heap change it, and they have been counted.
        self.peaks.follow(time, heap.events - 1, state);
        if state.hole_bytes() - state.whole_bytes() > self.most_pinned.inactive - self.most_pinned.whole {
            self.most_pinned = FragmentationSnapshot::of(time, state);
            self.most_pinned_event = heap.events - 1;
        }
        let level = Level::of(state);
        device.follow(self.told, level);
        self.told = level;
        self.track(time, level);
    }

    #[inline(always)]
    fn track(&mut self, time: Nanos, level: Level) {
        if let Some(track) = &mut self.track {
            let Level { requested, allocated, active, reserved } = level;
            track.record(time, [reserved, active, allocated, requested]);
        }
    }
}
