//! The composition of a heap over time, by module, scope or line of the program. It takes a replay of its own.

use std::{
    cell::Cell,
    ops::ControlFlow::{Break, Continue},
};

use hashbrown::HashMap;
use memtrace_format::{Bytes, Event, ModuleId, PoolId, StackId};

use crate::timeline::{Extent, Pyramid, Recorder};
use crate::{
    Nanos, Progress, ReadError, Text,
    model::TimedEvent,
    passes::{ReplayDriver, Replayed},
    replay::{HeapState, OwnerId, Replay, ScopeId},
    report::PeakBy,
    source::{Log, parents},
};

/// Owners beyond this many are counted together: how many there are is the file's choice.
const RECORDED: usize = 256;
/// The most bins of an owner.
const BINS: usize = 2048;

/// What bytes are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// The outermost module that they belong to.
    Module,
    /// The module itself, a part of others.
    Part,
    /// The scopes that were open when they were handed out.
    Scope,
    /// The line of the program's own that asked for them.
    Line,
}

/// What a heap was made of over time.
#[derive(Clone, Debug)]
pub struct Composition {
    /// What its bytes are put together by.
    pub by: Grouping,
    /// Those with the most at some time, the largest first.
    pub parts: Vec<CompositionPart>,
    /// All others together; none: there are none.
    pub others: Option<CompositionPart>,
}

/// A part of a heap over time.
#[derive(Clone, Debug)]
pub struct CompositionPart {
    /// Its name.
    pub name: Text,
    /// The most it ever was.
    pub most: Bytes,
    /// Its bytes, as a heap's peak counts them.
    pub bytes: Pyramid,
}

/// What the heap with this place in the report was made of: the `count` parts with the most at some time, and the rest.
/// Their bytes add up to the heap's at every instant; the extremes of each are exact.
///
/// `watch` is told of progress, and says whether to go on; `None`: it said no, or there is no such heap.
///
/// # Errors
///
/// The operating system cannot read a part of the file.
pub(crate) fn composition(
    log: &Log,
    heap: usize,
    by: Grouping,
    count: usize,
    mut watch: impl FnMut(Progress) -> bool,
) -> Result<Option<Composition>, ReadError> {
    let goes_on = Cell::new(true);
    let driver = ReplayDriver::begin(log, ())?;
    let mut groups = Groups::new(by);
    groups.recount(Nanos(0), heap, &driver.replay);
    let Replayed { replay, events, .. } = driver.run(
        |progress| goes_on.set(watch(progress)),
        |replay, (), batch| {
            for step in &batch.steps {
                groups.follow(replay, step, heap);
            }
            if goes_on.get() { Continue(()) } else { Break(()) }
        },
    )?;
    let finished = goes_on.get() && heap < replay.heaps.len();
    Ok(finished.then(|| groups.finish(&replay, count, log.end(events.latest()))))
}

/// The pool that an event is about, and the block, if it is about one.
fn touched(event: &Event) -> Option<(PoolId, Option<u64>)> {
    match event {
        Event::BlockAlloc(block) => Some((block.pool, Some(block.address.0))),
        Event::BlockFree(block) | Event::BlockFreeRequested(block) | Event::BlockFreeCompleted(block) => {
            Some((block.pool, Some(block.address.0)))
        }
        Event::BlockOwned(owned) => Some((owned.pool, Some(owned.address.0))),
        Event::SegmentAlloc(segment)
        | Event::SegmentFree(segment)
        | Event::SegmentMap(segment)
        | Event::SegmentUnmap(segment) => Some((segment.pool, None)),
        _ => None,
    }
}

/// What a block counts for, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holding {
    owner: OwnerId,
    bytes: u64,
}

impl Holding {
    fn of(replay: &Replay<'_>, heap: usize, address: u64) -> Option<Self> {
        let state = &replay.heaps.get(heap)?.state;
        Self::of_block(state, &state.block(address)?)
    }

    fn of_block(state: &HeapState, block: &crate::replay::HeldBlock) -> Option<Self> {
        let bytes = if state.by == PeakBy::Requested { block.requested } else { block.size };
        state.counts(block).then_some(Self { owner: block.owner, bytes })
    }
}

/// Who owns bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Module(ModuleId),
    Scope(ScopeId),
    /// By its place among the lines.
    Line(usize),
}

/// The parts in the making.
struct Groups {
    by: Grouping,
    groups: Vec<Group>,
    of_key: HashMap<Key, usize>,
    of_owner: HashMap<OwnerId, usize>,
    /// The lines that asked, and the place of each.
    lines: Vec<Text>,
    of_line: HashMap<Text, usize>,
    sum: u64,
}

struct Group {
    /// None: those that there was no room for.
    key: Option<Key>,
    bytes: u64,
    most: u64,
    recorder: Recorder<1>,
}

impl Group {
    fn new(key: Option<Key>) -> Self {
        Self { key, bytes: 0, most: 0, recorder: Recorder::new(BINS) }
    }

    fn set(&mut self, time: Nanos, bytes: u64) {
        self.bytes = bytes;
        self.most = self.most.max(bytes);
        self.recorder.record(time, [bytes]);
    }
}

impl Groups {
    fn new(by: Grouping) -> Self {
        let groups = vec![Group::new(None)];
        Self {
            by,
            groups,
            of_key: HashMap::new(),
            of_owner: HashMap::new(),
            lines: Vec::new(),
            of_line: HashMap::new(),
            sum: 0,
        }
    }

    /// Replays an event, and counts what it changed.
    fn follow(&mut self, replay: &mut Replay<'_>, TimedEvent { now, event }: &TimedEvent, heap: usize) {
        let touched = touched(event);
        let address = touched.and_then(|(_, address)| address);
        let is_here =
            |replay: &Replay<'_>| touched.is_some_and(|(pool, _)| replay.known_heap(pool) == Some(heap));
        // Before a heap's first event it is empty.
        let before =
            address.filter(|_| is_here(replay)).and_then(|address| Holding::of(replay, heap, address));
        replay.apply(*now, event, &mut ());
        if !is_here(replay) {
            return;
        }
        let after = address.and_then(|address| Holding::of(replay, heap, address));
        self.change(now.time, before, after, replay);
        if self.sum != replay.heaps.get(heap).map_or(0, |heap| heap.state.measured()) {
            // Memory that was released took blocks with it.
            self.recount(now.time, heap, replay);
        }
    }

    fn change(&mut self, time: Nanos, before: Option<Holding>, after: Option<Holding>, replay: &Replay<'_>) {
        if before == after {
            return;
        }
        let gone = before.map(|holding| (self.place(holding.owner, replay), holding.bytes));
        let come = after.map(|holding| (self.place(holding.owner, replay), holding.bytes));
        let count = |bytes: u64, place: usize| {
            let of = |change: Option<(usize, u64)>| {
                change.filter(|(at, _)| *at == place).map_or(0, |(_, bytes)| bytes)
            };
            bytes.saturating_sub(of(gone)).saturating_add(of(come))
        };
        self.sum = self.sum.saturating_sub(gone.map_or(0, |(_, bytes)| bytes));
        self.sum = self.sum.saturating_add(come.map_or(0, |(_, bytes)| bytes));
        // One block for another of the same owner is one change: what was between them was not.
        let come = come.filter(|(at, _)| gone.is_none_or(|(place, _)| place != *at));
        for (place, _) in gone.into_iter().chain(come) {
            let group = &mut self.groups[place];
            group.set(time, count(group.bytes, place));
        }
    }

    fn recount(&mut self, time: Nanos, heap: usize, replay: &Replay<'_>) {
        let Some(heap) = replay.heaps.get(heap) else { return };
        let mut counted = vec![0_u64; self.groups.len()];
        for (_, block) in heap.state.blocks() {
            let Some(holding) = Holding::of_block(&heap.state, &block) else { continue };
            let place = self.place(holding.owner, replay);
            counted.resize(self.groups.len(), 0);
            counted[place] = counted[place].saturating_add(holding.bytes);
        }
        self.sum = heap.state.measured();
        for (group, bytes) in self.groups.iter_mut().zip(counted) {
            if group.bytes != bytes {
                group.set(time, bytes);
            }
        }
    }

    fn place(&mut self, owner: OwnerId, replay: &Replay<'_>) -> usize {
        if let Some(&place) = self.of_owner.get(&owner) {
            return place;
        }
        let key = replay.owners.owner(owner).copied().map(|of| match self.by {
            Grouping::Line => Key::Line(self.line(of.stack, replay)),
            Grouping::Scope => Key::Scope(of.scope),
            Grouping::Part => Key::Module(of.module),
            Grouping::Module => {
                let outermost = parents(replay.log.definitions(), of.module).last();
                Key::Module(outermost.unwrap_or(of.module))
            }
        });
        let known = key.and_then(|key| self.of_key.get(&key).copied());
        let place = match (known, key) {
            (Some(place), _) => place,
            (None, Some(key)) if self.groups.len() <= RECORDED => {
                self.groups.push(Group::new(Some(key)));
                self.of_key.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
            _ => 0,
        };
        self.of_owner.insert(owner, place);
        place
    }

    /// The place of the line that a stack leads from.
    fn line(&mut self, stack: StackId, replay: &Replay<'_>) -> usize {
        let line = replay.log.definitions().telling_frame(stack);
        let line = line.unwrap_or_else(|| Text::new("(no stack)"));
        if let Some(&known) = self.of_line.get(&line) {
            return known;
        }
        if self.lines.len() > RECORDED {
            return RECORDED;
        }
        self.lines.push(line.clone());
        self.of_line.insert(line, self.lines.len() - 1);
        self.lines.len() - 1
    }

    fn finish(self, replay: &Replay<'_>, count: usize, end: Nanos) -> Composition {
        let definitions = replay.log.definitions();
        let name = |key| match key {
            Some(Key::Module(module)) if module.is_none() => Text::new("(no module)"),
            Some(Key::Module(module)) => definitions.module_name(module),
            Some(Key::Scope(scope)) if scope == ScopeId::NONE => Text::new("(no scope)"),
            Some(Key::Scope(scope)) => replay.scopes.render(scope, definitions),
            Some(Key::Line(line)) => self
                .lines
                .get(line)
                .filter(|_| line < RECORDED)
                .cloned()
                .unwrap_or_else(|| Text::new("others")),
            None => Text::new("others"),
        };
        let (rest, mut named): (Vec<Group>, Vec<Group>) =
            self.groups.into_iter().filter(|group| group.most > 0).partition(|group| group.key.is_none());
        named.sort_by_key(|group| std::cmp::Reverse(group.most));
        let rest: Vec<Group> = named.split_off(count.min(named.len())).into_iter().chain(rest).collect();
        let part = |group: Group| CompositionPart {
            name: name(group.key),
            most: Bytes(group.most),
            bytes: group.recorder.finish(end).pyramid(0),
        };
        let others = sum(rest.into_iter().map(part).collect(), end);
        Composition { by: self.by, parts: named.into_iter().map(part).collect(), others }
    }
}

/// Several parts as one. Its least and its most in a bin are between those of all and the sums of them: what they were
/// together within a bin, the bins of each do not say.
fn sum(parts: Vec<CompositionPart>, end: Nanos) -> Option<CompositionPart> {
    let bytes = Pyramid::sum(parts.iter().map(|part| &part.bytes), end)?;
    let most = bytes.extent(Nanos(0), end.plus(Nanos(1))).map_or(Bytes(0), |Extent { max, .. }| max);
    let name =
        Text::new(if parts.len() == 1 { "1 other".to_owned() } else { format!("{} others", parts.len()) });
    Some(CompositionPart { name, most, bytes })
}

#[cfg(test)]
mod tests;
