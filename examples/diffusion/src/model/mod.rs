//! Describes a model: its modules, their weights and their sizes, before any byte of it exists.
//!
//! The tensors follow the published architectures, so that their sizes are as uneven as real ones; each module's
//! tensors are then stretched to the size that module has on disk, times the [`Scale`].

mod clip;
mod scale;
pub(crate) mod unet;
mod vae;

pub(crate) use scale::Scale;
pub(crate) use unet::Unet;

use crate::quantity::Bytes;

/// The two families of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Family {
    /// Stable Diffusion 1.5: 512×512, one text encoder, 12 + 1 + 12 blocks.
    Sd15,
    /// Stable Diffusion XL: 1024×1024, two text encoders, 9 + 1 + 9 blocks.
    Sdxl,
}

/// A model: its modules and its UNet's shape.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) family: Family,
    pub(crate) scale: Scale,
    pub(crate) text_encoders: Vec<ModuleSpec>,
    pub(crate) unet: ModuleSpec,
    pub(crate) vae: ModuleSpec,
    pub(crate) shape: Unet,
}

/// A named part of a model, with weights of its own or with parts.
#[derive(Clone, Debug)]
pub(crate) struct ModuleSpec {
    pub(crate) name: String,
    pub(crate) tensors: Vec<TensorSpec>,
    pub(crate) children: Vec<ModuleSpec>,
}

/// One tensor of weights; its name is relative to its module.
#[derive(Clone, Debug)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Sd15 => "sd15",
            Family::Sdxl => "sdxl",
        }
    }

    /// The resolution it was trained for, which is what one asks for by default.
    pub(crate) fn native_resolution(self) -> u32 {
        match self {
            Family::Sd15 => 512,
            Family::Sdxl => 1024,
        }
    }
}

impl Model {
    pub(crate) fn new(family: Family, scale: Scale) -> Model {
        let shape = Unet::new(family);
        let of = |name: &str, megabytes: u64, layers: Vec<Layer>| {
            ModuleSpec::stretched(name, layers, scale.of(Bytes(megabytes * 1_000_000)))
        };
        let (text_encoders, unet_size, vae_megabytes) = match family {
            Family::Sd15 => {
                let encoder = of("text_encoder", 500, clip::layers(12, 768));
                (vec![encoder], 3_400, 300)
            }
            Family::Sdxl => {
                let first = of("text_encoder", 246, clip::layers(12, 768));
                let second = of("text_encoder_2", 1_390, clip::layers(32, 1280));
                (vec![first, second], 6_500, 335)
            }
        };
        Model {
            family,
            scale,
            text_encoders,
            unet: shape.module(scale.of(Bytes(unet_size * 1_000_000))),
            vae: of("vae", vae_megabytes, vae::layers()),
            shape,
        }
    }

    /// The modules at the top of the tree, in the order in which a job needs them.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &ModuleSpec> {
        self.text_encoders.iter().chain([&self.unet, &self.vae])
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.modules().map(ModuleSpec::bytes).sum()
    }
}

impl ModuleSpec {
    /// A module whose layers' tensors add up to about `target`, in proportion to their numbers of parameters.
    fn stretched(name: &str, layers: Vec<Layer>, target: Bytes) -> ModuleSpec {
        let parameters: u64 = layers.iter().map(|layer| layer.parameters).sum();
        ModuleSpec {
            name: name.to_owned(),
            tensors: stretch(layers, target.0 as f64 / parameters as f64),
            children: Vec::new(),
        }
    }

    /// The bytes of its own and its children's weights.
    pub(crate) fn bytes(&self) -> Bytes {
        let own: Bytes = self.tensors.iter().map(|tensor| tensor.bytes).sum();
        own + self.children.iter().map(ModuleSpec::bytes).sum()
    }
}

/// A tensor of the real architecture: a name and a number of parameters.
#[derive(Clone, Debug)]
struct Layer {
    name: String,
    parameters: u64,
}

fn layer(name: impl Into<String>, parameters: u64) -> Layer {
    Layer { name: name.into(), parameters }
}

/// Turns parameters into bytes. Weights are stored as two-byte floats, so every size is even.
fn stretch(layers: Vec<Layer>, bytes_per_parameter: f64) -> Vec<TensorSpec> {
    layers
        .into_iter()
        .map(|layer| TensorSpec {
            name: layer.name,
            bytes: Bytes(((layer.parameters as f64 * bytes_per_parameter / 2.0) as u64).max(1) * 2),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn megabytes(module: &ModuleSpec) -> u64 {
        (module.bytes().0 + 500_000) / 1_000_000
    }

    #[test]
    fn unscaled_modules_have_their_real_sizes() {
        let full: Scale = "1".parse().unwrap();
        let sd15 = Model::new(Family::Sd15, full);
        assert_eq!(sd15.modules().map(megabytes).collect::<Vec<_>>(), [500, 3_400, 300]);
        let sdxl = Model::new(Family::Sdxl, full);
        assert_eq!(sdxl.modules().map(megabytes).collect::<Vec<_>>(), [246, 1_390, 6_500, 335]);
    }

    #[test]
    fn scaling_scales_every_module() {
        let model = Model::new(Family::Sd15, "1/100".parse().unwrap());
        assert_eq!(model.modules().map(megabytes).collect::<Vec<_>>(), [5, 34, 3]);
    }

    #[test]
    fn names_are_unique_in_a_module() {
        for family in [Family::Sd15, Family::Sdxl] {
            let model = Model::new(family, "1/64".parse().unwrap());
            for module in model.modules().chain(&model.unet.children) {
                let mut names: Vec<_> = module.tensors.iter().map(|t| &t.name).collect();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), module.tensors.len(), "{}", module.name);
            }
        }
    }
}
