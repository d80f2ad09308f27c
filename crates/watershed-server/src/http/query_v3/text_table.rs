//! A table of text for people, written while its rows come.
//!
//! Columns are as wide as the first rows need, [`MEASURED_ROWS_MAX`] of them and [`WIDTH_MAX`] at most. A longer cell pushes
//! the rest of its line to the right.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Rows that are held until the widths are known: more than a person reads.
const MEASURED_ROWS_MAX: usize = 8192;

/// Bytes of cells that are held until then.
const MEASURED_BYTES_MAX: usize = 1 << 20;

/// The widest a column gets: a long text must not make thousands of short ones as long.
const WIDTH_MAX: usize = 1000;

pub(super) struct TextTable {
    names: Vec<String>,
    state: State,
}

enum State {
    /// Rows that wait for the widths, and their bytes.
    Measuring(Vec<Vec<String>>, usize),
    Writing(Vec<usize>),
}

impl TextTable {
    pub(super) fn new(schema: &Schema) -> Self {
        let names = schema.fields().iter().map(|field| field.name().clone());
        Self {
            names: names.collect(),
            state: State::Measuring(Vec::new(), 0),
        }
    }

    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        let options = FormatOptions::default();
        let columns = batch.columns().iter();
        let cells = columns.map(|column| ArrayFormatter::try_new(column, &options));
        let cells = cells.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let texts = cells.iter().map(|cell| cell.value(row).try_to_string());
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            match &mut self.state {
                State::Writing(widths) => line(widths, &texts, out),
                State::Measuring(held, bytes) => {
                    *bytes += texts.iter().map(String::len).sum::<usize>();
                    held.push(texts);
                    if held.len() >= MEASURED_ROWS_MAX || *bytes >= MEASURED_BYTES_MAX {
                        self.begin(out);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        let widths = self.begin(out);
        rule(widths, out);
    }

    /// Writes the head and what is held, once.
    fn begin(&mut self, out: &mut Vec<u8>) -> &[usize] {
        if let State::Measuring(held, _) = &mut self.state {
            let held = std::mem::take(held);
            let mut widths: Vec<usize> = self
                .names
                .iter()
                .map(|name| width(name).min(WIDTH_MAX))
                .collect();
            for row in &held {
                for (known, cell) in widths.iter_mut().zip(row) {
                    *known = (*known).max(width(cell).min(WIDTH_MAX));
                }
            }
            rule(&widths, out);
            line(&widths, &self.names, out);
            rule(&widths, out);
            for row in &held {
                line(&widths, row, out);
            }
            self.state = State::Writing(widths);
        }
        match &self.state {
            State::Writing(widths) => widths,
            State::Measuring(..) => &[],
        }
    }
}

/// The longest line of a cell. Wide characters count as one.
fn width(cell: &str) -> usize {
    let lines = cell.lines().map(|line| line.chars().count());
    lines.max().unwrap_or(0)
}

fn rule(widths: &[usize], out: &mut Vec<u8>) {
    for width in widths {
        out.push(b'+');
        out.resize(out.len() + width + 2, b'-');
    }
    out.extend_from_slice(b"+\n");
}

/// A row; as many lines as its cells have.
fn line(widths: &[usize], cells: &[String], out: &mut Vec<u8>) {
    let height = cells.iter().map(|cell| cell.lines().count()).max();
    let mut lines: Vec<_> = cells.iter().map(|cell| cell.lines()).collect();
    for _ in 0..height.unwrap_or(0).max(1) {
        for (width, cell) in widths.iter().zip(&mut lines) {
            let text = cell.next().unwrap_or_default();
            let missing = width.saturating_sub(text.chars().count());
            out.extend_from_slice(b"| ");
            out.extend_from_slice(text.as_bytes());
            out.resize(out.len() + missing + 1, b' ');
        }
        out.extend_from_slice(b"|\n");
    }
}

#[cfg(test)]
mod tests;
