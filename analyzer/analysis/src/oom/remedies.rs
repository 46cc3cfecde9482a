//! Remedies for a failed request. Each is applied to a model in the recorded state, and the request is made again.

use super::{Examination, InVain, OomContext, Remedy, bytes, inventory::Inventory, pins};
use crate::{
    allocator_model::{Class, Requester},
    report::Verdict,
};

/// Tries everything that can be tried on the state alone.
pub(super) fn try_all(
    context: &OomContext,
    verdict: Verdict,
    requester: Requester,
    inventory: &Inventory,
    found: &mut Examination,
) {
    let free = context.device_free.unwrap_or(0);
    let fits_with = |free: u64| inventory.with_free(free).allocate(requester, context.requested).is_some();
    // Where the model serves the request as it was, it cannot say what was missing.
    let unexplained = verdict == Verdict::Unknown;

    let releasable = inventory.model.releasable();
    if !unexplained && releasable > 0 {
        if fits_with(free) {
            let what = "cached segments given back to the driver (torch.cuda.empty_cache())";
            found.fits.push(Remedy { keeps_what_lives: true, ..Remedy::of_state(what, releasable) });
        } else {
            let why = format!("only {} of it are in segments that nothing lives in", bytes(releasable));
            found.in_vain.push(InVain::new("cached segments given back", why));
        }
    } else if !unexplained && inventory.model.reserved() > 0 {
        let why = "no segment was without a live block".to_owned();
        found.in_vain.push(InVain::new("cached segments given back", why));
    }
    if verdict == Verdict::Fragmentation {
        without_pins(context, requester, inventory, found);
    }
    if let Some(largest) = smaller_request(context, requester, inventory) {
        found.fits.push(Remedy::of_state("a smaller request", largest));
    }
    if unexplained {
        return;
    }
    if let Some(others) = context.other_processes.filter(|&others| others > 0) {
        if fits_with(free.saturating_add(others)) {
            found.fits.push(Remedy::of_state("no other process on the device", others));
        } else {
            let why = format!("they had only {}", bytes(others));
            found.in_vain.push(InVain::new("no other process on the device", why));
        }
    }
    // Nobody knows how much more it takes where nobody knows how much there was.
    if let Some(free) = context.device_free {
        let more = context.needs().saturating_sub(free.saturating_add(releasable));
        if more > 0 && fits_with(free.saturating_add(more)) {
            found.fits.push(Remedy::of_state("so much more free on the device", more));
        }
    }
}

fn without_pins(context: &OomContext, requester: Requester, inventory: &Inventory, found: &mut Examination) {
    for set in pins::candidates(context, requester, inventory) {
        let mut model = inventory.with_free(context.device_free.unwrap_or(0));
        for (_, block) in &set {
            model.free(*block);
        }
        if model.allocate(requester, context.requested).is_some() {
            found.pins = set.into_iter().map(|(pin, _)| pin).collect();
            let sum = found.pins.iter().map(|pin| pin.bytes).sum();
            let count = found.pins.len();
            let what = format!(
                "without the {}",
                if count == 1 { "pinning block".to_owned() } else { format!("{count} pinning blocks") }
            );
            found.fits.push(Remedy::of_state(what, sum));
            return;
        }
    }
}

/// The largest request of the same stream and memory pool that would have been served. With expandable segments it is one
/// that would have been, and nearly the largest.
fn smaller_request(context: &OomContext, requester: Requester, inventory: &Inventory) -> Option<u64> {
    let rules = &inventory.rules;
    let free = context.device_free.unwrap_or(0);
    let room = free.saturating_add(inventory.model.releasable());
    let hole = |class: Class| {
        let segments = inventory.segments.iter();
        let own = segments.filter(|segment| segment.key.requester == requester && segment.key.class == class);
        let parts = own.flat_map(|segment| &inventory.pieces[segment.pieces.clone()]);
        parts.filter(|part| part.block.is_none()).map(|part| part.size).max().unwrap_or(0)
    };
    let mut sizes = vec![hole(Class::Large), rules.largest_in(room)];
    if !rules.plain {
        sizes.extend([hole(Class::Small).min(crate::allocator_model::SMALL), crate::allocator_model::SMALL]);
    }
    let mut requests: Vec<u64> = sizes.into_iter().map(|size| rules.largest_request(size)).collect();
    requests.retain(|&request| request > 0 && request < context.requested);
    requests.sort_unstable_by(|a, b| b.cmp(a));
    requests.dedup();
    requests.into_iter().find(|&request| inventory.with_free(free).allocate(requester, request).is_some())
}
