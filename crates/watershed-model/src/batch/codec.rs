//! The one encoding of a [`WriteBatch`]: what the log stores and what one node sends to another.
//!
//! `docs/formats/batch.md` draws it. In short: a version byte, then each table column by column.
//! Integers are stored as offsets from the smallest of them, in the fewest bytes (0, 1, 2, 4 or 8) that
//! hold the largest offset; that needs two passes over a column and no state, and shrinks counters,
//! gauges and times to a byte or two a value. Floats stay as they are. There is no checksum in here:
//! whoever frames the bytes (the log, the transport) has one.

use super::series::{push_varint, read_varint};
use super::{
    Bitmap, FieldColumn, FieldValues, SeriesList, SeriesTags, StringValues, TableBatch, WriteBatch,
};
use crate::{ColumnId, DatabaseId, ErrorKind, PartitionKey, TableId};
use std::collections::HashSet;

/// The version this code writes, and the only one it reads.
pub const VERSION: u8 = 1;

/// The most cells (rows times field columns, over all tables) a batch may have. A column of equal
/// values takes a few bytes however many rows it has, so the length of the encoding alone would not
/// bound what decoding allocates. 2^28 cells are 2 GiB of numbers, far above any request.
pub const CELLS_MAX: usize = 1 << 28;

/// Why bytes are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another version wrote them.
    #[error("batch format version {found}, this program reads version {VERSION}")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// They end too early.
    #[error("the batch ends within its {0}")]
    Truncated(&'static str),
    /// They say something that can't be.
    #[error("the batch has impossible {0}")]
    Invalid(&'static str),
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupt
    }
}

/// Appends the encoding of `batch` to `out`.
///
/// # Panics
/// When the batch breaks its own rules: columns of different length, more series than rows.
pub fn encode(batch: &WriteBatch, out: &mut Vec<u8>) {
    out.push(VERSION);
    push_signed(out, batch.database.get());
    push_varint(out, batch.tables.len() as u64);
    for table in &batch.tables {
        encode_table(table, out);
    }
}

/// Reads what [`encode`] wrote. `bytes` must hold one batch and nothing else.
///
/// Everything a reader of the batch relies on is checked: lengths, UTF-8, well-formed series keys,
/// row indexes, ascending column ids, one entry per table and partition. Not checked: whether two series
/// are equal. Memory: at most eight bytes per cell, see [`CELLS_MAX`].
///
/// # Errors
/// [`Error`] when the bytes are not such an encoding; no bytes make this panic.
pub fn decode(bytes: &[u8]) -> Result<WriteBatch, Error> {
    let mut reader = Reader {
        rest: bytes,
        cells_left: CELLS_MAX,
    };
    let found = reader.byte("version")?;
    if found != VERSION {
        return Err(Error::Version { found });
    }
    let database = DatabaseId::new(reader.signed("database id")?);
    let count = reader.varint("table count")?;
    let mut tables = Vec::new();
    for _ in 0..count {
        tables.push(decode_table(&mut reader)?);
    }
    if !reader.rest.is_empty() {
        return Err(Error::Invalid("bytes after its end"));
    }
    check_tables_differ(&tables)?;
    Ok(WriteBatch { database, tables })
}

fn check_tables_differ(tables: &[TableBatch]) -> Result<(), Error> {
    let mut seen = HashSet::with_capacity(tables.len());
    if tables
        .iter()
        .all(|table| seen.insert((table.table, table.partition.as_str())))
    {
        Ok(())
    } else {
        Err(Error::Invalid("partitions: one occurs twice"))
    }
}

fn encode_table(table: &TableBatch, out: &mut Vec<u8>) {
    let rows = table.rows();
    assert_eq!(table.row_series.len(), rows, "each row names a series");
    assert!(table.series.len() <= rows, "each series is named by a row");
    push_signed(out, table.table.get());
    push_varint(out, table.partition.as_str().len() as u64);
    out.extend_from_slice(table.partition.as_str().as_bytes());
    push_varint(out, rows as u64);
    push_varint(out, table.series.len() as u64);
    push_lengths(table.series.ends(), out);
    out.extend_from_slice(table.series.all());
    push_integers(&table.row_series, Width::W1, out);
    push_times(&table.times, out);
    push_varint(out, table.fields.len() as u64);
    for field in &table.fields {
        assert_eq!(
            field.values.len(),
            rows,
            "each row has a place in each column"
        );
        encode_field(field, out);
    }
}

fn decode_table(reader: &mut Reader<'_>) -> Result<TableBatch, Error> {
    let table = TableId::new(reader.signed("table id")?);
    let len = reader.length("partition key")?;
    let key = reader.take(len, "partition key")?;
    let key = std::str::from_utf8(key).map_err(|_| Error::Invalid("partition key"))?;
    // A row takes at least one byte, that of its series: this bounds every allocation below.
    let rows = reader.length("row count")?;
    let series = decode_series(reader, rows)?;
    let row_series = reader.integers::<u32>(rows, Width::W1, "series of its rows")?;
    if row_series.iter().any(|at| *at as usize >= series.len()) {
        return Err(Error::Invalid("series of its rows"));
    }
    let times = reader.times(rows)?;
    let fields = decode_fields(reader, rows)?;
    Ok(TableBatch {
        table,
        partition: PartitionKey::new(key),
        series,
        row_series,
        times,
        fields,
    })
}

fn decode_series(reader: &mut Reader<'_>, rows: usize) -> Result<SeriesList, Error> {
    let count = reader.varint("series count")?;
    let count = usize::try_from(count).ok().filter(|count| *count <= rows);
    let count = count.ok_or(Error::Invalid("series count"))?;
    let ends = reader.ends(count, "series lengths")?;
    let keys = reader.take(ends.last().map_or(0, |end| *end as usize), "series keys")?;
    let series =
        SeriesList::from_parts(ends, keys.to_vec()).ok_or(Error::Invalid("series keys"))?;
    if series.keys().all(SeriesTags::check) {
        Ok(series)
    } else {
        Err(Error::Invalid("series keys"))
    }
}

fn decode_fields(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<FieldColumn>, Error> {
    let count = reader.varint("field count")?;
    let mut fields: Vec<FieldColumn> = Vec::new();
    for _ in 0..count {
        let left = reader
            .cells_left
            .checked_sub(rows)
            .ok_or(Error::Invalid("size"))?;
        reader.cells_left = left;
        let field = decode_field(reader, rows)?;
        if fields
            .last()
            .is_some_and(|last| last.column >= field.column)
        {
            return Err(Error::Invalid("order of columns"));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// Set in the type byte of a column that has a validity bitmap.
const HAS_VALIDITY: u8 = 0x80;

fn encode_field(field: &FieldColumn, out: &mut Vec<u8>) {
    push_signed(out, field.column.get());
    let validity = if field.validity.is_some() {
        HAS_VALIDITY
    } else {
        0
    };
    out.push(type_code(&field.values) | validity);
    if let Some(bits) = &field.validity {
        assert_eq!(
            bits.len(),
            field.values.len(),
            "each row has a validity bit"
        );
        out.extend_from_slice(bits.as_bytes());
    }
    match &field.values {
        FieldValues::F64(values) => push_floats(values, out),
        FieldValues::I64(values) => push_integers(values, Width::W0, out),
        FieldValues::U64(values) => push_integers(values, Width::W0, out),
        FieldValues::Bool(values) => push_bools(values, out),
        FieldValues::String(values) => {
            push_lengths(values.ends(), out);
            out.extend_from_slice(values.all().as_bytes());
        }
    }
}

/// The number a type has in the format. Never give one a second meaning.
fn type_code(values: &FieldValues) -> u8 {
    match values {
        FieldValues::F64(_) => 0,
        FieldValues::I64(_) => 1,
        FieldValues::U64(_) => 2,
        FieldValues::Bool(_) => 3,
        FieldValues::String(_) => 4,
    }
}

fn decode_field(reader: &mut Reader<'_>, rows: usize) -> Result<FieldColumn, Error> {
    let column = ColumnId::new(reader.signed("column id")?);
    let code = reader.byte("column type")?;
    let validity = if code & HAS_VALIDITY == 0 {
        None
    } else {
        Some(reader.bits(rows, "validity")?)
    };
    let values = match code & !HAS_VALIDITY {
        0 => FieldValues::F64(reader.floats(rows)?),
        1 => FieldValues::I64(reader.integers(rows, Width::W0, "integers")?),
        2 => FieldValues::U64(reader.integers(rows, Width::W0, "unsigned integers")?),
        3 => {
            let bits = reader.bits(rows, "booleans")?;
            FieldValues::Bool((0..rows).map(|row| bits.get(row)).collect())
        }
        4 => FieldValues::String(reader.strings(rows)?),
        _ => return Err(Error::Invalid("column type")),
    };
    Ok(FieldColumn {
        column,
        values,
        validity,
    })
}

fn push_floats(values: &[f64], out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + values.len() * 8, 0);
    for (place, value) in out[at..].chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value.to_bits().to_le_bytes());
    }
}

fn push_bools(values: &[bool], out: &mut Vec<u8>) {
    out.extend(values.chunks(8).map(|bits| {
        bits.iter()
            .enumerate()
            .fold(0, |byte, (at, bit)| byte | (u8::from(*bit) << at))
    }));
}

/// Writes the lengths of texts laid end to end, given where each ends.
fn push_lengths(ends: &[u32], out: &mut Vec<u8>) {
    let starts = std::iter::once(&0).chain(ends);
    let lengths: Vec<u32> = ends
        .iter()
        .zip(starts)
        .map(|(end, start)| end - start)
        .collect();
    push_integers(&lengths, Width::W0, out);
}

/// Units of time that clocks tick in, coarsest first, as nanoseconds. The index is in the format.
const TIME_UNITS: [u64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

/// Writes times as offsets in the coarsest unit that loses nothing. Few senders have clocks of
/// nanoseconds, and a unit of seconds turns eight bytes into one or two.
fn push_times(times: &[i64], out: &mut Vec<u8>) {
    let (base, last) = bounds(times);
    let span = last.offset_from(base);
    let fits = |unit: &u64| {
        span.is_multiple_of(*unit)
            && times
                .iter()
                .all(|time| time.offset_from(base).is_multiple_of(*unit))
    };
    let code = TIME_UNITS
        .iter()
        .position(fits)
        .unwrap_or(TIME_UNITS.len() - 1);
    out.push(code as u8);
    push_signed(out, base);
    let width = Width::holding(span / TIME_UNITS[code]);
    // The unit is a constant in each arm so that the division is a multiplication.
    match code {
        0 => push_offsets(times, width, out, |time| {
            time.offset_from(base) / TIME_UNITS[0]
        }),
        1 => push_offsets(times, width, out, |time| {
            time.offset_from(base) / TIME_UNITS[1]
        }),
        2 => push_offsets(times, width, out, |time| {
            time.offset_from(base) / TIME_UNITS[2]
        }),
        _ => push_offsets(times, width, out, |time| time.offset_from(base)),
    }
}

fn push_integers<T: Integer>(values: &[T], at_least: Width, out: &mut Vec<u8>) {
    let (base, largest) = bounds(values);
    base.push(out);
    let width = Width::holding(largest.offset_from(base)).max(at_least);
    push_offsets(values, width, out, |value| value.offset_from(base));
}

/// The smallest and the largest value; zero for none.
fn bounds<T: Integer>(values: &[T]) -> (T, T) {
    // Lanes, so that a comparison waits for the one four values before and not for the last.
    const LANES: usize = 4;
    let first = values.first().copied().unwrap_or_default();
    let (mut low, mut high) = ([first; LANES], [first; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            low[lane] = low[lane].min(chunk[lane]);
            high[lane] = high[lane].max(chunk[lane]);
        }
    }
    let lowest = low.into_iter().chain(rest.iter().copied()).min();
    let highest = high.into_iter().chain(rest.iter().copied()).max();
    (lowest.unwrap_or_default(), highest.unwrap_or_default())
}

/// How many bytes an offset takes; the number is in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    W0 = 0,
    W1 = 1,
    W2 = 2,
    W4 = 4,
    W8 = 8,
}

impl Width {
    fn holding(offset: u64) -> Self {
        match offset {
            0 => Self::W0,
            1..=0xff => Self::W1,
            0x100..=0xffff => Self::W2,
            0x1_0000..=0xffff_ffff => Self::W4,
            _ => Self::W8,
        }
    }

    fn parse(byte: u8) -> Option<Self> {
        [Self::W0, Self::W1, Self::W2, Self::W4, Self::W8]
            .into_iter()
            .find(|w| *w as u8 == byte)
    }
}

/// Writes the width, then the offset of each value in that many bytes, which must be enough.
fn push_offsets<T: Copy>(
    values: &[T],
    width: Width,
    out: &mut Vec<u8>,
    offset: impl Fn(T) -> u64 + Copy,
) {
    out.push(width as u8);
    let at = out.len();
    out.resize(at + values.len() * width as usize, 0);
    let room = &mut out[at..];
    match width {
        Width::W0 => {}
        Width::W1 => fill::<1, T>(room, values, |v| (offset(v) as u8).to_le_bytes()),
        Width::W2 => fill::<2, T>(room, values, |v| (offset(v) as u16).to_le_bytes()),
        Width::W4 => fill::<4, T>(room, values, |v| (offset(v) as u32).to_le_bytes()),
        Width::W8 => fill::<8, T>(room, values, |v| offset(v).to_le_bytes()),
    }
}

fn fill<const N: usize, T: Copy>(room: &mut [u8], values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    for (place, value) in room.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *place = bytes(*value);
    }
}

/// The integers that can be stored as a base and offsets.
trait Integer: Copy + Ord + Default {
    /// `self - base`, for a base that is not larger.
    fn offset_from(self, base: Self) -> u64;
    /// The value that lies `offset` above `self`; wraps for offsets no encoder writes.
    fn plus(self, offset: u64) -> Self;
    fn push(self, out: &mut Vec<u8>);
    fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, Error>;
}

impl Integer for i64 {
    fn offset_from(self, base: Self) -> u64 {
        self.wrapping_sub(base).cast_unsigned()
    }

    fn plus(self, offset: u64) -> Self {
        self.wrapping_add_unsigned(offset)
    }

    fn push(self, out: &mut Vec<u8>) {
        push_signed(out, self);
    }

    fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, Error> {
        reader.signed(what)
    }
}

impl Integer for u64 {
    fn offset_from(self, base: Self) -> u64 {
        self - base
    }

    fn plus(self, offset: u64) -> Self {
        self.wrapping_add(offset)
    }

    fn push(self, out: &mut Vec<u8>) {
        push_varint(out, self);
    }

    fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, Error> {
        reader.varint(what)
    }
}

impl Integer for u32 {
    fn offset_from(self, base: Self) -> u64 {
        u64::from(self - base)
    }

    fn plus(self, offset: u64) -> Self {
        self.wrapping_add(offset as Self)
    }

    fn push(self, out: &mut Vec<u8>) {
        push_varint(out, u64::from(self));
    }

    fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, Error> {
        Self::try_from(reader.varint(what)?).map_err(|_| Error::Invalid(what))
    }
}

/// Appends a signed number: small magnitudes take few bytes (zigzag, then LEB128).
fn push_signed(out: &mut Vec<u8>, value: i64) {
    push_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// The bytes not yet read, and the cells not yet spent.
struct Reader<'a> {
    rest: &'a [u8],
    cells_left: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Error::Truncated(what))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, Error> {
        self.take(1, what).map(|bytes| bytes[0])
    }

    fn varint(&mut self, what: &'static str) -> Result<u64, Error> {
        let (value, rest) = read_varint(self.rest).ok_or(Error::Truncated(what))?;
        self.rest = rest;
        Ok(value)
    }

    fn signed(&mut self, what: &'static str) -> Result<i64, Error> {
        let zigzag = self.varint(what)?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// A count of things that each take at least a byte of what follows.
    fn length(&mut self, what: &'static str) -> Result<usize, Error> {
        let len = usize::try_from(self.varint(what)?).map_err(|_| Error::Truncated(what))?;
        if len <= self.rest.len() {
            Ok(len)
        } else {
            Err(Error::Truncated(what))
        }
    }

    fn integers<T: Integer>(
        &mut self,
        count: usize,
        at_least: Width,
        what: &'static str,
    ) -> Result<Vec<T>, Error> {
        let base = T::read(self, what)?;
        self.offsets(count, at_least, what, |offset| base.plus(offset))
    }

    fn times(&mut self, count: usize) -> Result<Vec<i64>, Error> {
        let code = self.byte("unit of times")?;
        let unit = *TIME_UNITS
            .get(usize::from(code))
            .ok_or(Error::Invalid("unit of times"))?;
        let base = self.signed("times")?;
        self.offsets(count, Width::W0, "times", |offset| {
            base.plus(offset.wrapping_mul(unit))
        })
    }

    fn offsets<T: Copy>(
        &mut self,
        count: usize,
        at_least: Width,
        what: &'static str,
        value: impl Fn(u64) -> T,
    ) -> Result<Vec<T>, Error> {
        let width = Width::parse(self.byte(what)?).filter(|width| *width >= at_least);
        let width = width.ok_or(Error::Invalid(what))?;
        let len = count
            .checked_mul(width as usize)
            .ok_or(Error::Truncated(what))?;
        let bytes = self.take(len, what)?;
        Ok(match width {
            Width::W0 => vec![value(0); count],
            Width::W1 => bytes.iter().map(|byte| value(u64::from(*byte))).collect(),
            Width::W2 => each::<2, T>(bytes, |b| value(u64::from(u16::from_le_bytes(b)))),
            Width::W4 => each::<4, T>(bytes, |b| value(u64::from(u32::from_le_bytes(b)))),
            Width::W8 => each::<8, T>(bytes, |b| value(u64::from_le_bytes(b))),
        })
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f64>, Error> {
        let len = count.checked_mul(8).ok_or(Error::Truncated("floats"))?;
        let bytes = self.take(len, "floats")?;
        Ok(each::<8, f64>(bytes, |b| {
            f64::from_bits(u64::from_le_bytes(b))
        }))
    }

    fn bits(&mut self, count: usize, what: &'static str) -> Result<Bitmap, Error> {
        let bytes = self.take(count.div_ceil(8), what)?;
        Bitmap::from_bytes(bytes.to_vec(), count).ok_or(Error::Invalid(what))
    }

    fn strings(&mut self, count: usize) -> Result<StringValues, Error> {
        let ends = self.ends(count, "text lengths")?;
        let bytes = self.take(ends.last().map_or(0, |end| *end as usize), "texts")?;
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Invalid("texts"))?;
        StringValues::from_parts(ends, text.to_owned()).ok_or(Error::Invalid("texts"))
    }

    /// Reads what [`push_lengths`] wrote, as ends again.
    fn ends(&mut self, count: usize, what: &'static str) -> Result<Vec<u32>, Error> {
        let mut ends = self.integers::<u32>(count, Width::W0, what)?;
        let mut end = 0_u32;
        for length in &mut ends {
            end = end.checked_add(*length).ok_or(Error::Invalid(what))?;
            *length = end;
        }
        Ok(ends)
    }
}

fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| value(*chunk))
        .collect()
}

#[cfg(test)]
mod tests;
