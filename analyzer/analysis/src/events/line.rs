//! An event in words.

use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, CounterValue, Event, Kind, ModuleId, Segment, Unit,
};
use serde::Serialize;

use crate::{Nanos, Recorded, Text, source::Definitions};

/// Between two parts of a line.
const BETWEEN: &str = " · ";

/// An event as a list shows it. What an event does not say is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EventLine {
    /// The time since the trace's start.
    pub time_ns: Nanos,
    /// The thread that recorded it.
    pub thread: Text,
    /// What kind it is of.
    pub kind: &'static str,
    /// The heap it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap: Option<Text>,
    /// Where the block or the segment starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// How long it is, or how much moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// What the program asked for, where that is not the size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_bytes: Option<Bytes>,
    /// The module that it says it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<Text>,
    /// The name of the scope, mark or counter, or the cause of a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// A value, with its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The innermost frame of its stack that has a line, or the innermost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<Text>,
}

impl EventLine {
    /// Puts an event into words.
    pub fn new(recorded: &Recorded, definitions: &Definitions) -> Self {
        let line = Self {
            time_ns: recorded.time,
            thread: definitions.thread_name(recorded.thread),
            kind: kind(&recorded.event),
            ..Self::default()
        };
        line.with(&recorded.event, definitions)
    }

    /// The names and figures that the other fields do not tell, in one line.
    pub fn about(&self) -> String {
        [self.names(), self.more()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(BETWEEN)
    }

    /// The module, and the name of the scope, mark or counter.
    pub fn names(&self) -> String {
        let names = [&self.module, &self.name];
        names.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(BETWEEN)
    }

    /// Values, what was asked for, and the frame.
    pub fn more(&self) -> String {
        let requested = self.requested_bytes.map(|bytes| format!("asked {bytes}"));
        let parts = [self.value.clone(), requested, self.frame.as_ref().map(ToString::to_string)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(BETWEEN)
    }

    fn with(self, event: &Event, names: &Definitions) -> Self {
        let name = |id| Some(names.name(id));
        match event {
            Event::BlockAlloc(block) => self.block(block, names),
            Event::BlockFree(block) | Event::BlockFreeRequested(block) | Event::BlockFreeCompleted(block) => {
                self.free(block, names)
            }
            Event::SegmentAlloc(segment)
            | Event::SegmentFree(segment)
            | Event::SegmentMap(segment)
            | Event::SegmentUnmap(segment) => self.segment(segment, names),
            Event::OutOfMemory(failed) => Self {
                heap: Some(names.heap_name(failed.pool)),
                bytes: Some(failed.requested),
                value: failed.free.map(|free| format!("device had {free} free")),
                frame: names.telling_frame(failed.stack),
                ..self
            },
            Event::BlockOwned(owned) => Self {
                heap: Some(names.heap_name(owned.pool)),
                address: Some(owned.address),
                module: module(owned.module, names),
                ..self
            },
            Event::ModuleDefined(id)
            | Event::ModuleReleased(id)
            | Event::ForwardBegin(id)
            | Event::ForwardEnd(id) => Self { module: module(*id, names), ..self },
            Event::TransferBegin(begin) => {
                let mut value = format!("{} → {} · {}", begin.from, begin.to, begin.reason);
                if let Some(other) = module(begin.room_for, names) {
                    value += &format!(", room for {other}");
                }
                Self {
                    bytes: Some(begin.size),
                    module: module(begin.module, names),
                    value: Some(value),
                    ..self
                }
            }
            Event::TransferEnd(end) => Self {
                bytes: Some(end.size),
                module: module(end.module, names),
                value: end.on_device.map(|time| {
                    format!("{} on the device", Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
                }),
                ..self
            },
            Event::ScopeBegin { name: id, phase } => {
                Self { name: name(*id), value: phase.then(|| "phase".to_owned()), ..self }
            }
            Event::ScopeEnd { name: id } => Self { name: name(*id), ..self },
            Event::Mark { name: id, value } => {
                Self { name: name(*id), value: Some(value.to_string()), ..self }
            }
            Event::HeapMark { pool, name: id, value } => Self {
                heap: Some(names.heap_name(*pool)),
                name: name(*id),
                value: Some(value.to_string()),
                ..self
            },
            Event::CounterSample { counter, value } => {
                let definition = names.counter(*counter);
                let unit = definition.and_then(|counter| counter.unit());
                let known = definition.map(|counter| Text::new(counter.name.as_str()));
                let name = known.unwrap_or_else(|| Text::new(format!("<lost {counter}>")));
                Self { name: Some(name), value: Some(measured(*value, unit)), ..self }
            }
            Event::Dropped { cause, count, .. } => Self {
                name: cause.map(|cause| Text::new(cause.name())),
                value: Some(format!("{count} events")),
                ..self
            },
            // Events of baselines are not among those of a trace.
            _ => self,
        }
    }

    fn block(self, block: &BlockAlloc, names: &Definitions) -> Self {
        Self {
            heap: Some(names.heap_name(block.pool)),
            address: Some(block.address),
            bytes: Some(block.size),
            requested_bytes: (block.requested != block.size).then_some(block.requested),
            module: module(block.module, names),
            frame: names.telling_frame(block.stack),
            ..self
        }
    }

    fn free(self, block: &BlockFree, names: &Definitions) -> Self {
        let bytes = (block.size != Bytes(0)).then_some(block.size);
        Self { heap: Some(names.heap_name(block.pool)), address: Some(block.address), bytes, ..self }
    }

    fn segment(self, segment: &Segment, names: &Definitions) -> Self {
        Self {
            heap: Some(names.heap_name(segment.pool)),
            address: Some(segment.address),
            bytes: Some(segment.size),
            frame: names.telling_frame(segment.stack),
            ..self
        }
    }
}

/// The name of its kind.
pub(super) fn kind(event: &Event) -> &'static str {
    let kind = match event {
        Event::SegmentAlloc(_) => Kind::SegmentAlloc,
        Event::SegmentFree(_) => Kind::SegmentFree,
        Event::SegmentMap(_) => Kind::SegmentMap,
        Event::SegmentUnmap(_) => Kind::SegmentUnmap,
        Event::BlockAlloc(_) => Kind::BlockAlloc,
        Event::BlockFree(_) => Kind::BlockFree,
        Event::BlockFreeRequested(_) => Kind::BlockFreeRequested,
        Event::BlockFreeCompleted(_) => Kind::BlockFreeCompleted,
        Event::OutOfMemory(_) => Kind::OutOfMemory,
        Event::BlockOwned(_) => Kind::BlockOwned,
        Event::ModuleDefined(_) => Kind::ModuleDefined,
        Event::ModuleReleased(_) => Kind::ModuleReleased,
        Event::ForwardBegin(_) => Kind::ForwardBegin,
        Event::ForwardEnd(_) => Kind::ForwardEnd,
        Event::TransferBegin(_) => Kind::TransferBegin,
        Event::TransferEnd(_) => Kind::TransferEnd,
        Event::ScopeBegin { .. } => Kind::ScopeBegin,
        Event::ScopeEnd { .. } => Kind::ScopeEnd,
        Event::Mark { .. } | Event::HeapMark { .. } => Kind::Mark,
        Event::CounterSample { .. } => Kind::CounterSample,
        Event::Dropped { .. } => Kind::Dropped,
        // Events of baselines, and those that a later version of the format adds, are not handed out.
        _ => return "unknown",
    };
    kind.name()
}

fn module(id: ModuleId, names: &Definitions) -> Option<Text> {
    (!id.is_none()).then(|| names.module_name(id))
}

fn measured(value: CounterValue, unit: Option<Unit>) -> String {
    match (value, unit) {
        (CounterValue::Integer(bytes), Some(Unit::Bytes)) => Bytes(bytes).to_string(),
        (CounterValue::Integer(bytes), Some(Unit::BytesPerSecond)) => format!("{}/s", Bytes(bytes)),
        (CounterValue::Integer(time), Some(Unit::Nanoseconds)) => Nanos(time).to_string(),
        (CounterValue::Integer(number), None | Some(Unit::Count)) => number.to_string(),
        (CounterValue::Float(number), None | Some(Unit::Count)) => number.to_string(),
        (CounterValue::Integer(number), Some(unit)) => format!("{number} {unit}"),
        (CounterValue::Float(number), Some(unit)) => format!("{number} {unit}"),
    }
}
