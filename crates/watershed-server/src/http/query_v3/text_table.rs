//! A table of text for people, written while its rows come.
//!
//! Columns are as wide as the first rows need, [`MEASURED_ROWS_MAX`] of them. A longer cell further down pushes the rest of
//! its line to the right.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::Write as _;

/// Rows that are held until the widths are known: more than a person reads.
const MEASURED_ROWS_MAX: usize = 8192;

pub(super) struct TextTable {
    names: Vec<String>,
    state: State,
}

enum State {
    /// Rows that wait for the widths.
    Measuring(Vec<Vec<String>>),
    Writing(Vec<usize>),
}

impl TextTable {
    pub(super) fn new(schema: &Schema) -> Self {
        let names = schema.fields().iter().map(|field| field.name().clone());
        Self {
            names: names.collect(),
            state: State::Measuring(Vec::new()),
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
                State::Measuring(held) => {
                    held.push(texts);
                    if held.len() >= MEASURED_ROWS_MAX {
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
        if let State::Measuring(held) = &mut self.state {
            let held = std::mem::take(held);
            let mut widths: Vec<usize> = self.names.iter().map(|name| width(name)).collect();
            for row in &held {
                for (known, cell) in widths.iter_mut().zip(row) {
                    *known = (*known).max(width(cell));
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
            State::Measuring(_) => &[],
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
    for at in 0..height.unwrap_or(0).max(1) {
        for (width, cell) in widths.iter().zip(cells) {
            let text = cell.lines().nth(at).unwrap_or_default();
            // Writing to memory does not fail.
            let _ = write!(out, "| {text:width$} ");
        }
        out.extend_from_slice(b"|\n");
    }
}

#[cfg(test)]
mod tests;
