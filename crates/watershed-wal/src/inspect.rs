//! Looking at a log without touching it, and saving what can be saved from a damaged one.
//!
//! 1. [`inspect`] and [`salvage`] read the directory as it is: nothing is created, cut or locked;
//! 2. segments are read in order, one in memory at a time, by the rules of `docs/formats/wal.md`;
//! 3. where [`open`](crate::open) would refuse, they note a [`Gap`] and go on at the next intact group.
//!
//! A server may write the log meanwhile ([`Inspection::in_use`]). Then the end of the newest segment may
//! be half written, and old segments may go away: neither is damage.

use crate::Error;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader, find_group_magic, salt_of_group};
use crate::recovery::{LOCK_FILE, OVERLAP, Record, list, read, read_header};
use crate::segment::{Damage, Group, Groups, file_name};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use watershed_model::{Counter, Epoch};

/// What lies in the directory of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Oldest first.
    pub segments: Vec<SegmentReport>,
    /// Files that a crash left before they were complete. The next start deletes them.
    pub unfinished: Vec<PathBuf>,
    /// Whether a process has the log open.
    pub in_use: bool,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// From the name of the file.
    pub id: u64,
    /// The file; not there when the segment is missing.
    pub path: PathBuf,
    /// `None` when the header is damaged or the segment is missing.
    pub header: Option<HeaderFacts>,
    /// Groups that are intact and count.
    pub groups: u64,
    /// Records in them.
    pub records: u64,
    /// The number of the first of them.
    pub first: Option<Counter>,
    /// The number of the last of them.
    pub last: Option<Counter>,
    /// Where the last of the groups ends.
    pub used_bytes: u64,
    /// The length of the file.
    pub file_bytes: u64,
    /// What is wrong with it.
    pub state: SegmentState,
}

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderFacts {
    /// Of all its records.
    pub epoch: Epoch,
    /// The number of its first record.
    pub first: Counter,
    /// The number after the last record of the segment before.
    pub previous_end: Counter,
}

/// How a segment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentState {
    /// Every record that was acknowledged is there.
    Intact,
    /// The newest segment ends in a write that was never acknowledged. A start cuts it off.
    Torn {
        /// Where it begins.
        offset: u64,
        /// How much of it is there.
        bytes: u64,
    },
    /// Records that may have been acknowledged are lost. A start refuses.
    Damaged {
        /// Oldest first, at least one.
        gaps: Vec<Gap>,
    },
}

/// A place where records are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The file.
    pub segment: PathBuf,
    /// Where the damage begins.
    pub offset: u64,
    /// How far it is to the next intact group, or to the end of the file.
    pub bytes: u64,
    /// What is wrong there.
    pub reason: String,
    /// The number of the first record that is lost, if that is known.
    pub first: Option<Counter>,
    /// The number after the last record that is lost, if that is known.
    pub end: Option<Counter>,
}

impl Gap {
    /// How many records are lost, if that is known.
    pub fn records(&self) -> Option<u64> {
        Some(self.end?.get().saturating_sub(self.first?.get()))
    }
}

impl Inspection {
    /// Whether a start would take the log as it is.
    pub fn is_intact(&self) -> bool {
        self.gaps().next().is_none()
    }

    /// All gaps, oldest first.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.segments
            .iter()
            .flat_map(|segment| match &segment.state {
                SegmentState::Damaged { gaps } => gaps.as_slice(),
                _ => &[],
            })
    }

    /// Records in all segments.
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }
}

/// What [`salvage`] comes across.
#[derive(Debug)]
pub enum Found<'a> {
    /// An intact record.
    Record {
        /// The file it is in.
        segment: &'a Path,
        /// The record. Its epoch is 0 when the header of the segment is damaged.
        record: Record<'a>,
    },
    /// A place where records are missing; the next record, if any, is behind it.
    Gap(&'a Gap),
}

/// Looks at every byte of the log in `dir` and says how it is. Changes nothing.
///
/// # Errors
/// [`Error::Io`] when the directory or a file can't be read; [`Error::Incompatible`] when a segment is of
/// a newer version. Damage is no error.
pub fn inspect(dir: &Path) -> Result<Inspection, Error> {
    salvage(dir, |_| Ok::<(), Error>(()))
}

/// Shows every intact record of the log in `dir`, oldest first, also behind damage, and where records are
/// missing. Changes nothing. Holds one segment in memory at a time.
///
/// A segment whose header is lost, and the salt with it, has one checksum a group left that can tell damage, of 32 bits.
///
/// Records that were not acknowledged may be among them: where damage hides which ones those are, all
/// are shown, and a number may then come twice; the later one counts.
///
/// # Errors
/// Any that `visit` returns, at once, and those of [`inspect`].
pub fn salvage<E: From<Error>>(
    dir: &Path,
    mut visit: impl FnMut(Found<'_>) -> Result<(), E>,
) -> Result<Inspection, E> {
    // Before the listing: what goes away afterwards was deleted by whoever uses the log.
    let in_use = is_in_use(dir)?;
    let listing = list(dir)?;
    let mut headers = Vec::with_capacity(listing.ids.len());
    for id in &listing.ids {
        headers.push(Header::read(dir, *id)?);
    }
    let mut segments: Vec<SegmentReport> = Vec::with_capacity(headers.len());
    let mut buffer = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        if let Header::Gone = header {
            continue;
        }
        let id = listing.ids[index];
        report_missing(dir, &mut segments, id, header.intact(), &mut visit)?;
        let path = dir.join(file_name(id));
        match read(&path, &mut buffer) {
            Ok(()) => {}
            Err(error) if in_use && is_not_found(&error) => continue,
            Err(error) => return Err(error.into()),
        }
        let scan = Scan {
            id,
            path: &path,
            bytes: &buffer,
            end: headers.get(index + 1).map(|next| match next.intact() {
                Some(next) if next.id == id + 1 => End::At(next.previous_end),
                _ => End::Unknown,
            }),
        };
        let expected = segments.last().and_then(|before| before.last);
        segments.push(scan.run(header, expected.map(Counter::next), &mut visit)?);
    }
    Ok(Inspection {
        segments,
        unfinished: listing.unfinished,
        in_use,
    })
}

/// Whether a process has the log open. The lock is asked for and given back at once.
fn is_in_use(dir: &Path) -> Result<bool, Error> {
    let path = dir.join(LOCK_FILE);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file.map_err(Error::io("open lock file", &path))?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io("lock file", &path)(error)),
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// The header of a segment file.
#[derive(Debug)]
enum Header {
    Intact(SegmentHeader),
    Damaged(String),
    /// The file was deleted meanwhile.
    Gone,
}

impl Header {
    fn read(dir: &Path, id: u64) -> Result<Self, Error> {
        match read_header(&dir.join(file_name(id))) {
            Ok(header) if header.id == id => Ok(Self::Intact(header)),
            Ok(header) => Ok(Self::Damaged(format!(
                "the header says that it is segment {}",
                header.id
            ))),
            Err(Error::Corrupt { reason, .. }) => Ok(Self::Damaged(reason)),
            Err(error) if is_not_found(&error) => Ok(Self::Gone),
            Err(error) => Err(error),
        }
    }

    fn intact(&self) -> Option<&SegmentHeader> {
        match self {
            Self::Intact(header) => Some(header),
            _ => None,
        }
    }
}

/// Reports segments whose files are not there although ones before and behind are.
fn report_missing<E>(
    dir: &Path,
    segments: &mut Vec<SegmentReport>,
    next_id: u64,
    next: Option<&SegmentHeader>,
    visit: &mut impl FnMut(Found<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let Some(before) = segments.last() else {
        return Ok(());
    };
    if before.id + 1 == next_id {
        return Ok(());
    }
    let id = before.id + 1;
    let path = dir.join(file_name(id));
    let reason = match next_id - id {
        1 => format!("segment {id} is missing"),
        _ => format!("segments {id} to {} are missing", next_id - 1),
    };
    let gap = Gap {
        segment: path.clone(),
        offset: 0,
        bytes: 0,
        reason,
        first: before.last.map(Counter::next),
        end: next.map(|next| next.previous_end),
    };
    visit(Found::Gap(&gap))?;
    segments.push(SegmentReport {
        id,
        path,
        header: None,
        groups: 0,
        records: 0,
        first: None,
        last: None,
        used_bytes: 0,
        file_bytes: 0,
        state: SegmentState::Damaged { gaps: vec![gap] },
    });
    Ok(())
}

/// Where a segment that has a successor must end.
#[derive(Debug, Clone, Copy)]
enum End {
    At(Counter),
    /// The successor is missing or has a damaged header.
    Unknown,
}

/// Reads one segment as far as that goes.
struct Scan<'a> {
    id: u64,
    path: &'a Path,
    bytes: &'a [u8],
    /// `None` in the newest segment.
    end: Option<End>,
}

impl Scan<'_> {
    fn run<E>(
        &self,
        header: &Header,
        expected: Option<Counter>,
        visit: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<SegmentReport, E> {
        let mut report = self.empty_report(header.intact());
        let mut gaps = Vec::new();
        let groups = match header {
            Header::Intact(header) => Some(Groups::new(self.bytes, header)),
            Header::Damaged(reason) => {
                let groups = self.first_groups();
                let begin = groups.as_ref().map_or(self.bytes.len(), Groups::offset);
                let next = groups.as_ref().map(Groups::next_counter);
                let gap = Gap {
                    segment: self.path.to_owned(),
                    offset: 0,
                    bytes: begin as u64,
                    reason: reason.clone(),
                    first: expected,
                    end: next.or(self.required_end()),
                };
                visit(Found::Gap(&gap))?;
                gaps.push(gap);
                groups
            }
            Header::Gone => None,
        };
        if let Some(groups) = groups {
            self.groups(groups, &mut report, &mut gaps, visit)?;
        }
        if !gaps.is_empty() {
            report.state = SegmentState::Damaged { gaps };
        }
        Ok(report)
    }

    /// Shows records and notes gaps, and what the newest segment ends in.
    fn groups<E>(
        &self,
        mut groups: Groups<'_>,
        report: &mut SegmentReport,
        gaps: &mut Vec<Gap>,
        visit: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let next = groups.next_counter();
            if let Some(end) = self.required_end().filter(|end| next >= *end) {
                // Behind a gap it has been said that the numbers do not fit.
                if next > end && gaps.is_empty() {
                    let gap = self.overlap(&groups);
                    visit(Found::Gap(&gap))?;
                    gaps.push(gap);
                }
                return Ok(());
            }
            let damage = match groups.next_group() {
                Ok(Some(group)) => {
                    self.show(&group, report, visit)?;
                    report.used_bytes = groups.offset() as u64;
                    continue;
                }
                // The newest segment ends, or one of which nobody can tell where it should.
                Ok(None) if self.required_end().is_none() => return Ok(()),
                Ok(None) => Damage {
                    offset: groups.offset(),
                    reason: "the file ends before its last record",
                },
                Err(damage) => damage,
            };
            let behind = groups.bytes_behind();
            // The question that a start asks. A group of the same number behind is no proof that this one was
            // synced, so `resume` would not do.
            if self.end.is_none() && groups.later_group().is_none() {
                report.state = SegmentState::Torn {
                    offset: damage.offset as u64,
                    bytes: behind as u64,
                };
                return Ok(());
            }
            let resumed = groups.resume();
            let gap = Gap {
                segment: self.path.to_owned(),
                offset: damage.offset as u64,
                bytes: resumed.map_or(behind, |(at, _)| at - damage.offset) as u64,
                reason: damage.reason.to_owned(),
                first: Some(next),
                end: resumed.map(|(_, first)| first).or(self.required_end()),
            };
            visit(Found::Gap(&gap))?;
            gaps.push(gap);
            if resumed.is_none() {
                return Ok(());
            }
        }
    }

    /// No record is lost where a segment goes on beyond the beginning of the next one, but no writer leaves
    /// it like that either.
    fn overlap(&self, groups: &Groups<'_>) -> Gap {
        Gap {
            segment: self.path.to_owned(),
            offset: groups.offset() as u64,
            bytes: 0,
            reason: OVERLAP.to_owned(),
            first: Some(groups.next_counter()),
            end: Some(groups.next_counter()),
        }
    }

    fn show<E>(
        &self,
        group: &Group<'_>,
        report: &mut SegmentReport,
        visit: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let epoch = report.header.map_or(Epoch::new(0), |header| header.epoch);
        for (counter, bytes) in group.records() {
            report.first.get_or_insert(counter);
            report.last = Some(counter);
            report.records += 1;
            let record = Record {
                counter,
                epoch,
                bytes,
            };
            visit(Found::Record {
                segment: self.path,
                record,
            })?;
        }
        report.groups += 1;
        Ok(())
    }

    fn required_end(&self) -> Option<Counter> {
        match self.end {
            Some(End::At(end)) => Some(end),
            Some(End::Unknown) | None => None,
        }
    }

    /// The groups from the first one on that is intact with whatever salt: the header that tells the
    /// salt is lost.
    fn first_groups(&self) -> Option<Groups<'_>> {
        let mut from = 0;
        while let Some(at) = find_group_magic(self.bytes, from) {
            let groups = salt_of_group(&self.bytes[at..])
                .and_then(|salt| Groups::starting_at(self.bytes, salt, at));
            if groups.is_some() {
                return groups;
            }
            from = at + 1;
        }
        None
    }

    fn empty_report(&self, header: Option<&SegmentHeader>) -> SegmentReport {
        SegmentReport {
            id: self.id,
            path: self.path.to_owned(),
            header: header.map(|header| HeaderFacts {
                epoch: header.epoch,
                first: header.first,
                previous_end: header.previous_end,
            }),
            groups: 0,
            records: 0,
            first: None,
            last: None,
            used_bytes: SEGMENT_HEADER_BYTES.min(self.bytes.len()) as u64,
            file_bytes: self.bytes.len() as u64,
            state: SegmentState::Intact,
        }
    }
}
