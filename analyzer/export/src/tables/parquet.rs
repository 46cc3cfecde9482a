//! A table as a Parquet file: a column for each, which may be empty, and a group of rows at a time in memory.

use std::io::{self, Write};

use parquet::{
    basic::{Compression, ConvertedType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::Type,
};

use super::{Cell, Kind, Rows, Table};

/// The rows that are written together.
const GROUP: usize = 1 << 16;

/// The rows of a table on their way into a file.
pub(in memtrace_export) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<(Kind, Column)>,
    rows: usize,
}

/// A column of the group that is being made.
#[derive(Debug, Default)]
struct Column {
    /// For each row 1 if there is a value, 0 if not.
    there: Vec<i16>,
    texts: Vec<ByteArray>,
    /// 64 bits without a sign, as the format stores them.
    numbers: Vec<i64>,
    floats: Vec<f64>,
}

impl<W: Write + Send> Parquet<W> {
    pub(in memtrace_export) fn new(table: Table, out: W) -> io::Result<Self> {
        let field = |&(name, kind): &(&str, Kind)| {
            let (physical, converted) = match kind {
                Kind::Text => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
                Kind::Number => (Physical::INT64, ConvertedType::UINT_64),
                Kind::Value => (Physical::DOUBLE, ConvertedType::NONE),
            };
            let field = Type::primitive_type_builder(name, physical);
            field.with_converted_type(converted).with_repetition(Repetition::OPTIONAL).build().map(Into::into)
        };
        let fields = table.shape().iter().map(field).collect::<Result<_, _>>().map_err(failed)?;
        let schema = Type::group_type_builder("memtrace").with_fields(fields).build().map_err(failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(out, schema.into(), properties.into()).map_err(failed)?;
        let columns = table.shape().iter().map(|&(_, kind)| (kind, Column::default())).collect();
        Ok(Self { writer, columns, rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for (kind, column) in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.write(*kind, &mut writer)?;
            writer.close()?;
            *column = Column::default();
        }
        self.rows = 0;
        group.close().map(drop)
    }
}

impl<W: Write + Send> Rows for Parquet<W> {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn row<const N: usize>(&mut self, cells: [Cell; N]) -> io::Result<()> {
        for ((kind, column), cell) in self.columns.iter_mut().zip(cells) {
            column.add(*kind, cell);
        }
        self.rows += 1;
        if self.rows == GROUP { self.write_group().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group().map_err(failed)?;
        }
        self.writer.close().map(drop).map_err(failed)
    }
}

impl Column {
    fn add(&mut self, kind: Kind, cell: Cell) {
        self.there.push(i16::from(!matches!(cell, Cell::Empty)));
        match (kind, cell) {
            (_, Cell::Empty) => {}
            (_, Cell::Text(text)) => self.texts.push(text.to_string().into_bytes().into()),
            (_, Cell::Word(word)) => self.texts.push(word.into()),
            (Kind::Value, Cell::Number(number)) => self.floats.push(number as f64),
            (_, Cell::Number(number) | Cell::Address(number)) => self.numbers.push(number as i64),
            (_, Cell::Float(number)) => self.floats.push(number),
        }
    }

    fn write(&self, kind: Kind, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let there = Some(&self.there[..]);
        match kind {
            Kind::Text => writer.typed::<ByteArrayType>().write_batch(&self.texts, there, None),
            Kind::Number => writer.typed::<Int64Type>().write_batch(&self.numbers, there, None),
            Kind::Value => writer.typed::<DoubleType>().write_batch(&self.floats, there, None),
        }
        .map(drop)
    }
}

/// Returns the I/O error behind an error of the library: the reader of a pipe may be gone.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => error.downcast().map_or_else(io::Error::other, |error| *error),
        error => error.into(),
    }
}
