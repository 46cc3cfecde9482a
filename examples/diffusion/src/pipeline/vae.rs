//! The VAE's two methods. Neither is the module's forward, so both are wrapped: they ask for the weights themselves.

use std::sync::Arc;

use super::feature::Grid;
use super::{Run, SIGNAL};
use crate::device::Tensor;
use crate::fingerprint::Fingerprint;
use crate::hook::Hooked;
use crate::model::unet::LATENT;
use crate::quantity::Bytes;
use crate::recording::{Method, Phase, Scope};

/// Channels at each level, from the latent to the image, and by how much the level's end widens the grid.
const LEVELS: [(u64, u32); 4] = [(512, 2), (512, 2), (256, 2), (128, 1)];
const COLORS: u64 = 3;

impl Run<'_> {
    /// Decodes a batch of latents, one image at a time, and folds the images into a fingerprint.
    pub(super) fn decode(&self, latents: &Arc<Tensor>) -> anyhow::Result<Fingerprint> {
        let _phase = Phase::Decode.enter();
        let vae = &self.checkpoint.vae;
        let mut digest = Fingerprint::default();
        for _ in 0..self.pipeline.request.batch {
            let image = vae.call_method(Method::Decode, latents, || self.decode_one(vae, latents))?;
            let host = &self.pipeline.machine.host;
            let pixels =
                host.filled(image.size(), None, |pixels| Ok(image.download(pixels, Bytes::ZERO)?))?;
            digest = digest.then(Fingerprint::of(&pixels.bytes()[..SIGNAL.length()]));
        }
        Ok(digest)
    }

    /// Decodes the first image of a latent that is still being denoised, and shows it to nobody.
    pub(super) fn preview(&self, latents: &Arc<Tensor>) -> anyhow::Result<()> {
        let _scope = Scope::Preview.enter();
        let vae = &self.checkpoint.preview_vae;
        // What a layer sees of its weights goes by the layers that ran, and a preview must not change the image.
        let tick = self.tick.get();
        vae.call_method(Method::Decode, latents, || self.decode_one(vae, latents))?;
        self.tick.set(tick);
        Ok(())
    }

    /// Encodes a batch of images into latents.
    pub(super) fn encode_image(&self, latents: &Arc<Tensor>) -> anyhow::Result<Arc<Tensor>> {
        let _phase = Phase::EncodeImage.enter();
        let vae = &self.checkpoint.vae;
        vae.call_method(Method::Encode, latents, || {
            let full = Grid { width: self.pipeline.request.width, height: self.pipeline.request.height };
            let mut grid = full;
            let mut hidden = self.activation(COLORS * grid.positions())?;
            self.pass_on(latents, &hidden)?;
            for (channels, shrink) in LEVELS.into_iter().rev() {
                hidden = self.vae_level(&hidden, channels, grid)?;
                grid = Grid { width: grid.width / shrink, height: grid.height / shrink };
            }
            let encoded = self.activation_like(latents, 1)?;
            self.pass_on(&hidden, &encoded)?;
            self.apply(vae, &encoded)?;
            Ok(encoded)
        })
    }

    fn decode_one(&self, vae: &Hooked, latents: &Tensor) -> anyhow::Result<Arc<Tensor>> {
        let mut grid = self.pipeline.latent_grid();
        let mut hidden = self.activation(LATENT * grid.positions())?;
        self.pass_on(latents, &hidden)?;
        for (channels, growth) in LEVELS {
            hidden = self.vae_level(&hidden, channels, grid)?;
            grid = Grid { width: grid.width * growth, height: grid.height * growth };
            if growth > 1 {
                let upsampled = self.activation(channels * grid.positions())?;
                self.pass_on(&hidden, &upsampled)?;
                hidden = upsampled;
            }
        }
        let image = self.activation(COLORS * grid.positions())?;
        self.pass_on(&hidden, &image)?;
        self.apply(vae, &image)?;
        Ok(image)
    }

    fn vae_level(&self, input: &Tensor, channels: u64, grid: Grid) -> anyhow::Result<Arc<Tensor>> {
        let normed = self.activation(channels * grid.positions())?;
        self.pass_on(input, &normed)?;
        let hidden = self.activation(channels * grid.positions())?;
        self.pass_on(&normed, &hidden)?;
        drop(normed);
        let out = self.activation(channels * grid.positions())?;
        self.pass_on(&hidden, &out)?;
        Ok(out)
    }
}
