//! Rows out of Parquet files.
//!
//! 1. The footer with its page index comes from the [`footers`] cache, or is read and put there.
//! 2. [`pruning`] leaves out row groups and pages whose statistics exclude the filter.
//! 3. The columns that are wanted and there are decoded; those the file lacks become nulls.
//!
//! Decoding runs where the stream is polled. A damaged file is an error, never a panic: the decoder's own
//! panics are caught here, because one bad file must not take a query's threads with it.

mod footers;
mod pruning;

use crate::dedup::KEY_ORDER;
use crate::{Error, ScanFilter};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use footers::Footers;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{
    AsyncFileReader, MetadataFetch, ParquetRecordBatchStreamBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, SortingColumn,
};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// How much of a file's end is fetched with the first request. Holds footer and page index of a file of
/// 100 MiB with 20 columns; when it does not, a second request gets the rest.
const FOOTER_BYTES_GUESS: usize = 64 << 10;

/// Reads files of one store. Cheap to clone; clones share the cache.
#[derive(Debug, Clone)]
pub struct ParquetReader {
    store: Arc<dyn ObjectStore>,
    footers: Arc<Footers>,
}

/// What a scan of one file would touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanExtent {
    /// Row groups in the file.
    pub row_groups: usize,
    /// Row groups of which something is read.
    pub row_groups_read: usize,
    /// Rows in the file.
    pub rows: u64,
    /// Rows in the pages that are read.
    pub rows_read: u64,
}

impl ParquetReader {
    /// A reader that keeps up to `cache_bytes` of footers in memory. Files never change, so nothing in the
    /// cache goes stale.
    pub fn new(store: Arc<dyn ObjectStore>, cache_bytes: usize) -> Self {
        Self {
            store,
            footers: Arc::new(Footers::new(cache_bytes)),
        }
    }

    /// Reads the rows of a file, in the file's order, in batches of at most `batch_rows` (at least 1).
    ///
    /// `bytes` is the file's size as the catalog has it. `schema` is what comes out: columns of the table as
    /// [`arrow_schema`] makes them, in any selection; columns the file lacks are null. Rows that cannot
    /// match `filter` are left out as far as row groups and pages can tell; others may come out all the same.
    /// Memory: the wanted columns' bytes of one row group, and one batch.
    ///
    /// # Errors
    /// `Missing`, `Damaged` and `FileType` (all of kind Corrupt) when the file is not what the catalog
    /// says, `Store` when the store does not answer. Nothing is yielded after an error.
    ///
    /// [`arrow_schema`]: crate::arrow_schema
    pub async fn read(
        &self,
        path: &Path,
        bytes: u64,
        schema: SchemaRef,
        filter: &ScanFilter,
        batch_rows: usize,
    ) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
        let (_, rows) = self
            .read_extent(path, bytes, schema, filter, batch_rows)
            .await?;
        Ok(rows)
    }

    /// As [`read`](Self::read), with what of the file will be touched.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_extent(
        &self,
        path: &Path,
        bytes: u64,
        schema: SchemaRef,
        filter: &ScanFilter,
        batch_rows: usize,
    ) -> Result<(ScanExtent, BoxStream<'static, Result<RecordBatch, Error>>), Error> {
        let footer = self.footer(path, bytes).await?;
        let plan = guarded(path, || pruning::plan(footer.metadata(), filter))?;
        let extent = extent(footer.metadata(), &plan);
        if plan.row_groups.is_empty() {
            return Ok((extent, stream::empty().boxed()));
        }
        let projection = Projection::new(path, &schema, &footer)?;
        let metadata = Arc::clone(footer.metadata());
        let file = StoredFile {
            object: self.object(path, bytes),
            metadata,
        };
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(file, footer)
            .with_batch_size(batch_rows.max(1))
            .with_row_groups(plan.row_groups)
            .with_projection(projection.mask.clone());
        if let Some(selection) = plan.selection {
            builder = builder.with_row_selection(selection);
        }
        let batches = guarded(path, || builder.build())?;
        let path = path.clone();
        let batches = AssertUnwindSafe(batches)
            .catch_unwind()
            .map(move |step| match step {
                Ok(batch) => projection.apply(batch.map_err(|error| Error::read(&path, error))?),
                Err(_) => Err(panicked(&path)),
            });
        Ok((extent, ending_with_error(batches).boxed()))
    }

    /// What [`read`](Self::read) with that filter would touch; reads the footer only.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn extent(
        &self,
        path: &Path,
        bytes: u64,
        filter: &ScanFilter,
    ) -> Result<ScanExtent, Error> {
        let footer = self.footer(path, bytes).await?;
        let metadata = footer.metadata();
        let plan = guarded(path, || pruning::plan(metadata, filter))?;
        Ok(extent(metadata, &plan))
    }

    async fn footer(&self, path: &Path, bytes: u64) -> Result<ArrowReaderMetadata, Error> {
        if let Some(footer) = self.footers.get(path) {
            return Ok(footer);
        }
        let metadata = match self.load_footer(path, bytes).await {
            Err(error @ Error::Store { .. }) => {
                // Stores word a range beyond the end in their own ways. Look whether it is that.
                return Err(self.wrong_size(path, bytes).await.unwrap_or(error));
            }
            loaded => loaded?,
        };
        check_order(path, &metadata)?;
        let footer = guarded(path, || {
            ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
        })?;
        self.footers.put(path, &footer);
        Ok(footer)
    }

    async fn load_footer(&self, path: &Path, bytes: u64) -> Result<ParquetMetaData, Error> {
        let mut object = self.object(path, bytes);
        let load = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_prefetch_hint(Some(FOOTER_BYTES_GUESS))
            .load_and_finish(&mut object, bytes);
        match AssertUnwindSafe(load).catch_unwind().await {
            Ok(metadata) => metadata.map_err(|error| Error::read(path, error)),
            Err(_) => Err(panicked(path)),
        }
    }

    async fn wrong_size(&self, path: &Path, bytes: u64) -> Option<Error> {
        let found = self.store.head(path).await.ok()?.size;
        let reason = format!("{found} bytes long, {bytes} were written");
        (found != bytes).then(|| Error::Damaged {
            path: path.clone(),
            reason,
        })
    }

    fn object(&self, path: &Path, bytes: u64) -> Object {
        Object {
            store: Arc::clone(&self.store),
            path: path.clone(),
            bytes,
        }
    }
}

/// How much of a file is touched.
fn extent(metadata: &ParquetMetaData, plan: &pruning::Plan) -> ScanExtent {
    let rows_of = |group: &usize| metadata.row_group(*group).num_rows() as u64;
    let all = plan.row_groups.iter().map(rows_of).sum();
    let selection = plan.selection.as_ref();
    ScanExtent {
        row_groups: metadata.num_row_groups(),
        row_groups_read: plan.row_groups.len(),
        rows: (0..metadata.num_row_groups())
            .map(|group| rows_of(&group))
            .sum(),
        rows_read: selection.map_or(all, |selection| selection.row_count() as u64),
    }
}

/// Refuses files of early builds, whose rows have another order: merging the two would go wrong.
fn check_order(path: &Path, metadata: &ParquetMetaData) -> Result<(), Error> {
    let other = |column: &SortingColumn| {
        column.nulls_first != KEY_ORDER.nulls_first || column.descending != KEY_ORDER.descending
    };
    let mut sorted = metadata
        .row_groups()
        .iter()
        .filter_map(|g| g.sorting_columns());
    if sorted.any(|columns| columns.iter().any(other)) {
        return Err(Error::Damaged {
            path: path.clone(),
            reason: "its rows have the order of an early build; write its points again".to_owned(),
        });
    }
    Ok(())
}

/// Runs code of the decoder on bytes from outside.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| Error::read(path, error)),
        Err(_) => Err(panicked(path)),
    }
}

fn panicked(path: &Path) -> Error {
    Error::Damaged {
        path: path.clone(),
        reason: "the decoder gave up".to_owned(),
    }
}

/// The same items up to the first error.
fn ending_with_error<T: Send + 'static>(
    items: impl futures::Stream<Item = Result<T, Error>> + Send + 'static,
) -> impl futures::Stream<Item = Result<T, Error>> + Send {
    let items = items.boxed();
    stream::unfold(Some(items), |items| async move {
        let mut items = items?;
        let item = items.next().await?;
        let rest = item.is_ok().then_some(items);
        Some((item, rest))
    })
}

/// How a file's columns become the wanted ones.
struct Projection {
    mask: ProjectionMask,
    schema: SchemaRef,
    /// For each wanted column its place among the decoded ones; `None` when the file lacks it.
    sources: Vec<Option<usize>>,
}

impl Projection {
    fn new(path: &Path, schema: &SchemaRef, footer: &ArrowReaderMetadata) -> Result<Self, Error> {
        let file: &Schema = footer.schema();
        let mut in_file = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let Some((index, stored)) = file.fields().find(field.name()) else {
                in_file.push(None);
                continue;
            };
            if stored.data_type() != field.data_type() {
                return Err(Error::FileType {
                    path: path.clone(),
                    column: field.name().clone(),
                    expected: field.data_type().clone(),
                    found: stored.data_type().clone(),
                });
            }
            in_file.push(Some(index));
        }
        // Decoded columns come in the file's order.
        let mut decoded: Vec<usize> = in_file.iter().copied().flatten().collect();
        decoded.sort_unstable();
        decoded.dedup();
        let place = |index: usize| decoded.binary_search(&index).ok();
        let sources = in_file.iter().map(|index| index.and_then(place)).collect();
        // Our columns are all flat: the index of a column is that of its leaf.
        let mask = ProjectionMask::leaves(footer.parquet_schema(), decoded);
        Ok(Self {
            mask,
            schema: Arc::clone(schema),
            sources,
        })
    }

    fn apply(&self, batch: RecordBatch) -> Result<RecordBatch, Error> {
        let rows = batch.num_rows();
        let columns: Vec<ArrayRef> = self
            .sources
            .iter()
            .zip(self.schema.fields())
            .map(|(source, field)| match source {
                Some(source) => Arc::clone(batch.column(*source)),
                None => new_null_array(field.data_type(), rows),
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

/// The bytes of a file. Ranges outside are refused before the store is asked: they come from damage.
#[derive(Debug)]
struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
}

impl Object {
    fn check(&self, range: &Range<u64>) -> Result<(), ParquetError> {
        if range.start <= range.end && range.end <= self.bytes {
            return Ok(());
        }
        let text = format!("refers to bytes {range:?} of {}", self.bytes);
        Err(ParquetError::General(text))
    }

    async fn get(&self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        self.check(&range)?;
        Ok(self.store.get_range(&self.path, range).await?)
    }

    async fn get_many(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, ParquetError> {
        ranges.iter().try_for_each(|range| self.check(range))?;
        Ok(self.store.get_ranges(&self.path, &ranges).await?)
    }
}

impl MetadataFetch for &mut Object {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.get(range).boxed()
    }
}

/// A file whose footer is known.
struct StoredFile {
    object: Object,
    metadata: Arc<ParquetMetaData>,
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.object.get(range).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        self.object.get_many(ranges).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        futures::future::ready(Ok(Arc::clone(&self.metadata))).boxed()
    }
}

#[cfg(test)]
mod tests;
