//! Counts of lost events, by cause.

crate::place::numbered! {
    /// Why an event is not in the log.
    DropCause {
        /// The helper thread had no chunk ready.
        NoChunk = 1, "no chunk ready";
        /// There was no room on the disk.
        DiskFull = 2, "disk full";
        /// The log had reached its largest size.
        SizeLimit = 3, "size limit";
        /// The log could not be grown or mapped, or there was no memory to keep what an event needs.
        Failed = 4, "log failed";
        /// The event happened inside the tracer itself (an allocation made while it set up a thread, say).
        Reentrant = 5, "inside the tracer";
        /// The event referred to a definition that could not be written.
        Definition = 6, "definition lost";
    }
}

/// How many events were lost, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounts([u64; DropCounts::CAUSES]);

impl DropCounts {
    /// The number of causes that a chunk header and a closing block have room for.
    pub const CAUSES: usize = 6;

    /// The size of the counts in the file: one 8-byte count a cause, in the order of the causes' numbers.
    pub const BYTES: usize = Self::CAUSES * 8;

    /// How many were lost for this cause.
    pub const fn of(&self, cause: DropCause) -> u64 {
        self.0[cause as usize - 1]
    }

    /// Counts `more` lost for this cause.
    pub const fn add(&mut self, cause: DropCause, more: u64) {
        let count = &mut self.0[cause as usize - 1];
        *count = count.saturating_add(more);
    }

    /// How many were lost in all.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Every cause with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (DropCause, u64)> + '_ {
        DropCause::ALL.iter().map(|&cause| (cause, self.of(cause)))
    }

    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut counts = Self::default();
        for (count, place) in counts.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *count = u64::from_le_bytes(*place);
        }
        counts
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, count) in bytes.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        bytes
    }
}

const _: () = assert!(DropCause::ALL.len() == DropCounts::CAUSES);
