//! Cuts a stream of record batches into runs of rows of one series.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The schema metadata entry that names the grouping tags.
const GROUP_KEY_METADATA: &str = "iox::influxql::group_key::metadata";

/// What all rows of a series share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeriesHead {
    /// The measurement.
    pub(crate) name: String,
    /// The grouping tags by key; a tag that is absent is empty. `None` without grouping.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// A run of rows of one series.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) head: Arc<SeriesHead>,
    /// The names of the columns of `rows`.
    pub(crate) columns: Arc<Vec<String>>,
    /// The rows: the shown columns of slices of batches.
    pub(crate) rows: Vec<Vec<ArrayRef>>,
    /// Whether the series begins here.
    pub(crate) starts: bool,
    /// Whether the series goes on in the next segment.
    pub(crate) continues: bool,
    /// Whether the statement has more segments.
    pub(crate) more: bool,
}

impl Segment {
    pub(super) fn row_count(&self) -> usize {
        self.rows
            .iter()
            .map(|columns| columns.first().map_or(0, |c| c.len()))
            .sum()
    }
}

/// Which columns of a batch are shown and which make up the group.
#[derive(Debug)]
struct Layout {
    names: Arc<Vec<String>>,
    shown: Vec<usize>,
    tags: Vec<(String, usize)>,
}

impl Layout {
    fn of(schema: &SchemaRef) -> Self {
        let tags = group_tags(schema);
        let hidden =
            |index: usize| index == 0 || tags.iter().any(|t| t.index == index && !t.projected);
        let shown: Vec<usize> = (0..schema.fields().len()).filter(|i| !hidden(*i)).collect();
        let names = shown
            .iter()
            .map(|i| schema.field(*i).name().clone())
            .collect();
        let tags = tags.into_iter().map(|t| (t.key, t.index)).collect();
        Self {
            names: Arc::new(names),
            shown,
            tags,
        }
    }
}

struct GroupTag {
    key: String,
    index: usize,
    projected: bool,
}

/// Reads the metadata; both spellings of the member names are known, and default values are left out.
fn group_tags(schema: &SchemaRef) -> Vec<GroupTag> {
    let Some(text) = schema.metadata().get(GROUP_KEY_METADATA) else {
        return Vec::new();
    };
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return Vec::new();
    };
    let list = value
        .get("tagKeyColumns")
        .or_else(|| value.get("tag_key_columns"));
    let list = list
        .and_then(|l| l.as_array())
        .map_or(&[][..], Vec::as_slice);
    let member = |tag: &serde_json::Value, camel: &str, snake: &str| {
        tag.get(camel).or_else(|| tag.get(snake)).cloned()
    };
    list.iter()
        .filter_map(|tag| {
            let key = member(tag, "tagKey", "tag_key")?.as_str()?.to_owned();
            let index = member(tag, "columnIndex", "column_index")
                .and_then(|v| v.as_u64())
                .unwrap_or(0);
            let projected = member(tag, "isProjected", "is_projected").and_then(|v| v.as_bool());
            let index = usize::try_from(index)
                .ok()
                .filter(|i| *i < schema.fields().len())?;
            Some(GroupTag {
                key,
                index,
                projected: projected.unwrap_or(false),
            })
        })
        .collect()
}

/// The segments of one statement, in order.
pub(crate) struct Segments {
    stream: SendableRecordBatchStream,
    layout: Layout,
    rows_max: usize,
    batch: Option<RecordBatch>,
    at: usize,
    head: Option<Arc<SeriesHead>>,
    pending: Option<Segment>,
    done: bool,
}

impl Segments {
    /// Segments of at most `rows_max` rows (at least one).
    pub(crate) fn new(stream: SendableRecordBatchStream, rows_max: usize) -> Self {
        let layout = Layout::of(&stream.schema());
        Self {
            stream,
            layout,
            rows_max: rows_max.max(1),
            batch: None,
            at: 0,
            head: None,
            pending: None,
            done: false,
        }
    }

    /// The next segment; `None` after the last. A segment is given out once it is known what follows.
    pub(crate) async fn next(&mut self) -> Result<Option<Segment>, DataFusionError> {
        while !self.done {
            let Some((head, columns)) = self.next_run().await? else {
                self.done = true;
                break;
            };
            if let Some(finished) = self.add(head, columns) {
                return Ok(Some(finished));
            }
        }
        Ok(self.pending.take())
    }

    /// Adds a run to the pending segment, or returns that one finished and begins another.
    fn add(&mut self, head: Arc<SeriesHead>, columns: Vec<ArrayRef>) -> Option<Segment> {
        let same = self.pending.as_ref().is_some_and(|p| p.head == head);
        if let Some(pending) = self.pending.as_mut()
            && same
            && pending.row_count() < self.rows_max
        {
            pending.rows.push(columns);
            return None;
        }
        let next = Segment {
            head,
            columns: Arc::clone(&self.layout.names),
            rows: vec![columns],
            starts: !same,
            continues: false,
            more: false,
        };
        let mut finished = self.pending.replace(next)?;
        finished.continues = same;
        finished.more = true;
        Some(finished)
    }

    /// The next rows of one series out of one batch, no more than still fit the pending segment.
    async fn next_run(
        &mut self,
    ) -> Result<Option<(Arc<SeriesHead>, Vec<ArrayRef>)>, DataFusionError> {
        let batch = loop {
            match self.batch.take() {
                Some(batch) if self.at < batch.num_rows() => break batch,
                _ => {
                    let Some(next) = self.stream.next().await else {
                        return Ok(None);
                    };
                    self.batch = Some(next?);
                    self.at = 0;
                }
            }
        };
        let start = self.at;
        let head = self.head_at(&batch, start)?;
        let room = match &self.pending {
            Some(p) if p.head == head && p.row_count() < self.rows_max => {
                self.rows_max - p.row_count()
            }
            _ => self.rows_max,
        };
        let end = self.run_end(&batch, start)?.min(start + room);
        let run: Range<usize> = start..end;
        let columns = self
            .layout
            .shown
            .iter()
            .map(|i| batch.column(*i).slice(run.start, run.len()));
        let columns = columns.collect();
        self.at = end;
        self.batch = Some(batch);
        Ok(Some((head, columns)))
    }

    /// Where the series of row `start` ends in the batch. Galloping, then halving: rows are in series
    /// order, so a long series costs a few comparisons.
    fn run_end(&self, batch: &RecordBatch, start: usize) -> Result<usize, ArrowError> {
        let keys = std::iter::once(0).chain(self.layout.tags.iter().map(|t| t.1));
        let mut compare = Vec::new();
        for index in keys {
            let column = batch.column(index);
            compare.push(make_comparator(column, column, SortOptions::default())?);
        }
        let same = |row: usize| compare.iter().all(|c| c(start, row).is_eq());
        let (mut inside, mut step) = (start, 1);
        let mut outside = loop {
            let probe = inside + step;
            if probe >= batch.num_rows() {
                break batch.num_rows();
            }
            if !same(probe) {
                break probe;
            }
            inside = probe;
            step *= 2;
        };
        while outside - inside > 1 {
            let middle = inside + (outside - inside) / 2;
            if same(middle) {
                inside = middle
            } else {
                outside = middle
            }
        }
        Ok(outside)
    }

    fn head_at(&mut self, batch: &RecordBatch, row: usize) -> Result<Arc<SeriesHead>, ArrowError> {
        let name = text_at(batch.column(0), row)?.unwrap_or_default();
        let mut tags = BTreeMap::new();
        for (key, index) in &self.layout.tags {
            tags.insert(
                key.clone(),
                text_at(batch.column(*index), row)?.unwrap_or_default(),
            );
        }
        let tags = (!self.layout.tags.is_empty()).then_some(tags);
        let head = SeriesHead { name, tags };
        match &self.head {
            Some(known) if **known == head => Ok(Arc::clone(known)),
            _ => {
                let head = Arc::new(head);
                self.head = Some(Arc::clone(&head));
                Ok(head)
            }
        }
    }
}

/// The text in a row of a column of texts, plain or dictionary.
fn text_at(column: &ArrayRef, row: usize) -> Result<Option<String>, ArrowError> {
    if column.is_null(row) {
        return Ok(None);
    }
    let plain = arrow::compute::cast(&column.slice(row, 1), &DataType::Utf8)?;
    let plain = plain.as_string::<i32>();
    Ok((!plain.is_null(0)).then(|| plain.value(0).to_owned()))
}
