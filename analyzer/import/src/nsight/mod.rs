//! Nsight Systems exports: the tables of CUDA memory events and of copies in the SQLite file that `nsys export` writes.

mod copies;

use std::{fs::File, path::Path};

use hashbrown::HashMap;
use memtrace_format::{LACKS_THREADS, MemoryKind};
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use thiserror::Error;

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    plain::{Action, Frame, Heap, Pool, Recording, Row, Thread},
};

const TABLE: &str = "CUDA_GPU_MEMORY_USAGE_EVENTS";

/// After so many rows it is time to tell how far it has come.
const BETWEEN_LOOKS: u64 = 1 << 14;

/// Why an export cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NsightError {
    /// Another program made it.
    #[error("it is a SQLite database of another program: it has no table that Nsight Systems exports")]
    Foreign,
    /// There are neither memory events nor copies in it.
    #[error(
        "it has neither a table {TABLE} nor {}: neither memory events nor copies were recorded",
        copies::TABLE
    )]
    NoEvents,
    /// The table lacks a column.
    #[error("its table {0} has no column {1}")]
    NoColumn(&'static str, &'static str),
    /// A row has something else in a column.
    #[error("row {row} of its table {table}: {column} is not {expected}")]
    Value {
        /// Which table.
        table: &'static str,
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

/// The columns of memory events in the order in which they are asked for, and whether every export has them.
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

/// Tables of which every export has at least one.
const OF_NSIGHT: &str = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND (name GLOB 'TARGET_INFO_*' OR \
    name GLOB 'CUPTI_ACTIVITY_*' OR name GLOB 'META_DATA_*' OR name IN ('StringIds', 'ANALYSIS_DETAILS', 'NVTX_EVENTS'))";

fn read(path: &Path, watch: &mut dyn FnMut(Stage, u64, u64)) -> Result<Recording, NsightError> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let (memory, copies) = (Table::open(&database, TABLE, &COLUMNS)?, copies::table(&database)?);
    if memory.is_none() && copies.is_none() {
        let known = database.query_row(OF_NSIGHT, [], |row| row.get::<_, i64>(0))?;
        return Err(if known == 0 { NsightError::Foreign } else { NsightError::NoEvents });
    }
    let mut found = Places::default();
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    match memory {
        Some(table) => table.each(&database, watch, |row| {
            rows.push(found.row(&row)?);
            Ok(())
        })?,
        None => notes.push(format!("import: the export has no table {TABLE}, so it tells of copies alone")),
    }
    if let Some(table) = copies {
        table.each(&database, watch, |row| copies::add(&row, &mut found, &mut rows))?;
        rows.sort_by_key(|row| row.time);
    }
    let started = "SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME LIMIT 1";
    let zero = database.query_row(started, [], |row| row.get::<_, i64>(0)).ok();
    let recording = found.finish(rows, zero.and_then(|zero| u64::try_from(zero).ok()));
    Ok(Recording { notes, ..recording })
}

/// A table of an export, with the columns that are read of it.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, bool)],
    /// As they are asked for: what an export lacks is NULL.
    select: String,
}

impl Table {
    /// None if there is none. A view of that name could be anything, so only a table will do.
    fn open(
        database: &Connection,
        name: &'static str,
        columns: &'static [(&'static str, bool)],
    ) -> Result<Option<Self>, NsightError> {
        let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
        if database.query_row(tables, [name], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(None);
        }
        let mut present = Vec::new();
        database.pragma(None, "table_info", name, |row| {
            present.push(row.get::<_, String>("name")?);
            Ok(())
        })?;
        let column =
            |&(column, needed): &(&'static str, bool)| match present.iter().any(|other| other == column) {
                true => Ok(column),
                false if needed => Err(NsightError::NoColumn(name, column)),
                false => Ok("NULL"),
            };
        let select = columns.iter().map(column).collect::<Result<Vec<_>, _>>()?.join(", ");
        Ok(Some(Self { name, columns, select }))
    }

    /// Hands over every row, in the order of time.
    fn each(
        &self,
        database: &Connection,
        watch: &mut dyn FnMut(Stage, u64, u64),
        mut take: impl FnMut(TableRow<'_>) -> Result<(), NsightError>,
    ) -> Result<(), NsightError> {
        let Self { name, select, .. } = self;
        let total =
            database.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get::<_, i64>(0))?;
        let mut statement =
            database.prepare(&format!("SELECT rowid, {select} FROM {name} ORDER BY start, rowid"))?;
        let mut cursor = statement.query([])?;
        let mut read = 0_u64;
        while let Some(row) = cursor.next()? {
            take(TableRow { table: self, row, id: row.get(0)? })?;
            read += 1;
            if read.is_multiple_of(BETWEEN_LOOKS) {
                watch(Stage::Writing, read, total.unsigned_abs());
            }
        }
        Ok(())
    }
}

/// A row of a table. Columns are asked for by their places in its list.
struct TableRow<'a> {
    table: &'a Table,
    row: &'a rusqlite::Row<'a>,
    id: i64,
}

impl TableRow<'_> {
    fn wrong(&self, place: usize, expected: &'static str) -> NsightError {
        let (table, (column, _)) = (self.table.name, self.table.columns[place]);
        NsightError::Value { table, row: self.id, column, expected }
    }

    /// The number in a column, if the row has one there.
    fn integer(&self, place: usize) -> Result<Option<i64>, NsightError> {
        match self.row.get_ref(place + 1)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(self.wrong(place, "a number")),
        }
    }

    fn needed(&self, place: usize) -> Result<i64, NsightError> {
        self.integer(place)?.ok_or_else(|| self.wrong(place, "a number"))
    }

    /// A time or a size.
    fn unsigned(&self, place: usize) -> Result<u64, NsightError> {
        u64::try_from(self.needed(place)?).map_err(|_| self.wrong(place, "zero or more"))
    }
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
    fn row(&mut self, row: &TableRow<'_>) -> Result<Row, NsightError> {
        let action = match row.needed(3)? {
            0 => Action::Alloc,
            1 => Action::Free,
            _ => return Err(row.wrong(3, "0 (an allocation) or 1 (a deallocation)")),
        };
        let device = row.integer(5)?.unwrap_or(0);
        let (kind, device) = match row.integer(4)?.unwrap_or(2) {
            0 => (MemoryKind::Host, -1),
            1 => (MemoryKind::Pinned, -1),
            4 | 6 => (MemoryKind::Managed, device),
            _ => (MemoryKind::Device, device),
        };
        let (pid, thread) = self.process(row.integer(6)?);
        let pool = intern(&mut self.heaps, &mut self.heap_list, (pid, kind, device));
        let frame = match row.integer(7)?.unwrap_or(0) as u64 {
            0 => 0,
            pc => intern(&mut self.callers, &mut self.caller_list, pc) + 1,
        };
        let (time, size, address) = (row.unsigned(0)?, row.unsigned(2)?, row.needed(1)? as u64);
        Ok(Row { time, address, size, thread, pool, frame, module: 0, action })
    }

    /// A process and the place of the thread that stands for it. The process is in the middle of the number that Nsight has for it.
    fn process(&mut self, global: Option<i64>) -> (u32, u32) {
        let pid = (global.unwrap_or(0) >> 24) as u32 & 0xff_ffff;
        (pid, intern(&mut self.pids, &mut self.pid_list, pid))
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
        let frame = |&address: &u64| Frame { address, ..Frame::default() };
        Recording {
            pid: if one_process { self.pid_list.first().copied().unwrap_or(0) } else { 0 },
            zero_unix_ns,
            threads: self.pid_list.iter().map(thread).collect(),
            pools: (0..self.heap_list.len() as u32).map(pool).collect(),
            heaps: self.heap_list.iter().map(heap).collect(),
            frames: self.caller_list.iter().map(frame).collect(),
            rows,
            lacks: LACKS_THREADS,
            ..Recording::new(ForeignFormat::Nsight, "Nsight Systems")
        }
    }
}

fn intern<T: Copy + Eq + std::hash::Hash>(places: &mut HashMap<T, u32>, list: &mut Vec<T>, value: T) -> u32 {
    *places.entry(value).or_insert_with(|| {
        list.push(value);
        list.len() as u32 - 1
    })
}
