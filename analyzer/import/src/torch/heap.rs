//! One heap of a snapshot, event by event, into the log.

use std::collections::BTreeMap;

use memtrace_format::{
    Address, BlockAlloc, BlockFree, BlockOwned, Bytes, Event as Logged, HeapId, ModuleId, NameId,
    OutOfMemory, PoolId, Segment as LoggedSegment, StackId, ThreadId, Ticks,
};

use super::{
    annotations::{Lane, ScopeEnd},
    event::{Action, Event, SegmentAction},
    history::{self, History},
    keys::ACTION,
    metadata::{self, Metadata},
    pools::{PoolTag, Pools},
    reserved::{Piece, Reserved},
    rules::Rules,
    segments::Segment,
    stacks::Stacks,
};
use crate::{
    ImportError,
    pickle::{Arena, ObjectId, StringId},
    writer::LogWriter,
};

/// After so many events it is time to tell how far it has come.
const BETWEEN_LOOKS: u64 = 1 << 16;

/// A heap on its way into the log.
#[derive(Debug)]
pub(super) struct HeapImport<'i, 'a> {
    arena: &'a Arena,
    thread: ThreadId,
    rules: &'i Rules,
    stacks: &'i mut Stacks<'a>,
    log: &'i mut LogWriter,
    pools: Pools,
    reserved: Reserved,
    /// The blocks in use, by address.
    in_use: BTreeMap<u64, InUse>,
    now: Ticks,
    metadata: Metadata,
    /// How often the snapshot shows a block to be as long as was deduced, and how often not.
    pub(super) sizes_agree: u64,
    pub(super) sizes_differ: u64,
}

/// A block in use.
#[derive(Clone, Copy, Debug)]
struct InUse {
    pool: PoolId,
    /// Its free is requested.
    pending: bool,
}

impl<'i, 'a> HeapImport<'i, 'a> {
    pub(super) fn new(
        arena: &'a Arena,
        heap: HeapId,
        thread: ThreadId,
        start: Ticks,
        rules: &'i Rules,
        stacks: &'i mut Stacks<'a>,
        log: &'i mut LogWriter,
    ) -> Self {
        Self {
            arena,
            thread,
            rules,
            stacks,
            log,
            pools: Pools::new(heap),
            reserved: Reserved::default(),
            in_use: BTreeMap::new(),
            now: start,
            metadata: Metadata::default(),
            sizes_agree: 0,
            sizes_differ: 0,
        }
    }

    /// Writes what was there before the first event.
    pub(super) fn baseline(&mut self, segments: &[Segment], history: &History) -> Result<(), ImportError> {
        self.reserved = history.reserved.clone();
        let frames: BTreeMap<u64, Option<ObjectId>> =
            segments.iter().map(|segment| (segment.address, segment.frames)).collect();
        for (start, piece) in history.reserved.pieces() {
            let stack = self.stacks.stack(frames.get(&start).copied().flatten(), self.log)?;
            let pool = self.pools.id(piece.pool, self.log)?;
            let segment =
                LoggedSegment { pool, address: Address(start), size: Bytes(piece.end - start), stack };
            let event = match piece.expandable {
                true => Logged::SegmentMap(segment),
                false => Logged::SegmentAlloc(segment),
            };
            self.log.baseline(self.thread, &event)?;
        }
        for block in &history.baseline {
            let pool = self.pool_of(block.address, block.requested, (0, 0), block.stream)?;
            let stack = self.stacks.stack(block.frames, self.log)?;
            let alloc = alloc(pool, block.address, block.size, block.requested, stack);
            self.log.baseline(self.thread, &alloc)?;
            if block.pending {
                let free = Logged::BlockFreeRequested(free(pool, block.address));
                self.log.baseline(self.thread, &free)?;
            }
            self.in_use.insert(block.address, InUse { pool, pending: block.pending });
        }
        Ok(())
    }

    /// Writes the events, and the scopes around them.
    pub(super) fn run(
        &mut self,
        trace: Option<ObjectId>,
        history: &History,
        scopes: &Lane,
        watch: &mut dyn FnMut(u64),
    ) -> Result<(), ImportError> {
        for &name in &scopes.open {
            let name = self.stacks.name(name, self.log)?;
            self.log.baseline(self.thread, &Logged::ScopeBegin { name, phase: false })?;
        }
        let mut ends = scopes.ends.iter().peekable();
        for (index, event) in (0..).zip(history::events(self.arena, trace)) {
            let event = event?;
            // Where an event and an end have one time, the event was inside.
            let time = event.time_us.map_or(Ticks(self.now.0.saturating_add(1)), nanos);
            while let Some(end) = ends.next_if(|end| (nanos(end.time_us), !end.begins) < (time, true)) {
                self.scope(end)?;
            }
            self.now = self.now.max(time);
            self.event(index, &event, history)?;
            if index % BETWEEN_LOOKS == 0 {
                watch(index);
            }
        }
        for end in ends {
            self.scope(end)?;
        }
        self.say(None)
    }

    /// What the program says of the blocks that come now. Annotations are around it.
    fn say(&mut self, said: Option<StringId>) -> Result<(), ImportError> {
        self.metadata.say(said, (self.thread, self.now), self.stacks, self.log)
    }

    fn scope(&mut self, end: &ScopeEnd) -> Result<(), ImportError> {
        self.say(None)?;
        self.now = self.now.max(nanos(end.time_us));
        let event = scope(end, self.stacks, self.log)?;
        self.log.event(self.thread, self.now, &event)
    }

    fn event(&mut self, index: u64, event: &Event<'a>, history: &History) -> Result<(), ImportError> {
        let logged = match event.action {
            Action::Alloc => self.alloc(index, event, history)?,
            Action::FreeRequested => {
                let pool = match self.in_use.get_mut(&event.address) {
                    Some(block) => {
                        block.pending = true;
                        block.pool
                    }
                    None => self.pool_of(event.address, event.size, (0, 0), event.stream)?,
                };
                Logged::BlockFreeRequested(free(pool, event.address))
            }
            Action::FreeCompleted => {
                match self.in_use.remove(&event.address) {
                    Some(InUse { pool, pending: true }) => {
                        Logged::BlockFreeCompleted(free(pool, event.address))
                    }
                    // Some recorders leave requests out.
                    Some(InUse { pool, pending: false }) => Logged::BlockFree(free(pool, event.address)),
                    None => {
                        let pool = self.pool_of(event.address, event.size, (0, 0), event.stream)?;
                        Logged::BlockFreeCompleted(free(pool, event.address))
                    }
                }
            }
            Action::Segment(action) => self.segment(action, event, history)?,
            Action::OutOfMemory => {
                let kind = self.rules.pool_of_request(event.size);
                let id = event.pool_id().unwrap_or_default();
                let pool = self.pools.id(PoolTag { id, stream: event.stream, kind }, self.log)?;
                let stack = self.stacks.stack(event.frames(), self.log)?;
                let free = event.device_free()?.map(Bytes);
                Logged::OutOfMemory(OutOfMemory { pool, requested: Bytes(event.size), free, stack })
            }
            Action::Mark | Action::Annotate => {
                self.annotate(event)?;
                let name = mark_name(self.arena, event, self.stacks, self.log)?;
                let pool = self.pools.any(self.log)?;
                Logged::HeapMark { pool, name, value: event.size }
            }
        };
        self.log.event(self.thread, self.now, &logged)
    }

    /// A block is said to be something.
    fn annotate(&mut self, event: &Event<'a>) -> Result<(), ImportError> {
        if let (Action::Annotate, Some(block), Some(said)) =
            (event.action, self.in_use.get(&event.address), metadata::of(self.arena, event))
        {
            let module = self.metadata.module(said, event.size, self.arena, self.log)?;
            let owned = BlockOwned { pool: block.pool, address: Address(event.address), module };
            self.log.event(self.thread, self.now, &Logged::BlockOwned(owned))?;
        }
        Ok(())
    }

    fn alloc(&mut self, index: u64, event: &Event<'a>, history: &History) -> Result<Logged, ImportError> {
        let (address, requested) = (event.address, event.size);
        let around = self.reserved.around(address).map(|(_, piece)| piece);
        let kind = around.map_or_else(|| self.rules.pool_of_request(requested), |piece| piece.pool.kind);
        let next = self.in_use.range(address.saturating_add(1)..).next().map_or(u64::MAX, |(&next, _)| next);
        let limit = next.min(address.saturating_add(self.rules.enough(requested, kind)));
        let free = self.reserved.reach(address, limit).map_or(0, |end| end - address);
        let expandable = around.is_some_and(|piece| piece.expandable);
        let deduced = self.rules.block(requested, free, kind, expandable);
        let known = history.known.get(&address).filter(|&&(alloc, _)| alloc == index).map(|&(_, size)| size);
        if let Some(known) = known {
            self.sizes_agree += u64::from(known == deduced);
            self.sizes_differ += u64::from(known != deduced);
        }
        let id = event.pool_id().unwrap_or_default();
        let pool = self.pool_of(address, requested, id, event.stream)?;
        self.say(metadata::of(self.arena, event))?;
        self.in_use.insert(address, InUse { pool, pending: false });
        let stack = self.stacks.stack(event.frames(), self.log)?;
        Ok(alloc(pool, address, known.unwrap_or(deduced), requested, stack))
    }

    fn segment(
        &mut self,
        action: SegmentAction,
        event: &Event<'a>,
        history: &History,
    ) -> Result<Logged, ImportError> {
        let tag = history.segment_pool(event);
        let end = event.address.saturating_add(event.size);
        if action.reserves() {
            let expandable = action.expandable();
            self.reserved.add(event.address, Piece { end, pool: tag, expandable });
        } else {
            self.reserved.remove(event.address, end);
        }
        let segment = LoggedSegment {
            pool: self.pools.id(tag, self.log)?,
            address: Address(event.address),
            size: Bytes(event.size),
            stack: self.stacks.stack(event.frames(), self.log)?,
        };
        Ok(match action {
            SegmentAction::Alloc => Logged::SegmentAlloc(segment),
            SegmentAction::Free => Logged::SegmentFree(segment),
            SegmentAction::Map => Logged::SegmentMap(segment),
            SegmentAction::Unmap => Logged::SegmentUnmap(segment),
        })
    }

    /// The pool that memory at an address is of: that of its segment, or one for such a request.
    fn pool_of(
        &mut self,
        address: u64,
        requested: u64,
        id: (u64, u64),
        stream: u64,
    ) -> Result<PoolId, ImportError> {
        let tag = match self.reserved.around(address) {
            Some((_, piece)) => piece.pool,
            None => PoolTag { id, stream, kind: self.rules.pool_of_request(requested) },
        };
        self.pools.id(tag, self.log)
    }
}

/// The action's name, with what the user gave along.
fn mark_name<'a>(
    arena: &'a Arena,
    event: &Event<'a>,
    stacks: &mut Stacks<'a>,
    log: &mut LogWriter,
) -> Result<NameId, ImportError> {
    let text = |id: StringId| arena.string(id);
    let Some(action) = event.dict.string(ACTION)? else { return Ok(NameId::NONE) };
    match metadata::of(arena, event).map(text) {
        None => stacks.name(action, log),
        Some(metadata) => {
            let (action, metadata) =
                (String::from_utf8_lossy(text(action)), String::from_utf8_lossy(metadata));
            log.name(&format!("{action}: {metadata}"))
        }
    }
}

/// Writes marks that are of no heap.
pub(super) fn marks_alone<'a>(
    arena: &'a Arena,
    trace: Option<ObjectId>,
    thread: ThreadId,
    start: Ticks,
    (stacks, log): (&mut Stacks<'a>, &mut LogWriter),
) -> Result<(), ImportError> {
    let mut now = start;
    for event in history::events(arena, trace) {
        let event = event?;
        now = event.time_us.map_or(Ticks(now.0.saturating_add(1)), nanos).max(now);
        let name = mark_name(arena, &event, stacks, log)?;
        log.event(thread, now, &Logged::Mark { name, value: event.size })?;
    }
    Ok(())
}

/// Writes scopes that have a lane for themselves.
pub(super) fn scopes_alone(
    lane: &Lane,
    thread: ThreadId,
    start: Ticks,
    stacks: &mut Stacks<'_>,
    log: &mut LogWriter,
) -> Result<(), ImportError> {
    for &name in &lane.open {
        let name = stacks.name(name, log)?;
        log.baseline(thread, &Logged::ScopeBegin { name, phase: false })?;
    }
    for end in &lane.ends {
        let event = scope(end, stacks, log)?;
        log.event(thread, nanos(end.time_us).max(start), &event)?;
    }
    Ok(())
}

fn scope(end: &ScopeEnd, stacks: &mut Stacks<'_>, log: &mut LogWriter) -> Result<Logged, ImportError> {
    let name = stacks.name(end.name, log)?;
    Ok(match end.begins {
        true => Logged::ScopeBegin { name, phase: end.outermost },
        false => Logged::ScopeEnd { name },
    })
}

fn nanos(time_us: u64) -> Ticks {
    Ticks(time_us.saturating_mul(1000))
}

fn alloc(pool: PoolId, address: u64, size: u64, requested: u64, stack: StackId) -> Logged {
    Logged::BlockAlloc(BlockAlloc {
        pool,
        address: Address(address),
        size: Bytes(size),
        requested: Bytes(requested),
        module: ModuleId::NONE,
        stack,
    })
}

fn free(pool: PoolId, address: u64) -> BlockFree {
    BlockFree { pool, address: Address(address), size: Bytes(0) }
}
