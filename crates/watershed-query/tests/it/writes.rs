//! Rows that are written one batch after the other, and end in memory, in files, or in both.

use crate::rows::{Rows, Value};
use crate::world::{World, days};
use std::collections::{BTreeSet, HashMap};
use watershed_model::{CounterRange, PartitionKey};

/// What happens to a batch after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Becomes a file, together with what came before it and is in no file yet.
    Persisted,
    /// The same, and the buffer has not let it go yet.
    PersistedAndBuffered,
    /// Stays in memory unless something after it is persisted.
    Buffered,
}

/// The batches of a partition that are in memory only.
#[derive(Default)]
struct Pending {
    rows: Vec<(Rows, CounterRange)>,
}

/// Writes the batches, and gives all rows as they should be. Columns are made when a batch first has them: older
/// files lack them.
pub(crate) async fn write(world: &World, table: &str, batches: &[(Rows, Fate)]) -> Rows {
    let mut model = Rows::default();
    let mut pending: HashMap<PartitionKey, Pending> = HashMap::new();
    for (rows, fate) in batches {
        let counter = world.next_counter();
        let table = world.table(table, &columns(rows)).await;
        for (key, fields) in &rows.0 {
            model.write(key.clone(), fields.clone());
        }
        for (partition, rows) in days(rows.clone()) {
            let counters = CounterRange {
                min: counter,
                max: counter,
            };
            let waiting = pending.entry(partition.clone()).or_default();
            waiting.rows.push((rows, counters));
            if *fate == Fate::Buffered {
                continue;
            }
            let (all, counters) = united(&waiting.rows);
            world
                .file_piece_at(&table, partition.clone(), all, counters)
                .await;
            for (rows, counters) in waiting.rows.drain(..) {
                if *fate == Fate::PersistedAndBuffered {
                    world.buffer_piece_at(&table, partition.clone(), rows, counters);
                }
            }
        }
    }
    let table = world.table(table, "").await;
    for (partition, waiting) in pending {
        for (rows, counters) in waiting.rows {
            world.buffer_piece_at(&table, partition.clone(), rows, counters);
        }
    }
    model
}

fn united(pieces: &[(Rows, CounterRange)]) -> (Rows, CounterRange) {
    let mut all = Rows::default();
    let mut counters = pieces[0].1;
    for (rows, range) in pieces {
        counters.max = range.max;
        for (key, fields) in &rows.0 {
            all.write(key.clone(), fields.clone());
        }
    }
    (all, counters)
}

/// The columns of the rows, as [`World::table`] takes them.
fn columns(rows: &Rows) -> String {
    let mut columns = BTreeSet::new();
    for ((tags, _), fields) in &rows.0 {
        columns.extend(tags.keys().map(|tag| format!("{tag}:tag")));
        columns.extend(fields.iter().map(|(field, value)| {
            let kind = match value {
                Value::F64(_) => "f64",
                Value::I64(_) => "i64",
                Value::U64(_) => "u64",
                Value::Bool(_) => "bool",
                Value::String(_) => "string",
            };
            format!("{field}:{kind}")
        }));
    }
    Vec::from_iter(columns).join(" ")
}
