//! CSV: `name,tags,<columns>`.

use super::value::{Cell, Cells, Epoch, integral};
use super::{Segment, SeriesHead};
use std::sync::Arc;

/// Writes a header whenever the columns change and a row for each row. Times are always numbers.
pub(crate) struct CsvEncoder {
    unit: i64,
    out: Vec<u8>,
    columns: Option<Arc<Vec<String>>>,
    /// Whether anything was written before the statement at hand.
    wrote: bool,
}

impl CsvEncoder {
    pub(crate) fn new(epoch: Epoch) -> Self {
        let unit = match epoch {
            Epoch::Text => 1,
            Epoch::Number { unit } => unit,
        };
        Self {
            unit,
            out: Vec::new(),
            columns: None,
            wrote: false,
        }
    }

    /// What was written since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes waiting for [`take`](Self::take).
    pub(crate) fn waiting(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn segment(&mut self, segment: &Segment) {
        if self.columns.as_ref() != Some(&segment.columns) {
            if self.wrote {
                self.out.push(b'\n');
            }
            self.header(&segment.columns);
            self.columns = Some(Arc::clone(&segment.columns));
        }
        self.wrote = true;
        let lead = lead(&segment.head);
        for columns in &segment.rows {
            let cells: Vec<Cells<'_>> = columns.iter().map(Cells::new).collect();
            for row in 0..columns.first().map_or(0, |c| c.len()) {
                self.out.extend_from_slice(lead.as_bytes());
                for cell in &cells {
                    self.out.push(b',');
                    self.cell(&cell.get(row));
                }
                self.out.push(b'\n');
            }
        }
    }

    /// Ends a statement: the next one begins with a header of its own.
    pub(crate) fn end_statement(&mut self, error: Option<&str>) {
        self.columns = None;
        if let Some(error) = error {
            if self.wrote {
                self.out.push(b'\n');
            }
            self.out.extend_from_slice(b"error\n");
            self.text(error);
            self.out.push(b'\n');
            self.wrote = true;
        }
    }

    fn header(&mut self, columns: &[String]) {
        self.out.extend_from_slice(b"name,tags");
        for column in columns {
            self.out.push(b',');
            self.text(column);
        }
        self.out.push(b'\n');
    }

    fn cell(&mut self, cell: &Cell<'_>) {
        match cell {
            Cell::Null => {}
            Cell::Bool(value) => {
                self.out
                    .extend_from_slice(if *value { b"true" } else { b"false" })
            }
            Cell::Integer(value) => self.shown(value),
            Cell::Unsigned(value) => self.shown(value),
            Cell::Float(value) => match integral(*value) {
                Some(integer) => self.shown(&integer),
                None => self.shown(value),
            },
            Cell::Text(text) => self.text(text),
            Cell::Other(text) => self.text(text),
            Cell::Time(nanos, _) => self.shown(&nanos.div_euclid(self.unit)),
        }
    }

    fn shown(&mut self, value: &dyn std::fmt::Display) {
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(quoted(text).as_bytes());
    }
}

/// The two cells that stand before every row of a series.
fn lead(head: &SeriesHead) -> String {
    let pairs = head.tags.iter().flatten();
    let tags: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    format!("{},{}", quoted(&head.name), quoted(&tags.join(",")))
}

/// A text as a CSV cell (RFC 4180): in quotes when it must be, quotes doubled.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
