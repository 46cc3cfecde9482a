//! The tiers of frugality: how little of a model is on the device at a time.

use crate::model::Family;

/// What `--tier` takes, with the web UIs' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tier {
    /// Everything stays on the device.
    None,
    /// Text encoder, UNet and VAE take turns.
    Medvram,
    /// As medvram if the model is SDXL-sized, else as none.
    MedvramSdxl,
    /// As medvram, and the UNet's blocks take turns too.
    Lowvram,
}

/// What a tier means for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frugality {
    Resident,
    WholeUnits,
    SplitUnet,
}

impl Tier {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tier::None => "none",
            Tier::Medvram => "medvram",
            Tier::MedvramSdxl => "medvram-sdxl",
            Tier::Lowvram => "lowvram",
        }
    }

    pub(crate) fn applied_to(self, family: Family) -> Frugality {
        match (self, family) {
            (Tier::None, _) | (Tier::MedvramSdxl, Family::Sd15) => Frugality::Resident,
            (Tier::Medvram, _) | (Tier::MedvramSdxl, Family::Sdxl) => Frugality::WholeUnits,
            (Tier::Lowvram, _) => Frugality::SplitUnet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medvram_sdxl_depends_on_the_model() {
        assert_eq!(Tier::MedvramSdxl.applied_to(Family::Sd15), Frugality::Resident);
        assert_eq!(Tier::MedvramSdxl.applied_to(Family::Sdxl), Frugality::WholeUnits);
    }
}
