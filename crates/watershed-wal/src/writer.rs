//! Writing groups into segments.

use crate::files::{Files, SegmentFile};
use crate::fill::{Plan, Space};
use crate::format::{
    GROUP_HEADER_BYTES, GroupHeader, RECORD_PREFIX_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    checksum,
};
use crate::queue::Entry;
use crate::segment::file_name;
use crate::{Error, Stats};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use watershed_model::{Counter, Epoch};

/// Groups up to here are copied together and written as one piece; the memory is kept. Larger ones are
/// gathered by the system from where they are.
const COPIED_BYTES_MAX: u64 = 256 << 10;

/// What the threads and the handle of a log share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    /// Locked as long as someone may write.
    pub(crate) _lock: File,
    /// Segments that have a successor, oldest first.
    pub(crate) sealed: Mutex<Vec<Sealed>>,
    pub(crate) stats: Stats,
    /// The file of the newest segment and the room in it.
    pub(crate) space: Space,
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
    /// How long the file is, once it is closed.
    pub(crate) file_bytes: u64,
}

impl Newest {
    fn is_empty(&self) -> bool {
        self.end == self.header.first
    }

    /// Notes the length of the file, from now on fixed, after it was made as short as its groups or not.
    fn settle(&mut self, file_bytes: u64, was_cut: bool, stats: &Stats) {
        self.file_bytes = if was_cut { self.bytes } else { file_bytes };
        stats.remove_disk_bytes(file_bytes - self.file_bytes);
    }
}

/// Writes groups, one at a time. Belongs to the thread of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    files: Box<dyn Files>,
    epoch: Epoch,
    segment_bytes_max: u64,
    plan: Plan,
    /// The number of the next record.
    next: Counter,
    newest: Option<Newest>,
    /// The newest segment, open; `None` when it must not be written any more.
    file: Option<Box<dyn SegmentFile>>,
    /// The size of the group written last.
    group_bytes: u64,
    /// Where groups are put together.
    scratch: Vec<u8>,
    /// Makes room ahead; without it the log is only slower.
    filling: Option<JoinHandle<()>>,
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
            plan: Plan::new(segment_bytes_max),
            next,
            newest,
            file: None,
            group_bytes: 0,
            scratch: Vec::new(),
            filling: None,
        }
    }

    /// Starts the thread that makes room ahead.
    pub(crate) fn start_filling(&mut self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new()
            .name("wal-fill".to_owned())
            .spawn(move || shared.space.run(&shared.stats));
        let thread = thread.map_err(Error::io("start a thread of the log in", &self.shared.dir))?;
        self.filling = Some(thread);
        Ok(())
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
        self.shared
            .space
            .claim(newest.bytes + group_bytes, &self.shared.stats);
        let group = Group {
            first,
            entries,
            payload_bytes,
        };
        let appended = group.append(file.as_mut(), newest.header.salt, &mut self.scratch);
        match appended.and_then(|()| sync(file.as_mut())) {
            Ok(sync_time) => {
                let count = entries.len() as u64;
                self.next = Counter::new(first.get() + count);
                newest.end = self.next;
                newest.bytes += group_bytes;
                self.group_bytes = group_bytes;
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
        self.close_newest();
        let (file, bytes) = self
            .create(&name, &header.encode())
            .map_err(Error::io("create log segment", &path))?;
        // Without a second handle there is no room ahead.
        let filler = file
            .filler()
            .ok()
            .filter(|_| bytes > SEGMENT_HEADER_BYTES as u64);
        self.shared.space.open(filler, bytes);
        self.shared.stats.add_disk_bytes(bytes);
        self.file = Some(file);
        let end = header.first;
        if let Some(previous) = self.newest.replace(Newest {
            header,
            path,
            end,
            bytes: SEGMENT_HEADER_BYTES as u64,
            file_bytes: 0,
        }) {
            self.retire(previous);
        }
        Ok(())
    }

    /// Makes a segment file, with room in it if there is space on disk. Returns its length too.
    fn create(&mut self, name: &str, header: &[u8]) -> io::Result<(Box<dyn SegmentFile>, u64)> {
        let dir = &self.shared.dir;
        let room = self.plan.first_bytes().saturating_sub(header.len() as u64);
        if room > 0
            && let Ok(file) = self.files.create(dir, name, header, room as usize)
        {
            return Ok((file, header.len() as u64 + room));
        }
        let file = self.files.create(dir, name, header, 0)?;
        Ok((file, header.len() as u64))
    }

    /// Stops writing the newest segment, if it is open, and gives back the room in it.
    fn close_newest(&mut self) {
        let (Some(newest), Some(mut file)) = (&mut self.newest, self.file.take()) else {
            return;
        };
        let file_bytes = self.shared.space.close();
        // A crash may bring the zeros back. They are behind the last group and mean nothing there.
        let trimmed = file_bytes == newest.bytes || file.trim(newest.bytes).is_ok();
        newest.settle(file_bytes, trimmed, &self.shared.stats);
    }

    /// Has the thread make room for further groups like the last one.
    pub(crate) fn look_ahead(&self) {
        if let Some(newest) = self.newest.as_ref().filter(|_| self.file.is_some()) {
            self.shared
                .space
                .want(&self.plan, newest.bytes, self.group_bytes);
        }
    }

    /// Ends in good order: the files hold groups and nothing else.
    pub(crate) fn finish(&mut self) {
        self.close_newest();
    }

    fn retire(&self, previous: Newest) {
        let Newest {
            path,
            end,
            file_bytes,
            ..
        } = previous;
        if end == previous.header.first {
            // Its file was replaced.
            self.shared.stats.remove_disk_bytes(file_bytes);
        } else {
            self.shared.sealed().push(Sealed {
                path,
                end,
                bytes: file_bytes,
            });
        }
    }

    /// Closes a segment after a failed write or sync. A sync that is tried again may succeed without
    /// the pages that failed, so nothing is ever added behind them.
    fn abandon(&mut self) {
        let (Some(newest), Some(mut file)) = (&mut self.newest, self.file.take()) else {
            return;
        };
        let file_bytes = self.shared.space.close();
        // Frees the space, and keeps the group from being replayed after a crash. Where this fails,
        // the header of the next segment still says that the group does not count.
        let cut = file.cut(newest.bytes);
        newest.settle(file_bytes, cut.is_ok(), &self.shared.stats);
        if let Err(error) = cut {
            tracing::warn!(segment = %newest.path.display(), %error, "could not cut failed group");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.space.end();
        if self
            .filling
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the thread that makes room in the log panicked");
        }
    }
}

/// Records that become durable together.
struct Group<'a, T> {
    first: Counter,
    entries: &'a [Entry<T>],
    payload_bytes: u64,
}

impl<T> Group<'_, T> {
    /// Writes the group to where the file ends. `scratch` is memory to do it in.
    fn append(
        &self,
        file: &mut dyn SegmentFile,
        salt: u64,
        scratch: &mut Vec<u8>,
    ) -> io::Result<()> {
        if self.payload_bytes <= COPIED_BYTES_MAX {
            return self.append_copied(file, salt, scratch);
        }
        let prefixes = self
            .entries
            .iter()
            .map(|entry| length_prefix(&entry.record));
        let prefixes: Vec<_> = prefixes.collect::<Result<_, _>>()?;
        let mut payload_checksum = checksum(salt);
        for (prefix, entry) in prefixes.iter().zip(self.entries) {
            payload_checksum.update(prefix);
            payload_checksum.update(&entry.record);
        }
        let header = self.header(payload_checksum.finalize())?.encode(salt);
        let mut slices = Vec::with_capacity(1 + 2 * self.entries.len());
        slices.push(IoSlice::new(&header));
        for (prefix, entry) in prefixes.iter().zip(self.entries) {
            slices.push(IoSlice::new(prefix));
            slices.push(IoSlice::new(&entry.record));
        }
        file.append(&mut slices)
    }

    fn append_copied(
        &self,
        file: &mut dyn SegmentFile,
        salt: u64,
        scratch: &mut Vec<u8>,
    ) -> io::Result<()> {
        scratch.clear();
        scratch.extend_from_slice(&[0; GROUP_HEADER_BYTES]);
        for entry in self.entries {
            scratch.extend_from_slice(&length_prefix(&entry.record)?);
            scratch.extend_from_slice(&entry.record);
        }
        let (header, payload) = scratch.split_at_mut(GROUP_HEADER_BYTES);
        let mut payload_checksum = checksum(salt);
        payload_checksum.update(payload);
        header.copy_from_slice(&self.header(payload_checksum.finalize())?.encode(salt));
        file.append(&mut [IoSlice::new(header), IoSlice::new(payload)])
    }

    fn header(&self, payload_checksum: u32) -> io::Result<GroupHeader> {
        Ok(GroupHeader {
            records: u32::try_from(self.entries.len()).map_err(io::Error::other)?,
            first: self.first,
            payload_bytes: self.payload_bytes,
            payload_checksum,
        })
    }
}

/// The queue's limit keeps records far below 4 GiB.
fn length_prefix(record: &[u8]) -> io::Result<[u8; RECORD_PREFIX_BYTES]> {
    Ok(u32::try_from(record.len())
        .map_err(io::Error::other)?
        .to_le_bytes())
}

fn sync(file: &mut dyn SegmentFile) -> io::Result<Duration> {
    let began = Instant::now();
    file.sync()?;
    Ok(began.elapsed())
}

/// A number no other segment has. The keys of a hash map come from the system's random source.
fn random_salt() -> u64 {
    RandomState::new().hash_one("salt")
}

#[cfg(test)]
mod crash;
#[cfg(test)]
mod tests;
