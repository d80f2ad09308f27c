//! Whether two answers say the same.
//!
//! 1. Two errors do: the texts differ by design.
//! 2. Series agree in order, name, tags and columns. Those with an absent tag may all stand behind their
//!    siblings in the one answer and before them in the other.
//! 3. Rows agree in order; rows of one time are a set, because nothing says which comes first.
//! 4. Numbers agree up to a billionth, or exactly if neither has a fraction and floats could tell. Nulls agree with nulls alone.

#[cfg(test)]
mod tests;

use crate::answer::{Answer, Cell, Series};

/// The relative difference that rounding may make.
const RELATIVE: f64 = 1e-9;

/// The difference that rounding may make near zero.
const ABSOLUTE: f64 = 1e-12;

/// The relative difference between floats that a few roundings make.
const LAST_DIGITS: f64 = 1e-15;

/// Above this, floats can't tell all integers apart.
const EXACT: i128 = 1 << 53;

/// The first thing in which the answers differ, or nothing.
pub fn difference(ours: &Answer, reference: &Answer) -> Option<String> {
    match (ours, reference) {
        (Answer::Error(_), Answer::Error(_)) => None,
        (Answer::Error(error), Answer::Series(_)) => Some(format!("an error: {error}")),
        (Answer::Series(_), Answer::Error(error)) => {
            Some(format!("no error, but the reference says: {error}"))
        }
        (Answer::Series(ours), Answer::Series(reference)) => series_difference(ours, reference),
    }
}

fn series_difference(ours: &[Series], reference: &[Series]) -> Option<String> {
    if ours.len() != reference.len() {
        return Some(format!(
            "{} series instead of {}",
            ours.len(),
            reference.len()
        ));
    }
    let in_order = first_difference(ours.iter(), reference.iter())?;
    let (mut ours, mut reference) = (ours.to_vec(), reference.to_vec());
    absent_last(&mut ours);
    absent_last(&mut reference);
    first_difference(ours.iter(), reference.iter()).map(|_| in_order)
}

/// Moves series that may stand in two places to one of them.
pub(crate) fn settle_order(answer: &mut Answer) {
    if let Answer::Series(series) = answer {
        absent_last(series);
    }
}

/// Moves the series with an absent tag behind all others of their measurement, sorted by their tags. The order
/// of the others stays.
fn absent_last(series: &mut [Series]) {
    let is_absent = |series: &Series| series.tags.values().any(String::is_empty);
    for of_one in series.chunk_by_mut(|a, b| a.name == b.name) {
        of_one.sort_by_key(is_absent);
        let absent = of_one.partition_point(|series| !is_absent(series));
        of_one[absent..].sort_by(|a, b| a.tags.cmp(&b.tags));
    }
}

fn first_difference<'a>(
    mut ours: impl Iterator<Item = &'a Series>,
    mut reference: impl Iterator<Item = &'a Series>,
) -> Option<String> {
    loop {
        let (one, other) = (ours.next()?, reference.next()?);
        let difference = one_difference(one, other);
        if let Some(difference) = difference {
            return Some(format!(
                "series {:?} {:?}: {difference}",
                one.name, one.tags
            ));
        }
    }
}

fn one_difference(ours: &Series, reference: &Series) -> Option<String> {
    if ours.name != reference.name || ours.tags != reference.tags {
        return Some(format!(
            "the reference has {:?} {:?}",
            reference.name, reference.tags
        ));
    }
    if ours.columns != reference.columns {
        return Some(format!(
            "columns {:?} instead of {:?}",
            ours.columns, reference.columns
        ));
    }
    rows_difference(&ours.rows, &reference.rows)
}

/// The first difference between rows that come in an order of time.
pub(crate) fn rows_difference(ours: &[Vec<Cell>], reference: &[Vec<Cell>]) -> Option<String> {
    if ours.len() != reference.len() {
        return Some(format!(
            "{} rows instead of {}",
            ours.len(),
            reference.len()
        ));
    }
    let mut from = 0;
    for of_one_time in reference.chunk_by(|a, b| a.first() == b.first()) {
        let mut left: Vec<&Vec<Cell>> = ours[from..from + of_one_time.len()].iter().collect();
        from += of_one_time.len();
        for row in of_one_time {
            match left.iter().position(|candidate| same_row(candidate, row)) {
                Some(place) => {
                    left.swap_remove(place);
                }
                None => {
                    let got: Vec<String> = left.iter().map(|row| print(row)).collect();
                    return Some(format!("{} instead of {}", got.join(" / "), print(row)));
                }
            }
        }
    }
    None
}

fn print(row: &[Cell]) -> String {
    let cells: Vec<String> = row.iter().map(Cell::to_string).collect();
    format!("({})", cells.join(", "))
}

/// Whether all cells agree.
pub(crate) fn same_row(ours: &[Cell], reference: &[Cell]) -> bool {
    ours.len() == reference.len() && ours.iter().zip(reference).all(|(a, b)| same_cell(a, b))
}

#[expect(clippy::cast_precision_loss, reason = "compared with a tolerance")]
fn same_cell(ours: &Cell, reference: &Cell) -> bool {
    match (ours, reference) {
        (Cell::Float(a), Cell::Float(b)) => is_close(*a, *b),
        (Cell::Float(a), Cell::Integer(b)) => is_close(*a, *b as f64),
        (Cell::Integer(a), Cell::Float(b)) => is_close(*a as f64, *b),
        // Large floats without a fraction: one server prints all digits, another zeros for those that don't
        // matter.
        (Cell::Integer(a), Cell::Integer(b)) if a.abs() > EXACT && b.abs() > EXACT => {
            (a - b).abs() as f64 <= LAST_DIGITS * a.abs() as f64
        }
        (a, b) => a == b,
    }
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= ABSOLUTE.max(RELATIVE * a.abs().max(b.abs()))
}
