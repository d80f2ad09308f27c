//! The k-way merge.

use super::Assembly;
use super::keys::{KeyedBatch, Keys, Position};
use crate::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream::BoxStream;
use std::cmp::Ordering;

type Input = BoxStream<'static, Result<RecordBatch, Error>>;

/// A merge under way.
pub(super) struct Merging {
    keys: Keys,
    inputs: Vec<Input>,
    cursors: Vec<Cursor>,
    /// Indexes into `cursors`, a binary heap by next key and then by age. Empty until `started`.
    heap: Vec<usize>,
    started: bool,
    assembly: Assembly,
    /// Raised with each new assembly: slots of earlier ones are void.
    generation: u64,
    last: LastKey,
    batch_rows: usize,
}

/// The key of the row taken last.
#[derive(Default)]
struct LastKey {
    tags: Vec<u8>,
    time: i64,
}

/// The place in an input's current batch. The row is always inside the batch.
struct Cursor {
    input: usize,
    keyed: KeyedBatch,
    run: usize,
    row: usize,
    /// Where the current assembly knows the batch, if it does: generation and slot.
    slot: Option<(u64, usize)>,
}

impl Cursor {
    fn new(input: usize, keyed: KeyedBatch) -> Self {
        Self {
            input,
            keyed,
            run: 0,
            row: 0,
            slot: None,
        }
    }

    fn position(&self) -> Position<'_> {
        self.keyed.position(self.run, self.row)
    }

    fn rows_left(&self) -> usize {
        self.keyed.rows() - self.row
    }

    /// How many of the next rows come before `bound`, looking at no run twice and galloping in times.
    fn rows_before(&self, bound: Position<'_>) -> usize {
        let run = self.first_run_not_before(bound.tags);
        let start = self.keyed.run_start(run).max(self.row);
        if run == self.keyed.runs() || self.keyed.run_tags(run) != bound.tags {
            return start - self.row;
        }
        let times = &self.keyed.times[start..self.keyed.run_start(run + 1)];
        start - self.row + count_before(times, bound.time)
    }

    fn first_run_not_before(&self, tags: &[u8]) -> usize {
        let runs = self.keyed.runs();
        let mut low = self.run;
        let mut step = 1;
        while low + step <= runs && self.keyed.run_tags(low + step - 1) < tags {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(runs);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.keyed.run_tags(middle) < tags {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    }

    /// Moves on inside the batch; `false` when it is used up.
    fn advance(&mut self, rows: usize) -> bool {
        self.row += rows;
        if self.row >= self.keyed.rows() {
            return false;
        }
        while self.keyed.run_start(self.run + 1) <= self.row {
            self.run += 1;
        }
        true
    }
}

/// How many leading times are before `bound`. Times ascend. Most stretches are short, so it gallops.
fn count_before(times: &[i64], bound: i64) -> usize {
    let mut low = 0;
    let mut step = 1;
    while low + step <= times.len() && times[low + step - 1] < bound {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(times.len());
    low + times[low..high].partition_point(|time| *time < bound)
}

impl Merging {
    pub(super) fn new(
        schema: SchemaRef,
        inputs: Vec<Input>,
        batch_rows: usize,
    ) -> Result<Self, Error> {
        Ok(Self {
            keys: Keys::new(&schema)?,
            inputs,
            cursors: Vec::new(),
            heap: Vec::new(),
            started: false,
            assembly: Assembly::default(),
            generation: 0,
            last: LastKey::default(),
            batch_rows,
        })
    }

    /// The next output batch; `None` at the end.
    pub(super) async fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        if !self.started {
            self.start().await?;
        }
        while let Some(top) = self.heap.first().copied() {
            if self.repeats_last(top) {
                self.supersede(top).await?;
                continue;
            }
            let rows = self.rows_to_take(top);
            if rows == 0 {
                return self.finish_batch();
            }
            self.take(top, rows).await?;
        }
        self.finish_batch()
    }

    async fn start(&mut self) -> Result<(), Error> {
        self.started = true;
        // All at once: the first batch of a file costs round trips.
        let first = self.inputs.iter_mut().map(next_nonempty);
        for (input, batch) in try_join_all(first).await?.into_iter().enumerate() {
            if let Some(batch) = batch {
                self.cursors
                    .push(Cursor::new(input, self.keys.read_settled(batch, input)?));
            }
        }
        self.heap = (0..self.cursors.len()).collect();
        for at in (0..self.heap.len() / 2).rev() {
            self.sift_down(at);
        }
        Ok(())
    }

    /// Whether the cursor's next key is that of the last row in the assembly.
    fn repeats_last(&self, top: usize) -> bool {
        self.assembly.rows() > 0 && self.cursors[top].position() == self.last.position()
    }

    /// How many rows of the first cursor can be appended; 0 when the assembly should be finished first.
    fn rows_to_take(&self, top: usize) -> usize {
        let cursor = &self.cursors[top];
        let before_others = match self.second() {
            // An equal key elsewhere is newer, and supersedes this row next.
            Some(second) => cursor.rows_before(self.cursors[second].position()).max(1),
            None => cursor.rows_left(),
        };
        let pending = self.assembly.rows();
        let is_long = before_others > self.batch_rows / 2;
        // A long stretch passes as a slice, if it stands alone.
        if pending > 0 && is_long {
            return 0;
        }
        before_others.min(self.batch_rows - pending)
    }

    async fn take(&mut self, top: usize, rows: usize) -> Result<(), Error> {
        let slot = self.slot(top);
        let cursor = &self.cursors[top];
        self.assembly.push(slot, cursor.row, rows);
        self.advance(rows).await
    }

    async fn supersede(&mut self, top: usize) -> Result<(), Error> {
        let slot = self.slot(top);
        self.assembly.supersede_last(slot, self.cursors[top].row);
        self.advance(1).await
    }

    fn slot(&mut self, top: usize) -> usize {
        let cursor = &mut self.cursors[top];
        match cursor.slot {
            Some((generation, slot)) if generation == self.generation => slot,
            _ => {
                let slot = self.assembly.add_batch(cursor.keyed.batch.clone());
                cursor.slot = Some((self.generation, slot));
                slot
            }
        }
    }

    /// Moves the first cursor on by at least one row and puts the heap in order.
    async fn advance(&mut self, rows: usize) -> Result<(), Error> {
        let top = self.heap[0];
        let cursor = &mut self.cursors[top];
        // By way of the last row taken, whose key matters for as long as it may be repeated.
        cursor.advance(rows - 1);
        self.last.set(cursor.position());
        let has_more = cursor.advance(1);
        if !has_more && !self.refill(top).await? {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }

    /// Loads the next batch of a cursor's input; `false` when there is none.
    async fn refill(&mut self, top: usize) -> Result<bool, Error> {
        let input = self.cursors[top].input;
        let Some(batch) = next_nonempty(&mut self.inputs[input]).await? else {
            return Ok(false);
        };
        let keyed = self.keys.read_settled(batch, input)?;
        // The row taken last was the last of this input's batch before.
        if keyed
            .first()
            .is_some_and(|first| first < self.last.position())
        {
            return Err(Error::OutOfOrder { input });
        }
        self.cursors[top] = Cursor::new(input, keyed);
        Ok(true)
    }

    fn finish_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        if self.assembly.rows() == 0 {
            return Ok(None);
        }
        self.generation += 1;
        self.assembly.finish(self.keys.schema()).map(Some)
    }

    /// The cursor that comes after the first.
    fn second(&self) -> Option<usize> {
        let (left, right) = (self.heap.get(1).copied()?, self.heap.get(2).copied());
        match right {
            Some(right) if self.compare(right, left) == Ordering::Less => Some(right),
            _ => Some(left),
        }
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (&self.cursors[a], &self.cursors[b]);
        a.position().cmp(&b.position()).then(a.input.cmp(&b.input))
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                let is_less = child < self.heap.len()
                    && self.compare(self.heap[child], self.heap[least]) == Ordering::Less;
                if is_less {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }
}

impl LastKey {
    fn position(&self) -> Position<'_> {
        Position {
            tags: &self.tags,
            time: self.time,
        }
    }

    fn set(&mut self, position: Position<'_>) {
        self.tags.clear();
        self.tags.extend_from_slice(position.tags);
        self.time = position.time;
    }
}

async fn next_nonempty(input: &mut Input) -> Result<Option<RecordBatch>, Error> {
    while let Some(batch) = input.next().await {
        let batch = batch?;
        if batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}
