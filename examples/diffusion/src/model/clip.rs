//! A text encoder's weights: an embedding of its vocabulary and a stack of transformer layers.

use super::{Layer, layer};

const VOCABULARY: u64 = 49_408;
/// Tokens a prompt is padded to.
const CONTEXT: u64 = 77;

pub(super) fn layers(depth: u64, width: u64) -> Vec<Layer> {
    let mut layers = vec![
        layer("token_embedding.weight", VOCABULARY * width),
        layer("position_embedding.weight", CONTEXT * width),
    ];
    for index in 0..depth {
        let named = |name: &str| format!("layers.{index}.{name}");
        layers.push(layer(named("norms"), 4 * width));
        layers.push(layer(named("self_attn.qkv.weight"), 3 * width * width));
        layers.push(layer(named("self_attn.out.weight"), width * width));
        layers.push(layer(named("mlp.fc1.weight"), 4 * width * width));
        layers.push(layer(named("mlp.fc2.weight"), 4 * width * width));
    }
    layers.push(layer("final_norm", 2 * width));
    layers
}
