//! Blocks that keep much reserved memory beside them: it is free, but can neither serve a large request nor go back to the driver.

use memtrace_format::Bytes;

use super::{
    Case, Judgement, Rule,
    allocator_settings::{EXPANDABLE, is_worth_trying},
};
use crate::{
    report::{Finding, FragmentationAt, Heap, Pin, Place, Report, Topic, is_nobody},
    table::{grouped, shorten},
};

pub(super) const RULE: Rule = Rule {
    id: "fragmentation",
    title: "blocks keep much more free memory than they hold",
    topic: Topic::Fragmentation,
    judge,
};

/// Blocks are in the way if they hold less than this share of what they keep: segments that are filled by half are in use.
const SMALL: u64 = 4;

/// What they keep is worth a word from this share of all that was reserved, and from so many bytes: a caching allocator always
/// has a few segments of 20 MiB that begin to fill.
const SHARE: f64 = 0.2;
const LEAST: Bytes = Bytes(64 << 20);

/// And so much of it is what makes requests fail.
const BAD: f64 = 0.5;

/// Blocks that keep this share of it are who keeps it.
const MOST: f64 = 0.9;

/// The most blocks whose sizes are named.
const SIZES: usize = 3;

fn judge(report: &Report) -> Judgement {
    let looked_at = |heap: &&Heap| heap.device.is_some() && heap.fragmentation.is_some();
    let cases: Vec<Waste<'_>> = report.heaps.iter().filter(looked_at).filter_map(Waste::of).collect();
    if report.heaps.iter().filter(looked_at).count() == 0 {
        return Judgement::Na("no heap of a device reports segments".to_owned());
    }
    let Some(worst) = cases.iter().max_by(|a, b| a.share.total_cmp(&b.share)) else {
        return Judgement::Ok("no blocks keep much more reserved memory than they hold".to_owned());
    };
    let failed = |waste: &Waste<'_>| {
        let here = |oom: &&crate::report::OutOfMemory| oom.heap == waste.heap.name;
        let fragmented = |oom: &crate::report::OutOfMemory| oom.inactive_bytes >= Some(oom.requested_bytes);
        report.ooms.iter().filter(here).any(fragmented)
    };
    let case = Case {
        evidence: cases.iter().map(Waste::evidence).collect::<Vec<_>>().join("; "),
        advice: advice(report),
        places: cases.iter().flat_map(Waste::places).take(Finding::PLACES).collect(),
    };
    if worst.share >= BAD || cases.iter().any(failed) { Judgement::Fail(case) } else { Judgement::Warn(case) }
}

fn advice(report: &Report) -> String {
    let mut advice = "allocate long-lived blocks first, or free these blocks".to_owned();
    if is_worth_trying(report, EXPANDABLE) {
        advice.push_str(
            "; with PyTorch, PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True releases the pages between them \
             (torch.cuda.empty_cache() cannot: it releases whole segments only)",
        );
    }
    advice
}

/// What small blocks keep of a heap when they keep the most.
struct Waste<'a> {
    heap: &'a Heap,
    at: &'a FragmentationAt,
    /// Those that keep the most come first.
    pins: Vec<&'a Pin>,
    /// Beside the blocks themselves.
    kept: u64,
    share: f64,
}

impl<'a> Waste<'a> {
    /// None if it is too little for a word.
    fn of(heap: &'a Heap) -> Option<Self> {
        let at = &heap.fragmentation.as_ref()?.most_pinned;
        let small = |pin: &&Pin| pin.releases_bytes.0 < pin.frees_bytes.0 / SMALL;
        let mut pins: Vec<&Pin> = at.layout.pins.iter().filter(small).collect();
        pins.sort_by_key(|pin| std::cmp::Reverse(beside(pin)));
        let kept: u64 = pins.iter().map(|pin| beside(pin)).sum();
        let share = kept as f64 / heap.reserved_peak?.bytes.0.max(1) as f64;
        (kept >= LEAST.0 && share >= SHARE).then_some(Self { heap, at, pins, kept, share })
    }

    fn evidence(&self) -> String {
        // A few of them mostly keep nearly all of it.
        let mut so_far = 0;
        let few = self.pins.iter().take_while(|pin| {
            let is_wanted = (so_far as f64) < MOST * self.kept as f64;
            so_far += beside(pin);
            is_wanted
        });
        let (few, others) = self.pins.split_at(few.count());
        let sum = |pins: &[&Pin], figure: fn(&Pin) -> u64| pins.iter().map(|pin| figure(pin)).sum::<u64>();
        let owner = few.first().and_then(|pin| pin.by_module.first()).filter(|owner| !is_nobody(&owner.name));
        let owner =
            owner.map_or_else(String::new, |owner| format!(", most owned by {}", shorten(&owner.name, 40)));
        let others = match sum(others, |pin| pin.blocks_total) {
            0 => String::new(),
            blocks => format!("; {} others keep {}", grouped(blocks), Bytes(sum(others, beside))),
        };
        format!(
            "in {} at {}, {}{owner} {} {} of free memory beside them ({:.0}% of the most reserved){others}",
            shorten(&self.heap.name, 40),
            self.at.time_ns,
            blocks(few),
            if sum(few, |pin| pin.blocks_total) == 1 { "keeps" } else { "keep" },
            Bytes(sum(few, beside)),
            self.share * 100.0,
        )
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.pins.iter().map(|pin| Place {
            time_ns: Some(self.at.time_ns),
            heap: Some(self.heap.name.clone()),
            module: pin.by_module.first().map(|share| share.name.clone()),
            bytes: Some(pin.frees_bytes),
        })
    }
}

/// What blocks keep, beside themselves.
fn beside(pin: &Pin) -> u64 {
    pin.frees_bytes.0.saturating_sub(pin.releases_bytes.0)
}

/// How many blocks they are, and how large.
fn blocks(pins: &[&Pin]) -> String {
    let total: u64 = pins.iter().map(|pin| pin.blocks_total).sum();
    let sizes: Vec<String> =
        pins.iter().flat_map(|pin| &pin.blocks).map(|block| block.bytes.to_string()).collect();
    match &sizes[..] {
        [size] if total == 1 => format!("a block of {size}"),
        [first @ .., last] if sizes.len() <= SIZES && total == sizes.len() as u64 => {
            format!("{total} blocks of {} and {last}", first.join(", "))
        }
        _ => format!(
            "{} blocks of {} together",
            grouped(total),
            Bytes(pins.iter().map(|pin| pin.releases_bytes.0).sum())
        ),
    }
}
