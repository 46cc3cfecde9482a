//! Events: instants of the host's clock, for a stream has nothing left to do when an event is recorded.

use std::time::Instant;

use crate::boundary::{Out, driver_calls};
use crate::calls::streams;
use crate::code::Code;
use crate::context;
use crate::driver::Event;
use crate::handle::Handle;

/// `CU_EVENT_DISABLE_TIMING`.
const DISABLE_TIMING: u32 = 2;

driver_calls! {
    fn cuEventCreate(event: Out<Handle>, flags: u32) {
        let current = context::current()?;
        event.set(current.driver.events.insert(Event {
            context: current.context,
            timed: flags & DISABLE_TIMING == 0,
            recorded: None,
        }))
    }

    fn cuEventDestroy_v2(event: Handle) {
        context::current()?.driver.events.remove(event).map(drop)
    }

    fn cuEventRecord(event: Handle, stream: Handle) {
        let current = streams::context_of(stream)?;
        current.driver.events.with(event, |event| event.recorded = Some(Instant::now()))
    }

    fn cuEventQuery(event: Handle) {
        context::current()?.driver.events.with(event, |_| ())
    }

    fn cuEventSynchronize(event: Handle) {
        context::current()?.driver.events.with(event, |_| ())
    }

    fn cuEventElapsedTime(milliseconds: Out<f32>, start: Handle, end: Handle) {
        let end = instant(end)?;
        let start = instant(start)?;
        let signed = if end >= start {
            (end - start).as_secs_f32()
        } else {
            -(start - end).as_secs_f32()
        };
        milliseconds.set(signed * 1000.0)
    }
}

/// When a timed event was recorded.
fn instant(event: Handle) -> Result<Instant, Code> {
    let events = &context::current()?.driver.events;
    events.with(event, |event| event.recorded.filter(|_| event.timed))?.ok_or(Code::INVALID_HANDLE)
}
