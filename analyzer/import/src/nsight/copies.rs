//! Copies: between host and device, and between devices.

use memtrace_format::{HostMemory, Tier};
use rusqlite::Connection;

use super::{NsightError, Places, Table, TableRow};
use crate::plain::{Action, Row};

pub(super) const TABLE: &str = "CUPTI_ACTIVITY_KIND_MEMCPY";

/// The columns in the order in which they are asked for, and whether every export has them.
const COLUMNS: [(&str, bool); 10] = [
    ("start", true),
    ("end", true),
    ("bytes", true),
    ("copyKind", true),
    ("deviceId", false),
    ("globalPid", false),
    ("srcKind", false),
    ("dstKind", false),
    ("srcDeviceId", false),
    ("dstDeviceId", false),
];

/// The table of copies, if the export has one.
pub(super) fn table(database: &Connection) -> Result<Option<Table>, NsightError> {
    Table::open(database, TABLE, &COLUMNS)
}

/// Adds both ends of a copy.
pub(super) fn add(row: &TableRow<'_>, found: &mut Places, rows: &mut Vec<Row>) -> Result<(), NsightError> {
    let (start, end, size) = (row.unsigned(0)?, row.unsigned(1)?, row.unsigned(2)?);
    let device = |place| -> Result<Tier, NsightError> {
        let own = match row.integer(place)? {
            Some(device) => Some(device),
            None => row.integer(4)?,
        };
        let ordinal = own.and_then(|ordinal| u16::try_from(ordinal).ok());
        Ok(ordinal.filter(|&ordinal| ordinal <= Tier::MAX_ORDINAL).map_or(Tier::Unknown, Tier::Device))
    };
    let memory = |place| -> Result<HostMemory, NsightError> {
        Ok(match row.integer(place)? {
            Some(0) => HostMemory::Pageable,
            Some(1) => HostMemory::Pinned,
            _ => HostMemory::Unknown,
        })
    };
    let host = |memory| if memory == HostMemory::Pinned { Tier::Pinned } else { Tier::Host };
    // Arrays are memory of a device; what the driver moves by itself goes the same ways.
    let (from, to, memory) = match row.needed(3)? {
        1 | 3 | 11 => (host(memory(6)?), device(9)?, memory(6)?),
        2 | 4 | 12 => (device(8)?, host(memory(7)?), memory(7)?),
        5..=8 | 10 | 13 => (device(8)?, device(9)?, HostMemory::Unknown),
        9 => (host(memory(6)?), host(memory(7)?), HostMemory::Unknown),
        _ => (Tier::Unknown, Tier::Unknown, HostMemory::Unknown),
    };
    // Copies take turns with nothing that a row refers to: their places tell them apart.
    let correlation = (rows.len() as u32).wrapping_add(1);
    let (_, thread) = found.process(row.integer(5)?);
    let end_of = |time, action| Row { time, address: 0, size, thread, pool: 0, frame: 0, module: 0, action };
    rows.push(end_of(start, Action::MoveBegin { correlation, from, to, memory }));
    rows.push(end_of(end.max(start), Action::MoveEnd { correlation }));
    Ok(())
}
