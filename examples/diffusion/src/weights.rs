//! Checkpoint files: real safetensors files, written on first use and read through a mapping.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, View};

use crate::fingerprint::{Fingerprint, noise};
use crate::model::{Model, ModuleSpec};
use crate::quantity::Bytes;

/// Raised when the bytes written for one recipe change.
const GENERATION: u32 = 1;
const RECIPE: &str = "recipe";

/// An open checkpoint file.
pub(crate) struct CheckpointFile {
    map: Mmap,
    pieces: HashMap<String, Range<usize>>,
    fingerprints: HashMap<String, Fingerprint>,
}

/// Which checkpoint of a family; counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointNumber(pub(crate) u32);

impl CheckpointFile {
    /// Opens the file of this checkpoint in `folder`, and writes it first unless it is there and matches.
    pub(crate) fn open(
        folder: &Path,
        model: &Model,
        number: CheckpointNumber,
    ) -> anyhow::Result<CheckpointFile> {
        let path = path(folder, model, number);
        let recipe = recipe(model, number);
        if let Ok(file) = CheckpointFile::read(&path, &recipe) {
            return Ok(file);
        }
        let saying = || format!("cannot write weights to {}; try --weights DIR", path.display());
        std::fs::create_dir_all(folder).with_context(saying)?;
        write(&path, model, number, recipe.clone()).with_context(saying)?;
        CheckpointFile::read(&path, &recipe).with_context(|| format!("cannot use {}", path.display()))
    }

    fn read(path: &Path, recipe: &str) -> anyhow::Result<CheckpointFile> {
        let file = File::open(path)?;
        // SAFETY: the file is replaced by renaming, never rewritten, so what is mapped does not change.
        let map = unsafe { Mmap::map(&file) }?;
        let (header, metadata) = SafeTensors::read_metadata(&map)?;
        let said = metadata.metadata().clone().unwrap_or_default();
        if said.get(RECIPE).map(String::as_str) != Some(recipe) {
            bail!("it was written for something else");
        }
        let data = header + size_of::<u64>();
        let pieces = metadata.tensors().into_iter().map(|(name, info)| {
            let (start, end) = info.data_offsets;
            (name, data + start..data + end)
        });
        let pieces = pieces.collect();
        let fingerprints = said.iter().filter_map(|(module, value)| {
            let value = u64::from_str_radix(value, 16).ok()?;
            Some((module.clone(), Fingerprint(value)))
        });
        let fingerprints = fingerprints.collect();
        Ok(CheckpointFile { map, pieces, fingerprints })
    }

    /// Where the tensors of a module and its children lie, depth first.
    pub(crate) fn pieces(&self, module: &ModuleSpec, path: &str) -> anyhow::Result<Vec<Range<usize>>> {
        let mut pieces = Vec::new();
        for tensor in tensors(module, path) {
            let piece = self.pieces.get(&tensor.name);
            pieces.push(piece.with_context(|| format!("the weights lack {}", tensor.name))?.clone());
        }
        Ok(pieces)
    }

    /// The fingerprint that the file promises for a module.
    pub(crate) fn fingerprint(&self, path: &str) -> anyhow::Result<Fingerprint> {
        self.fingerprints
            .get(path)
            .copied()
            .with_context(|| format!("the weights lack a fingerprint of {path}"))
    }

    pub(crate) fn bytes(&self, piece: &Range<usize>) -> &[u8] {
        &self.map[piece.clone()]
    }
}

fn path(folder: &Path, model: &Model, number: CheckpointNumber) -> PathBuf {
    let scale = model.scale.to_string().replace('/', "of");
    folder.join(format!("{}-{scale}-{}.safetensors", model.family.name(), number.0))
}

fn recipe(model: &Model, number: CheckpointNumber) -> String {
    format!("{} {} {} {GENERATION}", model.family.name(), model.scale, number.0)
}

/// The file appears under its name only when it is complete, so that an engine started beside this one never maps half.
fn write(path: &Path, model: &Model, number: CheckpointNumber, recipe: String) -> anyhow::Result<()> {
    let mut said = HashMap::from([(RECIPE.to_owned(), recipe)]);
    let mut data = Vec::new();
    for module in model.modules() {
        for part in std::iter::once((module, module.name.clone())).chain(children(module)) {
            let (part, path) = part;
            let tensors = tensors(part, &path);
            let hashes = tensors.iter().map(|tensor| Fingerprint::of(&tensor.content(number)));
            said.insert(path, hashes.fold(Fingerprint::default(), Fingerprint::then).to_string());
        }
        let tensors = tensors(module, &module.name).into_iter();
        data.extend(tensors.map(|tensor| (tensor.name.clone(), Generated::new(tensor, number))));
    }
    safetensors::serialize_to_file(data, Some(said), path)?;
    Ok(())
}

fn children(module: &ModuleSpec) -> impl Iterator<Item = (&ModuleSpec, String)> {
    module.children.iter().map(|child| (child, format!("{}.{}", module.name, child.name)))
}

/// A tensor under its full name.
struct Named {
    name: String,
    bytes: Bytes,
}

fn tensors(module: &ModuleSpec, path: &str) -> Vec<Named> {
    let own = module
        .tensors
        .iter()
        .map(|tensor| Named { name: format!("{path}.{}", tensor.name), bytes: tensor.bytes });
    let below = module.children.iter().flat_map(|child| tensors(child, &format!("{path}.{}", child.name)));
    own.chain(below).collect()
}

impl Named {
    fn content(&self, number: CheckpointNumber) -> Vec<u8> {
        let seed = Fingerprint::of(self.name.as_bytes()).then(Fingerprint(u64::from(number.0)));
        noise(seed.0, self.bytes.length())
    }
}

/// A tensor whose bytes are made when they are written.
struct Generated {
    tensor: Named,
    shape: [usize; 1],
    number: CheckpointNumber,
}

impl Generated {
    fn new(tensor: Named, number: CheckpointNumber) -> Generated {
        let shape = [tensor.bytes.length() / size_of::<u16>()];
        Generated { tensor, shape, number }
    }
}

impl View for Generated {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.tensor.content(self.number))
    }

    fn data_len(&self) -> usize {
        self.tensor.bytes.length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Family;

    fn model() -> Model {
        Model::new(Family::Sd15, "1/4096".parse().unwrap())
    }

    #[test]
    fn a_file_is_written_once_and_holds_what_it_promises() {
        let folder = tempfile::tempdir().unwrap();
        let model = model();
        let file = CheckpointFile::open(folder.path(), &model, CheckpointNumber(1)).unwrap();
        let modified =
            || std::fs::metadata(path(folder.path(), &model, CheckpointNumber(1))).unwrap().modified();
        let before = modified().unwrap();
        CheckpointFile::open(folder.path(), &model, CheckpointNumber(1)).unwrap();
        assert_eq!(modified().unwrap(), before);

        let pieces = file.pieces(&model.unet, "unet").unwrap();
        let hashes = pieces.iter().map(|piece| Fingerprint::of(file.bytes(piece)));
        let all = hashes.fold(Fingerprint::default(), Fingerprint::then);
        assert_eq!(file.fingerprint("unet").unwrap(), all);
        assert!(file.fingerprint("unet.middle_block").is_ok());
    }

    #[test]
    fn another_checkpoint_has_other_weights() {
        let folder = tempfile::tempdir().unwrap();
        let fingerprint = |number| {
            let file = CheckpointFile::open(folder.path(), &model(), CheckpointNumber(number)).unwrap();
            file.fingerprint("vae").unwrap()
        };
        assert_ne!(fingerprint(1), fingerprint(2));
    }

    #[test]
    fn a_damaged_file_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), &model(), CheckpointNumber(1));
        std::fs::write(&path, b"not a safetensors file").unwrap();
        assert!(CheckpointFile::open(folder.path(), &model(), CheckpointNumber(1)).is_ok());
    }
}
