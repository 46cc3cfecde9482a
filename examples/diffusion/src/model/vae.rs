//! The autoencoder's weights: four levels down to the latent image, four levels up again.

use super::{Layer, layer};

/// Channels at each level, from the image to the latent.
const CHANNELS: [u64; 4] = [128, 256, 512, 512];

pub(super) fn layers() -> Vec<Layer> {
    let mut layers = half("encoder", 2, CHANNELS.into_iter());
    layers.push(layer("quant_conv.weight", 8 * 8));
    layers.extend(half("decoder", 3, CHANNELS.into_iter().rev()));
    layers
}

/// One direction: a middle with attention at the latent's end, and `depth` residual blocks at each level.
fn half(name: &str, depth: u64, levels: impl Iterator<Item = u64>) -> Vec<Layer> {
    let widest = CHANNELS[CHANNELS.len() - 1];
    let mut layers = vec![
        layer(format!("{name}.mid.attn.qkv.weight"), 3 * widest * widest),
        layer(format!("{name}.mid.attn.out.weight"), widest * widest),
        layer(format!("{name}.mid.block_1.weight"), 18 * widest * widest),
        layer(format!("{name}.mid.block_2.weight"), 18 * widest * widest),
        layer(format!("{name}.norms"), 4 * widest),
    ];
    let mut incoming = None;
    for (level, channels) in levels.enumerate() {
        for block in 0..depth {
            let input = incoming.unwrap_or(channels);
            let named = |part: &str| format!("{name}.level_{level}.block_{block}.{part}");
            layers.push(layer(named("conv1.weight"), 9 * input * channels));
            layers.push(layer(named("conv2.weight"), 9 * channels * channels));
            incoming = Some(channels);
        }
        layers.push(layer(format!("{name}.level_{level}.resample.weight"), 9 * channels * channels));
    }
    layers
}
