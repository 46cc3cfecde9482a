//! A feature map: a tensor and the shape that the real model would give it.

use std::sync::Arc;

use crate::device::Tensor;

/// Positions of a feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A feature map; clones share the tensor, as a skip connection does.
#[derive(Clone)]
pub(super) struct Feature {
    pub(super) tensor: Arc<Tensor>,
    pub(super) channels: u64,
    pub(super) grid: Grid,
}

impl Grid {
    pub(super) fn positions(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) fn halved(self) -> Grid {
        Grid { width: self.width / 2, height: self.height / 2 }
    }

    pub(super) fn doubled(self) -> Grid {
        Grid { width: self.width * 2, height: self.height * 2 }
    }
}
