//! Device memory profiles of JAX: what `jax.profiler.save_device_memory_profile` writes, a profile in pprof's form.
//!
//! It shows what was live when it was saved, and nothing of how that came about.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
};

use hashbrown::HashMap;
use memtrace_analysis::ReadError;
use memtrace_format::{LACKS_THREADS, LACKS_TIMES, MemoryKind};
use prost::Message;
use thiserror::Error;

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    plain::{Action, Frame, Heap, Pool, Recording, Row, Thread},
};

/// Where blocks are put, and how far apart: the profile does not say where they lie.
const FIRST_ADDRESS: u64 = 1 << 40;
const ALIGNMENT: u64 = 256;

/// The longest block: all of them together have addresses.
const LONGEST: u64 = 1 << 50;

/// The most frames of a stack.
const FRAMES: usize = 1024;

/// Why a profile cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// It is no profile.
    #[error("it begins as a profile of pprof, and is none: {0}")]
    Decode(#[from] prost::DecodeError),
    /// It is a profile of something else.
    #[error("it is a profile of pprof without bytes of memory: it counts {0}")]
    NoBytes(String),
    /// It refers to what is not there.
    #[error("it refers to {what} {id}, which is not there")]
    Missing {
        /// What: a location, a function, a string.
        what: &'static str,
        /// Which.
        id: u64,
    },
    /// A number that cannot be.
    #[error("sample {sample} has {bytes} bytes")]
    Bytes {
        /// Which, from 0.
        sample: usize,
        /// How many.
        bytes: i64,
    },
}

// The messages of `profile.proto` that are read.

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    string_table: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// Imports a profile of `length` bytes into an empty file.
pub(super) fn import(
    mut source: File,
    length: u64,
    log: File,
    watch: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Imported, ImportError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    let read = source.read_to_end(&mut bytes);
    read.map_err(|source: io::Error| ReadError::Read { offset: 0, length: bytes.len(), source })?;
    let profile = Profile::decode(&bytes[..]).map_err(ProfileError::from)?;
    drop(bytes);
    watch(Stage::Reading, length, length);
    recording(&profile)?.write(log, watch)
}

fn recording(profile: &Profile) -> Result<Recording, ProfileError> {
    let value = value_of_bytes(profile)?;
    let mut blocks = Vec::new();
    for (number, sample) in profile.sample.iter().enumerate() {
        let bytes = sample.value.get(value).copied().unwrap_or(0);
        let size = u64::try_from(bytes).ok().filter(|&size| size <= LONGEST);
        let size = size.ok_or(ProfileError::Bytes { sample: number, bytes })?;
        if size > 0 {
            let (device, kind) = (profile.label(sample, "device")?, profile.label(sample, "kind")?);
            blocks.push(Block { size, device, kind, sample });
        }
    }
    let devices: BTreeSet<&str> = blocks.iter().filter_map(|block| block.device.as_deref()).collect();
    // What is of no device in particular, such as a compiled program, is of the only one.
    let only = devices.first().filter(|_| devices.len() == 1).map_or("(no device)", |device| device);
    let mut frames = Frames::of(profile);
    let (mut heaps, mut kinds) = (Vec::<Heap>::new(), Vec::<String>::new());
    let mut address = FIRST_ADDRESS;
    let mut before = Vec::new();
    for block in &blocks {
        let device = block.device.as_deref().unwrap_or(only);
        let pool = place_of(&mut heaps, |heap| heap.name == device, || heap(device));
        let module =
            block.kind.as_ref().map(|kind| place_of(&mut kinds, |other| other == kind, || kind.clone()));
        let (size, frame) = (block.size, frames.innermost(block.sample)?);
        let module = module.map_or(0, |place| place + 1);
        before.push(Row { time: 0, address, size, thread: 0, pool, frame, module, action: Action::Alloc });
        address = address.saturating_add(size.next_multiple_of(ALIGNMENT)).min(u64::MAX / 4);
    }
    let pool = |heap| Pool { heap, name: "default".to_owned(), stream: 0 };
    Ok(Recording {
        lacks: LACKS_TIMES | LACKS_THREADS,
        threads: vec![Thread { os_id: 0, name: "profile".to_owned() }],
        pools: (0..heaps.len() as u32).map(pool).collect(),
        heaps,
        frames: frames.list,
        modules: kinds,
        before,
        notes: vec!["import: each row of the profile is one block; where it lies is not recorded".to_owned()],
        ..Recording::new(ForeignFormat::Jax, "JAX")
    })
}

/// What a sample says.
struct Block<'a> {
    size: u64,
    device: Option<String>,
    kind: Option<String>,
    sample: &'a Sample,
}

/// Which of a sample's values counts bytes.
fn value_of_bytes(profile: &Profile) -> Result<usize, ProfileError> {
    let mut counted = Vec::new();
    for (place, kind) in profile.sample_type.iter().enumerate() {
        let (name, unit) = (profile.string(kind.kind)?, profile.string(kind.unit)?);
        if unit == "bytes" {
            return Ok(place);
        }
        counted.push(format!("{name} in {unit}"));
    }
    Err(ProfileError::NoBytes(counted.join(", ")))
}

impl Profile {
    fn string(&self, place: i64) -> Result<String, ProfileError> {
        let string = usize::try_from(place).ok().and_then(|place| self.string_table.get(place));
        let missing = ProfileError::Missing { what: "string", id: place.unsigned_abs() };
        string.map(|string| String::from_utf8_lossy(string).into_owned()).ok_or(missing)
    }

    fn label(&self, sample: &Sample, key: &str) -> Result<Option<String>, ProfileError> {
        for label in &sample.label {
            if self.string(label.key)? == key {
                return self.string(label.str).map(Some);
            }
        }
        Ok(None)
    }
}

/// A device's heap: of those that JAX names by kind and ordinal the ordinal is known.
fn heap(device: &str) -> Heap {
    let ordinal = device.rsplit_once(':').and_then(|(_, ordinal)| ordinal.parse().ok());
    let is_host = device.to_ascii_lowercase().contains("cpu");
    let kind = if is_host { MemoryKind::Host } else { MemoryKind::Device };
    Heap { name: device.to_owned(), kind, device: ordinal.filter(|_| !is_host) }
}

/// The place of the first that is wanted; of a new one if there is none.
fn place_of<T>(list: &mut Vec<T>, is_wanted: impl FnMut(&T) -> bool, new: impl FnOnce() -> T) -> u32 {
    let place = list.iter().position(is_wanted);
    place.unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    }) as u32
}

/// The frames of the stacks.
struct Frames<'a> {
    profile: &'a Profile,
    locations: HashMap<u64, &'a Location>,
    functions: HashMap<u64, Function>,
    list: Vec<Frame>,
    places: HashMap<(u32, u64, i64, u64), u32>,
}

impl<'a> Frames<'a> {
    fn of(profile: &'a Profile) -> Self {
        Self {
            profile,
            locations: profile.location.iter().map(|location| (location.id, location)).collect(),
            functions: profile.function.iter().map(|&function| (function.id, function)).collect(),
            list: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// One more than the place of a sample's innermost frame; 0 if it has none.
    fn innermost(&mut self, sample: &Sample) -> Result<u32, ProfileError> {
        let mut caller = 0;
        // The innermost come first, and so do those of them that were inlined.
        for &id in sample.location_id.iter().take(FRAMES).rev() {
            let location = *self.locations.get(&id).ok_or(ProfileError::Missing { what: "location", id })?;
            if location.line.is_empty() {
                caller = self.frame(caller, Line::default(), location.address)?;
            }
            for &line in location.line.iter().take(FRAMES).rev() {
                caller = self.frame(caller, line, 0)?;
            }
        }
        Ok(caller)
    }

    fn frame(&mut self, caller: u32, line: Line, address: u64) -> Result<u32, ProfileError> {
        let key = (caller, line.function_id, line.line, address);
        if let Some(&place) = self.places.get(&key) {
            return Ok(place);
        }
        let (mut function, mut file) = (String::new(), String::new());
        if let Some(known) = self.functions.get(&line.function_id) {
            (function, file) = (self.profile.string(known.name)?, self.profile.string(known.filename)?);
        } else if line.function_id != 0 {
            return Err(ProfileError::Missing { what: "function", id: line.function_id });
        }
        let line = u32::try_from(line.line).unwrap_or(0);
        self.list.push(Frame { caller, function, file, line, address });
        let place = self.list.len() as u32;
        self.places.insert(key, place);
        Ok(place)
    }
}
