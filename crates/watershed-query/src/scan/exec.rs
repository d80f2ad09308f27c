//! The plan node.

mod extent;

use super::groups::{Group, Piece, group, spread, stretches};
use super::metrics::ScanMetrics;
use super::{Error, Sources};
use crate::UnpersistedPiece;
use crate::session::BATCH_ROWS;
use arrow::array::{Array, RecordBatch, RecordBatchOptions, TimestampNanosecondArray};
use arrow::compute::kernels::cmp::gt_eq;
use arrow::compute::{SortOptions, filter_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watershed_catalog::PartitionProgress;
use watershed_model::{
    Counter, PartitionKey, TIME_COLUMN, TableSchema, TimeRange, Timestamp, WriterId,
};
use watershed_storage::{ParquetReader, ScanFilter, dedup, parquet_path};

/// What a scan shall give.
pub(crate) struct ScanRequest {
    /// The table.
    pub(crate) table: Arc<TableSchema>,
    /// All its columns.
    pub(crate) schema: SchemaRef,
    /// The wanted columns, as indexes into `schema`.
    pub(crate) projection: Vec<usize>,
    /// Rows outside may be left out. Those inside the bounds may not.
    pub(crate) filter: ScanFilter,
    /// How many rows are enough.
    pub(crate) limit: Option<usize>,
    /// Rows older than that are not there any more.
    pub(crate) retention_nanos: Option<i64>,
    /// Into how many streams the work may be split.
    pub(crate) target_partitions: usize,
}

/// Files and unpersisted rows of one table: every key once, in key order within a group.
#[derive(Debug)]
pub(crate) struct ScanExec {
    read: Arc<Read>,
    partitions: Vec<Vec<Group>>,
    /// The partitions of the table, of which the groups are a part.
    table_partitions: usize,
    rows: Precision<usize>,
    /// How long the rows in memory were waited for.
    unpersisted_latency: Duration,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// Groups that are merged at a time: each holds a batch and the compressed columns of a row group.
const MERGED_MAX: usize = 128;

/// Rows that are sorted by time in memory; more are sorted by an operator that can use the disk.
const SORTED_ROWS_MAX: u64 = 2 << 20;

/// What is the same for every group of a scan.
#[derive(Debug)]
struct Read {
    table: Arc<TableSchema>,
    reader: Arc<ParquetReader>,
    filter: ScanFilter,
    /// Rows before it are not there any more.
    oldest: Option<Timestamp>,
    limit: Option<usize>,
    /// The columns that come out.
    output: SchemaRef,
    /// The columns a group of one piece is read with: those that come out and at least one.
    lean: SchemaRef,
    /// The columns a merge needs: those that come out, all tags and time.
    keyed: SchemaRef,
}

impl ScanExec {
    /// Chooses files and unpersisted rows: what was acknowledged before this call is in the scan.
    ///
    /// # Errors
    /// When the catalog or a part of the unpersisted rows can't be reached.
    pub(crate) async fn plan(mut request: ScanRequest, sources: &Sources) -> Result<Self> {
        let oldest = request.retention_nanos.map(|retention| {
            Timestamp::from_nanos(sources.clock.now().nanos().saturating_sub(retention))
        });
        if let Some(oldest) = oldest {
            let kept = TimeRange {
                min: oldest,
                max: Timestamp::MAX,
            };
            request.filter.times = request.filter.times.intersect(&kept);
        }
        let read = Arc::new(Read::new(&request, oldest, sources)?);
        let found = if request.filter.times.is_empty() {
            Found::default()
        } else {
            pieces(&read, sources).await?
        };
        let groups = group(found.pieces, request.filter.times);
        let rows = row_count(&read, &groups);
        let partitions = spread(groups, request.target_partitions);
        let properties = Arc::new(properties(&read, &partitions)?);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self {
            read,
            partitions,
            table_partitions: found.table_partitions,
            rows,
            unpersisted_latency: found.unpersisted_latency,
            properties,
            metrics,
        })
    }
}

impl ScanExec {
    /// The same rows with one partition for each stretch of time, in the order of time: no row of one is
    /// between rows of another. Neighbours are put together up to `rows` rows. `None` when all is one
    /// stretch. A limit of the scan counts for each.
    pub(crate) fn stretches(&self, rows: u64, descending: bool) -> Option<Self> {
        let groups = self.partitions.iter().flatten().cloned().collect();
        let partitions = stretches(groups, self.read.filter.times, rows, descending);
        if partitions.len() < 2 {
            return None;
        }
        self.with_partitions(partitions)
    }

    /// The key of the table: all tags in name order, and time.
    pub(crate) fn key(&self) -> impl Iterator<Item = &str> {
        let tags = self.read.table.tags().map(|tag| tag.name.as_str());
        tags.chain([TIME_COLUMN])
    }

    /// The same rows with one partition for each group, each in key order. `None` when there is no group, and
    /// when there are more than [`MERGED_MAX`], which would have to be open all at once.
    pub(crate) fn by_group(&self) -> Option<Self> {
        let groups = self.partitions.iter().flatten();
        if !(1..=MERGED_MAX).contains(&groups.clone().count()) {
            return None;
        }
        self.with_partitions(groups.map(|group| vec![group.clone()]).collect())
    }

    /// Whether the rows of each partition fit memory, and rows of one time are in key order in it.
    pub(crate) fn sorts_in_memory(&self) -> bool {
        let times = self.read.filter.times;
        let mut partitions = self.partitions.iter();
        partitions.all(|groups| {
            let disjoint = |pair: &[Group]| {
                let [before, after] = pair else { return true };
                before.times.intersect(&times).max < after.times.intersect(&times).min
            };
            groups.iter().map(Group::rows).sum::<u64>() <= SORTED_ROWS_MAX
                && groups.windows(2).all(disjoint)
        })
    }

    fn with_partitions(&self, partitions: Vec<Vec<Group>>) -> Option<Self> {
        let properties = Arc::new(properties(&self.read, &partitions).ok()?);
        Some(Self {
            read: Arc::clone(&self.read),
            partitions,
            table_partitions: self.table_partitions,
            rows: self.rows,
            unpersisted_latency: self.unpersisted_latency,
            properties,
            metrics: self.metrics.clone(),
        })
    }
}

/// What there is to read.
#[derive(Default)]
struct Found {
    /// Every piece that may hold rows of the scan.
    pieces: Vec<Piece>,
    table_partitions: usize,
    unpersisted_latency: Duration,
}

/// The order of the two questions matters, see the module.
async fn pieces(read: &Read, sources: &Sources) -> Result<Found, Error> {
    let keyed = Arc::clone(&read.keyed);
    let asked = Instant::now();
    let unpersisted = sources
        .unpersisted
        .rows(&read.table, keyed, &read.filter)
        .await?;
    let unpersisted_latency = asked.elapsed();
    let listed = sources
        .catalog
        .table_files(read.table.id(), read.filter.times)
        .await?;
    let persisted = Persisted::new(&listed.progress);
    let of_files = listed.progress.iter().map(|progress| &progress.partition);
    let of_rows = unpersisted.iter().map(|piece| &piece.partition);
    let table_partitions = of_files.chain(of_rows).collect::<BTreeSet<_>>().len();
    let rows = unpersisted
        .into_iter()
        .filter(|piece| !persisted.holds(piece))
        .map(Piece::Rows);
    let pieces = rows.chain(listed.files.into_iter().map(Piece::File));
    Ok(Found {
        pieces: pieces.collect(),
        table_partitions,
        unpersisted_latency,
    })
}

/// How far every writer has persisted every partition.
struct Persisted<'a>(HashMap<(&'a PartitionKey, WriterId), Counter>);

impl<'a> Persisted<'a> {
    fn new(progress: &'a [PartitionProgress]) -> Self {
        Self(
            progress
                .iter()
                .map(|p| ((&p.partition, p.writer), p.counter))
                .collect(),
        )
    }

    /// Whether a listed file, or one that has replaced it, holds the rows of the piece.
    fn holds(&self, piece: &UnpersistedPiece) -> bool {
        let counter = self.0.get(&(&piece.partition, piece.writer));
        counter.is_some_and(|persisted| piece.counters.max <= *persisted)
    }
}

/// How many rows come out: exactly, if nothing can be taken away from what the catalog counted.
fn row_count(read: &Read, groups: &[Group]) -> Precision<usize> {
    let pieces = groups.iter().flat_map(|group| &group.pieces);
    let total = pieces.map(Piece::rows).sum::<u64>();
    let Ok(total) = usize::try_from(total) else {
        return Precision::Absent;
    };
    let whole = |group: &Group| {
        !group.needs_merge()
            && read.filter.times.contains(group.times.min)
            && read.filter.times.contains(group.times.max)
    };
    // DataFusion replaces an aggregation over exactly no rows by constants, and forgets a column on the way.
    if total > 0 && read.limit.is_none() && read.filter.tags.is_empty() && groups.iter().all(whole)
    {
        Precision::Exact(total)
    } else {
        Precision::Inexact(read.limit.map_or(total, |limit| limit.min(total)))
    }
}

/// The order of rows is promised only where an output is one group: then it is key order, as far as the
/// key is among the columns.
fn properties(read: &Read, partitions: &[Vec<Group>]) -> Result<PlanProperties> {
    let mut equivalence = EquivalenceProperties::new(Arc::clone(&read.output));
    if partitions.iter().all(|groups| groups.len() <= 1) {
        let order = key_order(read);
        if !order.is_empty() {
            equivalence.add_ordering(order);
        }
    }
    Ok(PlanProperties::new(
        equivalence,
        Partitioning::UnknownPartitioning(partitions.len()),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

/// The longest beginning of the key that comes out.
fn key_order(read: &Read) -> Vec<PhysicalSortExpr> {
    let key = read
        .table
        .tags()
        .map(|tag| tag.name.as_str())
        .chain([TIME_COLUMN]);
    let options = SortOptions {
        descending: false,
        nulls_first: false,
    };
    key.map_while(|name| {
        let at = read.output.index_of(name).ok()?;
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, at));
        Some(PhysicalSortExpr::new(column, options))
    })
    .collect()
}

impl Read {
    fn new(request: &ScanRequest, oldest: Option<Timestamp>, sources: &Sources) -> Result<Self> {
        let output = Arc::new(request.schema.project(&request.projection)?);
        let mut lean: BTreeSet<usize> = request.projection.iter().copied().collect();
        let time = request.schema.index_of(TIME_COLUMN)?;
        if lean.is_empty() || oldest.is_some() {
            lean.insert(time);
        }
        let mut keyed = lean.clone();
        keyed.insert(time);
        for tag in request.table.tags() {
            keyed.insert(request.schema.index_of(tag.name.as_str())?);
        }
        Ok(Self {
            table: Arc::clone(&request.table),
            reader: Arc::clone(&sources.reader),
            filter: request.filter.clone(),
            oldest,
            limit: request.limit,
            output,
            lean: columns(&request.schema, &lean)?,
            keyed: columns(&request.schema, &keyed)?,
        })
    }

    /// The rows of a group, with the columns that come out.
    fn group(
        self: &Arc<Self>,
        group: &Group,
        metrics: &ScanMetrics,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        let rows = if group.needs_merge() {
            let inputs = group
                .pieces
                .iter()
                .map(|piece| self.piece(piece, &self.keyed, metrics))
                .collect();
            dedup::merge(Arc::clone(&self.keyed), inputs, BATCH_ROWS)
        } else {
            match group.pieces.first() {
                Some(piece) => self.piece(piece, &self.lean, metrics),
                None => stream::empty().boxed(),
            }
        };
        let oldest = self.oldest.filter(|oldest| group.times.min < *oldest);
        let output = Arc::clone(&self.output);
        rows.map(move |batch| {
            let batch = batch.map_err(Error::from)?;
            let batch = match oldest {
                Some(oldest) => not_before(&batch, oldest)?,
                None => batch,
            };
            project(&batch, &output)
        })
        .boxed()
    }

    /// The rows of a piece, in key order.
    fn piece(
        self: &Arc<Self>,
        piece: &Piece,
        schema: &SchemaRef,
        metrics: &ScanMetrics,
    ) -> BoxStream<'static, Result<RecordBatch, watershed_storage::Error>> {
        let schema = Arc::clone(schema);
        match piece {
            Piece::Rows(piece) => {
                metrics.unpersisted(piece.rows());
                let batches = piece.batches.clone();
                let small = batches.into_iter().flat_map(slices);
                let projected = move |batch| Ok(project_arrow(&batch, &schema)?);
                stream::iter(small).map(projected).boxed()
            }
            Piece::File(row) => {
                let read = Arc::clone(self);
                let path = parquet_path(row.database, row.table, &row.partition, row.file.id);
                let bytes = row.file.bytes;
                let metrics = metrics.clone();
                let open = async move {
                    let opened =
                        read.reader
                            .read_extent(&path, bytes, schema, &read.filter, BATCH_ROWS);
                    let (extent, rows) = opened.await?;
                    metrics.opened(&extent);
                    Ok::<_, watershed_storage::Error>(rows)
                };
                stream::once(open).try_flatten().boxed()
            }
        }
    }
}

/// The chosen columns in the order of the table.
fn columns(schema: &Schema, chosen: &BTreeSet<usize>) -> Result<SchemaRef> {
    let chosen: Vec<usize> = chosen.iter().copied().collect();
    Ok(Arc::new(schema.project(&chosen)?))
}

/// The batch in parts of at most [`BATCH_ROWS`] rows, without copying.
fn slices(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> + Send {
    let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
    starts.map(move |start| batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start)))
}

/// The rows that retention keeps.
fn not_before(batch: &RecordBatch, oldest: Timestamp) -> Result<RecordBatch> {
    let Some(times) = batch.column_by_name(TIME_COLUMN) else {
        return internal_err!("a scan under retention does not read the time");
    };
    let oldest = TimestampNanosecondArray::new_scalar(oldest.nanos());
    let kept = gt_eq(times, &oldest)?;
    debug_assert_eq!(kept.null_count(), 0, "time is never null");
    Ok(filter_record_batch(batch, &kept)?)
}

fn project(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    Ok(project_arrow(batch, schema)?)
}

/// The columns of `schema`, found by name. Keeps the number of rows when there is none.
fn project_arrow(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let from = batch.schema_ref();
    let columns = schema.fields().iter().map(|field| {
        let at = from.index_of(field.name())?;
        Ok(Arc::clone(batch.column(at)))
    });
    let columns = columns.collect::<Result<Vec<_>, arrow::error::ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// Ends a stream after that many rows.
pub(crate) fn limited(
    rows: BoxStream<'static, Result<RecordBatch>>,
    limit: Option<usize>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let Some(limit) = limit else { return rows };
    let taken = stream::unfold((rows, limit), |(mut rows, left)| async move {
        if left == 0 {
            return None;
        }
        let batch = match rows.next().await? {
            Ok(batch) => batch.slice(0, batch.num_rows().min(left)),
            Err(error) => return Some((Err(error), (rows, 0))),
        };
        let left = left - batch.num_rows();
        Some((Ok(batch), (rows, left)))
    });
    taken.boxed()
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(groups) = self.partitions.get(partition) else {
            return internal_err!("a scan has no partition {partition}");
        };
        let metrics = ScanMetrics::new(&self.metrics, partition);
        let (read, of_groups) = (Arc::clone(&self.read), metrics.clone());
        let rows = stream::iter(groups.clone())
            .flat_map(move |group| read.group(&group, &of_groups))
            .boxed();
        let counted = limited(rows, self.read.limit).inspect_ok(move |batch| {
            metrics.output(batch.num_rows());
        });
        let schema = Arc::clone(&self.read.output);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.read.output);
        if args.partition().is_none() {
            statistics.num_rows = self.rows;
        }
        Ok(Arc::new(statistics))
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = || self.partitions.iter().flatten();
        let in_memory = self
            .pieces()
            .filter(|piece| matches!(piece, Piece::Rows(_)));
        let rows: u64 = in_memory.map(Piece::rows).sum();
        let merged = groups().filter(|group| group.needs_merge()).count();
        write!(
            f,
            "ScanExec: table={}, partitions={}/{}, files={}, unpersisted_rows={rows}, groups={}, dedup_groups={merged}, time=",
            self.read.table.name(),
            self.partitions_read(),
            self.table_partitions,
            self.files(),
            groups().count(),
        )?;
        fmt_times(self.read.filter.times, f)?;
        for tag in &self.read.filter.tags {
            write!(f, ", {} in {:?}", tag.column, tag.values)?;
        }
        if let Some(limit) = self.read.limit {
            write!(f, ", limit={limit}")?;
        }
        let names: Vec<&str> = self
            .read
            .output
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        write!(f, ", projection=[{}]", names.join(", "))
    }
}

/// `all`, or both ends with `..` between them; an open end is left out.
fn fmt_times(times: TimeRange, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if times == TimeRange::ALL {
        return f.write_str("all");
    }
    if times.is_empty() {
        return f.write_str("none");
    }
    let text = |time: Timestamp| {
        let time = chrono::DateTime::from_timestamp_nanos(time.nanos());
        time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    };
    if times.min > Timestamp::MIN {
        f.write_str(&text(times.min))?;
    }
    f.write_str("..")?;
    if times.max < Timestamp::MAX {
        f.write_str(&text(times.max))?;
    }
    Ok(())
}
