//! Failed requests, and what would have served them.

use super::{Case, Judgement, Rule};
use crate::{
    report::{OutOfMemory, Place, Report, Topic, Verdict},
    table::{grouped, shorten},
};

pub(super) const RULE: Rule =
    Rule { id: "out-of-memory", title: "requests for memory failed", topic: Topic::Ooms, judge };

/// The most remedies that the advice repeats.
const REMEDIES: usize = 3;

/// The widest name in a sentence.
const NAME: usize = 48;

/// One request that fails ends a job, or the run.
fn judge(report: &Report) -> Judgement {
    if let Some(why) = report.ooms_why {
        return Judgement::Na(why.to_owned());
    }
    if report.ooms_total == 0 {
        let requests = report.heaps.iter().map(|heap| heap.allocs).sum();
        return Judgement::Ok(format!("none of {} requests failed", grouped(requests)));
    }
    // The first that something is known of.
    let known = |oom: &&OutOfMemory| oom.verdict != Verdict::Unknown && oom.would_have_fit_why.is_none();
    let Some(first) = report.ooms.iter().find(known).or(report.ooms.first()) else {
        return Judgement::Na("the failed requests were not kept".to_owned());
    };
    let more = match report.ooms_total {
        1 => String::new(),
        all => format!("{} requests failed; one of them: ", grouped(all)),
    };
    let mut evidence = format!(
        "{more}at {} on {} for {}, {}: {}",
        first.time_ns,
        shorten(&first.heap, NAME),
        shorten(&first.module, NAME),
        first.verdict.name(),
        first.evidence
    );
    if let Some(why) = first.verdict_why {
        evidence.push_str(&format!("; cause unknown: {why}"));
    }
    if let Some(pin) = first.pinning.iter().max_by_key(|pin| pin.bytes) {
        evidence.push_str(&format!(
            "; without {} {} there would have been room: the largest has {}, of module {} in {}",
            grouped(first.pinning_total),
            if first.pinning_total == 1 { "block" } else { "blocks" },
            pin.bytes,
            shorten(&pin.module, NAME),
            shorten(&pin.scope, NAME)
        ));
    }
    let remedies = first.would_have_fit.iter().take(REMEDIES);
    let proved: Vec<_> = remedies.map(|remedy| format!("{} ({})", remedy.what, remedy.bytes)).collect();
    let mut tips = vec![advice(first.verdict).to_owned()];
    if !proved.is_empty() {
        tips.push(format!("in a model, the request was served by: {}", proved.join(", or ")));
    }
    let pins = first.pinning.iter().map(|pin| Place {
        time_ns: Some(first.time_ns),
        heap: Some(first.heap.clone()),
        module: Some(pin.module.clone()),
        bytes: Some(pin.bytes),
    });
    let requests = report.ooms.iter().map(|oom| Place {
        time_ns: Some(oom.time_ns),
        heap: Some(oom.heap.clone()),
        module: Some(oom.module.clone()),
        bytes: Some(oom.requested_bytes),
    });
    Judgement::Fail(Case { evidence, advice: tips.join("; "), places: requests.chain(pins).collect() })
}

fn advice(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Capacity => {
            "keep less on the device: --medvram or --lowvram (AUTOMATIC1111, Forge), --lowvram (ComfyUI), \
             enable_model_cpu_offload() or enable_sequential_cpu_offload() (diffusers), a smaller batch or resolution, a smaller \
             --gpu-memory-utilization (vLLM)"
        }
        Verdict::Fragmentation => {
            "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, or max_split_size_mb; torch.cuda.empty_cache() between jobs; \
             allocate long-lived blocks first"
        }
        Verdict::OtherProcesses => {
            "end the other processes on the device (nvidia-smi lists them), or give each process a share of it"
        }
        Verdict::Unknown => {
            "record what the device has free (MEMTRACE_SAMPLE=driver=20), and look at what is live at the peak (--at peak)"
        }
    }
}
