//! Copies that the device times: each between two events of its stream, and recorded as over once it is known to be.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cudarc::driver::{CudaEvent, CudaStream, DriverError, sys};
use memtrace_tracer::{Bytes, Transfer};

/// The copies of a stream that the device may not be done with, in the order of the stream.
#[derive(Debug, Default)]
pub(crate) struct Copies(Mutex<VecDeque<Copy>>);

#[derive(Debug)]
struct Copy {
    transfer: Transfer,
    start: CudaEvent,
    end: CudaEvent,
}

impl Copies {
    /// Runs `copy` between two events. The transfer ends when the second of them has happened and somebody looks.
    pub(crate) fn time(
        &self,
        stream: &CudaStream,
        transfer: Transfer,
        copy: impl FnOnce() -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        self.look();
        let timed = || stream.record_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT));
        // Events are of no use to the engine: where there is none, the copy is made all the same.
        let start = timed();
        if let Err(error) = copy() {
            transfer.end_early(Bytes(0));
            return Err(error);
        }
        match (start, timed()) {
            (Ok(start), Ok(end)) => self.lock().push_back(Copy { transfer, start, end }),
            _ => transfer.end(),
        }
        self.look();
        Ok(())
    }

    /// Records the ends of the copies that are over.
    pub(crate) fn look(&self) {
        let mut copies = self.lock();
        while let Some(copy) = copies.front() {
            let over = copy.end.try_is_complete();
            if over == Ok(false) {
                return;
            }
            let Some(Copy { transfer, start, end }) = copies.pop_front() else { return };
            let took = over.and_then(|_| start.elapsed_ms(&end));
            match took {
                Ok(ms) => transfer.end_measured(Duration::from_secs_f64(f64::from(ms).max(0.0) / 1e3)),
                // Something on the device failed; this copy may not have been made.
                Err(_) => transfer.end_early(Bytes(0)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Copy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
