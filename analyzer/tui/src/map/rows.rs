//! The rows: regions, and the blocks of what is looked at closely.

use crate::listing::{Cell, Column, Row};

use super::regions::Region;

pub(super) fn region_columns() -> Vec<Column> {
    vec![
        Column::text("segment", 14, 1),
        Column::number("size", 11, 0),
        Column::number("free", 5, 2),
        Column::number("largest", 11, 4),
        Column::number("holes", 6, 5),
        Column::number("blocks", 6, 5),
        Column::text("pool", 8, 6),
    ]
}

pub(super) fn block_columns() -> Vec<Column> {
    vec![
        Column::text("block", 14, 1),
        Column::number("size", 11, 0),
        Column::number("asked", 11, 5),
        Column::text("module", Column::WIDE, 2),
        Column::text("scope", Column::WIDE, 4),
        Column::text("thread", 12, 7),
        Column::number("age", 10, 3),
        Column::text("state", 13, 6),
    ]
}

pub(super) fn region_row(region: &Region) -> Row {
    let share = region.free.map(|free| free.bytes.0 as f64 / region.bytes().0.max(1) as f64);
    Row::new(
        region.from,
        vec![
            Cell::word(format!("{:#x}", region.from)),
            Cell::Bytes(region.bytes()),
            share.map_or(Cell::Unknown, Cell::Share),
            region.free.map_or(Cell::Unknown, |free| Cell::Bytes(free.largest)),
            region.free.map_or(Cell::Unknown, |free| Cell::Count(free.holes as u64)),
            Cell::Count(region.blocks.len() as u64),
            region.pool.clone().map_or(Cell::Unknown, Cell::Text),
        ],
    )
}
