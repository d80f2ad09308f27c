//! InfluxQL results as 1.x clients read them: `results`, `series`, rows.
//!
//! 1. [`Segments`] cuts the record batches of a statement into runs of rows of one series;
//! 2. an [`Encoder`] writes them as JSON, CSV or MessagePack.
//!
//! The batches come in the layout of InfluxQL over Flight: first the measurement, then the columns, and
//! a schema metadata entry that tells which columns are grouping tags.

mod csv;
mod json;
mod msgpack;
mod segments;
mod value;

use csv::CsvEncoder;
use json::{Indenter, JsonEncoder};
use msgpack::MsgpackEncoder;
pub(super) use segments::{Segment, Segments, SeriesHead};
pub(super) use value::{Cell, Cells, Epoch};

/// Why rows can't be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwritable {
    /// A float that JSON has no word for. 1.x fails the whole answer with this text.
    #[error("json: unsupported value: {0}")]
    Value(&'static str),
    /// More than is held for a format that needs all of them at once.
    #[error(
        "the result of the statement passes {0} bytes; use chunked=true or another format, which are sent as they come, or a LIMIT"
    )]
    TooLong(usize),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Msgpack,
}

impl Format {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "application/csv",
            Self::Msgpack => "application/x-msgpack",
        }
    }
}

/// What a request asks of the form of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) epoch: Epoch,
    pub(super) pretty: bool,
    pub(super) chunked: bool,
}

enum Kind {
    Json(JsonEncoder),
    Csv(CsvEncoder),
    Msgpack(MsgpackEncoder),
}

/// Writes the answers of the statements of one request, in order.
///
/// For each statement: any number of [`hint`](Self::hint) and [`segment`](Self::segment), then one
/// [`end_statement`](Self::end_statement); after the last statement [`finish`](Self::finish).
pub(super) struct Encoder {
    kind: Kind,
    indenter: Option<Indenter>,
    /// What the statement at hand has left open: its last segment's `continues` and `more`.
    last: Option<Open>,
}

/// What a segment promised would follow it.
#[derive(Debug, Clone, Copy)]
struct Open {
    continues: bool,
    more: bool,
}

impl Encoder {
    pub(super) fn new(form: Form, statements: usize) -> Self {
        let kind = match form.format {
            Format::Json => Kind::Json(JsonEncoder::new(form.epoch, form.chunked)),
            Format::Csv => Kind::Csv(CsvEncoder::new(form.epoch)),
            Format::Msgpack => {
                Kind::Msgpack(MsgpackEncoder::new(form.epoch, form.chunked, statements))
            }
        };
        let pretty = form.pretty && form.format == Format::Json;
        Self {
            kind,
            indenter: pretty.then(Indenter::default),
            last: None,
        }
    }

    /// # Errors
    /// [`Unwritable`]. The statement must then be ended with that error.
    pub(super) fn segment(&mut self, id: usize, segment: Segment) -> Result<(), Unwritable> {
        self.last = Some(Open {
            continues: segment.continues,
            more: segment.more,
        });
        match &mut self.kind {
            Kind::Json(encoder) => encoder.segment(id, &segment)?,
            Kind::Csv(encoder) => encoder.segment(&segment),
            Kind::Msgpack(encoder) => encoder.segment(id, &segment)?,
        }
        Ok(())
    }

    /// What the statement at hand says to its reader if it has no rows. 1.x has `messages` for this, in JSON.
    pub(super) fn hint(&mut self, text: String) {
        if let Kind::Json(encoder) = &mut self.kind {
            encoder.hint(text);
        }
    }

    pub(super) fn end_statement(&mut self, id: usize, error: Option<&str>) {
        let last = self.last.take();
        match &mut self.kind {
            Kind::Json(encoder) => encoder.end_statement(id, error, last),
            Kind::Csv(encoder) => encoder.end_statement(error),
            Kind::Msgpack(encoder) => encoder.end_statement(id, error, last.is_some()),
        }
    }

    pub(super) fn finish(&mut self) {
        if let Kind::Json(encoder) = &mut self.kind {
            encoder.finish();
        }
    }

    /// Bytes ready to be sent.
    pub(super) fn waiting(&self) -> usize {
        match &self.kind {
            Kind::Json(encoder) => encoder.waiting(),
            Kind::Csv(encoder) => encoder.waiting(),
            Kind::Msgpack(encoder) => encoder.waiting(),
        }
    }

    /// Takes the bytes that are ready.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let bytes = match &mut self.kind {
            Kind::Json(encoder) => encoder.take(),
            Kind::Csv(encoder) => encoder.take(),
            Kind::Msgpack(encoder) => encoder.take(),
        };
        match &mut self.indenter {
            Some(indenter) => indenter.push(&bytes),
            None => bytes,
        }
    }
}

#[cfg(test)]
mod tests;
