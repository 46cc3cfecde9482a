//! Packets, one after the other, and the tracks that they are on.

use std::io::{self, Write};

use memtrace_analysis::{Nanos, Text};
use prost::Message as _;

use super::proto::{
    Annotated, CounterDescriptor, Data, DebugAnnotation, TracePacket, TrackDescriptor, TrackEvent, Type,
};

/// The field of a trace that its packets are in: number 1, with a length.
const PACKET: u8 = 0x0a;

/// All packets are of one writer.
const SEQUENCE: u32 = 1;

/// `SEQ_INCREMENTAL_STATE_CLEARED`: nothing is known from earlier packets.
const CLEARED: u32 = 1;

/// The number of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Track(u64);

/// Writes packets.
#[derive(Debug)]
pub(super) struct Packets<W> {
    out: W,
    tracks: u64,
    begun: bool,
    buffer: Vec<u8>,
}

impl<W: Write> Packets<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, tracks: 0, begun: false, buffer: Vec::new() }
    }

    /// A new track of this name under another.
    pub(super) fn track(&mut self, parent: Track, name: String) -> io::Result<Track> {
        self.describe(TrackDescriptor {
            name: Some(name),
            parent_uuid: Some(parent.0),
            ..TrackDescriptor::default()
        })
    }

    /// A new track of a value.
    pub(super) fn counter(
        &mut self,
        parent: Track,
        name: String,
        counter: CounterDescriptor,
    ) -> io::Result<Track> {
        self.describe(TrackDescriptor {
            name: Some(name),
            parent_uuid: Some(parent.0),
            counter: Some(counter),
            ..TrackDescriptor::default()
        })
    }

    /// A new track that is described like this, but for its number.
    pub(super) fn describe(&mut self, track: TrackDescriptor) -> io::Result<Track> {
        self.tracks += 1;
        let track = TrackDescriptor { uuid: Some(self.tracks), ..track };
        self.packet(None, Data::Track(track))?;
        Ok(Track(self.tracks))
    }

    /// Writes an event on a track.
    pub(super) fn event(
        &mut self,
        time: Nanos,
        track: Track,
        kind: Type,
        event: TrackEvent,
    ) -> io::Result<()> {
        let event = TrackEvent { kind: Some(kind as i32), track_uuid: Some(track.0), ..event };
        self.packet(Some(time), Data::Event(event))
    }

    /// A slice begins that has nothing but a name.
    pub(super) fn begin(&mut self, time: Nanos, track: Track, name: &Text) -> io::Result<()> {
        self.event(time, track, Type::SliceBegin, named(name))
    }

    /// The innermost slice ends.
    pub(super) fn end(&mut self, time: Nanos, track: Track) -> io::Result<()> {
        self.event(time, track, Type::SliceEnd, TrackEvent::default())
    }

    /// A track has a value from now on.
    pub(super) fn value(&mut self, time: Nanos, track: Track, value: u64) -> io::Result<()> {
        let event = match i64::try_from(value) {
            Ok(value) => TrackEvent { counter_value: Some(value), ..TrackEvent::default() },
            Err(_) => TrackEvent { double_counter_value: Some(value as f64), ..TrackEvent::default() },
        };
        self.event(time, track, Type::Counter, event)
    }

    pub(super) fn packet(&mut self, time: Option<Nanos>, data: Data) -> io::Result<()> {
        let packet = TracePacket {
            timestamp: time.map(|time| time.0),
            trusted_packet_sequence_id: SEQUENCE,
            sequence_flags: (!std::mem::replace(&mut self.begun, true)).then_some(CLEARED),
            data: Some(data),
        };
        self.buffer.clear();
        self.buffer.push(PACKET);
        packet.encode_length_delimited(&mut self.buffer).map_err(io::Error::other)?;
        self.out.write_all(&self.buffer)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// An event with nothing but a name.
pub(super) fn named(name: &Text) -> TrackEvent {
    TrackEvent { name: Some(name.to_string()), ..TrackEvent::default() }
}

/// A number beside an event.
pub(super) fn number(name: &str, value: u64) -> DebugAnnotation {
    DebugAnnotation { name: Some(name.to_owned()), value: Some(Annotated::Number(value)) }
}

/// A text beside an event.
pub(super) fn text(name: &str, value: String) -> DebugAnnotation {
    DebugAnnotation { name: Some(name.to_owned()), value: Some(Annotated::Text(value)) }
}
