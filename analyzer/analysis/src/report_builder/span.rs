//! Phases, marks, counters, failed requests.

use memtrace_format::{Bytes, CounterId, CounterValue, DeviceId, NameId, NotSampled, SampleSource};

use super::{
    NO_SEGMENTS,
    heap::{Told, figures},
    names::Names,
};
use crate::{
    Nanos, Text,
    collectors::{Counters, Marks, PhaseRecord},
    report::{Counter, CounterNumber, Heap, HeapInPhase, Mark, Phase, Samples, Unavailable},
};

/// A phase; `heaps` are the report's, in the order of the replay's.
pub(super) fn phase(phase: PhaseRecord, heaps: &[Heap], names: &mut Names<'_>) -> Phase {
    let left_out = heaps.len() > phase.heaps.len() && phase.heaps.len() == crate::collectors::TRACKED;
    let spans = phase.heaps.iter().zip(heaps).map(|(span, heap)| {
        let told = Told::in_report(heap);
        let segmented = told.segments;
        HeapInPhase {
            heap: heap.name.clone(),
            at_begin: figures(&span.at_begin, told),
            at_end: figures(&span.at_end, told),
            peak_allocated_bytes: Bytes(span.peak_allocated),
            peak_reserved_bytes: segmented.then_some(Bytes(span.peak_reserved)),
            peak_reserved_bytes_why: (!segmented).then_some(NO_SEGMENTS),
        }
    });
    Phase {
        name: names.definitions.name(phase.name),
        thread: names.thread(phase.thread),
        from_ns: phase.from,
        to_ns: phase.to,
        ended: phase.ended,
        heaps: spans.collect(),
        heaps_why: left_out.then_some("there are too many heaps: these are the first"),
    }
}

pub(super) fn marks(marks: &Marks, names: &Names<'_>) -> Vec<Mark> {
    let mut by_name: Vec<_> = marks.by_name.iter().filter(|(id, _)| !is_note(names, **id)).collect();
    by_name.sort_unstable_by_key(|(id, record)| (record.first, **id));
    let mark = |(id, record): (&_, &crate::collectors::MarkRecord)| Mark {
        name: names.definitions.name(*id),
        count: record.count,
        first_ns: record.first,
        last_ns: record.last,
    };
    by_name.into_iter().map(mark).collect()
}

/// The mark that this is says what is not sampled, and is no mark of the program's.
pub(super) fn is_note(names: &Names<'_>, id: NameId) -> bool {
    NotSampled::parse(names.definitions.name(id).recorded()).is_some()
}

/// What a counter is called.
pub(super) struct CounterName {
    pub(super) name: Text,
    /// The ordinal of the device it is about.
    pub(super) device: Option<u32>,
    pub(super) unit: &'static str,
}

pub(super) fn counter_name(id: CounterId, names: &Names<'_>) -> CounterName {
    let definition = names.definitions.counter(id);
    let device = definition.and_then(|counter| names.definitions.device(DeviceId(counter.device)));
    let lost = || Text::new(format!("<lost {id}>"));
    CounterName {
        name: definition.map_or_else(lost, |counter| Text::new(counter.name.as_str())),
        device: device.map(|device| device.ordinal),
        unit: definition.and_then(|counter| counter.unit()).map_or("unknown", |unit| unit.name()),
    }
}

pub(super) fn samples(counters: &Counters, marks: &Marks, names: &Names<'_>) -> Samples {
    let number = |value| match value {
        CounterValue::Integer(n) => CounterNumber::Integer(n),
        CounterValue::Float(x) => CounterNumber::Float(x),
    };
    let mut by_id: Vec<_> = counters.0.iter().collect();
    by_id.sort_unstable_by_key(|(id, _)| **id);
    let reports = by_id.into_iter().map(|(&id, record)| {
        let CounterName { name, device, unit } = counter_name(id, names);
        Counter {
            name,
            device,
            unit,
            count: record.count,
            min: number(record.min),
            max: number(record.max),
            last: number(record.last),
        }
    });
    Samples {
        counters: reports.collect(),
        unavailable: unavailable(counters, marks, names),
        ..Samples::default()
    }
}

/// What was not sampled to the end, by what the names of marks say. The marks themselves may be from before the part that is
/// looked at.
fn unavailable(counters: &Counters, marks: &Marks, names: &Names<'_>) -> Vec<Unavailable> {
    let definitions = names.definitions;
    let sampled_again = |note: &NotSampled<'_>, since: Option<Nanos>| {
        // A source was read if a round of it was.
        let name = SampleSource::named(note.what).map_or(note.what, |source| source.round().name());
        counters.0.iter().any(|(&id, record)| {
            let Some(counter) = definitions.counter(id) else { return false };
            let device = definitions.device(DeviceId(counter.device)).map(|device| device.ordinal);
            counter.name == name
                && note.device.is_none_or(|ordinal| device == Some(ordinal))
                && record.at > since
        })
    };
    let mut unavailable: Vec<Unavailable> = Vec::new();
    for (id, text) in definitions.names() {
        let Some(note) = NotSampled::parse(text.recorded()) else { continue };
        let since = marks.by_name.get(&id).map(|mark| mark.last);
        if sampled_again(&note, since) {
            continue;
        }
        let (what, why) = (Text::new(note.what), Text::new(note.why));
        let missing = Unavailable { what, device: note.device, why, since_ns: since };
        let same = |other: &&mut Unavailable| other.what == missing.what && other.device == missing.device;
        match unavailable.iter_mut().find(same) {
            // The last word counts. Of those that were said before, that which got its name last.
            Some(other) if other.since_ns <= since => *other = missing,
            Some(_) => {}
            None => unavailable.push(missing),
        }
    }
    unavailable
}
