//! Too little host memory: the machine swaps, or tasks wait for memory.

use memtrace_format::{Bytes, SampledCounter};

use super::{Case, Judgement, Rule, sampled};
use crate::report::{Place, Report, Topic};

pub(super) const RULE: Rule =
    Rule { id: "host-pressure", title: "host memory is short", topic: Topic::Samples, judge };

/// With less than this part of its memory available a machine begins to drop what it will need again.
const LITTLE: f64 = 0.05;

/// With less than this the kernel is about to kill.
const NEXT_TO_NOTHING: f64 = 0.01;

/// What was in swap before the run is nobody's fault; more than this in addition is.
const SWAPPED: u64 = 64 << 20;

/// The percentage of 10 s in which every task waited for memory: beyond the first it is felt, beyond the second the run
/// stands still for minutes of every hour.
const WAITING: f64 = 5.0;
const STANDING: f64 = 20.0;

fn judge(report: &Report) -> Judgement {
    let host = |counter| sampled::counter(report, counter, None);
    let (Some(available), Some(total)) =
        (host(SampledCounter::HostAvailable), host(SampledCounter::HostTotal))
    else {
        return Judgement::Na(sampled::why_not(report, SampledCounter::HostAvailable));
    };
    let (least, all) = (sampled::bytes(available.min), sampled::bytes(total.last));
    let share = least as f64 / all.max(1) as f64;
    let mut evidence = vec![format!("at least {} of {} was available", Bytes(least), Bytes(all))];
    let (mut short, mut bad) = (share < LITTLE, share < NEXT_TO_NOTHING);
    if short {
        evidence = vec![format!("only {} of {} was available", Bytes(least), Bytes(all))];
    }
    if let Some(swap) = host(SampledCounter::HostSwapUsed) {
        let (min, max) = (sampled::bytes(swap.min), sampled::bytes(swap.max));
        if max - min.min(max) > SWAPPED {
            short = true;
            evidence.push(format!("{} more was swapped out ({} in all)", Bytes(max - min), Bytes(max)));
        }
    }
    for (counter, whose) in [
        (SampledCounter::PressureFull, "the machine"),
        (SampledCounter::CgroupPressureFull, "the container or cgroup"),
    ] {
        let Some(waited) = host(counter).map(|counter| sampled::number(counter.max)) else { continue };
        if waited > WAITING {
            short = true;
            bad |= waited > STANDING;
            evidence.push(format!("every task of {whose} waited for memory for up to {waited:.0}% of 10 s"));
        }
    }
    let evidence = evidence.join("; ");
    if !short {
        return Judgement::Ok(evidence);
    }
    let case = Case {
        evidence,
        advice: "keep fewer models in host memory (fewer checkpoints cached in RAM; ComfyUI: --cache-none; no --medvram or \
                 --lowvram for what fits the device), map safetensors instead of reading them, pin less \
                 (pin_memory=False), or give the machine or container more memory"
            .to_owned(),
        places: vec![Place { bytes: Some(Bytes(least)), ..Place::default() }],
    };
    if bad { Judgement::Fail(case) } else { Judgement::Warn(case) }
}
