//! `SHOW …`.

use super::admin::skip_rest;
use super::cursor::Cursor;
use super::expression::expect_regex;
use super::select::{comma_separated, count_after, measurement, where_clause};
use crate::ParseError;
use crate::ast::{
    Measurement, MeasurementName, MeasurementsOn, ShowFieldKeys, ShowMeasurements,
    ShowRetentionPolicies, ShowTagKeys, ShowTagValues, Statement, TagKeys, UnsupportedStatement,
};

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
        "DIAGNOSTICS" => UnsupportedStatement::ShowDiagnostics,
        "GRANTS" => UnsupportedStatement::ShowGrants,
        "MEASUREMENT" => {
            return cardinality(cursor, UnsupportedStatement::ShowMeasurementCardinality);
        }
        "QUERIES" => UnsupportedStatement::ShowQueries,
        "SERIES" => match at_cardinality(cursor)? {
            true => UnsupportedStatement::ShowSeriesCardinality,
            false => UnsupportedStatement::ShowSeries,
        },
        "SHARD" => {
            cursor.expect_keyword("GROUPS")?;
            UnsupportedStatement::ShowShardGroups
        }
        "SHARDS" => UnsupportedStatement::ShowShards,
        "STATS" => UnsupportedStatement::ShowStats,
        "SUBSCRIPTIONS" => UnsupportedStatement::ShowSubscriptions,
        _ => UnsupportedStatement::ShowUsers,
    };
    skip_rest(cursor, statement)
}

/// Takes `[EXACT] CARDINALITY`, if there.
fn at_cardinality(cursor: &mut Cursor<'_>) -> Result<bool, ParseError> {
    if cursor.eat_keyword("EXACT")? {
        cursor.expect_keyword("CARDINALITY")?;
        return Ok(true);
    }
    cursor.eat_keyword("CARDINALITY")
}

fn cardinality(
    cursor: &mut Cursor<'_>,
    statement: UnsupportedStatement,
) -> Result<Statement, ParseError> {
    match at_cardinality(cursor)? {
        true => skip_rest(cursor, statement),
        false => cursor.unexpected("EXACT, CARDINALITY"),
    }
}

fn measurements(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    Ok(Statement::ShowMeasurements(ShowMeasurements {
        on: measurements_on(cursor)?,
        with: with_measurement(cursor)?,
        condition: where_clause(cursor)?,
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
    if cursor.eat_symbol("=")? {
        return Ok(Some(measurement(cursor)?));
    }
    if !cursor.eat_symbol("=~")? {
        return cursor.unexpected("=, =~");
    }
    let start = cursor.operand_start()?;
    let measurement = measurement(cursor)?;
    match measurement.name {
        MeasurementName::Regex(_) => Ok(Some(measurement)),
        MeasurementName::Name(_) => {
            Err(cursor.invalid_at(start, "a regular expression is required after =~"))
        }
    }
}

fn field(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    match cursor.eat_one_of(&["KEYS", "KEY"])? {
        Some("KEYS") => Ok(Statement::ShowFieldKeys(ShowFieldKeys {
            on: on(cursor)?,
            from: from(cursor)?,
            limit: count_after(cursor, "LIMIT")?,
            offset: count_after(cursor, "OFFSET")?,
        })),
        Some(_) => cardinality(cursor, UnsupportedStatement::ShowFieldKeyCardinality),
        None => cursor.unexpected("KEYS, KEY"),
    }
}

fn tag(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    match cursor.eat_one_of(&["KEYS", "VALUES", "KEY"])? {
        Some("KEYS") => tag_keys(cursor),
        Some("VALUES") => match at_cardinality(cursor)? {
            true => skip_rest(cursor, UnsupportedStatement::ShowTagValuesCardinality),
            false => tag_values(cursor),
        },
        Some(_) => cardinality(cursor, UnsupportedStatement::ShowTagKeyCardinality),
        None => cursor.unexpected("KEYS, VALUES, KEY"),
    }
}

fn tag_keys(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    Ok(Statement::ShowTagKeys(ShowTagKeys {
        on: on(cursor)?,
        from: from(cursor)?,
        condition: where_clause(cursor)?,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

fn tag_values(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    Ok(Statement::ShowTagValues(ShowTagValues {
        on: on(cursor)?,
        from: from(cursor)?,
        keys: with_key(cursor)?,
        condition: where_clause(cursor)?,
        limit: count_after(cursor, "LIMIT")?,
        offset: count_after(cursor, "OFFSET")?,
    }))
}

fn with_key(cursor: &mut Cursor<'_>) -> Result<TagKeys, ParseError> {
    cursor.expect_keyword("WITH")?;
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
