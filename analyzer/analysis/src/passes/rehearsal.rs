//! Rehearsal: replays the whole course through models of the allocator, for the requests that failed.

use hashbrown::HashMap;
use memtrace_format::{Bytes, Event};

use crate::{
    Progress, ReadError,
    merge::Events,
    model::{EventContext, HeapKey, TimedEvent},
    oom::{Diagnosis, Failure, HeapRules, Rehearsal},
    passes::EventFilter,
    source::Log,
};

/// Follows the whole course again for the failed requests that were examined; each has its number among all of the trace and
/// its heap. With a sieve, all of the trace is what it lets through.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn rehearse<'f>(
    trace: &Log,
    mut event_filter: Option<EventFilter<'_>>,
    failed: impl Iterator<Item = (u64, HeapKey, &'f mut Diagnosis)>,
    mut watch: impl FnMut(Progress),
) -> Result<(), ReadError> {
    let mut failures: Vec<Failure<'_>> = failed
        .filter(|(.., diagnosis)| diagnosis.examination.is_some())
        .map(|(number, heap, diagnosis)| {
            let context = &diagnosis.context;
            let capacity = context.reserved.saturating_add(context.device_free.unwrap_or(0));
            Failure { number, heap, capacity, diagnosis }
        })
        .collect();
    failures.retain_mut(|failure| {
        let plain = failure.diagnosis.context.rules.plain;
        if let Some(examination) = failure.diagnosis.examination.as_mut().filter(|_| plain) {
            examination.model_why = Some("the rules of this allocator are not known");
        }
        !plain
    });
    let Some(last) = failures.last().map(|failure| failure.number) else { return Ok(()) };
    let mut heaps: HashMap<HeapKey, Rehearsal> = HashMap::new();
    for failure in &failures {
        heaps.entry(failure.heap).or_insert_with(|| {
            let rules = HeapRules::of(trace.definitions(), failure.heap);
            let rules = rules.with(failure.diagnosis.context.rules.clone());
            let same = failures.iter().filter(|other| other.heap == failure.heap);
            let largest = same.map(|other| other.diagnosis.context.requested).max().unwrap_or_default();
            let others = rules.rules.remedies(largest);
            Rehearsal::new(rules, others, failure.capacity)
        });
    }
    let mut failures = failures.into_iter().peekable();
    let mut number = 0;
    let total = Bytes(trace.directory.event_bytes());
    let mut events = Events::new(trace);
    if trace.baseline.is_some() {
        events.replay_baseline(|ticks, thread, event| {
            let time = trace.clock.nanos(ticks);
            if !event_filter
                .as_mut()
                .is_none_or(|event_filter| event_filter.admits(EventContext { time, thread }, event))
            {
                return;
            }
            if let Some(heap) =
                event.pool().and_then(|pool| heaps.get_mut(&trace.definitions().heap_key(pool)))
            {
                heap.before(event);
            }
        })?;
    }
    let mut done = Bytes(0);
    while let Some(TimedEvent { now, event }) = events.next_event()? {
        if events.bytes_read() != done {
            done = events.bytes_read();
            watch(Progress { done, total });
        }
        if !event_filter.as_mut().is_none_or(|event_filter| event_filter.admits(now, &event)) {
            continue;
        }
        let Some(heap) = event.pool().and_then(|pool| heaps.get_mut(&trace.definitions().heap_key(pool)))
        else {
            number += u64::from(matches!(event, Event::OutOfMemory(_)));
            continue;
        };
        if let Event::OutOfMemory(failed) = event {
            let requester = heap.rules.requester(failed.pool);
            if let Some(failure) = failures.next_if(|failure| failure.number == number) {
                heap.fail(failure, requester, failed.requested.0);
                if number == last {
                    break;
                }
                if let Some(next) = failures.peek()
                    && let Some(heap) = heaps.get_mut(&next.heap)
                {
                    heap.set_capacity(next.capacity);
                }
            }
            number += 1;
        } else {
            heap.follow(now.time, &event);
        }
    }
    watch(Progress { done: total, total });
    Ok(())
}
