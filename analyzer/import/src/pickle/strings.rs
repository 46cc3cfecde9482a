//! Every string of a pickle once.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

/// A string of a pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StringId(pub(super) u32);

/// Interned strings: bytes, for a pickle may hold what is not UTF-8.
#[derive(Debug, Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each string ends in `bytes`; it begins where the one before it ends.
    ends: Vec<usize>,
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Strings {
    /// The id of this string. `None`: there are more strings than ids.
    pub(super) fn intern(&mut self, string: &[u8]) -> Option<StringId> {
        let hash = self.hasher.hash_one(string);
        if let Some(&id) = self.ids.find(hash, |&id| self.get(StringId(id)) == string) {
            return Some(StringId(id));
        }
        let id = u32::try_from(self.ends.len()).ok()?;
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.ids.insert_unique(hash, id, |&id| hasher.hash_one(slice(bytes, ends, id)));
        Some(StringId(id))
    }

    /// The bytes of a string.
    #[inline]
    pub(super) fn get(&self, id: StringId) -> &[u8] {
        slice(&self.bytes, &self.ends, id.0)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The memory that they take.
    pub(super) fn footprint(&self) -> u64 {
        (self.bytes.len() + 16 * self.ends.len()) as u64
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = id.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[id]]
}
