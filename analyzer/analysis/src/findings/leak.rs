//! Memory that every cycle retains, and that does not stop growing.

use memtrace_format::Bytes;

use super::{Case, Judgement, Rule};
use crate::{
    report::{Cycle, CycleHeap, Place, Report, Retained, Shape, Topic, is_nobody},
    table::{grouped, shorten},
};

pub(super) const RULE: Rule =
    Rule { id: "leak", title: "every cycle retains memory", topic: Topic::Growth, judge };

/// What is kept in a whole run, as a share of the heap's peak. Less than this is lost in what any program does to its heaps.
const WORTH_IT: f64 = 0.01;

/// From this share on, a run ten times as long needs twice the memory.
const BAD: f64 = 0.1;

/// The most characters of a name.
const NAME: usize = 60;

/// How a program says what repeats.
const MARKS: &str = "name what repeats (a step, a request, a switch of models): memtrace.step() in Python, memtrace_phase_begin() \
                     in C, torch.profiler.record_function() for a snapshot; or record with --torch, which sees forwards";

fn judge(report: &Report) -> Judgement {
    let growth = &report.growth;
    if let Some(why) = &growth.cycles_why {
        return Judgement::NaUntil(why.to_string(), MARKS);
    }
    let told = |shape: Shape| !matches!(shape, Shape::TooFew | Shape::Over);
    let judged =
        growth.cycles.iter().filter(|cycle| cycle.heaps.iter().any(|heap| told(heap.trend.shape))).count();
    if judged == 0 {
        return Judgement::NaUntil(
            "nothing repeated four times, which a leak takes to show".to_owned(),
            MARKS,
        );
    }
    let mut leaks: Vec<Leak<'_>> = report.heaps.iter().filter_map(|heap| Leak::of(report, heap)).collect();
    if leaks.is_empty() {
        return Judgement::Ok(format!("none of {} cycles retains more each time", grouped(judged as u64)));
    }
    leaks.sort_by(|a, b| b.share.total_cmp(&a.share));
    let bad = leaks.iter().any(|leak| leak.share >= BAD);
    let evidence: Vec<_> = leaks.iter().map(Leak::evidence).collect();
    let mut advice = vec!["release what these owners retain in each cycle"];
    if leaks.iter().any(|leak| leak.heap.device.is_some()) {
        advice.push(
            "on a device: remove forward hooks when a model is unloaded, and keep no inputs or outputs in lists (in PyTorch, \
             detach them, drop the references, then gc.collect() and torch.cuda.empty_cache())",
        );
    }
    if leaks.iter().any(|leak| leak.heap.device.is_none()) {
        advice.push(
            "on the host: drop state dicts once the weights are made, and limit cached models (AUTOMATIC1111/Forge: the number \
             of checkpoints loaded at the same time; ComfyUI: --disable-smart-memory)",
        );
    }
    let places = leaks.iter().map(Leak::place).collect();
    let case = Case { evidence: evidence.join("; "), advice: advice.join("; "), places };
    if bad { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

/// A heap that grows, and the cycle that shows it best.
struct Leak<'a> {
    cycle: &'a Cycle,
    heap: &'a CycleHeap,
    /// What was kept, of the heap's peak.
    share: f64,
}

impl<'a> Leak<'a> {
    fn of(report: &'a Report, heap: &crate::report::Heap) -> Option<Self> {
        let peak = heap.peak.by.of(&heap.peak.figures).0.max(1);
        // Cycles are in the order of how well they tell.
        report.growth.cycles.iter().find_map(|cycle| {
            let grows = |of: &&CycleHeap| of.heap == heap.name && of.trend.shape == Shape::Grows;
            let heap = cycle.heaps.iter().find(grows)?;
            let share = heap.trend.kept_bytes as f64 / peak as f64;
            (share >= WORTH_IT).then_some(Self { cycle, heap, share })
        })
    }

    fn evidence(&self) -> String {
        let trend = &self.heap.trend;
        let kept = Bytes(trend.kept_bytes.unsigned_abs());
        let each = Bytes(trend.retained_bytes_per_cycle.unwrap_or(0).unsigned_abs());
        let owners =
            [("module", &self.heap.by_module), ("scope", &self.heap.by_scope), ("at", &self.heap.by_stack)];
        let owners: Vec<_> = owners
            .into_iter()
            .filter_map(|(kind, owners)| Some((kind, named(owners)?)))
            .map(|(kind, owner)| format!("{kind} {}", shorten(&owner.name, NAME)))
            .collect();
        let whose =
            if owners.is_empty() { String::new() } else { format!(", most by {}", owners.join(", ")) };
        format!(
            "{} retains {each} more each time {} ends ({} times): {kept} in all{whose}",
            self.heap.heap,
            shorten(&self.cycle.name, NAME),
            grouped(self.cycle.count),
        )
    }

    fn place(&self) -> Place {
        Place {
            time_ns: Some(self.cycle.last_ns),
            heap: Some(self.heap.heap.clone()),
            module: named(&self.heap.by_module).map(|owner| owner.name.clone()),
            bytes: Some(Bytes(self.heap.trend.kept_bytes.unsigned_abs())),
        }
    }
}

/// The owner that keeps the most, if it has a name.
fn named(owners: &[Retained]) -> Option<&Retained> {
    owners.first().filter(|owner| owner.bytes > 0 && !is_nobody(&owner.name))
}
