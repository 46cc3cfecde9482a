//! Streams: bytes move when their call is made; when a program is told that they have is the business of [`crate::order`].

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
    if !is_always_there(stream) {
        current.driver.streams.with(stream, |_| ())?;
    }
    Ok(current)
}

/// Whether a stream is one that nobody makes.
pub(super) fn is_always_there(stream: Handle) -> bool {
    ALWAYS_THERE.contains(&stream)
}

/// Puts a piece of work on a stream; what it works in, unless the work is captured and so not done.
pub(super) fn work_on(stream: Handle) -> Result<Option<Current>, Code> {
    let current = context_of(stream)?;
    if current.driver.graphs.takes(stream) {
        return Ok(None);
    }
    current.driver.order.put((current.context, stream));
    Ok(Some(current))
}

driver_calls! {
    fn cuStreamCreate(stream: Out<Handle>, _flags: u32) {
        create(stream, 0)
    }

    fn cuStreamCreateWithPriority(stream: Out<Handle>, _flags: u32, priority: i32) {
        create(stream, priority)
    }

    fn cuStreamGetFlags(stream: Handle, flags: Out<u32>) {
        context_of(stream)?;
        flags.set(0)
    }

    fn cuStreamDestroy_v2(stream: Handle) {
        context::current()?.driver.streams.remove(stream).map(drop)
    }

    fn cuStreamSynchronize(stream: Handle) {
        let Current { context, driver, .. } = context_of(stream)?;
        driver.order.wait(driver.order.last((context, stream)));
        Ok(())
    }

    fn cuStreamQuery(stream: Handle) {
        let Current { context, driver, .. } = context_of(stream)?;
        let last = driver.order.last((context, stream));
        if driver.order.is_done(last) { Ok(()) } else { Err(Code::NOT_READY) }
    }

    fn cuStreamGetPriority(stream: Handle, priority: Out<i32>) {
        let current = context_of(stream)?;
        if is_always_there(stream) {
            return priority.set(0);
        }
        priority.set(current.driver.streams.with(stream, |stream| stream.priority)?)
    }

    fn cuStreamWaitEvent(stream: Handle, event: Handle, _flags: u32) {
        let Current { context, driver, .. } = context_of(stream)?;
        let (after, captured_in) = driver.events.with(event, |event| (event.after, event.captured_in))?;
        match captured_in {
            Some(graph) => driver.graphs.join(stream, graph),
            None => driver.order.hold_back((context, stream), after),
        }
        Ok(())
    }
}

fn create(stream: Out<Handle>, priority: i32) -> Result<(), Code> {
    let current = context::current()?;
    stream.set(current.driver.streams.insert(Stream { context: current.context, priority }))
}
