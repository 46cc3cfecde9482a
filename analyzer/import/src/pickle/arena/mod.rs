//! The objects of a pickle, kept compactly: an event of a snapshot takes about a hundred bytes, all told.

mod build;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::strings::{StringId, Strings};

/// The most entries of a dict. A snapshot's have at most some twenty; a bound keeps looking one up cheap, whatever the file.
pub(super) const DICT_ENTRIES: u32 = 256;

/// Dict keys that can be asked for are numbered in a byte; this one stands for "no column".
const NO_COLUMN: u8 = u8::MAX;

/// A value in eight bytes: four bits say what it is, the others are an id or a small integer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Value(u64);

/// What a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum View {
    None,
    Bool(bool),
    Integer(i64),
    /// An integer of 2^63 or more.
    Large(u64),
    Float(f64),
    String(StringId),
    List(ObjectId),
    Tuple(ObjectId),
    Dict(ObjectId),
}

/// A list, a tuple or a dict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectId(u32);

/// Tells lists apart that have different items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Content(u32, u32);

/// A dict key that can be asked for: its place in the list that the reader was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u8);

const TAG_BITS: u32 = 4;
const SMALL: i64 = 1 << (63 - TAG_BITS);

#[repr(u8)]
enum Tag {
    None,
    False,
    True,
    Small,
    Integer,
    Large,
    Float,
    String,
    List,
    Tuple,
    Dict,
}

/// Every object of a pickle, once.
#[derive(Debug)]
pub(crate) struct Arena {
    values: Vec<Value>,
    /// Integers and floats that do not fit a value.
    wide: Vec<u64>,
    objects: Vec<Object>,
    runs: Vec<Run>,
    shapes: Vec<Shape>,
    shape_keys: Vec<Value>,
    /// The shape that was last met with so many keys: mostly the right one.
    guesses: [u32; 64],
    strings: Strings,
    keys: u32,
    /// Runs of lists by what is in them: most stacks come again as lists of their own.
    contents: HashTable<(u32, u32)>,
    hasher: DefaultHashBuilder,
}

#[derive(Clone, Copy, Debug)]
struct Object {
    /// Where the file begins it.
    offset: u64,
    /// The last of its runs, which form a ring.
    last: u32,
    entries: u32,
}

/// Values of one object that lie side by side.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    length: u32,
    /// Whose keys they have, in a dict.
    shape: u32,
    /// The run behind it; behind the last comes the first.
    next: u32,
}

/// The keys of dicts.
#[derive(Clone, Debug)]
struct Shape {
    start: u32,
    length: u32,
    /// Where the values of the keys that can be asked for lie in a run.
    columns: Box<[u8]>,
}

const NOTHING: u32 = u32::MAX;

impl Arena {
    pub(super) fn new(keys: &[&str]) -> Self {
        let mut strings = Strings::default();
        for key in keys {
            // The first strings are the keys, in their order.
            let _ = strings.intern(key.as_bytes());
        }
        let keys = strings.len() as u32;
        Self {
            values: Vec::new(),
            wide: Vec::new(),
            objects: Vec::new(),
            runs: Vec::new(),
            shapes: Vec::new(),
            shape_keys: Vec::new(),
            guesses: [NOTHING; 64],
            strings,
            keys,
            contents: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// What a value is.
    #[inline]
    pub(crate) fn view(&self, value: Value) -> View {
        let payload = (value.0 >> TAG_BITS) as u32;
        match value.0 & ((1 << TAG_BITS) - 1) {
            tag if tag == Tag::False as u64 => View::Bool(false),
            tag if tag == Tag::True as u64 => View::Bool(true),
            tag if tag == Tag::Small as u64 => View::Integer(value.0 as i64 >> TAG_BITS),
            tag if tag == Tag::Integer as u64 => View::Integer(self.wide[payload as usize] as i64),
            tag if tag == Tag::Large as u64 => View::Large(self.wide[payload as usize]),
            tag if tag == Tag::Float as u64 => View::Float(f64::from_bits(self.wide[payload as usize])),
            tag if tag == Tag::String as u64 => View::String(StringId(payload)),
            tag if tag == Tag::List as u64 => View::List(ObjectId(payload)),
            tag if tag == Tag::Tuple as u64 => View::Tuple(ObjectId(payload)),
            tag if tag == Tag::Dict as u64 => View::Dict(ObjectId(payload)),
            _ => View::None,
        }
    }

    /// The bytes of a string.
    #[inline]
    pub(crate) fn string(&self, id: StringId) -> &[u8] {
        self.strings.get(id)
    }

    /// Where the file begins an object.
    pub(crate) fn offset(&self, object: ObjectId) -> u64 {
        self.objects[object.0 as usize].offset
    }

    /// The items of a list or a tuple, or the values of a dict.
    pub(crate) fn items(&self, object: ObjectId) -> impl Iterator<Item = Value> + Clone {
        self.runs(object).flat_map(|run| self.run_values(run).iter().copied())
    }

    /// How many items a list or a tuple has.
    pub(crate) fn count(&self, object: ObjectId) -> u32 {
        self.objects[object.0 as usize].entries
    }

    /// The keys and values of a dict; a key that was set twice comes twice, and the later one counts.
    pub(crate) fn entries(&self, dict: ObjectId) -> impl Iterator<Item = (Value, Value)> {
        self.runs(dict).flat_map(|run| {
            let keys = self.shapes.get(run.shape as usize).map_or(&[][..], |shape| self.keys(shape));
            keys.iter().copied().zip(self.run_values(run).iter().copied())
        })
    }

    /// The value of a key in a dict.
    #[inline]
    pub(crate) fn get(&self, dict: ObjectId, key: Key) -> Option<Value> {
        let mut found = None;
        for run in self.runs(dict) {
            let column = self.shapes.get(run.shape as usize)?.columns[usize::from(key.0)];
            if column != NO_COLUMN {
                found = self.run_values(run).get(usize::from(column)).copied();
            }
        }
        found
    }

    /// What lists with the same items have in common, if it is known without looking at them.
    pub(crate) fn content(&self, list: ObjectId) -> Option<Content> {
        let run = *self.runs.get(self.objects[list.0 as usize].last as usize)?;
        let whole = run.length == self.count(list);
        whole.then_some(Content(run.start, run.length))
    }

    /// The memory that everything takes.
    pub(super) fn footprint(&self) -> u64 {
        let fixed = 8 * (self.values.len() + self.wide.len() + self.shape_keys.len())
            + 16 * (self.objects.len() + self.runs.len() + self.contents.len())
            + (size_of::<Shape>() + self.keys as usize) * self.shapes.len();
        fixed as u64 + self.strings.footprint()
    }

    fn keys(&self, shape: &Shape) -> &[Value] {
        &self.shape_keys[shape.start as usize..][..shape.length as usize]
    }

    #[inline]
    fn run_values(&self, run: Run) -> &[Value] {
        &self.values[run.start as usize..][..run.length as usize]
    }

    /// The runs of an object, in order.
    #[inline]
    fn runs(&self, object: ObjectId) -> impl Iterator<Item = Run> + Clone + '_ {
        let last = self.objects[object.0 as usize].last;
        let first = self.runs.get(last as usize).map(|run| run.next);
        let behind = move |&id: &u32| (id != last).then(|| self.runs[id as usize].next);
        std::iter::successors(first, behind).map(|id| self.runs[id as usize])
    }
}

impl Value {
    pub(super) const NONE: Self = Self(Tag::None as u64);

    pub(super) const fn bool(truth: bool) -> Self {
        Self(if truth { Tag::True as u64 } else { Tag::False as u64 })
    }

    const fn new(tag: Tag, payload: u32) -> Self {
        Self((payload as u64) << TAG_BITS | tag as u64)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({:#x})", self.0)
    }
}
