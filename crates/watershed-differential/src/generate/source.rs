//! What is selected from, and which columns that has.

use super::{Columns, Generator, is_number};
use watershed_influxql::{
    Dimension, Expr, Field, Measurement, MeasurementName, Select, Source, unique_names,
};
use watershed_line_protocol::FieldKind;

/// Functions whose results have the type of the argument.
const KEEP_TYPE: &[&str] = &[
    "bottom", "distinct", "first", "last", "max", "min", "sum", "top",
];

impl Generator<'_> {
    /// What a query around `inner` can name: its columns, and its tags.
    pub(super) fn result_columns(&mut self, inner: &Select) -> Columns {
        let below = self.source_columns(&inner.from);
        let names = unique_names(inner.fields.iter().map(Field::name).collect());
        let mut columns = Columns::default();
        for (field, name) in inner.fields.iter().zip(names) {
            match &field.expr {
                Expr::Var(column) if below.tags.contains_key(&column.name) => {
                    columns.tags.insert(name, below.tags[&column.name].clone());
                    columns.selects_tags = true;
                }
                Expr::Var(column) => {
                    let kind = below.fields.get(&column.name).copied();
                    columns
                        .fields
                        .insert(name, kind.unwrap_or(FieldKind::Float));
                }
                Expr::Wildcard(_) => {
                    columns.fields.extend(below.fields.clone());
                    columns.selects_tags = true;
                }
                Expr::Regex(pattern) => {
                    let pattern = regex::Regex::new(pattern.as_str());
                    let matches = |name: &String| pattern.as_ref().is_ok_and(|p| p.is_match(name));
                    let fields = below.fields.iter().filter(|(name, _)| matches(name));
                    columns
                        .fields
                        .extend(fields.map(|(name, kind)| (name.clone(), *kind)));
                    columns.selects_tags = true;
                }
                Expr::Call(call)
                    if matches!(call.args.first(), Some(Expr::Wildcard(_) | Expr::Regex(_))) =>
                {
                    let numbers = below.fields.iter().filter(|(_, kind)| is_number(**kind));
                    for (field, kind) in numbers {
                        columns
                            .fields
                            .insert(format!("{}_{field}", call.name), *kind);
                    }
                }
                Expr::Call(call) => {
                    let kind = match call.args.first() {
                        Some(Expr::Var(column)) if KEEP_TYPE.contains(&call.name.as_str()) => {
                            below.fields.get(&column.name).copied()
                        }
                        _ => None,
                    };
                    columns
                        .fields
                        .insert(name, kind.unwrap_or(FieldKind::Float));
                }
                _ => {
                    columns.fields.insert(name, FieldKind::Float);
                }
            }
        }
        for dimension in &inner.group_by {
            match dimension {
                Dimension::Tag(tag) if below.tags.contains_key(&tag.name) => {
                    columns
                        .tags
                        .insert(tag.name.clone(), below.tags[&tag.name].clone());
                }
                Dimension::Wildcard(_) => columns.tags.extend(below.tags.clone()),
                _ => {}
            }
        }
        columns
            .fields
            .retain(|name, _| !columns.tags.contains_key(name));
        columns.partial = below.partial;
        columns.selects_tags |= below.selects_tags;
        columns
    }

    fn source_columns(&mut self, from: &[Source]) -> Columns {
        let mut columns = Columns::default();
        for source in from {
            let more = match source {
                Source::Subquery(select) => self.result_columns(select),
                Source::Measurement(measurement) => {
                    let matching: Vec<_> = self
                        .set
                        .measurements
                        .iter()
                        .filter(|known| match &measurement.name {
                            MeasurementName::Name(name) => known.name == *name,
                            MeasurementName::Regex(_) => true,
                        })
                        .collect();
                    Columns::of(&matching)
                }
            };
            columns.add(more);
        }
        columns
    }

    /// One measurement, or several, or a pattern.
    pub(super) fn measurements(&mut self) -> (Vec<Source>, Columns) {
        let known: Vec<String> = self
            .set
            .measurements
            .iter()
            .map(|m| m.name.clone())
            .collect();
        if known.is_empty() {
            return (vec![source("nothing")], Columns::default());
        }
        let from = match self.dice.between(0, 99) {
            0..10 => {
                let mut chosen = self.dice.some(&known, 2);
                if self.dice.chance(50) {
                    chosen.reverse();
                }
                chosen.iter().map(|name| source(name)).collect()
            }
            10..20 => {
                let pattern = self.name_regex(&known);
                vec![Source::Measurement(Measurement {
                    database: None,
                    retention_policy: None,
                    name: MeasurementName::Regex(pattern),
                })]
            }
            20 => vec![source("nothing")],
            _ => vec![source(self.dice.pick(&known).as_str())],
        };
        let columns = match from.as_slice() {
            [
                Source::Measurement(Measurement {
                    name: MeasurementName::Name(name),
                    ..
                }),
            ] if name == "nothing" => {
                Columns::of(&self.set.measurements.iter().collect::<Vec<_>>())
            }
            from => self.source_columns(from),
        };
        (from, columns)
    }
}

fn source(name: &str) -> Source {
    Source::Measurement(Measurement {
        database: None,
        retention_policy: None,
        name: MeasurementName::Name(name.to_owned()),
    })
}
