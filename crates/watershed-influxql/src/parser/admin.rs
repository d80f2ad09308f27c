//! Statements that change something, most of which are known by name only.

use super::cursor::Cursor;
use super::select::{comma_separated, measurement_or, where_clause};
use crate::ParseError;
use crate::ast::{
    CreateDatabase, Delete, DropRetentionPolicy, DropSeries, Expr, KillQuery, Measurement,
    RetentionPolicy, Statement, UnsupportedStatement,
};
use crate::lexer::{Due, Token};

/// The statement that begins here; `None`, and nothing taken, if it is none of these.
pub(super) fn admin(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    let verbs = [
        "CREATE", "DROP", "DELETE", "ALTER", "GRANT", "KILL", "REVOKE", "SET",
    ];
    let statement = match cursor.eat_one_of(&verbs)? {
        Some("CREATE") => create(cursor),
        Some("DROP") => drop_what(cursor),
        Some("DELETE") => delete(cursor),
        Some("ALTER") => {
            cursor.expect_keyword("RETENTION")?;
            cursor.expect_keyword("POLICY")?;
            alter_retention_policy(cursor)
        }
        Some("GRANT") => skip_rest(cursor, UnsupportedStatement::Grant),
        Some("KILL") => {
            cursor.expect_keyword("QUERY")?;
            kill_query(cursor)
        }
        Some("REVOKE") => skip_rest(cursor, UnsupportedStatement::Revoke),
        Some(_) => {
            cursor.expect_keyword("PASSWORD")?;
            skip_rest(cursor, UnsupportedStatement::SetPassword)
        }
        None => return Ok(None),
    };
    statement.map(Some)
}

fn create(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let statement = match cursor.eat_one_of(&[
        "DATABASE",
        "CONTINUOUS",
        "RETENTION",
        "SUBSCRIPTION",
        "USER",
    ])? {
        Some("DATABASE") => return create_database(cursor),
        Some("CONTINUOUS") => {
            cursor.expect_keyword("QUERY")?;
            UnsupportedStatement::CreateContinuousQuery
        }
        Some("RETENTION") => {
            cursor.expect_keyword("POLICY")?;
            return create_retention_policy(cursor);
        }
        Some("SUBSCRIPTION") => UnsupportedStatement::CreateSubscription,
        Some(_) => UnsupportedStatement::CreateUser,
        None => return cursor.unexpected("CONTINUOUS, DATABASE, RETENTION, SUBSCRIPTION, USER"),
    };
    skip_rest(cursor, statement)
}

fn create_database(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let mut database = CreateDatabase {
        name: cursor.expect_identifier()?,
        ..CreateDatabase::default()
    };
    if cursor.eat_keyword("WITH")? {
        database_options(cursor, &mut database)?;
    }
    Ok(Statement::CreateDatabase(database))
}

/// One or more options, in this order.
fn database_options(
    cursor: &mut Cursor<'_>,
    database: &mut CreateDatabase,
) -> Result<(), ParseError> {
    if cursor.eat_keyword("DURATION")? {
        database.duration = Some(duration_or_infinite(cursor)?);
    }
    if cursor.eat_keyword("REPLICATION")? {
        database.replication = Some(replication(cursor)?);
    }
    if cursor.eat_keyword("SHARD")? {
        cursor.expect_keyword("DURATION")?;
        database.shard_duration = Some(duration_or_infinite(cursor)?);
    }
    if cursor.eat_keyword("NAME")? {
        database.policy = Some(cursor.expect_identifier()?);
    }
    let named = CreateDatabase {
        name: database.name.clone(),
        ..CreateDatabase::default()
    };
    if *database == named {
        cursor.unexpected("DURATION, REPLICATION, SHARD, NAME")
    } else {
        Ok(())
    }
}

/// Nanoseconds, 0 for `INF`.
fn duration_or_infinite(cursor: &mut Cursor<'_>) -> Result<i64, ParseError> {
    if cursor.eat_keyword("INF")? {
        return Ok(0);
    }
    duration(cursor, "duration, INF")
}

/// Nanoseconds; `expected` is what an error names.
fn duration(cursor: &mut Cursor<'_>, expected: &str) -> Result<i64, ParseError> {
    let start = cursor.operand_start()?;
    let Token::Duration(magnitude) = cursor.peek(Due::Operator)?.token else {
        return cursor.unexpected(expected);
    };
    cursor.take(Due::Operator)?;
    i64::try_from(magnitude).map_err(|_| cursor.invalid_at(start, "duration out of range"))
}

/// From 1 to `i32::MAX`, as in InfluxDB 1.x.
fn replication(cursor: &mut Cursor<'_>) -> Result<u64, ParseError> {
    let start = cursor.operand_start()?;
    let number = cursor.expect_unsigned()?;
    match number {
        1..=0x7fff_ffff => Ok(number),
        _ => Err(cursor.invalid_at(
            start,
            format!("invalid value {number}: must be 1 <= n <= {}", i32::MAX),
        )),
    }
}

/// `name ON database`.
fn policy_on_database(cursor: &mut Cursor<'_>) -> Result<(String, String), ParseError> {
    let name = cursor.expect_identifier()?;
    cursor.expect_keyword("ON")?;
    Ok((name, cursor.expect_identifier()?))
}

fn create_retention_policy(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (name, database) = policy_on_database(cursor)?;
    cursor.expect_keyword("DURATION")?;
    let duration = duration_or_infinite(cursor)?;
    cursor.expect_keyword("REPLICATION")?;
    let replication = replication(cursor)?;
    let shard_duration = match cursor.eat_keyword("SHARD")? {
        true => Some(shard_duration(cursor)?),
        false => None,
    };
    Ok(Statement::CreateRetentionPolicy(RetentionPolicy {
        name,
        database,
        duration: Some(duration),
        replication: Some(replication),
        shard_duration,
        default: cursor.eat_keyword("DEFAULT")?,
    }))
}

/// One or more options, each at most once, in any order.
fn alter_retention_policy(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let options = ["DURATION", "REPLICATION", "SHARD", "DEFAULT"];
    let (name, database) = policy_on_database(cursor)?;
    let mut policy = RetentionPolicy {
        name,
        database,
        ..RetentionPolicy::default()
    };
    let mut taken = Vec::new();
    loop {
        let start = cursor.operand_start()?;
        let Some(option) = cursor.eat_one_of(&options)? else {
            break;
        };
        if taken.contains(&option) {
            let message = format!("found duplicate {option} option");
            return Err(cursor.invalid_at(start, message));
        }
        taken.push(option);
        match option {
            "DURATION" => policy.duration = Some(duration_or_infinite(cursor)?),
            "REPLICATION" => policy.replication = Some(replication(cursor)?),
            "SHARD" => policy.shard_duration = Some(shard_duration(cursor)?),
            _ => policy.default = true,
        }
    }
    match taken.is_empty() {
        true => cursor.unexpected(&options.join(", ")),
        false => Ok(Statement::AlterRetentionPolicy(policy)),
    }
}

/// Nanoseconds behind `SHARD`.
fn shard_duration(cursor: &mut Cursor<'_>) -> Result<i64, ParseError> {
    cursor.expect_keyword("DURATION")?;
    let start = cursor.operand_start()?;
    match cursor.eat_keyword("INF")? {
        true => Err(cursor.invalid_at(start, "invalid duration INF for shard duration")),
        false => duration(cursor, "duration"),
    }
}

fn kill_query(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let id = cursor.expect_unsigned()?;
    let host = match cursor.eat_keyword("ON")? {
        true => Some(cursor.expect_identifier()?),
        false => None,
    };
    Ok(Statement::KillQuery(KillQuery { id, host }))
}

fn drop_what(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let subjects = [
        "DATABASE",
        "MEASUREMENT",
        "CONTINUOUS",
        "RETENTION",
        "SERIES",
        "SHARD",
        "SUBSCRIPTION",
        "USER",
    ];
    let statement = match cursor.eat_one_of(&subjects)? {
        Some("DATABASE") => return Ok(Statement::DropDatabase(cursor.expect_identifier()?)),
        Some("MEASUREMENT") => return Ok(Statement::DropMeasurement(cursor.expect_identifier()?)),
        Some("CONTINUOUS") => {
            cursor.expect_keyword("QUERY")?;
            UnsupportedStatement::DropContinuousQuery
        }
        Some("RETENTION") => {
            cursor.expect_keyword("POLICY")?;
            let (name, database) = policy_on_database(cursor)?;
            return Ok(Statement::DropRetentionPolicy(DropRetentionPolicy {
                name,
                database,
            }));
        }
        Some("SERIES") => return drop_series(cursor),
        Some("SHARD") => UnsupportedStatement::DropShard,
        Some("SUBSCRIPTION") => UnsupportedStatement::DropSubscription,
        Some(_) => UnsupportedStatement::DropUser,
        None => return cursor.unexpected(&subjects.join(", ")),
    };
    skip_rest(cursor, statement)
}

fn delete(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (from, condition) = deleted(cursor, without_database)?;
    Ok(Statement::Delete(Delete { from, condition }))
}

fn drop_series(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let (from, condition) = deleted(cursor, without_policy)?;
    Ok(Statement::DropSeries(DropSeries { from, condition }))
}

/// `[FROM …] [WHERE …]`, at least one of the two.
fn deleted<'a>(
    cursor: &mut Cursor<'a>,
    measurement: fn(&mut Cursor<'a>) -> Result<Measurement, ParseError>,
) -> Result<(Vec<Measurement>, Option<Expr>), ParseError> {
    let from = match cursor.eat_keyword("FROM")? {
        true => comma_separated(cursor, measurement)?,
        false => Vec::new(),
    };
    let condition = where_clause(cursor)?;
    match from.is_empty() && condition.is_none() {
        true => cursor.unexpected("FROM, WHERE"),
        false => Ok((from, condition)),
    }
}

// The texts of the next two are those of InfluxDB 1.x, down to the place.
fn without_database(cursor: &mut Cursor<'_>) -> Result<Measurement, ParseError> {
    let measurement = measurement_or(cursor, "identifier")?;
    match measurement.database {
        Some(_) => Err(cursor.invalid_at_statement("database not supported")),
        None => Ok(measurement),
    }
}

fn without_policy(cursor: &mut Cursor<'_>) -> Result<Measurement, ParseError> {
    let measurement = without_database(cursor)?;
    match measurement.retention_policy {
        Some(_) => Err(cursor.invalid_at_statement("retention policy not supported")),
        None => Ok(measurement),
    }
}

/// Takes whatever stands before the next `;`.
///
/// # Errors
/// Strings, comments and the like must be well formed nevertheless: else it is unknown where the
/// statement ends.
pub(super) fn skip_rest(
    cursor: &mut Cursor<'_>,
    statement: UnsupportedStatement,
) -> Result<Statement, ParseError> {
    let mut due = Due::Operator;
    loop {
        if matches!(cursor.peek(due)?.token, Token::Symbol(";") | Token::End) {
            return Ok(Statement::Unsupported(statement));
        }
        due = due_after(&cursor.take(due)?.token);
    }
}

/// Whether a slash behind `token` begins a regular expression.
fn due_after(token: &Token<'_>) -> Due {
    match token {
        Token::Symbol(")") => Due::Operator,
        Token::Symbol(_) | Token::Keyword(_) => Due::Operand,
        _ => Due::Operator,
    }
}
