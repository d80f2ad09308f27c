//! Statements that change something, most of which are known by name only.

use super::cursor::Cursor;
use super::select::{comma_separated, measurement, where_clause};
use crate::ParseError;
use crate::ast::{CreateDatabase, Delete, Statement, UnsupportedStatement};
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
            skip_rest(cursor, UnsupportedStatement::AlterRetentionPolicy)
        }
        Some("GRANT") => skip_rest(cursor, UnsupportedStatement::Grant),
        Some("KILL") => {
            cursor.expect_keyword("QUERY")?;
            skip_rest(cursor, UnsupportedStatement::KillQuery)
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
            UnsupportedStatement::CreateRetentionPolicy
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
        database.replication = Some(cursor.expect_unsigned()?);
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
    let start = cursor.operand_start()?;
    let Token::Duration(magnitude) = cursor.peek(Due::Operator)?.token else {
        return cursor.unexpected("duration, INF");
    };
    cursor.take(Due::Operator)?;
    i64::try_from(magnitude).map_err(|_| cursor.invalid_at(start, "duration out of range"))
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
            UnsupportedStatement::DropRetentionPolicy
        }
        Some("SERIES") => UnsupportedStatement::DropSeries,
        Some("SHARD") => UnsupportedStatement::DropShard,
        Some("SUBSCRIPTION") => UnsupportedStatement::DropSubscription,
        Some(_) => UnsupportedStatement::DropUser,
        None => return cursor.unexpected(&subjects.join(", ")),
    };
    skip_rest(cursor, statement)
}

fn delete(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let from = match cursor.eat_keyword("FROM")? {
        true => comma_separated(cursor, measurement)?,
        false => Vec::new(),
    };
    let condition = where_clause(cursor)?;
    match from.is_empty() && condition.is_none() {
        true => cursor.unexpected("FROM, WHERE"),
        false => Ok(Statement::Delete(Delete { from, condition })),
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
