//! Tokens to syntax tree: recursive descent, one function per rule of the grammar.
//!
//! - `cursor`: where in the text we are; look at, take or miss the next token.
//! - `hint`: what was probably meant where a token does not fit.
//! - `expression`: operands, operators, conditions.
//! - `select`, `show`, `admin`: the statements.

mod admin;
mod cursor;
mod expression;
mod hint;
mod select;
mod show;

use crate::{Explain, Expr, ParseError, Statement};
use cursor::Cursor;

#[cfg(test)]
mod tests;

/// Deepest nesting of parentheses, calls, subqueries and `EXPLAIN` taken together.
///
/// Queries written by people stay below ten. The limit keeps the stack of the parser, and of
/// whoever walks the tree, within the 2 MiB of a worker thread.
pub const NESTING_DEPTH_MAX: usize = 100;

/// Greatest number of nodes from the root of an expression down to a leaf.
///
/// Chains of `AND` and `OR` are balanced, so it bounds the terms of a sum and not the alternatives
/// of a condition.
pub const EXPR_HEIGHT_MAX: usize = 100;

/// Longest text, in bytes.
///
/// Long lists of alternatives, written by programs, stay below it, and the tree of the longest text
/// below a hundred megabytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Greatest number of statements in one text, empty ones not counted.
///
/// Scripts of administrators have hundreds. Each statement is planned and answered on its own, and
/// costs more than its few bytes.
pub const STATEMENTS_MAX: usize = 10_000;

const STATEMENTS: &str =
    "ALTER, CREATE, DELETE, DROP, EXPLAIN, GRANT, KILL, REVOKE, SELECT, SET, SHOW";

/// Reads statements separated by `;`. Empty ones are skipped, so the result may be empty.
///
/// Time and memory are linear in the length of the text.
///
/// # Errors
/// The first place where the text is not InfluxQL, or is nested deeper than [`NESTING_DEPTH_MAX`]
/// or [`EXPR_HEIGHT_MAX`], or has more than [`STATEMENTS_MAX`] statements; a text longer than
/// [`TEXT_BYTES_MAX`]. Nothing is returned for the statements before it.
pub fn parse_statements(text: &str) -> Result<Vec<Statement>, ParseError> {
    let mut cursor = Cursor::new(text)?;
    let mut statements = Vec::new();
    loop {
        while cursor.eat_symbol(";")? {}
        if cursor.at_end()? {
            return Ok(statements);
        }
        cursor.begin_statement()?;
        if statements.len() == STATEMENTS_MAX {
            return Err(cursor.invalid_at_statement(format!(
                "too many statements, more than {STATEMENTS_MAX}; send them in several requests"
            )));
        }
        statements.push(statement(&mut cursor)?);
        if !cursor.at_symbol(";")? && !cursor.at_end()? {
            return cursor.unexpected(";");
        }
    }
}

/// Reads a condition, or an expression without comparisons, and nothing else.
///
/// # Errors
/// As [`parse_statements`].
pub fn parse_expr(text: &str) -> Result<Expr, ParseError> {
    let mut cursor = Cursor::new(text)?;
    let expr = expression::condition(&mut cursor)?;
    if !cursor.at_end()? {
        return cursor.unexpected("EOF");
    }
    Ok(expr)
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    if cursor.eat_keyword("SELECT")? {
        return select::select_statement(cursor);
    }
    if cursor.eat_keyword("SHOW")? {
        return show::show(cursor);
    }
    if cursor.eat_keyword("EXPLAIN")? {
        return explain(cursor);
    }
    match admin::admin(cursor)? {
        Some(statement) => Ok(statement),
        None => cursor.unexpected(STATEMENTS),
    }
}

/// What follows `EXPLAIN`.
fn explain(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let analyze = cursor.eat_keyword("ANALYZE")?;
    let verbose = cursor.eat_word("VERBOSE")?;
    let statement = cursor.nested(statement)?;
    Ok(Statement::Explain(Explain {
        analyze,
        verbose,
        statement: Box::new(statement),
    }))
}
