//! Raw memory timelines of PyTorch's profiler: what `export_memory_timeline("….raw.json.gz")` writes.
//!
//! A list of rows: a time, what happened, bytes, and the category of the tensor they are of. Where tensors lie is not in it: one that
//! is given back is any of its size and category.

use std::{
    fmt,
    fs::File,
    io::{BufReader, Read},
};

use hashbrown::HashMap;
use memtrace_format::{LACKS_THREADS, MemoryKind};
use serde::{
    Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use thiserror::Error;

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    plain::{Action, Heap, Pool, Recording, Row, Thread},
    watched::Watched,
};

/// The categories, by their numbers.
const CATEGORIES: [&str; 8] = [
    "parameters",
    "optimizer state",
    "inputs",
    "temporary",
    "activations",
    "gradients",
    "autograd details",
    "(unknown)",
];

/// What happened, by its number.
const PREEXISTING: i64 = 1;
const CREATE: i64 = 2;
const INCREMENT_VERSION: i64 = 3;
const DESTROY: i64 = 4;

/// Where tensors are put, and how far apart.
const FIRST_ADDRESS: u64 = 1 << 40;
const ALIGNMENT: u64 = 512;

/// The longest tensor: all of them together have addresses.
const LONGEST: u64 = 1 << 50;

/// Why a timeline cannot be read.
#[derive(Debug, Error)]
#[error("it begins as lists in a list, and is no raw memory timeline: {0}")]
pub struct TimelineError(#[from] serde_json::Error);

/// Imports a timeline into an empty file.
pub(super) fn import(
    source: File,
    length: u64,
    log: File,
    watch: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Imported, ImportError> {
    let mut tell = |read| watch(Stage::Reading, read, length);
    read(BufReader::new(Watched::new(source, &mut tell)))?.write(log, watch)
}

fn read(source: impl Read) -> Result<Recording, TimelineError> {
    let mut deserializer = serde_json::Deserializer::from_reader(source);
    let tensors = deserializer.deserialize_seq(Rows)?;
    deserializer.end()?;
    Ok(Recording {
        zero_unix_ns: Some(0),
        lacks: LACKS_THREADS,
        threads: vec![Thread { os_id: 0, name: "timeline".to_owned() }],
        // Which device it is of, the timeline does not say.
        heaps: vec![Heap { name: "device".to_owned(), kind: MemoryKind::Device, device: None }],
        pools: vec![Pool { heap: 0, name: "default".to_owned(), stream: 0 }],
        modules: CATEGORIES.map(str::to_owned).to_vec(),
        before: tensors.before,
        rows: tensors.rows,
        notes: vec!["import: where tensors lie is not recorded; one that is given back is any of its size and category".to_owned()],
        ..Recording::new(ForeignFormat::MemoryTimeline, "PyTorch")
    })
}

struct Rows;

impl<'de> Visitor<'de> for Rows {
    type Value = Tensors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows of four numbers: time, action, bytes, category")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Tensors, A::Error> {
        let mut tensors = Tensors::default();
        while let Some((time, action, bytes, category)) = rows.next_element::<(i64, i64, i64, i64)>()? {
            let category = usize::try_from(category).ok().filter(|&category| category < CATEGORIES.len());
            let category = category.ok_or_else(|| A::Error::custom("a row's category is none of 0 to 7"))?;
            if bytes.unsigned_abs() > LONGEST {
                return Err(A::Error::custom("a row has more bytes than any device"));
            }
            if !tensors.add(time, action, bytes, category as u32) {
                return Err(A::Error::custom(
                    "a row's action is none of 1 to 4, or its bytes have another sign",
                ));
            }
        }
        Ok(tensors)
    }
}

/// The tensors, at addresses that are made up.
#[derive(Debug, Default)]
struct Tensors {
    /// Where those lie that are live, by size and category.
    live: HashMap<(u64, u32), Vec<u64>>,
    /// The places that were given back, by size.
    free: HashMap<u64, Vec<u64>>,
    taken: u64,
    before: Vec<Row>,
    rows: Vec<Row>,
}

impl Tensors {
    /// Whether it is a row that can be.
    fn add(&mut self, time: i64, action: i64, bytes: i64, category: u32) -> bool {
        let size = bytes.unsigned_abs();
        let row = |address, action| Row {
            time: u64::try_from(time).unwrap_or(0),
            address,
            size,
            thread: 0,
            pool: 0,
            frame: 0,
            module: category + 1,
            action,
        };
        match (action, bytes) {
            // A tensor of no bytes needs no place.
            (PREEXISTING..=DESTROY, 0) => {}
            (PREEXISTING, 1..) => {
                let address = self.take(size, category);
                self.before.push(row(address, Action::Alloc));
            }
            (CREATE | INCREMENT_VERSION, 1..) => {
                let address = self.take(size, category);
                self.rows.push(row(address, Action::Alloc));
            }
            (INCREMENT_VERSION | DESTROY, ..=-1) => {
                let live = self.live.entry((size, category)).or_default().pop();
                let address = live.unwrap_or_else(|| self.place(size));
                self.free.entry(size).or_default().push(address);
                self.rows.push(row(address, Action::Free));
            }
            _ => return false,
        }
        true
    }

    fn take(&mut self, size: u64, category: u32) -> u64 {
        let free = self.free.get_mut(&size).and_then(Vec::pop);
        let address = free.unwrap_or_else(|| self.place(size));
        self.live.entry((size, category)).or_default().push(address);
        address
    }

    /// A new place.
    fn place(&mut self, size: u64) -> u64 {
        let address = FIRST_ADDRESS + self.taken;
        self.taken = (self.taken + size.next_multiple_of(ALIGNMENT)).min(u64::MAX / 4);
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_goes_up_moves_bytes_to_another_category() {
        let text = "[[-1, 1, 4096, 0], [-1, 1, 8, 7], [1000, 2, 512, 7], [1001, 3, -512, 7], [1001, 3, 512, 4], [1002, 4, -512, 4], \
                    [1003, 4, -8, 7], [1004, 4, -77, 5]]";
        let recording = read(text.as_bytes()).unwrap();
        assert_eq!(recording.before.iter().map(|row| row.size).collect::<Vec<_>>(), [4096, 8]);
        let rows: Vec<_> =
            recording.rows.iter().map(|row| (row.time, row.size, row.module, row.action)).collect();
        let (alloc, free) = (Action::Alloc, Action::Free);
        assert_eq!(
            rows,
            [
                (1000, 512, 8, alloc),
                (1001, 512, 8, free),
                (1001, 512, 5, alloc),
                (1002, 512, 5, free),
                (1003, 8, 8, free),
                (1004, 77, 6, free)
            ]
        );
        assert_eq!(recording.rows[0].address, recording.rows[2].address, "it stays where it is");
        assert_eq!(recording.rows[4].address, recording.before[1].address);
    }

    #[test]
    fn what_is_no_row_is_said() {
        for (text, said) in [
            ("[[1, 2, 3, 4, 5]]", "line 1"),
            ("[[1, 2, 3, 9]]", "category"),
            ("[[1, 5, 3, 0]]", "action"),
            ("[[1, 4, 3, 0]]", "sign"),
            ("[[1, 2, 4611686018427387904, 0]]", "more bytes"),
            ("[[1, 2, 3, 0]", "EOF"),
            ("[[[1, 2], [3, 4]]]", "line 1"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
