//! Builds the objects of a pickle in the arena.

use std::hash::BuildHasher as _;

use super::{
    super::{PickleFault, strings::StringId},
    Arena, DICT_ENTRIES, NO_COLUMN, NOTHING, Object, ObjectId, Run, SMALL, Shape, TAG_BITS, Tag, Value, View,
};

/// Lists of so many items or more are kept once where they are the same.
const SHARED: usize = 8;

impl Arena {
    pub(in crate::pickle) fn integer(&mut self, number: i64) -> Result<Value, PickleFault> {
        if (-SMALL..SMALL).contains(&number) {
            return Ok(Value((number << TAG_BITS) as u64 | Tag::Small as u64));
        }
        self.widen(Tag::Integer, number as u64)
    }

    pub(in crate::pickle) fn large(&mut self, number: u64) -> Result<Value, PickleFault> {
        self.widen(Tag::Large, number)
    }

    pub(in crate::pickle) fn float(&mut self, number: f64) -> Result<Value, PickleFault> {
        self.widen(Tag::Float, number.to_bits())
    }

    pub(in crate::pickle) fn text(&mut self, bytes: &[u8]) -> Result<Value, PickleFault> {
        let id = self.strings.intern(bytes).ok_or(TOO_MANY)?;
        Ok(Value::new(Tag::String, id.0))
    }

    pub(in crate::pickle) fn new_list(&mut self, offset: u64) -> Result<Value, PickleFault> {
        Ok(Value::new(Tag::List, self.new_object(offset)?))
    }

    pub(in crate::pickle) fn new_dict(&mut self, offset: u64) -> Result<Value, PickleFault> {
        Ok(Value::new(Tag::Dict, self.new_object(offset)?))
    }

    pub(in crate::pickle) fn new_tuple(
        &mut self,
        offset: u64,
        items: &[Value],
    ) -> Result<Value, PickleFault> {
        let id = self.new_object(offset)?;
        self.extend_list(ObjectId(id), items)?;
        Ok(Value::new(Tag::Tuple, id))
    }

    /// Appends items to a list.
    pub(in crate::pickle) fn extend_list(
        &mut self,
        list: ObjectId,
        items: &[Value],
    ) -> Result<(), PickleFault> {
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
    pub(in crate::pickle) fn extend_dict(
        &mut self,
        dict: ObjectId,
        pairs: &[Value],
    ) -> Result<(), PickleFault> {
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
}

/// How many of the latest shapes are looked through for one that was met before.
const SHAPES_SEARCHED: usize = 64;

/// More objects than four-byte ids can tell apart: the budget of a file of many gigabytes.
const TOO_MANY: PickleFault = PickleFault::Budget(u32::MAX as u64);

fn index(length: usize) -> Result<u32, PickleFault> {
    u32::try_from(length).ok().filter(|&index| index != NOTHING).ok_or(TOO_MANY)
}
