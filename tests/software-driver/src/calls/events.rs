//! Events: instants of the host's clock, and places in the order of a stream's work.

use std::time::Instant;

use crate::boundary::{Out, driver_calls};
use crate::calls::streams;
use crate::code::Code;
use crate::context;
use crate::driver::Event;
use crate::handle::Handle;
use crate::order::Work;

/// `CU_EVENT_DISABLE_TIMING`.
const DISABLE_TIMING: u32 = 2;

driver_calls! {
    fn cuEventCreate(event: Out<Handle>, flags: u32) {
        let current = context::current()?;
        event.set(current.driver.events.insert(Event {
            context: current.context,
            timed: flags & DISABLE_TIMING == 0,
            recorded: None,
            after: Work::default(),
            captured_in: None,
        }))
    }

    fn cuEventDestroy_v2(event: Handle) {
        context::current()?.driver.events.remove(event).map(drop)
    }

    fn cuEventRecord(event: Handle, stream: Handle) {
        record(event, stream)
    }

    fn cuEventRecordWithFlags(event: Handle, stream: Handle, _flags: u32) {
        record(event, stream)
    }

    fn cuEventQuery(event: Handle) {
        let driver = context::current()?.driver;
        if driver.order.is_done(work_before(event)?) { Ok(()) } else { Err(Code::NOT_READY) }
    }

    fn cuEventSynchronize(event: Handle) {
        let driver = context::current()?.driver;
        driver.order.wait(work_before(event)?);
        Ok(())
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

fn record(event: Handle, stream: Handle) -> Result<(), Code> {
    let current = streams::context_of(stream)?;
    let driver = current.driver;
    let after = driver.order.last((current.context, stream));
    let captured_in = driver.graphs.capture_of(stream).map(|capture| capture.graph);
    driver.events.with(event, |event| {
        *event = Event { recorded: Some(Instant::now()), after, captured_in, ..*event };
    })
}

/// What has to be done before the event has happened. One that was captured never happens.
fn work_before(event: Handle) -> Result<Work, Code> {
    let (after, captured_in) =
        context::current()?.driver.events.with(event, |event| (event.after, event.captured_in))?;
    if captured_in.is_some() { Err(Code::CAPTURED_EVENT) } else { Ok(after) }
}

/// When a timed event was recorded.
fn instant(event: Handle) -> Result<Instant, Code> {
    let events = &context::current()?.driver.events;
    events.with(event, |event| event.recorded.filter(|_| event.timed))?.ok_or(Code::INVALID_HANDLE)
}
