//! What can be done about a known difference. Each rule is used by entries of the list and knows nothing of
//! queries but what it needs.

mod columns;

use crate::answer::{Answer, Cell, Series};
use crate::comparable::WINDOWS;
use crate::compare;
use crate::generate::Query;
use columns::{bare_columns, columns_with, each_pair, each_term, select, time};
use serde::Deserialize;
use std::collections::BTreeSet;
use watershed_influxql::{Expr, Fill, Select, Source};

/// How answers are made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Normalise {
    /// The reference's series stand in reverse order.
    ReverseSeries,
    /// The reference's series are sorted by name and tags.
    SortSeries,
    /// The reference's rows are sorted by time, latest first.
    SortRowsDescending,
    /// The reference's series are cut to as many rows as the limit says.
    CutToLimit,
    /// Our series without any value of a window function are left out if the reference lacks them, and our rows
    /// in series without another.
    DropWindowless,
    /// Where the reference has no count, ours is left out if it is zero or part of a term.
    NoCount,
    /// The reference's rows have the times of ours.
    OurTimes,
    /// The reference's rows are sorted by time.
    SortRows,
    /// The reference's negative integers under `abs` are positive.
    AbsoluteIntegers,
    /// Where our window functions have no value, the reference's fill is left out.
    UnfilledWindows,
    /// Where the reference has no standard deviation, ours is left out.
    UnfilledDeviations,
    /// Where columns beside a selector have no value, the reference's fill is left out.
    UnfilledCompanions,
    /// Where the reference has no remainder, ours is left out if it is zero or part of a term.
    NoRemainder,
    /// Our rows without any value are left out.
    DropNullRows,
    /// The reference's integrals have the other sign.
    NegativeIntegrals,
    /// The reference's series without any value are left out.
    DropValuelessReference,
    /// Where ours is null, what an operator makes of booleans in the reference is left out.
    NoBits,
    /// In columns where we have no empty text, those of the reference are left out.
    NoTag,
    /// Our series without any value are left out.
    DropValueless,
    /// Columns without any value in ours that hold one number everywhere in the reference are left out.
    UnfilledColumns,
    /// Columns that hold a mode are left out.
    MaskModes,
    /// Columns that hold a first or last value are left out, and those beside a selector.
    MaskFirsts,
    /// Columns beside a selector are left out.
    MaskCompanions,
    /// Columns that hold a count are left out, and rows with nothing else that the other lacks.
    MaskCounts,
    /// Our columns of tags that a subquery ranks by are left out if the reference lacks them.
    DropRankedTags,
    /// Where ours is null, an empty text or `false` of the reference is left out.
    UnfilledTexts,
}

/// What holds for two answers that can't be made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Accept {
    /// Rows that share the time of the first or the last row of a series are others, all between are equal.
    TiesAtTheEnds,
    /// The first column is equal, but times and other columns may be those of another row.
    OtherRow,
    /// We have no series.
    Nothing,
    /// Series that both have are equal, and we have no more than SLIMIT says for each measurement.
    OtherSeries,
    /// All is equal but values of integrals and rows of ours in which they are zero.
    OtherIntegrals,
    /// All is equal but series of ours in which all integrals are zero.
    ZeroIntegrals,
    /// All is equal but where values repeat: each column has the same set of values.
    SameValues,
}

impl Normalise {
    pub(super) fn apply(self, query: &Query, ours: &mut Answer, reference: &mut Answer) {
        let (Answer::Series(ours), Answer::Series(reference)) = (ours, reference) else {
            return;
        };
        match self {
            Self::ReverseSeries => reference.reverse(),
            Self::SortSeries => {
                reference.sort_by(|a, b| (&a.name, &a.tags).cmp(&(&b.name, &b.tags)));
            }
            Self::SortRowsDescending => {
                for series in reference {
                    series.rows.sort_by_key(|row| std::cmp::Reverse(time(row)));
                }
            }
            Self::CutToLimit => {
                let limit = select(query).and_then(|select| select.limit);
                let limit = limit.and_then(|limit| usize::try_from(limit).ok());
                for series in reference {
                    series.rows.truncate(limit.unwrap_or(usize::MAX));
                }
            }
            Self::MaskModes => mask(ours, reference, |one| columns_with(query, one, &["mode"])),
            Self::MaskCounts => {
                drop_rows_of_counts(query, ours, reference);
                drop_rows_of_counts(query, reference, ours);
                mask(ours, reference, |one| columns_with(query, one, &["count"]));
            }
            Self::DropRankedTags => {
                let tags = select(query).map(ranked_tags).unwrap_or_default();
                for (ours, reference) in ours.iter_mut().zip(reference) {
                    drop_columns(ours, |name| {
                        tags.contains(name) && !reference.columns.iter().any(|other| other == name)
                    });
                }
            }
            Self::MaskCompanions => mask(ours, reference, |one| bare_columns(query, one)),
            Self::MaskFirsts => mask(ours, reference, |one| {
                let mut places = columns_with(query, one, &["first", "last"]);
                places.extend(bare_columns(query, one));
                places
            }),
            Self::DropWindowless => drop_windowless(query, ours, reference),
            Self::NoCount => {
                let fill = fill_value(query);
                each_pair(
                    query,
                    ours,
                    reference,
                    &["count"],
                    |is_term, ours, reference| {
                        let is_nothing =
                            *reference == Cell::Null || Some(&*reference) == fill.as_ref();
                        if is_nothing && (is_term || *ours == Cell::Integer(0)) {
                            *ours = reference.clone();
                        }
                    },
                );
            }
            Self::OurTimes => {
                for (ours, reference) in ours.iter().zip(reference) {
                    for (ours, reference) in ours.rows.iter().zip(&mut reference.rows) {
                        reference[0] = ours[0].clone();
                    }
                }
            }
            Self::SortRows => {
                for series in reference {
                    series.rows.sort_by_key(|row| time(row));
                }
            }
            Self::AbsoluteIntegers => {
                each_pair(query, ours, reference, &["abs"], |is_term, _, reference| {
                    if let (false, Cell::Integer(number)) = (is_term, reference) {
                        *number = number.abs();
                    }
                })
            }
            Self::UnfilledWindows => {
                each_pair(query, ours, reference, WINDOWS, |_, ours, reference| {
                    if *ours == Cell::Null {
                        *reference = Cell::Null;
                    }
                })
            }
            Self::DropValuelessReference => reference.retain(|series| {
                let has_value = |row: &Vec<Cell>| row[1..].iter().any(|cell| *cell != Cell::Null);
                series.rows.iter().any(has_value)
            }),
            Self::NoTag => {
                for (ours, reference) in ours.iter().zip(reference) {
                    absent_tags(ours, reference);
                }
            }
            Self::NoBits => each_term(
                query,
                ours,
                reference,
                &["&", "|", "^"],
                |_, ours, reference| {
                    if *ours == Cell::Null && matches!(reference, Cell::Boolean(_)) {
                        *reference = Cell::Null;
                    }
                },
            ),
            Self::UnfilledDeviations => {
                each_pair(query, ours, reference, &["stddev"], |_, ours, reference| {
                    if *reference == Cell::Null {
                        *ours = Cell::Null;
                    }
                });
            }
            Self::UnfilledCompanions => {
                for (ours, reference) in ours.iter().zip(reference) {
                    let places = bare_columns(query, ours);
                    for (ours, reference) in ours.rows.iter().zip(&mut reference.rows) {
                        for place in places.iter().filter(|place| ours[**place] == Cell::Null) {
                            reference[*place] = Cell::Null;
                        }
                    }
                }
            }
            Self::NoRemainder => each_term(
                query,
                ours,
                reference,
                &["%"],
                |is_whole, ours, reference| {
                    if *reference == Cell::Null && (!is_whole || *ours == Cell::Integer(0)) {
                        *ours = Cell::Null;
                    }
                },
            ),
            Self::DropNullRows => {
                for series in &mut *ours {
                    series
                        .rows
                        .retain(|row| row[1..].iter().any(|cell| *cell != Cell::Null));
                }
                ours.retain(|series| !series.rows.is_empty());
            }
            Self::NegativeIntegrals => {
                each_pair(
                    query,
                    ours,
                    reference,
                    &["integral"],
                    |_, _, reference| match reference {
                        Cell::Integer(number) => *number = -*number,
                        Cell::Float(number) => *number = -*number,
                        _ => {}
                    },
                );
            }
            Self::DropValueless => {
                let fill = fill_value(query);
                ours.retain(|series| {
                    let is_value = |cell: &Cell| *cell != Cell::Null && Some(cell) != fill.as_ref();
                    series.rows.iter().any(|row| row[1..].iter().any(is_value))
                });
            }
            Self::UnfilledColumns => {
                for (ours, reference) in ours.iter().zip(reference) {
                    unfill_columns(ours, reference);
                }
            }
            Self::UnfilledTexts => each_pair(query, ours, reference, &[], |_, ours, reference| {
                let filled = [Cell::Text(String::new()), Cell::Boolean(false)];
                if *ours == Cell::Null && filled.contains(reference) {
                    *reference = Cell::Null;
                }
            }),
        }
    }
}

impl Accept {
    pub(super) fn holds(self, query: &Query, ours: &Answer, reference: &Answer) -> bool {
        let (Answer::Series(ours), Answer::Series(reference)) = (ours, reference) else {
            return false;
        };
        match self {
            Self::Nothing => return ours.is_empty(),
            Self::ZeroIntegrals => return zero_integrals(query, ours, reference),
            Self::OtherSeries => return other_series(query, ours, reference),
            _ => {}
        }
        ours.len() == reference.len()
            && ours.iter().zip(reference).all(|(ours, reference)| {
                same_head(ours, reference)
                    && match self {
                        Self::TiesAtTheEnds => ties_at_the_ends(ours, reference),
                        Self::OtherRow => same_first_column(ours, reference),
                        Self::Nothing | Self::OtherSeries | Self::ZeroIntegrals => false,
                        Self::OtherIntegrals => other_integrals(query, ours, reference),
                        Self::SameValues => same_values(ours, reference),
                    }
            })
    }
}

/// Leaves out what has no value of a window function and the reference lacks: series, and in those without any
/// other value rows.
fn drop_windowless(query: &Query, ours: &mut Vec<Series>, reference: &[Series]) {
    let has_value = |row: &[Cell], places: &[usize]| places.iter().any(|at| row[*at] != Cell::Null);
    for series in &mut *ours {
        let windows = columns_with(query, series, WINDOWS);
        if windows.is_empty() {
            continue;
        }
        let places = 1..series.columns.len();
        let others: Vec<usize> = places.filter(|place| !windows.contains(place)).collect();
        let other = reference.iter().find(|other| same_head(series, other));
        let has_windows = series.rows.iter().any(|row| has_value(row, &windows));
        let has_others = series.rows.iter().any(|row| has_value(row, &others));
        let times: BTreeSet<i128> = match other {
            Some(other) if !has_others => other.rows.iter().map(|row| time(row)).collect(),
            None if !has_windows => BTreeSet::new(),
            _ => continue,
        };
        series
            .rows
            .retain(|row| has_value(row, &windows) || times.contains(&time(row)));
    }
    ours.retain(|series| !series.rows.is_empty());
}

/// Leaves out the values in these columns.
fn mask(ours: &mut [Series], reference: &mut [Series], places: impl Fn(&Series) -> Vec<usize>) {
    for series in ours.iter_mut().chain(reference) {
        for place in places(series) {
            for row in &mut series.rows {
                row[place] = Cell::Null;
            }
        }
    }
}

/// The whole number that empty buckets are filled with.
fn fill_value(query: &Query) -> Option<Cell> {
    match select(query)?.fill? {
        Fill::Integer(number) => Some(Cell::Integer(number.into())),
        Fill::Float(number) => Some(Cell::Integer(number.trunc() as i128)),
        _ => None,
    }
}

/// Makes columns of the reference that hold one number alone null, where ours are.
fn unfill_columns(ours: &Series, reference: &mut Series) {
    for place in 1..ours.columns.len().min(reference.columns.len()) {
        let is_null = ours.rows.iter().all(|row| row[place] == Cell::Null);
        let first = reference.rows.first().map(|row| row[place].clone());
        let is_one = reference
            .rows
            .iter()
            .all(|row| Some(&row[place]) == first.as_ref());
        if is_null && is_one {
            for row in &mut reference.rows {
                row[place] = Cell::Null;
            }
        }
    }
}

/// Makes empty texts of the reference null in columns where ours has none.
fn absent_tags(ours: &Series, reference: &mut Series) {
    let empty = Cell::Text(String::new());
    for place in 1..ours.columns.len().min(reference.columns.len()) {
        if !ours.rows.iter().any(|row| row[place] == empty) {
            let cells = reference.rows.iter_mut().map(|row| &mut row[place]);
            for cell in cells.filter(|cell| **cell == empty) {
                *cell = Cell::Null;
            }
        }
    }
}

/// Whether rows have, one by one, the same first value.
fn same_first_column(ours: &Series, reference: &Series) -> bool {
    let firsts = |series: &Series| -> Vec<Vec<Cell>> {
        series
            .rows
            .iter()
            .map(|row| row.iter().skip(1).take(1).cloned().collect())
            .collect()
    };
    compare::rows_difference(&firsts(ours), &firsts(reference)).is_none()
}

fn other_series(query: &Query, ours: &[Series], reference: &[Series]) -> bool {
    let limit = select(query).and_then(|select| select.series_limit);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let mut measurements = ours.chunk_by(|a, b| a.name == b.name);
    let same = |series: &Series| {
        let mut others = reference.iter().filter(|other| same_head(series, other));
        others.all(|other| compare::rows_difference(&series.rows, &other.rows).is_none())
    };
    measurements.all(|of_one| of_one.len() <= limit.unwrap_or(usize::MAX)) && ours.iter().all(same)
}

fn same_head(ours: &Series, reference: &Series) -> bool {
    (&ours.name, &ours.tags, &ours.columns)
        == (&reference.name, &reference.tags, &reference.columns)
}

fn zero_integrals(query: &Query, ours: &[Series], reference: &[Series]) -> bool {
    let is_zero = |series: &&Series| {
        let places = columns_with(query, series, &["integral"]);
        let zero = |row: &Vec<Cell>| places.iter().all(|place| row[*place] == Cell::Integer(0));
        series.rows.iter().all(zero)
    };
    let is_there = |series: &Series| reference.iter().any(|other| same_head(series, other));
    let (both, alone): (Vec<&Series>, Vec<&Series>) =
        ours.iter().partition(|series| is_there(series));
    let both: Vec<Series> = both.into_iter().cloned().collect();
    let (both, reference) = (Answer::Series(both), Answer::Series(reference.to_vec()));
    alone.iter().all(is_zero) && compare::difference(&both, &reference).is_none()
}

fn other_integrals(query: &Query, ours: &Series, reference: &Series) -> bool {
    let places = columns_with(query, ours, &["integral"]);
    let times: BTreeSet<i128> = reference.rows.iter().map(|row| time(row)).collect();
    let is_zero = |row: &[Cell]| places.iter().all(|place| row[*place] == Cell::Integer(0));
    let mut ours = ours.clone();
    ours.rows
        .retain(|row| times.contains(&time(row)) || !is_zero(row));
    let without = |series: &Series| -> Vec<Vec<Cell>> {
        let mut rows = series.rows.clone();
        for row in &mut rows {
            for place in &places {
                row[*place] = Cell::Boolean(row[*place] == Cell::Null);
            }
        }
        rows
    };
    compare::rows_difference(&without(&ours), &without(reference)).is_none()
}

fn same_values(ours: &Series, reference: &Series) -> bool {
    let values = |series: &Series, place: usize| -> Vec<Vec<Cell>> {
        let cells = series.rows.iter().map(|row| row[place].clone());
        let cells = cells.filter(|cell| *cell != Cell::Null);
        cells.map(|cell| vec![cell]).collect()
    };
    let are_among = |some: &[Vec<Cell>], others: &[Vec<Cell>]| {
        let is_there = |cell: &Vec<Cell>| others.iter().any(|other| compare::same_row(cell, other));
        some.iter().all(is_there)
    };
    let times = |series: &Series| series.rows.iter().map(|row| time(row)).collect::<Vec<_>>();
    times(ours) == times(reference)
        && (1..ours.columns.len()).all(|place| {
            let (ours, reference) = (values(ours, place), values(reference, place));
            are_among(&ours, &reference) && are_among(&reference, &ours)
        })
}

/// Leaves out rows in which counts alone have a value, where `others` have no row of that time, and series that
/// have no other rows.
fn drop_rows_of_counts(query: &Query, all: &mut Vec<Series>, others: &[Series]) {
    for series in &mut *all {
        let counts = columns_with(query, series, &["count"]);
        let other = others.iter().find(|other| same_head(series, other));
        let rows = other.map_or(&[][..], |other| &other.rows);
        let times: BTreeSet<i128> = rows.iter().map(|row| time(row)).collect();
        series.rows.retain(|row| {
            let is_other = |(place, cell): (usize, &Cell)| {
                place > 0 && *cell != Cell::Null && !counts.contains(&place)
            };
            times.contains(&time(row)) || row.iter().enumerate().any(is_other)
        });
    }
    all.retain(|series| !series.rows.is_empty());
}

/// The tags that subqueries rank by.
fn ranked_tags(select: &Select) -> BTreeSet<&str> {
    let mut tags = BTreeSet::new();
    for source in &select.from {
        let Source::Subquery(inner) = source else {
            continue;
        };
        tags.extend(ranked_tags(inner));
        for field in &inner.fields {
            if let Expr::Call(call) = &field.expr
                && matches!(call.name.as_str(), "top" | "bottom")
            {
                tags.extend(call.args.iter().skip(1).filter_map(|arg| match arg {
                    Expr::Var(tag) => Some(tag.name.as_str()),
                    _ => None,
                }));
            }
        }
    }
    tags
}

fn drop_columns(series: &mut Series, dropped: impl Fn(&str) -> bool) {
    let kept: Vec<bool> = series.columns.iter().map(|name| !dropped(name)).collect();
    let retain = |items: &mut Vec<_>| {
        let mut kept = kept.iter();
        items.retain(|_| kept.next().is_some_and(|kept| *kept));
    };
    series.rows.iter_mut().for_each(retain);
    let mut kept = kept.iter();
    series
        .columns
        .retain(|_| kept.next().is_some_and(|kept| *kept));
}

fn ties_at_the_ends(ours: &Series, reference: &Series) -> bool {
    let times = |series: &Series| -> Vec<_> {
        series.rows.iter().map(|row| row.first().cloned()).collect()
    };
    let (first, last) = match times(reference).as_slice() {
        [] => return false,
        [only] => (only.clone(), only.clone()),
        [first, .., last] => (first.clone(), last.clone()),
    };
    let between = |series: &Series| -> Vec<_> {
        let inside = |row: &&Vec<_>| row.first() != first.as_ref() && row.first() != last.as_ref();
        series.rows.iter().filter(inside).cloned().collect()
    };
    times(ours) == times(reference)
        && compare::rows_difference(&between(ours), &between(reference)).is_none()
}
