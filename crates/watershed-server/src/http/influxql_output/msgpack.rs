//! MessagePack with the member names of the JSON, as 1.x clients read it.
//!
//! Times without `epoch` are extension type 5: seconds as `i64`, nanoseconds as `i32`, big endian.
//! Lengths stand before what they count, so the segments of a statement are held until it ends.

use super::Segment;
use super::value::{Cell, Cells, Epoch};
use rmp::encode as mp;

/// The extension type of a time.
const TIME_EXTENSION: i8 = 5;

/// Writes one document, or with `chunked` one for each segment.
pub(crate) struct MsgpackEncoder {
    epoch: Epoch,
    chunked: bool,
    out: Vec<u8>,
    held: Vec<Segment>,
}

impl MsgpackEncoder {
    /// `statements` is the number of statements of the request.
    pub(crate) fn new(epoch: Epoch, chunked: bool, statements: usize) -> Self {
        let mut encoder = Self {
            epoch,
            chunked,
            out: Vec::new(),
            held: Vec::new(),
        };
        if !chunked {
            encoder.begin_results(statements);
        }
        encoder
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes waiting for [`take`](Self::take).
    pub(crate) fn waiting(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn segment(&mut self, id: usize, segment: Segment) {
        if !self.chunked {
            self.held.push(segment);
            return;
        }
        self.begin_results(1);
        let (more, continues) = (segment.more, segment.continues);
        map(&mut self.out, 2 + usize::from(more));
        self.statement_id(id);
        text(&mut self.out, "series");
        array(&mut self.out, 1);
        self.series(&[segment], continues);
        if more {
            partial(&mut self.out);
        }
    }

    /// Ends a statement; `answered` says whether segments were written for it.
    pub(crate) fn end_statement(&mut self, id: usize, error: Option<&str>, answered: bool) {
        if self.chunked {
            if error.is_some() || !answered {
                self.begin_results(1);
                self.result(id, Vec::new(), error);
            }
            return;
        }
        let held = std::mem::take(&mut self.held);
        self.result(id, held, error);
    }

    fn result(&mut self, id: usize, segments: Vec<Segment>, error: Option<&str>) {
        map(
            &mut self.out,
            1 + usize::from(!segments.is_empty()) + usize::from(error.is_some()),
        );
        self.statement_id(id);
        if !segments.is_empty() {
            text(&mut self.out, "series");
            let series: Vec<&[Segment]> = segments.chunk_by(|_, next| !next.starts).collect();
            array(&mut self.out, series.len());
            for segments in series {
                self.series(segments, false);
            }
        }
        if let Some(error) = error {
            text(&mut self.out, "error");
            text(&mut self.out, error);
        }
    }

    /// One series; `segments` are its parts and there is at least one.
    fn series(&mut self, segments: &[Segment], continues: bool) {
        let Some(first) = segments.first() else {
            return;
        };
        let head = &first.head;
        let named = !head.name.is_empty();
        map(
            &mut self.out,
            2 + usize::from(named) + usize::from(head.tags.is_some()) + usize::from(continues),
        );
        if named {
            text(&mut self.out, "name");
            text(&mut self.out, &head.name);
        }
        if let Some(tags) = &head.tags {
            text(&mut self.out, "tags");
            map(&mut self.out, tags.len());
            for (key, value) in tags {
                text(&mut self.out, key);
                text(&mut self.out, value);
            }
        }
        text(&mut self.out, "columns");
        array(&mut self.out, first.columns.len());
        for column in first.columns.iter() {
            text(&mut self.out, column);
        }
        text(&mut self.out, "values");
        self.values(segments);
        if continues {
            partial(&mut self.out);
        }
    }

    fn values(&mut self, segments: &[Segment]) {
        let parts = || segments.iter().flat_map(|s| &s.rows);
        let rows_of =
            |columns: &Vec<arrow::array::ArrayRef>| columns.first().map_or(0, |c| c.len());
        array(&mut self.out, parts().map(rows_of).sum());
        for columns in parts() {
            let cells: Vec<Cells<'_>> = columns.iter().map(Cells::new).collect();
            for row in 0..rows_of(columns) {
                array(&mut self.out, cells.len());
                for cell in &cells {
                    self.cell(&cell.get(row));
                }
            }
        }
    }

    fn cell(&mut self, cell: &Cell<'_>) {
        let out = &mut self.out;
        match cell {
            Cell::Null => written(mp::write_nil(out).map_err(drop)),
            Cell::Bool(value) => written(mp::write_bool(out, *value).map_err(drop)),
            Cell::Integer(value) => written(mp::write_sint(out, *value).map(drop).map_err(drop)),
            Cell::Unsigned(value) => written(mp::write_uint(out, *value).map(drop).map_err(drop)),
            Cell::Float(value) => written(mp::write_f64(out, *value).map_err(drop)),
            Cell::Text(value) => text(out, value),
            Cell::Other(value) => text(out, value),
            Cell::Time(nanos, _) => match self.epoch {
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

    fn begin_results(&mut self, statements: usize) {
        map(&mut self.out, 1);
        text(&mut self.out, "results");
        array(&mut self.out, statements);
    }

    fn statement_id(&mut self, id: usize) {
        text(&mut self.out, "statement_id");
        written(
            mp::write_uint(&mut self.out, id as u64)
                .map(drop)
                .map_err(drop),
        );
    }
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
