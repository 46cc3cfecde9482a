//! Growth: the levels of the heaps at the end of each cycle, for everything that repeats.
//!
//! A cycle is whatever has a name and ends more than once: a phase, a scope, a mark, a module that is loaded again, a forward that is
//! inside no other. Which
//! of them means something is known only when the trace has ended, so all are followed, each as a [`CycleWatch`]: at each
//! end the sums of the heaps, and as often as that is cheap a [`Census`] of the live blocks. Nothing is done at an alloc or
//! a free.

mod budget;
mod census;
mod cycle;

use std::sync::Arc;

use hashbrown::HashMap;
use memtrace_format::{ModuleId, NameId, NotSampled, TransferBegin};

use budget::Budget;
pub(crate) use census::Census;
pub(crate) use cycle::{CycleWatch, Point as CyclePoint};

use super::collector::{Collector, Context};
use crate::{
    Text,
    model::{EventContext, TransferKey},
    replay::{OpenScope, ReplayHeap, ScopeId},
    report::CycleSource,
    source::{Definitions, Log, parents},
};

/// The most cycles that are followed at one time. When there are more, one that ended only once gives way.
const FOLLOWED: usize = 256;

/// The heaps that are followed: the first. How many there are is the file's choice, how much memory they take is ours.
pub(crate) const HEAPS: usize = 16;

/// Ids whose cycles are remembered; beyond, they are looked up by name again.
const IDS: usize = 1 << 16;

/// Watches everything that repeats.
#[derive(Debug)]
pub(crate) struct Growth<'a> {
    definitions: &'a Definitions,
    /// The only cycle that is looked for, if one was asked for.
    wanted: Option<Text>,
    pub(crate) cycles: Vec<CycleWatch>,
    by_id: HashMap<(CycleSource, u32), Option<u32>>,
    by_name: HashMap<(CycleSource, Text), u32>,
    /// How many names found no place.
    pub(crate) left_out: u64,
    /// The latest census, and the number of the heaps' events when it was taken.
    latest: Option<(u64, Arc<Census>)>,
    budget: Budget,
    /// The open spans of each thread, by the order in which they were entered.
    open: Vec<Vec<u64>>,
    entered: u64,
    /// Spans inside which a cycle was met: when they end is of interest.
    awaited: HashMap<u64, Vec<u32>>,
}

impl<'a> Collector<'a> for Growth<'a> {
    fn new(log: &'a Log) -> Self {
        Self {
            definitions: log.definitions(),
            wanted: log.cycle().cloned(),
            cycles: Vec::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            left_out: 0,
            latest: None,
            budget: Budget::default(),
            open: vec![Vec::new(); log.threads().len()],
            entered: 0,
            awaited: HashMap::new(),
        }
    }

    fn scope_begin(
        &mut self,
        context: &mut Context<'_, 'a>,
        _name: NameId,
        _phase: Option<u64>,
        entered: bool,
    ) {
        if entered {
            self.entered += 1;
            self.open[context.now.thread].push(self.entered);
        }
    }

    fn scope_end(&mut self, context: &mut Context<'_, 'a>, closed: &[OpenScope]) {
        let (now, replay) = (context.now, &*context.replay);
        let open = &mut self.open[now.thread];
        for span in open.drain(open.len().saturating_sub(closed.len())..) {
            let inside = if self.awaited.is_empty() { None } else { self.awaited.remove(&span) };
            for cycle in inside.into_iter().flatten() {
                self.cycles[cycle as usize].enclosure_ended(span, now.time);
            }
        }
        // What ended with it inside has no end of its own.
        let Some(&OpenScope { name, phase, .. }) = closed.last() else { return };
        let source = if phase.is_some() { CycleSource::Phase } else { CycleSource::Scope };
        let definitions = self.definitions;
        let outer = replay.thread(now.thread).scope();
        self.ended(now, source, name.0, outer, &replay.heaps, || Some(definitions.name(name)));
    }

    fn mark(&mut self, context: &mut Context<'_, 'a>, name: NameId, _value: u64) {
        let (now, replay) = (context.now, &*context.replay);
        let definitions = self.definitions;
        let scope = replay.thread(now.thread).scope();
        self.ended(now, CycleSource::Mark, name.0, scope, &replay.heaps, || {
            Some(definitions.name(name)).filter(|name| NotSampled::parse(name.recorded()).is_none())
        });
    }

    fn forward_end(&mut self, context: &mut Context<'_, 'a>, module: ModuleId) {
        let (now, replay) = (context.now, &*context.replay);
        let thread = replay.thread(now.thread);
        if thread.forwards().next().is_none() {
            let definitions = self.definitions;
            self.ended(now, CycleSource::Forward, module.0, thread.scope(), &replay.heaps, || {
                (!module.is_none()).then(|| definitions.module_name(module))
            });
        }
    }

    fn module_defined(&mut self, context: &mut Context<'_, 'a>, module: ModuleId) {
        self.module_came(context, CycleSource::Definition, module);
    }

    fn transfer_begin(&mut self, context: &mut Context<'_, 'a>, _key: TransferKey, begin: &TransferBegin) {
        if begin.to.is_device() && !begin.from.is_device() {
            self.module_came(context, CycleSource::Load, begin.module);
        }
    }

    /// What is open stays open.
    fn reset_at(&mut self, _context: &mut Context<'_, 'a>) {
        self.cycles.clear();
        self.by_id.clear();
        self.by_name.clear();
        self.awaited.clear();
        self.latest = None;
        self.left_out = 0;
    }
}

impl<'a> Growth<'a> {
    /// A module was defined or began its way to a device. Parts of modules come and go with them.
    fn module_came(&mut self, context: &Context<'_, 'a>, source: CycleSource, module: ModuleId) {
        let (now, replay) = (context.now, &*context.replay);
        let definitions = self.definitions;
        let scope = replay.thread(now.thread).scope();
        self.ended(now, source, module.0, scope, &replay.heaps, || {
            let whole = !module.is_none() && parents(definitions, module).next().is_none();
            whole.then(|| definitions.module_name(module))
        });
    }

    fn ended(
        &mut self,
        now: EventContext,
        source: CycleSource,
        id: u32,
        scope: ScopeId,
        heaps: &[ReplayHeap],
        name: impl FnOnce() -> Option<Text>,
    ) {
        let index = match self.by_id.get(&(source, id)) {
            Some(&index) => index,
            None => self.meet(source, id, name()),
        };
        let Some(index) = index else { return };
        let heaps = &heaps[..heaps.len().min(HEAPS)];
        let cycle = &mut self.cycles[index as usize];
        let levels = heaps.iter().map(|heap| heap.state.measured());
        if let Some(&span) = self.open[now.thread].last()
            && cycle.is_new()
        {
            self.awaited.entry(span).or_default().push(index);
        }
        let is_new = cycle.is_new();
        cycle.end(now.time, self.open[now.thread].last().copied(), scope, levels);
        cycle.end_behind(heaps.iter().map(|heap| heap.events));
        let events = heaps.iter().fold(0, |sum: u64, heap| sum.wrapping_add(heap.events));
        let kept =
            events.wrapping_sub(heaps.iter().fold(0, |sum: u64, heap| sum.wrapping_add(heap.first_event)));
        match &self.latest {
            Some((taken, census)) if *taken == events => cycle.keep(Arc::clone(census)),
            _ if self.budget.can_afford(heaps, kept, is_new, cycle) => {
                let census = Arc::new(self.budget.census(heaps));
                self.latest = Some((events, Arc::clone(&census)));
                cycle.keep(census);
            }
            _ => {}
        }
    }

    #[cold]
    fn meet(&mut self, source: CycleSource, id: u32, name: Option<Text>) -> Option<u32> {
        let wanted = |name: &Text| self.wanted.as_ref().is_none_or(|wanted| wanted == name);
        let index = name.filter(wanted).and_then(|name| {
            let key = (source, name);
            match self.by_name.get(&key) {
                Some(&index) => Some(index),
                None => self.place(key),
            }
        });
        if self.by_id.len() >= IDS {
            self.by_id.clear();
        }
        self.by_id.insert((source, id), index);
        index
    }

    fn place(&mut self, (source, name): (CycleSource, Text)) -> Option<u32> {
        let cycle = CycleWatch::new(source, name.clone());
        let index = if self.cycles.len() < FOLLOWED {
            self.cycles.push(cycle);
            self.cycles.len() - 1
        } else {
            self.left_out += 1;
            let once = self.cycles.iter().enumerate().filter(|(_, cycle)| cycle.count == 1);
            let (index, _) = once.min_by_key(|(_, cycle)| cycle.latest.time)?;
            let old = std::mem::replace(&mut self.cycles[index], cycle);
            self.by_name.remove(&(old.source, old.name));
            // Emptied, a large table would take long to empty again.
            self.by_id = HashMap::new();
            self.awaited.retain(|_, inside| {
                inside.retain(|&other| other as usize != index);
                !inside.is_empty()
            });
            index
        };
        self.by_name.insert((source, name), index as u32);
        Some(index as u32)
    }

    /// The only cycle that is looked for, if one was asked for.
    pub(crate) fn wanted(&self) -> Option<&Text> {
        self.wanted.as_ref()
    }

    /// What repeated.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = &CycleWatch> {
        self.cycles.iter().filter(|cycle| cycle.count > 1)
    }
}
