//! The tree of live bytes, made by a worker: at one snapshot, and at another one to compare it with.

use std::sync::Arc;

use hashbrown::HashMap;
use memtrace_analysis::{
    Definitions, ReadError, Text,
    snapshot::{HeapSnapshot, LiveHeap, Owner},
};
use memtrace_format::StackId;

use super::tree::{BlockSum, ComparedAt, OwnerTree};
use crate::{
    snapshot_cache::{SnapshotPoint, Snapshots},
    worker::Mailbox,
};

/// Parents are followed up so far: they may form a circle.
const DEPTH: usize = 64;

/// The grouping of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LiveGrouping {
    /// Modules, below what contains them.
    #[default]
    Module,
    /// Scopes, below those they are nested in.
    Scope,
    /// Call sites, each the frame that tells the most of its stack.
    Site,
    /// Calls, below their callers.
    TopDown,
    /// Callers, below what they call.
    BottomUp,
    /// Threads, with the call sites of each.
    Thread,
}

impl LiveGrouping {
    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Scope => "scope",
            Self::Site => "call site",
            Self::TopDown => "stack, from main down",
            Self::BottomUp => "stack, from the allocation up",
            Self::Thread => "thread and call site",
        }
    }

    /// The one after it, around the end.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Module => Self::Scope,
            Self::Scope => Self::Site,
            Self::Site => Self::TopDown,
            Self::TopDown => Self::BottomUp,
            Self::BottomUp => Self::Thread,
            Self::Thread => Self::Module,
        }
    }
}

/// A request for a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeRequest {
    pub(crate) spot: SnapshotPoint,
    pub(crate) against: Option<SnapshotPoint>,
    pub(crate) heap: Text,
    pub(crate) by: LiveGrouping,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct CountedTree {
    pub(crate) request: TreeRequest,
    pub(crate) tree: OwnerTree,
}

/// Makes tallies.
pub(crate) struct TreeBuilder {
    snapshots: Arc<Snapshots>,
    /// The modules that contain others, by name.
    parents: HashMap<Text, Text>,
}

impl TreeBuilder {
    pub(crate) fn new(snapshots: Arc<Snapshots>, parents: HashMap<Text, Text>) -> Self {
        Self { snapshots, parents }
    }

    /// Answers a request; none if a newer one has overtaken it.
    pub(crate) fn answer(
        &self,
        request: TreeRequest,
        desk: &Mailbox<TreeRequest>,
    ) -> Option<Result<CountedTree, ReadError>> {
        let tree = self.tree(&request);
        (!desk.is_overtaken()).then(|| tree.map(|tree| CountedTree { request, tree }))
    }

    fn tree(&self, request: &TreeRequest) -> Result<OwnerTree, ReadError> {
        let mut tree = OwnerTree::default();
        for (of, spot) in [(ComparedAt::Now, Some(request.spot)), (ComparedAt::Then, request.against)] {
            let Some(spot) = spot else { continue };
            let instant = self.snapshots.at(spot)?;
            let Some(heap) = instant.heaps.iter().find(|heap| heap.name == request.heap) else { continue };
            self.count(&mut tree, of, &instant, heap, request.by);
        }
        Ok(tree.finish())
    }

    fn count(
        &self,
        tree: &mut OwnerTree,
        of: ComparedAt,
        instant: &HeapSnapshot,
        heap: &LiveHeap,
        by: LiveGrouping,
    ) {
        let mut sums = vec![BlockSum::default(); instant.owners.len()];
        for block in heap.counted() {
            if let Some(sum) = sums.get_mut(block.owner.0 as usize) {
                sum.add(BlockSum { bytes: heap.measure(block).0, blocks: 1 });
            }
        }
        let definitions = self.snapshots.trace().definitions();
        let mut stacks: HashMap<StackId, Vec<Text>> = HashMap::new();
        for (owner, sum) in instant.owners.iter().zip(sums).filter(|(_, sum)| sum.blocks > 0) {
            match by {
                LiveGrouping::Module => tree.add(&self.module_path(&owner.module), of, sum),
                LiveGrouping::Scope => tree.add(&scope_path(&owner.scope), of, sum),
                LiveGrouping::BottomUp | LiveGrouping::TopDown => {
                    let frames =
                        stacks.entry(owner.stack).or_insert_with(|| frames(owner.stack, definitions));
                    if by == LiveGrouping::BottomUp {
                        tree.add(&*frames, of, sum);
                    } else {
                        tree.add(frames.iter().rev(), of, sum);
                    }
                }
                LiveGrouping::Site => tree.add(&[site(owner, definitions)], of, sum),
                LiveGrouping::Thread => tree.add(&[owner.thread.clone(), site(owner, definitions)], of, sum),
            }
        }
    }

    /// Returns the modules that contain a module, from the outermost, and the module.
    fn module_path(&self, module: &Text) -> Vec<Text> {
        let mut path: Vec<Text> = std::iter::successors(Some(module), |name| self.parents.get(*name))
            .take(DEPTH)
            .cloned()
            .collect();
        path.reverse();
        path
    }
}

fn scope_path(scope: &Text) -> Vec<Text> {
    scope.recorded().split(" / ").map(Text::new).collect()
}

fn site(owner: &Owner, definitions: &Definitions) -> Text {
    definitions.telling_frame(owner.stack).unwrap_or_else(no_stack)
}

/// The frames that have a line, for the others are the allocator's and the runtime's own; or all.
fn frames(stack: StackId, definitions: &Definitions) -> Vec<Text> {
    let mut frames: Vec<Text> = definitions.walk_frames(stack).collect();
    if frames.iter().any(has_line) {
        frames.retain(has_line);
    }
    if frames.is_empty() {
        frames.push(no_stack());
    }
    frames
}

/// Returns true if the frame names its file and line.
pub(crate) fn has_line(frame: &Text) -> bool {
    let line = frame.recorded().rsplit_once(':').and_then(|(_, line)| line.strip_suffix(')'));
    line.is_some_and(|line| line.parse::<u32>().is_ok())
}

fn no_stack() -> Text {
    Text::new("(no stack recorded)")
}
