//! The ledger of one device over time: the samples, and the important instants between them.

use memtrace_analysis::{
    Nanos,
    report::{LedgerEntry, LedgerMoment},
    timeline::{HeapTrack, Series},
};
use memtrace_format::Bytes;

use crate::open_run::OpenRun;

/// One device over time.
#[derive(Debug)]
pub(crate) struct DeviceLedger {
    /// Its ordinal.
    pub(crate) device: u32,
    /// All entries, in the order of time: samples, and what the report has of instants between them.
    entries: Vec<LedgerEntry>,
    /// The places of its heaps among the tracks.
    heaps: Vec<usize>,
    /// The bytes at the full height of a chart.
    pub(crate) top: Bytes,
}

/// Bytes held by the heaps of a device.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeldBytes {
    pub(crate) reserved: u64,
    pub(crate) active: u64,
}

impl DeviceLedger {
    /// Every device that something is known of.
    pub(crate) fn of(run: &OpenRun) -> Vec<Self> {
        let mut devices: Vec<u32> = run.report.ledger.iter().map(|entry| entry.device).collect();
        devices.extend(run.timeline.ledgers.iter().map(|track| track.device));
        devices.sort_unstable();
        devices.dedup();
        devices.into_iter().map(|device| Self::new(run, device)).collect()
    }

    fn new(run: &OpenRun, device: u32) -> Self {
        let samples = run.timeline.ledgers.iter().filter(|track| track.device == device);
        let instants = run.report.ledger.iter().filter(|entry| entry.device == device);
        let mut entries: Vec<_> = samples.flat_map(|track| &track.entries).chain(instants).cloned().collect();
        // The report's entries know why they are there: of two at one time they come last.
        entries.sort_by_key(|entry| (entry.time_ns, !entry.at.is_empty()));
        let of_device =
            |heap: &memtrace_analysis::report::Heap| heap.device == Some(device) && heap.kind == "device";
        let heaps =
            run.report.heaps.iter().enumerate().filter(|(_, heap)| of_device(heap)).map(|(place, _)| place);
        let heaps: Vec<_> = heaps.filter(|&place| place < run.timeline.heaps.len()).collect();
        let total = entries.iter().filter_map(|entry| entry.total).max();
        let reserved = entries.iter().filter_map(|entry| entry.allocator_reserved).max();
        Self { device, entries, heaps, top: total.or(reserved).unwrap_or_default().max(Bytes(1)) }
    }

    /// Returns the latest entry before an instant.
    pub(crate) fn entry_at(&self, time: Nanos) -> Option<&LedgerEntry> {
        let after = self.entries.partition_point(|entry| entry.time_ns <= time);
        after.checked_sub(1).and_then(|place| self.entries.get(place))
    }

    /// The entry of a stretch of time in which the most was in use, or what was known before it.
    pub(crate) fn fullest(&self, from: Nanos, to: Nanos) -> Option<&LedgerEntry> {
        let first = self.entries.partition_point(|entry| entry.time_ns < from);
        let last = self.entries.partition_point(|entry| entry.time_ns < to);
        let within = self.entries.get(first..last.max(first)).unwrap_or_default();
        within
            .iter()
            .filter(|entry| entry.used.is_some())
            .max_by_key(|entry| entry.used)
            .or_else(|| self.entry_at(from))
    }

    /// The entry of an instant that matters.
    pub(crate) fn at(&self, moment: LedgerMoment) -> Option<&LedgerEntry> {
        self.entries.iter().find(|entry| entry.at.contains(&moment))
    }

    /// Returns the most that its heaps held in a stretch of time, as exactly as their tracks tell; none if they have no track.
    pub(crate) fn held(&self, run: &OpenRun, from: Nanos, to: Nanos) -> Option<HeldBytes> {
        let tracks: Vec<&HeapTrack> =
            self.heaps.iter().filter_map(|&place| run.timeline.heaps.get(place)).collect();
        let most =
            |track: &HeapTrack, series| track.extent(series, from, to).map_or(0, |extent| extent.max.0);
        let sum = tracks.iter().fold(HeldBytes::default(), |sum, track| {
            let active = most(track, Series::Active);
            let reserved = if track.has_segments() { most(track, Series::Reserved) } else { active };
            HeldBytes {
                reserved: sum.reserved.saturating_add(reserved),
                active: sum.active.saturating_add(active),
            }
        });
        (!tracks.is_empty()).then_some(sum)
    }
}
