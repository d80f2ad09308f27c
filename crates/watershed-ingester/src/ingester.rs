//! The handle that the rest of the process holds.

use crate::buffer::{Buffer, BufferedPiece, Reservation};
use crate::disk::Disk;
use crate::error::{AppendError, StartError};
use crate::log::{Insertion, LogSlot, Pending};
use crate::metrics::Metrics;
use crate::persist::{Persister, Signals};
use crate::replay::{Progress, Replay};
use crate::settings::Settings;
use object_store::ObjectStore;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use watershed_catalog::{Catalog, WriterStart};
use watershed_model::batch::codec;
use watershed_model::{
    Clock, Counter, DatabaseId, TableBatch, TableId, TimeRange, WriteBatch, WriterId,
};
use watershed_wal::{Recovery, SubmitError, SubmitReason, Wal};

/// Batches larger than this are encoded where blocking is allowed: it takes more than about 0.2 ms.
const ENCODE_INLINE_BYTES_MAX: usize = 256 * 1_024;

/// What an ingester works with.
#[derive(Debug)]
pub struct Dependencies<'a> {
    /// Knows the tables, and lists the files.
    pub catalog: Arc<dyn Catalog>,
    /// Takes the files.
    pub store: Arc<dyn ObjectStore>,
    /// Tells how old buffered rows are.
    pub clock: Arc<dyn Clock>,
    /// Gets the metrics `watershed_ingester_*`.
    pub metrics: &'a mut Registry,
}

/// A running ingester. Clones are handles to the same one; when the last is dropped, it stops as if
/// the process had been killed: everything acknowledged is in the log.
#[derive(Debug, Clone)]
pub struct Ingester {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    started: WriterStart,
    buffer: Arc<Buffer>,
    log: Arc<LogSlot>,
    metrics: Metrics,
    signals: Arc<Signals>,
    disk: Arc<Disk>,
    persisted_below: watch::Receiver<Counter>,
    closing: AtomicBool,
    in_flight: TaskTracker,
    stop_persister: CancellationToken,
    persister: Mutex<Option<AbortOnDropHandle<()>>>,
    _disk_watch: AbortOnDropHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The metrics registry keeps the slot, and must not keep the log open.
        self.log.take();
    }
}

impl Ingester {
    /// Opens the log, counts a start of the writer, replays what is not persisted, and begins to
    /// persist. Must be called on a tokio runtime with timers.
    ///
    /// # Errors
    /// [`StartError`], of kind `Corrupt` when log and catalog can't be trusted.
    pub async fn start(
        settings: Settings,
        dependencies: Dependencies<'_>,
    ) -> Result<Self, StartError> {
        let disk = watched_disk(&settings).await?;
        let recovery = open_log(&settings, disk.volume_bytes()).await?;
        let started = dependencies.catalog.start_writer().await?;
        let progress = Progress::new(dependencies.catalog.progress(started.writer).await?);
        let min_next = progress.next_counter();

        let buffer = Arc::new(Buffer::new(started.writer));
        let log = Arc::new(LogSlot::default());
        let metrics = Metrics::register(dependencies.metrics, &buffer, &log, &disk);
        let signals = Arc::new(Signals::default());
        let clock = Arc::clone(&dependencies.clock);
        let (persister, persisted_below) = Persister::new(
            settings.clone(),
            Arc::clone(&buffer),
            Arc::clone(&log),
            metrics.clone(),
            Arc::clone(&signals),
            Arc::clone(&disk),
            &dependencies,
        );
        let stop_persister = CancellationToken::new();
        let task = tokio::spawn(persister.run(stop_persister.clone()));
        let disk_watch = tokio::spawn(Arc::clone(&disk).watch());
        let inner = Arc::new(Inner {
            settings,
            started,
            buffer,
            log,
            metrics,
            signals,
            disk,
            persisted_below,
            closing: AtomicBool::new(false),
            in_flight: TaskTracker::new(),
            stop_persister,
            persister: Mutex::new(Some(AbortOnDropHandle::new(task))),
            _disk_watch: AbortOnDropHandle::new(disk_watch),
        });
        inner.start_log(recovery, progress, min_next, clock).await?;
        Ok(Self { inner })
    }

    /// Makes a batch durable and visible. When this returns `Ok`, the record is synced to disk and
    /// [`rows`](Self::rows) shows the batch. Batches become visible in the order of their records.
    ///
    /// A caller that goes away while waiting does not undo the append. A batch without rows is `Ok`.
    ///
    /// # Errors
    /// [`AppendError`]; nothing of the batch is visible then.
    pub async fn append(&self, batch: WriteBatch) -> Result<(), AppendError> {
        if batch.rows() == 0 {
            return Ok(());
        }
        // The token comes before the look at the flag: shutdown sets the flag and then waits for tokens.
        let in_flight = self.inner.in_flight.token();
        if self.inner.closing.load(Ordering::SeqCst) {
            return Err(AppendError::ShuttingDown);
        }
        let log = self.inner.log.get().ok_or(AppendError::ShuttingDown)?;
        let reservation = self.inner.admit(&log, &batch)?;
        let (batch, record) = encode(batch).await?;
        self.inner.metrics.batch_bytes.inc_by(record.len() as u64);
        let (answer, answered) = oneshot::channel();
        let pending = Pending {
            batch,
            reservation,
            answer,
            in_flight,
        };
        log.submit(record, pending).await.map_err(not_submitted)?;
        drop(log);
        // The sender goes without an answer only when the log's thread ends.
        answered.await.unwrap_or(Err(AppendError::LogStopped))
    }

    /// Whether batches of this database that take so much memory would be taken in now: a cheap look at memory,
    /// log and disk, for those who still have to read them. It promises nothing. `bytes` is an estimate: a quarter of
    /// the buffer is all that anything is refused for on its account.
    ///
    /// # Errors
    /// What [`append`](Self::append) would say.
    pub fn accepts(&self, database: DatabaseId, bytes: u64) -> Result<(), AppendError> {
        let inner = &self.inner;
        if inner.closing.load(Ordering::SeqCst) {
            return Err(AppendError::ShuttingDown);
        }
        inner.check_disk()?;
        inner.check_log(inner.log.disk_bytes())?;
        let limit_bytes = inner.settings.buffer_bytes_hard;
        let bytes = bytes.clamp(1, (limit_bytes / 4).max(1));
        let room = inner.buffer.has_room(database, bytes, limit_bytes);
        room.map_err(|used_bytes| inner.buffer_full(used_bytes))
    }

    /// The unpersisted rows of a table in partitions and pieces whose times overlap `times`: a
    /// snapshot that later writes do not change. Partitions in key order; the pieces of one oldest
    /// first.
    ///
    /// To see every row exactly once, take this *before* the file list, and leave out pieces whose
    /// `counters.max` the catalog says are persisted.
    ///
    /// Cost: a reference count per some thousand rows; no row is copied, and writers wait no longer.
    pub fn rows(&self, table: TableId, times: TimeRange) -> Vec<BufferedPiece> {
        self.inner.buffer.rows(table, times)
    }

    /// Who this ingester is in the catalog.
    pub fn writer(&self) -> WriterId {
        self.inner.started.writer
    }

    /// Memory of all unpersisted rows, in bytes.
    pub fn buffer_bytes(&self) -> u64 {
        self.inner.buffer.bytes()
    }

    /// Memory of the unpersisted rows of a database, in bytes.
    pub fn buffer_bytes_of(&self, database: DatabaseId) -> u64 {
        self.inner.buffer.bytes_of(database)
    }

    /// Size of the log on disk, in bytes.
    pub fn wal_bytes(&self) -> u64 {
        self.inner.log.disk_bytes()
    }

    /// Persists everything that is visible now, and returns when it is and the log is trimmed. While catalog or object store
    /// fail, this waits: give it a time limit.
    pub async fn persist_all(&self) {
        let inner = &self.inner;
        let target = inner.buffer.next_unapplied();
        inner.signals.persist_below(target);
        inner.signals.wake.notify_one();
        let mut persisted_below = inner.persisted_below.clone();
        // An error means that the persister ended, shut down through another handle.
        let _ = persisted_below
            .wait_for(|persisted_below| *persisted_below >= target)
            .await;
    }

    /// Refuses new batches, waits for those under way, persists everything, and closes the log. Like
    /// [`persist_all`](Self::persist_all) it waits while catalog or object store fail; whoever gives up
    /// loses nothing, the next start replays the log.
    pub async fn shutdown(&self) {
        let inner = &self.inner;
        inner.closing.store(true, Ordering::SeqCst);
        inner.in_flight.close();
        inner.in_flight.wait().await;
        self.persist_all().await;
        inner.stop_persister.cancel();
        let persister = inner.persister.lock().take();
        if let Some(Err(error)) = async { Some(persister?.await) }.await {
            tracing::error!(%error, "the persister ended badly");
        }
        let log = inner.log.take();
        // Closing joins the log's thread.
        if let Err(error) = tokio::task::spawn_blocking(move || drop(log)).await {
            tracing::error!(%error, "the log ended badly");
        }
    }
}

impl Inner {
    /// Replays the log and opens it for records.
    async fn start_log(
        self: &Arc<Self>,
        recovery: Recovery,
        progress: Progress,
        min_next: Counter,
        clock: Arc<dyn Clock>,
    ) -> Result<(), StartError> {
        let replay = Replay {
            buffer: Arc::clone(&self.buffer),
            signals: Arc::clone(&self.signals),
            clock: Arc::clone(&clock),
            progress,
            epoch: self.started.epoch,
            buffer_bytes_hard: self.settings.buffer_bytes_hard,
        };
        let insertion = Insertion {
            epoch: self.started.epoch,
            buffer: Arc::clone(&self.buffer),
            clock,
            metrics: self.metrics.clone(),
            signals: Arc::clone(&self.signals),
            disk: Arc::clone(&self.disk),
            buffer_bytes_soft: self.settings.buffer_bytes_soft,
            persist_partition_bytes: self.settings.persist_partition_bytes,
        };
        let runtime = Handle::current();
        let epoch = self.started.epoch;
        let log = tokio::task::spawn_blocking(move || {
            replay.run(&recovery, &runtime)?;
            let log = recovery.start(epoch, min_next, move |group| insertion.on_group(group))?;
            Ok::<_, StartError>(log)
        });
        self.log.set(log.await.map_err(StartError::Task)??);
        // What was persisted during replay, or before, can now be trimmed.
        self.signals.wake.notify_one();
        Ok(())
    }

    /// Checks the limits and sets memory aside.
    fn admit(&self, log: &Wal<Pending>, batch: &WriteBatch) -> Result<Reservation, AppendError> {
        self.check_disk()?;
        self.check_log(log.disk_bytes())?;
        let bytes = batch
            .tables
            .iter()
            .map(TableBatch::memory_bytes)
            .sum::<usize>() as u64;
        let limit_bytes = self.settings.buffer_bytes_hard;
        // To wait or to persist would not help.
        if bytes > limit_bytes {
            self.metrics.append_refusals.inc();
            return Err(AppendError::LargerThanBuffer { bytes, limit_bytes });
        }
        self.buffer
            .reserve(batch.database, bytes, limit_bytes)
            .map_err(|used_bytes| self.buffer_full(used_bytes))
    }

    fn check_disk(&self) -> Result<(), AppendError> {
        if !self.disk.is_short() {
            return Ok(());
        }
        self.metrics.append_refusals.inc();
        Err(AppendError::DiskFull {
            free_bytes: self.disk.free_bytes(),
        })
    }

    fn check_log(&self, used_bytes: u64) -> Result<(), AppendError> {
        if used_bytes >= self.settings.wal_bytes_soft() {
            self.signals.wake.notify_one();
        }
        let limit_bytes = self.settings.wal_bytes_max;
        // With nothing buffered there is nothing to persist: only a new segment lets the old one go.
        if used_bytes < limit_bytes || self.buffer.bytes() == 0 {
            return Ok(());
        }
        self.metrics.append_refusals.inc();
        Err(AppendError::LogFull {
            used_bytes,
            limit_bytes,
        })
    }

    fn buffer_full(&self, used_bytes: u64) -> AppendError {
        self.metrics.append_refusals.inc();
        self.signals.want_memory();
        AppendError::BufferFull {
            used_bytes,
            limit_bytes: self.settings.buffer_bytes_hard,
        }
    }
}

/// The disks, looked at once.
async fn watched_disk(settings: &Settings) -> Result<Arc<Disk>, StartError> {
    let mut directories = settings.data_dirs.clone();
    directories.push(settings.wal_dir.clone());
    let disk = Arc::new(Disk::new(directories, settings.disk_reserve_bytes));
    let looking = Arc::clone(&disk);
    let looked = tokio::task::spawn_blocking(move || looking.look());
    looked.await.map_err(StartError::Task)?;
    Ok(disk)
}

async fn open_log(settings: &Settings, volume_bytes: u64) -> Result<Recovery, StartError> {
    let dir = settings.wal_dir.clone();
    let wal = watershed_wal::Settings {
        segment_bytes_max: settings.wal_segment_bytes_max(volume_bytes),
        queue_bytes_max: settings.wal_queue_bytes_max,
        ..watershed_wal::Settings::default()
    };
    let open = tokio::task::spawn_blocking(move || watershed_wal::open(&dir, wal));
    Ok(open.await.map_err(StartError::Task)??)
}

async fn encode(batch: WriteBatch) -> Result<(WriteBatch, Vec<u8>), AppendError> {
    let bytes: usize = batch.tables.iter().map(TableBatch::memory_bytes).sum();
    let encode = move || {
        let mut record = Vec::with_capacity(bytes / 2);
        codec::encode(&batch, &mut record);
        (batch, record)
    };
    if bytes <= ENCODE_INLINE_BYTES_MAX {
        return Ok(encode());
    }
    tokio::task::spawn_blocking(encode)
        .await
        .map_err(AppendError::Task)
}

fn not_submitted(error: SubmitError<Pending>) -> AppendError {
    match error.reason {
        SubmitReason::TooLarge { bytes, limit } => AppendError::TooLarge {
            bytes: bytes as u64,
            limit_bytes: limit as u64,
        },
        SubmitReason::Closed | SubmitReason::Full => AppendError::LogStopped,
    }
}
