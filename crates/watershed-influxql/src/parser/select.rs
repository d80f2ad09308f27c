//! `SELECT`, as a statement and as a subquery, and the clauses it shares with others.

use super::cursor::Cursor;
use super::expression::{arithmetic, condition, expect_column, expect_regex, wildcard_kind};
use crate::ParseError;
use crate::ast::{
    Dimension, Expr, Field, Fill, Measurement, MeasurementName, Order, Select, SelectInto, Source,
    Statement, TimeDimension,
};
use crate::duration::evaluate_duration;
use crate::lexer::{Due, Token};
use chrono_tz::Tz;

/// What follows `SELECT` at the beginning of a statement.
pub(super) fn select_statement(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let fields = comma_separated(cursor, field)?;
    if !cursor.eat_keyword("INTO")? {
        return Ok(Statement::Select(Box::new(after_fields(cursor, fields)?)));
    }
    let (database, retention_policy, measurement) = into_target(cursor)?;
    let select = after_fields(cursor, fields)?;
    Ok(Statement::SelectInto(Box::new(SelectInto {
        database,
        retention_policy,
        measurement,
        select,
    })))
}

/// `FROM` and all behind it.
fn after_fields(cursor: &mut Cursor<'_>, fields: Vec<Field>) -> Result<Select, ParseError> {
    cursor.expect_keyword("FROM")?;
    Ok(Select {
        fields,
        from: comma_separated(cursor, source)?,
        condition: where_clause(cursor)?,
        group_by: group_by(cursor)?,
        fill: fill(cursor)?,
        order: order_by(cursor)?,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
        series_limit: count_after(cursor, "SLIMIT")?,
        series_offset: count_after(cursor, "SOFFSET")?,
        time_zone: time_zone(cursor)?,
    })
}

/// One or more of what `item` reads.
pub(super) fn comma_separated<'a, T>(
    cursor: &mut Cursor<'a>,
    item: impl Fn(&mut Cursor<'a>) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let mut items = vec![item(cursor)?];
    while cursor.eat_symbol(",")? {
        items.push(item(cursor)?);
    }
    Ok(items)
}

fn field(cursor: &mut Cursor<'_>) -> Result<Field, ParseError> {
    let expr = arithmetic(cursor)?;
    let alias = if cursor.eat_keyword("AS")? {
        Some(cursor.expect_identifier()?)
    } else {
        None
    };
    Ok(Field { expr, alias })
}

type IntoTarget = (Option<String>, Option<String>, Option<String>);

/// `[[db.][rp].]name`, where the name may be `:MEASUREMENT`.
fn into_target(cursor: &mut Cursor<'_>) -> Result<IntoTarget, ParseError> {
    let mut parts = Vec::new();
    loop {
        if cursor.eat_symbol(":")? {
            cursor.expect_keyword("MEASUREMENT")?;
            parts.push(None);
            break;
        }
        // `db..name` leaves the middle out.
        let left_out = parts.len() == 1 && cursor.at_symbol(".")?;
        parts.push(if left_out {
            None
        } else {
            Some(cursor.expect_identifier()?)
        });
        if parts.len() == 3 || !cursor.eat_adjacent_dot() {
            break;
        }
    }
    let measurement = parts.pop().flatten();
    let retention_policy = parts.pop().flatten();
    Ok((parts.pop().flatten(), retention_policy, measurement))
}

fn source(cursor: &mut Cursor<'_>) -> Result<Source, ParseError> {
    if !cursor.eat_symbol("(")? {
        let measurement = measurement_or(cursor, "identifier, regex, (")?;
        return Ok(Source::Measurement(measurement));
    }
    let select = cursor.nested(|cursor| {
        cursor.expect_keyword("SELECT")?;
        let fields = comma_separated(cursor, field)?;
        let select = after_fields(cursor, fields)?;
        cursor.expect_symbol(")")?;
        Ok(Box::new(select))
    })?;
    Ok(Source::Subquery(select))
}

/// `m`, `rp.m`, `db.rp.m` or `db..m`, where the last may be a regular expression.
pub(super) fn measurement(cursor: &mut Cursor<'_>) -> Result<Measurement, ParseError> {
    measurement_or(cursor, "identifier, regex")
}

/// As [`measurement`]; `expected` is what an error names.
pub(super) fn measurement_or(
    cursor: &mut Cursor<'_>,
    expected: &str,
) -> Result<Measurement, ParseError> {
    let mut prefix: Vec<Option<String>> = Vec::new();
    loop {
        // `db..m` leaves the middle out.
        if prefix.len() == 1 && cursor.eat_adjacent_dot() {
            prefix.push(None);
        }
        let name = measurement_name(cursor, expected)?;
        let is_last = prefix.len() == 2
            || matches!(name, MeasurementName::Regex(_))
            || !cursor.eat_adjacent_dot();
        match name {
            MeasurementName::Name(part) if !is_last => prefix.push(Some(part)),
            name => {
                let retention_policy = prefix.pop().flatten();
                return Ok(Measurement {
                    database: prefix.pop().flatten(),
                    retention_policy,
                    name,
                });
            }
        }
    }
}

fn measurement_name(
    cursor: &mut Cursor<'_>,
    expected: &str,
) -> Result<MeasurementName, ParseError> {
    match cursor.peek(Due::Operand)?.token {
        Token::Regex(_) => Ok(MeasurementName::Regex(expect_regex(cursor)?)),
        Token::Word(_) | Token::Quoted(_) => Ok(MeasurementName::Name(cursor.expect_identifier()?)),
        _ => cursor.unexpected_operand(expected),
    }
}

pub(super) fn where_clause(cursor: &mut Cursor<'_>) -> Result<Option<Expr>, ParseError> {
    match cursor.eat_keyword("WHERE")? {
        true => Ok(Some(condition(cursor)?)),
        false => Ok(None),
    }
}

/// `keyword n`, if there.
pub(super) fn count_after(
    cursor: &mut Cursor<'_>,
    keyword: &'static str,
) -> Result<Option<u64>, ParseError> {
    match cursor.eat_keyword(keyword)? {
        true => Ok(Some(cursor.expect_unsigned()?)),
        false => Ok(None),
    }
}

pub(super) fn group_by(cursor: &mut Cursor<'_>) -> Result<Vec<Dimension>, ParseError> {
    if !cursor.eat_keyword("GROUP")? {
        return Ok(Vec::new());
    }
    cursor.expect_keyword("BY")?;
    comma_separated(cursor, dimension)
}

fn dimension(cursor: &mut Cursor<'_>) -> Result<Dimension, ParseError> {
    match cursor.peek(Due::Operand)?.token {
        Token::Symbol("*") => {
            cursor.take(Due::Operand)?;
            Ok(Dimension::Wildcard(wildcard_kind(cursor)?))
        }
        Token::Regex(_) => Ok(Dimension::Regex(expect_regex(cursor)?)),
        Token::Word(word) if word.eq_ignore_ascii_case("time") => {
            let column = expect_column(cursor)?;
            match column.is_time() && column.cast.is_none() && cursor.eat_symbol("(")? {
                true => Ok(Dimension::Time(time_dimension(cursor)?)),
                false => Ok(Dimension::Tag(column)),
            }
        }
        Token::Word(_) | Token::Quoted(_) => Ok(Dimension::Tag(expect_column(cursor)?)),
        _ => cursor.unexpected_operand("identifier, regex, *, time"),
    }
}

/// `interval[, offset])` behind `time(`.
fn time_dimension(cursor: &mut Cursor<'_>) -> Result<TimeDimension, ParseError> {
    let start = cursor.operand_start()?;
    let expr = arithmetic(cursor)?;
    let Some(interval) = evaluate_duration(&expr) else {
        // `time(5 m)` is better told where it breaks off.
        if !cursor.at_symbol(",")? {
            cursor.expect_symbol(")")?;
        }
        return Err(cursor.invalid_at(start, "the first argument of time() must be a duration"));
    };
    let offset = if cursor.eat_symbol(",")? {
        Some(arithmetic(cursor)?)
    } else {
        None
    };
    cursor.expect_symbol(")")?;
    Ok(TimeDimension { interval, offset })
}

fn fill(cursor: &mut Cursor<'_>) -> Result<Option<Fill>, ParseError> {
    if !cursor.eat_word("FILL")? {
        return Ok(None);
    }
    cursor.expect_symbol("(")?;
    let fill = fill_option(cursor)?;
    cursor.expect_symbol(")")?;
    Ok(Some(fill))
}

fn fill_option(cursor: &mut Cursor<'_>) -> Result<Fill, ParseError> {
    for (word, fill) in [
        ("NULL", Fill::Null),
        ("NONE", Fill::None),
        ("PREVIOUS", Fill::Previous),
        ("LINEAR", Fill::Linear),
    ] {
        if cursor.eat_word(word)? {
            return Ok(fill);
        }
    }
    let negative = cursor.eat_symbol("-")?;
    if !negative {
        cursor.eat_symbol("+")?;
    }
    let start = cursor.operand_start()?;
    let fill = match cursor.peek(Due::Operand)?.token {
        Token::Integer(magnitude) => match negative {
            true => 0i64.checked_sub_unsigned(magnitude).map(Fill::Integer),
            false => i64::try_from(magnitude).ok().map(Fill::Integer),
        },
        Token::Float(value) => Some(Fill::Float(if negative { -value } else { value })),
        _ => return cursor.unexpected_operand("null, none, previous, linear, number"),
    };
    cursor.take(Due::Operand)?;
    fill.ok_or_else(|| cursor.invalid_at(start, "integer out of range"))
}

pub(super) fn order_by(cursor: &mut Cursor<'_>) -> Result<Option<Order>, ParseError> {
    if !cursor.eat_keyword("ORDER")? {
        return Ok(None);
    }
    cursor.expect_keyword("BY")?;
    if let Some(order) = direction(cursor)? {
        return Ok(Some(order));
    }
    let start = cursor.operand_start()?;
    let column = cursor.expect_identifier()?;
    if !column.eq_ignore_ascii_case("time") || cursor.at_adjacent_dot() {
        return Err(not_time(cursor, start));
    }
    let order = direction(cursor)?.unwrap_or(Order::Ascending);
    match cursor.at_symbol(",")? {
        true => {
            let start = cursor.operand_start()?;
            Err(not_time(cursor, start))
        }
        false => Ok(Some(order)),
    }
}

fn not_time(cursor: &Cursor<'_>, start: usize) -> ParseError {
    let error = cursor.invalid_at(start, "invalid ORDER BY, expected TIME column");
    error.with_hint(Some("InfluxQL orders by time only".to_owned()))
}

fn direction(cursor: &mut Cursor<'_>) -> Result<Option<Order>, ParseError> {
    Ok(match cursor.eat_one_of(&["ASC", "DESC"])? {
        Some("ASC") => Some(Order::Ascending),
        Some(_) => Some(Order::Descending),
        None => None,
    })
}

fn time_zone(cursor: &mut Cursor<'_>) -> Result<Option<Tz>, ParseError> {
    if !cursor.eat_word("TZ")? {
        return Ok(None);
    }
    cursor.expect_symbol("(")?;
    let start = cursor.operand_start()?;
    let zone = match &cursor.peek(Due::Operand)?.token {
        Token::String(name) => name.parse::<Tz>().ok(),
        _ => return cursor.unexpected_operand("string"),
    };
    let Some(zone) = zone else {
        return Err(cursor.invalid_at(start, "unable to find timezone"));
    };
    cursor.take(Due::Operand)?;
    cursor.expect_symbol(")")?;
    Ok(Some(zone))
}
