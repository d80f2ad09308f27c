//! Rows as bytes, batch by batch. No format holds more than a few batches, but Parquet, which holds a row
//! group.

use super::calendar::{self, OutOfRange};
use super::csv;
use super::format::Format;
use super::text_table::TextTable;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{JsonArray, LineDelimited, WriterBuilder as JsonBuilder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// A row group ends when it has so many bytes: large enough to be read fast, small enough to be held.
const ROW_GROUP_BYTES: usize = 8 << 20;

/// Why rows can't be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    #[error("{0}")]
    Arrow(#[from] ArrowError),
    #[error("{0}")]
    Parquet(#[from] ParquetError),
    #[error("{0}")]
    Hydrate(#[from] watershed_storage::Error),
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

impl EncodeError {
    /// Whether the format has no place for a type of a column or for a value: then the query has to ask for another one.
    pub(super) const fn is_unsupported(&self) -> bool {
        matches!(
            self,
            Self::OutOfRange(_)
                | Self::Arrow(
                    ArrowError::CsvError(_)
                        | ArrowError::JsonError(_)
                        | ArrowError::NotYetImplemented(_)
                )
                | Self::Parquet(ParquetError::NYI(_) | ParquetError::ArrowError(_))
        )
    }
}

/// Writes the rows of one answer: [`begin`](Self::begin), any number of [`batch`](Self::batch), then
/// [`end`](Self::end). Without the end an answer can be told from a whole one in every format but CSV and lines
/// of JSON.
pub(super) struct Encoder {
    schema: SchemaRef,
    row_group_bytes: usize,
    kind: Kind,
}

enum Kind {
    /// Whether a row has been written.
    Json(bool),
    JsonLines,
    Csv,
    Pretty(TextTable),
    /// `None` before the beginning and after the end.
    Parquet(Option<ArrowWriter<Vec<u8>>>),
    Arrow(Option<StreamWriter<Vec<u8>>>),
}

impl Kind {
    const fn is_text(&self) -> bool {
        !matches!(self, Self::Parquet(_) | Self::Arrow(_))
    }
}

impl Encoder {
    /// The batches must have that schema, and no dictionaries.
    pub(super) fn new(format: Format, schema: SchemaRef) -> Self {
        let kind = match format {
            Format::Json => Kind::Json(false),
            Format::JsonLines => Kind::JsonLines,
            Format::Csv => Kind::Csv,
            Format::Pretty => Kind::Pretty(TextTable::new(&schema)),
            Format::Parquet => Kind::Parquet(None),
            Format::Arrow => Kind::Arrow(None),
        };
        Self {
            schema,
            row_group_bytes: ROW_GROUP_BYTES,
            kind,
        }
    }

    pub(super) fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &mut self.kind {
            Kind::Json(_) => out.push(b'['),
            Kind::Csv => csv::header(&self.schema, out),
            Kind::JsonLines | Kind::Pretty(_) => {}
            Kind::Parquet(writer) => {
                let compression = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(compression);
                let schema = self.schema.clone();
                let properties = properties.build();
                *writer = Some(ArrowWriter::try_new(Vec::new(), schema, Some(properties))?);
            }
            Kind::Arrow(writer) => {
                let begun = writer.insert(StreamWriter::try_new(Vec::new(), &self.schema)?);
                out.append(begun.get_mut());
            }
        }
        Ok(())
    }

    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.kind.is_text() {
            calendar::check(batch)?;
        }
        match &mut self.kind {
            Kind::Json(some_rows) => json(batch, some_rows, out)?,
            Kind::JsonLines => {
                let mut writer = JsonBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, LineDelimited>(&mut *out);
                writer.write(batch)?;
                writer.finish()?;
            }
            Kind::Csv => csv::rows(batch, out)?,
            Kind::Pretty(table) => table.batch(batch, out)?,
            Kind::Parquet(Some(writer)) => {
                writer.write(batch)?;
                if writer.in_progress_size() >= self.row_group_bytes {
                    writer.flush()?;
                    out.append(writer.inner_mut());
                }
            }
            Kind::Arrow(Some(writer)) => {
                writer.write(batch)?;
                out.append(writer.get_mut());
            }
            Kind::Parquet(None) | Kind::Arrow(None) => {}
        }
        Ok(())
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &mut self.kind {
            Kind::Json(_) => out.extend_from_slice(b"]\n"),
            Kind::JsonLines | Kind::Csv => {}
            Kind::Pretty(table) => table.end(out),
            Kind::Parquet(writer) => {
                if let Some(writer) = writer.take() {
                    out.extend(writer.into_inner()?);
                }
            }
            Kind::Arrow(writer) => {
                if let Some(writer) = writer.take() {
                    out.extend(writer.into_inner()?);
                }
            }
        }
        Ok(())
    }
}

fn json(batch: &RecordBatch, some_rows: &mut bool, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let mut writer = JsonBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, JsonArray>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let text = writer.into_inner();
    // The brackets of each batch give way to one pair around all.
    let inner = text
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b"]"))
        .unwrap_or_default();
    if std::mem::replace(some_rows, true) {
        out.push(b',');
    }
    out.extend_from_slice(inner);
    Ok(())
}

#[cfg(test)]
mod tests;
