//! A definition as it lies in a chunk: framed, and found again.

use alloc::vec::Vec;

use rkyv::{Serialize, rancor::Failure, util::AlignedVec};
use thiserror::Error;

use super::{
    CounterDefinition, Definition, DeviceDefinition, EngineDefinition, HeapDefinition, ModuleDefinition,
    NameDefinition, PoolDefinition, StackDefinition, ThreadDefinition,
};
use crate::{
    CounterId, DeviceId, HeapId, ModuleId, NameId, PoolId, StackId, ThreadId,
    bytes::{Field, crc32},
};

/// Where the fields before a definition's archive lie.
#[allow(missing_docs, reason = "each is the field of that name")]
pub mod field {
    use super::Field;

    pub const LENGTH: Field = Field::first(4);
    pub const KIND: Field = LENGTH.then(2);
    pub const RESERVED: Field = KIND.then(2);
    pub const ID: Field = RESERVED.then(4);
    pub const CRC: Field = ID.then(4);
}

/// The bytes before a definition's archive. A writer stores the first eight last: until then the place is free.
pub const ENTRY_HEADER_BYTES: usize = field::CRC.end();

/// Definitions start at multiples of this many bytes in their chunk.
pub const ENTRY_ALIGNMENT: usize = 16;

impl Definition {
    /// The definition as it lies in a chunk, its length a multiple of [`ENTRY_ALIGNMENT`].
    pub fn to_entry(&self) -> Vec<u8> {
        match self {
            Self::Name(id, d) => frame(1, id.0, archive(d)),
            Self::Thread(id, d) => frame(2, id.0, archive(d)),
            Self::Device(id, d) => frame(3, id.0, archive(d)),
            Self::Heap(id, d) => frame(4, id.0, archive(d)),
            Self::Pool(id, d) => frame(5, u32::from(id.0), archive(d)),
            Self::Module(id, d) => frame(6, id.0, archive(d)),
            Self::Counter(id, d) => frame(7, id.0, archive(d)),
            Self::Stack(id, d) => frame(8, id.0, archive(d)),
            Self::Engine(d) => frame(9, 1, archive(d)),
        }
    }

    /// Reads the definition of this kind from its archive. `Ok(None)`: a kind of a later version.
    fn from_archive(kind: u16, id: u32, bytes: &[u8]) -> Result<Option<Self>, Failure> {
        Ok(Some(match kind {
            1 => Self::Name(NameId(id), rkyv::from_bytes::<NameDefinition, Failure>(bytes)?),
            2 => Self::Thread(ThreadId(id), rkyv::from_bytes::<ThreadDefinition, Failure>(bytes)?),
            3 => Self::Device(DeviceId(id), rkyv::from_bytes::<DeviceDefinition, Failure>(bytes)?),
            4 => Self::Heap(HeapId(id), rkyv::from_bytes::<HeapDefinition, Failure>(bytes)?),
            5 => Self::Pool(PoolId(id as u16), rkyv::from_bytes::<PoolDefinition, Failure>(bytes)?),
            6 => Self::Module(ModuleId(id), rkyv::from_bytes::<ModuleDefinition, Failure>(bytes)?),
            7 => Self::Counter(CounterId(id), rkyv::from_bytes::<CounterDefinition, Failure>(bytes)?),
            8 => Self::Stack(StackId(id), rkyv::from_bytes::<StackDefinition, Failure>(bytes)?),
            9 => Self::Engine(rkyv::from_bytes::<EngineDefinition, Failure>(bytes)?),
            _ => return Ok(None),
        }))
    }
}

fn archive(
    value: &impl for<'a> Serialize<
        rkyv::api::high::HighSerializer<AlignedVec, rkyv::ser::allocator::ArenaHandle<'a>, Failure>,
    >,
) -> AlignedVec {
    rkyv::to_bytes::<Failure>(value).expect("strings and integers always archive")
}

fn frame(kind: u16, id: u32, archive: AlignedVec) -> Vec<u8> {
    let length = archive.len() as u32;
    let padded = archive.len().next_multiple_of(ENTRY_ALIGNMENT);
    let mut entry = Vec::with_capacity(ENTRY_HEADER_BYTES + padded);
    entry.resize(ENTRY_HEADER_BYTES, 0);
    field::LENGTH.put(&mut entry, &length.to_le_bytes());
    field::KIND.put(&mut entry, &kind.to_le_bytes());
    field::ID.put(&mut entry, &id.to_le_bytes());
    let crc = crc32(&[&entry[..field::CRC.offset], &archive]);
    field::CRC.put(&mut entry, &crc.to_le_bytes());
    entry.extend_from_slice(&archive);
    entry.resize(ENTRY_HEADER_BYTES + padded, 0);
    entry
}

/// The definitions in the body of a chunk. Ends at the first free place.
///
/// A damaged definition is an error and the next one is looked for behind it; damage to its length ends the walk.
pub fn definitions(body: &[u8]) -> impl Iterator<Item = Result<Definition, DefinitionError>> + '_ {
    Definitions { body, at: 0 }.filter_map(Result::transpose)
}

struct Definitions<'a> {
    body: &'a [u8],
    at: usize,
}

impl Iterator for Definitions<'_> {
    type Item = Result<Option<Definition>, DefinitionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let entry = self.body.get(offset..)?;
        let head = entry.first_chunk::<ENTRY_HEADER_BYTES>()?;
        let length = field::LENGTH.read_u32(head) as usize;
        if length == 0 {
            return None;
        }
        let Some(archive) = entry.get(ENTRY_HEADER_BYTES..).and_then(|rest| rest.get(..length)) else {
            self.at = self.body.len();
            return Some(Err(DefinitionError { offset, what: DefinitionFault::Length }));
        };
        self.at = offset + (ENTRY_HEADER_BYTES + length).next_multiple_of(ENTRY_ALIGNMENT);
        if field::CRC.read_u32(head) != crc32(&[&head[..field::CRC.offset], archive]) {
            return Some(Err(DefinitionError { offset, what: DefinitionFault::Checksum }));
        }
        let definition =
            Definition::from_archive(field::KIND.read_u16(head), field::ID.read_u32(head), archive);
        Some(definition.map_err(|Failure| DefinitionError { offset, what: DefinitionFault::Archive }))
    }
}

/// A definition that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("definition at byte {offset} of its chunk's body: {what}")]
pub struct DefinitionError {
    /// Where it starts in the body of its chunk.
    pub offset: usize,
    /// What is wrong with it.
    pub what: DefinitionFault,
}

/// What is wrong with a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DefinitionFault {
    /// It claims to be longer than its chunk.
    #[error("it claims more bytes than its chunk holds")]
    Length,
    /// Its bytes are not those that were written.
    #[error("its checksum does not match its bytes")]
    Checksum,
    /// Its bytes are what was written and still no definition.
    #[error("its archive is not valid")]
    Archive,
}

#[cfg(test)]
mod tests {
    use alloc::{
        string::{String, ToString},
        vec,
    };

    use super::*;
    use crate::{MemoryKind, Unit};

    fn one_of_each() -> Vec<Definition> {
        vec![
            Definition::Name(NameId(1), NameDefinition { text: "step".to_string() }),
            Definition::Thread(ThreadId(2), ThreadDefinition { os_id: 77, name: String::new() }),
            Definition::Device(
                DeviceId(3),
                DeviceDefinition { ordinal: 0, name: "card".to_string(), total: Some(1 << 32) },
            ),
            Definition::Heap(
                HeapId(4),
                HeapDefinition { name: "cuda:0".to_string(), kind: MemoryKind::Device as u8, device: 3 },
            ),
            Definition::Pool(PoolId(5), PoolDefinition { heap: 4, name: "small".to_string(), stream: 0 }),
            Definition::Module(
                ModuleId(6),
                ModuleDefinition {
                    name: "a name of more than eight bytes".to_string(),
                    parent: 0,
                    bytes: 9,
                    fingerprint: None,
                },
            ),
            Definition::Counter(
                CounterId(7),
                CounterDefinition { name: "free".to_string(), unit: Unit::Bytes as u8, device: 3 },
            ),
            Definition::Stack(
                StackId(8),
                StackDefinition { parent: 0, function: 1, file: 0, line: 3, address: 4 },
            ),
            Definition::Engine(EngineDefinition { name: "diffusion".to_string(), version: "1".to_string() }),
        ]
    }

    /// A chunk's body in memory aligned as archives need it.
    fn body(definitions: &[Definition]) -> AlignedVec {
        let mut body = AlignedVec::new();
        for definition in definitions {
            body.extend_from_slice(&definition.to_entry());
        }
        body
    }

    #[test]
    fn every_kind_survives_the_way_through_a_chunk() {
        let body = body(&one_of_each());
        let read: Result<Vec<_>, _> = definitions(&body).collect();
        assert_eq!(read, Ok(one_of_each()));
    }

    #[test]
    fn damage_to_one_definition_leaves_the_others() {
        let all = one_of_each();
        let mut body = body(&all);
        body[ENTRY_HEADER_BYTES] ^= 1;
        let read: Vec<_> = definitions(&body).collect();
        assert_eq!(read[0], Err(DefinitionError { offset: 0, what: DefinitionFault::Checksum }));
        assert_eq!(read[1..].iter().cloned().collect::<Result<Vec<_>, _>>(), Ok(all[1..].to_vec()));
    }

    #[test]
    fn a_length_beyond_the_chunk_ends_the_walk() {
        let mut body = body(&one_of_each()[..1]);
        body[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let read: Vec<_> = definitions(&body).collect();
        assert_eq!(read, [Err(DefinitionError { offset: 0, what: DefinitionFault::Length })]);
    }

    #[test]
    fn a_kind_of_a_later_version_is_passed_over() {
        let mut archive = AlignedVec::new();
        archive.extend_from_slice(&[1, 2, 3]);
        let mut body = AlignedVec::<16>::new();
        body.extend_from_slice(&frame(999, 1, archive));
        body.extend_from_slice(&one_of_each()[0].to_entry());
        let read: Result<Vec<_>, _> = definitions(&body).collect();
        assert_eq!(read, Ok(one_of_each()[..1].to_vec()));
    }
}
