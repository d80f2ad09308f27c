//! Opening a log: verify everything, then cut a torn tail, then replay.

use crate::files::{self, Disk, Files, UNFINISHED_SUFFIX};
use crate::fill::Space;
use crate::format::{
    HeaderError, RECORD_PREFIX_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, VERSION,
};
use crate::segment::{Damage, Groups, file_name, parse_file_name};
use crate::wal::{Outcome, Settings, Wal};
use crate::writer::{Newest, Sealed, Shared, Writer};
use crate::{Error, Stats};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use watershed_model::{Counter, Epoch};

pub(crate) const LOCK_FILE: &str = "LOCK";

/// Why a segment is refused whose numbers go on beyond what its successor says.
pub(crate) const OVERLAP: &str = "a group reaches into the next segment";

/// The most segments that are verified at the same time, each in memory as a whole.
const VERIFIERS_MAX: usize = 4;

/// A record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub counter: Counter,
    /// The epoch given at the start that wrote it.
    pub epoch: Epoch,
    /// As submitted.
    pub bytes: &'a [u8],
}

/// A log that was opened and verified, and is not written yet. Holds the directory for this process.
#[derive(Debug)]
pub struct Recovery {
    dir: PathBuf,
    settings: Settings,
    lock: File,
    /// Oldest first, ids without gaps.
    segments: Vec<Segment>,
    torn_bytes: u64,
}

/// A verified segment.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    header: SegmentHeader,
    /// The number after its last record.
    end: Counter,
    /// Where its last group ends.
    bytes: u64,
    file_bytes: u64,
    /// How much stands behind, without the room.
    torn_bytes: u64,
    /// Of all records, without framing.
    record_bytes: u64,
}

impl Segment {
    fn has_records(&self) -> bool {
        self.end > self.header.first
    }
}

/// Opens the log in `dir`, which is made when it is not there.
///
/// Reads and verifies every segment, at most four at a time in memory. Blocks.
///
/// # Errors
/// [`Error::Locked`] while another process has it; [`Error::Corrupt`] when acknowledged records are
/// damaged or missing, [`Error::Incompatible`] when they are of a newer version (in both cases
/// nothing on disk was changed); [`Error::Io`].
pub fn open(dir: &Path, settings: Settings) -> Result<Recovery, Error> {
    create_dir(dir)?;
    let lock = lock(dir)?;
    let listing = list(dir)?;
    let mut segments = read_headers(dir, &listing.ids)?;
    verify_all(&mut segments)?;
    // Everything is verified: from here on the disk may be changed.
    let torn_bytes = match segments.last_mut() {
        Some(newest) => cut_tail(newest)?,
        None => 0,
    };
    for path in listing.unfinished {
        files::delete(dir, &path)?;
    }
    Ok(Recovery {
        dir: dir.to_owned(),
        settings,
        lock,
        segments,
        torn_bytes,
    })
}

fn create_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(Error::io("create directory", dir))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            files::sync_dir(parent).map_err(Error::io("sync directory", parent))
        }
        _ => Ok(()),
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK_FILE);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(Error::io("open lock file", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(Error::io("lock file", &path)(error)),
    }
}

/// What lies in the directory. Other files are left alone.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Of the segments, ascending.
    pub(crate) ids: Vec<u64>,
    /// Files that a crash left before they were complete.
    pub(crate) unfinished: Vec<PathBuf>,
}

pub(crate) fn list(dir: &Path) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    for entry in std::fs::read_dir(dir).map_err(Error::io("list directory", dir))? {
        let entry = entry.map_err(Error::io("list directory", dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(id) = parse_file_name(name) {
            listing.ids.push(id);
        } else if name
            .strip_suffix(UNFINISHED_SUFFIX)
            .and_then(parse_file_name)
            .is_some()
        {
            listing.unfinished.push(entry.path());
        }
    }
    listing.ids.sort_unstable();
    Ok(listing)
}

fn read_headers(dir: &Path, ids: &[u64]) -> Result<Vec<Segment>, Error> {
    let mut segments: Vec<Segment> = Vec::with_capacity(ids.len());
    for id in ids {
        let path = dir.join(file_name(*id));
        let header = read_header(&path)?;
        let damaged = |reason: String| Error::Corrupt {
            segment: path.clone(),
            offset: 0,
            reason,
        };
        if header.id != *id {
            return Err(damaged(format!(
                "the header says that it is segment {}",
                header.id
            )));
        }
        if let Some(previous) = segments.last()
            && previous.header.id + 1 != *id
        {
            return Err(damaged(format!("segment {} before it is missing", id - 1)));
        }
        let end = header.first;
        segments.push(Segment {
            path,
            header,
            end,
            bytes: 0,
            file_bytes: 0,
            torn_bytes: 0,
            record_bytes: 0,
        });
    }
    Ok(segments)
}

pub(crate) fn read_header(path: &Path) -> Result<SegmentHeader, Error> {
    let file = File::open(path).map_err(Error::io("open log segment", path))?;
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
    let limit = SEGMENT_HEADER_BYTES as u64;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read log segment", path))?;
    SegmentHeader::decode(&bytes).map_err(|error| match error {
        HeaderError::Damaged(reason) => Error::Corrupt {
            segment: path.to_owned(),
            offset: 0,
            reason: reason.to_owned(),
        },
        HeaderError::Version(version) => Error::Incompatible {
            segment: path.to_owned(),
            version,
            known: VERSION,
        },
    })
}

/// Verifies all segments, several at a time, and returns the error of the oldest that has one.
fn verify_all(segments: &mut [Segment]) -> Result<(), Error> {
    let ends: Vec<_> = segments.iter().map(|s| s.header.previous_end).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(VERIFIERS_MAX).min(segments.len());
    // Dealt out like cards: segments are of about one size.
    let mut shares: Vec<Vec<(usize, &mut Segment)>> = Vec::new();
    shares.resize_with(threads, Vec::new);
    for (index, segment) in segments.iter_mut().enumerate() {
        shares[index % threads].push((index, segment));
    }
    let verify_share = |share: Vec<(usize, &mut Segment)>| {
        let mut buffer = Vec::new();
        for (index, segment) in share {
            let superseded_from = ends.get(index + 1).copied();
            verify(segment, superseded_from, &mut buffer).map_err(|error| (index, error))?;
        }
        Ok(())
    };
    let failures = thread::scope(|scope| {
        let spawned: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(|| verify_share(share)))
            .collect();
        let results = spawned.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.filter_map(Result::err).collect::<Vec<_>>()
    });
    match failures.into_iter().min_by_key(|(index, _)| *index) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Reads all groups of a segment and notes where they end. What stands from `superseded_from` on
/// belongs to a group that failed; `None` in the newest segment. `bytes` is memory to read into.
fn verify(
    segment: &mut Segment,
    superseded_from: Option<Counter>,
    bytes: &mut Vec<u8>,
) -> Result<(), Error> {
    read(&segment.path, bytes)?;
    let mut groups = Groups::new(bytes, &segment.header);
    let stopped = loop {
        if superseded_from.is_some_and(|end| groups.next_counter() >= end) {
            break None;
        }
        match groups.next_group() {
            Ok(Some(group)) => segment.record_bytes += group.record_bytes(),
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        }
    };
    segment.end = groups.next_counter();
    segment.bytes = groups.offset() as u64;
    segment.file_bytes = bytes.len() as u64;
    segment.torn_bytes = groups.bytes_behind() as u64;
    match (superseded_from, stopped) {
        (Some(end), _) if segment.end == end => Ok(()),
        (Some(end), _) if segment.end > end => {
            let damage = Damage {
                offset: groups.offset(),
                reason: OVERLAP,
            };
            Err(corrupt(segment, &damage))
        }
        (Some(_), None) => {
            let reason = "the file ends before its last record";
            Err(corrupt(
                segment,
                &Damage {
                    offset: groups.offset(),
                    reason,
                },
            ))
        }
        (_, Some(damage)) => match (superseded_from, groups.later_group()) {
            (None, None) => Ok(()),
            _ => Err(corrupt(segment, &damage)),
        },
        (None, None) => Ok(()),
    }
}

/// Reads a file into `bytes`, in place of what is there.
pub(crate) fn read(path: &Path, bytes: &mut Vec<u8>) -> Result<(), Error> {
    bytes.clear();
    let file = File::open(path).and_then(|mut file| file.read_to_end(bytes));
    file.map(drop).map_err(Error::io("read log segment", path))
}

fn corrupt(segment: &Segment, damage: &Damage) -> Error {
    Error::Corrupt {
        segment: segment.path.clone(),
        offset: damage.offset as u64,
        reason: damage.reason.to_owned(),
    }
}

/// Removes what stands behind the last intact group. Returns how much of that was written once: the
/// rest is room, which is no news.
fn cut_tail(segment: &mut Segment) -> Result<u64, Error> {
    if segment.file_bytes > segment.bytes {
        let path = &segment.path;
        let file = OpenOptions::new().write(true).open(path);
        let cut = file.and_then(|file| file.set_len(segment.bytes).and_then(|()| file.sync_all()));
        cut.map_err(Error::io("cut the torn tail of log segment", path))?;
        segment.file_bytes = segment.bytes;
    }
    let torn_bytes = segment.torn_bytes;
    if torn_bytes > 0 {
        let path = segment.path.display();
        tracing::warn!(segment = %path, torn_bytes, "cut unacknowledged end of log");
    }
    Ok(torn_bytes)
}

impl Recovery {
    /// The number the next record would get by the log alone; 1 in an empty log.
    pub fn next_counter(&self) -> Counter {
        self.segments
            .last()
            .map_or(Counter::new(1), |newest| newest.end)
    }

    /// How many bytes of a write that was never acknowledged were cut; 0 after a clean end.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Bytes of all segment files.
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.file_bytes).sum()
    }

    /// Bytes of all records, without framing: what a replay shows.
    pub fn replay_bytes(&self) -> u64 {
        let segments = self.segments.iter();
        segments.map(|segment| segment.record_bytes).sum()
    }

    /// Shows all records, oldest first. A thread reads and checks the next segment while `visit` is at one;
    /// up to three are in memory. Blocks. May be called again.
    ///
    /// # Errors
    /// Any that `visit` returns, at once; [`Error::Io`] and, when a file changed since [`open`],
    /// [`Error::Corrupt`].
    pub fn replay<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        thread::scope(|scope| {
            // Without a place in between: the next segment waits in the hands of the reader.
            let (sender, segments) = sync_channel(0);
            let (give_back, buffers) = channel();
            scope.spawn(move || {
                for segment in self.segments.iter().filter(|segment| segment.has_records()) {
                    // Fresh memory costs the system more than reading into it does.
                    let loaded = load(segment, buffers.try_recv().unwrap_or_default());
                    let failed = loaded.is_err();
                    // Nobody takes it when `visit` has failed.
                    if sender.send(loaded).is_err() || failed {
                        break;
                    }
                }
            });
            for segment in segments {
                let segment = segment?;
                segment.records().try_for_each(&mut visit)?;
                // The reader may be done.
                let _ = give_back.send(segment.bytes);
            }
            Ok(())
        })
    }

    /// Begins a new segment and starts the thread that writes. Blocks until the segment is durable.
    ///
    /// The first record gets the higher one of [`next_counter`](Self::next_counter) and `min_next`
    /// (a floor for the case that the log was lost and its numbers are known from elsewhere).
    /// `on_group` is called on the thread of the log with the outcome of each group, in order. The
    /// next group is not written before it returns.
    ///
    /// # Errors
    /// [`Error::EpochBehind`] when `epoch` is below that of the newest segment; [`Error::Io`].
    pub fn start<T, H>(self, epoch: Epoch, min_next: Counter, on_group: H) -> Result<Wal<T>, Error>
    where
        T: Send + 'static,
        H: FnMut(Outcome<T>) + Send + 'static,
    {
        self.start_on(Box::new(Disk), epoch, min_next, on_group)
    }

    pub(crate) fn start_on<T, H>(
        self,
        files: Box<dyn Files>,
        epoch: Epoch,
        min_next: Counter,
        on_group: H,
    ) -> Result<Wal<T>, Error>
    where
        T: Send + 'static,
        H: FnMut(Outcome<T>) + Send + 'static,
    {
        let newest = self.segments.last().map(|segment| segment.header.epoch);
        if let Some(newest) = newest.filter(|newest| *newest > epoch) {
            return Err(Error::EpochBehind {
                newest,
                offered: epoch,
            });
        }
        let stats = Stats::default();
        stats.add_disk_bytes(self.disk_bytes());
        let next = self.next_counter().max(min_next);
        let (newest, sealed) = split_newest(self.segments);
        let shared = Arc::new(Shared {
            dir: self.dir,
            _lock: self.lock,
            sealed: Mutex::new(sealed),
            stats,
            space: Space::default(),
        });
        let segment_bytes_max = self.settings.segment_bytes_max;
        let mut writer = Writer::new(
            Arc::clone(&shared),
            files,
            epoch,
            segment_bytes_max,
            newest,
            next,
        );
        writer.begin_segment()?;
        writer.start_filling()?;
        Wal::spawn(writer, shared, &self.settings, on_group)
    }
}

/// The records of a segment, in memory.
#[derive(Debug)]
struct SegmentRecords {
    epoch: Epoch,
    first: Counter,
    bytes: Vec<u8>,
    /// Where each record stands in `bytes`.
    ranges: Vec<Range<usize>>,
}

impl SegmentRecords {
    /// All of them in order.
    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let records = self.ranges.iter().zip(self.first.get()..);
        records.map(|(range, number)| Record {
            counter: Counter::new(number),
            epoch: self.epoch,
            bytes: &self.bytes[range.clone()],
        })
    }
}

/// Reads the records of a segment that was verified. `bytes` is memory to read into.
fn load(segment: &Segment, mut bytes: Vec<u8>) -> Result<SegmentRecords, Error> {
    read(&segment.path, &mut bytes)?;
    let mut ranges = Vec::new();
    let mut groups = Groups::new(&bytes, &segment.header);
    while groups.next_counter() < segment.end {
        let group = groups
            .next_group()
            .map_err(|damage| corrupt(segment, &damage))?;
        let reason = "the file became shorter";
        let damage = Damage {
            offset: groups.offset(),
            reason,
        };
        let group = group.ok_or_else(|| corrupt(segment, &damage))?;
        let mut end = groups.offset() - group.payload_bytes();
        for (_, record) in group.records() {
            let begin = end + RECORD_PREFIX_BYTES;
            end = begin + record.len();
            ranges.push(begin..end);
        }
    }
    Ok(SegmentRecords {
        epoch: segment.header.epoch,
        first: segment.header.first,
        bytes,
        ranges,
    })
}

fn split_newest(mut segments: Vec<Segment>) -> (Option<Newest>, Vec<Sealed>) {
    let newest = segments.pop().map(|segment| Newest {
        header: segment.header,
        path: segment.path,
        end: segment.end,
        bytes: segment.bytes,
        file_bytes: segment.file_bytes,
    });
    let sealed = segments.into_iter().map(|segment| Sealed {
        path: segment.path,
        end: segment.end,
        bytes: segment.file_bytes,
    });
    (newest, sealed.collect())
}
