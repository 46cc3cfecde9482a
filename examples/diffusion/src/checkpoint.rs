//! A loaded checkpoint: its modules, hooked, and the units that their weights move in.

use std::sync::Arc;

use crate::hook::{Hooked, Hooks, Memory, Share};
use crate::machine::Machine;
use crate::model::{Model, ModuleSpec};
use crate::module::Module;
use crate::recording::Phase;
use crate::residency::Residency;
use crate::tier::Frugality;
use crate::unit::Unit;
use crate::weights::CheckpointFile;

/// What loading needs to know.
pub(crate) struct Loader<'a> {
    pub(crate) machine: &'a Arc<Machine>,
    pub(crate) residency: &'a Arc<Residency>,
    pub(crate) hooks: &'a Hooks,
    pub(crate) model: &'a Model,
    pub(crate) frugality: Frugality,
    pub(crate) leak: bool,
}

/// The modules of one checkpoint, ready to be called.
pub(crate) struct Checkpoint {
    pub(crate) text_encoders: Vec<Arc<Hooked>>,
    pub(crate) unet: HookedUnet,
    pub(crate) vae: Arc<Hooked>,
    units: Vec<Arc<Unit>>,
}

/// The UNet and its parts.
pub(crate) struct HookedUnet {
    pub(crate) whole: Arc<Hooked>,
    pub(crate) time_embed: Arc<Hooked>,
    pub(crate) input: Vec<Arc<Hooked>>,
    pub(crate) middle: Arc<Hooked>,
    pub(crate) output: Vec<Arc<Hooked>>,
}

impl Loader<'_> {
    /// Loads a checkpoint. With a `name`, its modules are put under a module of that name, so that several checkpoints'
    /// can be told apart.
    pub(crate) fn load(&self, file: &Arc<CheckpointFile>, name: Option<&str>) -> anyhow::Result<Checkpoint> {
        let _phase = Phase::Load.enter();
        let root = name.map(|name| Module::new(self.machine, name, None, self.model.bytes(), None));
        let mut parts = Parts { loader: self, file, root, units: Vec::new(), hooked: Vec::new() };
        let loaded = parts.all(self.model);
        if loaded.is_err() {
            // What was loaded before the failure goes when nothing knows it any more.
            self.hooks.remove(&parts.hooked);
        }
        let (text_encoders, unet, vae) = loaded?;
        Ok(Checkpoint { text_encoders, unet, vae, units: parts.units })
    }

    /// Parks, verifies and drops a checkpoint. With `--leak` the UNet's hooks stay where they are, and with them
    /// everything they hold on to.
    pub(crate) fn unload(&self, checkpoint: Checkpoint) -> anyhow::Result<()> {
        for unit in &checkpoint.units {
            self.residency.dismiss(unit)?;
            unit.verify()?;
        }
        self.hooks.remove(checkpoint.text_encoders.iter().chain([&checkpoint.vae]));
        if !self.leak {
            self.hooks.remove(checkpoint.unet.modules());
        }
        Ok(())
    }
}

impl HookedUnet {
    /// Sorts the children, which come in the order of [`Unet::module`](crate::model::Unet): time embedding, input blocks,
    /// middle block, output blocks.
    fn from_parts(whole: Arc<Hooked>, parts: Vec<Arc<Hooked>>, inputs: usize) -> HookedUnet {
        let mut parts = parts.into_iter();
        let mut next = || parts.next().expect("a UNet has a time embedding and a middle block");
        let time_embed = next();
        let input = (0..inputs).map(|_| next()).collect();
        let middle = next();
        HookedUnet { whole, time_embed, input, middle, output: parts.collect() }
    }

    fn modules(&self) -> impl Iterator<Item = &Arc<Hooked>> {
        let parts = [&self.whole, &self.time_embed, &self.middle];
        parts.into_iter().chain(&self.input).chain(&self.output)
    }
}

/// A checkpoint while it is being loaded.
struct Parts<'a> {
    loader: &'a Loader<'a>,
    file: &'a Arc<CheckpointFile>,
    root: Option<Arc<Module>>,
    units: Vec<Arc<Unit>>,
    hooked: Vec<Arc<Hooked>>,
}

impl Parts<'_> {
    fn all(&mut self, model: &Model) -> anyhow::Result<(Vec<Arc<Hooked>>, HookedUnet, Arc<Hooked>)> {
        let encoders = model.text_encoders.iter().map(|encoder| self.whole(encoder));
        let encoders = encoders.collect::<anyhow::Result<_>>()?;
        Ok((encoders, self.unet(&model.unet)?, self.whole(&model.vae)?))
    }

    /// A module at the top that is a unit of its own.
    fn whole(&mut self, spec: &ModuleSpec) -> anyhow::Result<Arc<Hooked>> {
        let module = self.module(spec, &spec.name, self.root.as_ref())?;
        let share = self.load(&module, spec, &spec.name)?;
        Ok(self.hook(module, Some(share), Memory::Forgets))
    }

    /// The UNet: one unit that all its children map to, or a unit for each child.
    fn unet(&mut self, spec: &ModuleSpec) -> anyhow::Result<HookedUnet> {
        let whole = self.module(spec, &spec.name, self.root.as_ref())?;
        let split = self.loader.frugality == Frugality::SplitUnet;
        let all = if split { None } else { Some(self.load(&whole, spec, &spec.name)?) };
        let mut first = 0;
        let mut hooked = Vec::new();
        for child in &spec.children {
            let path = format!("{}.{}", spec.name, child.name);
            let module = self.module(child, &path, Some(&whole))?;
            let tensors = first..first + child.tensors.len();
            first = tensors.end;
            let share = match &all {
                Some(all) => Share { unit: Arc::clone(&all.unit), tensors },
                None => self.load(&module, child, &path)?,
            };
            let remembers = self.loader.leak && child.name.starts_with("input_blocks");
            let memory = if remembers { Memory::Remembers } else { Memory::Forgets };
            hooked.push(self.hook(module, Some(share), memory));
        }
        let whole = self.hook(whole, all, Memory::Forgets);
        Ok(HookedUnet::from_parts(whole, hooked, self.loader.model.shape.input.len()))
    }

    fn module(
        &self,
        spec: &ModuleSpec,
        path: &str,
        parent: Option<&Arc<Module>>,
    ) -> anyhow::Result<Arc<Module>> {
        let fingerprint = self.file.fingerprint(path)?;
        Ok(Module::new(self.loader.machine, &spec.name, parent, spec.bytes(), Some(fingerprint)))
    }

    fn load(&mut self, module: &Arc<Module>, spec: &ModuleSpec, path: &str) -> anyhow::Result<Share> {
        let pieces = self.file.pieces(spec, path)?;
        let tensors = 0..pieces.len();
        let unit = Unit::load(self.loader.machine, module, self.file, pieces);
        self.loader.residency.admit(&unit)?;
        self.units.push(Arc::clone(&unit));
        Ok(Share { unit, tensors })
    }

    fn hook(&mut self, module: Arc<Module>, weights: Option<Share>, memory: Memory) -> Arc<Hooked> {
        let Loader { machine, residency, hooks, .. } = self.loader;
        let hooked = hooks.hook(machine, residency, module, weights, memory);
        self.hooked.push(Arc::clone(&hooked));
        hooked
    }
}
