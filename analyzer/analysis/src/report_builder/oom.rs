//! Builds the failed requests.

use memtrace_format::{Address, Bytes};

use super::{
    NO_SEGMENTS,
    headline::{headline, job_need},
    names::Names,
    strategies::Models,
};
use crate::{
    Text,
    collectors::{FailedRequest, Failures},
    oom::{Diagnosis, Examination},
    report::{Blocker, Heap, InVain, ModelAgreement, OutOfMemory, Remedy, Verdict},
    source::Log,
};

const NOT_EXAMINED: &str = "one like it was examined before, or too many were";
const NO_FREE: &str = "the engine did not say";
const NO_MODEL: &str = "it was not examined";

/// The most failures for which it is worked out what other strategies would need: each takes a look at every module.
const COMPARED: usize = 16;

/// The failed requests; `heaps` are the report's, in the order of the replay's.
pub(super) fn failures(
    failures: &Failures<'_>,
    heaps: &[Heap],
    models: &Models<'_>,
    names: &mut Names<'_>,
) -> Vec<OutOfMemory> {
    let kept = failures.kept.iter().enumerate();
    kept.map(|(at, (failed, diagnosis))| {
        failure(failed, diagnosis, heaps, (at < COMPARED).then_some(models), names)
    })
    .collect()
}

/// Whether a heap's last request failed, and it handed out nothing afterwards.
pub(super) fn run_failed(failures: &Failures<'_>, heaps: &[Heap]) -> bool {
    failures.last.is_some_and(|(heap, allocs)| heaps.get(heap).is_some_and(|heap| heap.allocs == allocs))
}

/// Why failed requests may be missing. A snapshot whose history was off, or kept a single event, shows what was live at its
/// end and nothing of what led there.
pub(super) fn unknown(log: &Log, failures: &Failures<'_>, heaps: &[Heap]) -> Option<&'static str> {
    let live = heaps.iter().any(|heap| heap.baseline_bytes.0 > 0);
    let silent = heaps.iter().all(|heap| heap.allocs == 0 && heap.frees == 0);
    (log.is_imported() && live && silent && failures.total == 0)
        .then_some("the recording shows what was live when it was taken, and no request that led there")
}

fn failure(
    failed: &FailedRequest,
    diagnosis: &Diagnosis,
    heaps: &[Heap],
    models: Option<&Models<'_>>,
    names: &mut Names<'_>,
) -> OutOfMemory {
    let context = &diagnosis.context;
    let no_segments = (!context.segmented).then_some(NO_SEGMENTS);
    let examination = diagnosis.examination.as_ref();
    let not_examined = examination.is_none().then_some(no_segments.unwrap_or(NOT_EXAMINED));
    let pins = examination.map_or(&[][..], |examination| &examination.pins);
    let listed = pins.iter().take(OutOfMemory::PINS).map(|pin| {
        let owner = names.owner(pin.owner).copied();
        Blocker {
            address: Address(pin.address),
            bytes: Bytes(pin.bytes),
            module: names.module(owner.map(|owner| owner.module).unwrap_or_default()),
            scope: names.scope(owner.map(|owner| owner.scope).unwrap_or_default()),
        }
    });
    let pinning = listed.collect();
    let model = examination.and_then(agreement);
    let would_have_fit = examination.map_or_else(Vec::new, |examination| {
        let remedy = |remedy: &crate::oom::Remedy| Remedy {
            what: Text::new(remedy.what.as_str()),
            bytes: Bytes(remedy.bytes),
            proof: remedy.proof,
        };
        examination.fits.iter().map(remedy).collect()
    });
    let stack = names.definitions.frames(failed.stack);
    let heap = heaps.get(failed.heap);
    let device = heap.and_then(|heap| heap.device);
    // What the allocator has and could have, it could have for something smaller.
    let room = context.device_free.map(|free| context.reserved.saturating_add(free));
    let strategies = models
        .zip(device)
        .map_or_else(Vec::new, |(models, device)| models.strategies((device, failed.now.time), &stack, room));
    let need = job_need(diagnosis, names);
    OutOfMemory {
        time_ns: failed.now.time,
        heap: heap.map_or_else(|| Text::new("(none)"), |heap| heap.name.clone()),
        requested_bytes: failed.requested,
        segment_bytes: Bytes(context.needs()),
        active_bytes: Bytes(context.active),
        inactive_bytes: context.segmented.then_some(Bytes(context.inactive())),
        inactive_bytes_why: no_segments,
        largest_free_bytes: context.segmented.then_some(Bytes(context.largest_hole)),
        largest_free_bytes_why: no_segments,
        largest_usable_bytes: examination.map(|examination| Bytes(examination.usable)),
        largest_usable_bytes_why: not_examined,
        device_free_bytes: context.device_free.map(Bytes),
        device_free_bytes_why: context.device_free.is_none().then_some(NO_FREE),
        thread: names.thread(failed.now.thread),
        module: names.module(failed.module),
        scope: names.scope(failed.scope),
        went_on: heap.is_some_and(|heap| heap.allocs > failed.allocs),
        headline: Text::new(headline(diagnosis, need.as_ref(), &strategies, &would_have_fit)),
        stack,
        need,
        room_bytes: context.room().map(Bytes),
        room_bytes_why: context.device_free.is_none().then_some(NO_FREE),
        strategies,
        verdict: diagnosis.verdict,
        evidence: Text::new(diagnosis.evidence.as_str()),
        verdict_why: diagnosis.why,
        pinning,
        pinning_total: pins.len() as u64,
        pinning_why: pins.is_empty().then(|| match diagnosis.verdict {
            _ if not_examined.is_some() => not_examined.unwrap_or(NOT_EXAMINED),
            Verdict::Fragmentation => "no set of blocks was found that would do",
            _ => "it did not fail for holes that blocks keep apart",
        }),
        would_have_fit,
        would_have_fit_why: not_examined,
        would_not_have_fit: examination.map_or_else(Vec::new, |examination| {
            let in_vain = |tried: &crate::oom::InVain| InVain {
                what: Text::new(tried.what.as_str()),
                why: Text::new(tried.why.as_str()),
                refuted: tried.refuted_by_course,
            };
            examination.in_vain.iter().map(in_vain).collect()
        }),
        model_why: model
            .is_none()
            .then(|| examination.and_then(|examination| examination.model_why).unwrap_or(NO_MODEL)),
        model,
    }
}

fn agreement(examination: &Examination) -> Option<ModelAgreement> {
    let (agreement, at_failure) = examination.model.as_ref()?;
    Some(ModelAgreement {
        rules: Text::new(agreement.rules.as_str()),
        allocs: agreement.allocs,
        sizes_agree: agreement.sizes_agree,
        events: agreement.events,
        reserved_agrees: agreement.reserved_agrees,
        most_difference_bytes: Bytes(agreement.most),
        difference_bytes: at_failure.difference,
        refused: at_failure.refused,
    })
}
