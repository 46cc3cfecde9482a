//! The verdict on a failed request, from the sums of its heap and its device.

use memtrace_format::OutOfMemory;

use super::bytes;
use crate::{
    allocator_model::Rules,
    model::Balance,
    replay::{HeapState, Level},
    report::Verdict,
};

/// What a process has on a device beside its allocator: its context, its libraries' buffers. Only what others could have
/// beyond that counts as theirs, where nobody asked the driver whose it is.
const CONTEXT: u64 = 1 << 30;

/// How a heap and its device were when a request failed. All are bytes.
#[derive(Clone, Debug)]
pub(crate) struct OomContext {
    pub(crate) requested: u64,
    pub(crate) active: u64,
    /// What is active, for a heap without segments.
    pub(crate) reserved: u64,
    pub(crate) segmented: bool,
    /// The largest hole of all pools.
    pub(crate) largest_hole: u64,
    pub(crate) device_free: Option<u64>,
    /// The driver was asked for that before, not when the request failed.
    pub(crate) free_is_old: bool,
    pub(crate) device_total: Option<u64>,
    /// What all other processes had on the device.
    pub(crate) other_processes: Option<u64>,
    /// What this process had on it beside its allocator.
    pub(crate) beside: Option<u64>,
    pub(crate) rules: Rules,
}

impl OomContext {
    /// Of a heap and its device as they are.
    pub(crate) fn of(
        failed: &OutOfMemory,
        heap: &mut HeapState,
        balance: Option<&Balance>,
        rules: Rules,
    ) -> Self {
        let Level { active, reserved, .. } = Level::of(heap);
        let own = balance.and_then(|balance| balance.own);
        Self {
            requested: failed.requested.0,
            active,
            reserved: if heap.segmented { reserved } else { active },
            segmented: heap.segmented,
            largest_hole: heap.largest_hole(),
            device_free: balance.and_then(|balance| balance.free).map(|free| free.bytes),
            free_is_old: failed.free.is_none(),
            device_total: balance.and_then(|balance| balance.total),
            other_processes: balance.and_then(|balance| balance.others).map(|others| others.bytes),
            beside: own.and_then(|own| own.bytes.checked_sub(own.held?)),
            rules,
        }
    }

    /// How long a block would have been.
    pub(crate) fn block(&self) -> u64 {
        self.rules.rounded(self.requested)
    }

    /// What the allocator would have had to get from the driver for it.
    pub(crate) fn needs(&self) -> u64 {
        self.rules.needs(self.block())
    }

    pub(crate) fn inactive(&self) -> u64 {
        self.reserved.saturating_sub(self.active)
    }

    /// What is neither free nor the allocator's: of other processes, and of this one beside its allocator.
    pub(crate) fn foreign(&self) -> Option<u64> {
        self.device_total?.checked_sub(self.reserved)?.checked_sub(self.device_free?)
    }
}

/// The verdict, what it rests on, and why there is none. `usable` is the largest hole of the pool that was asked, if that is
/// known.
pub(super) fn judge(context: &OomContext, usable: Option<u64>) -> (Verdict, String, Option<&'static str>) {
    let needs = context.needs();
    let in_holes = context.inactive();
    let asked = asked(context);
    // Whatever the pool: where no hole is large enough, none of its own is.
    let hole = usable.unwrap_or(context.largest_hole);
    if context.segmented && hole >= context.block() && context.rules.may_serve(context.block(), hole) {
        let why = match usable {
            Some(_) => {
                "a hole of its pool was large enough: the allocator follows other rules, or events are missing"
            }
            None => "a hole was large enough, and whether it was of the pool that was asked was not examined",
        };
        return (Verdict::Unknown, format!("{asked}; the largest hole had {}", bytes(hole)), Some(why));
    }
    let Some(free) = context.device_free else { return without_free(context, &asked, hole) };
    let had = if context.free_is_old { "had (by its latest sample)" } else { "had" };
    let device = format!("the device {had} {} free", bytes(free));
    if free >= needs {
        let why = "the device had enough free: a limit that the program set itself, or the driver refused for another reason";
        return (Verdict::Unknown, format!("{asked}; {device}"), Some(why));
    }
    let own = format!("{} active of {} reserved", bytes(context.active), bytes(context.reserved));
    let Some(short) = context.block().checked_sub(in_holes.saturating_add(free)).filter(|&short| short > 0)
    else {
        return (
            Verdict::Fragmentation,
            format!("{asked}; {device}, and {}", in_pieces(context, &own, hole)),
            None,
        );
    };
    let beside = match (context.other_processes, context.foreign()) {
        (Some(0), _) => "; no other process had any".to_owned(),
        (Some(others), _) => format!("; other processes had {}", bytes(others)),
        (None, Some(foreign @ 1..)) => format!("; {} were neither free nor the allocator's", bytes(foreign)),
        (None, _) => String::new(),
    };
    let evidence = format!("{asked}; {device}, and {own}: {} too few{beside}", bytes(short));
    // What others hold must have been enough, and the request must fit the device at all.
    let fits_device =
        context.device_total.is_none_or(|total| context.active.saturating_add(context.block()) <= total);
    let others = match (context.other_processes, context.foreign()) {
        (Some(others), _) => others,
        (None, Some(foreign)) => foreign.saturating_sub(context.beside.unwrap_or(CONTEXT)),
        (None, None) => 0,
    };
    let verdict = if fits_device && others >= short { Verdict::OtherProcesses } else { Verdict::Capacity };
    (verdict, evidence, None)
}

fn without_free(context: &OomContext, asked: &str, hole: u64) -> (Verdict, String, Option<&'static str>) {
    let own = format!("{} active of {} reserved", bytes(context.active), bytes(context.reserved));
    if context.segmented && context.inactive() >= context.block() {
        return (Verdict::Fragmentation, format!("{asked}; {}", in_pieces(context, &own, hole)), None);
    }
    let too_much = |total: &u64| context.active.saturating_add(context.block()) > *total;
    if let Some(total) = context.device_total.filter(too_much) {
        let evidence =
            format!("{asked}; {} were active, and the device has {}", bytes(context.active), bytes(total));
        return (Verdict::Capacity, evidence, None);
    }
    let evidence = format!("{asked}; {own}");
    (Verdict::Unknown, evidence, Some("what the device had free is not known"))
}

/// There was enough.
fn in_pieces(context: &OomContext, own: &str, hole: u64) -> String {
    let in_holes = bytes(context.inactive());
    format!("{in_holes} lay in holes ({own}), the largest {} long: enough, but not in one piece", bytes(hole))
}

/// What was asked for, and what it takes.
fn asked(context: &OomContext) -> String {
    let (requested, needs) = (context.requested, context.needs());
    // A segment that is only as long as the request is not worth a word.
    if needs > requested.saturating_add(requested / 8) {
        format!("{} were asked for, which takes a segment of {}", bytes(requested), bytes(needs))
    } else {
        format!("{} were asked for", bytes(requested))
    }
}
