//! The clock that a log's ticks come from, and how to turn them into time.

use crate::{Ticks, bytes::Field};

crate::place::numbered! {
    /// What a tick is.
    ClockKind {
        /// The processor's invariant time-stamp counter, or the generic timer on aarch64. Its rate is not known
        /// beforehand: it follows from the calibrations in the log.
        Tsc = 1, "tsc";
        /// Nanoseconds of CLOCK_MONOTONIC.
        Monotonic = 2, "monotonic";
        /// Nanoseconds of a recording that was made by another program and imported.
        Imported = 3, "imported";
    }
}

/// One instant on three clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// The log's own clock.
    pub ticks: Ticks,
    /// CLOCK_MONOTONIC in nanoseconds.
    pub monotonic_ns: u64,
    /// CLOCK_REALTIME in nanoseconds since 1970.
    pub realtime_ns: u64,
}

impl Calibration {
    /// The size of a calibration in the file.
    pub const BYTES: usize = 24;

    pub(crate) fn read(field: Field, bytes: &[u8]) -> Self {
        let number = |at: usize| Field { offset: field.offset + at, length: 8 }.read_u64(bytes);
        Self { ticks: Ticks(number(0)), monotonic_ns: number(8), realtime_ns: number(16) }
    }

    pub(crate) fn write(&self, field: Field, bytes: &mut [u8]) {
        for (at, number) in [(0, self.ticks.0), (8, self.monotonic_ns), (16, self.realtime_ns)] {
            Field { offset: field.offset + at, length: 8 }.put(bytes, &number.to_le_bytes());
        }
    }
}
