//! Rows that are in the log and not yet in a file, by table and partition.
//!
//! One thread inserts (the log's, or replay before it starts), any number of readers take snapshots,
//! and the persister freezes and drops pieces. Each partition has its own lock, held for an insertion
//! or a snapshot and never across I/O.

mod chunk;
mod piece;
mod registry;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use chunk::Chunk;
pub use piece::BufferedPiece;
pub(crate) use registry::SeriesKeys;

use crate::invariants;
use crate::shares::Claim;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use piece::OpenPiece;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use watershed_model::{
    Counter, CounterRange, DatabaseId, Epoch, PartitionKey, TableBatch, TableId, TimeRange,
    Timestamp, WriteBatch, WriterId,
};

/// Names a partition of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PartitionId {
    pub(crate) database: DatabaseId,
    pub(crate) table: TableId,
    pub(crate) partition: PartitionKey,
}

/// What the persister needs to know to choose a partition.
#[derive(Debug, Clone)]
pub(crate) struct PartitionStatus {
    pub(crate) id: PartitionId,
    pub(crate) bytes: u64,
    /// The oldest batch with rows in it.
    pub(crate) oldest: Counter,
    /// When that batch came in.
    pub(crate) first_write: Timestamp,
    /// When its latest batch came in.
    pub(crate) last_write: Timestamp,
}

type Partitions = HashMap<TableId, BTreeMap<PartitionKey, Arc<Partition>>>;

/// The buffer of one writer.
#[derive(Debug)]
pub(crate) struct Buffer {
    writer: WriterId,
    partitions: RwLock<Partitions>,
    accounts: Mutex<Accounts>,
    /// As in `accounts`, for those who need no other number.
    bytes: AtomicU64,
    /// All batches below are in, or never will be.
    next_unapplied: AtomicU64,
}

impl Buffer {
    /// An empty buffer.
    pub(crate) fn new(writer: WriterId) -> Self {
        Self {
            writer,
            partitions: RwLock::default(),
            accounts: Mutex::default(),
            bytes: AtomicU64::new(0),
            next_unapplied: AtomicU64::new(0),
        }
    }

    /// Takes in the rows of a batch, all of which are in the log.
    ///
    /// Returns the bytes of the biggest partition it touched.
    ///
    /// # Panics
    /// When `counter` is not above those of all batches before.
    pub(crate) fn insert(
        &self,
        epoch: Epoch,
        counter: Counter,
        batch: WriteBatch,
        now: Timestamp,
    ) -> u64 {
        invariants::counters_ascend(self.next_unapplied(), counter);
        let mut biggest = 0;
        for rows in batch.tables.into_iter().filter(|rows| rows.rows() > 0) {
            // The read lock is held during the insertion: the partition can't be removed meanwhile.
            let partitions = self.with_partition(batch.database, &rows);
            let Some(partition) = find(&partitions, rows.table, &rows.partition) else {
                continue;
            };
            let writer = self.writer;
            let (bytes, ()) = self.change(partition, |pieces| {
                pieces.insert(&partition.id.partition, writer, epoch, counter, rows, now);
            });
            biggest = biggest.max(bytes);
        }
        // Last, so that whoever reads it and then looks at the partitions finds the rows.
        self.next_unapplied
            .store(counter.next().get(), Ordering::Release);
        biggest
    }

    /// A read lock under which the partition of `rows` exists.
    fn with_partition(
        &self,
        database: DatabaseId,
        rows: &TableBatch,
    ) -> RwLockReadGuard<'_, Partitions> {
        let partitions = self.partitions.read();
        if find(&partitions, rows.table, &rows.partition).is_some() {
            return partitions;
        }
        drop(partitions);
        let id = PartitionId {
            database,
            table: rows.table,
            partition: rows.partition.clone(),
        };
        let mut partitions = self.partitions.write();
        partitions
            .entry(rows.table)
            .or_default()
            .entry(rows.partition.clone())
            .or_insert_with(|| Arc::new(Partition::new(id)));
        RwLockWriteGuard::downgrade(partitions)
    }

    /// The pieces of a table whose times overlap `times`; within a partition the oldest first.
    pub(crate) fn rows(&self, table: TableId, times: TimeRange) -> Vec<BufferedPiece> {
        let partitions: Vec<Arc<Partition>> = match self.partitions.read().get(&table) {
            Some(partitions) => partitions.values().cloned().collect(),
            None => return Vec::new(),
        };
        partitions
            .iter()
            .flat_map(|partition| partition.snapshot(self.writer, times))
            .collect()
    }

    /// Every partition with rows, in no order.
    pub(crate) fn status(&self) -> Vec<PartitionStatus> {
        self.all()
            .iter()
            .filter_map(|partition| partition.status())
            .collect()
    }

    /// The oldest piece of the partition, which from now on doesn't grow; `None` without rows.
    pub(crate) fn freeze_oldest(&self, id: &PartitionId) -> Option<BufferedPiece> {
        let partition = find(&self.partitions.read(), id.table, &id.partition).cloned()?;
        let freeze = |pieces: &mut Pieces| pieces.freeze_oldest(&id.partition, self.writer);
        self.change(&partition, freeze).1
    }

    /// Forgets the oldest piece of the partition.
    ///
    /// # Panics
    /// When that is not the piece with those counters.
    pub(crate) fn drop_oldest(&self, id: &PartitionId, counters: CounterRange) {
        let mut partitions = self.partitions.write();
        let Some(of_table) = partitions.get_mut(&id.table) else {
            return;
        };
        let Some(partition) = of_table.get(&id.partition) else {
            return;
        };
        let drop_oldest = |pieces: &mut Pieces| {
            pieces.drop_oldest(counters);
            pieces.is_empty()
        };
        let (_, is_empty) = self.change(partition, drop_oldest);
        if is_empty {
            of_table.remove(&id.partition);
        }
        if of_table.is_empty() {
            partitions.remove(&id.table);
        }
    }

    /// Changes a partition. Returns its bytes then, and what `change` returns.
    ///
    /// It may shrink by any change: a piece that is frozen gives up its hash table, and a tail copied because a
    /// reader holds it loses its spare capacity.
    fn change<T>(&self, partition: &Partition, change: impl FnOnce(&mut Pieces) -> T) -> (u64, T) {
        let mut pieces = partition.pieces.lock();
        let before = pieces.bytes();
        let result = change(&mut pieces);
        let after = pieces.bytes();
        // Still under the lock: what is taken off must have been put on before.
        self.account(partition.id.database, before, after);
        (after, result)
    }

    /// Follows a partition from `before` to `after` bytes.
    fn account(&self, database: DatabaseId, before: u64, after: u64) {
        let mut accounts = self.accounts.lock();
        let bytes = accounts.change(database, |account| {
            invariants::memory_adds_up(account.bytes, before.saturating_sub(after));
            account.bytes = (account.bytes + after).saturating_sub(before);
        });
        // Under the same lock, so that it never goes back to an older sum.
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// The counter below which no batch has a row here and none will come: the log may forget them.
    pub(crate) fn lowest_unpersisted(&self) -> Counter {
        // Read before the partitions are looked at: a batch that comes in meanwhile is not below it.
        let next_unapplied = self.next_unapplied();
        self.oldest()
            .map_or(next_unapplied, |oldest| oldest.min(next_unapplied))
    }

    /// The oldest batch with a row here.
    pub(crate) fn oldest(&self) -> Option<Counter> {
        self.all()
            .iter()
            .filter_map(|partition| partition.oldest())
            .min()
    }

    /// The counter after that of the newest batch taken in.
    pub(crate) fn next_unapplied(&self) -> Counter {
        Counter::new(self.next_unapplied.load(Ordering::Acquire))
    }

    /// Bytes held, capacity included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes held for a database.
    pub(crate) fn bytes_of(&self, database: DatabaseId) -> u64 {
        self.accounts.lock().of(database).bytes
    }

    /// Bytes held for each database that has some, in no order.
    pub(crate) fn bytes_by_database(&self) -> Vec<(DatabaseId, u64)> {
        let accounts = self.accounts.lock();
        let held = accounts.by_database.iter();
        held.map(|(id, account)| (*id, account.bytes)).collect()
    }

    /// Sets memory aside for a batch on its way here, or tells how much is used. The limit is for all
    /// databases, which share it by the rule of [`shares`](crate::shares).
    pub(crate) fn reserve(
        self: &Arc<Self>,
        database: DatabaseId,
        bytes: u64,
        limit: u64,
    ) -> Result<Reservation, u64> {
        let mut accounts = self.accounts.lock();
        accounts.check(database, bytes, limit)?;
        accounts.change(database, |account| account.reserved += bytes);
        Ok(Reservation {
            buffer: Arc::clone(self),
            database,
            bytes,
        })
    }

    /// Whether the database may get so much memory now; if not, how much is used.
    pub(crate) fn has_room(&self, database: DatabaseId, bytes: u64, limit: u64) -> Result<(), u64> {
        self.accounts.lock().check(database, bytes, limit)
    }

    fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions
            .read()
            .values()
            .flat_map(|of_table| of_table.values().cloned())
            .collect()
    }
}

fn find<'a>(
    partitions: &'a Partitions,
    table: TableId,
    key: &PartitionKey,
) -> Option<&'a Arc<Partition>> {
    partitions.get(&table)?.get(key)
}

/// Who holds how much.
#[derive(Debug, Default)]
struct Accounts {
    /// Only databases that hold something.
    by_database: HashMap<DatabaseId, Account>,
    total: Account,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Account {
    /// Of rows in the buffer.
    bytes: u64,
    /// Of batches on the way here.
    reserved: u64,
}

impl Account {
    const fn sum(self) -> u64 {
        self.bytes + self.reserved
    }
}

impl Accounts {
    fn of(&self, database: DatabaseId) -> Account {
        self.by_database.get(&database).copied().unwrap_or_default()
    }

    fn check(&self, database: DatabaseId, more: u64, limit: u64) -> Result<(), u64> {
        let claim = Claim {
            limit,
            total: self.total.sum(),
            holders: self.by_database.len(),
            own: self.of(database).sum(),
            more,
        };
        if claim.is_admitted() {
            Ok(())
        } else {
            Err(claim.total)
        }
    }

    /// Changes one account and the total by as much. Returns the bytes of all rows.
    fn change(&mut self, database: DatabaseId, change: impl FnOnce(&mut Account)) -> u64 {
        let account = self.by_database.entry(database).or_default();
        let before = *account;
        change(account);
        let after = *account;
        if after == Account::default() {
            self.by_database.remove(&database);
        }
        self.total.bytes = self.total.bytes - before.bytes + after.bytes;
        self.total.reserved = self.total.reserved - before.reserved + after.reserved;
        self.total.bytes
    }
}

/// Memory set aside for a batch; given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    buffer: Arc<Buffer>,
    database: DatabaseId,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut accounts = self.buffer.accounts.lock();
        accounts.change(self.database, |account| account.reserved -= self.bytes);
    }
}

/// The rows of one partition.
#[derive(Debug)]
struct Partition {
    id: PartitionId,
    pieces: Mutex<Pieces>,
}

#[derive(Debug, Default)]
struct Pieces {
    /// Oldest first, all older than the open one.
    frozen: VecDeque<FrozenPiece>,
    open: Option<OpenPiece>,
    frozen_bytes: usize,
}

#[derive(Debug)]
struct FrozenPiece {
    piece: BufferedPiece,
    first_write: Timestamp,
    last_write: Timestamp,
}

impl Partition {
    fn new(id: PartitionId) -> Self {
        Self {
            id,
            pieces: Mutex::default(),
        }
    }

    fn snapshot(&self, writer: WriterId, times: TimeRange) -> Vec<BufferedPiece> {
        let pieces = self.pieces.lock();
        let frozen = pieces.frozen.iter().map(|frozen| &frozen.piece);
        let mut found: Vec<_> = frozen
            .filter(|piece| piece.times.overlaps(&times))
            .cloned()
            .collect();
        if let Some(open) = pieces
            .open
            .as_ref()
            .filter(|open| open.times().overlaps(&times))
        {
            found.push(open.snapshot(&self.id.partition, writer));
        }
        found
    }

    fn oldest(&self) -> Option<Counter> {
        let pieces = self.pieces.lock();
        let frozen = pieces
            .frozen
            .front()
            .map(|frozen| frozen.piece.counters.min);
        frozen.or_else(|| pieces.open.as_ref().map(|open| open.counters().min))
    }

    fn status(&self) -> Option<PartitionStatus> {
        let pieces = self.pieces.lock();
        let frozen = pieces.frozen.iter().map(|frozen| {
            (
                frozen.piece.counters.min,
                frozen.first_write,
                frozen.last_write,
            )
        });
        let open = pieces
            .open
            .as_ref()
            .map(|open| (open.counters().min, open.first_write(), open.last_write()));
        let mut spans = frozen.chain(open);
        let (oldest, first_write, last_write) = spans.next()?;
        let last_write = spans.map(|span| span.2).fold(last_write, Timestamp::max);
        let id = self.id.clone();
        Some(PartitionStatus {
            id,
            bytes: pieces.bytes(),
            oldest,
            first_write,
            last_write,
        })
    }
}

impl Pieces {
    fn insert(
        &mut self,
        partition: &PartitionKey,
        writer: WriterId,
        epoch: Epoch,
        counter: Counter,
        rows: TableBatch,
        now: Timestamp,
    ) {
        if self
            .open
            .as_ref()
            .is_some_and(|open| !open.takes(epoch, &rows))
        {
            self.freeze_open(partition, writer);
        }
        self.open
            .get_or_insert_with(|| OpenPiece::new(epoch, counter, now))
            .insert(epoch, counter, rows, now);
    }

    /// The oldest piece, from now on frozen.
    fn freeze_oldest(
        &mut self,
        partition: &PartitionKey,
        writer: WriterId,
    ) -> Option<BufferedPiece> {
        if self.frozen.is_empty() {
            self.freeze_open(partition, writer);
        }
        Some(self.frozen.front()?.piece.clone())
    }

    fn drop_oldest(&mut self, counters: CounterRange) {
        if let Some(oldest) = self.frozen.pop_front() {
            invariants::oldest_piece_first(oldest.piece.counters, counters);
            self.frozen_bytes -= oldest.piece.content.memory_bytes();
        }
    }

    fn is_empty(&self) -> bool {
        self.frozen.is_empty() && self.open.is_none()
    }

    fn freeze_open(&mut self, partition: &PartitionKey, writer: WriterId) {
        let Some(open) = self.open.take() else { return };
        let (first_write, last_write) = (open.first_write(), open.last_write());
        let piece = open.freeze(partition, writer);
        self.frozen_bytes += piece.content.memory_bytes();
        self.frozen.push_back(FrozenPiece {
            piece,
            first_write,
            last_write,
        });
    }

    fn bytes(&self) -> u64 {
        (self.frozen_bytes + self.open.as_ref().map_or(0, OpenPiece::memory_bytes)) as u64
    }
}

#[cfg(test)]
mod tests;
