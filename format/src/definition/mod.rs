//! Definitions: what the ids in records stand for. rkyv archives, each framed by a length, a kind, its id and a checksum.
//!
//! rkyv has no schema evolution: the bytes of one version read as another can be accepted with wrong contents. So the
//! number of a kind names one layout for ever. A kind whose fields change gets a new number, and [`SCHEMA_HASH`], which
//! the file header carries, changes with [`SCHEMA`].

mod entry;

use alloc::string::String;

use rkyv::{Archive, Deserialize, Serialize};

use crate::{
    Bytes, CounterId, DeviceId, HeapId, MemoryKind, ModuleId, NameId, PoolId, StackId, ThreadId, Unit,
};
pub use entry::{DefinitionError, DefinitionFault, ENTRY_ALIGNMENT, ENTRY_HEADER_BYTES, definitions, field};

/// The layouts of all kinds of definition, in words: number, kind, fields.
pub const SCHEMA: &str = "\
1 name{text:str}
2 thread{os_id:u32,name:str}
3 device{ordinal:u32,name:str,total:u64?}
4 heap{name:str,kind:u8,device:u32}
5 pool{heap:u32,name:str,stream:u64}
6 module{name:str,parent:u32,bytes:u64,fingerprint:u64?}
7 counter{name:str,unit:u8,device:u32}
8 stack{parent:u32,function:u32,file:u32,line:u32,address:u64}
9 engine{name:str,version:str}
";

/// FNV-1a of [`SCHEMA`].
pub const SCHEMA_HASH: u64 = {
    let text = SCHEMA.as_bytes();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < text.len() {
        hash = (hash ^ text[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
};

/// The longest text in a definition; longer ones are cut where they are defined.
pub const MAX_TEXT_BYTES: usize = 4096;

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Definition {
    /// A string that records name.
    Name(NameId, NameDefinition),
    /// A thread.
    Thread(ThreadId, ThreadDefinition),
    /// A device.
    Device(DeviceId, DeviceDefinition),
    /// A heap.
    Heap(HeapId, HeapDefinition),
    /// A pool of a heap.
    Pool(PoolId, PoolDefinition),
    /// A module.
    Module(ModuleId, ModuleDefinition),
    /// A counter.
    Counter(CounterId, CounterDefinition),
    /// A frame of a call stack and the frames that led to it.
    Stack(StackId, StackDefinition),
    /// The engine that was recorded.
    Engine(EngineDefinition),
}

/// A string that records name.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct NameDefinition {
    /// The string.
    pub text: String,
}

/// A thread.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ThreadDefinition {
    /// The kernel's id of it.
    pub os_id: u32,
    /// Its name, possibly empty.
    pub name: String,
}

/// A device.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DeviceDefinition {
    /// Its ordinal, as in `device:0`.
    pub ordinal: u32,
    /// What the driver calls it.
    pub name: String,
    /// Its memory in bytes, if known.
    pub total: Option<u64>,
}

/// A heap.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct HeapDefinition {
    /// As reports show it: `cuda:0`, `host`.
    pub name: String,
    /// The number of its [`MemoryKind`].
    pub kind: u8,
    /// The [`DeviceId`] whose memory it is; 0 for none.
    pub device: u32,
}

/// A pool of a heap.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PoolDefinition {
    /// The [`HeapId`] it belongs to.
    pub heap: u32,
    /// `small`, `large`, or what the engine calls it.
    pub name: String,
    /// The stream whose requests it serves.
    pub stream: u64,
}

/// A module.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ModuleDefinition {
    /// Its own name, without its parents'.
    pub name: String,
    /// The [`ModuleId`] it is a part of; 0 for none.
    pub parent: u32,
    /// The size of its weights, its children's included.
    pub bytes: u64,
    /// Tells these weights from others, whatever their name.
    pub fingerprint: Option<u64>,
}

/// A counter.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CounterDefinition {
    /// Its name.
    pub name: String,
    /// The number of its [`Unit`].
    pub unit: u8,
    /// The [`DeviceId`] it is about; 0 for none.
    pub device: u32,
}

/// A frame of a call stack and, by its parent, the frames that led to it.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct StackDefinition {
    /// The [`StackId`] of the caller's frame; 0 for the outermost.
    pub parent: u32,
    /// The [`NameId`] of the function; 0 if not known.
    pub function: u32,
    /// The [`NameId`] of the source file; 0 if not known.
    pub file: u32,
    /// The line in that file; 0 if not known.
    pub line: u32,
    /// The return address; 0 if not known.
    pub address: u64,
}

/// The engine that was recorded.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct EngineDefinition {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl HeapDefinition {
    /// The kind of memory, if this version knows it.
    pub fn memory_kind(&self) -> Option<MemoryKind> {
        MemoryKind::decode(self.kind)
    }
}

impl CounterDefinition {
    /// The unit, if this version knows it.
    pub fn unit(&self) -> Option<Unit> {
        Unit::decode(self.unit)
    }
}

impl ModuleDefinition {
    /// The size of its weights.
    pub fn size(&self) -> Bytes {
        Bytes(self.bytes)
    }
}

const _: () = {
    assert!(ENTRY_HEADER_BYTES == ENTRY_ALIGNMENT);
    assert!(size_of::<ArchivedNameDefinition>() == 8);
    assert!(size_of::<ArchivedThreadDefinition>() == 12);
    assert!(size_of::<ArchivedDeviceDefinition>() == 32);
    assert!(size_of::<ArchivedHeapDefinition>() == 16);
    assert!(size_of::<ArchivedPoolDefinition>() == 24);
    assert!(size_of::<ArchivedModuleDefinition>() == 40);
    assert!(size_of::<ArchivedCounterDefinition>() == 16);
    assert!(size_of::<ArchivedStackDefinition>() == 24);
    assert!(size_of::<ArchivedEngineDefinition>() == 16);
};
