//! What a query gave, in a form in which it can be compared.

use super::queries::Order;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Types and rows, or that it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Rows {
        types: Vec<DataType>,
        rows: Vec<Vec<String>>,
    },
    Failed(String),
}

impl Answer {
    pub(super) fn of(batches: &[RecordBatch]) -> Self {
        let types = batches.first().map(|batch| {
            let schema = batch.schema();
            schema
                .fields()
                .iter()
                .map(|field| field.data_type().clone())
                .collect()
        });
        Self::Rows {
            types: types.unwrap_or_default(),
            rows: batches.iter().flat_map(rows).collect(),
        }
    }

    pub(super) fn rows(&self) -> Option<&[Vec<String>]> {
        match self {
            Self::Rows { rows, .. } => Some(rows),
            Self::Failed(_) => None,
        }
    }

    /// Whether these are the rows, in this order.
    pub(super) fn has(&self, wanted: &[Vec<String>]) -> bool {
        self.rows() == Some(wanted)
    }

    /// Whether both are right answers to a query with that order, if one of them is. Why a query fails may
    /// differ: it depends on which of its parts is looked at first.
    pub(super) fn agrees(&self, other: &Self, order: Order) -> bool {
        let (
            Self::Rows {
                types: a,
                rows: left,
            },
            Self::Rows {
                types: b,
                rows: right,
            },
        ) = (self, other)
        else {
            return self.rows().is_none() && other.rows().is_none();
        };
        a == b
            && left.len() == right.len()
            && match order {
                Order::Any => sorted(left) == sorted(right),
                Order::Total => left == right,
                Order::By { columns, limited } => {
                    let keys = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
                        rows.iter().map(|row| row[..columns].to_vec()).collect()
                    };
                    keys(left) == keys(right) && (limited || sorted(left) == sorted(right))
                }
            }
    }

    /// For a person; rows without an order are sorted.
    pub(super) fn shown(&self, order: Order) -> String {
        match self {
            Self::Failed(error) => format!("failed: {error}"),
            Self::Rows { types, rows } => {
                let rows = if order == Order::Any {
                    sorted(rows)
                } else {
                    rows.clone()
                };
                let rows: Vec<String> = rows.iter().map(|row| row.join(" | ")).collect();
                format!("{types:?}\n{}", rows.join("\n"))
            }
        }
    }
}

pub(super) fn sorted(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows
}

fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<(ArrayFormatter<'_>, bool)> = batch
        .columns()
        .iter()
        .map(|column| {
            let formatter = ArrayFormatter::try_new(column, &options).unwrap();
            (formatter, *column.data_type() == DataType::Float64)
        })
        .collect();
    let value = |row: usize, (formatter, float): &(ArrayFormatter<'_>, bool)| {
        let text = formatter.value(row).to_string();
        match text.parse::<f64>() {
            Ok(value) if *float => number(value),
            _ => text,
        }
    };
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| value(row, column)).collect())
        .collect()
}

/// A float as it is compared: where values are added in another order, the last digits differ, and which of -0 and 0
/// stands for both depends on which came first.
pub(super) fn number(value: f64) -> String {
    format!("{:.9e}", value + 0.0)
}
