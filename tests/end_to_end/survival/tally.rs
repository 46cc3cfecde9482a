use std::collections::BTreeMap;

use memtrace_format::{DropCause, DropCounts, Event};

use super::{
    log::{Log, Thread},
    numbering::{BEFORE_THE_END, CHILD, CHILD_NAME, HANDLERS, Number},
};

/// What a log holds of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// The number of its last event.
    pub(crate) last: u64,
    /// How many numbers before that are missing.
    pub(crate) missing: u64,
    /// Whether its thread has no room for another event in its chunk.
    pub(crate) needs_a_chunk: bool,
}

/// Every stream of the log. Its events are whole and in order, and where numbers are missing on a thread with one stream,
/// the log says at that place how many.
pub(crate) fn tally(log: &Log) -> BTreeMap<u16, Tally> {
    let mut streams = BTreeMap::new();
    for thread in log.threads.values() {
        let mut on_thread: BTreeMap<u16, Tally> = BTreeMap::new();
        let has_handlers =
            thread.events.iter().filter_map(|(_, event)| number(event)).any(|n| HANDLERS.contains(&n.stream));
        let mut told = 0;
        for (_, event) in &thread.events {
            if let Event::Dropped { cause: Some(cause), count, .. } = event {
                // What is lost inside the tracer is not of the thread's own stream.
                told += if *cause == DropCause::Reentrant { 0 } else { *count };
            }
            let Some(number) = number(event) else { continue };
            let tally = on_thread.entry(number.stream).or_default();
            assert!(number.count > tally.last, "{number:?} comes after {}", tally.last);
            tally.missing += number.count - tally.last - 1;
            tally.last = number.count;
            assert!(tally.missing == told || has_handlers, "{number:?}: {told} lost before it, {tally:?}");
        }
        assert_losses_agree(thread);
        // A handler may come between another event's look at the clock and its place in the log.
        let in_order = thread.events.is_sorted_by_key(|&(time, _)| time);
        assert!(in_order || has_handlers, "a thread's times run backwards");
        for (stream, tally) in on_thread {
            let tally = Tally { needs_a_chunk: thread.room < 64, ..tally };
            assert!(streams.insert(stream, tally).is_none(), "stream {stream} on two threads");
        }
    }
    assert!(!streams.contains_key(&CHILD), "a child wrote into its parent's log");
    assert!(!log.names().any(|name| name == CHILD_NAME), "a child wrote into its parent's log");
    streams
}

/// Asserts that all that was acknowledged is there: nothing was lost, whatever the reason. For programs that record less
/// than what is ready from the start.
pub(crate) fn assert_nothing_lost(log: &Log, acknowledged: &[u64]) {
    assert_eq!(missing(log, acknowledged), 0);
}

/// Asserts, of a program whose first `threads` streams went on while it ended, that what each had acknowledged before is
/// there, or told to be lost. A thread that needs a chunk cannot tell before it has one.
pub(crate) fn assert_told_until_the_end(log: &Log, threads: u16, acknowledged: &[u64]) {
    let streams = tally(log);
    for stream in 0..threads {
        let before = acknowledged[usize::from(BEFORE_THE_END + stream)];
        let absent = Tally { needs_a_chunk: true, ..Tally::default() };
        let tally = streams.get(&stream).unwrap_or(&absent);
        assert!(before > 0, "stream {stream} did nothing");
        assert!(
            tally.last >= before || tally.needs_a_chunk,
            "stream {stream}: {before} acknowledged, {tally:?}"
        );
    }
}

/// How many acknowledged events are not in the log.
pub(crate) fn missing(log: &Log, acknowledged: &[u64]) -> u64 {
    let streams = tally(log);
    let of = |(stream, &acknowledged): (usize, &u64)| {
        let tally = streams.get(&(stream as u16)).copied().unwrap_or_default();
        // At most one event was committed and not yet acknowledged when the process died.
        assert!(tally.last <= acknowledged + 1, "stream {stream}: {acknowledged} acknowledged, {tally:?}");
        acknowledged.saturating_sub(tally.last) + tally.missing
    };
    acknowledged.iter().enumerate().map(of).sum()
}

/// What the closing block says was lost.
pub(crate) fn drops(log: &Log) -> DropCounts {
    log.closing.as_ref().expect("a closing block").drops
}

/// Each chunk says how much its thread had lost by then: what the records up to its first event say, too. A handler that
/// comes while a chunk begins may have counted in between.
fn assert_losses_agree(thread: &Thread) {
    for (chunk, &(begin, in_header)) in thread.losses.iter().enumerate() {
        let end = thread.losses.get(chunk + 1).map_or(thread.events.len(), |&(begin, _)| begin);
        let told_at_begin = thread.events[begin..end]
            .iter()
            .take_while(|(_, event)| matches!(event, Event::Dropped { .. }))
            .count();
        let mut told = DropCounts::default();
        for (_, event) in &thread.events[..begin + told_at_begin] {
            if let Event::Dropped { cause, count, .. } = event {
                told.add(cause.expect("a cause of this version"), *count);
            }
        }
        for (cause, count) in in_header.iter().filter(|&(cause, _)| cause != DropCause::Reentrant) {
            assert_eq!(told.of(cause), count, "{cause}, in chunk {chunk}");
        }
        assert!(told.of(DropCause::Reentrant) >= in_header.of(DropCause::Reentrant));
    }
}

/// The number of an event, if the program gave it one. All its parts fit each other.
pub(crate) fn number(event: &Event) -> Option<Number> {
    match event {
        Event::Mark { value, .. } if *value != 0 => {
            let number = Number::from_bits(*value);
            assert!(!number.is_block(), "{number:?} is a mark");
            Some(number)
        }
        Event::BlockAlloc(block) => {
            let number = Number::from_bits(block.address.0);
            assert!(number.is_block(), "{number:?} is a block");
            assert_eq!(
                (block.size.0, block.requested.0),
                (number.size(), number.requested()),
                "{number:?} is torn"
            );
            Some(number)
        }
        _ => None,
    }
}
