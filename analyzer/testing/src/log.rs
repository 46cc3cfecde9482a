//! A log of one thread.

use memtrace_format::{
    Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind, Closing, DropCounts, Event, FileHeader,
    ThreadId, Ticks,
};

/// Of whatever kind, so many fit.
const EVENTS_A_CHUNK: usize = 500;

/// A log of one thread's events, each at a time in nanoseconds. It has no definitions and no end.
pub fn log(events: &[(u64, Event)]) -> Vec<u8> {
    let start = Calibration::default();
    let clock = ClockKind::Monotonic;
    let header =
        FileHeader { compatible: 0, incompatible: 0, session: 1, boot: 0, pid: 7, clock, start, minor: 0 };
    let mut bytes = [&header.to_bytes()[..], &[0; Closing::BYTES]].concat();
    for (sequence, events) in (0..).zip(events.chunks(EVENTS_A_CHUNK)) {
        let mut builder = ChunkBuilder::new(ChunkHeader {
            kind: ChunkKind::Events,
            session: 1,
            sequence,
            thread: ThreadId(1),
            thread_sequence: sequence,
            base_time: Ticks(0),
            calibration: start,
            drops: DropCounts::default(),
            seal: None,
        });
        for (time, event) in events {
            builder.event(Ticks(*time), event).expect("so many fit");
        }
        bytes.extend_from_slice(&builder.finish()[..]);
    }
    bytes
}

/// The same, in a file without a name.
pub fn log_file(events: &[(u64, Event)]) -> std::fs::File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    std::io::Write::write_all(&mut file, &log(events)).expect("room for it");
    file
}
