//! The verdict on a failed request, from the sums of its heap and its device.
//!
//! A job that does not fit is too large, whatever the layout: the request counts with what the job still needs behind it. Fragmentation is
//! only what all of it would have fitted beside; whether a remedy proves that is not asked here.

use memtrace_format::OutOfMemory;

use super::{
    bytes,
    need::{Need, NeedOf, greatest},
};
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

    /// What could have been had if everything lay side by side; none if it is not known what the device had free.
    pub(crate) fn room(&self) -> Option<u64> {
        Some(self.inactive().saturating_add(self.device_free?))
    }

    /// What other processes have, as far as that is known.
    fn others(&self) -> u64 {
        match (self.other_processes, self.foreign()) {
            (Some(others), _) => others,
            (None, Some(foreign)) => foreign.saturating_sub(self.beside.unwrap_or(CONTEXT)),
            (None, None) => 0,
        }
    }

    /// What is neither free nor the allocator's: of other processes, and of this one beside its allocator.
    pub(crate) fn foreign(&self) -> Option<u64> {
        self.device_total?.checked_sub(self.reserved)?.checked_sub(self.device_free?)
    }
}

/// The verdict, what it rests on, and why there is none. `usable` is the largest hole of the pool that was asked, if that is
/// known; `needs` is what the job needs beyond the request.
pub(super) fn judge(
    context: &OomContext,
    usable: Option<u64>,
    needs: &[Need],
) -> (Verdict, String, Option<&'static str>) {
    let greatest = greatest(needs, context.block());
    let asked = asked(context, greatest);
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
    let wanted = greatest.map_or(context.block(), Need::still);
    let Some(free) = context.device_free else { return without_free(context, &asked, hole, wanted) };
    let had = if context.free_is_old { "had (by its latest sample)" } else { "had" };
    let device = format!("the device {had} {} free", bytes(free));
    if free >= context.needs() {
        let why = "the device had enough free: a limit that the program set itself, or the driver refused for another reason";
        return (Verdict::Unknown, format!("{asked}; {device}"), Some(why));
    }
    let own = format!("{} active of {} reserved", bytes(context.active), bytes(context.reserved));
    let Some(short) = wanted.checked_sub(context.inactive().saturating_add(free)).filter(|&short| short > 0)
    else {
        return (
            Verdict::Fragmentation,
            format!("{asked}; {device}, and {}", in_pieces(context, &own, usable)),
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
    // What others hold must have been enough, and the job must fit the device at all.
    let fits_device = context.device_total.is_none_or(|total| context.active.saturating_add(wanted) <= total);
    let verdict =
        if fits_device && context.others() >= short { Verdict::OtherProcesses } else { Verdict::Capacity };
    (verdict, evidence, None)
}

fn without_free(
    context: &OomContext,
    asked: &str,
    hole: u64,
    wanted: u64,
) -> (Verdict, String, Option<&'static str>) {
    let own = format!("{} active of {} reserved", bytes(context.active), bytes(context.reserved));
    let too_much = |total: &u64| context.active.saturating_add(wanted) > *total;
    if let Some(total) = context.device_total.filter(too_much) {
        let evidence =
            format!("{asked}; {} were active, and the device has {}", bytes(context.active), bytes(total));
        return (Verdict::Capacity, evidence, None);
    }
    if context.segmented && context.inactive() >= wanted {
        let pieces = in_pieces(context, &own, Some(hole));
        return (Verdict::Fragmentation, format!("{asked}; {pieces}"), None);
    }
    let evidence = format!("{asked}; {own}");
    (Verdict::Unknown, evidence, Some("what the device had free is not known"))
}

/// There was enough.
fn in_pieces(context: &OomContext, own: &str, usable: Option<u64>) -> String {
    let in_holes = bytes(context.inactive());
    let hole = bytes(usable.unwrap_or(context.largest_hole));
    let largest = match usable {
        Some(usable) if usable < context.largest_hole => {
            format!(
                "the largest that this request can use {hole} long (of other pools {})",
                bytes(context.largest_hole)
            )
        }
        _ => format!("the largest {hole} long"),
    };
    format!("{in_holes} lay in holes ({own}), {largest}: enough, but not in one piece")
}

/// What was asked for, what it takes, and what the job still needs with it.
fn asked(context: &OomContext, greatest: Option<&Need>) -> String {
    let (requested, needs) = (context.requested, context.needs());
    // A segment that is only as long as the request is not worth a word.
    let asked = if needs > requested.saturating_add(requested / 8) {
        format!("{} were asked for, which takes a segment of {}", bytes(requested), bytes(needs))
    } else {
        format!("{} were asked for", bytes(requested))
    };
    let Some(need) = greatest else { return asked };
    let whole = bytes(need.whole);
    let still = bytes(need.whole.saturating_sub(need.there));
    match need.of {
        NeedOf::Load(_) => {
            let work = bytes(need.work);
            format!(
                "{asked}, with {still} of a module of {whole} still to be loaded and at least {work} to compute with"
            )
        }
        NeedOf::Phase(_) => {
            format!("{asked}, with {still} still to come of the {whole} that the phase took before")
        }
    }
}
