//! The figures of the range, counted on a thread of its own: the part of the trace is analyzed as if it were all.

use std::sync::Arc;

use memtrace_analysis::{Analysis, Trace, TraceRange, report::Report};

use super::{
    phase_lanes::PhaseLanes,
    wake::Wake,
    window::TimeRange,
    worker::{Mailbox, Worker},
};

/// Counts the range that was asked for last, of the trace as far as it was written then.
pub(crate) type RangeWorker = Worker<RangeRequest, (TimeRange, RangeFigures)>;

type RangeRequest = (Arc<Trace>, TimeRange);

/// The figures of a range.
#[derive(Clone, Debug)]
pub(crate) struct RangeFigures {
    /// All that reports have.
    pub(crate) report: Arc<Report>,
    /// Its phases in rows.
    pub(crate) lanes: Arc<PhaseLanes>,
}

/// Starts the worker.
pub(crate) fn start(wake: Wake) -> RangeWorker {
    Worker::new("memtrace-range", wake, |(trace, range): RangeRequest, desk: &Mailbox<RangeRequest>| {
        let part = TraceRange::Between { from: range.from, to: Some(range.to) };
        let analysis = trace.analyze_range(&part, |progress| {
            desk.tell_part(progress);
        });
        let figures = |Analysis { report, .. }: Analysis| {
            let lanes = Arc::new(PhaseLanes::new(&report.phases));
            (range, RangeFigures { report: Arc::new(report), lanes })
        };
        (!desk.is_overtaken()).then(|| analysis.map(figures))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use memtrace_format::{Address, BlockAlloc, BlockFree, Bytes, Event, ModuleId, PoolId, StackId};

    use super::*;
    use crate::{
        Message,
        action::{Action, Side},
        effect::Effect,
        fixture,
        page::Page,
        state::{Content, UiState},
    };
    use memtrace_analysis::Nanos;

    /// Ten blocks that are live a microsecond each, one after the other, and each one larger than the one before.
    fn trace() -> Trace {
        let mut events = Vec::new();
        for number in 1..=10_u64 {
            let (pool, address, size) = (PoolId(1), Address(4096), Bytes(1024 * number));
            let (module, stack) = (ModuleId::NONE, StackId::NONE);
            let alloc = BlockAlloc { pool, address, size, requested: size, module, stack };
            events.push((number * 2000, Event::BlockAlloc(alloc)));
            events.push((number * 2000 + 1000, Event::BlockFree(BlockFree { pool, address, size })));
        }
        fixture::log(&events)
    }

    fn peak(state: &UiState) -> Bytes {
        let Content::Ready(ready) = &state.content else { panic!("nothing is read") };
        ready.run.heap_figures().map_or(Bytes(0), |heap| heap.peak.figures.allocated_bytes)
    }

    #[test]
    fn figures_are_those_of_the_range_until_it_is_given_up() {
        let trace = Arc::new(trace());
        let (sender, messages) = channel();
        let mut state = fixture::reading(80, 24, false);
        let analysis = trace.analyze(|_| ()).unwrap();
        assert_eq!(state.ready(analysis, Some(trace), Wake::new(sender)), Effect::Continue);
        assert_eq!(peak(&state), Bytes(10 * 1024));
        for action in [
            Action::Show(Page::Timeline),
            Action::Edge(Side::Back),
            Action::Range,
            Action::MoveCursor(40),
            Action::Range,
        ] {
            assert_eq!(state.update(action), Effect::Continue);
        }
        let Content::Ready(ready) = &state.content else { panic!("nothing is read") };
        let range = ready.run.range.unwrap();
        assert_eq!(range.from, Nanos(0));
        let live = (1..=10_u64).filter(|number| number * 2000 <= range.to.0).max().unwrap();
        while let Ok(Message::Woken) = messages.recv_timeout(std::time::Duration::from_secs(60)) {
            assert_eq!(state.woken(), Effect::Continue);
            if peak(&state) == Bytes(live * 1024) {
                break;
            }
        }
        assert_eq!(peak(&state), Bytes(live * 1024));
        assert!(live < 10);
        assert_eq!(state.update(Action::Back), Effect::Continue);
        assert_eq!(peak(&state), Bytes(10 * 1024));
    }
}
