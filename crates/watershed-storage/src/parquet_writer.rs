//! Rows into a Parquet file.
//!
//! | column | encoding | why |
//! |---|---|---|
//! | tag | dictionary | few values, and the key order makes long runs of one |
//! | time, integers | DELTA_BINARY_PACKED | neighbours are close, and it packs to the bits needed |
//! | floats | BYTE_STREAM_SPLIT | puts the bytes that look alike together for zstd |
//! | booleans | RLE | long runs |
//! | text fields | dictionary, plain with lengths apart when the values do not repeat | levels and states repeat, messages do not |
//!
//! All pages are compressed with zstd. Every file has statistics per row group and per page (the page
//! index), the sort order, and the Arrow schema with the kinds of the columns.

use crate::Error;
use crate::dedup::{KEY_ORDER, Keys, Position};
use crate::schema::column_type;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::pin::pin;
use std::sync::Arc;
use watershed_model::{ColumnType, TimeRange};

/// The most rows of a row group. An encoder keeps one row group in memory, a few bytes a row and column;
/// pages, not row groups, are what narrow queries are pruned by.
const ROW_GROUP_ROWS_MAX: usize = 1 << 20;

/// The most rows of a page, which is the least a query decodes of a column: about one series' day at one
/// point every 10 s.
const PAGE_ROWS_MAX: usize = 8192;

/// The most bytes of a column's dictionary before its values are written plain. High enough for 100,000
/// series names; the default of 1 MiB is not.
const TAG_DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// Up to this size a file is one put; larger ones go up in parts while the rest is encoded.
const UPLOAD_PART_BYTES: usize = 16 << 20;

/// Encoded bytes are handed to the upload from this size on.
const HAND_OVER_BYTES: usize = 1 << 20;

const CREATED_BY: &str = concat!("watershed version ", env!("CARGO_PKG_VERSION"));

/// How to write. Few knobs: the rest are constants with reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSettings {
    /// The zstd level, 1 (fast) to 22 (small). Outside that range the nearest is taken.
    pub zstd_level: i32,
    /// The most rows of a row group, at least 1.
    pub row_group_rows_max: usize,
    /// The most rows of a page, at least 1.
    pub page_rows_max: usize,
}

impl Default for WriteSettings {
    fn default() -> Self {
        Self {
            zstd_level: 1,
            row_group_rows_max: ROW_GROUP_ROWS_MAX,
            page_rows_max: PAGE_ROWS_MAX,
        }
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenFile {
    /// The size of the object.
    pub bytes: u64,
    /// The number of rows.
    pub rows: u64,
    /// The first and the last time; empty when there are no rows.
    pub time_range: TimeRange,
}

/// Writes rows to one Parquet file, which is in the store, whole, when this returns.
///
/// Input: batches of schema `schema` in key order, over batch boundaries too, one row per key. `schema` has
/// all tags for which a row has a value, and time.
/// When there is no row, nothing is stored and the result has `rows` 0: do not list such a file.
/// Encoding runs on tokio's blocking pool, one batch at a time. Memory: one encoded row group, and some
/// upload parts of 16 MiB.
///
/// # Errors
/// `OutOfOrder` when a row does not come after the one before: files that lie about their order make
/// queries wrong. `Store` when the store refuses, and whatever the input yields. Then no object is at `path`.
pub async fn write_parquet(
    store: Arc<dyn ObjectStore>,
    path: &Path,
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, Error>> + Send,
    settings: WriteSettings,
) -> Result<WrittenFile, Error> {
    let mut upload = BufWriter::with_capacity(store, path.clone(), UPLOAD_PART_BYTES);
    let result = write_to(&mut upload, path, schema, batches, settings).await;
    if result.as_ref().is_ok_and(|written| written.rows > 0) {
        // Not aborted when this fails: the upload then cleans up by itself, and an abort would panic.
        finish_upload(&mut upload, path).await?;
    } else if let Err(error) = upload.abort().await {
        // A writer that never got bytes has nothing to abort, and says so.
        tracing::debug!(%path, %error, "could not abort an upload");
    }
    result
}

/// Hands all of the file to the upload, which is still to be finished.
async fn write_to(
    upload: &mut BufWriter,
    path: &Path,
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, Error>> + Send,
    settings: WriteSettings,
) -> Result<WrittenFile, Error> {
    let mut encoder = Encoder::new(path, schema, settings)?;
    let mut batches = pin!(batches);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        encoder = blocking(move || encoder.encode(batch)).await?;
        if let Some(bytes) = encoder.take_bytes(HAND_OVER_BYTES) {
            upload
                .put(bytes)
                .await
                .map_err(|error| Error::store(path, error))?;
        }
    }
    if encoder.written.rows == 0 {
        return Ok(encoder.written);
    }
    let (bytes, written) = blocking(move || encoder.finish()).await?;
    upload
        .put(bytes)
        .await
        .map_err(|error| Error::store(path, error))?;
    Ok(written)
}

async fn finish_upload(upload: &mut BufWriter, path: &Path) -> Result<(), Error> {
    use tokio::io::AsyncWriteExt;
    upload.shutdown().await.map_err(|error| {
        let source = object_store::Error::Generic {
            store: "upload",
            source: Box::new(error),
        };
        Error::store(path, source)
    })
}

/// Encoding takes milliseconds a batch: too long for an I/O thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::Task)?
}

struct Encoder {
    path: Path,
    keys: Keys,
    writer: ArrowWriter<Vec<u8>>,
    last: Option<(Vec<u8>, i64)>,
    written: WrittenFile,
}

impl Encoder {
    fn new(path: &Path, schema: SchemaRef, settings: WriteSettings) -> Result<Self, Error> {
        let keys = Keys::new(&schema)?;
        let properties = properties(&schema, &keys, settings).map_err(|source| Error::Encode {
            path: path.clone(),
            source,
        })?;
        let writer =
            ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|source| {
                Error::Encode {
                    path: path.clone(),
                    source,
                }
            })?;
        let empty = TimeRange::from_nanos(i64::MAX, i64::MIN);
        let written = WrittenFile {
            bytes: 0,
            rows: 0,
            time_range: empty,
        };
        Ok(Self {
            path: path.clone(),
            keys,
            writer,
            last: None,
            written,
        })
    }

    /// Encodes a batch that has rows.
    fn encode(mut self, batch: RecordBatch) -> Result<Self, Error> {
        let keyed = self.keys.read(batch, 0)?;
        let last = self
            .last
            .as_ref()
            .map(|(tags, time)| Position { tags, time: *time });
        if keyed.has_duplicates() || (last.is_some() && last >= keyed.first()) {
            return Err(Error::OutOfOrder { input: 0 });
        }
        self.last = keyed.last().map(|last| (last.tags.to_vec(), last.time));
        for time in keyed.times.iter() {
            let range = &mut self.written.time_range;
            *range = range.union(&TimeRange::from_nanos(*time, *time));
        }
        self.written.rows += keyed.rows() as u64;
        match self.writer.write(&keyed.batch) {
            Ok(()) => Ok(self),
            Err(source) => Err(Error::Encode {
                path: self.path,
                source,
            }),
        }
    }

    /// The encoded bytes, if there are at least that many.
    fn take_bytes(&mut self, bytes_min: usize) -> Option<Bytes> {
        let buffer = self.writer.inner_mut();
        (buffer.len() >= bytes_min).then(|| Bytes::from(std::mem::take(buffer)))
    }

    /// The bytes not yet taken, and the file's description.
    fn finish(mut self) -> Result<(Bytes, WrittenFile), Error> {
        self.writer.finish().map_err(|source| Error::Encode {
            path: self.path.clone(),
            source,
        })?;
        self.written.bytes = self.writer.bytes_written() as u64;
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        Ok((bytes, self.written))
    }
}

fn properties(
    schema: &SchemaRef,
    keys: &Keys,
    settings: WriteSettings,
) -> Result<WriterProperties, ParquetError> {
    let level = ZstdLevel::try_new(settings.zstd_level.clamp(1, 22))?;
    let sorting = |column| SortingColumn {
        column_idx: column as i32,
        descending: KEY_ORDER.descending,
        nulls_first: KEY_ORDER.nulls_first,
    };
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(settings.row_group_rows_max.max(1)))
        .set_data_page_row_count_limit(settings.page_rows_max.max(1))
        // Pages are only cut between these.
        .set_write_batch_size(settings.page_rows_max.clamp(1, 1024))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_dictionary_enabled(false)
        .set_sorting_columns(Some(keys.columns().map(sorting).collect()));
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        builder = match column_type(field) {
            Some(ColumnType::Tag) => builder
                .set_column_dictionary_enabled(column.clone(), true)
                .set_column_dictionary_page_size_limit(column, TAG_DICTIONARY_BYTES_MAX),
            Some(ColumnType::Time | ColumnType::I64 | ColumnType::U64) => {
                builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
            }
            Some(ColumnType::F64) => {
                builder.set_column_encoding(column, Encoding::BYTE_STREAM_SPLIT)
            }
            Some(ColumnType::Bool) => builder.set_column_encoding(column, Encoding::RLE),
            Some(ColumnType::String) => builder
                .set_column_dictionary_enabled(column.clone(), true)
                .set_column_encoding(column, Encoding::DELTA_LENGTH_BYTE_ARRAY),
            None => builder,
        };
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests;
