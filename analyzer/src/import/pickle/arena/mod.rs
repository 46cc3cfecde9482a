//! The objects of a pickle, kept compactly: an event of a snapshot takes about a hundred bytes, all told.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{
    PickleFault,
    strings::{StringId, Strings},
};

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

/// Lists of so many items or more are kept once where they are the same.
const SHARED: usize = 8;

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

    pub(super) fn integer(&mut self, number: i64) -> Result<Value, PickleFault> {
        if (-SMALL..SMALL).contains(&number) {
            return Ok(Value((number << TAG_BITS) as u64 | Tag::Small as u64));
        }
        self.widen(Tag::Integer, number as u64)
    }

    pub(super) fn large(&mut self, number: u64) -> Result<Value, PickleFault> {
        self.widen(Tag::Large, number)
    }

    pub(super) fn float(&mut self, number: f64) -> Result<Value, PickleFault> {
        self.widen(Tag::Float, number.to_bits())
    }

    pub(super) fn text(&mut self, bytes: &[u8]) -> Result<Value, PickleFault> {
        let id = self.strings.intern(bytes).ok_or(TOO_MANY)?;
        Ok(Value::new(Tag::String, id.0))
    }

    pub(super) fn new_list(&mut self, offset: u64) -> Result<Value, PickleFault> {
        Ok(Value::new(Tag::List, self.new_object(offset)?))
    }

    pub(super) fn new_dict(&mut self, offset: u64) -> Result<Value, PickleFault> {
        Ok(Value::new(Tag::Dict, self.new_object(offset)?))
    }

    pub(super) fn new_tuple(&mut self, offset: u64, items: &[Value]) -> Result<Value, PickleFault> {
        let id = self.new_object(offset)?;
        self.extend_list(ObjectId(id), items)?;
        Ok(Value::new(Tag::Tuple, id))
    }

    /// Appends items to a list.
    pub(super) fn extend_list(&mut self, list: ObjectId, items: &[Value]) -> Result<(), PickleFault> {
        if items.is_empty() {
            return Ok(());
        }
        let object = &mut self.objects[list.0 as usize];
        let (start, length) = (index(self.values.len())?, index(items.len())?);
        object.entries = object.entries.checked_add(length).ok_or(TOO_MANY)?;
        if object.last == NOTHING && items.len() >= SHARED {
            let start = self.shared(items, start);
            return self.add_run(list, Run { start, length, shape: NOTHING, next: 0 });
        }
        self.values.extend_from_slice(items);
        if let Some(last) = self.runs.get_mut(object.last as usize)
            && last.start + last.length == start
        {
            last.length += length;
            return Ok(());
        }
        self.add_run(list, Run { start, length, shape: NOTHING, next: 0 })
    }

    /// Where these items lie: at `end`, unless a list had the same before. A list that grows later grows elsewhere.
    fn shared(&mut self, items: &[Value], end: u32) -> u32 {
        let hash = self.hasher.hash_one(items);
        let values = &self.values;
        let content = |&(start, length): &(u32, u32)| &values[start as usize..][..length as usize];
        if let Some(&(start, _)) = self.contents.find(hash, |run| content(run) == items) {
            return start;
        }
        self.values.extend_from_slice(items);
        let (values, hasher) = (&self.values, &self.hasher);
        let rehash =
            |&(start, length): &(u32, u32)| hasher.hash_one(&values[start as usize..][..length as usize]);
        self.contents.insert_unique(hash, (end, items.len() as u32), rehash);
        end
    }

    /// Adds keys and values, which take turns in `pairs`, to a dict.
    pub(super) fn extend_dict(&mut self, dict: ObjectId, pairs: &[Value]) -> Result<(), PickleFault> {
        if pairs.is_empty() {
            return Ok(());
        }
        let length = index(pairs.len() / 2)?;
        let object = &mut self.objects[dict.0 as usize];
        object.entries = object.entries.saturating_add(length);
        if object.entries > DICT_ENTRIES {
            return Err(PickleFault::Dict);
        }
        let shape = self.shape(pairs)?;
        let start = index(self.values.len())?;
        self.values.extend(pairs.iter().skip(1).step_by(2));
        self.add_run(dict, Run { start, length, shape, next: 0 })
    }

    fn add_run(&mut self, object: ObjectId, mut run: Run) -> Result<(), PickleFault> {
        let id = index(self.runs.len())?;
        let object = &mut self.objects[object.0 as usize];
        run.next = match self.runs.get_mut(object.last as usize) {
            Some(last) => std::mem::replace(&mut last.next, id),
            None => id,
        };
        object.last = id;
        self.runs.push(run);
        Ok(())
    }

    fn new_object(&mut self, offset: u64) -> Result<u32, PickleFault> {
        let id = index(self.objects.len())?;
        self.objects.push(Object { offset, last: NOTHING, entries: 0 });
        Ok(id)
    }

    fn widen(&mut self, tag: Tag, bits: u64) -> Result<Value, PickleFault> {
        let id = index(self.wide.len())?;
        self.wide.push(bits);
        Ok(Value::new(tag, id))
    }

    /// The shape with the keys of `pairs`, in their order.
    #[inline]
    fn shape(&mut self, pairs: &[Value]) -> Result<u32, PickleFault> {
        let same = |shape: &Shape| {
            shape.length as usize == pairs.len() / 2
                && self.keys(shape).iter().zip(pairs.iter().step_by(2)).all(|(a, b)| a == b)
        };
        let place = (pairs.len() / 2) % self.guesses.len();
        let guess = self.guesses[place];
        if self.shapes.get(guess as usize).is_some_and(same) {
            return Ok(guess);
        }
        // There are few: one for each kind of dict. A file with very many hits the budget, for each takes some hundred bytes.
        let found = self.shapes.iter().rev().take(SHAPES_SEARCHED).position(same);
        let id = match found {
            Some(back) => index(self.shapes.len() - 1 - back)?,
            None => self.new_shape(pairs)?,
        };
        self.guesses[place] = id;
        Ok(id)
    }

    #[cold]
    fn new_shape(&mut self, pairs: &[Value]) -> Result<u32, PickleFault> {
        let id = index(self.shapes.len())?;
        let mut columns = vec![NO_COLUMN; self.keys as usize].into_boxed_slice();
        for (column, &key) in pairs.iter().step_by(2).enumerate() {
            if let View::String(StringId(key)) = self.view(key)
                && let (Some(place), Ok(column)) = (columns.get_mut(key as usize), u8::try_from(column))
            {
                *place = column;
            }
        }
        let (start, length) = (index(self.shape_keys.len())?, index(pairs.len() / 2)?);
        self.shape_keys.extend(pairs.iter().step_by(2));
        self.shapes.push(Shape { start, length, columns });
        Ok(id)
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

/// How many of the latest shapes are looked through for one that was met before.
const SHAPES_SEARCHED: usize = 64;

/// More objects than four-byte ids can tell apart: the budget of a file of many gigabytes.
const TOO_MANY: PickleFault = PickleFault::Budget(u32::MAX as u64);

fn index(length: usize) -> Result<u32, PickleFault> {
    u32::try_from(length).ok().filter(|&index| index != NOTHING).ok_or(TOO_MANY)
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
