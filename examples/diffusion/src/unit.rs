//! A unit: the weights that move together, and the moves between disk, host and device.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::bail;

use crate::books::Direction;
use crate::device::Tensor;
use crate::fingerprint::Fingerprint;
use crate::host_memory::HostTensor;
use crate::machine::Machine;
use crate::module::Module;
use crate::quantity::Bytes;
use crate::recording::{self, Place, Reason};
use crate::weights::CheckpointFile;

/// How much of a tensor one look at it reads.
const WINDOW: Bytes = Bytes::kib(4);

/// The weights of one module, which are all in one place at a time.
pub(crate) struct Unit {
    // Declared before the module, so that the memory is given back before the module counts as released.
    weights: RwLock<Weights>,
    pub(crate) module: Arc<Module>,
    machine: Arc<Machine>,
    file: Arc<CheckpointFile>,
    pieces: Vec<Range<usize>>,
}

enum Weights {
    Host(Vec<HostTensor>),
    Device(Vec<Tensor>),
}

impl Unit {
    /// Reads a module's weights from its file into host memory.
    pub(crate) fn load(
        machine: &Arc<Machine>,
        module: &Arc<Module>,
        file: &Arc<CheckpointFile>,
        pieces: Vec<Range<usize>>,
    ) -> anyhow::Result<Arc<Unit>> {
        let transfer = module.recorded.read(machine.home.place(), module.bytes);
        let owner = Some(module.recorded);
        let tensors = pieces.iter().map(|piece| machine.home.tensor(file.bytes(piece), owner));
        let tensors: anyhow::Result<Vec<HostTensor>> = tensors.collect();
        let moved = if tensors.is_ok() { module.bytes } else { Bytes::ZERO };
        transfer.end(moved);
        machine.books.moved(module.row, Direction::DiskToHost, moved);
        Ok(Arc::new(Unit {
            weights: RwLock::new(Weights::Host(tensors?)),
            module: Arc::clone(module),
            machine: Arc::clone(machine),
            file: Arc::clone(file),
            pieces,
        }))
    }

    pub(crate) fn is_on_device(&self) -> bool {
        matches!(&*self.read(), Weights::Device(_))
    }

    /// Drops the weights, which are on the host and in their file.
    pub(crate) fn discard(self, why: Reason) {
        self.module.recorded.discard(self.machine.home.place(), why);
        self.machine.books.moved(self.module.row, Direction::HostToDisk, Bytes::ZERO);
    }

    /// Reads a few bytes of the weights where the device has them, and compares them with the file's: what a forward
    /// does here in place of arithmetic. `share` are the tensors of the module that runs.
    pub(crate) fn look(&self, share: &Range<usize>, tick: u64) -> anyhow::Result<Fingerprint> {
        let weights = self.read();
        let Weights::Device(tensors) = &*weights else {
            bail!("{} runs but its weights are not on the device", self.module.path);
        };
        let Some(index) = tick.checked_rem(share.len() as u64) else { return Ok(Fingerprint::default()) };
        let index = share.start + index as usize;
        let tensor = &tensors[index];
        let windows = tensor.size().0.div_ceil(WINDOW.0);
        let offset = WINDOW * (tick % windows);
        let mut window = vec![0; (tensor.size() - offset).min(WINDOW).length()];
        tensor.download(&mut window, offset)?;
        if window != self.file.bytes(&self.pieces[index])[offset.length()..][..window.len()] {
            bail!("the weights of {} on the device differ from their file's", self.module.path);
        }
        Ok(Fingerprint::of(&window))
    }

    /// Compares the weights, on the host, with the fingerprint that the file promised.
    pub(crate) fn verify(&self) -> anyhow::Result<()> {
        let weights = self.read();
        let Weights::Host(tensors) = &*weights else {
            bail!("{} can be verified on the host only", self.module.path);
        };
        let Some(promised) = self.module.fingerprint else { return Ok(()) };
        let hashes = tensors.iter().map(|tensor| Fingerprint::of(tensor.bytes()));
        if hashes.fold(Fingerprint::default(), Fingerprint::then) != promised {
            bail!("the weights of {} are no longer those of their file", self.module.path);
        }
        self.machine.books.verified(self.module.bytes);
        Ok(())
    }

    /// All or, if the device has too little memory, none.
    fn to_device(&self) -> anyhow::Result<()> {
        let mut weights = self.write();
        let Weights::Host(on_host) = &*weights else { return Ok(()) };
        let copies = on_host.iter().map(|tensor| {
            let copy = self.machine.device.weights(Bytes::of(tensor.bytes().len()), self.module.recorded)?;
            copy.upload(tensor.bytes())?;
            anyhow::Ok(copy)
        });
        let copies: Vec<Tensor> = copies.collect::<anyhow::Result<_>>()?;
        *weights = Weights::Device(copies);
        Ok(())
    }

    fn to_host(&self) -> anyhow::Result<()> {
        let mut weights = self.write();
        let Weights::Device(on_device) = &*weights else { return Ok(()) };
        let copies = on_device.iter().map(|tensor| {
            self.machine.home.filled(tensor.size(), Some(self.module.recorded), |copy| {
                Ok(tensor.download(copy, Bytes::ZERO)?)
            })
        });
        let copies: Vec<HostTensor> = copies.collect::<anyhow::Result<_>>()?;
        *weights = Weights::Host(copies);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Weights> {
        self.weights.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Weights> {
        self.weights.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl recording::Weights for Unit {
    fn recorded(&self) -> recording::Module {
        self.module.recorded
    }

    fn size(&self) -> Bytes {
        self.module.bytes
    }

    fn move_to(&self, place: Place) -> anyhow::Result<Bytes> {
        let (direction, done) = match place {
            Place::Device(_) => (Direction::HostToDevice, self.to_device()),
            _ => (Direction::DeviceToHost, self.to_host()),
        };
        let moved = if done.is_ok() { self.module.bytes } else { Bytes::ZERO };
        self.machine.books.moved(self.module.row, direction, moved);
        done.map(|()| moved)
    }
}
