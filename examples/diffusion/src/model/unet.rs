//! The UNet's shape: which blocks it has and what stands in each. Its weights and its activations both follow it.

use super::{Family, Layer, ModuleSpec, layer, stretch};
use crate::quantity::Bytes;

/// Channels of the first level; every other width is a multiple.
const BASE: u64 = 320;
/// Width of the time embedding.
pub(crate) const EMBEDDING: u64 = 4 * BASE;
/// Channels of the latent image.
pub(crate) const LATENT: u64 = 4;
/// Residual blocks at each level on the way down; there is one more on the way up.
const DEPTH: usize = 2;

/// A UNet: down through the input blocks, through the middle, up through the output blocks.
#[derive(Clone, Debug)]
pub(crate) struct Unet {
    pub(crate) input: Vec<Block>,
    pub(crate) middle: Block,
    pub(crate) output: Vec<Block>,
    /// Width of the text embedding that its cross attention reads.
    pub(crate) context: u64,
    /// Width of what SDXL adds to the time embedding: sizes, crops, the pooled prompt.
    label: Option<u64>,
}

/// One block: a module of its own when the UNet is split.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) stages: Vec<Stage>,
}

/// One step inside a block; channels are those of the real model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A convolution, 3×3.
    Convolution { from: u64, to: u64 },
    /// A residual block.
    Residual { from: u64, to: u64 },
    /// A transformer of `depth` layers over the image's positions.
    Attention { channels: u64, depth: u64 },
    /// Halves the resolution.
    Down { channels: u64 },
    /// Doubles the resolution.
    Up { channels: u64 },
}

impl Unet {
    pub(crate) fn new(family: Family) -> Unet {
        let (multiples, depths, middle_depth, context, label): (&[u64], &[u64], _, _, _) = match family {
            Family::Sd15 => (&[1, 2, 4, 4], &[1, 1, 1, 0], 1, 768, None),
            Family::Sdxl => (&[1, 2, 4], &[0, 2, 10], 10, 2048, Some(2816)),
        };
        let levels: Vec<(u64, u64)> =
            multiples.iter().map(|m| m * BASE).zip(depths.iter().copied()).collect();
        let (input, skips) = going_down(&levels);
        let widest = levels.last().map_or(BASE, |(channels, _)| *channels);
        let residual = Stage::Residual { from: widest, to: widest };
        let attention = Stage::Attention { channels: widest, depth: middle_depth };
        Unet {
            input,
            middle: Block { name: "middle_block".to_owned(), stages: vec![residual, attention, residual] },
            output: going_up(&levels, skips),
            context,
            label,
        }
    }

    /// The module tree with its weights, about `target` in all.
    pub(super) fn module(&self, target: Bytes) -> ModuleSpec {
        let mut parts = vec![("time_embed".to_owned(), self.time_embed())];
        for block in self.blocks() {
            let stages = block.stages.iter().enumerate();
            let layers = stages.flat_map(|(index, stage)| stage.layers(index, self.context));
            parts.push((block.name.clone(), layers.collect()));
        }
        let parameters: u64 = parts.iter().flat_map(|(_, layers)| layers).map(|layer| layer.parameters).sum();
        let bytes_per_parameter = target.0 as f64 / parameters as f64;
        let children = parts.into_iter().map(|(name, layers)| ModuleSpec {
            name,
            tensors: stretch(layers, bytes_per_parameter),
            children: Vec::new(),
        });
        ModuleSpec { name: "unet".to_owned(), tensors: Vec::new(), children: children.collect() }
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.input.iter().chain([&self.middle]).chain(&self.output)
    }

    fn time_embed(&self) -> Vec<Layer> {
        let mut layers = vec![
            layer("linear_1.weight", BASE * EMBEDDING),
            layer("linear_1.bias", EMBEDDING),
            layer("linear_2.weight", EMBEDDING * EMBEDDING),
            layer("linear_2.bias", EMBEDDING),
        ];
        if let Some(label) = self.label {
            layers.push(layer("label_1.weight", label * EMBEDDING));
            layers.push(layer("label_2.weight", EMBEDDING * EMBEDDING));
        }
        layers
    }
}

/// The input blocks, and the channels that each leaves for the output block at its other end.
fn going_down(levels: &[(u64, u64)]) -> (Vec<Block>, Vec<u64>) {
    let mut stages = vec![vec![Stage::Convolution { from: LATENT, to: BASE }]];
    let mut skips = vec![BASE];
    let mut channels = BASE;
    for (index, &(to, depth)) in levels.iter().enumerate() {
        for _ in 0..DEPTH {
            let mut block = vec![Stage::Residual { from: channels, to }];
            block.extend((depth > 0).then_some(Stage::Attention { channels: to, depth }));
            stages.push(block);
            channels = to;
            skips.push(channels);
        }
        if index + 1 < levels.len() {
            stages.push(vec![Stage::Down { channels }]);
            skips.push(channels);
        }
    }
    (named("input_blocks", stages), skips)
}

fn going_up(levels: &[(u64, u64)], mut skips: Vec<u64>) -> Vec<Block> {
    let mut stages = Vec::new();
    let mut channels = levels.last().map_or(BASE, |(channels, _)| *channels);
    for (index, &(to, depth)) in levels.iter().enumerate().rev() {
        for position in 0..=DEPTH {
            let skip = skips.pop().expect("every output block has an input block at its other end");
            let mut block = vec![Stage::Residual { from: channels + skip, to }];
            block.extend((depth > 0).then_some(Stage::Attention { channels: to, depth }));
            block.extend((index > 0 && position == DEPTH).then_some(Stage::Up { channels: to }));
            stages.push(block);
            channels = to;
        }
    }
    // The head that turns channels back into a latent image moves with the last block.
    if let Some(last) = stages.last_mut() {
        last.push(Stage::Convolution { from: BASE, to: LATENT });
    }
    named("output_blocks", stages)
}

fn named(list: &str, stages: Vec<Vec<Stage>>) -> Vec<Block> {
    let blocks = stages.into_iter().enumerate();
    blocks.map(|(index, stages)| Block { name: format!("{list}.{index}"), stages }).collect()
}

impl Stage {
    fn layers(self, index: usize, context: u64) -> Vec<Layer> {
        let named = |part: &str, parameters| layer(format!("{index}.{part}"), parameters);
        match self {
            Stage::Convolution { from, to } => {
                vec![named("conv.weight", 9 * from * to), named("conv.bias", to)]
            }
            Stage::Down { channels: c } | Stage::Up { channels: c } => {
                vec![named("resample.weight", 9 * c * c), named("resample.bias", c)]
            }
            Stage::Residual { from, to } => {
                let mut layers = vec![
                    named("in_norm", 2 * from),
                    named("in_conv.weight", 9 * from * to),
                    named("time_proj.weight", EMBEDDING * to),
                    named("out_norm", 2 * to),
                    named("out_conv.weight", 9 * to * to),
                    named("biases", 3 * to),
                ];
                layers.extend((from != to).then(|| named("skip.weight", from * to)));
                layers
            }
            Stage::Attention { channels: c, depth } => {
                let mut layers = vec![named("proj_in.weight", c * c), named("proj_out.weight", c * c)];
                for at in 0..depth {
                    let named = |part: &str, parameters| layer(format!("{index}.{at}.{part}"), parameters);
                    layers.extend([
                        named("attn1.qkv.weight", 3 * c * c),
                        named("attn1.out.weight", c * c),
                        named("attn2.q.weight", c * c),
                        named("attn2.kv.weight", 2 * c * context),
                        named("attn2.out.weight", c * c),
                        named("ff.in.weight", 8 * c * c),
                        named("ff.out.weight", 4 * c * c),
                        named("norms", 6 * c),
                    ]);
                }
                layers
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published parameter counts: 859.5 million and 2,567 million.
    #[test]
    fn the_architectures_have_their_published_numbers_of_parameters() {
        for (family, published) in [(Family::Sd15, 859.5e6), (Family::Sdxl, 2_567.5e6)] {
            let unet = Unet::new(family);
            let blocks = unet.blocks().flat_map(|block| &block.stages);
            let layers = blocks.flat_map(|stage| stage.layers(0, unet.context)).chain(unet.time_embed());
            let parameters: u64 = layers.map(|layer| layer.parameters).sum();
            let off = (parameters as f64 / published - 1.0).abs();
            assert!(off < 0.01, "{family:?}: {parameters}");
        }
    }

    #[test]
    fn blocks_are_as_many_as_in_the_real_models() {
        let counts = |family| {
            let unet = Unet::new(family);
            (unet.input.len(), unet.output.len())
        };
        assert_eq!(counts(Family::Sd15), (12, 12));
        assert_eq!(counts(Family::Sdxl), (9, 9));
    }
}
