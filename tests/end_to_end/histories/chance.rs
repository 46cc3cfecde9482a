use memtrace_tests::{Action, HEAPS, History, MODULES, Step, THREADS};

/// Segments lie side by side, so that holes touch across their borders.
const SEGMENT: u64 = 64 << 10;
const SLOTS: usize = 8;
const BASE: u64 = 0x7000_0000_0000;
const GRAIN: u64 = 512;
const SCOPES: usize = 3;

/// A history in which nothing happens that cannot: one step, at most, for every choice.
pub(crate) fn history(choices: &[[u32; 3]]) -> History {
    let mut state = State::default();
    let steps = choices.iter().filter_map(|choice| state.step(choice.map(|n| n as usize))).collect();
    History { steps }
}

/// How many scopes and forwards are open when the history is over.
pub(crate) fn left_open(history: &History) -> usize {
    let open = |action: &Action| match action {
        Action::ForwardBegin(_) | Action::ScopeBegin(_) => 1,
        Action::ForwardEnd | Action::ScopeEnd => -1,
        _ => 0,
    };
    history.steps.iter().map(|step| open(&step.action)).sum::<isize>() as usize
}

#[derive(Default)]
struct State {
    /// Which slots hold a segment, and how long it is.
    segments: [Option<u64>; SLOTS],
    /// Blocks that are not reusable: heap, address, size, and whether their free was requested.
    blocks: Vec<(usize, u64, u64, bool)>,
    forwards: [usize; THREADS],
    scopes: [usize; THREADS],
}

impl State {
    fn step(&mut self, [what, which, how]: [usize; 3]) -> Option<Step> {
        let thread = what / 16 % THREADS;
        let heap = what / 64 % HEAPS;
        let action = match what % 16 {
            0 => self.segment_alloc(which, how),
            1 => self.segment_free(which),
            2..=7 => self.alloc(heap, which, how),
            8..=10 => return self.free(thread, which, |address, size| Action::Free { address, size }),
            11 => return self.free_requested(thread, which),
            12 => self.nest(thread, which),
            13 => self.unnest(thread, which),
            _ => return self.free_completed(thread, which),
        };
        let heap = if what % 16 < 2 { 0 } else { heap };
        action.map(|action| Step { thread, heap, action })
    }

    fn segment_alloc(&mut self, which: usize, how: usize) -> Option<Action> {
        let slot = which % SLOTS;
        if self.segments[slot].is_some() {
            return None;
        }
        // Most segments fill their slot and so touch the next one.
        let size = if how.is_multiple_of(4) { SEGMENT / 2 } else { SEGMENT };
        self.segments[slot] = Some(size);
        Some(Action::SegmentAlloc { address: start(slot), size })
    }

    fn segment_free(&mut self, which: usize) -> Option<Action> {
        let slot = which % SLOTS;
        let size = self.segments[slot]?;
        let range = start(slot)..start(slot) + size;
        if self.blocks.iter().any(|&(heap, address, ..)| heap == 0 && range.contains(&address)) {
            return None;
        }
        self.segments[slot] = None;
        Some(Action::SegmentFree { address: start(slot), size })
    }

    fn alloc(&mut self, heap: usize, which: usize, how: usize) -> Option<Action> {
        let slot = which % SLOTS;
        let room = if heap == 0 { self.segments[slot]? } else { SEGMENT };
        let address = start(slot) + (which / SLOTS) as u64 % (room / GRAIN) * GRAIN;
        let size = (1 + how as u64 % 24) * GRAIN;
        let range = address..address + size;
        let taken = |&(other, start, size, _): &(usize, u64, u64, bool)| {
            other == heap && start < range.end && range.start < start + size
        };
        if range.end > start(slot) + room || self.blocks.iter().any(taken) {
            return None;
        }
        self.blocks.push((heap, address, size, false));
        let requested = size - (how as u64 / 32) % 2 * 100;
        let module = (how / 64).is_multiple_of(3).then_some(how / 256 % MODULES);
        Some(Action::Alloc { address, size, requested, module })
    }

    fn free(&mut self, thread: usize, which: usize, action: impl Fn(u64, u64) -> Action) -> Option<Step> {
        let candidates: Vec<usize> = (0..self.blocks.len()).filter(|&at| !self.blocks[at].3).collect();
        let &at = candidates.get(which % candidates.len().max(1))?;
        let (heap, address, size, _) = self.blocks.swap_remove(at);
        Some(Step { thread, heap, action: action(address, size) })
    }

    fn free_requested(&mut self, thread: usize, which: usize) -> Option<Step> {
        let step = self.free(thread, which, |address, size| Action::FreeRequested { address, size })?;
        if let Action::FreeRequested { address, size } = step.action {
            self.blocks.push((step.heap, address, size, true));
        }
        Some(step)
    }

    fn free_completed(&mut self, thread: usize, which: usize) -> Option<Step> {
        let candidates: Vec<usize> = (0..self.blocks.len()).filter(|&at| self.blocks[at].3).collect();
        let &at = candidates.get(which % candidates.len().max(1))?;
        let (heap, address, size, _) = self.blocks.swap_remove(at);
        Some(Step { thread, heap, action: Action::FreeCompleted { address, size } })
    }

    fn nest(&mut self, thread: usize, which: usize) -> Option<Action> {
        if which.is_multiple_of(2) {
            self.forwards[thread] += 1;
            Some(Action::ForwardBegin(which / 2 % MODULES))
        } else {
            self.scopes[thread] += 1;
            Some(Action::ScopeBegin(which / 2 % SCOPES))
        }
    }

    fn unnest(&mut self, thread: usize, which: usize) -> Option<Action> {
        let (open, action) = if which.is_multiple_of(2) {
            (&mut self.forwards[thread], Action::ForwardEnd)
        } else {
            (&mut self.scopes[thread], Action::ScopeEnd)
        };
        *open = open.checked_sub(1)?;
        Some(action)
    }
}

fn start(slot: usize) -> u64 {
    BASE + slot as u64 * SEGMENT
}
