//! Blocks that are much longer than what was asked for.

use memtrace_format::Bytes;

use super::{Case, Judgement, Rule};
use crate::{
    report::{Heap, PeakBy, Place, Report, Topic},
    table::shorten,
};

pub(super) const RULE: Rule = Rule {
    id: "rounding-waste",
    title: "blocks are rounded up to much more than was asked for",
    topic: Topic::Fragmentation,
    judge,
};

/// Of what is handed out: PyTorch's allocator rounds to 512 bytes, and a heap of many small blocks loses some percent.
const SHARE: f64 = 0.2;

/// Less than this is not worth a change of a program.
const LEAST: Bytes = Bytes(64 << 20);

fn judge(report: &Report) -> Judgement {
    let known: Vec<&Heap> = report.heaps.iter().filter(|heap| heap.peak.by == PeakBy::Allocated).collect();
    if known.is_empty() {
        return Judgement::Na("the sizes of blocks are not recorded".to_owned());
    }
    let cases: Vec<(&Heap, Bytes)> =
        known.into_iter().filter_map(|heap| Some((heap, waste(heap)?))).collect();
    if cases.is_empty() {
        return Judgement::Ok("blocks are about as long as what was asked for".to_owned());
    }
    let evidence = cases.iter().map(|(heap, waste)| {
        let allocated = heap.peak.figures.allocated_bytes;
        format!(
            "in {} at {}, {} were asked for and {} handed out: {waste} ({:.0}%) is rounding",
            shorten(&heap.name, 40),
            heap.peak.time_ns,
            Bytes(allocated.0 - waste.0),
            allocated,
            waste.0 as f64 / allocated.0.max(1) as f64 * 100.0,
        )
    });
    let pinned = cases.iter().any(|(heap, _)| heap.kind == "pinned");
    let others = cases.iter().any(|(heap, _)| heap.kind != "pinned");
    let mut tips = Vec::new();
    if pinned {
        tips.push(
            "pin one large buffer and cut the tensors out of it, or pin sizes just below a power of two: PyTorch's host allocator \
             rounds each up to one (tensors pinned in place with cudaHostRegister are not rounded)",
        );
    }
    if others {
        tips.push(
            "ask for few large blocks instead of many small ones, and for sizes that the allocator does not round up \
             (a roundup_power2_divisions setting rounds most)",
        );
    }
    Judgement::Warn(Case {
        evidence: evidence.collect::<Vec<_>>().join("; "),
        advice: tips.join("; "),
        places: cases
            .iter()
            .map(|(heap, waste)| Place {
                time_ns: Some(heap.peak.time_ns),
                heap: Some(heap.name.clone()),
                bytes: Some(*waste),
                ..Place::default()
            })
            .collect(),
    })
}

/// What blocks hold beyond what was asked for, at the peak; none if it is too little for a word.
fn waste(heap: &Heap) -> Option<Bytes> {
    let figures = &heap.peak.figures;
    let waste = figures.allocated_bytes.0.checked_sub(figures.requested_bytes?.0)?;
    let large = waste >= LEAST.0 && waste as f64 >= SHARE * figures.allocated_bytes.0 as f64;
    large.then_some(Bytes(waste))
}
