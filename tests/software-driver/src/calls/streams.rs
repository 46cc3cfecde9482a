//! Streams: work is done when its call returns, so a stream is only a handle that must be alive.

use crate::boundary::{Out, driver_calls};
use crate::code::Code;
use crate::context::{self, Current};
use crate::driver::Stream;
use crate::handle::Handle;

/// The default stream, and `CU_STREAM_LEGACY` and `CU_STREAM_PER_THREAD` of cuda.h.
const ALWAYS_THERE: [Handle; 3] = [Handle::NULL, Handle(1), Handle(2)];

/// What a call on `stream` works in: the stream's context, or the thread's for a stream that is always there.
pub(super) fn context_of(stream: Handle) -> Result<Current, Code> {
    let current = context::current()?;
    if !ALWAYS_THERE.contains(&stream) {
        current.driver.streams.with(stream, |_| ())?;
    }
    Ok(current)
}

driver_calls! {
    fn cuStreamCreate(stream: Out<Handle>, _flags: u32) {
        create(stream, 0)
    }

    fn cuStreamCreateWithPriority(stream: Out<Handle>, _flags: u32, priority: i32) {
        create(stream, priority)
    }

    fn cuStreamDestroy_v2(stream: Handle) {
        context::current()?.driver.streams.remove(stream).map(drop)
    }

    fn cuStreamSynchronize(stream: Handle) {
        context_of(stream).map(drop)
    }

    fn cuStreamQuery(stream: Handle) {
        context_of(stream).map(drop)
    }

    fn cuStreamGetPriority(stream: Handle, priority: Out<i32>) {
        let current = context_of(stream)?;
        if ALWAYS_THERE.contains(&stream) {
            return priority.set(0);
        }
        priority.set(current.driver.streams.with(stream, |stream| stream.priority)?)
    }

    fn cuStreamWaitEvent(stream: Handle, event: Handle, _flags: u32) {
        context_of(stream)?.driver.events.with(event, |_| ())
    }

    fn cuStreamIsCapturing(stream: Handle, status: Out<u32>) {
        context_of(stream)?;
        status.set(0)
    }
}

fn create(stream: Out<Handle>, priority: i32) -> Result<(), Code> {
    let current = context::current()?;
    stream.set(current.driver.streams.insert(Stream { context: current.context, priority }))
}
