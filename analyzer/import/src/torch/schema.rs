//! The parts of a snapshot, by the names that PyTorch gives them. What a version adds is passed over, what it lacks is `None`.

use thiserror::Error;

use super::keys::{Name, STREAM};
use crate::pickle::{Arena, ObjectId, StringId, Value, View};

/// Why a pickle is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at byte {offset}: {fault}")]
pub struct SnapshotError {
    /// Where in the file the dict begins that is wrong.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: SnapshotFault,
}

/// What is wrong with a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotFault {
    /// It is a pickle of something else.
    #[error(
        "this is no PyTorch memory snapshot: it is neither a dict with `segments` and `device_traces` nor a list of segments"
    )]
    NoSnapshot,
    /// Something every version has is not there.
    #[error("there is no `{0}`")]
    Missing(&'static str),
    /// Something is of another kind than in every version.
    #[error("`{0}` is not {1}")]
    Kind(&'static str, &'static str),
    /// More devices than there can be.
    #[error("it has {0} devices")]
    Devices(u64),
    /// More frames than can be kept.
    #[error("its stacks have too many different frames")]
    Stacks,
}

/// A dict of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dict<'a> {
    pub(super) arena: &'a Arena,
    pub(super) id: ObjectId,
}

impl<'a> Dict<'a> {
    /// The value as a dict.
    pub(super) fn of(arena: &'a Arena, value: Value) -> Option<Self> {
        match arena.view(value) {
            View::Dict(id) => Some(Self { arena, id }),
            _ => None,
        }
    }

    pub(super) fn error(&self, fault: SnapshotFault) -> SnapshotError {
        SnapshotError { offset: self.arena.offset(self.id), fault }
    }

    #[inline]
    pub(super) fn view(&self, name: Name) -> Option<View> {
        let view = self.arena.view(self.arena.get(self.id, name.key)?);
        (view != View::None).then_some(view)
    }

    /// A number of bytes, an address, a time.
    #[inline]
    pub(super) fn number(&self, name: Name) -> Result<Option<u64>, SnapshotError> {
        match self.view(name) {
            None => Ok(None),
            Some(View::Integer(number)) if number >= 0 => Ok(Some(number as u64)),
            Some(View::Large(number)) => Ok(Some(number)),
            Some(_) => Err(self.error(SnapshotFault::Kind(name.text, "a number of 64 bits without a sign"))),
        }
    }

    #[inline]
    pub(super) fn needed(&self, name: Name) -> Result<u64, SnapshotError> {
        self.number(name)?.ok_or_else(|| self.error(SnapshotFault::Missing(name.text)))
    }

    /// A stream: an address that only tells it from others.
    #[inline]
    pub(super) fn stream(&self) -> u64 {
        match self.view(STREAM) {
            Some(View::Integer(number)) => number as u64,
            Some(View::Large(number)) => number,
            _ => 0,
        }
    }

    #[inline]
    pub(super) fn string(&self, name: Name) -> Result<Option<StringId>, SnapshotError> {
        match self.view(name) {
            None => Ok(None),
            Some(View::String(id)) => Ok(Some(id)),
            Some(_) => Err(self.error(SnapshotFault::Kind(name.text, "a string"))),
        }
    }

    /// A list or a tuple.
    pub(super) fn list(&self, name: Name) -> Result<Option<ObjectId>, SnapshotError> {
        match self.view(name) {
            None => Ok(None),
            Some(View::List(id) | View::Tuple(id)) => Ok(Some(id)),
            Some(_) => Err(self.error(SnapshotFault::Kind(name.text, "a list"))),
        }
    }

    /// The dicts of a list.
    pub(super) fn dicts(
        &self,
        name: Name,
    ) -> Result<impl Iterator<Item = Result<Dict<'a>, SnapshotError>>, SnapshotError> {
        let list = self.list(name)?;
        let arena = self.arena;
        let error = self.error(SnapshotFault::Kind(name.text, "a list of dicts"));
        let items = list.into_iter().flat_map(move |list| arena.items(list));
        Ok(items.map(move |item| Dict::of(arena, item).ok_or_else(|| error.clone())))
    }

    /// The two numbers of a pool's id; those of the default pool are zero.
    pub(super) fn pool_id(&self, name: Name) -> Option<(u64, u64)> {
        let list = self.list(name).ok()??;
        let mut numbers = self.arena.items(list).map(|item| match self.arena.view(item) {
            View::Integer(number) => number as u64,
            View::Large(number) => number,
            _ => 0,
        });
        Some((numbers.next()?, numbers.next()?))
    }
}
