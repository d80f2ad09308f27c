//! The queue between submitters and the thread of the log, bounded by bytes and by records.

use crate::{SubmitError, SubmitReason};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, TryAcquireError};

/// One record on its way.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) record: Vec<u8>,
    pub(crate) payload: T,
}

/// A permit of each semaphore is room in the queue: taken by a submitter before it puts an entry in,
/// given back when the thread takes the entry out. The semaphores are fair, so nobody starves.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    bytes_max: u32,
    bytes: Semaphore,
    records: Semaphore,
}

#[derive(Debug)]
struct State<T> {
    entries: Vec<Entry<T>>,
    /// Whether the thread waits for entries; else waking it would be a system call for nothing.
    waiting: bool,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(bytes_max: u32, records_max: u32) -> Self {
        Self {
            state: Mutex::new(State {
                entries: Vec::new(),
                waiting: false,
                closed: false,
            }),
            filled: Condvar::new(),
            bytes_max,
            bytes: Semaphore::new(bytes_max as usize),
            records: Semaphore::new(records_max as usize),
        }
    }

    /// Waits for room, then puts the entry in.
    pub(crate) async fn push(&self, entry: Entry<T>) -> Result<(), SubmitError<T>> {
        let bytes = match self.size(&entry) {
            Ok(bytes) => bytes,
            Err(reason) => return Err(refuse(entry, reason)),
        };
        let Ok(record_room) = self.records.acquire().await else {
            return Err(refuse(entry, SubmitReason::Closed));
        };
        let Ok(byte_room) = self.bytes.acquire_many(bytes).await else {
            return Err(refuse(entry, SubmitReason::Closed));
        };
        self.put(entry)?;
        record_room.forget();
        byte_room.forget();
        Ok(())
    }

    /// Puts the entry in if there is room now.
    pub(crate) fn try_push(&self, entry: Entry<T>) -> Result<(), SubmitError<T>> {
        let bytes = match self.size(&entry) {
            Ok(bytes) => bytes,
            Err(reason) => return Err(refuse(entry, reason)),
        };
        let record_room = match self.records.try_acquire() {
            Ok(room) => room,
            Err(error) => return Err(refuse(entry, no_room(&error))),
        };
        let byte_room = match self.bytes.try_acquire_many(bytes) {
            Ok(room) => room,
            Err(error) => return Err(refuse(entry, no_room(&error))),
        };
        self.put(entry)?;
        record_room.forget();
        byte_room.forget();
        Ok(())
    }

    fn size(&self, entry: &Entry<T>) -> Result<u32, SubmitReason> {
        let bytes = entry.record.len();
        match u32::try_from(bytes) {
            Ok(size) if size <= self.bytes_max => Ok(size),
            _ => Err(SubmitReason::TooLarge {
                bytes,
                limit: self.bytes_max as usize,
            }),
        }
    }

    fn put(&self, entry: Entry<T>) -> Result<(), SubmitError<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(refuse(entry, SubmitReason::Closed));
        }
        state.entries.push(entry);
        let is_awaited = std::mem::take(&mut state.waiting);
        // Not under the lock, or the thread would wake only to wait for it.
        drop(state);
        if is_awaited {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for entries and swaps all there are for `entries`, which must be empty. `false` when the
    /// queue is closed and empty.
    pub(crate) fn take(&self, entries: &mut Vec<Entry<T>>) -> bool {
        debug_assert!(entries.is_empty(), "what is in would be queued again");
        let mut state = self.lock();
        while state.entries.is_empty() {
            if state.closed {
                return false;
            }
            state.waiting = true;
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting = false;
        std::mem::swap(&mut state.entries, entries);
        drop(state);
        self.records.add_permits(entries.len());
        self.bytes
            .add_permits(entries.iter().map(|entry| entry.record.len()).sum());
        true
    }

    /// Refuses entries from now on, also those that wait for room. What is in stays in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.records.close();
        self.bytes.close();
        self.filled.notify_all();
    }

    /// Drops what is in.
    pub(crate) fn clear(&self) {
        let entries = std::mem::take(&mut self.lock().entries);
        drop(entries);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing between lock and unlock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse<T>(entry: Entry<T>, reason: SubmitReason) -> SubmitError<T> {
    SubmitError {
        payload: entry.payload,
        reason,
    }
}

fn no_room(error: &TryAcquireError) -> SubmitReason {
    match error {
        TryAcquireError::Closed => SubmitReason::Closed,
        TryAcquireError::NoPermits => SubmitReason::Full,
    }
}
