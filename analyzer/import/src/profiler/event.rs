//! The events of a trace, read one by one.

use std::{fmt, io::Read};

use hashbrown::HashMap;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::ProfilerError;

/// What is kept of a trace.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// How many events there are of any kind.
    pub(super) events: u64,
    pub(super) memory: Vec<MemoryEvent>,
    pub(super) spans: Vec<Span>,
    /// The threads: their ids, and names where they have any.
    pub(super) threads: Vec<(u32, String)>,
    thread_places: HashMap<(Key, Key), u32>,
    /// The names of spans.
    pub(super) names: Vec<String>,
    name_places: HashMap<String, u32>,
    /// What times count from, in nanoseconds since 1970.
    pub(super) zero_unix_ns: Option<u64>,
}

/// Memory that was handed out or given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryEvent {
    pub(super) time: u64,
    /// The profiler's own order.
    pub(super) index: u64,
    pub(super) thread: u32,
    /// The kind of the device, and its ordinal.
    pub(super) device: (i64, i64),
    pub(super) address: u64,
    pub(super) bytes: i64,
    /// What the allocator has handed out and reserved in all.
    pub(super) allocated: Option<u64>,
    pub(super) reserved: Option<u64>,
}

/// Something that a thread did for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) thread: u32,
    /// The place of its name.
    pub(super) name: u32,
    pub(super) is_scope: bool,
}

/// An id of a process or a thread: a number, or words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Key {
    Number(i64),
    Words(String),
    Other(IgnoredKey),
}

/// What is neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct IgnoredKey;

impl<'de> Deserialize<'de> for IgnoredKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[derive(Debug, Deserialize)]
struct TraceEvent {
    #[serde(default)]
    ph: Value,
    #[serde(default)]
    cat: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    pid: Option<Key>,
    #[serde(default)]
    tid: Option<Key>,
    #[serde(default)]
    ts: Value,
    #[serde(default)]
    dur: Value,
    #[serde(default)]
    args: Option<Arguments>,
}

#[derive(Debug, Default)]
struct Arguments(HashMap<String, Value>);

/// Those that events of memory have; whatever else there is costs nothing.
const ARGUMENTS: [&str; 7] =
    ["Ev Idx", "Device Type", "Device Id", "Addr", "Bytes", "Total Allocated", "Total Reserved"];

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Arguments;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the arguments of an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arguments, A::Error> {
                let mut arguments = Arguments::default();
                while let Some(key) = map.next_key::<String>()? {
                    if ARGUMENTS.contains(&key.as_str()) {
                        let value = map.next_value()?;
                        arguments.0.insert(key, value);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(arguments)
            }
        }
        deserializer.deserialize_map(Wanted)
    }
}

impl Arguments {
    fn signed(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    fn unsigned(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }
}

/// Reads a trace.
pub(super) fn read(source: impl Read, collected: &mut Collected) -> Result<(), ProfilerError> {
    let mut deserializer = serde_json::Deserializer::from_reader(source);
    Trace(collected).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(())
}

/// A trace: an object with a list of events, or the list itself.
struct Trace<'a>(&'a mut Collected);

impl<'de> DeserializeSeed<'de> for Trace<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Trace<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `traceEvents`, or a list of events")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(collected) = self;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "traceEvents" => map.next_value_seed(Trace(&mut *collected))?,
                "baseTimeNanoseconds" => collected.zero_unix_ns = map.next_value::<Value>()?.as_u64(),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element::<TraceEvent>()? {
            self.0.add(event);
        }
        Ok(())
    }
}

impl Collected {
    fn add(&mut self, event: TraceEvent) {
        self.events += 1;
        let Some(time) = nanoseconds(&event.ts) else { return };
        let name = event.name.as_str().unwrap_or_default();
        if name == "[memory]" {
            self.memory(&event, time);
        } else if event.ph == "X"
            && let Some(is_scope) = kind_of_span(event.cat.as_str().unwrap_or_default())
            && let Some(to) = nanoseconds(&event.dur).map(|took| time.saturating_add(took))
        {
            let name = name.to_owned();
            let thread = self.thread(event.pid, event.tid);
            let name = self.name(name);
            self.spans.push(Span { from: time, to, thread, name, is_scope });
        }
    }

    fn memory(&mut self, event: &TraceEvent, time: u64) {
        let Some(arguments) = &event.args else { return };
        let (Some(address), Some(bytes @ (..=-1 | 1..))) =
            (arguments.unsigned("Addr"), arguments.signed("Bytes"))
        else {
            return;
        };
        let device =
            (arguments.signed("Device Type").unwrap_or(1), arguments.signed("Device Id").unwrap_or(0));
        // A processor's allocator keeps no sums.
        let is_device = device.0 != 0;
        let thread = self.thread(event.pid.clone(), event.tid.clone());
        self.memory.push(MemoryEvent {
            time,
            index: arguments.unsigned("Ev Idx").unwrap_or(self.events),
            thread,
            device,
            address,
            bytes,
            allocated: arguments.unsigned("Total Allocated").filter(|_| is_device),
            reserved: arguments.unsigned("Total Reserved").filter(|_| is_device),
        });
    }

    fn thread(&mut self, pid: Option<Key>, tid: Option<Key>) -> u32 {
        let (os_id, name) = match &tid {
            Some(Key::Number(id)) => (u32::try_from(*id).unwrap_or(0), String::new()),
            Some(Key::Words(name)) => (0, name.clone()),
            _ => (0, String::new()),
        };
        let other = || Key::Other(IgnoredKey);
        *self.thread_places.entry((pid.unwrap_or_else(other), tid.unwrap_or_else(other))).or_insert_with(
            || {
                self.threads.push((os_id, name));
                self.threads.len() as u32 - 1
            },
        )
    }

    fn name(&mut self, name: String) -> u32 {
        if let Some(&place) = self.name_places.get(&name) {
            return place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.clone());
        self.name_places.insert(name, place);
        place
    }
}

/// Whether a span of this category is a scope; none if it is neither that nor a part of a stack.
fn kind_of_span(category: &str) -> Option<bool> {
    match category {
        "user_annotation" => Some(true),
        "cpu_op" | "python_function" | "Operator" => Some(false),
        _ => None,
    }
}

/// Microseconds as nanoseconds. Whole ones are exact.
fn nanoseconds(micros: &Value) -> Option<u64> {
    match micros.as_u64() {
        Some(whole) => whole.checked_mul(1000),
        None => micros
            .as_f64()
            .filter(|micros| (0.0..1e16).contains(micros))
            .map(|micros| (micros * 1e3).round() as u64),
    }
}
