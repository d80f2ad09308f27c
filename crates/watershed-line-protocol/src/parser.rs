//! The fast layer: one pass over a body, no allocation, nothing parsed that the caller knows
//! already.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use crate::error::shown_number;
use crate::number::{self, Flaw};
use crate::scan::{Stops, content_end, is_line_end, line_end, name_end, series_end, unescape};
use crate::series::checked_name;
use crate::{
    Error, Excerpt, NAME_BYTES_MAX, RawSeries, Reason, STRING_BYTES_MAX, StringValue, Value,
};

/// Some programs put this mark of UTF-8 at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// What ends a field key, besides blanks and newlines. A comma does, because a field without value
/// is what it always means.
static KEY_STOPS: Stops = Stops::new(b"=,");

/// Pulls lines apart: series, then fields, then timestamp.
///
/// For each line: [`next_series`](Self::next_series), then [`next_field`](Self::next_field) until
/// it gives `None`, then [`timestamp`](Self::timestamp). After an error, of the parser or of its
/// caller, go on with `next_series`: it leaves the rest of the line out. Good lines are not
/// affected by bad ones around them.
///
/// The crate documentation lists what is left to the caller.
#[derive(Debug, Clone)]
pub struct Parser<'a> {
    text: &'a str,
    /// The next byte to look at.
    at: usize,
    line_start: usize,
    stage: Stage,
    /// So many newlines stand before `newlines_end`.
    newlines: usize,
    newlines_end: usize,
}

/// What `Parser::at` stands behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    LineEnd,
    Series,
    Field,
}

/// A field of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// The key.
    pub key: RawKey<'a>,
    /// The value.
    pub value: Value<'a>,
    /// Whether the key is, byte for byte, the expected one.
    pub expected: bool,
}

/// The key of a field as it stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawKey<'a>(&'a str);

impl<'a> RawKey<'a> {
    /// The bytes of the line, for comparing and for the next `expected_key`.
    #[inline]
    pub fn raw(&self) -> &'a str {
        self.0
    }

    /// The name of the field: `\,`, `\=`, `\ ` and `\\` lose their backslash. Copies only when
    /// there is a backslash.
    pub fn name(&self) -> Cow<'a, str> {
        unescape(self.0, b", =\\")
    }
}

impl<'a> Parser<'a> {
    /// A parser for a whole body. A byte order mark at its beginning is left out.
    pub fn new(body: &'a str) -> Self {
        let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        Self {
            text,
            at: 0,
            line_start: 0,
            stage: Stage::LineEnd,
            newlines: 0,
            newlines_end: 0,
        }
    }

    /// Goes to the next line that is neither blank nor a comment, and gives its series. `None` at
    /// the end of the body.
    ///
    /// What is left of the line before, if anything, is left out as by
    /// [`skip_line`](Self::skip_line).
    #[inline]
    pub fn next_series(&mut self) -> Option<RawSeries<'a>> {
        let start = self.begin_line()?;
        Some(self.series(start))
    }

    /// As [`next_series`](Self::next_series), with a guess what the series is; also tells whether
    /// the guess is right, byte for byte.
    ///
    /// A right guess saves the search for the end of the series; a wrong one costs a comparison. It
    /// must be the text of a series that [`RawSeries::parse`] takes.
    #[inline]
    pub fn next_series_expecting(
        &mut self,
        expected: Option<&str>,
    ) -> Option<(RawSeries<'a>, bool)> {
        let start = self.begin_line()?;
        let Some(expected) = expected else {
            return Some((self.series(start), false));
        };
        let rest = &self.text.as_bytes()[start..];
        // Such a text does not end with a backslash, so the space behind it is not escaped.
        if rest.get(expected.len()) == Some(&b' ') && rest.starts_with(expected.as_bytes()) {
            self.at = start + expected.len();
            self.stage = Stage::Series;
            return Some((RawSeries::new(&self.text[start..], expected.len()), true));
        }
        let series = self.series(start);
        Some((series, series.as_str() == expected))
    }

    /// Goes to the first byte of the next line with content.
    #[inline]
    fn begin_line(&mut self) -> Option<usize> {
        self.skip_line();
        let bytes = self.text.as_bytes();
        let start = line_start(bytes, self.at);
        self.line_start = start;
        if start == bytes.len() {
            self.at = start;
            return None;
        }
        Some(start)
    }

    /// The series that starts at `start`.
    #[inline]
    fn series(&mut self, start: usize) -> RawSeries<'a> {
        let bytes = self.text.as_bytes();
        let end = content_end(bytes, start, series_end(bytes, start));
        self.at = end;
        self.stage = Stage::Series;
        RawSeries::new(&self.text[start..], end - start)
    }

    /// Gives the next field of the line, `None` after the last.
    ///
    /// `expected_key` is a guess what the key is, as [`RawKey::raw`] of a field at the same place
    /// of an earlier line. A right guess saves the search for the end of the key; a wrong one costs
    /// a comparison. It must be a key that this parser gave.
    ///
    /// # Errors
    /// [`Reason::ExpectedSpace`] or [`Reason::NoFields`] when the line has no fields, so the first
    /// call never gives `None`. Otherwise anything that is wrong with key, value, or what stands
    /// behind the value.
    #[inline]
    pub fn next_field(&mut self, expected_key: Option<&str>) -> Result<Option<Field<'a>>, Error> {
        let bytes = self.text.as_bytes();
        let start = match self.stage {
            Stage::Field if bytes.get(self.at) == Some(&b',') => self.at + 1,
            Stage::Series => self.fields_start()?,
            Stage::Field | Stage::LineEnd => return Ok(None),
        };
        let (key_end, expected) =
            match expected_key.and_then(|key| expected_key_end(bytes, start, key)) {
                Some(end) => (end, true),
                None => (self.key_end(start)?, false),
            };
        let key = start..key_end;
        let value_start = key_end + 1;
        // Numbers first, and put together apart from the others: see `Number`.
        if let Some(b'0'..=b'9' | b'-') = bytes.get(value_start) {
            return match number::number(self.text, value_start) {
                Ok(number) => self.end_field(key, expected, number.value(), number.end),
                Err(flaw) => Err(self.bad_number_value(start, value_start, flaw)),
            };
        }
        let (value, end) = self.value(start, value_start)?;
        self.end_field(key, expected, value, end)
    }

    /// Gives the timestamp, in whatever unit it was written, and goes to the end of the line.
    ///
    /// Fields that have not been pulled are checked and dropped.
    ///
    /// # Errors
    /// [`Reason::Timestamp`] when it does not fit, [`Reason::TrailingContent`] when there is
    /// something else or something more, and those of [`next_field`](Self::next_field).
    #[inline]
    pub fn timestamp(&mut self) -> Result<Option<i64>, Error> {
        while self.next_field(None)?.is_some() {}
        if self.stage == Stage::LineEnd {
            return Ok(None);
        }
        let bytes = self.text.as_bytes();
        let start = skip_spaces(bytes, self.at);
        if is_line_end(bytes, start) {
            self.end_line(start);
            return Ok(None);
        }
        let (timestamp, digits_end) = match number::timestamp(self.text, start) {
            Ok(found) => found,
            Err(Flaw::Missing) => return Err(self.trailing_content(self.at)),
            Err(Flaw::Integer { end } | Flaw::Unsigned { end } | Flaw::Float { end }) => {
                return Err(self.bad_number(start, end, |value| Reason::Timestamp { value }));
            }
        };
        let end = skip_spaces(bytes, digits_end);
        if !is_line_end(bytes, end) {
            return Err(self.trailing_content(end));
        }
        self.end_line(end);
        Ok(Some(timestamp))
    }

    /// Leaves out what is left of the current line. Does nothing when the line has been read to its
    /// end.
    ///
    /// Where a bad line ends is said in the crate documentation.
    #[inline]
    pub fn skip_line(&mut self) {
        if self.stage != Stage::LineEnd {
            self.skip_open_line();
        }
    }

    /// The number, from 1, of the current line: the one of the last series given.
    ///
    /// Cost: the newlines since the last question are counted.
    pub fn line_number(&mut self) -> usize {
        let since = &self.text.as_bytes()[self.newlines_end..self.line_start];
        self.newlines += memchr_iter(b'\n', since).count();
        self.newlines_end = self.line_start;
        self.newlines + 1
    }

    /// The current line, from its first character that is not blank, without its line end. For
    /// messages: looks for the end.
    pub fn line(&self) -> &'a str {
        self.rest_of_line(self.line_start)
    }

    /// An error of the caller's own, placed behind what was given last.
    pub fn error(&self, reason: Reason) -> Error {
        Error::new(reason, self.column(self.at))
    }

    /// The index of the first field, behind the spaces that must follow the series.
    #[inline]
    fn fields_start(&self) -> Result<usize, Error> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b' ') {
            return Ok(skip_spaces(bytes, self.at + 1));
        }
        let got = Excerpt::new(self.rest_of_line(self.at));
        Err(Error::new(
            Reason::ExpectedSpace { got },
            self.column(self.at),
        ))
    }

    /// The index of the `=` behind the key that starts at `start`.
    fn key_end(&self, start: usize) -> Result<usize, Error> {
        let bytes = self.text.as_bytes();
        let end = content_end(bytes, start, name_end(bytes, start, &KEY_STOPS));
        let offset = start - self.line_start;
        let key = &self.text[start..end];
        if key.ends_with('\\') {
            return Err(Error::new(Reason::EndsWithBackslash, offset + key.len()));
        }
        if key.is_empty() || bytes.get(end) != Some(&b'=') {
            return Err(self.bad_field(start, start));
        }
        if key.len() > NAME_BYTES_MAX {
            checked_name(key, b", =\\", offset)?;
        }
        Ok(end)
    }

    /// Checks what follows the value, and steps behind it.
    #[inline]
    fn end_field(
        &mut self,
        key: Range<usize>,
        expected: bool,
        value: Value<'a>,
        end: usize,
    ) -> Result<Option<Field<'a>>, Error> {
        let bytes = self.text.as_bytes();
        let separated = matches!(bytes.get(end), Some(b',' | b' ')) || is_line_end(bytes, end);
        if !separated {
            return Err(self.trailing_content(end));
        }
        self.at = end;
        self.stage = Stage::Field;
        Ok(Some(Field {
            key: RawKey(&self.text[key]),
            value,
            expected,
        }))
    }

    /// The value at `start`, which is no number, of the field at `field_start`, and the index
    /// behind it.
    fn value(&self, field_start: usize, start: usize) -> Result<(Value<'a>, usize), Error> {
        match self.text.as_bytes().get(start) {
            Some(b'"') => self.string(field_start, start),
            Some(b't' | b'T' | b'f' | b'F') => Ok(boolean(self.text.as_bytes(), start)),
            _ => Err(self.bad_field(field_start, start)),
        }
    }

    /// The string whose opening quote is at `quote`.
    fn string(&self, field_start: usize, quote: usize) -> Result<(Value<'a>, usize), Error> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        let mut at = quote + 1;
        loop {
            match memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
                None => return Err(self.bad_field(field_start, quote)),
                Some(offset) if bytes[at + offset] == b'"' => {
                    at += offset;
                    break;
                }
                Some(offset) => {
                    escaped = true;
                    at += offset + 2;
                }
            }
        }
        let string = StringValue::new(&self.text[quote + 1..at], escaped);
        if string.raw().len() > STRING_BYTES_MAX && string.unescaped().len() > STRING_BYTES_MAX {
            return Err(Error::new(Reason::StringTooLong, self.column(quote)));
        }
        Ok((Value::String(string), at + 1))
    }

    #[inline]
    fn end_line(&mut self, end: usize) {
        let bytes = self.text.as_bytes();
        let newline = end + usize::from(bytes.get(end) == Some(&b'\r'));
        self.at = bytes.len().min(newline + 1);
        self.stage = Stage::LineEnd;
    }

    #[cold]
    fn skip_open_line(&mut self) {
        self.end_line(line_end(self.text.as_bytes(), self.line_start));
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start + 1
    }

    fn rest_of_line(&self, from: usize) -> &'a str {
        let bytes = self.text.as_bytes();
        let newline = line_end(bytes, self.line_start);
        self.text
            .get(from..content_end(bytes, self.line_start, newline))
            .unwrap_or_default()
    }

    /// The field at `start` is none, as seen at `at`. For the first field that means that there are
    /// no fields; for a later one it is the text of the field that does not fit, or the comma when
    /// nothing follows.
    #[cold]
    fn bad_field(&self, start: usize, at: usize) -> Error {
        if self.stage == Stage::Series {
            return Error::new(Reason::NoFields, self.column(at));
        }
        let nothing_follows = is_line_end(self.text.as_bytes(), start);
        self.trailing_content(start - usize::from(nothing_follows))
    }

    #[cold]
    fn bad_number_value(&self, field_start: usize, start: usize, flaw: Flaw) -> Error {
        match flaw {
            Flaw::Missing => self.bad_field(field_start, start),
            Flaw::Integer { end } => self.bad_number(start, end, |value| Reason::Integer { value }),
            Flaw::Unsigned { end } => {
                self.bad_number(start, end, |value| Reason::Unsigned { value })
            }
            Flaw::Float { end } => self.bad_number(start, end, |value| Reason::Float { value }),
        }
    }

    #[cold]
    fn bad_number(&self, start: usize, end: usize, reason: impl FnOnce(String) -> Reason) -> Error {
        Error::new(
            reason(shown_number(&self.text[start..end])),
            self.column(start),
        )
    }

    #[cold]
    fn trailing_content(&self, at: usize) -> Error {
        let content = Excerpt::new(self.rest_of_line(at));
        Error::new(Reason::TrailingContent { content }, self.column(at))
    }
}

/// The index of the first byte, at or after `at`, of a line with content.
#[inline]
fn line_start(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b' ' | b'\t' | b'\n') => at += 1,
            Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => at += 2,
            Some(b'#') => {
                at = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |offset| at + offset)
            }
            Some(_) => return at,
        }
    }
}

#[inline]
fn skip_spaces(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

/// The index of the `=` if `key` and `=` stand at `start`.
#[inline]
fn expected_key_end(bytes: &[u8], start: usize, key: &str) -> Option<usize> {
    let end = start + key.len();
    let matches = bytes.get(end) == Some(&b'=') && equal(&bytes[start..end], key.as_bytes());
    matches.then_some(end)
}

/// Compares two slices of the same length. The usual length of a key is worth avoiding a call.
#[inline]
fn equal(left: &[u8], right: &[u8]) -> bool {
    match (left.first_chunk::<8>(), right.first_chunk::<8>()) {
        (Some(left_head), Some(right_head)) if left.len() <= 16 => {
            left_head == right_head && left.last_chunk::<8>() == right.last_chunk::<8>()
        }
        _ => left == right,
    }
}

/// The boolean at `start`, where its first letter stands, and the index behind it. The longest
/// spelling that fits counts.
fn boolean(bytes: &[u8], start: usize) -> (Value<'static>, usize) {
    let rest = &bytes[start..];
    let value = matches!(rest[0], b't' | b'T');
    let spellings: [&[u8]; 3] = if value {
        [b"true", b"True", b"TRUE"]
    } else {
        [b"false", b"False", b"FALSE"]
    };
    let len = spellings
        .iter()
        .find(|word| rest.starts_with(word))
        .map_or(1, |word| word.len());
    (Value::Boolean(value), start + len)
}

#[cfg(test)]
mod tests;
