//! The smallest sets of blocks that stand in the way of a request.
//!
//! There are two ways to a place for it: a stretch of one segment of its pool, all of whose blocks go; or segments that are
//! emptied and given back, so that the driver has enough for a new one.

use super::{
    OomContext, Pin,
    inventory::{Inventory, Segment},
    knapsack::{Item, cheapest},
};
use crate::allocator_model::{BlockId, Requester};

/// A block counts for at least this part of the request: a few blocks that can be named are better than hundreds of tiny
/// ones.
const LEAST: u64 = 64;

/// What it costs to do without a block, for such a request.
pub(super) fn cost(context: &OomContext, block: u64) -> u64 {
    block.max(context.block() / LEAST)
}

/// Sets of blocks without which a request might be served, the smallest first.
pub(super) fn candidates(
    context: &OomContext,
    requester: Requester,
    inventory: &Inventory,
) -> Vec<Vec<(Pin, BlockId)>> {
    let stretch = stretch(context, requester, inventory);
    let emptied = emptied(context, inventory);
    let mut sets: Vec<_> = [stretch, emptied].into_iter().flatten().filter(|set| !set.is_empty()).collect();
    sets.sort_by_key(|set| set.iter().map(|(pin, _)| u128::from(cost(context, pin.bytes))).sum::<u128>());
    sets
}

/// The stretch of a segment of its pool that is long enough and costs least.
fn stretch(context: &OomContext, requester: Requester, inventory: &Inventory) -> Option<Vec<(Pin, BlockId)>> {
    let key = inventory.key(requester, context.requested);
    let wanted = context.block();
    let mut best: Option<(u128, std::ops::Range<usize>)> = None;
    for segment in inventory.segments.iter().filter(|segment| segment.key == key && segment.size >= wanted) {
        let used = |at: usize| inventory.pieces[at].block.map_or(0, |(pin, _)| cost(context, pin.bytes));
        let (mut length, mut sum, mut first) = (0, 0u128, segment.pieces.start);
        for last in segment.pieces.clone() {
            length += inventory.pieces[last].size;
            sum += u128::from(used(last));
            while length - inventory.pieces[first].size >= wanted {
                length -= inventory.pieces[first].size;
                sum -= u128::from(used(first));
                first += 1;
            }
            if length >= wanted && best.as_ref().is_none_or(|(least, _)| sum < *least) {
                best = Some((sum, first..last + 1));
            }
        }
    }
    best.map(|(_, pieces)| inventory.pieces[pieces].iter().filter_map(|part| part.block).collect())
}

/// The blocks of the segments that, emptied, give the driver what it lacks, for the least cost.
fn emptied(context: &OomContext, inventory: &Inventory) -> Option<Vec<(Pin, BlockId)>> {
    let free = context.device_free.unwrap_or(0);
    let lacking = context.needs().checked_sub(free.saturating_add(inventory.model.releasable()))?;
    let releasable = |segment: &&Segment| {
        let default = segment.key.requester.arena == 0 || inventory.rules.plain;
        default && !segment.expandable && segment.used > 0
    };
    let segments: Vec<&Segment> = inventory.segments.iter().filter(releasable).collect();
    let items = segments.iter().map(|segment| {
        let blocks = inventory.pieces[segment.pieces.clone()].iter().filter_map(|part| part.block);
        let cost = blocks.fold(0u64, |sum, (pin, _)| sum.saturating_add(cost(context, pin.bytes)));
        Item { gain: segment.size, cost }
    });
    let items: Vec<Item> = items.collect();
    let chosen = cheapest(&items, lacking)?;
    let pieces = chosen.into_iter().flat_map(|index| &inventory.pieces[segments[index].pieces.clone()]);
    Some(pieces.filter_map(|part| part.block).collect())
}
