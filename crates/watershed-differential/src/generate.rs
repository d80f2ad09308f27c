//! Random statements over a data set: valid, and weighted toward what dashboards ask.
//!
//! 1. [`statement`] draws a kind of statement, then its clauses from the outside in.
//! 2. Everything is drawn from what the set has: names, values that occur, times within the range of the
//!    points and a little beyond, intervals that make a readable number of buckets.
//! 3. Now and then something is asked for that isn't there: that is valid, too.
//!
//! The result is a syntax tree. Its text, which is what servers are sent, parses to a tree of the same text.

mod condition;
mod expression;
mod select;
mod show;
mod source;

#[cfg(test)]
mod tests;

use crate::comparable::is_comparable;
use crate::data::{DataSet, Measurement};
use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use watershed_influxql::{Statement, VarRef};
use watershed_line_protocol::FieldKind;

/// A column that no data set has.
pub(crate) const UNKNOWN: &str = "nowhere";

/// One question: a statement and how its times are to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is asked.
    pub statement: Statement,
    /// The parameter `epoch`, or RFC 3339.
    pub epoch: Option<&'static str>,
}

impl Query {
    /// A random query about `set`.
    pub fn generate(dice: &mut Dice, set: &DataSet) -> Self {
        let epoch = *dice.weighted(&[
            (6, None),
            (2, Some("ns")),
            (2, Some("ms")),
            (1, Some("s")),
            (1, Some("u")),
            (1, Some("m")),
            (1, Some("h")),
        ]);
        // Before 1970, 1.6 cuts times toward the epoch, Watershed rounds them down.
        let epoch = epoch.filter(|unit| *unit == "ns" || set.min_time >= 0);
        loop {
            let query = Self {
                statement: statement(dice, set),
                epoch,
            };
            if is_comparable(&query, set) {
                return query;
            }
        }
    }

    /// The text that servers are sent.
    pub fn text(&self) -> String {
        self.statement.to_string()
    }
}

/// A random statement about `set`.
fn statement(dice: &mut Dice, set: &DataSet) -> Statement {
    let mut generator = Generator {
        dice,
        set,
        nested: false,
        ties: set.ties,
    };
    if generator.dice.chance(10) {
        generator.show()
    } else {
        Statement::Select(Box::new(generator.select()))
    }
}

/// What draws.
struct Generator<'a> {
    dice: &'a mut Dice,
    set: &'a DataSet,
    /// Whether what is drawn is part of a subquery.
    nested: bool,
    /// Whether the rows that are selected from may have equal times.
    ties: bool,
}

/// The columns that a `SELECT` may name.
#[derive(Debug, Clone, Default)]
struct Columns {
    /// Tags with values that occur.
    tags: BTreeMap<String, Vec<String>>,
    /// Fields with a type; where it differs between measurements, one of them.
    fields: BTreeMap<String, FieldKind>,
    /// Columns that some of the measurements lack. What a condition makes of those differs between versions.
    partial: BTreeSet<String>,
    /// Whether a subquery selects tags. Whether a pattern groups by those differs between versions.
    selects_tags: bool,
}

impl Columns {
    fn of(measurements: &[&Measurement]) -> Self {
        let mut columns = Self::default();
        for measurement in measurements {
            columns.add(Self {
                tags: measurement.tags.clone(),
                fields: measurement.fields.clone(),
                ..Self::default()
            });
        }
        columns
    }

    /// Unites the columns of one more source with these.
    fn add(&mut self, more: Self) {
        let names = |columns: &Self| -> BTreeSet<String> {
            columns
                .tags
                .keys()
                .chain(columns.fields.keys())
                .cloned()
                .collect()
        };
        let (before, new) = (names(self), names(&more));
        if !before.is_empty() {
            self.partial
                .extend(before.symmetric_difference(&new).cloned());
        }
        self.partial.extend(more.partial);
        self.selects_tags |= more.selects_tags;
        for (tag, values) in more.tags {
            let known = self.tags.entry(tag).or_default();
            let values = values.into_iter().filter(|value| !known.contains(value));
            let values: Vec<String> = values.collect();
            known.extend(values);
        }
        self.fields.extend(more.fields);
    }

    /// Those that all sources have.
    fn common(&self) -> Self {
        let mut common = self.clone();
        common.tags.retain(|name, _| !self.partial.contains(name));
        common.fields.retain(|name, _| !self.partial.contains(name));
        common
    }

    fn tag_names(&self) -> Vec<String> {
        self.tags.keys().cloned().collect()
    }

    /// Names of the fields for which `test` holds.
    fn fields_that(&self, test: impl Fn(FieldKind) -> bool) -> Vec<String> {
        let fields = self.fields.iter().filter(|(_, kind)| test(**kind));
        fields.map(|(name, _)| name.clone()).collect()
    }

    fn numbers(&self) -> Vec<String> {
        self.fields_that(is_number)
    }
}

fn is_number(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::Float | FieldKind::Integer | FieldKind::Unsigned
    )
}

fn var(name: &str) -> VarRef {
    VarRef {
        name: name.to_owned(),
        cast: None,
    }
}
