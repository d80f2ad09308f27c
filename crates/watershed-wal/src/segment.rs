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
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) first: Counter,
    records: Vec<&'a [u8]>,
}

impl<'a> Group<'a> {
    pub(crate) fn records(&self) -> impl Iterator<Item = (Counter, &'a [u8])> {
        (self.first.get()..)
            .map(Counter::new)
            .zip(self.records.iter().copied())
    }
}

/// Steps through the groups of a segment.
#[derive(Debug)]
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

    /// Where the groups read so far end.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The number after the last record read so far.
    pub(crate) fn next_counter(&self) -> Counter {
        self.next
    }

    /// The next group; `None` at the end of the file. After damage, the same damage again.
    pub(crate) fn next_group(&mut self) -> Result<Option<Group<'a>>, Damage> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if rest.is_empty() {
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
        let records = split_records(payload, header.records);
        let records = records.ok_or(damage("the records do not fill their group"))?;
        let next = header.first.get().checked_add(u64::from(header.records));
        self.next = Counter::new(next.ok_or(damage("the numbers of records run out"))?);
        self.offset += end;
        Ok(Some(Group {
            first: header.first,
            records,
        }))
    }

    /// Whether, behind damage, a group stands that was begun later. Groups are written one by one,
    /// each after the one before was synced: then the damaged bytes were durable once.
    pub(crate) fn later_group(&self) -> Option<usize> {
        let mut from = self.offset + 1;
        while let Some(at) = find_group_magic(self.bytes, from) {
            let header = GroupHeader::decode(&self.bytes[at..], self.salt);
            if header.is_some_and(|header| header.first > self.next) {
                return Some(at);
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

/// `None` unless `payload` is exactly `count` records, at least one.
fn split_records(payload: &[u8], count: u32) -> Option<Vec<&[u8]>> {
    let mut records = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<RECORD_PREFIX_BYTES>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (record, after) = after.split_at_checked(length)?;
        records.push(record);
        rest = after;
    }
    let exact = count > 0 && usize::try_from(count) == Ok(records.len());
    exact.then_some(records)
}

#[cfg(test)]
mod tests;
