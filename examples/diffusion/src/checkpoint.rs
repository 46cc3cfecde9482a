//! A loaded checkpoint: its modules, hooked, and the units that their weights move in.

use std::sync::Arc;

use crate::hook::{Hooked, Hooks, Memory, Share};
use crate::machine::Machine;
use crate::model::{Model, ModuleSpec};
use crate::module::Module;
use crate::options::Faults;
use crate::quantity::Bytes;
use crate::recording::{Mark, Phase, Reason, Scope};
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
    pub(crate) faults: &'a Faults,
    /// Whether weights that are loaded already are recognised.
    pub(crate) share: bool,
    /// The file of what is loaded and not used.
    pub(crate) unused: Option<&'a Arc<CheckpointFile>>,
}

/// The modules of one checkpoint, ready to be called.
pub(crate) struct Checkpoint {
    pub(crate) text_encoders: Vec<Arc<Hooked>>,
    pub(crate) unet: HookedUnet,
    pub(crate) vae: Arc<Hooked>,
    /// The VAE itself, unless it was loaded twice.
    pub(crate) preview_vae: Arc<Hooked>,
    upscaler: Option<Arc<Unit>>,
    units: Vec<Arc<Unit>>,
    pub(crate) bytes: Bytes,
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
        loaded
    }

    /// Puts a checkpoint aside, on the host.
    pub(crate) fn park(&self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        checkpoint.units.iter().try_for_each(|unit| self.residency.dismiss(unit))
    }

    /// Takes a checkpoint that was put aside into use again.
    pub(crate) fn unpark(&self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        checkpoint.units.iter().try_for_each(|unit| self.residency.admit(unit))?;
        checkpoint.upscaler.iter().try_for_each(|unit| self.settle(unit))
    }

    /// Parks, verifies and drops a checkpoint. With `--leak` the UNet's hooks stay where they are, and with them
    /// everything they hold on to.
    pub(crate) fn unload(&self, checkpoint: Checkpoint, why: Reason) -> anyhow::Result<()> {
        self.park(&checkpoint)?;
        checkpoint.units.iter().try_for_each(|unit| unit.verify())?;
        let Checkpoint { text_encoders, unet, vae, preview_vae, upscaler, units, .. } = checkpoint;
        self.hooks.remove(text_encoders.iter().chain([&vae, &preview_vae]));
        if !self.faults.leak {
            self.hooks.remove(unet.modules());
        }
        drop((text_encoders, unet, vae, preview_vae, upscaler));
        // What a hook still holds on to stays where it is.
        units.into_iter().filter_map(Arc::into_inner).for_each(|unit| unit.discard(why));
        Ok(())
    }

    /// Brings a unit to the device whatever the policy.
    fn settle(&self, unit: &Unit) -> anyhow::Result<()> {
        if unit.is_on_device() { Ok(()) } else { self.machine.swapper.load(unit, Reason::Explicit) }
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
    fn all(&mut self, model: &Model) -> anyhow::Result<Checkpoint> {
        let mut text_encoders = Vec::new();
        for encoder in &model.text_encoders {
            text_encoders.push(self.whole(encoder, &encoder.name)?);
            if self.loader.faults.host_leak {
                self.leave_state_dict(encoder)?;
            }
        }
        let unet = self.unet(&model.unet)?;
        let vae = self.whole(&model.vae, &model.vae.name)?;
        let preview_vae = match self.loader.faults.duplicate {
            true => self.whole(&model.vae, "preview_vae")?,
            false => Arc::clone(&vae),
        };
        let upscaler = match self.loader.unused {
            Some(file) => Some(self.upscaler(&model.vae, file)?),
            None => None,
        };
        let units = std::mem::take(&mut self.units);
        let bytes = units.iter().map(|unit| unit.module.bytes).sum();
        Ok(Checkpoint { text_encoders, unet, vae, preview_vae, upscaler, units, bytes })
    }

    /// A module at the top that is a unit of its own, or one that is loaded and has the same weights.
    fn whole(&mut self, spec: &ModuleSpec, name: &str) -> anyhow::Result<Arc<Hooked>> {
        let fingerprint = self.file.fingerprint(&spec.name)?;
        let same = |hooked: &&Arc<Hooked>| hooked.module.fingerprint == Some(fingerprint);
        if self.loader.share
            && let Some(loaded) = self.hooked.iter().find(same)
        {
            let bytes = loaded.module.bytes;
            Mark::Shared(bytes).record();
            self.loader.machine.books.remedied(|book| &mut book.shared, bytes);
            return Ok(Arc::clone(loaded));
        }
        let module = self.module(spec, name, &spec.name, self.root.as_ref())?;
        let share = self.load(&module, spec, &spec.name)?;
        Ok(self.hook(module, Some(share), Memory::Forgets))
    }

    /// Weights for the device that nobody asks for.
    fn upscaler(&mut self, spec: &ModuleSpec, file: &Arc<CheckpointFile>) -> anyhow::Result<Arc<Unit>> {
        let fingerprint = file.fingerprint(&spec.name)?;
        let Loader { machine, .. } = self.loader;
        let module = Module::new(machine, "upscaler", self.root.as_ref(), spec.bytes(), Some(fingerprint));
        let unit = Unit::load(machine, &module, file, file.pieces(spec, &spec.name)?)?;
        self.units.push(Arc::clone(&unit));
        self.loader.settle(&unit)?;
        Ok(unit)
    }

    /// Keeps a copy of what was read, as an engine does that never drops the state dict.
    fn leave_state_dict(&self, spec: &ModuleSpec) -> anyhow::Result<()> {
        let _scope = Scope::StateDict.enter();
        for piece in self.file.pieces(spec, &spec.name)? {
            self.loader.hooks.hold(self.loader.machine.host.tensor(self.file.bytes(&piece), None)?);
        }
        Ok(())
    }

    /// The UNet: one unit that all its children map to, or a unit for each child.
    fn unet(&mut self, spec: &ModuleSpec) -> anyhow::Result<HookedUnet> {
        let whole = self.module(spec, &spec.name, &spec.name, self.root.as_ref())?;
        let split = self.loader.frugality == Frugality::SplitUnet;
        let all = if split { None } else { Some(self.load(&whole, spec, &spec.name)?) };
        let mut first = 0;
        let mut hooked = Vec::new();
        for child in &spec.children {
            let path = format!("{}.{}", spec.name, child.name);
            let module = self.module(child, &child.name, &path, Some(&whole))?;
            let tensors = first..first + child.tensors.len();
            first = tensors.end;
            let share = match &all {
                Some(all) => Share { unit: Arc::clone(&all.unit), tensors },
                None => self.load(&module, child, &path)?,
            };
            let remembers = self.loader.faults.leak && child.name.starts_with("input_blocks");
            let memory = if remembers { Memory::Remembers } else { Memory::Forgets };
            hooked.push(self.hook(module, Some(share), memory));
        }
        let whole = self.hook(whole, all, Memory::Forgets);
        Ok(HookedUnet::from_parts(whole, hooked, self.loader.model.shape.input.len()))
    }

    fn module(
        &self,
        spec: &ModuleSpec,
        name: &str,
        path: &str,
        parent: Option<&Arc<Module>>,
    ) -> anyhow::Result<Arc<Module>> {
        let fingerprint = self.file.fingerprint(path)?;
        Ok(Module::new(self.loader.machine, name, parent, spec.bytes(), Some(fingerprint)))
    }

    fn load(&mut self, module: &Arc<Module>, spec: &ModuleSpec, path: &str) -> anyhow::Result<Share> {
        let pieces = self.file.pieces(spec, path)?;
        let tensors = 0..pieces.len();
        let unit = Unit::load(self.loader.machine, module, self.file, pieces)?;
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
