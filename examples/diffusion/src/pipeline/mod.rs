//! A job, from prompt to image: encode the prompt, denoise step by step, decode.
//!
//! Instead of arithmetic it moves bytes: every layer allocates what the real one would, passes some bytes on from its
//! input, and looks at its weights where the device has them. So the image is a digest of seed and weights.

mod feature;
mod text;
mod unet;
mod vae;

use std::cell::Cell;
use std::sync::Arc;

use self::feature::Grid;
use crate::checkpoint::Checkpoint;
use crate::device::Tensor;
use crate::fingerprint::{Fingerprint, noise};
use crate::hook::Hooked;
use crate::machine::Machine;
use crate::model::{Model, unet::LATENT};
use crate::pressure;
use crate::quantity::Bytes;
use crate::recording::{Phase, Reason, Scope};
use crate::residency::Residency;

/// The part of an activation that always means something: it is passed on by every layer, and mixed with what the layer's
/// weights look like. Beyond it lies whatever the memory's last tenant left.
const SIGNAL: Bytes = Bytes(8);

/// What every job of a run is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) steps: u32,
    pub(crate) batch: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Start from an image instead of from noise, so that the VAE encodes too.
    pub(crate) from_image: bool,
}

impl Request {
    /// The same, for images twice as wide and high.
    pub(crate) fn doubled(&self) -> Request {
        Request { width: 2 * self.width, height: 2 * self.height, ..self.clone() }
    }
}

/// One job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) number: u32,
    pub(crate) seed: u64,
}

/// Where jobs are run.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) machine: Arc<Machine>,
    pub(crate) residency: Arc<Residency>,
    pub(crate) model: Arc<Model>,
    pub(crate) request: Request,
    /// After how many steps a preview is decoded, if ever.
    pub(crate) previews: Option<u32>,
    /// Whether the first job is asked for more than the others.
    pub(crate) hoard: bool,
    pub(crate) empty_cache: bool,
    pub(crate) device_pressure: Option<Bytes>,
}

/// A job as it runs: the pipeline, the checkpoint, and how many layers ran.
struct Run<'a> {
    pipeline: &'a Pipeline,
    checkpoint: &'a Checkpoint,
    tick: Cell<u64>,
}

impl Pipeline {
    /// Runs a job and folds its images into a fingerprint.
    pub(crate) fn run(&self, checkpoint: &Checkpoint, job: Job) -> anyhow::Result<Fingerprint> {
        let _job = Scope::Job.enter();
        let larger = Pipeline { request: self.request.doubled(), ..self.clone() };
        let pipeline = if self.hoard && job.number == 0 { &larger } else { self };
        let run = Run { pipeline, checkpoint, tick: Cell::new(job.seed % 7) };
        let prompt = run.encode_prompt(job)?;
        let latent = run.start(job)?;
        let latent = run.denoise(latent, &prompt)?;
        drop(prompt);
        run.decode(&latent)
    }

    /// What is done when a job has ended, well or not.
    pub(crate) fn after_job(&self) -> anyhow::Result<()> {
        if self.empty_cache { pressure::release_cache(&self.machine, Reason::Policy) } else { Ok(()) }
    }

    fn relieve(&self) -> anyhow::Result<()> {
        pressure::relieve_device(&self.machine, &self.residency, self.device_pressure)
    }

    /// The latent image's width and height.
    fn latent_grid(&self) -> Grid {
        Grid { width: self.request.width / 8, height: self.request.height / 8 }
    }
}

impl Run<'_> {
    /// The latent that denoising starts from: noise, or an encoded image.
    fn start(&self, job: Job) -> anyhow::Result<Arc<Tensor>> {
        let grid = self.pipeline.latent_grid();
        let latent = self.activation(LATENT * grid.positions() * u64::from(self.pipeline.request.batch))?;
        latent.upload(&noise(job.seed, latent.size().length()))?;
        if self.pipeline.request.from_image { self.encode_image(&latent) } else { Ok(latent) }
    }

    fn denoise(&self, mut latent: Arc<Tensor>, prompt: &Arc<Tensor>) -> anyhow::Result<Arc<Tensor>> {
        let _phase = Phase::Denoise.enter();
        for step in 0..self.pipeline.request.steps {
            let _step = Scope::Step.enter();
            // Classifier-free guidance asks twice at once: with the prompt, and without.
            let doubled = self.activation_like(&latent, 2)?;
            doubled.copy_from(&latent, latent.size())?;
            let predicted = self.unet(&doubled, prompt, step)?;
            drop(doubled);
            let guided = self.activation_like(&latent, 1)?;
            self.pass_on(&predicted, &guided)?;
            drop(predicted);
            let next = self.activation_like(&latent, 1)?;
            self.pass_on(&guided, &next)?;
            latent = next;
            if self.pipeline.previews.is_some_and(|every| (step + 1).is_multiple_of(every)) {
                self.preview(&latent)?;
            }
            self.pipeline.machine.device.sample_free();
            self.pipeline.relieve()?;
        }
        Ok(latent)
    }

    /// Allocates an activation of this many elements of the real model.
    fn activation(&self, elements: u64) -> anyhow::Result<Arc<Tensor>> {
        let real = Bytes::of(size_of::<u16>()) * elements;
        let size = self.pipeline.model.scale.of(real).max(SIGNAL);
        Ok(Arc::new(self.pipeline.machine.device.tensor(size)?))
    }

    fn activation_like(&self, other: &Tensor, times: u64) -> anyhow::Result<Arc<Tensor>> {
        Ok(Arc::new(self.pipeline.machine.device.tensor(other.size() * times)?))
    }

    /// Passes bytes on from one activation to the next, which stands for computing one from the other.
    fn pass_on(&self, from: &Tensor, to: &Tensor) -> anyhow::Result<()> {
        const ENOUGH: Bytes = Bytes::kib(64);
        to.copy_from(from, from.size().min(to.size()).min(ENOUGH))?;
        Ok(())
    }

    /// Lets a module's weights show in its output.
    fn apply(&self, module: &Hooked, output: &Tensor) -> anyhow::Result<()> {
        let tick = self.tick.get();
        self.tick.set(tick + 1);
        let seen = module.look(tick)?;
        let mut signal = [0; SIGNAL.0 as usize];
        output.download(&mut signal, Bytes::ZERO)?;
        let mixed = seen.then(Fingerprint(u64::from_le_bytes(signal)));
        output.upload(&mixed.0.to_le_bytes())?;
        Ok(())
    }
}
