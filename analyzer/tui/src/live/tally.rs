//! What the view shows, made by a worker: what is live at a spot, and at another one to compare it with.

use std::sync::Arc;

use hashbrown::HashMap;
use memtrace_analysis::{
    Definitions, ReadError, Text,
    instant::{Instant, LiveHeap, Owner},
};
use memtrace_format::StackId;

use super::tree::{Of, Sum, Tree};
use crate::{
    moments::{Moments, Spot},
    worker::Desk,
};

/// Parents are followed up so far: they may form a circle.
const DEPTH: usize = 64;

/// What the tree is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// Modules, below what contains them.
    #[default]
    Module,
    /// Scopes, below those they are nested in.
    Scope,
    /// Calls, below their callers.
    TopDown,
    /// Callers, below what they call.
    BottomUp,
    /// Threads, with the call sites of each.
    Thread,
}

impl Grouping {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Scope => "scope",
            Self::TopDown => "stack, from main down",
            Self::BottomUp => "stack, from the allocation up",
            Self::Thread => "thread and call site",
        }
    }

    /// The one after it, around the end.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Module => Self::Scope,
            Self::Scope => Self::TopDown,
            Self::TopDown => Self::BottomUp,
            Self::BottomUp => Self::Thread,
            Self::Thread => Self::Module,
        }
    }
}

/// What is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) spot: Spot,
    pub(crate) against: Option<Spot>,
    pub(crate) heap: Text,
    pub(crate) by: Grouping,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) question: Question,
    pub(crate) tree: Tree,
}

/// Makes tallies.
pub(crate) struct Counter {
    moments: Arc<Moments>,
    /// The modules that contain others, by name.
    parents: HashMap<Text, Text>,
}

impl Counter {
    pub(crate) fn new(moments: Arc<Moments>, parents: HashMap<Text, Text>) -> Self {
        Self { moments, parents }
    }

    /// None: it was overtaken.
    pub(crate) fn answer(
        &self,
        question: Question,
        desk: &Desk<Question>,
    ) -> Option<Result<Tally, ReadError>> {
        let tree = self.tree(&question);
        (!desk.is_overtaken()).then(|| tree.map(|tree| Tally { question, tree }))
    }

    fn tree(&self, question: &Question) -> Result<Tree, ReadError> {
        let mut tree = Tree::default();
        for (of, spot) in [(Of::Now, Some(question.spot)), (Of::Then, question.against)] {
            let Some(spot) = spot else { continue };
            let instant = self.moments.at(spot)?;
            let Some(heap) = instant.heaps.iter().find(|heap| heap.name == question.heap) else { continue };
            self.count(&mut tree, of, &instant, heap, question.by);
        }
        Ok(tree.finish())
    }

    fn count(&self, tree: &mut Tree, of: Of, instant: &Instant, heap: &LiveHeap, by: Grouping) {
        let mut sums = vec![Sum::default(); instant.owners.len()];
        for block in heap.counted() {
            if let Some(sum) = sums.get_mut(block.owner.0 as usize) {
                sum.add(Sum { bytes: heap.measure(block).0, blocks: 1 });
            }
        }
        let definitions = self.moments.trace().definitions();
        let mut stacks: HashMap<StackId, Vec<Text>> = HashMap::new();
        for (owner, sum) in instant.owners.iter().zip(sums).filter(|(_, sum)| sum.blocks > 0) {
            match by {
                Grouping::Module => tree.add(&self.module_path(&owner.module), of, sum),
                Grouping::Scope => tree.add(&scope_path(&owner.scope), of, sum),
                Grouping::BottomUp | Grouping::TopDown => {
                    let frames =
                        stacks.entry(owner.stack).or_insert_with(|| frames(owner.stack, definitions));
                    if by == Grouping::BottomUp {
                        tree.add(&*frames, of, sum);
                    } else {
                        tree.add(frames.iter().rev(), of, sum);
                    }
                }
                Grouping::Thread => tree.add(&[owner.thread.clone(), site(owner, definitions)], of, sum),
            }
        }
    }

    /// What contains a module, from the outermost, and the module.
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

/// Whether the frame says in which line of which file it is.
pub(crate) fn has_line(frame: &Text) -> bool {
    let line = frame.recorded().rsplit_once(':').and_then(|(_, line)| line.strip_suffix(')'));
    line.is_some_and(|line| line.parse::<u32>().is_ok())
}

fn no_stack() -> Text {
    Text::new("(no stack recorded)")
}
