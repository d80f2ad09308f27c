//! Reading a segment: groups one after another, and what the end looks like.

use crate::format::{
    GROUP_HEADER_BYTES, GroupHeader, RECORD_PREFIX_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    checksum, find_group_magic,
};
use watershed_model::Counter;

const NAME_DIGITS: usize = 20;
const NAME_SUFFIX: &str = ".wal";

/// The name of the file of segment `id`. Names sort like ids.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id:0NAME_DIGITS$}{NAME_SUFFIX}")
}

/// The id in a file name; `None` when it is not the name of a segment.
pub(crate) fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(NAME_SUFFIX)?;
    let canonical = digits.len() == NAME_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    if canonical { digits.parse().ok() } else { None }
}

/// A place where no intact group stands although the segment goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) offset: usize,
    pub(crate) reason: &'static str,
}

/// An intact group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) first: Counter,
    /// Records with their lengths, checked.
    payload: &'a [u8],
}

impl<'a> Group<'a> {
    /// Of its records with their lengths.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload.len()
    }

    /// Of its records alone.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.records().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = (Counter, &'a [u8])> {
        let mut rest = self.payload;
        let records = std::iter::from_fn(move || {
            let (record, after) = split_record(rest)?;
            rest = after;
            Some(record)
        });
        // Records first: behind the last one there may be no number.
        records
            .zip(self.first.get()..)
            .map(|(record, number)| (Counter::new(number), record))
    }
}

/// Steps through the groups of a segment.
#[derive(Debug, Clone)]
pub(crate) struct Groups<'a> {
    bytes: &'a [u8],
    salt: u64,
    /// Where the next group begins.
    offset: usize,
    /// The number of the next record.
    next: Counter,
}

impl<'a> Groups<'a> {
    /// `bytes` is the whole file, `header` what it begins with.
    pub(crate) fn new(bytes: &'a [u8], header: &SegmentHeader) -> Self {
        Self {
            bytes,
            salt: header.salt,
            offset: SEGMENT_HEADER_BYTES,
            next: header.first,
        }
    }

    /// Begins with the group at `offset`; `None` unless it is intact.
    pub(crate) fn starting_at(bytes: &'a [u8], salt: u64, offset: usize) -> Option<Self> {
        let header = GroupHeader::decode(bytes.get(offset..)?, salt)?;
        let groups = Self {
            bytes,
            salt,
            offset,
            next: header.first,
        };
        let is_intact = matches!(groups.clone().next_group(), Ok(Some(_)));
        is_intact.then_some(groups)
    }

    /// Where the groups read so far end.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The number after the last record read so far.
    pub(crate) fn next_counter(&self) -> Counter {
        self.next
    }

    /// The next group; `None` at the end of the groups: nothing stands behind, or nothing but zeros, the
    /// room that was not used. After damage, the same damage again.
    pub(crate) fn next_group(&mut self) -> Result<Option<Group<'a>>, Damage> {
        let rest = self.rest();
        // No header begins with a zero: a look at one byte spares the others.
        if rest.first().is_none_or(|byte| *byte == 0) && rest.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let damage = |reason| Damage {
            offset: self.offset,
            reason,
        };
        let header =
            GroupHeader::decode(rest, self.salt).ok_or(damage("no intact group header"))?;
        if header.first != self.next {
            return Err(damage("the group does not continue the numbering"));
        }
        let end = group_end(&header).filter(|end| *end <= rest.len());
        let end = end.ok_or(damage("the group is cut short"))?;
        let payload = &rest[GROUP_HEADER_BYTES..end];
        let mut actual = checksum(self.salt);
        actual.update(payload);
        if actual.finalize() != header.payload_checksum {
            return Err(damage("the checksum of the group is wrong"));
        }
        if count_records(payload) != Some(header.records) {
            return Err(damage("the records do not fill their group"));
        }
        let next = header.first.get().checked_add(u64::from(header.records));
        self.next = Counter::new(next.ok_or(damage("the numbers of records run out"))?);
        self.offset += end;
        Ok(Some(Group {
            first: header.first,
            payload,
        }))
    }

    /// How many bytes behind the groups read so far are not just room.
    pub(crate) fn bytes_behind(&self) -> usize {
        let rest = self.rest();
        rest.iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1)
    }

    /// Goes on, after damage, at the next intact header of a group that is not older. Returns where that
    /// is and the number there.
    pub(crate) fn resume(&mut self) -> Option<(usize, Counter)> {
        let (at, first) = self.find_group(|first| first >= self.next)?;
        self.offset = at;
        self.next = first;
        Some((at, first))
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// Whether, behind damage, a group stands that was begun later. Groups are written one by one,
    /// each after the one before was synced: then the damaged bytes were durable once.
    pub(crate) fn later_group(&self) -> Option<usize> {
        self.find_group(|first| first > self.next).map(|(at, _)| at)
    }

    /// The next intact header behind this place, of a group whose first number is wanted. One pass: each
    /// place that looks like a header costs a checksum of its 28 bytes, not of what it may stand for.
    fn find_group(&self, is_wanted: impl Fn(Counter) -> bool) -> Option<(usize, Counter)> {
        let mut from = self.offset + 1;
        while let Some(at) = find_group_magic(self.bytes, from) {
            let header = GroupHeader::decode(&self.bytes[at..], self.salt);
            if let Some(header) = header.filter(|header| is_wanted(header.first)) {
                return Some((at, header.first));
            }
            from = at + 1;
        }
        None
    }
}

fn group_end(header: &GroupHeader) -> Option<usize> {
    usize::try_from(header.payload_bytes)
        .ok()?
        .checked_add(GROUP_HEADER_BYTES)
}

/// How many records fill `payload`; `None` if they do not fill it exactly, or there is none.
fn count_records(payload: &[u8]) -> Option<u32> {
    let mut count = 0_u32;
    let mut rest = payload;
    while !rest.is_empty() {
        (_, rest) = split_record(rest)?;
        count = count.checked_add(1)?;
    }
    Some(count).filter(|count| *count > 0)
}

/// The first record and what follows it.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_first_chunk::<RECORD_PREFIX_BYTES>()?;
    after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests;
