//! Writing groups into segments.

use crate::files::{Files, SegmentFile};
use crate::format::{
    GROUP_HEADER_BYTES, GroupHeader, RECORD_PREFIX_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    checksum,
};
use crate::queue::Entry;
use crate::segment::file_name;
use crate::{Error, Stats};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use watershed_model::{Counter, Epoch};

/// What the thread and the handle of a log share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    /// Locked as long as someone may write.
    pub(crate) _lock: File,
    /// Segments that have a successor, oldest first.
    pub(crate) sealed: Mutex<Vec<Sealed>>,
    pub(crate) stats: Stats,
}

impl Shared {
    pub(crate) fn sealed(&self) -> MutexGuard<'_, Vec<Sealed>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A segment that is never written again.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) path: PathBuf,
    /// The number after its last record.
    pub(crate) end: Counter,
    pub(crate) bytes: u64,
}

/// The newest segment. It is never deleted: it holds the numbering.
#[derive(Debug)]
pub(crate) struct Newest {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    /// The number after its last durable record.
    pub(crate) end: Counter,
    /// Where its last durable group ends.
    pub(crate) bytes: u64,
}

impl Newest {
    fn is_empty(&self) -> bool {
        self.end == self.header.first
    }
}

/// Writes groups, one at a time. Belongs to the thread of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    files: Box<dyn Files>,
    epoch: Epoch,
    segment_bytes_max: u64,
    /// The number of the next record.
    next: Counter,
    newest: Option<Newest>,
    /// The newest segment, open; `None` when it must not be written any more.
    file: Option<Box<dyn SegmentFile>>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        files: Box<dyn Files>,
        epoch: Epoch,
        segment_bytes_max: u64,
        newest: Option<Newest>,
        next: Counter,
    ) -> Self {
        Self {
            shared,
            files,
            epoch,
            segment_bytes_max,
            next,
            newest,
            file: None,
        }
    }

    /// Makes a group of all entries durable and returns the number of the first one.
    ///
    /// # Errors
    /// [`Error::Io`]. Then none of them has a number, and the segment, if it may be harmed, is closed.
    pub(crate) fn write<T>(&mut self, entries: &[Entry<T>]) -> Result<Counter, Error> {
        let first = self.next;
        let record_bytes: u64 = entries.iter().map(|entry| entry.record.len() as u64).sum();
        let payload_bytes = record_bytes + (entries.len() * RECORD_PREFIX_BYTES) as u64;
        let group_bytes = payload_bytes + GROUP_HEADER_BYTES as u64;
        self.prepare(group_bytes)?;
        let (Some(newest), Some(file)) = (&mut self.newest, &mut self.file) else {
            unreachable!("a segment was just prepared");
        };
        assert_eq!(newest.end, first, "numbers have no gap within a segment");
        let appended = append(file.as_mut(), &newest.header, first, entries, payload_bytes);
        match appended.and_then(|()| sync(file.as_mut())) {
            Ok(sync_time) => {
                let count = entries.len() as u64;
                self.next = Counter::new(first.get() + count);
                newest.end = self.next;
                newest.bytes += group_bytes;
                self.shared.stats.add_disk_bytes(group_bytes);
                self.shared.stats.add_group(count, record_bytes, sync_time);
                Ok(first)
            }
            Err(error) => {
                let error = Error::io("write log segment", &newest.path)(error);
                self.abandon();
                Err(error)
            }
        }
    }

    /// Sees to a segment that can take a group of that size.
    fn prepare(&mut self, group_bytes: u64) -> Result<(), Error> {
        let fits = |newest: &Newest| {
            newest.is_empty() || newest.bytes + group_bytes <= self.segment_bytes_max
        };
        match &self.newest {
            Some(newest) if self.file.is_some() && fits(newest) => Ok(()),
            _ => self.begin_segment(),
        }
    }

    /// Begins a segment. One without a record is replaced, so that neither starts nor a full disk
    /// leave rows of empty files.
    ///
    /// # Errors
    /// [`Error::Io`]. Then the newest segment is closed, and the next group tries again.
    pub(crate) fn begin_segment(&mut self) -> Result<(), Error> {
        let (id, previous_end) = match &self.newest {
            None => (1, self.next),
            Some(newest) if newest.is_empty() => (newest.header.id, newest.header.previous_end),
            Some(newest) => (newest.header.id + 1, newest.end),
        };
        let salt = random_salt();
        let header = SegmentHeader {
            id,
            epoch: self.epoch,
            first: self.next,
            previous_end,
            salt,
        };
        let name = file_name(id);
        let path = self.shared.dir.join(&name);
        // The new file may be there even if this fails half way. Its header says where the old one
        // ends, so from here on nothing may be added to the old one.
        self.file = None;
        let created = self.files.create(&self.shared.dir, &name, &header.encode());
        self.file = Some(created.map_err(Error::io("create log segment", &path))?);
        let bytes = SEGMENT_HEADER_BYTES as u64;
        self.shared.stats.add_disk_bytes(bytes);
        let end = header.first;
        if let Some(previous) = self.newest.replace(Newest {
            header,
            path,
            end,
            bytes,
        }) {
            self.retire(previous);
        }
        Ok(())
    }

    fn retire(&self, previous: Newest) {
        if previous.is_empty() {
            self.shared.stats.remove_disk_bytes(previous.bytes);
        } else {
            let Newest {
                path, end, bytes, ..
            } = previous;
            self.shared.sealed().push(Sealed { path, end, bytes });
        }
    }

    /// Closes a segment after a failed write or sync. A sync that is tried again may succeed without
    /// the pages that failed, so nothing is ever added behind them.
    fn abandon(&mut self) {
        let (Some(newest), Some(mut file)) = (&self.newest, self.file.take()) else {
            return;
        };
        // Frees the space, and keeps the group from being replayed after a crash. Where this fails,
        // the header of the next segment still says that the group does not count.
        if let Err(error) = file.cut(newest.bytes) {
            tracing::warn!(segment = %newest.path.display(), %error, "could not cut failed group");
        }
    }
}

fn append<T>(
    file: &mut dyn SegmentFile,
    segment: &SegmentHeader,
    first: Counter,
    entries: &[Entry<T>],
    payload_bytes: u64,
) -> std::io::Result<()> {
    let prefixes = entries.iter().map(|entry| length_prefix(&entry.record));
    let prefixes: Vec<_> = prefixes.collect::<Result<_, _>>()?;
    let mut payload_checksum = checksum(segment.salt);
    for (prefix, entry) in prefixes.iter().zip(entries) {
        payload_checksum.update(prefix);
        payload_checksum.update(&entry.record);
    }
    let header = GroupHeader {
        records: u32::try_from(entries.len()).map_err(std::io::Error::other)?,
        first,
        payload_bytes,
        payload_checksum: payload_checksum.finalize(),
    };
    let header = header.encode(segment.salt);
    let mut slices = Vec::with_capacity(1 + 2 * entries.len());
    slices.push(IoSlice::new(&header));
    for (prefix, entry) in prefixes.iter().zip(entries) {
        slices.push(IoSlice::new(prefix));
        slices.push(IoSlice::new(&entry.record));
    }
    file.append(&mut slices)
}

/// The queue's limit keeps records far below 4 GiB.
fn length_prefix(record: &[u8]) -> std::io::Result<[u8; RECORD_PREFIX_BYTES]> {
    Ok(u32::try_from(record.len())
        .map_err(std::io::Error::other)?
        .to_le_bytes())
}

fn sync(file: &mut dyn SegmentFile) -> std::io::Result<Duration> {
    let began = Instant::now();
    file.sync()?;
    Ok(began.elapsed())
}

/// A number no other segment has. The keys of a hash map come from the system's random source.
fn random_salt() -> u64 {
    RandomState::new().hash_one("salt")
}

#[cfg(test)]
mod tests;
