//! `SHOW …`.

use super::admin::skip_rest;
use super::cursor::Cursor;
use super::expression::expect_regex;
use super::select::{comma_separated, count_after, group_by, measurement, order_by, where_clause};
use crate::ParseError;
use crate::ast::{
    Cardinality, Measurement, MeasurementName, MeasurementsOn, ShowCardinality, ShowFieldKeys,
    ShowMeasurements, ShowRetentionPolicies, ShowSeries, ShowTagKeys, ShowTagValues, Statement,
    TagKeys, UnsupportedStatement,
};
use crate::lexer::{Due, Token};

const SUBJECTS: [&str; 16] = [
    "CONTINUOUS",
    "DATABASES",
    "DIAGNOSTICS",
    "FIELD",
    "GRANTS",
    "MEASUREMENT",
    "MEASUREMENTS",
    "QUERIES",
    "RETENTION",
    "SERIES",
    "SHARD",
    "SHARDS",
    "STATS",
    "SUBSCRIPTIONS",
    "TAG",
    "USERS",
];

/// What follows `SHOW`.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    match cursor.eat_one_of(&SUBJECTS)? {
        Some("DATABASES") => Ok(Statement::ShowDatabases),
        Some("MEASUREMENTS") => measurements(cursor),
        Some("FIELD") => field(cursor),
        Some("TAG") => tag(cursor),
        Some("RETENTION") => retention_policies(cursor),
        Some("SERIES") => series(cursor),
        Some("MEASUREMENT") => expect_cardinality(cursor, Cardinality::Measurements),
        Some("QUERIES") => Ok(Statement::ShowQueries),
        Some("STATS") => Ok(Statement::ShowStats(module(cursor)?)),
        Some("DIAGNOSTICS") => Ok(Statement::ShowDiagnostics(module(cursor)?)),
        Some(subject) => unsupported(cursor, subject),
        None => cursor.unexpected(&SUBJECTS.join(", ")),
    }
}

fn unsupported(cursor: &mut Cursor<'_>, subject: &str) -> Result<Statement, ParseError> {
    let statement = match subject {
        "CONTINUOUS" => {
            cursor.expect_keyword("QUERIES")?;
            UnsupportedStatement::ShowContinuousQueries
        }
        "GRANTS" => UnsupportedStatement::ShowGrants,
        "SHARD" => {
            cursor.expect_keyword("GROUPS")?;
            UnsupportedStatement::ShowShardGroups
        }
        "SHARDS" => UnsupportedStatement::ShowShards,
        "SUBSCRIPTIONS" => UnsupportedStatement::ShowSubscriptions,
        _ => UnsupportedStatement::ShowUsers,
    };
    skip_rest(cursor, statement)
}

/// `FOR 'module'`, if there.
fn module(cursor: &mut Cursor<'_>) -> Result<Option<String>, ParseError> {
    if !cursor.eat_keyword("FOR")? {
        return Ok(None);
    }
    if !matches!(cursor.peek(Due::Operator)?.token, Token::String(_)) {
        return cursor.unexpected("string");
    }
    match cursor.take(Due::Operator)?.token {
        Token::String(module) => Ok(Some(module)),
        _ => Ok(None),
    }
}

fn series(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    if let Some(exact) = at_cardinality(cursor)? {
        return cardinality(cursor, Cardinality::Series, exact);
    }
    let (on, from, condition) = (on(cursor)?, from(cursor)?, where_clause(cursor)?);
    order_by(cursor)?;
    Ok(Statement::ShowSeries(ShowSeries {
        on,
        from,
        condition,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

/// Takes `[EXACT] CARDINALITY`, if there; the result says whether it is exact.
fn at_cardinality(cursor: &mut Cursor<'_>) -> Result<Option<bool>, ParseError> {
    if cursor.eat_keyword("EXACT")? {
        cursor.expect_keyword("CARDINALITY")?;
        return Ok(Some(true));
    }
    Ok(cursor.eat_keyword("CARDINALITY")?.then_some(false))
}

fn expect_cardinality(cursor: &mut Cursor<'_>, of: Cardinality) -> Result<Statement, ParseError> {
    match at_cardinality(cursor)? {
        Some(exact) => cardinality(cursor, of, exact),
        None => cursor.unexpected("EXACT, CARDINALITY"),
    }
}

/// What follows `CARDINALITY`, except of the values of tags.
fn cardinality(
    cursor: &mut Cursor<'_>,
    of: Cardinality,
    exact: bool,
) -> Result<Statement, ParseError> {
    let (on, from) = (on(cursor)?, from(cursor)?);
    cardinality_from(cursor, of, exact, on, from)
}

fn tag_values_cardinality(cursor: &mut Cursor<'_>, exact: bool) -> Result<Statement, ParseError> {
    let (on, from) = (on(cursor)?, from(cursor)?);
    let of = Cardinality::TagValues(with_key(cursor)?);
    cardinality_from(cursor, of, exact, on, from)
}

/// `WHERE` and all behind it.
fn cardinality_from(
    cursor: &mut Cursor<'_>,
    of: Cardinality,
    exact: bool,
    on: Option<String>,
    from: Vec<Measurement>,
) -> Result<Statement, ParseError> {
    Ok(Statement::ShowCardinality(Box::new(ShowCardinality {
        of,
        exact,
        on,
        from,
        condition: where_clause(cursor)?,
        group_by: group_by(cursor)?,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    })))
}

fn measurements(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (on, with) = (measurements_on(cursor)?, with_measurement(cursor)?);
    let condition = where_clause(cursor)?;
    order_by(cursor)?;
    Ok(Statement::ShowMeasurements(ShowMeasurements {
        on,
        with,
        condition,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

fn measurements_on(cursor: &mut Cursor<'_>) -> Result<Option<MeasurementsOn>, ParseError> {
    if !cursor.eat_keyword("ON")? {
        return Ok(None);
    }
    if cursor.eat_symbol("*")? {
        if !cursor.eat_symbol(".")? {
            return Ok(Some(MeasurementsOn::AllDatabases));
        }
        cursor.expect_symbol("*")?;
        return Ok(Some(MeasurementsOn::AllDatabasesAndPolicies));
    }
    let name = cursor.expect_identifier()?;
    let retention_policy = if cursor.eat_adjacent_dot() {
        Some(cursor.expect_identifier()?)
    } else {
        None
    };
    Ok(Some(MeasurementsOn::Database {
        name,
        retention_policy,
    }))
}

fn with_measurement(cursor: &mut Cursor<'_>) -> Result<Option<Measurement>, ParseError> {
    if !cursor.eat_keyword("WITH")? {
        return Ok(None);
    }
    cursor.expect_keyword("MEASUREMENT")?;
    let regex = match cursor.eat_symbol("=~")? {
        true => true,
        false if cursor.eat_symbol("=")? => false,
        false => return cursor.unexpected("=, =~"),
    };
    let start = cursor.operand_start()?;
    let measurement = measurement(cursor)?;
    match (&measurement.name, regex) {
        (MeasurementName::Regex(_), true) | (MeasurementName::Name(_), false) => {
            Ok(Some(measurement))
        }
        (MeasurementName::Name(_), true) => {
            Err(cursor.invalid_at(start, "a regular expression is required after =~"))
        }
        (MeasurementName::Regex(_), false) => Err(cursor.invalid_at(
            start,
            "a name is required after =, use =~ for a regular expression",
        )),
    }
}

fn field(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    match cursor.eat_one_of(&["KEYS", "KEY"])? {
        Some("KEYS") => field_keys(cursor),
        Some(_) => expect_cardinality(cursor, Cardinality::FieldKeys),
        None => cursor.unexpected("KEYS, KEY"),
    }
}

fn field_keys(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (on, from) = (on(cursor)?, from(cursor)?);
    order_by(cursor)?;
    Ok(Statement::ShowFieldKeys(ShowFieldKeys {
        on,
        from,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

fn tag(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    match cursor.eat_one_of(&["KEYS", "VALUES", "KEY"])? {
        Some("KEYS") => tag_keys(cursor),
        Some("VALUES") => match at_cardinality(cursor)? {
            Some(exact) => tag_values_cardinality(cursor, exact),
            None => tag_values(cursor),
        },
        Some(_) => expect_cardinality(cursor, Cardinality::TagKeys),
        None => cursor.unexpected("KEYS, VALUES, KEY"),
    }
}

fn tag_keys(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (on, from) = (on(cursor)?, from(cursor)?);
    let keys = match cursor.eat_keyword("WITH")? {
        true => Some(keys_after_with(cursor)?),
        false => None,
    };
    let condition = where_clause(cursor)?;
    order_by(cursor)?;
    Ok(Statement::ShowTagKeys(ShowTagKeys {
        on,
        from,
        keys,
        condition,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

fn tag_values(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (on, from, keys) = (on(cursor)?, from(cursor)?, with_key(cursor)?);
    let condition = where_clause(cursor)?;
    order_by(cursor)?;
    Ok(Statement::ShowTagValues(ShowTagValues {
        on,
        from,
        keys,
        condition,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

fn with_key(cursor: &mut Cursor<'_>) -> Result<TagKeys, ParseError> {
    cursor.expect_keyword("WITH")?;
    keys_after_with(cursor)
}

/// `KEY …` behind `WITH`.
fn keys_after_with(cursor: &mut Cursor<'_>) -> Result<TagKeys, ParseError> {
    cursor.expect_keyword("KEY")?;
    if cursor.eat_symbol("=")? {
        return Ok(TagKeys::Eq(cursor.expect_identifier()?));
    }
    if cursor.eat_symbol("!=")? || cursor.eat_symbol("<>")? {
        return Ok(TagKeys::NotEq(cursor.expect_identifier()?));
    }
    if cursor.eat_symbol("=~")? {
        return Ok(TagKeys::Matches(expect_regex(cursor)?));
    }
    if cursor.eat_symbol("!~")? {
        return Ok(TagKeys::NotMatches(expect_regex(cursor)?));
    }
    if !cursor.eat_keyword("IN")? {
        return cursor.unexpected("=, !=, =~, !~, IN");
    }
    cursor.expect_symbol("(")?;
    let names = comma_separated(cursor, |cursor| cursor.expect_identifier())?;
    cursor.expect_symbol(")")?;
    Ok(TagKeys::In(names))
}

fn retention_policies(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    cursor.expect_keyword("POLICIES")?;
    Ok(Statement::ShowRetentionPolicies(ShowRetentionPolicies {
        on: on(cursor)?,
    }))
}

/// `ON db`, if there.
fn on(cursor: &mut Cursor<'_>) -> Result<Option<String>, ParseError> {
    match cursor.eat_keyword("ON")? {
        true => Ok(Some(cursor.expect_identifier()?)),
        false => Ok(None),
    }
}

/// `FROM m, …`, if there.
fn from(cursor: &mut Cursor<'_>) -> Result<Vec<Measurement>, ParseError> {
    match cursor.eat_keyword("FROM")? {
        true => comma_separated(cursor, measurement),
        false => Ok(Vec::new()),
    }
}
