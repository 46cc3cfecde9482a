//! A trace for Perfetto: a timeline of threads, transfers and heaps.
//!
//! Times are the trace's own, on the clock that Perfetto takes for its own. A process is the root of all tracks; under it are its threads
//! with their scopes and, a track further down, their forwards; a track for each way that transfers take; a track for each heap
//! with its counters; and the counters that were sampled.

mod heaps;
mod packets;
mod proto;
mod threads;
mod transfers;

use std::io::{self, Write};

use hashbrown::HashMap;
use memtrace_analysis::{
    Nanos, Text, Trace,
    replay::Replay,
    walk::{Seen, Visitor},
};
use memtrace_format::{CounterId, CounterValue, DeviceId, Event, Unit};

use self::{
    heaps::HeapTracks,
    packets::{Packets, Track, named, number, text},
    proto::{
        Clock, ClockSnapshot, CounterDescriptor, Data, ProcessDescriptor, TrackDescriptor, TrackEvent, Type,
    },
    threads::ThreadTracks,
    transfers::TransferTracks,
};

/// Perfetto's numbers of the clock that its times are on, and of the one that shows the time of day.
const BOOT_TIME: u32 = 6;
const REAL_TIME: u32 = 1;

/// The process id of imported traces: Perfetto takes 0 for the kernel's.
const SOME_PROCESS: i32 = 1;

/// Writes a trace as Perfetto reads it.
#[derive(Debug)]
pub(super) struct Perfetto<'a, W> {
    trace: &'a Trace,
    packets: Packets<W>,
    process: Track,
    threads: ThreadTracks<'a>,
    heaps: HeapTracks<'a>,
    transfers: TransferTracks<'a>,
    counters: HashMap<CounterId, Track>,
}

impl<'a, W: Write> Perfetto<'a, W> {
    pub(super) fn new(trace: &'a Trace, out: W) -> io::Result<Self> {
        let mut packets = Packets::new(out);
        let header = trace.header();
        let clock = |id, timestamp| Clock { clock_id: Some(id), timestamp: Some(timestamp) };
        if header.start.realtime_ns > 0 {
            let clocks = vec![clock(BOOT_TIME, 0), clock(REAL_TIME, header.start.realtime_ns)];
            packets.packet(None, Data::Clocks(ClockSnapshot { clocks }))?;
        }
        let pid = i32::try_from(header.pid).ok().filter(|&pid| pid > 0).unwrap_or(SOME_PROCESS);
        let engine = trace.definitions().engine().map(|engine| Text::new(engine.name.as_str()));
        let process = ProcessDescriptor { pid: Some(pid), process_name: engine.map(|name| name.to_string()) };
        let process =
            packets.describe(TrackDescriptor { process: Some(process), ..TrackDescriptor::default() })?;
        Ok(Self {
            trace,
            packets,
            process,
            threads: ThreadTracks::new(trace, pid, process),
            heaps: HeapTracks::new(trace, process),
            transfers: TransferTracks::new(trace, process),
            counters: HashMap::new(),
        })
    }

    fn instant(&mut self, time: Nanos, track: Track, event: TrackEvent) -> io::Result<()> {
        self.packets.event(time, track, Type::Instant, event)
    }

    fn sample(&mut self, time: Nanos, id: CounterId, value: CounterValue) -> io::Result<()> {
        let track = match self.counters.get(&id) {
            Some(&track) => track,
            None => {
                let (name, unit) = self.counter(id);
                let track = self.packets.counter(self.process, name, unit)?;
                self.counters.insert(id, track);
                track
            }
        };
        match value {
            CounterValue::Integer(value) => self.packets.value(time, track, value),
            CounterValue::Float(value) => {
                let event = TrackEvent { double_counter_value: Some(value), ..TrackEvent::default() };
                self.packets.event(time, track, Type::Counter, event)
            }
        }
    }

    /// A counter's name, with the device it is about, and its unit.
    fn counter(&self, id: CounterId) -> (String, CounterDescriptor) {
        let definitions = self.trace.definitions();
        let Some(counter) = definitions.counter(id) else {
            return (format!("<lost {id}>"), CounterDescriptor::default());
        };
        let name = Text::new(counter.name.as_str());
        let device = definitions.device(DeviceId(counter.device));
        let name = match device {
            Some(device) => format!("device:{} {name}", device.ordinal),
            None => name.to_string(),
        };
        let (unit, unit_name) = match counter.unit() {
            Some(Unit::Bytes) => (proto::Unit::Bytes, None),
            Some(Unit::Nanoseconds) => (proto::Unit::Nanoseconds, None),
            Some(Unit::Count) => (proto::Unit::Count, None),
            other => (proto::Unit::Unspecified, other.map(|unit| unit.to_string())),
        };
        (name, CounterDescriptor { unit: Some(unit as i32), unit_name })
    }
}

impl<W: Write> Visitor for Perfetto<'_, W> {
    fn begin(&mut self, replay: &Replay<'_>, from: Nanos) -> io::Result<()> {
        self.threads.begin(&mut self.packets, replay, from)?;
        self.transfers.begin(&mut self.packets, replay, from)?;
        (0..replay.heaps.len()).try_for_each(|heap| self.heaps.show(&mut self.packets, replay, heap, from))
    }

    fn event(&mut self, replay: &Replay<'_>, seen: &Seen<'_>) -> io::Result<()> {
        let (now, packets) = (seen.now, &mut self.packets);
        if let Some(heap) = seen.heap {
            self.heaps.show(packets, replay, heap, now.time)?;
        }
        match seen.event {
            Event::ScopeBegin { .. } | Event::ScopeEnd { .. } => {
                self.threads.scopes(packets, replay, now, seen.scopes)
            }
            Event::ForwardBegin(module) => self.threads.forward_begin(packets, now, *module),
            Event::ForwardEnd(module) => self.threads.forward_end(packets, now, *module),
            Event::TransferBegin(begin) => {
                let thread = self.threads.id(now.thread);
                self.transfers.begun(packets, now.time, (thread, begin))
            }
            Event::TransferEnd(end) => self.transfers.ended(packets, now.time, seen.made_room, end),
            Event::Mark { name, value } => {
                let event = TrackEvent {
                    debug_annotations: vec![number("value", *value)],
                    ..named(&self.trace.definitions().name(*name))
                };
                let track = self.threads.track(packets, now.thread)?;
                self.instant(now.time, track, event)
            }
            Event::HeapMark { name, value, .. } => {
                let Some(heap) = seen.heap else { return Ok(()) };
                let event = TrackEvent {
                    debug_annotations: vec![number("value", *value)],
                    ..named(&self.trace.definitions().name(*name))
                };
                let track = self.heaps.track(packets, replay, heap)?;
                self.instant(now.time, track, event)
            }
            Event::OutOfMemory(failed) => {
                let Some(heap) = seen.heap else { return Ok(()) };
                let mut beside = vec![number("requested_bytes", failed.requested.0)];
                beside.extend(failed.free.map(|free| number("device_free_bytes", free.0)));
                let frame = self.trace.definitions().telling_frame(failed.stack);
                beside.extend(frame.map(|frame| text("frame", frame.to_string())));
                let event = TrackEvent { debug_annotations: beside, ..named(&Text::new("out of memory")) };
                let track = self.heaps.track(packets, replay, heap)?;
                self.instant(now.time, track, event)
            }
            Event::CounterSample { counter, value } => self.sample(now.time, *counter, *value),
            Event::Dropped { cause, count, .. } => {
                let cause = cause.map_or("unknown", |cause| cause.name());
                let event = TrackEvent {
                    debug_annotations: vec![number("events", *count), text("cause", cause.to_owned())],
                    ..named(&Text::new("events lost"))
                };
                let track = self.threads.track(packets, now.thread)?;
                self.instant(now.time, track, event)
            }
            _ => Ok(()),
        }
    }

    fn end(mut self, _replay: &Replay<'_>) -> io::Result<()> {
        self.packets.flush()
    }
}
