//! The picture of the map: made by a worker, at the resolution of the screen.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use memtrace_analysis::{
    ReadError, Recorded, Text,
    events::{self, Browser, EventLine, EventPlace},
    snapshot::{BlockState, HeapSnapshot, LiveBlock, LiveHeap, SegmentPin},
};
use memtrace_format::{Address, Bytes, PoolId};

use super::{
    legend::{Colouring, Legend, LegendLetters, Tints},
    regions::{Region, regions},
    strip::{Tile, cells_of, strip},
};
use crate::{
    action::Side,
    listing::{Cell, Row},
    snapshot_cache::{SnapshotPoint, Snapshots},
    worker::Mailbox,
};

/// The most blocks listed; the largest are kept.
const BLOCKS: usize = 5000;

/// The most pins that are marked, and the most of their blocks.
const PINS: usize = 32;
const PINNED: usize = 10_000;

/// A request for a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapRequest {
    /// Tells it from those that were asked before.
    pub(crate) serial: u64,
    /// The state to look at, or to step from.
    pub(crate) spot: SnapshotPoint,
    /// Step to the next event of the heap on this side.
    pub(crate) step: Option<Side>,
    /// The heap's name.
    pub(crate) heap: Text,
    /// The property that colours blocks.
    pub(crate) colouring: Colouring,
    /// The number of cells of a region.
    pub(crate) width: u16,
    /// The addresses to look at closely, in so many lines of so many cells.
    pub(crate) close: Option<AddressRange>,
    pub(crate) lines: (u16, u16),
}

impl MapRequest {
    /// Returns true if both have the same answer.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        *self == Self { serial: self.serial, step: self.step, ..other.clone() }
    }
}

/// A range of addresses; the later one is not a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressRange {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) enum MapAnswer {
    /// The heap at that place.
    MapPicture(Box<MapPicture>),
    /// The heap has no event further on.
    NoStep(Side),
}

/// A heap at an instant.
#[derive(Debug)]
pub(crate) struct MapPicture {
    /// The request that it answers.
    pub(crate) request: MapRequest,
    /// The state, to explain blocks with.
    pub(crate) instant: Arc<HeapSnapshot>,
    /// The place of the heap in it; none if the heap had no event yet.
    pub(crate) heap: Option<usize>,
    /// The regions with their cells.
    pub(crate) strips: Vec<Strip>,
    /// The number of regions, with those left out.
    pub(crate) regions_total: usize,
    /// The magnified part.
    pub(crate) close: Option<Magnified>,
    pub(crate) legend: Legend,
    /// The blocks that pin the most free memory, in the order in which to release them.
    pub(crate) pins: Vec<SegmentPin>,
    /// Their addresses in order, each with the place of its pin.
    pub(crate) pinned: Vec<(u64, usize)>,
    /// The event that was stepped to.
    pub(crate) step: Option<SteppedEvent>,
}

/// A region and its cells.
#[derive(Debug)]
pub(crate) struct Strip {
    pub(crate) region: Region,
    pub(crate) tiles: Vec<Tile>,
}

/// A range of addresses in lines, and the blocks in it.
#[derive(Debug)]
pub(crate) struct Magnified {
    pub(crate) range: AddressRange,
    pub(crate) lines: Vec<(AddressRange, Vec<Tile>)>,
    /// A row's id is its block's address.
    pub(crate) rows: Vec<Row>,
    pub(crate) rows_total: usize,
}

/// An event of the heap.
#[derive(Debug)]
pub(crate) struct SteppedEvent {
    pub(crate) place: EventPlace,
    pub(crate) line: EventLine,
}

impl MapPicture {
    /// The pin that the block at this address is of.
    pub(crate) fn pin_of(&self, address: u64) -> Option<&SegmentPin> {
        let place = self.pinned.binary_search_by_key(&address, |(address, _)| *address).ok()?;
        self.pins.get(self.pinned[place].1)
    }

    /// The heap.
    pub(crate) fn heap(&self) -> Option<&LiveHeap> {
        self.instant.heaps.get(self.heap?)
    }
}

/// Makes pictures.
pub(crate) struct Painter {
    snapshots: Arc<Snapshots>,
    letters: Arc<Mutex<LegendLetters>>,
}

impl Painter {
    /// Letters are shared with painters of the same trace when less of it was written.
    pub(crate) fn new(snapshots: Arc<Snapshots>, letters: Arc<Mutex<LegendLetters>>) -> Self {
        Self { snapshots, letters }
    }

    /// Answers a request; none if a newer one has overtaken it.
    pub(crate) fn answer(
        &self,
        request: MapRequest,
        desk: &Mailbox<MapRequest>,
    ) -> Option<Result<MapAnswer, ReadError>> {
        self.look(request, desk).transpose()
    }

    fn look(
        &self,
        mut request: MapRequest,
        desk: &Mailbox<MapRequest>,
    ) -> Result<Option<MapAnswer>, ReadError> {
        let mut step = None;
        if let Some(side) = request.step {
            let Some(found) = self.step(&request, side, desk)? else { return Ok(None) };
            let Some(found) = found else { return Ok(Some(MapAnswer::NoStep(side))) };
            request.spot = SnapshotPoint::Behind(found.place);
            step = Some(found);
        }
        let instant = self.snapshots.at(request.spot)?;
        // A picture that nobody waits for any more is not painted.
        Ok((!desk.is_overtaken())
            .then(|| MapAnswer::MapPicture(Box::new(self.paint(request, instant, step)))))
    }

    fn step(
        &self,
        request: &MapRequest,
        side: Side,
        desk: &Mailbox<MapRequest>,
    ) -> Result<Option<Option<SteppedEvent>>, ReadError> {
        let trace = self.snapshots.trace();
        let definitions = trace.definitions();
        let mut heaps: Vec<(PoolId, bool)> = Vec::new();
        let mut wanted = |recorded: &Recorded| {
            let Some((pool, ..)) = recorded.event.memory() else { return false };
            if let Some((_, is)) = heaps.iter().find(|(known, _)| *known == pool) {
                return *is;
            }
            let is = definitions.heap_name(pool) == request.heap;
            heaps.push((pool, is));
            is
        };
        let mut watch =
            |_| if desk.is_overtaken() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let towards = match side {
            Side::Back => events::SeekSide::Back,
            Side::Forward => events::SeekSide::Forward,
        };
        let browser = Browser::new(trace);
        let mut from = request.spot.place();
        if side == Side::Back {
            // The heap looks as its latest event left it; the step is to the one before that.
            match browser.find(from.next(), towards, &mut wanted, &mut watch)? {
                Some(Some(latest)) => from = latest.place,
                nothing => return Ok(nothing.map(|_| None)),
            }
        }
        let found = browser.find(from, towards, &mut wanted, &mut watch)?;
        Ok(found.map(|entry| {
            entry.map(|entry| SteppedEvent {
                place: entry.place,
                line: EventLine::new(&entry.recorded, definitions),
            })
        }))
    }

    fn paint(
        &self,
        request: MapRequest,
        instant: Arc<HeapSnapshot>,
        step: Option<SteppedEvent>,
    ) -> MapPicture {
        let heap = instant.heaps.iter().position(|heap| heap.name == request.heap);
        let picture = MapPicture {
            request,
            heap,
            strips: Vec::new(),
            regions_total: 0,
            close: None,
            legend: Legend::default(),
            pins: Vec::new(),
            pinned: Vec::new(),
            step,
            instant: Arc::clone(&instant),
        };
        let Some(heap) = picture.heap() else { return picture };
        let definitions = self.snapshots.trace().definitions();
        let (tints, legend) = {
            let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
            letters.hand_out(picture.request.colouring, &instant, heap, definitions)
        };
        let mut pins = heap.pins(PINS);
        // A segment that is mostly in use is kept by its use.
        pins.retain(|pin| pin.released_bytes.0 <= pin.freed_bytes.0 / 2);
        let blocks =
            pins.iter().zip(0..).flat_map(|(pin, place)| pin.blocks.iter().map(move |&block| (block, place)));
        let mut pinned: Vec<(u64, usize)> = blocks
            .take(PINNED)
            .filter_map(|(block, place)| Some((heap.blocks.get(block)?.address.0, place)))
            .collect();
        pinned.sort_unstable();
        let (regions, total) = regions(heap);
        let width = picture.request.width;
        let strips = regions.into_iter().map(|region| {
            let blocks = &heap.blocks[region.blocks.clone()];
            let mut tiles = strip(blocks, (region.from, region.to), width, |block| tints.of(block));
            pin(&mut tiles, AddressRange { from: region.from, to: region.to }, &pinned);
            Strip { region, tiles }
        });
        let strips = strips.collect();
        let close = picture
            .request
            .close
            .map(|range| close(range, picture.request.lines, heap, &instant, &tints, &pinned));
        MapPicture { strips, regions_total: total, legend, close, pins, pinned, ..picture }
    }
}

fn close(
    range: AddressRange,
    (lines, width): (u16, u16),
    heap: &LiveHeap,
    instant: &HeapSnapshot,
    tints: &Tints,
    pinned: &[(u64, usize)],
) -> Magnified {
    let blocks = within(&heap.blocks, range);
    let length = u128::from(range.to.saturating_sub(range.from));
    let edge = |line: u16| {
        let distance = length * u128::from(line) / u128::from(lines.max(1));
        range.from.saturating_add(u64::try_from(distance).unwrap_or(u64::MAX))
    };
    let lines = (0..lines).map(|line| AddressRange { from: edge(line), to: edge(line + 1) });
    let lines = lines.map(|part| {
        let mut tiles = strip(within(blocks, part), (part.from, part.to), width, |block| tints.of(block));
        pin(&mut tiles, part, pinned);
        (part, tiles)
    });
    let mut listed: Vec<&LiveBlock> = blocks.iter().collect();
    let rows_total = listed.len();
    if listed.len() > BLOCKS {
        listed.select_nth_unstable_by_key(BLOCKS, |block| std::cmp::Reverse(block.bytes));
        listed.truncate(BLOCKS);
        listed.sort_unstable_by_key(|block| block.address);
    }
    let rows = listed.into_iter().map(|block| row(block, instant)).collect();
    Magnified { range, lines: lines.filter(|(part, _)| part.to > part.from).collect(), rows, rows_total }
}

/// Marks the cells in which pinning blocks begin.
fn pin(tiles: &mut [Tile], range: AddressRange, pinned: &[(u64, usize)]) {
    let first = pinned.partition_point(|(address, _)| *address < range.from);
    for (address, _) in pinned[first..].iter().take_while(|(address, _)| *address < range.to) {
        let cells = cells_of((*address, address.saturating_add(1)), (range.from, range.to), tiles.len());
        tiles[cells].iter_mut().for_each(|tile| tile.pinned = true);
    }
}

fn row(block: &LiveBlock, instant: &HeapSnapshot) -> Row {
    let owner = instant.owner(block);
    let state = match block.state {
        BlockState::Allocated => "live",
        BlockState::Pending => "freed, in use",
    };
    Row::new(
        block.address.0,
        vec![
            Cell::word(block.address.to_string()),
            Cell::Bytes(block.bytes),
            block.requested_bytes.map_or_else(|| Cell::word("?".to_owned()), Cell::Bytes),
            Cell::Text(owner.module.clone()),
            Cell::Text(owner.scope.clone()),
            Cell::Text(owner.thread.clone()),
            Cell::Time(instant.time_ns.since(block.born_ns)),
            Cell::word(state),
        ],
    )
}

/// The blocks that a range touches. One that begins before it may reach into it.
pub(crate) fn within(blocks: &[LiveBlock], range: AddressRange) -> &[LiveBlock] {
    let first = blocks.partition_point(|block| block.address.0 < range.from);
    let reaches = |block: &LiveBlock| block.address.0.saturating_add(block.bytes.0) > range.from;
    let first = if first > 0 && reaches(&blocks[first - 1]) { first - 1 } else { first };
    let last = blocks.partition_point(|block| block.address < Address(range.to));
    &blocks[first..last.max(first)]
}

/// Returns the length of a range.
pub(crate) fn length(range: AddressRange) -> Bytes {
    Bytes(range.to.saturating_sub(range.from))
}
