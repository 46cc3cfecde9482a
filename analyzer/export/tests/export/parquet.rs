//! Tables as Parquet, read by a reader of Parquet, held against the same tables as CSV. What it needs is a
//! feature: `cargo test -p memtrace-export --features parquet --test export parquet`.

use ::parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::{Field, Row},
};
use memtrace_export::{Export, Format, Table};

use memtrace_testing::recording::{DEVICE, Recording, alloc, file, free};

use super::swapping::{exported, swapping};

/// The rows that are written together, so that memory does not grow with a table.
const GROUP: usize = 1 << 16;

#[test]
fn a_table_in_parquet_has_the_cells_of_the_same_table_as_csv() {
    for table in [Table::Events, Table::Samples, Table::Modules] {
        assert!(compared(&swapping(), table) > 1, "{table:?}");
        assert_eq!(compared(&Recording::new(), table), 0, "{table:?}");
    }
}

#[test]
fn a_long_table_has_groups_of_rows() {
    let mut run = Recording::new();
    run.thread(1, "main");
    for block in 0..GROUP as u64 {
        let address = 0x1000 * (1 + block % 7);
        run.at(1, 10 + 2 * block, alloc(DEVICE, address, 0x1000, block % 0x1000));
        run.at(1, 11 + 2 * block, free(DEVICE, address));
    }
    run.at(1, 1 << 20, alloc(DEVICE, 0x1000, 0x1000, 1));
    assert_eq!(compared(&run, Table::Events), 2 * GROUP + 1);
}

/// How many rows were compared.
fn compared(run: &Recording, table: Table) -> usize {
    let written = file(&exported(run, &Export::new(Format::Parquet(table))));
    let columns = SerializedFileReader::new(written.reopen().unwrap()).unwrap();
    let text = exported(run, &Export::new(Format::Csv(table)));
    let mut cells = csv::Reader::from_reader(&text[..]);
    let shape = columns.metadata();
    let names = shape.file_metadata().schema_descr().columns().iter().map(|column| column.name());
    assert!(names.eq(cells.headers().unwrap()));
    let groups: Vec<_> = shape.row_groups().iter().map(|group| group.num_rows() as usize).collect();
    let rows: Vec<Row> = columns.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect();
    assert_eq!(groups, rows.chunks(GROUP).map(<[_]>::len).collect::<Vec<_>>());
    let records: Vec<csv::StringRecord> = cells.records().map(|record| record.unwrap()).collect();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(&records) {
        for ((name, field), cell) in row.get_column_iter().zip(record) {
            assert!(is_same(name, field, cell), "{name}: {field:?} and {cell:?}");
        }
    }
    rows.len()
}

fn is_same(name: &str, field: &Field, cell: &str) -> bool {
    match field {
        Field::Null => cell.is_empty(),
        Field::Str(text) => cell == text || cell.strip_prefix('\'') == Some(text),
        Field::ULong(number) if name == "address" => cell == format!("{number:#x}"),
        Field::ULong(number) => cell == number.to_string(),
        Field::Double(number) => name == "value" && cell.parse() == Ok(*number),
        _ => false,
    }
}
