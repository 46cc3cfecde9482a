//! Two instants of one trace compared: what is new at the second, what is gone, and whose it is.
//!
//! A block is the same one at both if the same event handed it out. Nothing is taken for gone that only moved to another list.

mod sums;

use memtrace_format::Bytes;
use serde::Serialize;

use super::{
    Change, SCHEMA_VERSION,
    change::{Sides, said},
};
use crate::{
    Definitions, Nanos, Text,
    report::{Block, PeakBy},
    snapshot::{self, HeapSnapshot, LiveHeap},
};
use sums::Sums;

/// The most blocks that are listed.
const BLOCKS: usize = 100;

/// What differs between two instants of a trace.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SnapshotsDiff {
    /// The version of these keys: 1.
    pub schema_version: u32,
    /// The first instant.
    pub a_ns: Nanos,
    /// The second. It may be the earlier one.
    pub b_ns: Nanos,
    /// The heaps in which something had happened by either, in the order of the report.
    pub heaps: Vec<HeapFlow>,
}

/// A heap at both instants. The lists leave out whose blocks are the same at both; each begins with what changed most.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HeapFlow {
    /// As the engine calls it.
    pub name: Text,
    /// Whether it is a device's.
    pub of_device: bool,
    /// What the lists below add up to: what peaks are taken on.
    pub by: PeakBy,
    /// What the program had asked for.
    pub requested_bytes: Change<Bytes>,
    /// What it had got.
    pub allocated_bytes: Change<Bytes>,
    /// That, and what streams still used.
    pub active_bytes: Change<Bytes>,
    /// The segments.
    pub reserved_bytes: Change<Bytes>,
    /// All blocks.
    #[serde(flatten)]
    pub all: Flow,
    /// By the module that owns them.
    pub by_module: Vec<OwnerFlow>,
    /// By the scopes they were allocated in.
    pub by_scope: Vec<OwnerFlow>,
    /// By the thread that allocated them.
    pub by_thread: Vec<OwnerFlow>,
    /// By the stack that asked for them.
    pub by_stack: Vec<StackFlow>,
    /// By the size of the blocks, smallest first.
    pub by_size: Vec<SizeFlow>,
    /// By how long they had been live at each of the instants, youngest first.
    pub by_age: Vec<AgeFlow>,
    /// The largest blocks that are at B alone.
    pub new_blocks: Vec<Block>,
    /// The largest blocks that are at A alone.
    pub gone_blocks: Vec<Block>,
}

/// Some blocks at both instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// Those at A.
    pub a: Lot,
    /// Those at B.
    pub b: Lot,
    /// Those at B and not at A.
    pub new: Lot,
    /// Those at A and not at B.
    pub gone: Lot,
}

/// How many blocks, and how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lot {
    /// The blocks.
    pub blocks: u64,
    /// The bytes.
    pub bytes: Bytes,
}

/// The blocks of one owner.
#[derive(Clone, Debug, Serialize)]
pub struct OwnerFlow {
    /// The owner; `(none)` for blocks that nobody owned.
    pub name: Text,
    /// Its blocks.
    #[serde(flatten)]
    pub flow: Flow,
}

/// The blocks that one stack asked for.
#[derive(Clone, Debug, Serialize)]
pub struct StackFlow {
    /// Its frames, innermost first; empty for blocks of which none are recorded.
    pub stack: Vec<Text>,
    /// Its blocks.
    #[serde(flatten)]
    pub flow: Flow,
}

/// The blocks of similar size.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SizeFlow {
    /// They are no smaller than this, a power of two (zero for those of no bytes), and smaller than the next.
    pub from_bytes: Bytes,
    /// The blocks.
    #[serde(flatten)]
    pub flow: Flow,
}

/// The blocks of similar age.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AgeFlow {
    /// They were no younger than this,
    pub from_ns: Nanos,
    /// and younger than this, if there is a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below_ns: Option<Nanos>,
    /// The blocks: a block that stays may be in one class at A and in another at B, and is new or gone in neither.
    #[serde(flatten)]
    pub flow: Flow,
}

impl SnapshotsDiff {
    /// Compares two instants of the trace with these definitions.
    pub fn between(definitions: &Definitions, a: &HeapSnapshot, b: &HeapSnapshot) -> Self {
        // Heaps are numbered as they are met, so that one number is one heap at both.
        let numbers = 0..a.heaps.len().max(b.heaps.len());
        let heaps = numbers.filter_map(|number| {
            let sides = [a, b].map(|instant| At { instant, heap: instant.heaps.get(number) });
            let heap = sides[0].heap.or(sides[1].heap)?;
            Some(HeapFlow::between(definitions, heap, sides))
        });
        Self { schema_version: SCHEMA_VERSION, a_ns: a.time_ns, b_ns: b.time_ns, heaps: heaps.collect() }
    }
}

impl HeapFlow {
    /// Whether it is the same at both instants.
    pub fn is_same(&self) -> bool {
        let figures =
            [&self.requested_bytes, &self.allocated_bytes, &self.active_bytes, &self.reserved_bytes];
        self.all.is_same() && figures.iter().all(|figure| figure.is_same())
    }

    fn between(definitions: &Definitions, heap: &LiveHeap, sides: [At<'_>; 2]) -> Self {
        let sums = Sums::between(sides);
        // Where nothing had happened yet there was nothing, of what there is at all.
        let segmented = sides.iter().any(|at| at.heap.is_some_and(|heap| heap.segments.is_some()));
        let [a, b] = sides.map(|at| at.heap.map(|heap| heap.figures));
        let figures = Sides::both(a, b);
        let blocks = |at: At<'_>, blocks: &[&snapshot::LiveBlock]| {
            blocks.iter().take(BLOCKS).map(|block| at.report(definitions, block)).collect()
        };
        Self {
            name: heap.name.clone(),
            of_device: heap.device.is_some(),
            by: heap.by,
            requested_bytes: figures.change_if_known(|at| match at {
                Some(at) => said(at.requested_bytes, at.requested_bytes_why),
                None => Ok(Bytes(0)),
            }),
            allocated_bytes: figures.change(|at| at.map_or(Bytes(0), |at| at.allocated_bytes)),
            active_bytes: figures.change(|at| at.map_or(Bytes(0), |at| at.active_bytes)),
            reserved_bytes: figures.change_if_known(|at| {
                let reserved = at.as_ref().and_then(|at| at.reserved_bytes);
                let none = if segmented { Ok(Bytes(0)) } else { Err("the engine reports no segments") };
                reserved.map_or(none, Ok)
            }),
            all: sums.all,
            by_module: owners(sums.modules),
            by_scope: owners(sums.scopes),
            by_thread: owners(sums.threads),
            by_stack: changed(sums.stacks)
                .map(|(id, flow)| StackFlow { stack: definitions.frames(id), flow })
                .collect(),
            by_size: sums.sizes.into_iter().map(|(from_bytes, flow)| SizeFlow { from_bytes, flow }).collect(),
            by_age: sums
                .ages
                .into_iter()
                .map(|((from_ns, below_ns), flow)| AgeFlow { from_ns, below_ns, flow })
                .collect(),
            new_blocks: blocks(sides[1], &sums.new),
            gone_blocks: blocks(sides[0], &sums.gone),
        }
    }
}

impl Flow {
    /// Whether all blocks are at both instants.
    pub fn is_same(&self) -> bool {
        self.new.blocks == 0 && self.gone.blocks == 0
    }

    /// By how much the bytes differ.
    fn size(&self) -> u64 {
        self.a.bytes.0.abs_diff(self.b.bytes.0)
    }
}

/// A heap at one of the instants, if anything had happened in it.
#[derive(Clone, Copy, Debug)]
struct At<'a> {
    instant: &'a HeapSnapshot,
    heap: Option<&'a LiveHeap>,
}

impl At<'_> {
    fn report(&self, definitions: &Definitions, block: &snapshot::LiveBlock) -> Block {
        let owner = self.instant.owner(block);
        Block {
            address: block.address,
            bytes: block.bytes,
            requested_bytes: block.requested_bytes,
            requested_bytes_why: self.heap.and_then(|heap| heap.figures.requested_bytes_why),
            module: owner.module.clone(),
            scope: owner.scope.clone(),
            thread: owner.thread.clone(),
            stack: definitions.frames(owner.stack),
            age_ns: self.instant.time_ns.since(block.born_ns),
        }
    }
}

fn owners(flows: impl IntoIterator<Item = (Text, Flow)>) -> Vec<OwnerFlow> {
    changed(flows).map(|(name, flow)| OwnerFlow { name, flow }).collect()
}

/// What is not the same at both instants, the largest difference first; then what came and went most.
fn changed<K: Ord + Clone>(flows: impl IntoIterator<Item = (K, Flow)>) -> impl Iterator<Item = (K, Flow)> {
    let mut flows: Vec<_> = flows.into_iter().filter(|(_, flow)| !flow.is_same()).collect();
    flows.sort_by_cached_key(|(key, flow)| {
        (std::cmp::Reverse((flow.size(), flow.new.bytes, flow.gone.bytes)), key.clone())
    });
    flows.into_iter()
}
