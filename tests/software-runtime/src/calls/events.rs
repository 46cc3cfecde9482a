//! Events.

use crate::boundary::runtime_calls;
use crate::device::ready;
use crate::driver::Handle;

runtime_calls! {
    fn cudaEventCreate(event: *mut Handle) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.event_create)(event, 0) }.result()
    }

    fn cudaEventCreateWithFlags(event: *mut Handle, flags: u32) {
        // SAFETY: as above.
        unsafe { (ready()?.event_create)(event, flags) }.result()
    }

    fn cudaEventDestroy(event: Handle) {
        // SAFETY: the driver knows an event that is none.
        unsafe { (ready()?.event_destroy)(event) }.result()
    }

    fn cudaEventRecord(event: Handle, stream: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.event_record)(event, stream) }.result()
    }

    /// The flags concern captures into graphs of the program's own.
    fn cudaEventRecordWithFlags(event: Handle, stream: Handle, _flags: u32) {
        // SAFETY: as above.
        unsafe { (ready()?.event_record)(event, stream) }.result()
    }

    fn cudaEventQuery(event: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.event_query)(event) }.result()
    }

    fn cudaEventSynchronize(event: Handle) {
        // SAFETY: as above.
        unsafe { (ready()?.event_synchronize)(event) }.result()
    }

    fn cudaEventElapsedTime(milliseconds: *mut f32, start: Handle, end: Handle) {
        // SAFETY: the caller owes a place.
        unsafe { (ready()?.event_elapsed)(milliseconds, start, end) }.result()
    }
}
