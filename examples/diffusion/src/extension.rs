//! A guest that fragments the device: it takes blocks in turn, keeps a few, gives the rest back, and then wants more in one
//! piece than any of the holes it left.

use crate::device::{Device, Tensor};
use crate::quantity::Bytes;
use crate::recording::Scope;
use std::sync::Arc;

/// The segments of the allocator that the blocks are cut from hold this many of them.
const BLOCK: Bytes = Bytes::mib(4);
const BLOCKS: u64 = 5;
const SEGMENT: Bytes = Bytes(BLOCK.0 * BLOCKS);
/// Left to the jobs.
const REST: Bytes = Bytes::mib(8);

/// The device memory that it needs to do harm: more than one segment.
pub(crate) const NEEDS: Bytes = Bytes(3 * SEGMENT.0);

/// What it keeps, one block in the middle of each segment.
pub(crate) struct Extension {
    _kept: Vec<Tensor>,
}

impl Extension {
    /// Fills the device and makes its holes. Then asks for one piece that would fit all of them together, which fails; an
    /// engine goes on without it.
    pub(crate) fn install(device: &Arc<Device>) -> anyhow::Result<Extension> {
        let _scope = Scope::Extension.enter();
        let mut taken = Vec::new();
        let room = || device.free().unwrap_or_default();
        while room() >= SEGMENT + REST {
            for _ in 0..BLOCKS {
                taken.push(device.tensor(BLOCK)?);
            }
        }
        let middle = |index: &usize| *index as u64 % BLOCKS == BLOCKS / 2;
        let kept: Vec<Tensor> = taken
            .into_iter()
            .enumerate()
            .filter(|(index, _)| middle(index))
            .map(|(_, block)| block)
            .collect();
        // More than the driver has left, so that only the holes could serve it.
        let wanted = room().max(BLOCK * (BLOCKS / 2)) + BLOCK;
        if device.tensor(wanted).is_ok() {
            eprintln!("diffusion: the extension's request of {wanted} was served; try a larger --capacity");
        }
        Ok(Extension { _kept: kept })
    }
}
