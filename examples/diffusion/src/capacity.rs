//! Estimates the device memory that a run needs, with a little to spare.

use crate::extension;
use crate::model::{Model, ModuleSpec, unet::Stage};
use crate::options::Options;
use crate::pipeline::Request;
use crate::quantity::Bytes;
use crate::tier::Frugality;

/// Room for what the allocator rounds up: a 20 MiB segment of the large pool and some of the small one's.
const SLACK: Bytes = Bytes::mib(32);

/// The capacity to run with when none is asked for.
pub(crate) fn needed(model: &Model, frugality: Frugality, options: &Options) -> Bytes {
    let request = if options.faults.hoard { options.request().doubled() } else { options.request() };
    let activations = unet_activations(model, &request).max(vae_activations(model, &request));
    let weights = resident_weights(model, frugality).max(options.remedies.resident.unwrap_or_default());
    let needed =
        weights + faulty_weights(model, frugality, options) + activations * u64::from(options.threads);
    let fragments = if options.faults.fragment { extension::NEEDS } else { Bytes::ZERO };
    (needed + Bytes(needed.0 / 8) + SLACK + fragments).round_up(Bytes::mib(2))
}

/// What stays on the device beside the model.
fn faulty_weights(model: &Model, frugality: Frugality, options: &Options) -> Bytes {
    let second_vae = options.faults.duplicate && frugality == Frugality::Resident;
    model.vae.bytes() * (u64::from(second_vae) + u64::from(options.faults.unused))
}

fn resident_weights(model: &Model, frugality: Frugality) -> Bytes {
    let units: Vec<&ModuleSpec> = match frugality {
        Frugality::Resident => return model.bytes(),
        Frugality::WholeUnits => model.modules().collect(),
        Frugality::SplitUnet => {
            model.text_encoders.iter().chain([&model.vae]).chain(&model.unet.children).collect()
        }
    };
    units.into_iter().map(ModuleSpec::bytes).max().unwrap_or_default()
}

/// Every skip connection at once, and what the widest block works with beside them: attention's gated layer is eight
/// maps wide, and what surrounds it as much again.
fn unet_activations(model: &Model, request: &Request) -> Bytes {
    let mut positions = u64::from(request.width / 8) * u64::from(request.height / 8);
    let mut elements = 0;
    let mut widest = 0;
    for block in &model.shape.input {
        for stage in &block.stages {
            let channels = match *stage {
                Stage::Convolution { to, .. } | Stage::Residual { to, .. } => to,
                Stage::Down { channels } | Stage::Up { channels } => {
                    positions /= 4;
                    channels
                }
                Stage::Attention { .. } => continue,
            };
            elements += channels * positions;
            widest = widest.max(channels * positions);
        }
    }
    scaled(model, 2 * u64::from(request.batch) * (elements + 16 * widest)) + model.scale.of(Bytes::mib(128))
}

/// The decoder's widest level holds three maps of 256 channels at full resolution.
fn vae_activations(model: &Model, request: &Request) -> Bytes {
    scaled(model, 3 * 256 * u64::from(request.width) * u64::from(request.height))
}

fn scaled(model: &Model, elements: u64) -> Bytes {
    model.scale.of(Bytes::of(size_of::<u16>()) * elements)
}
