//! From the buffer into Parquet files, in the background.
//!
//! One loop chooses partitions ([`choice`]), runs a bounded number of jobs ([`job`]), never two for one
//! partition, waits after failures, and trims the log by what the buffer no longer holds. Each step of
//! a job may fail and is made again for ever: meanwhile memory and log fill up to their limits, and
//! appends are refused there.

mod choice;
mod job;

use crate::buffer::{Buffer, PartitionId};
use crate::disk::Disk;
use crate::ingester::Dependencies;
use crate::invariants;
use crate::log::LogSlot;
use crate::metrics::Metrics;
use crate::settings::Settings;
use choice::Pressure;
use job::{Cause, Job, PersistError, Uploaded};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use watershed_model::{Clock, Counter, ErrorKind};

/// The least time between two looks that somebody asked for. In a flood of refusals each of them asks, and a
/// look visits every partition.
const WAKE_PAUSE: Duration = Duration::from_millis(5);

/// What others tell the persister, and it tells replay.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Look now: a limit is near, or someone waits.
    pub(crate) wake: Notify,
    /// A piece left the buffer.
    pub(crate) freed: Notify,
    /// A batch found no room. Even a buffer that is far from full may have too little for a large one.
    memory_wanted: AtomicBool,
    /// Batches below are to be persisted, whatever else.
    persist_below: AtomicU64,
}

impl Signals {
    /// Somebody asks for a look, and `earliest` has come.
    async fn woken(&self, earliest: Instant) {
        sleep_until(earliest).await;
        self.wake.notified().await;
    }

    /// Asks for a partition to be persisted for the sake of its memory.
    pub(crate) fn want_memory(&self) {
        self.memory_wanted.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Asks for all batches below `counter` to be persisted.
    pub(crate) fn persist_below(&self, counter: Counter) {
        self.persist_below
            .fetch_max(counter.get(), Ordering::Relaxed);
    }
}

/// A job's result, and what of its work the next attempt can use.
struct Finished {
    partition: PartitionId,
    uploaded: Option<Uploaded>,
    result: Result<(), PersistError>,
}

/// A partition whose last attempt failed.
struct Waiting {
    until: Instant,
    delay: Duration,
    uploaded: Option<Uploaded>,
}

/// The service.
pub(crate) struct Persister {
    settings: Settings,
    buffer: Arc<Buffer>,
    log: Arc<LogSlot>,
    metrics: Metrics,
    signals: Arc<Signals>,
    disk: Arc<Disk>,
    /// Whether the disk was short at the last look.
    was_short: bool,
    /// Batches below are persisted, and trimmed from the log where whole segments allow.
    persisted_below: watch::Sender<Counter>,
    clock: Arc<dyn Clock>,
    job: Arc<Job>,
    jobs: JoinSet<Finished>,
    /// The partitions that have a job, and their bytes when it began.
    running: HashMap<Id, (PartitionId, u64)>,
    waiting: HashMap<PartitionId, Waiting>,
    /// Why the last attempt failed; `None` after one that did not.
    outage: Option<Cause>,
    truncated_before: Counter,
}

impl Persister {
    /// The service, and how far it has persisted: closed when the service ends.
    pub(crate) fn new(
        settings: Settings,
        buffer: Arc<Buffer>,
        log: Arc<LogSlot>,
        metrics: Metrics,
        signals: Arc<Signals>,
        disk: Arc<Disk>,
        dependencies: &Dependencies<'_>,
    ) -> (Self, watch::Receiver<Counter>) {
        let (persisted_below, receiver) = watch::channel(Counter::new(0));
        let job = Job {
            buffer: Arc::clone(&buffer),
            catalog: Arc::clone(&dependencies.catalog),
            store: Arc::clone(&dependencies.store),
            metrics: metrics.clone(),
        };
        let persister = Self {
            settings,
            buffer,
            log,
            metrics,
            signals,
            disk,
            was_short: false,
            persisted_below,
            clock: Arc::clone(&dependencies.clock),
            job: Arc::new(job),
            jobs: JoinSet::new(),
            running: HashMap::new(),
            waiting: HashMap::new(),
            outage: None,
            truncated_before: Counter::new(0),
        };
        (persister, receiver)
    }

    /// Works until it is told to stop; jobs that run then are given up.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tick = interval(self.settings.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let signals = Arc::clone(&self.signals);
        let mut next_wake = Instant::now();
        loop {
            self.forgive_a_full_disk();
            self.start_jobs();
            self.publish_progress().await;
            let next_retry = self.waiting.values().map(|waiting| waiting.until).min();
            tokio::select! {
                () = stop.cancelled() => return,
                () = signals.woken(next_wake) => next_wake = Instant::now() + WAKE_PAUSE,
                _ = tick.tick() => {}
                () = sleep_until(next_retry.unwrap_or_else(Instant::now)), if next_retry.is_some() => {}
                Some(ended) = self.jobs.join_next_with_id(), if !self.jobs.is_empty() => {
                    self.finish(ended);
                }
            }
        }
    }

    /// What failed while the disk was full is worth another attempt as soon as it has room again.
    fn forgive_a_full_disk(&mut self) {
        let is_short = self.disk.is_short();
        if std::mem::replace(&mut self.was_short, is_short) && !is_short {
            let now = Instant::now();
            self.waiting
                .values_mut()
                .for_each(|waiting| waiting.until = now);
        }
    }

    fn start_jobs(&mut self) {
        while self.jobs.len() < self.settings.persist_concurrency.max(1) {
            let Some((partition, bytes)) = self.choose() else {
                return;
            };
            let uploaded = self
                .waiting
                .get_mut(&partition)
                .and_then(|w| w.uploaded.take());
            let job = Arc::clone(&self.job);
            let id = partition.clone();
            let task = self.jobs.spawn(async move {
                let mut uploaded = uploaded;
                let result = job.persist_oldest(&id, &mut uploaded).await;
                Finished {
                    partition: id,
                    uploaded,
                    result,
                }
            });
            self.running.insert(task.id(), (partition, bytes));
        }
    }

    fn choose(&self) -> Option<(PartitionId, u64)> {
        let now = Instant::now();
        let is_busy = |id: &PartitionId| {
            self.running.values().any(|(running, _)| running == id)
                || self
                    .waiting
                    .get(id)
                    .is_some_and(|waiting| waiting.until > now)
        };
        let wal_bytes = self.log.disk_bytes();
        // What is being persisted will be gone soon.
        let running_bytes = self.running.values().map(|(_, bytes)| bytes).sum();
        let buffer_bytes = self.buffer.bytes().saturating_sub(running_bytes);
        let pressure = Pressure {
            now: self.clock.now(),
            persist_below: Counter::new(self.signals.persist_below.load(Ordering::Relaxed)),
            log_must_shrink: wal_bytes >= self.settings.wal_bytes_soft()
                || self.disk.is_tight(wal_bytes),
            memory_is_short: buffer_bytes >= self.settings.buffer_bytes_soft
                || self.jobs.is_empty()
                    && self.signals.memory_wanted.swap(false, Ordering::Relaxed),
        };
        let partitions = self.buffer.status();
        let chosen = choice::choose(&partitions, &self.settings, &pressure, is_busy)?;
        Some((chosen.id.clone(), chosen.bytes))
    }

    fn finish(&mut self, ended: Result<(Id, Finished), JoinError>) {
        let (id, finished) = match ended {
            Ok((id, finished)) => (id, Ok(finished)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some((partition, _)) = self.running.remove(&id) else {
            return;
        };
        match finished {
            Ok(Finished {
                partition,
                uploaded,
                result: Err(error),
            }) => {
                self.retry_later(partition, uploaded, &error);
            }
            Ok(Finished { result: Ok(()), .. }) => self.succeeded(&partition),
            Err(error) => self.retry_later(partition, None, &PersistError::Task(error)),
        }
    }

    fn succeeded(&mut self, partition: &PartitionId) {
        self.waiting.remove(partition);
        self.signals.freed.notify_one();
        if self.outage.take().is_some() {
            tracing::info!("persisting works again");
        }
    }

    fn retry_later(
        &mut self,
        partition: PartitionId,
        uploaded: Option<Uploaded>,
        error: &PersistError,
    ) {
        self.metrics.persist_failures.inc();
        self.disk.look_soon();
        let last_delay = self.waiting.get(&partition).map(|waiting| waiting.delay);
        let delay = last_delay
            .map_or(self.settings.retry_delay_min, |last| last * 2)
            .min(self.settings.retry_delay_max);
        self.report(&partition, error);
        let until = Instant::now() + delay;
        self.waiting.insert(
            partition,
            Waiting {
                until,
                delay,
                uploaded,
            },
        );
    }

    /// Says it once when persisting begins to fail, or fails for another reason.
    fn report(&mut self, partition: &PartitionId, error: &PersistError) {
        let cause = error.cause();
        if self.outage.replace(cause) == Some(cause) {
            return;
        }
        let PartitionId {
            database,
            table,
            partition,
        } = partition;
        let error: &dyn std::error::Error = error;
        if cause.kind == ErrorKind::Unavailable {
            tracing::warn!(%database, %table, %partition, error, "persisting fails, will retry");
        } else {
            tracing::error!(%database, %table, %partition, error, "persisting fails, will retry");
        }
    }

    /// Trims the log, then tells those who wait how far persisting is.
    async fn publish_progress(&mut self) {
        let persisted_below = self.buffer.lowest_unpersisted();
        if persisted_below > self.truncated_before
            && let Some(log) = self.log.get()
        {
            invariants::persisted_before_truncated(self.buffer.oldest(), persisted_below);
            let truncation =
                tokio::task::spawn_blocking(move || log.truncate_before(persisted_below));
            match truncation.await {
                Ok(Ok(_)) => self.truncated_before = persisted_below,
                // Made again at the next occasion. Until then the log is longer than it need be.
                Ok(Err(error)) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "the log could not be trimmed");
                }
                Err(error) => tracing::error!(%error, "trimming the log ended badly"),
            }
        }
        self.persisted_below.send_replace(persisted_below);
    }
}
