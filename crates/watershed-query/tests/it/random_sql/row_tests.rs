//! Random conditions that can be computed by hand.

use super::data::{HOSTS, MINUTE, NOTES, REGIONS, START};
use super::dice::Dice;
use super::expressions::{NOWHERE, written};
use crate::rows::{Key, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A row to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) time: i64,
    pub(super) fields: &'a BTreeMap<String, Value>,
}

impl<'a> Row<'a> {
    pub(super) fn of(((tags, time), fields): (&'a Key, &'a BTreeMap<String, Value>)) -> Self {
        let tag = |name: &str| tags.get(name).map(String::as_str);
        Self {
            host: tag("host"),
            region: tag("region"),
            time: *time,
            fields,
        }
    }

    fn text(&self, column: &str) -> Option<&'a str> {
        match column {
            "host" => self.host,
            "region" => self.region,
            _ => match self.fields.get(column) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            },
        }
    }
}

/// How close the outermost operator of a text binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    Or,
    And,
    Not,
    Closer,
}

/// True, false or null for a row.
type Computed = Box<dyn Fn(&Row<'_>) -> Option<bool>>;

/// A condition in SQL, and what it is.
pub(super) struct Test {
    pub(super) text: String,
    binds: Binds,
    computed: Computed,
}

impl Test {
    fn simple(text: String, computed: impl Fn(&Row<'_>) -> Option<bool> + 'static) -> Self {
        Self {
            text,
            binds: Binds::Closer,
            computed: Box::new(computed),
        }
    }

    pub(super) fn holds(&self, row: &Row<'_>) -> bool {
        (self.computed)(row) == Some(true)
    }

    /// The text as a part of an `AND`.
    pub(super) fn in_brackets(&self) -> String {
        self.within(Binds::And)
    }

    /// With brackets only where they are needed.
    fn within(&self, operator: Binds) -> String {
        if self.binds < operator {
            format!("({})", self.text)
        } else {
            self.text.clone()
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            text: format!(
                "{} AND {}",
                self.within(Binds::And),
                other.within(Binds::And)
            ),
            binds: Binds::And,
            computed: Box::new(
                move |row| match ((self.computed)(row), (other.computed)(row)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            ),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            text: format!("{} OR {}", self.within(Binds::Or), other.within(Binds::Or)),
            binds: Binds::Or,
            computed: Box::new(
                move |row| match ((self.computed)(row), (other.computed)(row)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            ),
        }
    }

    fn not(self) -> Self {
        Self {
            text: format!("NOT {}", self.within(Binds::Not)),
            binds: Binds::Not,
            computed: Box::new(move |row| (self.computed)(row).map(|value| !value)),
        }
    }
}

/// A condition, as deep as `depth` says; about time, too, if `times` says so.
pub(super) fn test(dice: &mut Dice, depth: u32, times: bool) -> Test {
    if depth > 0 && dice.chance(65) {
        let one = test(dice, depth - 1, times);
        return match dice.below(5) {
            0 => one.not(),
            1 | 2 => one.and(test(dice, depth - 1, times)),
            _ => one.or(test(dice, depth - 1, times)),
        };
    }
    match dice.below(8) {
        0 | 1 => about_text(dice),
        2 => about_list(dice),
        3 => about_null(dice),
        4 | 5 => about_number(dice),
        6 => Test::simple("up".to_owned(), |row| match row.fields.get("up") {
            Some(Value::Bool(up)) => Some(*up),
            _ => None,
        }),
        _ if times => about_time(dice),
        _ => about_null(dice),
    }
}

/// Whether a comparison holds.
type Holds = fn(Ordering) -> bool;

const COMPARISONS: [(&str, Holds); 7] = [
    ("=", Ordering::is_eq),
    ("<>", Ordering::is_ne),
    ("!=", Ordering::is_ne),
    ("<", Ordering::is_lt),
    ("<=", Ordering::is_le),
    (">", Ordering::is_gt),
    (">=", Ordering::is_ge),
];

fn text_column(dice: &mut Dice) -> (&'static str, &'static str) {
    match dice.below(3) {
        0 => ("host", dice.pick(&HOSTS)),
        1 => ("region", dice.pick(&REGIONS)),
        _ => ("note", dice.pick(&NOTES)),
    }
}

fn about_text(dice: &mut Dice) -> Test {
    let (column, value) = text_column(dice);
    match dice.below(5) {
        0 => Test::simple(format!("{column} IS DISTINCT FROM '{value}'"), move |row| {
            Some(row.text(column) != Some(value))
        }),
        1 => Test::simple(
            format!("{column} IS NOT DISTINCT FROM '{value}'"),
            move |row| Some(row.text(column) == Some(value)),
        ),
        2 => {
            let start = dice.pick(&["a", "e", "", "A"]);
            let text = match dice.below(2) {
                0 => format!("{column} LIKE '{start}%'"),
                _ => format!("{column} ~ '^{start}'"),
            };
            Test::simple(text, move |row| Some(row.text(column)?.starts_with(start)))
        }
        _ => {
            let (op, holds) = COMPARISONS[dice.below(COMPARISONS.len())];
            Test::simple(format!("{column} {op} '{value}'"), move |row| {
                Some(holds(row.text(column)?.cmp(value)))
            })
        }
    }
}

fn about_list(dice: &mut Dice) -> Test {
    let (column, _) = text_column(dice);
    let all: Vec<&'static str> = HOSTS
        .iter()
        .chain(&REGIONS)
        .chain(&NOTES)
        .copied()
        .collect();
    let list = dice.some(&all, 1, 5);
    let (negated, with_null) = (dice.chance(40), dice.chance(20));
    let mut shown: Vec<String> = list.iter().map(|value| format!("'{value}'")).collect();
    // As in other lists of texts.
    shown.push(NOWHERE.to_owned());
    if with_null {
        shown.push("NULL".to_owned());
    }
    let not = if negated { "NOT " } else { "" };
    Test::simple(
        format!("{column} {not}IN ({})", shown.join(", ")),
        move |row| {
            let found = list.contains(&row.text(column)?);
            (found || !with_null).then_some(found != negated)
        },
    )
}

fn about_null(dice: &mut Dice) -> Test {
    let column = dice.pick(&[
        "host", "region", "usage", "idle", "seen", "up", "note", "load",
    ]);
    let negated = dice.chance(50);
    let not = if negated { "NOT " } else { "" };
    Test::simple(format!("{column} IS {not}NULL"), move |row| {
        let null = match column {
            "host" | "region" => row.text(column).is_none(),
            field => !row.fields.contains_key(field),
        };
        Some(null != negated)
    })
}

fn about_number(dice: &mut Dice) -> Test {
    let (op, holds) = COMPARISONS[dice.below(COMPARISONS.len())];
    match dice.below(4) {
        0 => {
            let bound = dice.between(-5, 10);
            Test::simple(format!("idle {op} {bound}"), move |row| {
                match row.fields.get("idle") {
                    Some(Value::I64(value)) => Some(holds(value.cmp(&bound))),
                    _ => None,
                }
            })
        }
        1 => {
            let bound = dice.between(-2, 12);
            Test::simple(format!("seen {op} {bound}"), move |row| {
                match row.fields.get("seen") {
                    Some(Value::U64(value)) => {
                        Some(holds(i128::from(*value).cmp(&i128::from(bound))))
                    }
                    _ => None,
                }
            })
        }
        2 => {
            let (low, high) = (
                dice.between(-8, 8) as f64 / 4.0,
                dice.between(-8, 8) as f64 / 4.0,
            );
            let usage = |row: &Row<'_>| match row.fields.get("usage") {
                Some(Value::F64(value)) => Some(*value),
                _ => None,
            };
            Test::simple(format!("usage BETWEEN {low:?} AND {high:?}"), move |row| {
                usage(row).map(|value| low <= value && value <= high)
            })
        }
        _ => {
            let bound = dice.between(-8, 8) as f64 / 4.0;
            Test::simple(format!("usage {op} {bound:?}"), move |row| {
                match row.fields.get("usage") {
                    Some(Value::F64(value)) => Some(holds(value.total_cmp(&bound))),
                    _ => None,
                }
            })
        }
    }
}

fn about_time(dice: &mut Dice) -> Test {
    let (op, holds) = COMPARISONS[dice.below(COMPARISONS.len())];
    let nanos = START + dice.between(-4, 3 * 96) * 15 * MINUTE + *dice.pick(&[&0, &0, &1, &-1]);
    let bound = match dice.below(6) {
        0 => format!("{nanos}::TIMESTAMP"),
        1 => format!("to_timestamp({nanos})"),
        2 => format!("CAST({nanos} AS TIMESTAMP)"),
        _ => written(dice, nanos),
    };
    if dice.chance(20) {
        return Test::simple(format!("{bound} {op} time"), move |row| {
            Some(holds(nanos.cmp(&row.time)))
        });
    }
    Test::simple(format!("time {op} {bound}"), move |row| {
        Some(holds(row.time.cmp(&nanos)))
    })
}
