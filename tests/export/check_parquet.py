"""Reads an exported table with DuckDB and pyarrow (`pip install duckdb pyarrow`) and holds every cell against the same table as CSV:
`check_parquet.py events.parquet events.csv`, of `memtrace export --to parquet` and `--to csv` with the same `--table`.

Of events, DuckDB adds up allocs and frees, which must be what each row says that its heap has; so the trace must be a whole one, not
what a ring kept, a snapshot or a cut."""

import csv
import sys

import duckdb
import pyarrow.parquet


def cell_of(name, value):
    """A value as CSV has it, apart from what is done against formulas, and floating-point numbers by their value."""
    if value is None:
        return ""
    return hex(value) if name == "address" else str(value)


def is_same(name, value, cell):
    if name == "value" and value is not None:
        return float(cell) == value
    return cell_of(name, value) in (cell, cell.removeprefix("'"))


def main(path, csv_path):
    file = pyarrow.parquet.ParquetFile(path)
    rows = 0
    with open(csv_path, newline="") as text:
        cells = csv.reader(text)
        assert next(cells) == file.schema_arrow.names
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                record = next(cells)
                assert all(is_same(name, value, cell) for (name, value), cell in zip(row.items(), record)), (row, record)
                rows += 1
        assert next(cells, None) is None
    assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(rows,)]
    print(f"{path}: {rows} rows in {file.num_row_groups} groups, {file.schema_arrow.names}")
    if "heap_allocated_bytes" not in file.schema_arrow.names:
        return
    heaps = duckdb.sql(f"""
        select heap, max(heap_allocated_bytes), max_by(heap_allocated_bytes, row), count(*) filter (live <> heap_allocated_bytes)
        from (select heap, heap_allocated_bytes, file_row_number as row,
                     sum(case kind when 'block alloc' then bytes::hugeint
                                   when 'block free' then -bytes::hugeint when 'block free requested' then -bytes::hugeint else 0 end)
                     over (partition by heap order by file_row_number) as live
              from read_parquet('{path}', file_row_number = true) where heap_allocated_bytes is not null)
        group by heap order by heap
    """).fetchall()
    for heap, highest, last, wrong in heaps:
        print(f"  {heap}: highest {highest}, last {last}")
        assert wrong == 0, f"{wrong} rows say something else than the allocs and frees before them"


main(*sys.argv[1:])
