//! The running log: a handle, a queue and a thread.

use crate::queue::{Entry, Queue};
use crate::writer::{Shared, Writer};
use crate::{Error, Stats, SubmitError, files};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use watershed_model::Counter;

/// How a log is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A segment is closed before it would grow beyond this (one group always fits).
    pub segment_bytes_max: u64,
    /// The bytes that may wait in the queue, also the largest record; at most 1 GiB. As much again
    /// may be on its way to the disk.
    pub queue_bytes_max: usize,
    /// The records that may wait in the queue.
    pub queue_records_max: usize,
}

impl Default for Settings {
    /// 64 MiB a segment: deleting and replaying go in steps of well under a second. 32 MiB and 4096
    /// records in the queue: more than a disk takes in while one sync runs.
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            queue_bytes_max: 32 << 20,
            queue_records_max: 4096,
        }
    }
}

/// The most bytes a queue may be set to: record lengths are 32 bits.
const QUEUE_BYTES_LIMIT: usize = 1 << 30;
/// The most records a queue may be set to: record counts are 32 bits.
const QUEUE_RECORDS_LIMIT: usize = 1 << 20;

/// What became of a group. Never without a record.
#[derive(Debug)]
pub enum Outcome<T> {
    /// The records are on stable storage, in the order of their numbers.
    Durable(Vec<Durable<T>>),
    /// None of the records is acknowledged; the next group gets their numbers.
    Failed(Failure<T>),
}

/// A record that is on stable storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durable<T> {
    /// Its number.
    pub counter: Counter,
    /// As submitted.
    pub payload: T,
}

/// Records that could not be written.
#[derive(Debug)]
pub struct Failure<T> {
    /// Of all records of the group, as submitted.
    pub payloads: Vec<T>,
    /// Why.
    pub error: Error,
}

/// A log that takes records. Shared in an `Arc`.
///
/// Dropping it waits until everything queued is written and handled (except when its own handler
/// drops it), like [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Wal<T> {
    queue: Arc<Queue<T>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Wal<T> {
    pub(crate) fn spawn<H>(
        writer: Writer,
        shared: Arc<Shared>,
        settings: &Settings,
        on_group: H,
    ) -> Result<Self, Error>
    where
        H: FnMut(Outcome<T>) + Send + 'static,
    {
        let bytes_max = settings.queue_bytes_max.clamp(1, QUEUE_BYTES_LIMIT) as u32;
        let records_max = settings.queue_records_max.clamp(1, QUEUE_RECORDS_LIMIT) as u32;
        let queue = Arc::new(Queue::new(bytes_max, records_max));
        let of_thread = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || run(writer, &of_thread, on_group))
            .map_err(Error::io("start the thread of the log in", &shared.dir))?;
        Ok(Self {
            queue,
            shared,
            thread: Some(thread),
        })
    }

    /// Queues a record; waits while the queue is full. The outcome goes to the handler, with
    /// `payload`. A future that is dropped before it is ready has queued nothing.
    ///
    /// # Errors
    /// [`SubmitReason::TooLarge`](crate::SubmitReason::TooLarge),
    /// [`SubmitReason::Closed`](crate::SubmitReason::Closed).
    pub async fn submit(&self, record: Vec<u8>, payload: T) -> Result<(), SubmitError<T>> {
        self.queue.push(Entry { record, payload }).await
    }

    /// Queues a record if there is room now.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), and [`SubmitReason::Full`](crate::SubmitReason::Full).
    pub fn try_submit(&self, record: Vec<u8>, payload: T) -> Result<(), SubmitError<T>> {
        self.queue.try_push(Entry { record, payload })
    }
}

impl<T> Wal<T> {
    /// Deletes the segments whose records are all below `counter`, except the newest segment.
    /// Returns the bytes freed. Blocks: each segment costs a delete and a sync of the directory.
    ///
    /// # Errors
    /// [`Error::Io`]; what was not deleted is tried again at the next call.
    pub fn truncate_before(&self, counter: Counter) -> Result<u64, Error> {
        let mut freed_bytes = 0;
        let mut sealed = self.shared.sealed();
        // Oldest first, each one durably: a crash in between must not leave a hole.
        while let Some(oldest) = sealed.first().filter(|segment| segment.end <= counter) {
            files::delete(&self.shared.dir, &oldest.path)?;
            let oldest = sealed.remove(0);
            freed_bytes += oldest.bytes;
            self.shared.stats.remove_disk_bytes(oldest.bytes);
        }
        Ok(freed_bytes)
    }

    /// Bytes of all segment files, the room ahead of the writer included.
    pub fn disk_bytes(&self) -> u64 {
        self.shared.stats.disk_bytes()
    }

    /// Running totals.
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Refuses new records, finishes what is queued, ends the thread and gives the directory free.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl<T> Drop for Wal<T> {
    fn drop(&mut self) {
        self.queue.close();
        let Some(thread) = self.thread.take() else {
            return;
        };
        // A handler that owns the last handle drops it on the thread itself.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the handler of the log panicked");
        }
    }
}

/// Whatever ends the thread, nobody may wait for it afterwards.
struct CloseAtEnd<'a, T>(&'a Queue<T>);

impl<T> Drop for CloseAtEnd<'_, T> {
    fn drop(&mut self) {
        self.0.close();
        self.0.clear();
    }
}

fn run<T>(mut writer: Writer, queue: &Queue<T>, mut on_group: impl FnMut(Outcome<T>)) {
    let _close = CloseAtEnd(queue);
    // Goes round between here and the queue.
    let mut entries = Vec::new();
    let mut is_failing = false;
    while queue.take(&mut entries) {
        let written = writer.write(&entries);
        let payloads = entries.drain(..).map(|entry| entry.payload);
        on_group(match written {
            Ok(first) => {
                if std::mem::take(&mut is_failing) {
                    tracing::info!("the log can be written again");
                }
                let counters = (first.get()..).map(Counter::new);
                let durable = counters.zip(payloads);
                let durable = durable.map(|(counter, payload)| Durable { counter, payload });
                Outcome::Durable(durable.collect())
            }
            Err(error) => {
                writer.shared.stats.add_failure();
                // Said once: on a full disk this happens with every group.
                if !std::mem::replace(&mut is_failing, true) {
                    let cause = std::error::Error::source(&error)
                        .map(ToString::to_string)
                        .unwrap_or_default();
                    tracing::error!(%error, cause, "the log can't be written");
                }
                Outcome::Failed(Failure {
                    payloads: payloads.collect(),
                    error,
                })
            }
        });
        writer.look_ahead();
    }
    writer.finish();
}
