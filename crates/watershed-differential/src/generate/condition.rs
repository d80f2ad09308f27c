//! `WHERE`: a range of time, a predicate, or both.

use super::{Columns, Generator, is_number};
use chrono::{DateTime, SecondsFormat};
use watershed_influxql::{BinaryOp, Expr, Regex};
use watershed_line_protocol::FieldKind;

const SECOND: i64 = 1_000_000_000;

impl Generator<'_> {
    /// The whole clause with this range of time, or nothing.
    pub(super) fn condition(&mut self, columns: &Columns, time: Option<Expr>) -> Option<Expr> {
        let columns = columns.common();
        let predicate = self.dice.chance(45).then(|| self.predicate(&columns, 2));
        match (time, predicate) {
            (Some(time), Some(predicate)) if self.dice.chance(30) => Some(and(predicate, time)),
            (Some(time), Some(predicate)) => Some(and(time, predicate)),
            (time, predicate) => time.or(predicate),
        }
    }

    /// A range of time with any ends, or none.
    pub(super) fn free_range(&mut self) -> Option<Expr> {
        match self.dice.between(0, 9) {
            0..4 => None,
            4..7 => Some(self.range(true, true)),
            7 => Some(self.range(true, false)),
            8 => Some(self.range(false, true)),
            _ => Some(self.time_at()),
        }
    }

    /// A range that begins where a bucket of this length does; with all points in it if it has to be `wide`.
    pub(super) fn range_of_buckets(&mut self, interval: i64, wide: bool) -> Expr {
        let (min, max, step) = (self.set.min_time, self.set.max_time, self.set.step);
        let steps = match wide {
            true => 0,
            false => self.dice.between(0, (max - min) / step / 2),
        };
        let from = (min + (steps - 3) * step).div_euclid(interval) * interval;
        let lower = self.time_comparison(BinaryOp::GtEq, from);
        let upper = self.time_comparison(BinaryOp::LtEq, max + 3 * step);
        and(lower, upper)
    }

    /// A range of time that has part of the points in it.
    pub(super) fn range(&mut self, lower: bool, upper: bool) -> Expr {
        let (min, max, step) = (self.set.min_time, self.set.max_time, self.set.step);
        let steps = ((max - min) / step).max(1);
        let from = min + self.dice.between(-2, steps / 2) * step;
        let to = max + self.dice.between(-steps / 3, 2) * step;
        // A range that is empty is valid; a few are enough.
        let to = if to < from && self.dice.chance(95) {
            max
        } else {
            to
        };
        let lower = lower.then(|| {
            let op = *self
                .dice
                .pick(&[BinaryOp::GtEq, BinaryOp::GtEq, BinaryOp::Gt]);
            self.time_comparison(op, from)
        });
        let upper = upper.then(|| {
            let op = *self
                .dice
                .pick(&[BinaryOp::Lt, BinaryOp::Lt, BinaryOp::LtEq]);
            self.time_comparison(op, to)
        });
        match (lower, upper) {
            (Some(lower), Some(upper)) => and(lower, upper),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => self.time_at(),
        }
    }

    /// `time = t` of a point.
    fn time_at(&mut self) -> Expr {
        let times: Vec<i64> = self.set.points.iter().filter_map(|p| p.timestamp).collect();
        let time = match times.is_empty() {
            true => self.set.min_time,
            false => *self.dice.pick(&times),
        };
        self.time_comparison(BinaryOp::Eq, time)
    }

    fn time_comparison(&mut self, op: BinaryOp, time: i64) -> Expr {
        let instant = self.instant(time);
        match op.swapped() {
            Some(swapped) if self.dice.chance(5) => {
                Expr::binary(swapped, instant, Expr::var("time"))
            }
            _ => Expr::binary(op, Expr::var("time"), instant),
        }
    }

    /// One of the ways to write an instant.
    fn instant(&mut self, time: i64) -> Expr {
        let whole = time.div_euclid(SECOND) * SECOND;
        match self.dice.between(0, 9) {
            0 => Expr::Integer(time),
            1 => Expr::Duration(whole),
            2 => {
                let hours = Expr::Duration(self.dice.between(1, 90) * 60 * SECOND);
                let Expr::Duration(away) = hours else {
                    return hours;
                };
                let op = *self.dice.pick(&[BinaryOp::Add, BinaryOp::Sub]);
                let base = match op {
                    BinaryOp::Add => whole - away,
                    _ => whole + away,
                };
                Expr::binary(op, Expr::String(rfc3339(base)), Expr::Duration(away))
            }
            3 | 4 => Expr::String(rfc3339(whole)),
            5 => Expr::String(rfc3339(time).replace('T', " ").replace('Z', "")),
            _ => Expr::String(rfc3339(time)),
        }
    }

    /// `now() - 3h`, for recent points.
    pub(super) fn since(&mut self) -> Expr {
        let away = Expr::Duration(self.dice.between(1, 12) * 1800 * SECOND);
        let now = super::expression::call("now", Vec::new());
        Expr::binary(
            *self.dice.pick(&[BinaryOp::Gt, BinaryOp::GtEq]),
            Expr::var("time"),
            Expr::binary(BinaryOp::Sub, now, away),
        )
    }

    /// A predicate without time.
    pub(super) fn predicate(&mut self, columns: &Columns, depth: u32) -> Expr {
        if depth > 0 && self.dice.chance(30) {
            let op = *self.dice.pick(&[BinaryOp::And, BinaryOp::Or]);
            let left = self.predicate(columns, depth - 1);
            let right = self.predicate(columns, depth - 1);
            return Expr::binary(op, left, right);
        }
        if !columns.tags.is_empty() && self.dice.chance(60) {
            self.tag_comparison(columns)
        } else {
            self.field_comparison(columns)
        }
    }

    /// A predicate on tags alone.
    pub(super) fn tag_predicate(&mut self, columns: &Columns, depth: u32) -> Option<Expr> {
        if columns.tags.is_empty() {
            return None;
        }
        if depth > 0 && self.dice.chance(25) {
            let op = *self.dice.pick(&[BinaryOp::And, BinaryOp::Or]);
            let left = self.tag_predicate(columns, depth - 1)?;
            let right = self.tag_predicate(columns, depth - 1)?;
            return Some(Expr::binary(op, left, right));
        }
        Some(self.tag_comparison(columns))
    }

    fn tag_comparison(&mut self, columns: &Columns) -> Expr {
        let names = columns.tag_names();
        let name = self.dice.pick(&names).clone();
        let values = &columns.tags[&name];
        let value = match self.dice.between(0, 9) {
            0 => String::new(),
            1 => "nobody".to_owned(),
            _ if values.is_empty() => String::new(),
            _ => self.dice.pick(values).clone(),
        };
        let op = *self.dice.weighted(&[
            (5, BinaryOp::Eq),
            (3, BinaryOp::NotEq),
            (4, BinaryOp::Matches),
            (2, BinaryOp::NotMatches),
        ]);
        let right = match op.is_regex_match() {
            false => Expr::String(value),
            true => Expr::Regex(self.value_regex(&value, values)),
        };
        Expr::binary(op, Expr::var(name), right)
    }

    /// A pattern for values of a tag.
    fn value_regex(&mut self, value: &str, values: &[String]) -> Regex {
        let quoted = regex::escape(value);
        let first: String = value
            .chars()
            .take(1)
            .map(|c| regex::escape(&c.to_string()))
            .collect();
        let last = values
            .last()
            .map(|other| regex::escape(other))
            .unwrap_or_default();
        Regex(match self.dice.between(0, 6) {
            0 => format!("^{quoted}$"),
            1 => format!("^({quoted}|{last})$"),
            2 => format!("^{first}"),
            3 => ".".to_owned(),
            4 => ".*".to_owned(),
            5 => "^$".to_owned(),
            _ if quoted.is_empty() => "0".to_owned(),
            _ => quoted,
        })
    }

    fn field_comparison(&mut self, columns: &Columns) -> Expr {
        let all: Vec<_> = columns
            .fields
            .iter()
            .map(|(name, kind)| (name.clone(), *kind))
            .collect();
        if all.is_empty() || self.dice.chance(2) {
            return Expr::binary(BinaryOp::Gt, Expr::var("nowhere"), Expr::Integer(1));
        }
        let (name, kind) = self.dice.pick(&all).clone();
        match kind {
            FieldKind::Boolean => {
                let op = *self.dice.pick(&[BinaryOp::Eq, BinaryOp::NotEq]);
                Expr::binary(op, Expr::var(name), Expr::Boolean(self.dice.chance(50)))
            }
            FieldKind::String => {
                let op = *self.dice.weighted(&[
                    (4, BinaryOp::Eq),
                    (2, BinaryOp::NotEq),
                    (2, BinaryOp::Matches),
                    (1, BinaryOp::NotMatches),
                ]);
                let right = match op.is_regex_match() {
                    true => Expr::Regex(Regex(self.dice.pick(&["^a", "o", "^$", "."]).to_string())),
                    false => Expr::String(self.dice.pick(crate::data::TEXTS).to_string()),
                };
                Expr::binary(op, Expr::var(name), right)
            }
            _ => self.number_comparison(columns, &name),
        }
    }

    fn number_comparison(&mut self, columns: &Columns, name: &str) -> Expr {
        let numbers = columns.numbers();
        let op = *self.dice.pick(&[
            BinaryOp::Gt,
            BinaryOp::GtEq,
            BinaryOp::Lt,
            BinaryOp::LtEq,
            BinaryOp::Eq,
            BinaryOp::NotEq,
        ]);
        let left = match self.dice.chance(20) {
            true => of_sums(self.arithmetic(&numbers, 1)),
            false => Expr::var(name),
        };
        let right = match self.dice.between(0, 9) {
            0 => Expr::var(self.dice.pick(&numbers)),
            1..6 => Expr::Integer(self.dice.between(-2, 12)),
            _ => Expr::Float(*self.dice.pick(&[0.0, 0.25, 2.5, 10.0, 50.5])),
        };
        debug_assert!(columns.fields.get(name).copied().is_some_and(is_number));
        Expr::binary(op, left, right)
    }
}

/// The term with sums in the place of products, which may leave the range of integers where one measurement
/// has integers and another floats, and of quotients: those of integers are cut in conditions of 1.6.
fn of_sums(mut expr: Expr) -> Expr {
    if let Expr::Binary(binary) = &mut expr
        && matches!(binary.op, BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod)
    {
        binary.op = BinaryOp::Add;
    }
    for child in expr.children_mut() {
        let inner = std::mem::replace(child, Expr::Boolean(false));
        *child = of_sums(inner);
    }
    expr
}

/// `left AND right`.
pub(super) fn and(left: Expr, right: Expr) -> Expr {
    Expr::binary(BinaryOp::And, left, right)
}

/// The instant in UTC, with as many digits as it needs.
fn rfc3339(time: i64) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
