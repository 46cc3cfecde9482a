//! What the recorded models would need if less of them were on the device at a time: their weights, and what they compute with.

use hashbrown::HashMap;
use memtrace_format::{Bytes, ModuleId};

use crate::{
    Nanos, Text,
    collectors::Work,
    report::{Module, Strategy},
};

/// What a figure may be short of what a run takes: blocks are rounded up and lie apart.
const MARGIN: u64 = 20;

/// The modules of a trace, as a tree.
pub(super) struct Models<'m> {
    modules: HashMap<u32, &'m Module>,
    parts: HashMap<u32, Vec<u32>>,
    roots: Vec<u32>,
    engine: Engine,
    work: &'m Work,
}

/// Who has to be told to keep less on the device, as far as the trace says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    WebUi,
    ComfyUi,
    Diffusers,
    /// The example engine.
    Diffusion,
    Unknown,
}

/// What one model, or a part of one, needs.
#[derive(Clone, Copy, Debug)]
struct Demand {
    module: u32,
    weights: u64,
    work: u64,
    /// It, or a part of it, was seen to compute.
    seen: bool,
}

impl<'m> Models<'m> {
    pub(super) fn new(modules: &'m [Module], work: &'m Work, engine: Option<&Text>) -> Self {
        let mut parts: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut roots = Vec::new();
        for module in modules {
            match module.parent_id {
                Some(parent) if parent != module.id => parts.entry(parent).or_default().push(module.id),
                _ => roots.push(module.id),
            }
        }
        let modules: HashMap<u32, &Module> = modules.iter().map(|module| (module.id, module)).collect();
        let engine = engine.map_or(Engine::Unknown, |name| Engine::called(name.recorded()));
        let mut models = Self { modules, parts, roots, engine, work };
        // Models that were never to be on a device have no part in it.
        let used = |id: &u32| models.tree(*id).into_iter().any(|id| models.is_used(id));
        let roots = models.roots.iter().copied().filter(|id| used(id) && models.weights(*id) > 0).collect();
        models.roots = roots;
        models
    }

    /// What each strategy needs on the device, and whether it has `room` for it; those that take turns as it was are left out.
    pub(super) fn strategies(
        &self,
        (device, time): (u32, Nanos),
        stack: &[Text],
        room: Option<u64>,
    ) -> Vec<Strategy> {
        let engine = if self.engine == Engine::Unknown { Engine::of(stack) } else { self.engine };
        let whole: Vec<Demand> = self.roots.iter().map(|&root| self.demand(device, root, None)).collect();
        let Some(largest) = self.roots.iter().copied().max_by_key(|&root| self.weights(root)) else {
            return Vec::new();
        };
        let units = self.units(largest);
        let fallback = whole.iter().find(|demand| demand.module == largest);
        let of_largest = units.iter().map(|&unit| self.demand(device, unit, fallback));
        let others = whole.iter().copied().filter(|demand| demand.module != largest);
        let parts: Vec<Demand> = of_largest.chain(others).collect();
        let taking_turns = self.roots.len() > 1 && !self.took_turns(&self.roots, time);
        let splitting = units.len() > 1 && !self.took_turns(&units, time);
        let ways = [("one model", taking_turns, whole), ("one part of a model", splitting, parts)];
        let ways = ways.into_iter().filter(|(_, new, _)| *new);
        ways.filter_map(|(keeps, _, demands)| self.strategy(keeps, engine, device, &demands, room)).collect()
    }

    fn strategy(
        &self,
        keeps: &'static str,
        engine: Engine,
        device: u32,
        demands: &[Demand],
        room: Option<u64>,
    ) -> Option<Strategy> {
        let most = demands.iter().max_by_key(|demand| demand.weights.saturating_add(demand.work))?;
        let between = self.work.of(device, ModuleId::NONE);
        let bytes = most.weights.saturating_add(most.work).max(between);
        let at_least = demands.iter().any(|demand| !demand.seen);
        let fits = room.map(|room| bytes.saturating_add(bytes / MARGIN) <= room);
        Some(Strategy {
            keeps,
            setting: Text::new(engine.setting(keeps == "one model")),
            bytes: Bytes(bytes),
            weights_bytes: Bytes(most.weights),
            module: self.modules.get(&most.module)?.name.clone(),
            at_least,
            fits: fits.filter(|&fits| !(at_least && fits)),
        })
    }

    /// What a module needs while it computes. A part that was not seen to by itself needs no more than all of it does.
    fn demand(&self, device: u32, module: u32, whole: Option<&Demand>) -> Demand {
        let tree = self.tree(module);
        let seen = tree.iter().any(|&id| self.work.has_finished(ModuleId(id)));
        let work = tree.iter().map(|&id| self.work.of(device, ModuleId(id))).max().unwrap_or(0);
        let (seen, work) = match whole {
            Some(whole) if !seen => (whole.seen, whole.work.max(work)),
            _ => (seen, work),
        };
        Demand { module, weights: self.weights(module), work, seen }
    }

    /// The parts that would take turns: those of the module, or of the lists that it is made of.
    fn units(&self, module: u32) -> Vec<u32> {
        let mut units = Vec::new();
        for &part in self.parts.get(&module).into_iter().flatten() {
            let inner = self.parts.get(&part).map_or(&[][..], Vec::as_slice);
            let is_list = inner.len() > 1
                && self.forwards(part) == 0
                && inner.iter().any(|&inner| self.forwards(inner) > 0);
            if is_list { units.extend(inner) } else { units.push(part) }
        }
        units.retain(|&unit| self.weights(unit) > 0);
        units
    }

    /// Whether one of them had left the device by then: what a failure brings about later is no strategy.
    fn took_turns(&self, modules: &[u32], time: Nanos) -> bool {
        modules.iter().filter_map(|id| self.modules.get(id)).any(|module| {
            let mut stays = module.residency.iter().filter(|stay| stay.tier.is_device());
            module.evictions > 0 && stays.any(|stay| stay.to_ns < time)
        })
    }

    fn is_used(&self, id: u32) -> bool {
        let used = |module: &&Module| {
            module.forwards > 0 || module.loads > 0 || module.by_direction.contains_key("h2d")
        };
        self.modules.get(&id).copied().filter(used).is_some()
    }

    fn forwards(&self, id: u32) -> u64 {
        self.modules.get(&id).map_or(0, |module| module.forwards)
    }

    fn weights(&self, id: u32) -> u64 {
        self.modules.get(&id).and_then(|module| module.bytes).map_or(0, |bytes| bytes.0)
    }

    /// A module with all of its parts.
    fn tree(&self, root: u32) -> Vec<u32> {
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(&id) = tree.get(at) {
            at += 1;
            // A definition may name itself as its part's part.
            if tree.len() <= self.modules.len() {
                tree.extend(self.parts.get(&id).into_iter().flatten());
            }
        }
        tree
    }
}

impl Engine {
    fn called(name: &str) -> Self {
        let name = name.to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match () {
            () if is(&["comfy"]) => Self::ComfyUi,
            () if is(&["webui", "forge", "automatic1111", "sdnext"]) => Self::WebUi,
            () if is(&["diffusers"]) => Self::Diffusers,
            () if name == "diffusion" => Self::Diffusion,
            () => Self::Unknown,
        }
    }

    /// By the files that a request came from.
    fn of(stack: &[Text]) -> Self {
        let has = |part: &str| stack.iter().any(|frame| frame.recorded().contains(part));
        match () {
            () if has("/comfy/") => Self::ComfyUi,
            () if has("/modules/sd_") || has("/webui.py") => Self::WebUi,
            () if has("/diffusers/") => Self::Diffusers,
            () => Self::Unknown,
        }
    }

    /// How it is told to keep one model at a time, or one part of a model.
    fn setting(self, models: bool) -> &'static str {
        match (self, models) {
            (Self::WebUi, true) => "--medvram",
            (Self::WebUi, false) => "--lowvram",
            (Self::ComfyUi, true) => "--lowvram",
            (Self::ComfyUi, false) => "--novram",
            (Self::Diffusers, true) => "enable_model_cpu_offload()",
            (Self::Diffusers, false) => "enable_sequential_cpu_offload()",
            (Self::Diffusion, true) => "--tier medvram",
            (Self::Diffusion, false) => "--tier lowvram",
            (Self::Unknown, true) => {
                "one model at a time (--medvram in AUTOMATIC1111, enable_model_cpu_offload() in diffusers)"
            }
            (Self::Unknown, false) => {
                "one part of a model at a time (--lowvram in AUTOMATIC1111, enable_sequential_cpu_offload() in diffusers)"
            }
        }
    }
}
