//! Nsight Systems exports: the table of CUDA memory events in the SQLite file that `nsys export` writes.

use std::{fs::File, path::Path};

use hashbrown::HashMap;
use memtrace_format::MemoryKind;
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use thiserror::Error;

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    plain::{Action, Heap, Pool, Recording, Row, Thread},
};

const TABLE: &str = "CUDA_GPU_MEMORY_USAGE_EVENTS";

/// After so many rows it is time to tell how far it has come.
const BETWEEN_LOOKS: u64 = 1 << 14;

/// Why an export cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NsightError {
    /// There are no memory events in it.
    #[error("it has no table {TABLE}: memory events were not recorded")]
    NoEvents,
    /// The table lacks a column.
    #[error("its table {TABLE} has no column {0}")]
    NoColumn(&'static str),
    /// A row has something else in a column.
    #[error("row {row} of its table {TABLE}: {column} is not {expected}")]
    Value {
        /// Which row, by `rowid`.
        row: i64,
        /// Which column.
        column: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It is no database, or a damaged one.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The columns in the order in which they are asked for, and whether every export has them.
const COLUMNS: [(&str, bool); 8] = [
    ("start", true),
    ("address", true),
    ("bytes", true),
    ("memoryOperationType", true),
    ("memKind", false),
    ("deviceId", false),
    ("globalPid", false),
    ("pc", false),
];

/// Imports an export into an empty file.
pub(super) fn import(
    path: &Path,
    log: File,
    watch: &mut dyn FnMut(Stage, u64, u64),
) -> Result<Imported, ImportError> {
    read(path, watch)?.write(log, watch)
}

fn read(path: &Path, watch: &mut dyn FnMut(Stage, u64, u64)) -> Result<Recording, NsightError> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut present = Vec::new();
    // A view of that name could be anything, so only a table will do.
    let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
    if database.query_row(tables, [TABLE], |row| row.get::<_, i64>(0))? == 0 {
        return Err(NsightError::NoEvents);
    }
    database.pragma(None, "table_info", TABLE, |row| {
        present.push(row.get::<_, String>("name")?);
        Ok(())
    })?;
    let column = |&(name, needed): &(&'static str, bool)| match present.iter().any(|column| column == name) {
        true => Ok(name),
        false if needed => Err(NsightError::NoColumn(name)),
        false => Ok("NULL"),
    };
    let columns = COLUMNS.iter().map(column).collect::<Result<Vec<_>, _>>()?.join(", ");
    let total =
        database.query_row(&format!("SELECT count(*) FROM {TABLE}"), [], |row| row.get::<_, i64>(0))?;

    let mut found = Places::default();
    let mut rows = Vec::new();
    let mut statement =
        database.prepare(&format!("SELECT rowid, {columns} FROM {TABLE} ORDER BY start, rowid"))?;
    let mut cursor = statement.query([])?;
    while let Some(row) = cursor.next()? {
        rows.push(found.row(row)?);
        if (rows.len() as u64).is_multiple_of(BETWEEN_LOOKS) {
            watch(Stage::Writing, rows.len() as u64, total.unsigned_abs());
        }
    }
    let started = "SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME LIMIT 1";
    let zero = database.query_row(started, [], |row| row.get::<_, i64>(0)).ok();
    Ok(found.finish(rows, zero.and_then(|zero| u64::try_from(zero).ok())))
}

/// What rows refer to, by the order in which it came up.
#[derive(Debug, Default)]
struct Places {
    heaps: HashMap<(u32, MemoryKind, i64), u32>,
    heap_list: Vec<(u32, MemoryKind, i64)>,
    pids: HashMap<u32, u32>,
    pid_list: Vec<u32>,
    callers: HashMap<u64, u32>,
    caller_list: Vec<u64>,
}

impl Places {
    fn row(&mut self, row: &rusqlite::Row<'_>) -> Result<Row, NsightError> {
        let id: i64 = row.get(0)?;
        // The number of a column of `COLUMNS`, if the row has one there.
        let integer = |place: usize| match row.get_ref(place + 1)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(NsightError::Value { row: id, column: COLUMNS[place].0, expected: "a number" }),
        };
        let needed = |place: usize| {
            let error = NsightError::Value { row: id, column: COLUMNS[place].0, expected: "a number" };
            integer(place)?.ok_or(error)
        };
        let (time, size) = (needed(0)?, needed(2)?);
        let action = match needed(3)? {
            0 => Action::Alloc,
            1 => Action::Free,
            _ => {
                let expected = "0 (an allocation) or 1 (a deallocation)";
                return Err(NsightError::Value { row: id, column: COLUMNS[3].0, expected });
            }
        };
        let unsigned = |place: usize, number: i64| {
            let error = NsightError::Value { row: id, column: COLUMNS[place].0, expected: "zero or more" };
            u64::try_from(number).map_err(|_| error)
        };
        let device = integer(5)?.unwrap_or(0);
        let (kind, device) = match integer(4)?.unwrap_or(2) {
            0 => (MemoryKind::Host, -1),
            1 => (MemoryKind::Pinned, -1),
            4 | 6 => (MemoryKind::Managed, device),
            _ => (MemoryKind::Device, device),
        };
        // The process is in the middle of the number that Nsight has for it.
        let pid = (integer(6)?.unwrap_or(0) >> 24) as u32 & 0xff_ffff;
        let thread = intern(&mut self.pids, &mut self.pid_list, pid);
        let pool = intern(&mut self.heaps, &mut self.heap_list, (pid, kind, device));
        let caller = match integer(7)?.unwrap_or(0) as u64 {
            0 => 0,
            pc => intern(&mut self.callers, &mut self.caller_list, pc) + 1,
        };
        let (time, size) = (unsigned(0, time)?, unsigned(2, size)?);
        Ok(Row { time, address: needed(1)? as u64, size, thread, pool, caller, action })
    }

    fn finish(self, rows: Vec<Row>, zero_unix_ns: Option<u64>) -> Recording {
        let one_process = self.pid_list.len() < 2;
        let heap = |&(pid, kind, device): &(u32, MemoryKind, i64)| {
            let device = u32::try_from(device).ok();
            let name = match (kind, device) {
                (MemoryKind::Device, Some(ordinal)) => format!("cuda:{ordinal}"),
                (kind, _) => kind.name().to_owned(),
            };
            let name = if one_process { name } else { format!("{name} of process {pid}") };
            Heap { name, kind, device }
        };
        let pool = |heap| Pool { heap, name: "default".to_owned(), stream: 0 };
        let thread = |&pid: &u32| Thread { os_id: pid, name: format!("process {pid}") };
        Recording {
            format: ForeignFormat::Nsight,
            engine: "Nsight Systems",
            pid: if one_process { self.pid_list.first().copied().unwrap_or(0) } else { 0 },
            zero_unix_ns,
            threads: self.pid_list.iter().map(thread).collect(),
            pools: (0..self.heap_list.len() as u32).map(pool).collect(),
            heaps: self.heap_list.iter().map(heap).collect(),
            callers: self.caller_list,
            rows,
        }
    }
}

fn intern<T: Copy + Eq + std::hash::Hash>(places: &mut HashMap<T, u32>, list: &mut Vec<T>, value: T) -> u32 {
    *places.entry(value).or_insert_with(|| {
        list.push(value);
        list.len() as u32 - 1
    })
}
