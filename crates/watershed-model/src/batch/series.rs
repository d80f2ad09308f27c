//! Tag sets as bytes.
//!
//! The key of a series is its tags by ascending column id, each as
//! `varint(column id) varint(value bytes) value`. Equal tag sets have equal keys, so a registry of
//! series hashes and compares plain bytes. A point without tags has the empty key.

use crate::ColumnId;

/// Distinct series keys, numbered from zero in order of appearance.
///
/// Uniqueness is the caller's duty: this is storage, not a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesList {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl SeriesList {
    /// Appends a series given its tags **by ascending column id** and returns its number.
    ///
    /// # Panics
    /// When all keys together pass 4 GiB, or the ids do not ascend (debug builds).
    pub fn push<'a>(&mut self, tags: impl IntoIterator<Item = (ColumnId, &'a str)>) -> u32 {
        let mut last: Option<ColumnId> = None;
        for (column, value) in tags {
            debug_assert!(last < Some(column), "tags must come by ascending column id");
            last = Some(column);
            push_varint(&mut self.bytes, column.get().cast_unsigned());
            push_varint(&mut self.bytes, value.len() as u64);
            self.bytes.extend_from_slice(value.as_bytes());
        }
        self.end_key()
    }

    /// Appends a whole key, as [`key`](Self::key) returns it, and returns its number. The key is not
    /// checked here; [`codec::decode`](super::codec::decode) checks what comes from outside.
    pub fn push_key(&mut self, key: &[u8]) -> u32 {
        self.bytes.extend_from_slice(key);
        self.end_key()
    }

    /// Takes over keys laid end to end and where each ends; `None` when the ends do not ascend or do
    /// not come out at the end of `bytes`. The keys themselves are not checked.
    pub fn from_parts(ends: Vec<u32>, bytes: Vec<u8>) -> Option<Self> {
        let closed = ends.last().map_or(0, |end| *end as usize) == bytes.len();
        (closed && ends.is_sorted()).then_some(Self { ends, bytes })
    }

    fn end_key(&mut self) -> u32 {
        let Ok(end) = u32::try_from(self.bytes.len()) else {
            panic!("series keys passed 4 GiB");
        };
        self.ends.push(end);
        (self.ends.len() - 1) as u32
    }

    /// Keeps the first `len` series.
    pub fn truncate(&mut self, len: usize) {
        if len < self.ends.len() {
            self.ends.truncate(len);
            self.bytes
                .truncate(self.ends.last().map_or(0, |end| *end as usize));
        }
    }

    /// The key of a series.
    pub fn key(&self, series: u32) -> &[u8] {
        let series = series as usize;
        let start = if series == 0 {
            0
        } else {
            self.ends[series - 1] as usize
        };
        &self.bytes[start..self.ends[series] as usize]
    }

    /// The tags of a series by ascending column id.
    pub fn tags(&self, series: u32) -> SeriesTags<'_> {
        SeriesTags::new(self.key(series))
    }

    /// All keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|series| self.key(series))
    }

    /// The number of series.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Where each key ends in [`all`](Self::all).
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// All keys, one after another.
    pub fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes held in memory, allocated capacity included.
    pub fn memory_bytes(&self) -> usize {
        self.ends.capacity() * 4 + self.bytes.capacity()
    }
}

/// The tags in a series key, by ascending column id. Yields nothing after damaged bytes; use
/// [`check`](Self::check) on keys from outside.
#[derive(Debug, Clone)]
pub struct SeriesTags<'a> {
    rest: &'a [u8],
}

impl<'a> SeriesTags<'a> {
    /// Reads a key.
    pub fn new(key: &'a [u8]) -> Self {
        Self { rest: key }
    }

    /// Whether `key` is well formed: complete, UTF-8, ids ascending, no empty value.
    pub fn check(key: &[u8]) -> bool {
        let mut tags = SeriesTags::new(key);
        let mut last = None;
        for (column, value) in tags.by_ref() {
            if value.is_empty() || last >= Some(column) {
                return false;
            }
            last = Some(column);
        }
        tags.rest.is_empty()
    }

    fn read(&self) -> Option<((ColumnId, &'a str), &'a [u8])> {
        let (column, rest) = read_varint(self.rest)?;
        let (len, rest) = read_varint(rest)?;
        let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        Some((
            (
                ColumnId::new(column.cast_signed()),
                std::str::from_utf8(value).ok()?,
            ),
            rest,
        ))
    }
}

impl<'a> Iterator for SeriesTags<'a> {
    type Item = (ColumnId, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.read()?;
        self.rest = rest;
        Some(tag)
    }
}

/// Appends an LEB128 number.
#[inline]
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads an LEB128 number; `None` when it is cut or does not fit 64 bits.
pub(super) fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        if at == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests;
