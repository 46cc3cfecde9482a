//! The segments and blocks that a snapshot shows: how everything was at its end.

use crate::pickle::{Arena, ObjectId, View};

use super::keys::{
    ADDRESS, BLOCKS, DEVICE, FRAMES, HISTORY, IS_EXPANDABLE, Name, REAL_SIZE, REQUESTED_SIZE,
    SEGMENT_POOL_ID, SEGMENT_TYPE, SIZE, STATE, TOTAL_SIZE,
};
use super::pools::{PoolKind, PoolTag};
use super::schema::{Dict, SnapshotError};

/// A segment as it was when the snapshot was taken.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) device: u64,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) pool: PoolTag,
    pub(super) expandable: bool,
    pub(super) frames: Option<ObjectId>,
    /// The blocks that were in use.
    pub(super) blocks: Vec<Block>,
}

/// A block that was in use when the snapshot was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) requested: u64,
    /// Given back, but a stream still used it.
    pub(super) pending: bool,
    pub(super) frames: Option<ObjectId>,
}

/// The segments in the list of this name.
pub(super) fn read(root: Dict<'_>, name: Name) -> Result<Vec<Segment>, SnapshotError> {
    root.dicts(name)?.map(|dict| segment(dict?)).collect()
}

/// The segments in a list of them, which is what `torch.cuda.memory_snapshot()` returns. None if it is a list of anything else.
pub(super) fn of_list(arena: &Arena, list: ObjectId) -> Option<Result<Vec<Segment>, SnapshotError>> {
    let dicts: Option<Vec<Dict<'_>>> = arena.items(list).map(|item| Dict::of(arena, item)).collect();
    let is_segment = |dict: &Dict<'_>| dict.view(TOTAL_SIZE).is_some() && dict.view(ADDRESS).is_some();
    dicts.filter(|dicts| dicts.iter().all(is_segment)).map(|dicts| dicts.into_iter().map(segment).collect())
}

fn segment(dict: Dict<'_>) -> Result<Segment, SnapshotError> {
    let size = dict.needed(TOTAL_SIZE)?;
    let kind = match dict.string(SEGMENT_TYPE)?.map(|kind| dict.arena.string(kind)) {
        Some(b"small") => PoolKind::Small,
        Some(b"large") => PoolKind::Large,
        _ => PoolKind::Whole,
    };
    let address = dict.needed(ADDRESS)?;
    let mut at = address;
    let mut blocks = Vec::new();
    for block in dict.dicts(BLOCKS)? {
        let block = block?;
        let size = block.needed(SIZE)?;
        // PyTorch 2.0 does not say where a block lies: behind the one before it.
        let address = block.number(ADDRESS)?.unwrap_or(at);
        at = address.saturating_add(size);
        let state = block.string(STATE)?.map(|state| block.arena.string(state));
        let pending = matches!(state, Some(b"active_pending_free" | b"active_awaiting_free"));
        if pending || state == Some(b"active_allocated") {
            let (latest, requested) = (latest(block)?, block.number(REQUESTED_SIZE)?);
            let asked = latest.map(|latest| latest.number(REAL_SIZE)).transpose()?.flatten();
            blocks.push(Block {
                address,
                size,
                requested: requested.or(asked).unwrap_or(size),
                pending,
                frames: frames(latest.unwrap_or(block)),
            });
        }
    }
    Ok(Segment {
        device: dict.number(DEVICE)?.unwrap_or(0),
        address,
        size,
        pool: PoolTag { id: dict.pool_id(SEGMENT_POOL_ID).unwrap_or_default(), stream: dict.stream(), kind },
        expandable: dict.view(IS_EXPANDABLE) == Some(View::Bool(true)),
        frames: frames(dict),
        blocks,
    })
}

/// PyTorch 2.0 lists what a block's memory was used for; the first entry is its latest use.
fn latest(block: Dict<'_>) -> Result<Option<Dict<'_>>, SnapshotError> {
    block.dicts(HISTORY)?.next().transpose()
}

fn frames(dict: Dict<'_>) -> Option<ObjectId> {
    match dict.view(FRAMES) {
        Some(View::List(frames)) => Some(frames),
        _ => None,
    }
}
