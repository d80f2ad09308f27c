//! The obvious layer: owned points with every rule applied. For tests, tools, and to compare the
//! fast layer's users with.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::{Error, FieldKind, LineError, Parser, RawSeries, Reason, Series, TIME, Value};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The measurement, unescaped.
    pub measurement: String,
    /// Keys and values in the order of the line; keys are distinct, nothing is empty.
    pub tags: Vec<(String, String)>,
    /// Keys and values, at least one, in the order in which the line first names them; distinct
    /// from each other and from tags.
    pub fields: Vec<(String, FieldValue)>,
    /// As written; the unit is whatever the writer said elsewhere. `None` means the time of
    /// arrival.
    pub timestamp: Option<i64>,
}

/// The value of a field of a [`Point`].
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A finite double.
    Float(f64),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// True or false.
    Boolean(bool),
    /// Text, unescaped.
    String(String),
}

impl FieldValue {
    /// The type of the value.
    pub fn kind(&self) -> FieldKind {
        match self {
            Self::Float(_) => FieldKind::Float,
            Self::Integer(_) => FieldKind::Integer,
            Self::Unsigned(_) => FieldKind::Unsigned,
            Self::Boolean(_) => FieldKind::Boolean,
            Self::String(_) => FieldKind::String,
        }
    }
}

impl From<Value<'_>> for FieldValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Float(value) => Self::Float(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Unsigned(value) => Self::Unsigned(value),
            Value::Boolean(value) => Self::Boolean(value),
            Value::String(value) => Self::String(value.unescaped().into_owned()),
        }
    }
}

/// Parses a body into points, one item for each line with content, in order.
///
/// A bad line is one error and does not affect the others. When several things are wrong with a
/// line, those of its series come before those of the fields and the timestamp, and these before
/// conflicts among the fields.
pub fn parse_points(body: &str) -> Points<'_> {
    Points {
        parser: Parser::new(body),
    }
}

/// The iterator of [`parse_points`].
#[derive(Debug, Clone)]
pub struct Points<'a> {
    parser: Parser<'a>,
}

impl Iterator for Points<'_> {
    type Item = Result<Point, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let raw = self.parser.next_series()?;
        match self.point(raw) {
            Ok(point) => Some(Ok(point)),
            Err(error) => Some(Err(LineError {
                line: self.parser.line_number(),
                error,
            })),
        }
    }
}

impl<'a> Points<'a> {
    fn point(&mut self, raw: RawSeries<'a>) -> Result<Point, Error> {
        let series = raw.parse()?;
        let mut values = Vec::new();
        while let Some(field) = self.parser.next_field(None)? {
            values.push((field.key.name(), field.value));
        }
        let timestamp = self.parser.timestamp()?;
        let fields = settle(&series, values).map_err(|reason| self.parser.error(reason))?;
        let fields = fields
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.into()))
            .collect();
        let tags = series
            .tags
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        Ok(Point {
            measurement: series.measurement.into_owned(),
            tags,
            fields,
            timestamp,
        })
    }
}

/// Applies the rules on names that occur more than once or mean something else.
fn settle<'a>(
    series: &Series<'_>,
    values: Vec<(Cow<'a, str>, Value<'a>)>,
) -> Result<Vec<(Cow<'a, str>, Value<'a>)>, Reason> {
    let tags: HashSet<&str> = series.tags.iter().map(|(key, _)| key.as_ref()).collect();
    let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
    let mut fields: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(values.len());
    for (name, value) in values {
        if name == TIME {
            continue;
        }
        if tags.contains(name.as_ref()) {
            return Err(Reason::TagAndField {
                name: name.into_owned(),
                kind: value.kind(),
            });
        }
        match places.get(&name) {
            Some(&place) if fields[place].1.kind() == value.kind() => fields[place].1 = value,
            Some(_) => {
                return Err(Reason::DuplicateField {
                    name: name.into_owned(),
                });
            }
            None => {
                places.insert(name.clone(), fields.len());
                fields.push((name, value));
            }
        }
    }
    if fields.is_empty() {
        return Err(Reason::TimeField {
            measurement: series.measurement.clone().into_owned(),
        });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests;
