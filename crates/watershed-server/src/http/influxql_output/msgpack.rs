//! MessagePack with the member names of the JSON, as 1.x clients read it.
//!
//! Times without `epoch` are extension type 5: seconds as `i64`, nanoseconds as `i32`, big endian.
//! Lengths stand before what they count, so the rows of a statement are written to the side until it ends, as
//! far as [`HELD_BYTES_MAX`]; chunks are sent as they come.

use super::value::{Cell, Cells, Epoch};
use super::{Segment, SeriesHead, Unwritable};
use rmp::Marker;
use rmp::encode as mp;

/// The extension type of a time.
const TIME_EXTENSION: i8 = 5;

/// The most bytes of the rows of a statement when they are not sent in chunks.
const HELD_BYTES_MAX: usize = 64 << 20;

/// Writes one document, or with `chunked` one for each segment.
pub(crate) struct MsgpackEncoder {
    epoch: Epoch,
    chunked: bool,
    out: Vec<u8>,
    held: Held,
    held_bytes_max: usize,
}

/// The series of the statement at hand.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    series: u32,
    /// Where the number of rows of the last series is to be.
    rows_at: usize,
    rows: u32,
}

impl MsgpackEncoder {
    /// `statements` is the number of statements of the request.
    pub(crate) fn new(epoch: Epoch, chunked: bool, statements: usize) -> Self {
        let mut out = Vec::new();
        if !chunked {
            begin_results(&mut out, statements);
        }
        Self {
            epoch,
            chunked,
            out,
            held: Held::default(),
            held_bytes_max: HELD_BYTES_MAX,
        }
    }

    #[cfg(test)]
    pub(super) fn set_held_bytes_max(&mut self, bytes: usize) {
        self.held_bytes_max = bytes;
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes waiting for [`take`](Self::take).
    pub(crate) fn waiting(&self) -> usize {
        self.out.len()
    }

    /// # Errors
    /// [`Unwritable::TooLong`]: the rows of the statement are forgotten.
    pub(crate) fn segment(&mut self, id: usize, segment: &Segment) -> Result<(), Unwritable> {
        if self.chunked {
            self.chunk(id, segment);
            return Ok(());
        }
        if segment.starts || self.held.series == 0 {
            self.held.begin(&segment.head, &segment.columns);
        }
        rows(&mut self.held.bytes, segment, self.epoch);
        self.held.rows += count(segment);
        if self.held.bytes.len() > self.held_bytes_max {
            self.held = Held::default();
            return Err(Unwritable::TooLong(self.held_bytes_max));
        }
        Ok(())
    }

    fn chunk(&mut self, id: usize, segment: &Segment) {
        let out = &mut self.out;
        begin_results(out, 1);
        map(out, 2 + usize::from(segment.more));
        statement_id(out, id);
        text(out, "series");
        array(out, 1);
        let partials = usize::from(segment.continues);
        series_head(out, &segment.head, &segment.columns, partials);
        long_array(out, count(segment));
        rows(out, segment, self.epoch);
        if segment.continues {
            partial(out);
        }
        if segment.more {
            partial(out);
        }
    }

    /// Ends a statement; `answered` says whether segments were written for it.
    pub(crate) fn end_statement(&mut self, id: usize, error: Option<&str>, answered: bool) {
        if self.chunked {
            if error.is_none() && answered {
                return;
            }
            begin_results(&mut self.out, 1);
        }
        let mut held = std::mem::take(&mut self.held);
        held.end_series();
        let answered = held.series > 0;
        let out = &mut self.out;
        map(
            out,
            1 + usize::from(answered) + usize::from(error.is_some()),
        );
        statement_id(out, id);
        if answered {
            text(out, "series");
            long_array(out, held.series);
            out.append(&mut held.bytes);
        }
        if let Some(error) = error {
            text(out, "error");
            text(out, error);
        }
    }
}

impl Held {
    fn begin(&mut self, head: &SeriesHead, columns: &[String]) {
        self.end_series();
        self.series += 1;
        series_head(&mut self.bytes, head, columns, 0);
        long_array(&mut self.bytes, 0);
        self.rows_at = self.bytes.len() - size_of::<u32>();
        self.rows = 0;
    }

    /// Writes how many rows the last series has.
    fn end_series(&mut self) {
        let place = self.bytes.get_mut(self.rows_at..);
        if let Some(place) = place.and_then(|rest| rest.first_chunk_mut())
            && self.series > 0
        {
            *place = self.rows.to_be_bytes();
        }
    }
}

fn count(segment: &Segment) -> u32 {
    u32::try_from(segment.row_count()).unwrap_or(u32::MAX)
}

/// The members of a series up to its rows, of which the number is to follow; `more` members come after them.
fn series_head(out: &mut Vec<u8>, head: &SeriesHead, columns: &[String], more: usize) {
    let named = !head.name.is_empty();
    let members = 2 + usize::from(named) + usize::from(head.tags.is_some()) + more;
    map(out, members);
    if named {
        text(out, "name");
        text(out, &head.name);
    }
    if let Some(tags) = &head.tags {
        text(out, "tags");
        map(out, tags.len());
        for (key, value) in tags {
            text(out, key);
            text(out, value);
        }
    }
    text(out, "columns");
    array(out, columns.len());
    for column in columns {
        text(out, column);
    }
    text(out, "values");
}

fn rows(out: &mut Vec<u8>, segment: &Segment, epoch: Epoch) {
    for columns in &segment.rows {
        let cells: Vec<Cells<'_>> = columns.iter().map(Cells::new).collect();
        for row in 0..columns.first().map_or(0, |column| column.len()) {
            array(out, cells.len());
            for cells in &cells {
                cell(out, &cells.get(row), epoch);
            }
        }
    }
}

fn cell(out: &mut Vec<u8>, cell: &Cell<'_>, epoch: Epoch) {
    match cell {
        Cell::Null => written(mp::write_nil(out).map_err(drop)),
        Cell::Bool(value) => written(mp::write_bool(out, *value).map_err(drop)),
        Cell::Integer(value) => written(mp::write_sint(out, *value).map(drop).map_err(drop)),
        Cell::Unsigned(value) => written(mp::write_uint(out, *value).map(drop).map_err(drop)),
        Cell::Float(value) => written(mp::write_f64(out, *value).map_err(drop)),
        Cell::Text(value) => text(out, value),
        Cell::Other(value) => text(out, value),
        Cell::Time(nanos, _) => match epoch {
            Epoch::Text => time(out, *nanos),
            Epoch::Number { unit } => {
                written(
                    mp::write_sint(out, nanos.div_euclid(unit))
                        .map(drop)
                        .map_err(drop),
                );
            }
        },
    }
}

fn begin_results(out: &mut Vec<u8>, statements: usize) {
    map(out, 1);
    text(out, "results");
    array(out, statements);
}

fn statement_id(out: &mut Vec<u8>, id: usize) {
    text(out, "statement_id");
    written(mp::write_uint(out, id as u64).map(drop).map_err(drop));
}

/// The head of an array in the longest form, so that the number can be changed later.
fn long_array(out: &mut Vec<u8>, len: u32) {
    out.push(Marker::Array32.to_u8());
    out.extend_from_slice(&len.to_be_bytes());
}

fn partial(out: &mut Vec<u8>) {
    text(out, "partial");
    written(mp::write_bool(out, true).map_err(drop));
}

fn time(out: &mut Vec<u8>, nanos: i64) {
    written(
        mp::write_ext_meta(out, 12, TIME_EXTENSION)
            .map(drop)
            .map_err(drop),
    );
    out.extend_from_slice(&nanos.div_euclid(1_000_000_000).to_be_bytes());
    let rest = nanos.rem_euclid(1_000_000_000) as i32;
    out.extend_from_slice(&rest.to_be_bytes());
}

fn text(out: &mut Vec<u8>, value: &str) {
    written(mp::write_str(out, value).map_err(drop));
}

fn map(out: &mut Vec<u8>, len: usize) {
    written(mp::write_map_len(out, len as u32).map(drop).map_err(drop));
}

fn array(out: &mut Vec<u8>, len: usize) {
    written(mp::write_array_len(out, len as u32).map(drop).map_err(drop));
}

/// Writing into memory does not fail.
fn written(result: Result<(), ()>) {
    debug_assert!(result.is_ok());
}
