//! Measurement and tags: parsed once for each series, not once for each line.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr_iter;

use crate::scan::{Stops, content_end, line_end, name_end, unescape};
use crate::{Error, Excerpt, NAME_BYTES_MAX, Reason, TIME};

/// What ends a measurement or a tag value. An `=` is an ordinary character in both.
static VALUE_STOPS: Stops = Stops::new(b",");

/// What ends a tag key. A comma is an ordinary character there.
static KEY_STOPS: Stops = Stops::new(b"=");

/// Room for so many tags is made at once; a hostile line has millions of commas.
const TAGS_EXPECTED_MAX: usize = 64;

/// So many tags are compared each with each, which is faster than a set.
const TAGS_COMPARED_MAX: usize = 24;

/// The part of a line before the fields, not parsed and not checked.
///
/// Two lines with equal [`as_str`](Self::as_str) have the same series; the reverse does not hold,
/// because tags come in any order and there is more than one way to escape. Parsing equal text
/// always ends the same way, so one that could be parsed once need not be parsed again.
#[derive(Debug, Clone, Copy)]
pub struct RawSeries<'a> {
    /// From the start of the line to the end of the body: error texts show what follows the series.
    text: &'a str,
    end: usize,
}

/// Measurement and tags of a series, unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series<'a> {
    /// The measurement, which is never empty.
    pub measurement: Cow<'a, str>,
    /// Keys and values, none of them empty, in the order of the line. No key occurs twice, and none
    /// is `time`.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> RawSeries<'a> {
    #[inline]
    pub(crate) fn new(text: &'a str, end: usize) -> Self {
        Self { text, end }
    }

    /// The text: everything before the first space that no backslash precedes.
    #[inline]
    pub fn as_str(&self) -> &'a str {
        &self.text[..self.end]
    }

    /// Parses and checks the series.
    ///
    /// Cost: one pass, one allocation, and one more for each name with a backslash.
    ///
    /// # Errors
    /// Anything that is wrong with measurement or tags, including [`Reason::DuplicateTag`] and
    /// [`Reason::TimeTag`].
    pub fn parse(&self) -> Result<Series<'a>, Error> {
        let raw = self.as_str();
        let measurement_end = name_end(raw.as_bytes(), 0, &VALUE_STOPS);
        let measurement = self.measurement(&raw[..measurement_end])?;
        let commas = memchr_iter(b',', raw.as_bytes()).count();
        let mut tags: Vec<(Cow<'a, str>, Cow<'a, str>)> =
            Vec::with_capacity(commas.min(TAGS_EXPECTED_MAX));
        let mut ascending = true;
        let mut at = measurement_end;
        while raw.as_bytes().get(at) == Some(&b',') {
            let tag = self.tag(at + 1)?;
            if tag.key == TIME {
                return Err(Error::new(
                    Reason::TimeTag {
                        measurement: measurement.into_owned(),
                    },
                    at + 2,
                ));
            }
            ascending &= tags.last().is_none_or(|(last, _)| *last < tag.key);
            tags.push((tag.key, tag.value));
            at = tag.end;
        }
        if at < raw.len() {
            return Err(self.error(at, |got| Reason::ExpectedSpace { got }));
        }
        // Most clients sort their tags, and what ascends has no duplicates.
        match (!ascending).then(|| duplicate(&tags)).flatten() {
            Some(index) => Err(self.duplicate_tag(measurement_end, index)),
            None => Ok(Series { measurement, tags }),
        }
    }

    fn measurement(&self, raw: &'a str) -> Result<Cow<'a, str>, Error> {
        let name = checked_name(raw, b", \\", 0)?;
        if name.is_empty() || name.contains('\0') {
            return Err(Error::new(Reason::InvalidMeasurement, 1));
        }
        Ok(name)
    }

    /// Parses the tag whose key starts at `start`.
    fn tag(&self, start: usize) -> Result<Tag<'a>, Error> {
        let raw = self.as_str();
        let key_end = name_end(raw.as_bytes(), start, &KEY_STOPS);
        let key = &raw[start..key_end];
        if key.is_empty() {
            return Err(self.error(start, |got| Reason::ExpectedTagKey { got }));
        }
        let key = checked_name(key, b", =\\", start)?;
        if raw.as_bytes().get(key_end) != Some(&b'=') {
            return Err(self.error(start, |tag| Reason::TagWithoutEquals { tag }));
        }
        let value_start = key_end + 1;
        let end = name_end(raw.as_bytes(), value_start, &VALUE_STOPS);
        if value_start == end {
            return Err(self.error(end, |got| Reason::ExpectedTagValue { got }));
        }
        let value = checked_name(&raw[value_start..end], b", =\\", value_start)?;
        Ok(Tag { key, value, end })
    }

    /// An error at `at` that shows what follows there.
    #[cold]
    fn error(&self, at: usize, reason: impl FnOnce(Excerpt) -> Reason) -> Error {
        let bytes = self.text.as_bytes();
        let end = content_end(bytes, 0, line_end(bytes, 0));
        let rest = self.text.get(at..end).unwrap_or_default();
        Error::new(reason(Excerpt::new(rest)), at + 1)
    }

    /// The error for the tag number `index`, which is found by walking there once more.
    #[cold]
    fn duplicate_tag(&self, measurement_end: usize, index: usize) -> Error {
        let mut at = measurement_end;
        for _ in 0..index {
            match self.tag(at + 1) {
                Ok(tag) => at = tag.end,
                Err(error) => return error,
            }
        }
        match self.tag(at + 1) {
            Ok(tag) => Error::new(
                Reason::DuplicateTag {
                    name: tag.key.into_owned(),
                },
                at + 2,
            ),
            Err(error) => error,
        }
    }
}

struct Tag<'a> {
    key: Cow<'a, str>,
    value: Cow<'a, str>,
    /// The index after the value.
    end: usize,
}

/// The index of the first tag whose key an earlier one has.
fn duplicate(tags: &[(Cow<'_, str>, Cow<'_, str>)]) -> Option<usize> {
    if tags.len() <= TAGS_COMPARED_MAX {
        let is_repeated = |index: usize| tags[..index].iter().any(|(key, _)| *key == tags[index].0);
        return (1..tags.len()).find(|&index| is_repeated(index));
    }
    let mut seen = HashSet::with_capacity(tags.len());
    tags.iter().position(|(key, _)| !seen.insert(key.as_ref()))
}

/// Unescapes a name that starts at the index `start` of its line, and checks what holds for all
/// names.
pub(crate) fn checked_name<'a>(
    raw: &'a str,
    special: &[u8],
    start: usize,
) -> Result<Cow<'a, str>, Error> {
    // The name ended at an unescaped character, so this backslash is either escaped itself or the
    // last byte of the body.
    if raw.ends_with('\\') {
        return Err(Error::new(Reason::EndsWithBackslash, start + raw.len()));
    }
    let name = unescape(raw, special);
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::new(Reason::NameTooLong, start + 1));
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
