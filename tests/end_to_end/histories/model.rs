use std::{
    collections::BTreeMap,
    ops::{Bound, RangeBounds},
};

use memtrace_tests::{Action, History, THREADS, module_name, scope_name, thread_name};

/// What one heap has been through, counted in the plainest way.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) events: u64,
    pub(crate) allocs: u64,
    pub(crate) frees: u64,
    pub(crate) now: Figures,
    pub(crate) holes: Holes,
    pub(crate) peak: Option<Peak>,
    pub(crate) reserved_peak: u64,
    pub(crate) worst_outside_largest: u64,
    segments: Vec<(u64, u64)>,
    blocks: Vec<Block>,
    forwards: [Vec<usize>; THREADS],
    scopes: [Vec<usize>; THREADS],
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    requested: u64,
    allocated: u64,
    active: u64,
    pub(crate) reserved: u64,
}

/// The parts of segments that no block covers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Holes {
    pub(crate) total: u64,
    pub(crate) count: u64,
    pub(crate) largest: u64,
}

pub(crate) struct Peak {
    pub(crate) event: u64,
    pub(crate) figures: Figures,
    pub(crate) holes: Holes,
    pub(crate) blocks: u64,
    pub(crate) by_module: BTreeMap<String, u64>,
    pub(crate) by_scope: BTreeMap<String, u64>,
    pub(crate) by_thread: BTreeMap<String, u64>,
}

struct Block {
    address: u64,
    size: u64,
    requested: u64,
    module: String,
    scope: String,
    thread: String,
    pending: bool,
}

impl Figures {
    /// Requested, allocated and active.
    pub(crate) fn bytes(&self) -> (u64, u64, u64) {
        (self.requested, self.allocated, self.active)
    }
}

impl Model {
    /// Counts the steps of these numbers; what was live before is live.
    pub(crate) fn of(steps: impl RangeBounds<usize>, history: &History, heap: usize) -> Self {
        let mut model = Self::default();
        for (number, step) in history.steps.iter().enumerate() {
            if steps.start_bound() == Bound::Included(&number) && number > 0 {
                model.forget_the_past();
            }
            if steps.end_bound() == Bound::Included(&(number.wrapping_sub(1))) {
                break;
            }
            model.nest(step.thread, step.action);
            if step.heap == heap && model.apply(step.thread, step.action) {
                model.recount();
                model.events += 1;
            }
        }
        model
    }

    fn forget_the_past(&mut self) {
        (self.events, self.allocs, self.frees) = (0, 0, 0);
        (self.peak, self.reserved_peak, self.worst_outside_largest) = (None, 0, 0);
        self.recount();
    }

    fn nest(&mut self, thread: usize, action: Action) {
        match action {
            Action::ForwardBegin(module) => self.forwards[thread].push(module),
            Action::ForwardEnd => _ = self.forwards[thread].pop(),
            Action::ScopeBegin(name) => self.scopes[thread].push(name),
            Action::ScopeEnd => _ = self.scopes[thread].pop(),
            _ => {}
        }
    }

    /// Whether it is an event of the heap.
    fn apply(&mut self, thread: usize, action: Action) -> bool {
        match action {
            Action::SegmentAlloc { address, size } => self.segments.push((address, size)),
            Action::SegmentFree { address, .. } => self.segments.retain(|&(start, _)| start != address),
            Action::Alloc { address, size, requested, module } => {
                self.allocs += 1;
                let block = self.block(thread, address, size, requested, module);
                self.blocks.push(block);
            }
            Action::Free { address, .. } => {
                self.frees += 1;
                self.blocks.retain(|block| block.address != address);
            }
            Action::FreeRequested { address, .. } => {
                self.frees += 1;
                self.blocks
                    .iter_mut()
                    .filter(|block| block.address == address)
                    .for_each(|block| block.pending = true);
            }
            Action::FreeCompleted { address, .. } => self.blocks.retain(|block| block.address != address),
            _ => return false,
        }
        true
    }

    fn block(&self, thread: usize, address: u64, size: u64, requested: u64, module: Option<usize>) -> Block {
        let none = || "(none)".to_owned();
        let scopes: Vec<String> = self.scopes[thread].iter().map(|&name| scope_name(name)).collect();
        Block {
            address,
            size,
            requested,
            module: module.or(self.forwards[thread].last().copied()).map_or_else(none, module_name),
            scope: if scopes.is_empty() { none() } else { scopes.join(" / ") },
            thread: thread_name(thread),
            pending: false,
        }
    }

    fn recount(&mut self) {
        let live = || self.blocks.iter().filter(|block| !block.pending);
        self.now = Figures {
            requested: live().map(|block| block.requested).sum(),
            allocated: live().map(|block| block.size).sum(),
            active: self.blocks.iter().map(|block| block.size).sum(),
            reserved: self.segments.iter().map(|&(_, size)| size).sum(),
        };
        self.holes = self.find_holes();
        self.reserved_peak = self.reserved_peak.max(self.now.reserved);
        self.worst_outside_largest = self.worst_outside_largest.max(self.holes.total - self.holes.largest);
        if self.now.allocated > self.peak.as_ref().map_or(0, |peak| peak.figures.allocated) {
            let sum = |owner: fn(&Block) -> &String| {
                let mut shares = BTreeMap::new();
                live().for_each(|block| *shares.entry(owner(block).clone()).or_default() += block.size);
                shares
            };
            self.peak = Some(Peak {
                event: self.events,
                figures: self.now,
                holes: self.holes,
                blocks: live().count() as u64,
                by_module: sum(|block| &block.module),
                by_scope: sum(|block| &block.scope),
                by_thread: sum(|block| &block.thread),
            });
        }
    }

    fn find_holes(&self) -> Holes {
        let mut holes = Holes::default();
        for &(start, size) in &self.segments {
            let mut inside: Vec<(u64, u64)> = self
                .blocks
                .iter()
                .filter(|block| (start..start + size).contains(&block.address))
                .map(|block| (block.address, block.size))
                .collect();
            inside.sort_unstable();
            inside.push((start + size, 0));
            let mut free_from = start;
            for (address, size) in inside {
                let hole = address - free_from;
                holes.total += hole;
                holes.count += u64::from(hole > 0);
                holes.largest = holes.largest.max(hole);
                free_from = address + size;
            }
        }
        holes
    }
}
