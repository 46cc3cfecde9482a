//! One pass through the UNet: down with every input block's output kept, through the middle, and up again with each
//! output block taking one of those back.

use std::sync::Arc;

use super::Run;
use super::feature::Feature;
use super::text::TOKENS;
use crate::device::Tensor;
use crate::fingerprint::noise;
use crate::hook::Hooked;
use crate::model::unet::{Block, EMBEDDING, LATENT, Stage};

/// Attention scores are computed a slice at a time, in slices of at most this many elements.
const SLICE: u64 = 64 << 20;
const HEAD: u64 = 64;

impl Run<'_> {
    /// Predicts the noise in a latent, which comes twice for classifier-free guidance.
    pub(super) fn unet(
        &self,
        latent: &Arc<Tensor>,
        prompt: &Arc<Tensor>,
        step: u32,
    ) -> anyhow::Result<Arc<Tensor>> {
        let unet = &self.checkpoint.unet;
        let shape = &self.pipeline.model.shape;
        unet.whole.call(latent, || {
            let time = self.time_embedding(step)?;
            let mut feature =
                Feature { tensor: Arc::clone(latent), channels: LATENT, grid: self.pipeline.latent_grid() };
            let mut skips = Vec::new();
            for (hooked, block) in unet.input.iter().zip(&shape.input) {
                feature = self.block(hooked, block, feature, &time, prompt)?;
                skips.push(feature.clone());
            }
            feature = self.block(&unet.middle, &shape.middle, feature, &time, prompt)?;
            for (hooked, block) in unet.output.iter().zip(&shape.output) {
                let skip = skips.pop().expect("every output block has an input block at its other end");
                let joined = self.join(feature, skip)?;
                feature = self.block(hooked, block, joined, &time, prompt)?;
            }
            Ok(feature.tensor)
        })
    }

    fn time_embedding(&self, step: u32) -> anyhow::Result<Arc<Tensor>> {
        let frequencies = self.activation(self.doubled_batch() * EMBEDDING / 4)?;
        frequencies.upload(&noise(u64::from(step), frequencies.size().length()))?;
        let hooked = &self.checkpoint.unet.time_embed;
        hooked.call(&frequencies, || {
            let hidden = self.activation(self.doubled_batch() * EMBEDDING)?;
            self.pass_on(&frequencies, &hidden)?;
            let out = self.activation_like(&hidden, 1)?;
            self.pass_on(&hidden, &out)?;
            self.apply(hooked, &out)?;
            Ok(out)
        })
    }

    fn block(
        &self,
        hooked: &Hooked,
        block: &Block,
        feature: Feature,
        time: &Tensor,
        prompt: &Tensor,
    ) -> anyhow::Result<Feature> {
        let input = Arc::clone(&feature.tensor);
        hooked.call(&input, || {
            let mut feature = feature;
            for stage in &block.stages {
                feature = self.stage(*stage, feature, time, prompt)?;
            }
            self.apply(hooked, &feature.tensor)?;
            Ok(feature)
        })
    }

    fn stage(
        &self,
        stage: Stage,
        feature: Feature,
        time: &Tensor,
        prompt: &Tensor,
    ) -> anyhow::Result<Feature> {
        let grid = feature.grid;
        match stage {
            Stage::Convolution { to, .. } => self.convolve(&feature, to),
            Stage::Down { channels } => self.convolve(&Feature { grid: grid.halved(), ..feature }, channels),
            Stage::Up { channels } => self.convolve(&Feature { grid: grid.doubled(), ..feature }, channels),
            Stage::Residual { to, .. } => self.residual(&feature, to, time),
            Stage::Attention { depth, .. } => {
                (0..depth).try_fold(feature, |feature, _| self.attention(&feature, prompt))
            }
        }
    }

    /// A new feature map on the given one's grid.
    fn convolve(&self, feature: &Feature, channels: u64) -> anyhow::Result<Feature> {
        let tensor = self.map(channels, feature)?;
        self.pass_on(&feature.tensor, &tensor)?;
        Ok(Feature { tensor, channels, grid: feature.grid })
    }

    fn residual(&self, feature: &Feature, to: u64, time: &Tensor) -> anyhow::Result<Feature> {
        let normed = self.map(feature.channels, feature)?;
        self.pass_on(&feature.tensor, &normed)?;
        let hidden = self.map(to, feature)?;
        self.pass_on(&normed, &hidden)?;
        drop(normed);
        let projected = self.activation(self.doubled_batch() * to)?;
        self.pass_on(time, &projected)?;
        let normed = self.map(to, feature)?;
        self.pass_on(&hidden, &normed)?;
        drop((hidden, projected));
        self.convolve(&Feature { tensor: normed, ..*feature }, to)
    }

    fn attention(&self, feature: &Feature, prompt: &Tensor) -> anyhow::Result<Feature> {
        let channels = feature.channels;
        let heads = (channels / HEAD).max(1) * self.doubled_batch();
        let positions = feature.grid.positions();
        for keys in [positions, TOKENS] {
            let query = self.map(channels, feature)?;
            let (key, value) = match keys {
                TOKENS => (self.activation_like(prompt, 1)?, self.activation_like(prompt, 1)?),
                _ => (self.map(channels, feature)?, self.map(channels, feature)?),
            };
            self.pass_on(&feature.tensor, &query)?;
            self.pass_on(prompt, &key)?;
            let scores = self.activation((heads * positions * keys).min(SLICE))?;
            let attended = self.map(channels, feature)?;
            self.pass_on(&query, &attended)?;
            drop((query, key, value, scores));
            self.pass_on(&attended, &feature.tensor)?;
        }
        let gated = self.map(8 * channels, feature)?;
        let hidden = self.map(4 * channels, feature)?;
        drop(gated);
        let out = self.convolve(feature, channels)?;
        drop(hidden);
        Ok(out)
    }

    /// Puts a skip connection's channels behind a feature map's.
    fn join(&self, feature: Feature, skip: Feature) -> anyhow::Result<Feature> {
        let channels = feature.channels + skip.channels;
        let tensor = self.map(channels, &feature)?;
        self.pass_on(&skip.tensor, &tensor)?;
        self.pass_on(&feature.tensor, &tensor)?;
        Ok(Feature { tensor, channels, grid: feature.grid })
    }

    fn map(&self, channels: u64, like: &Feature) -> anyhow::Result<Arc<Tensor>> {
        self.activation(self.doubled_batch() * channels * like.grid.positions())
    }

    fn doubled_batch(&self) -> u64 {
        2 * u64::from(self.pipeline.request.batch)
    }
}
