//! The text encoders: a prompt becomes the embedding that every step of denoising reads.

use std::sync::Arc;

use super::{Job, Run};
use crate::device::Tensor;
use crate::fingerprint::noise;
use crate::recording::Phase;

/// Tokens a prompt is padded to.
pub(super) const TOKENS: u64 = 77;
/// With the prompt and without it, for classifier-free guidance.
pub(super) const PROMPTS: u64 = 2;
const WIDTH: u64 = 1280;
const HEADS: u64 = 20;
const LAYERS: u32 = 12;

impl Run<'_> {
    /// Encodes the prompt with every text encoder, one after the other.
    pub(super) fn encode_prompt(&self, job: Job) -> anyhow::Result<Arc<Tensor>> {
        let _phase = Phase::EncodePrompt.enter();
        let context = self.pipeline.model.shape.context;
        let batch = u64::from(self.pipeline.request.batch);
        let embedding = self.activation(batch * PROMPTS * TOKENS * context)?;
        let tokens = self.activation(PROMPTS * TOKENS)?;
        tokens.upload(&noise(job.seed ^ u64::MAX, tokens.size().length()))?;
        for encoder in &self.checkpoint.text_encoders {
            let encoded = encoder.call(&tokens, || {
                let mut hidden = self.activation(PROMPTS * TOKENS * WIDTH)?;
                self.pass_on(&tokens, &hidden)?;
                for _ in 0..LAYERS {
                    hidden = self.text_layer(&hidden)?;
                }
                self.apply(encoder, &hidden)?;
                Ok(hidden)
            })?;
            self.pass_on(&encoded, &embedding)?;
        }
        Ok(embedding)
    }

    fn text_layer(&self, hidden: &Tensor) -> anyhow::Result<Arc<Tensor>> {
        let qkv = self.activation_like(hidden, 3)?;
        let scores = self.activation(PROMPTS * HEADS * TOKENS * TOKENS)?;
        let attended = self.activation_like(hidden, 1)?;
        drop((qkv, scores));
        let widened = self.activation_like(&attended, 4)?;
        let out = self.activation_like(hidden, 1)?;
        drop(widened);
        self.pass_on(hidden, &out)?;
        Ok(out)
    }
}
