//! Writes plain data as a pickle of protocol 4, as it comes.
//!
//! Equal values are written once and remembered: a frame, a stack, a key. Lists are filled by turns, so that the events of
//! several devices and what was annotated meanwhile need not be sorted first: a list that was made is remembered, taken up
//! again, and laid back.

use std::io::{self, Write};

use hashbrown::HashMap;

/// Items of a list that are added at once: a reader keeps them until then.
const BATCH: u32 = 1_000;

/// The memo index of a value that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Remembered(u32);

/// A pickle in the making.
#[derive(Debug)]
pub(super) struct Pickle<W> {
    out: W,
    remembered: u32,
    keys: HashMap<&'static str, Remembered>,
    /// The list that is taken up, and how many items are to be added to it.
    open: Option<(Remembered, u32)>,
}

/// A value under a key of a dict.
#[derive(Clone, Debug)]
pub(super) enum Item<'t> {
    None,
    Bool(bool),
    Number(u64),
    Signed(i64),
    Float(f64),
    Text(&'t str),
    Pair(u64, u64),
    Remembered(Remembered),
}

impl<W: Write> Pickle<W> {
    pub(super) fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(&[0x80, 4])?;
        Ok(Self { out, remembered: 0, keys: HashMap::new(), open: None })
    }

    /// A new list, which can be filled by and by.
    pub(super) fn list(&mut self) -> io::Result<Remembered> {
        self.aside(|pickle| pickle.out.write_all(b"]"))
    }

    /// A new list of these.
    pub(super) fn list_of(&mut self, items: &[Remembered]) -> io::Result<Remembered> {
        self.aside(|pickle| {
            pickle.out.write_all(b"](")?;
            items.iter().try_for_each(|item| pickle.recall(*item))?;
            pickle.out.write_all(b"e")
        })
    }

    /// A new dict.
    pub(super) fn dict_of(&mut self, entries: &[(&'static str, Item<'_>)]) -> io::Result<Remembered> {
        self.aside(|pickle| pickle.dict(entries))
    }

    /// A new dict whose keys are not ours.
    pub(super) fn dict_of_texts(&mut self, entries: &[(&str, Item<'_>)]) -> io::Result<Remembered> {
        self.aside(|pickle| {
            pickle.out.write_all(b"}(")?;
            for (key, item) in entries {
                pickle.text(key)?;
                pickle.item(item)?;
            }
            pickle.out.write_all(b"u")
        })
    }

    /// Adds a dict to a list.
    pub(super) fn add(&mut self, list: Remembered, entries: &[(&'static str, Item<'_>)]) -> io::Result<()> {
        match &mut self.open {
            Some((open, count)) if *open == list && *count < BATCH => *count += 1,
            _ => {
                self.lay_back()?;
                self.recall(list)?;
                self.out.write_all(b"(")?;
                self.open = Some((list, 1));
            }
        }
        self.dict(entries)
    }

    /// Ends with the dict that all of this is.
    pub(super) fn finish(mut self, entries: &[(&'static str, Item<'_>)]) -> io::Result<()> {
        self.lay_back()?;
        self.dict(entries)?;
        self.out.write_all(b".")?;
        self.out.flush()
    }

    /// Writes something, remembers it, and takes it off the stack again, wherever that stands.
    fn aside(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<Remembered> {
        write(self)?;
        self.out.write_all(&[0x94, b'0'])?;
        self.remembered += 1;
        Ok(Remembered(self.remembered - 1))
    }

    /// Adds what is to be added to the list that is taken up.
    fn lay_back(&mut self) -> io::Result<()> {
        if self.open.take().is_some() {
            self.out.write_all(b"e0")?;
        }
        Ok(())
    }

    fn dict(&mut self, entries: &[(&'static str, Item<'_>)]) -> io::Result<()> {
        self.out.write_all(b"}(")?;
        for (key, item) in entries {
            self.key(key)?;
            self.item(item)?;
        }
        self.out.write_all(b"u")
    }

    fn key(&mut self, key: &'static str) -> io::Result<()> {
        if let Some(&known) = self.keys.get(key) {
            return self.recall(known);
        }
        self.text(key)?;
        self.out.write_all(&[0x94])?;
        self.keys.insert(key, Remembered(self.remembered));
        self.remembered += 1;
        Ok(())
    }

    fn item(&mut self, item: &Item<'_>) -> io::Result<()> {
        match *item {
            Item::None => self.out.write_all(b"N"),
            Item::Bool(truth) => self.out.write_all(if truth { b"\x88" } else { b"\x89" }),
            Item::Number(number) => self.number(number),
            Item::Signed(number) => {
                self.out.write_all(&[0x8a, 8])?;
                self.out.write_all(&number.to_le_bytes())
            }
            Item::Float(number) => {
                self.out.write_all(b"G")?;
                self.out.write_all(&number.to_be_bytes())
            }
            Item::Text(text) => self.text(text),
            Item::Pair(a, b) => {
                self.number(a)?;
                self.number(b)?;
                self.out.write_all(&[0x86])
            }
            Item::Remembered(id) => self.recall(id),
        }
    }

    fn number(&mut self, number: u64) -> io::Result<()> {
        if let Ok(number) = u8::try_from(number) {
            return self.out.write_all(&[b'K', number]);
        }
        if let Ok(number) = i32::try_from(number) {
            self.out.write_all(b"J")?;
            return self.out.write_all(&number.to_le_bytes());
        }
        // As long as it must be: in two's complement, the highest bit is the sign.
        let length = number.ilog2() as u8 / 8 + 1;
        let with_sign = length + u8::from(number.ilog2() % 8 == 7);
        self.out.write_all(&[0x8a, with_sign])?;
        self.out.write_all(&u128::from(number).to_le_bytes()[..usize::from(with_sign)])
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        match u8::try_from(text.len()) {
            Ok(length) => self.out.write_all(&[0x8c, length])?,
            Err(_) => {
                // Names in a log have 4096 bytes at most.
                let length = u32::try_from(text.len()).map_err(io::Error::other)?;
                self.out.write_all(b"X")?;
                self.out.write_all(&length.to_le_bytes())?;
            }
        }
        self.out.write_all(text.as_bytes())
    }

    fn recall(&mut self, Remembered(id): Remembered) -> io::Result<()> {
        match u8::try_from(id) {
            Ok(id) => self.out.write_all(&[b'h', id]),
            Err(_) => {
                self.out.write_all(b"j")?;
                self.out.write_all(&id.to_le_bytes())
            }
        }
    }
}
