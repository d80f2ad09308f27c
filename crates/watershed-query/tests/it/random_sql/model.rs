//! Questions that are answered by hand: from the rows in a map, without any database.

use super::answers::number;
use super::data::{MINUTE, START};
use super::dice::Dice;
use super::expressions::written;
use super::row_tests::{Row, Test, test};
use crate::rows::{Rows, Value};
use std::collections::BTreeMap;

/// A query, and the rows that it should give, in their order.
pub(super) struct Question {
    pub(super) text: String,
    pub(super) rows: Vec<Vec<String>>,
}

/// Any question.
pub(super) fn question(dice: &mut Dice, rows: &Rows) -> Question {
    let rows: Vec<Row<'_>> = rows.0.iter().map(Row::of).collect();
    match dice.below(3) {
        0 => sorted(dice, &rows),
        1 => buckets(dice, &rows),
        _ => filled(dice, &rows),
    }
}

fn kept<'a>(rows: &[Row<'a>], test: &Test) -> Vec<Row<'a>> {
    rows.iter().filter(|row| test.holds(row)).copied().collect()
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or("NULL").to_owned()
}

pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(Value::F64(v)) => number(*v),
        Some(Value::I64(v)) => v.to_string(),
        Some(Value::U64(v)) => v.to_string(),
        Some(Value::Bool(v)) => v.to_string(),
        Some(Value::String(v)) => v.clone(),
    }
}

fn instant(nanos: i64) -> String {
    format!(
        "{:?}",
        chrono::DateTime::from_timestamp_nanos(nanos).naive_utc()
    )
}

/// Rows that pass a test, in an order that leaves nothing open.
fn sorted(dice: &mut Dice, rows: &[Row<'_>]) -> Question {
    let test = test(dice, 2, true);
    let descending = dice.chance(50);
    // Null is the largest value unless it is said where it goes.
    let nulls_first = dice.chance(50);
    let mut kept = kept(rows, &test);
    kept.sort_by(|a, b| {
        let time = a.time.cmp(&b.time);
        let tags = |row: &Row<'_>| {
            [row.host, row.region].map(|tag| (tag.is_none() != nulls_first, tag.map(str::to_owned)))
        };
        let time = if descending { time.reverse() } else { time };
        time.then_with(|| tags(a).cmp(&tags(b)))
    });
    let (skip, most) = (dice.below(6), dice.between(0, 20) as usize);
    let (limit, skip, most) = match dice.below(4) {
        0 => (String::new(), 0, usize::MAX),
        1 => (format!("LIMIT {most}"), 0, most),
        2 => (format!("OFFSET {skip}"), skip, usize::MAX),
        _ => (format!("LIMIT {most} OFFSET {skip}"), skip, most),
    };
    let nulls = if nulls_first {
        "NULLS FIRST"
    } else {
        dice.pick(&["", "NULLS LAST"])
    };
    let direction = if descending {
        "DESC"
    } else {
        dice.pick(&["", "ASC"])
    };
    let rows = kept.iter().skip(skip).take(most).map(|row| {
        let mut cells = vec![instant(row.time), text(row.host), text(row.region)];
        let fields = ["usage", "load", "idle", "seen", "up", "note"];
        cells.extend(fields.map(|field| shown(row.fields.get(field))));
        cells
    });
    Question {
        text: format!(
            "SELECT time, host, region, usage, load, idle, seen, up, note FROM {{table}} WHERE {} \
             ORDER BY time {direction}, host {nulls}, region {nulls} {limit}",
            test.text
        ),
        rows: rows.collect(),
    }
}

const WIDTHS: [(&str, i64); 4] = [
    ("15 minutes", 15),
    ("40 minutes", 40),
    ("2 hours", 120),
    ("1 day", 1440),
];

/// Widths of buckets, as it is written and in nanoseconds.
fn width(dice: &mut Dice) -> (&'static str, i64) {
    let (text, minutes) = WIDTHS[dice.below(WIDTHS.len())];
    (text, minutes * MINUTE)
}

fn bucket(time: i64, width: i64) -> i64 {
    time.div_euclid(width) * width
}

type Series<'a> = (Option<&'a str>, Option<&'a str>);

/// Rows by series and bucket, in the order of time within each.
fn grouped<'a>(rows: Vec<Row<'a>>, width: i64) -> BTreeMap<(Series<'a>, i64), Vec<Row<'a>>> {
    let mut groups: BTreeMap<(Series<'a>, i64), Vec<Row<'a>>> = BTreeMap::new();
    for row in rows {
        let key = ((row.host, row.region), bucket(row.time, width));
        groups.entry(key).or_default().push(row);
    }
    for rows in groups.values_mut() {
        rows.sort_by_key(|row| row.time);
    }
    groups
}

fn floats(rows: &[Row<'_>]) -> Vec<(f64, i64)> {
    let value = |row: &Row<'_>| match row.fields.get("usage") {
        Some(Value::F64(value)) => Some((*value, row.time)),
        _ => None,
    };
    rows.iter().filter_map(value).collect()
}

/// One value of the field `usage` of some rows.
fn one(rows: &[Row<'_>], choose: fn(f64, f64) -> f64) -> Option<f64> {
    let values = floats(rows).into_iter().map(|(value, _)| value);
    values.reduce(choose)
}

/// Aggregates and selectors of the buckets of every series.
fn buckets(dice: &mut Dice, rows: &[Row<'_>]) -> Question {
    let test = test(dice, 2, true);
    let (shown_width, width) = width(dice);
    let groups = grouped(kept(rows, &test), width);
    let optional = |value: Option<f64>| value.map_or("NULL".to_owned(), number);
    let rows = groups.iter().map(|(((host, region), bucket), rows)| {
        let usage = floats(rows);
        let integers = rows.iter().filter_map(|row| match row.fields.get("idle") {
            Some(Value::I64(value)) => Some(*value),
            _ => None,
        });
        let sum = integers.clone().reduce(i64::wrapping_add);
        let texts = rows.iter().filter_map(|row| match row.fields.get("note") {
            Some(Value::String(value)) => Some(value.as_str()),
            _ => None,
        });
        // Of equal values the earliest counts.
        let max = usage
            .iter()
            .copied()
            .reduce(|a, b| if b.0 > a.0 { b } else { a });
        let at = |selected: Option<&(f64, i64)>| {
            [
                optional(selected.map(|(value, _)| *value)),
                selected.map_or("NULL".to_owned(), |(_, time)| instant(*time)),
            ]
        };
        let mut cells = vec![text(*host), text(*region), instant(*bucket)];
        cells.push(rows.len().to_string());
        cells.push(usage.len().to_string());
        cells.push(sum.map_or("NULL".to_owned(), |sum| sum.to_string()));
        cells.push(
            integers
                .min()
                .map_or("NULL".to_owned(), |min| min.to_string()),
        );
        cells.push(text(texts.max()));
        let mean = usage.iter().map(|(value, _)| value).sum::<f64>() / usage.len() as f64;
        cells.push(optional((!usage.is_empty()).then_some(mean)));
        cells.extend(at(usage.first()));
        cells.extend(at(usage.last()));
        cells.extend(at(max.as_ref()));
        cells
    });
    Question {
        text: format!(
            "SELECT host, region, date_bin(INTERVAL '{shown_width}', time) AS t, count(*) AS n, count(usage) AS m, \
             sum(idle) AS s, min(idle) AS low, max(note) AS note, avg(usage) AS mean, \
             selector_first(usage, time)['value'] AS first, selector_first(usage, time)['time'] AS first_time, \
             selector_last(usage, time)['value'] AS last, selector_last(usage, time)['time'] AS last_time, \
             selector_max(usage, time)['value'] AS high, selector_max(usage, time)['time'] AS high_time \
             FROM {{table}} WHERE {} GROUP BY host, region, t \
             ORDER BY host NULLS FIRST, region NULLS FIRST, t",
            test.text
        ),
        rows: rows.collect(),
    }
}

/// Buckets of a range of time, those without rows too.
fn filled(dice: &mut Dice, rows: &[Row<'_>]) -> Question {
    // A second range would leave open which of them is filled.
    let test = test(dice, 1, false);
    let (shown_width, width) = width(dice);
    let low = START + dice.between(-4, 96) * 15 * MINUTE + *dice.pick(&[&0, &0, &1, &-1]);
    let high = low + dice.between(0, 40) * 15 * MINUTE;
    let (min, max, range) = range(dice, low, high);
    let mut inside = kept(rows, &test);
    inside.retain(|row| min <= row.time && row.time <= max);
    let groups = grouped(inside, width);
    let mut series: Vec<Series<'_>> = groups.keys().map(|(series, _)| *series).collect();
    series.dedup();
    let grid: Vec<i64> = (0..)
        .map(|step| bucket(min, width) + step * width)
        .take_while(|start| *start <= bucket(max, width))
        .collect();
    let mut wanted = Vec::new();
    for series in series {
        let rows_of = |start: &i64| groups.get(&(series, *start)).map_or(&[][..], Vec::as_slice);
        let of = |choose| -> Vec<Option<f64>> {
            grid.iter().map(|at| one(rows_of(at), choose)).collect()
        };
        let (lows, highs) = (of(f64::min), of(f64::max));
        for (at, start) in grid.iter().enumerate() {
            let held = lows[..=at].iter().rev().find_map(|value| *value);
            let before = (0..=at).rev().find_map(|at| Some((grid[at], highs[at]?)));
            let after = (at..grid.len()).find_map(|at| Some((grid[at], highs[at]?)));
            let optional = |value: Option<f64>| value.map_or("NULL".to_owned(), number);
            wanted.push(vec![
                text(series.0),
                text(series.1),
                instant(*start),
                rows_of(start).len().to_string(),
                optional(lows[at]),
                optional(held),
                optional(
                    before
                        .zip(after)
                        .map(|(before, after)| between(before, after, *start)),
                ),
            ]);
        }
    }
    Question {
        text: format!(
            "SELECT host, region, date_bin_gapfill(INTERVAL '{shown_width}', time) AS t, count(*) AS n, \
             min(usage) AS low, locf(min(usage)) AS held, interpolate(max(usage)) AS line \
             FROM {{table}} WHERE {} AND {range} GROUP BY host, region, t \
             ORDER BY host NULLS FIRST, region NULLS FIRST, t",
            test.in_brackets()
        ),
        rows: wanted,
    }
}

/// The value at a time on the line between two, of which the first may be the time itself.
fn between((t0, v0): (i64, f64), (t1, v1): (i64, f64), at: i64) -> f64 {
    if t0 == at {
        return v0;
    }
    v0 + (v1 - v0) * (at - t0) as f64 / (t1 - t0) as f64
}

/// First and last time of a range, and how it is written.
fn range(dice: &mut Dice, low: i64, high: i64) -> (i64, i64, String) {
    let (a, b) = (written(dice, low), written(dice, high));
    match dice.below(4) {
        0 => (low, high, format!("time BETWEEN {a} AND {b}")),
        1 => (low, high, format!("{b} >= time AND {a} <= time")),
        2 if low < high => (low + 1, high, format!("time > {a} AND time <= {b}")),
        _ => {
            let (low, high) = (low, high.max(low + 1));
            let (a, b) = (written(dice, low), written(dice, high));
            (low, high - 1, format!("time >= {a} AND time < {b}"))
        }
    }
}
