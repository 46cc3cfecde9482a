//! Recordings that show one instant alone: what is live, and nothing of how that came about.

use memtrace_format::Bytes;

use super::{Case, Judgement, Rule};
use crate::report::{Heap, Place, Report, Topic};

pub(super) const RULE: Rule =
    Rule { id: "no-history", title: "the recording has no events", topic: Topic::Trace, judge };

/// What other rules say where there is none.
pub(super) const WHY: &str = "the recording has no events: see no-history";

/// The most heaps that the evidence names.
const HEAPS: usize = 8;

/// So many times as full as the emptiest, a device is told of: work that is spread over devices fills them alike.
const UNEVEN: u64 = 2;

fn judge(report: &Report) -> Judgement {
    if report.has_history() {
        return Judgement::Ok("events say how memory came to be as it was".to_owned());
    }
    let advice = "call torch.cuda.memory._record_memory_history() before the first allocation of interest, and \
                  _dump_snapshot() while it still records: _record_memory_history(enabled=None) forgets the events";
    if report.heaps.is_empty() {
        return Judgement::Warn(Case {
            evidence: "no memory and no event is in it: in this process PyTorch allocated nothing on a device, or nothing was \
                       recorded (another process may have the memory)"
                .to_owned(),
            advice: advice.to_owned(),
            places: Vec::new(),
        });
    }
    let mut heaps: Vec<&Heap> = report.heaps.iter().collect();
    heaps.sort_by_key(|heap| std::cmp::Reverse(heap.end.reserved_bytes.unwrap_or(heap.end.allocated_bytes)));
    let mut evidence: Vec<String> = heaps.iter().take(HEAPS).map(|heap| told(heap)).collect();
    evidence.extend(uneven(&heaps));
    let is_pytorch = report.trace.engine.as_ref().is_some_and(|engine| engine.recorded() == "PyTorch");
    let (why, advice) = match is_pytorch {
        true => (
            "recording began after the allocations, or was stopped before the file was written: it shows one instant, and",
            advice,
        ),
        false => (
            "the recording shows one instant, and",
            "record the program while it runs: `memtrace record -- PROGRAM`",
        ),
    };
    Judgement::Warn(Case {
        evidence: format!("{why} neither a peak nor what led there. {}", evidence.join("; ")),
        advice: advice.to_owned(),
        places: heaps
            .iter()
            .map(|heap| Place { heap: Some(heap.name.clone()), ..Place::default() })
            .collect(),
    })
}

/// How full a heap is.
fn told(heap: &Heap) -> String {
    let (name, live) = (&heap.name, heap.peak.by.of(&heap.end));
    let Some(reserved) = heap.end.reserved_bytes else { return format!("{name}: {live} are live") };
    let unpinned = heap.fragmentation.as_ref().map_or(Bytes(0), |found| found.end.layout.unpinned_bytes);
    let inactive = reserved.0.saturating_sub(heap.end.active_bytes.0);
    let pinned = Bytes(inactive.saturating_sub(unpinned.0));
    format!(
        "{name}: {live} are live of {reserved} reserved; {unpinned} are idle cache, {pinned} are free beside live blocks"
    )
}

/// Devices that are not equally full.
fn uneven(heaps: &[&Heap]) -> Option<String> {
    let live = |heap: &&&Heap| heap.peak.by.of(&heap.end);
    let devices = || heaps.iter().filter(|heap| heap.device.is_some());
    let (most, least) = (devices().max_by_key(live)?, devices().min_by_key(live)?);
    (devices().count() > 1 && live(&most).0 >= live(&least).0.saturating_mul(UNEVEN))
        .then(|| format!("{} holds {}, and {} {}", most.name, live(&most), least.name, live(&least)))
}
