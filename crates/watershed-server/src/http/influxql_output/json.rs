//! JSON, whole or chunked.

use super::value::{Cell, Cells, Epoch, integral, time_text};
use super::{Open, Segment, SeriesHead, Unwritable};
use std::collections::BTreeMap;

/// Writes `{"results":[…]}`, or with `chunked` one such object a segment, each on a line.
pub(crate) struct JsonEncoder {
    epoch: Epoch,
    chunked: bool,
    out: Vec<u8>,
    /// Statements begun; the next comma depends on it.
    statements: usize,
    /// Whether the statement at hand has been begun.
    open: bool,
    /// Whether its brackets were closed early, after a value that can't be written.
    closed: bool,
    /// What the statement at hand says if it has no rows.
    hints: Vec<String>,
}

impl JsonEncoder {
    pub(crate) fn new(epoch: Epoch, chunked: bool) -> Self {
        let out = if chunked {
            Vec::new()
        } else {
            br#"{"results":["#.to_vec()
        };
        Self {
            epoch,
            chunked,
            out,
            statements: 0,
            open: false,
            closed: false,
            hints: Vec::new(),
        }
    }

    pub(crate) fn hint(&mut self, text: String) {
        self.hints.push(text);
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes waiting for [`take`](Self::take).
    pub(crate) fn waiting(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn segment(&mut self, id: usize, segment: &Segment) -> Result<(), Unwritable> {
        if self.chunked {
            return self.chunk(id, segment);
        }
        if segment.starts {
            if self.open {
                self.out.push(b',');
            } else {
                self.begin_statement(id);
                self.out.extend_from_slice(br#","series":["#);
            }
            self.begin_series(&segment.head, &segment.columns);
        }
        if let Err(error) = self.rows(segment, segment.starts) {
            self.close(Open {
                continues: true,
                more: true,
            });
            self.closed = true;
            return Err(error);
        }
        if !segment.continues {
            self.out.extend_from_slice(b"]}");
        }
        if !segment.more {
            self.out.push(b']');
        }
        Ok(())
    }

    /// Ends a statement. `last` is what its last segment promised would follow: when the statement failed
    /// after it, the brackets are closed here.
    pub(crate) fn end_statement(&mut self, id: usize, error: Option<&str>, last: Option<Open>) {
        let hints = std::mem::take(&mut self.hints);
        if self.chunked {
            if error.is_some() || !self.open {
                self.begin_chunk(id);
                if !self.open {
                    self.messages(&hints);
                }
                self.error(error);
                self.out.extend_from_slice(b"}]}\n");
            }
            self.open = false;
            return;
        }
        if !self.open {
            self.begin_statement(id);
            self.messages(&hints);
        } else if let Some(last) = last
            && !self.closed
        {
            self.close(last);
        }
        self.error(error);
        self.out.push(b'}');
        self.open = false;
        self.closed = false;
    }

    fn close(&mut self, open: Open) {
        if open.continues {
            self.out.extend_from_slice(b"]}");
        }
        if open.more {
            self.out.push(b']');
        }
    }

    pub(crate) fn finish(&mut self) {
        if !self.chunked {
            self.out.extend_from_slice(b"]}\n");
        }
    }

    fn messages(&mut self, hints: &[String]) {
        if hints.is_empty() {
            return;
        }
        self.out.extend_from_slice(br#","messages":["#);
        for (nth, hint) in hints.iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(br#"{"level":"warning","text":"#);
            self.string(hint);
            self.out.push(b'}');
        }
        self.out.push(b']');
    }

    fn error(&mut self, error: Option<&str>) {
        if let Some(error) = error {
            self.out.extend_from_slice(br#","error":"#);
            self.string(error);
        }
    }

    fn chunk(&mut self, id: usize, segment: &Segment) -> Result<(), Unwritable> {
        self.open = true;
        let start = self.out.len();
        self.begin_chunk(id);
        self.out.extend_from_slice(br#","series":["#);
        self.begin_series(&segment.head, &segment.columns);
        if let Err(error) = self.rows(segment, true) {
            self.out.truncate(start);
            return Err(error);
        }
        self.out.push(b']');
        let partial = br#","partial":true"#;
        if segment.continues {
            self.out.extend_from_slice(partial);
        }
        self.out.extend_from_slice(b"}]");
        if segment.more {
            self.out.extend_from_slice(partial);
        }
        self.out.extend_from_slice(b"}]}\n");
        Ok(())
    }

    fn begin_chunk(&mut self, id: usize) {
        self.out.extend_from_slice(br#"{"results":["#);
        self.statement_id(id);
    }

    fn begin_statement(&mut self, id: usize) {
        if self.statements > 0 {
            self.out.push(b',');
        }
        self.statements += 1;
        self.open = true;
        self.statement_id(id);
    }

    fn statement_id(&mut self, id: usize) {
        self.out.extend_from_slice(br#"{"statement_id":"#);
        self.integer(id);
    }

    fn begin_series(&mut self, head: &SeriesHead, columns: &[String]) {
        self.out.push(b'{');
        if !head.name.is_empty() {
            self.out.extend_from_slice(br#""name":"#);
            self.string(&head.name);
            self.out.push(b',');
        }
        if let Some(tags) = &head.tags {
            self.out.extend_from_slice(br#""tags":"#);
            self.tags(tags);
            self.out.push(b',');
        }
        self.out.extend_from_slice(br#""columns":["#);
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.string(column);
        }
        self.out.extend_from_slice(br#"],"values":["#);
    }

    fn tags(&mut self, tags: &BTreeMap<String, String>) {
        self.out.push(b'{');
        for (index, (key, value)) in tags.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.string(key);
            self.out.push(b':');
            self.string(value);
        }
        self.out.push(b'}');
    }

    fn rows(&mut self, segment: &Segment, mut first: bool) -> Result<(), Unwritable> {
        for columns in &segment.rows {
            let cells: Vec<Cells<'_>> = columns.iter().map(Cells::new).collect();
            for row in 0..columns.first().map_or(0, |c| c.len()) {
                let start = self.out.len();
                if !std::mem::take(&mut first) {
                    self.out.push(b',');
                }
                if let Err(error) = self.row(&cells, row) {
                    self.out.truncate(start);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Cells<'_>], row: usize) -> Result<(), Unwritable> {
        self.out.push(b'[');
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.cell(&cell.get(row))?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn cell(&mut self, cell: &Cell<'_>) -> Result<(), Unwritable> {
        match cell {
            Cell::Null => self.out.extend_from_slice(b"null"),
            Cell::Bool(value) => {
                self.out
                    .extend_from_slice(if *value { b"true" } else { b"false" })
            }
            Cell::Integer(value) => self.integer(*value),
            Cell::Unsigned(value) => self.integer(*value),
            Cell::Float(value) => self.float(*value)?,
            Cell::Text(text) => self.string(text),
            Cell::Other(text) => self.string(text),
            Cell::Time(nanos, zone) => match self.epoch {
                Epoch::Text => self.string(&time_text(*nanos, *zone)),
                Epoch::Number { unit } => self.integer(nanos.div_euclid(unit)),
            },
        }
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), Unwritable> {
        if value.is_nan() {
            self.out.extend_from_slice(b"null");
        } else if value.is_infinite() {
            return Err(Unwritable::Value(if value > 0.0 { "+Inf" } else { "-Inf" }));
        } else if let Some(integer) = integral(value) {
            self.integer(integer);
        } else {
            self.serialize(&value);
        }
        Ok(())
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn string(&mut self, text: &str) {
        self.serialize(text);
    }

    fn serialize(&mut self, value: &(impl serde::Serialize + ?Sized)) {
        // Writing a text or a finite number into memory does not fail.
        let written = serde_json::to_writer(&mut self.out, value);
        debug_assert!(written.is_ok());
    }
}

/// Spreads compact JSON over lines, two blanks a level. Works piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Indenter {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// An opening bracket was written; a break follows unless it is closed at once.
    opened: bool,
}

impl Indenter {
    pub(crate) fn push(&mut self, compact: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(compact.len() * 2);
        for byte in compact {
            self.byte(*byte, &mut out);
        }
        out
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.in_string {
            out.push(byte);
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return;
        }
        let closes = matches!(byte, b']' | b'}');
        if closes {
            self.depth = self.depth.saturating_sub(1);
        }
        // An empty pair of brackets stays together; else a break follows the opening and precedes the
        // closing one.
        if self.opened != closes {
            self.line_break(out);
        }
        self.opened = matches!(byte, b'[' | b'{');
        out.push(byte);
        match byte {
            b'[' | b'{' => self.depth += 1,
            b',' => self.line_break(out),
            b':' => out.push(b' '),
            b'"' => self.in_string = true,
            _ => {}
        }
    }

    fn line_break(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', 2 * self.depth));
    }
}
