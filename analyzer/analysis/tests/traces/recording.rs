//! Recordings made in memory, and what is found in them.

use memtrace_analysis::{Analysis, Nanos, RangeError, Trace, TraceRange, report::Report};
use memtrace_format::Event;

pub(crate) use memtrace_testing::recording::{
    DEVICE, GPU, HOST, Moved, Recording, alloc, block, evict, file, free, load, segment,
};

/// A recording that is analyzed from a file.
pub(crate) trait Analyzed {
    fn analyze(&self) -> Analysis;
    fn report(&self) -> Report;
    fn part(&self, part: &TraceRange) -> Result<Report, RangeError>;
}

impl Analyzed for Recording {
    fn analyze(&self) -> Analysis {
        analyze(&self.bytes())
    }

    fn report(&self) -> Report {
        self.analyze().report
    }

    fn part(&self, part: &TraceRange) -> Result<Report, RangeError> {
        let file = file(&self.bytes());
        let trace = Trace::open(file.path()).expect("a readable trace");
        let report = trace.analyze_range(part, |_| ()).map(|analysis| analysis.report);
        // When the part is can be asked for without all the rest.
        let ends = trace.ends_of(part, |_| ());
        match &report {
            Ok(Report { trace: told, .. }) => {
                let told = told
                    .range
                    .as_ref()
                    .map_or((Nanos(0), told.duration_ns), |range| (range.from_ns, range.to_ns));
                assert_eq!(ends.expect("there is such a part"), told);
            }
            Err(error) => assert_eq!(ends.expect_err("there is no such part").to_string(), error.to_string()),
        }
        report
    }
}

pub(crate) fn analyze(bytes: &[u8]) -> Analysis {
    memtrace_analysis::analyze(file(bytes).path()).expect("a readable trace")
}

/// Every event of a file, as far as it can be read.
pub(crate) fn events(bytes: &[u8]) -> Vec<(u64, u32, Event)> {
    let file = file(bytes);
    let trace = Trace::open(file.path()).expect("a readable trace");
    let events = trace.events().map(|recorded| recorded.expect("a readable file"));
    events.map(|recorded| (recorded.time.0, recorded.thread.0, recorded.event)).collect()
}
