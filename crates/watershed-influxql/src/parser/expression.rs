//! Expressions and conditions.
//!
//! Operators are grouped by precedence, except that the operands of `AND` and `OR` are collected
//! and balanced (`chain`). Every function returns the height of what it built, because a tree too high could
//! not even be dropped without overflowing the stack.

mod chain;

use super::EXPR_HEIGHT_MAX;
use super::cursor::Cursor;
use crate::ast::{BinaryOp, Call, Cast, Expr, Regex, VarRef, WildcardKind};
use crate::lexer::{Due, Token};
use crate::{ParseError, parse_timestamp};
use chain::{Part, concatenated, join};

const OPERANDS: &str = "identifier, string, number, bool, duration, regex, (, *, $";
const NEGATABLE: &str = "identifier, number, duration, (, $";
const CASTS: &str = "float, integer, unsigned, string, boolean, field, tag";

/// Which operators may occur, also inside parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grammar {
    Arithmetic,
    Condition,
}

/// An expression and the number of nodes from its root to its deepest leaf.
struct Tree {
    expr: Expr,
    height: usize,
}

impl Tree {
    fn leaf(expr: Expr) -> Self {
        Self { expr, height: 1 }
    }
}

/// `expr`: arithmetic without comparisons.
pub(super) fn arithmetic(cursor: &mut Cursor<'_>) -> Result<Expr, ParseError> {
    Ok(tree(cursor, Grammar::Arithmetic)?.expr)
}

/// `cond`: arithmetic, comparisons, `AND` and `OR`.
pub(super) fn condition(cursor: &mut Cursor<'_>) -> Result<Expr, ParseError> {
    Ok(tree(cursor, Grammar::Condition)?.expr)
}

fn tree(cursor: &mut Cursor<'_>, grammar: Grammar) -> Result<Tree, ParseError> {
    let parsed = part(cursor, grammar)?;
    parsed.settled(cursor)
}

/// Operands and operators up to what is neither.
///
/// Operators that wait for their right side are kept in a list and not on the stack, so that a
/// level of parentheses costs the same few frames whatever stands before it.
fn part(cursor: &mut Cursor<'_>, grammar: Grammar) -> Result<Part, ParseError> {
    let mut waiting: Vec<Waiting> = Vec::new();
    loop {
        let after_match = waiting.last().is_some_and(|left| left.op.is_regex_match());
        let mut right = match after_match {
            true => Tree::leaf(Expr::Regex(expect_regex(cursor)?)).into(),
            false => unary(cursor, grammar)?,
        };
        let next = operator(cursor, grammar)?;
        if after_match && next.is_some_and(BinaryOp::is_arithmetic) {
            return cursor.unexpected("AND, OR, ), ;");
        }
        while waiting
            .last()
            .is_some_and(|left| binds_before(left.op, next))
        {
            right = join_last(cursor, &mut waiting, right)?;
        }
        let Some(op) = next else {
            return Ok(right);
        };
        cursor.take(Due::Operator)?;
        let right_start = cursor.operand_start()?;
        waiting.push(Waiting {
            left: right,
            op,
            right_start,
        });
    }
}

/// A left side and its operator, whose right side is still to come.
struct Waiting {
    left: Part,
    op: BinaryOp,
    right_start: usize,
}

/// Whether what stands between `op` and `next` belongs to `op`. A chain of `AND` or `OR` waits for
/// its last operand.
fn binds_before(op: BinaryOp, next: Option<BinaryOp>) -> bool {
    match next {
        Some(next) if op.is_logical() => op.precedence() > next.precedence(),
        Some(next) => op.precedence() >= next.precedence(),
        None => true,
    }
}

/// Joins `right` to the last that waits for it, and to all before it that are in the same chain.
fn join_last(
    cursor: &Cursor<'_>,
    waiting: &mut Vec<Waiting>,
    right: Part,
) -> Result<Part, ParseError> {
    let Some(Waiting {
        left,
        op,
        right_start,
    }) = waiting.pop()
    else {
        return Ok(right);
    };
    if !op.is_logical() {
        let (left, right) = (left.settled(cursor)?, right.settled(cursor)?);
        if op.is_comparison() && is_time(&left.expr) && begins_with_timestamp(&right.expr) {
            let message = "a timestamp stands in single quotes";
            return Err(cursor.invalid_at(right_start, message));
        }
        return Ok(join(cursor, op, left, right)?.into());
    }
    let mut items = right.operands_of(cursor, op)?;
    items = concatenated(left.operands_of(cursor, op)?, items);
    while let Some(before) = waiting.pop_if(|before| before.op == op) {
        items = concatenated(before.left.operands_of(cursor, op)?, items);
    }
    Ok(Part::Chain { op, items })
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(column) if column.is_time())
}

/// Whether the first operand of a sum is a column with the name of a timestamp, which somebody put
/// into quotes of the wrong kind.
fn begins_with_timestamp(expr: &Expr) -> bool {
    let mut first = expr;
    while let Expr::Binary(binary) = first {
        first = &binary.left;
    }
    matches!(first, Expr::Var(VarRef { name, cast: None }) if parse_timestamp(name, None).is_ok())
}

/// A node whose highest child has `height_below`.
fn higher(cursor: &Cursor<'_>, expr: Expr, height_below: usize) -> Result<Tree, ParseError> {
    if height_below >= EXPR_HEIGHT_MAX {
        return Err(cursor.too_high());
    }
    Ok(Tree {
        expr,
        height: height_below + 1,
    })
}

/// The operator that comes next, if the grammar has it. Does not take it.
fn operator(cursor: &mut Cursor<'_>, grammar: Grammar) -> Result<Option<BinaryOp>, ParseError> {
    let op = match cursor.peek(Due::Operator)?.token {
        Token::Symbol(symbol) => operator_of_symbol(symbol),
        Token::Keyword(word) if word.eq_ignore_ascii_case("AND") => Some(BinaryOp::And),
        Token::Keyword(word) if word.eq_ignore_ascii_case("OR") => Some(BinaryOp::Or),
        _ => None,
    };
    if op.is_none() && grammar == Grammar::Condition {
        cursor.miss(["AND", "OR"]);
    }
    Ok(op.filter(|op| grammar == Grammar::Condition || op.is_arithmetic()))
}

fn operator_of_symbol(symbol: &str) -> Option<BinaryOp> {
    match symbol {
        "*" => Some(BinaryOp::Mul),
        "/" => Some(BinaryOp::Div),
        "%" => Some(BinaryOp::Mod),
        "&" => Some(BinaryOp::BitAnd),
        "+" => Some(BinaryOp::Add),
        "-" => Some(BinaryOp::Sub),
        "|" => Some(BinaryOp::BitOr),
        "^" => Some(BinaryOp::BitXor),
        "=~" => Some(BinaryOp::Matches),
        "!~" => Some(BinaryOp::NotMatches),
        "=" => Some(BinaryOp::Eq),
        "!=" | "<>" => Some(BinaryOp::NotEq),
        "<" => Some(BinaryOp::Lt),
        "<=" => Some(BinaryOp::LtEq),
        ">" => Some(BinaryOp::Gt),
        ">=" => Some(BinaryOp::GtEq),
        _ => None,
    }
}

/// An operand with any number of signs before it.
fn unary(cursor: &mut Cursor<'_>, grammar: Grammar) -> Result<Part, ParseError> {
    let mut signs = 0;
    let mut negative = false;
    while let Token::Symbol(sign @ ("-" | "+")) = cursor.peek(Due::Operand)?.token {
        cursor.take(Due::Operand)?;
        negative ^= sign == "-";
        signs += 1;
    }
    if signs == 0 {
        return operand(cursor, grammar);
    }
    let start = cursor.operand_start()?;
    match cursor.peek(Due::Operand)?.token {
        Token::Integer(magnitude) => {
            cursor.take(Due::Operand)?;
            let integer = signed_integer(magnitude, negative);
            let integer = integer.map(|integer| Tree::leaf(integer).into());
            integer.ok_or_else(|| cursor.invalid_at(start, "integer out of range"))
        }
        Token::Duration(magnitude) => {
            cursor.take(Due::Operand)?;
            Ok(signed_duration(cursor, start, magnitude, negative)?.into())
        }
        Token::String(_) | Token::Regex(_) | Token::Symbol("*") => {
            cursor.unexpected_operand(NEGATABLE)
        }
        _ => {
            let part = operand(cursor, grammar)?;
            match negative {
                true => {
                    let tree = part.settled(cursor)?;
                    Ok(negated(cursor, start, tree)?.into())
                }
                false => Ok(part),
            }
        }
    }
}

fn signed_integer(magnitude: u64, negative: bool) -> Option<Expr> {
    match negative {
        true => 0i64.checked_sub_unsigned(magnitude).map(Expr::Integer),
        false => Some(unsigned(magnitude)),
    }
}

fn unsigned(value: u64) -> Expr {
    i64::try_from(value).map_or(Expr::Unsigned(value), Expr::Integer)
}

fn signed_duration(
    cursor: &Cursor<'_>,
    start: usize,
    magnitude: u64,
    negative: bool,
) -> Result<Tree, ParseError> {
    let nanoseconds = match negative {
        true => 0i64.checked_sub_unsigned(magnitude),
        false => i64::try_from(magnitude).ok(),
    };
    match nanoseconds {
        Some(nanoseconds) => Ok(Tree::leaf(Expr::Duration(nanoseconds))),
        None => Err(cursor.invalid_at(start, "duration out of range")),
    }
}

/// `-tree`. `start` is where the tree begins.
fn negated(cursor: &mut Cursor<'_>, start: usize, tree: Tree) -> Result<Tree, ParseError> {
    let folded = match tree.expr {
        Expr::Integer(value) => match value.checked_neg() {
            Some(negative) => Some(Expr::Integer(negative)),
            None => Some(Expr::Unsigned(value.unsigned_abs())),
        },
        Expr::Unsigned(value) => signed_integer(value, true),
        Expr::Float(value) => Some(Expr::Float(-value)),
        Expr::Duration(nanoseconds) => nanoseconds.checked_neg().map(Expr::Duration),
        Expr::Boolean(_) => None,
        other => {
            let minus_one = Tree::leaf(Expr::Integer(-1));
            return join(
                cursor,
                BinaryOp::Mul,
                minus_one,
                Tree {
                    expr: other,
                    height: tree.height,
                },
            );
        }
    };
    folded
        .map(Tree::leaf)
        .ok_or_else(|| cursor.invalid_at(start, "this value cannot be negated"))
}

fn operand(cursor: &mut Cursor<'_>, grammar: Grammar) -> Result<Part, ParseError> {
    let tree = match &cursor.peek(Due::Operand)?.token {
        Token::Symbol("(") => return parenthesised(cursor, grammar),
        Token::Symbol("*") => {
            cursor.take(Due::Operand)?;
            Tree::leaf(Expr::Wildcard(wildcard_kind(cursor)?))
        }
        Token::Keyword(word) if word.eq_ignore_ascii_case("DISTINCT") => distinct(cursor)?,
        Token::Word(word) => {
            let word = *word;
            cursor.take(Due::Operand)?;
            starting_with_word(cursor, word)?
        }
        Token::Symbol(_) | Token::Keyword(_) | Token::Stray | Token::End => {
            return cursor.unexpected_operand(OPERANDS);
        }
        _ => simple_operand(cursor)?,
    };
    Ok(tree.into())
}

fn parenthesised(cursor: &mut Cursor<'_>, grammar: Grammar) -> Result<Part, ParseError> {
    cursor.take(Due::Operand)?;
    cursor.nested(|cursor| {
        let inside = part(cursor, grammar)?;
        cursor.expect_symbol(")")?;
        Ok(inside)
    })
}

/// An operand that is told by its one token, which has been looked at.
fn simple_operand(cursor: &mut Cursor<'_>) -> Result<Tree, ParseError> {
    let spanned = cursor.take(Due::Operand)?;
    let expr = match spanned.token {
        Token::Quoted(name) => return column(cursor, name),
        Token::Duration(magnitude) => {
            return signed_duration(cursor, spanned.start, magnitude, false);
        }
        Token::String(text) => Expr::String(text),
        Token::Integer(value) => unsigned(value),
        Token::Float(value) => Expr::Float(value),
        Token::Regex(pattern) => Expr::Regex(Regex(pattern)),
        Token::Parameter(name) => Expr::Parameter(name),
        _ => return cursor.unexpected_operand(OPERANDS),
    };
    Ok(Tree::leaf(expr))
}

/// `DISTINCT x` or `DISTINCT(x)`, both a call.
fn distinct(cursor: &mut Cursor<'_>) -> Result<Tree, ParseError> {
    cursor.take(Due::Operand)?;
    if cursor.at_symbol("(")? {
        return call(cursor, "distinct");
    }
    let name = cursor.expect_identifier()?;
    let argument = column(cursor, name)?;
    let call = Call {
        name: "distinct".to_owned(),
        args: vec![argument.expr],
    };
    higher(cursor, Expr::Call(call), argument.height)
}

/// A boolean, a call or a column whose first word has been taken.
fn starting_with_word(cursor: &mut Cursor<'_>, word: &str) -> Result<Tree, ParseError> {
    if cursor.at_symbol("(")? {
        return call(cursor, word);
    }
    let column = column(cursor, word.to_owned())?;
    match &column.expr {
        Expr::Var(VarRef { name, cast: None }) if name.eq_ignore_ascii_case("true") => {
            Ok(Tree::leaf(Expr::Boolean(true)))
        }
        Expr::Var(VarRef { name, cast: None }) if name.eq_ignore_ascii_case("false") => {
            Ok(Tree::leaf(Expr::Boolean(false)))
        }
        _ => Ok(column),
    }
}

/// `(args)` behind the name of a function.
fn call(cursor: &mut Cursor<'_>, name: &str) -> Result<Tree, ParseError> {
    cursor.expect_symbol("(")?;
    let mut args = Vec::new();
    let mut height = 0;
    if !cursor.at_symbol(")")? {
        loop {
            let argument = cursor.nested(|cursor| tree(cursor, Grammar::Arithmetic))?;
            height = height.max(argument.height);
            args.push(argument.expr);
            if !cursor.eat_symbol(",")? {
                break;
            }
        }
    }
    cursor.expect_symbol(")")?;
    higher(
        cursor,
        Expr::Call(Call {
            name: name.to_ascii_lowercase(),
            args,
        }),
        height,
    )
}

/// What follows the first name of a column: more names behind dots, then `::` and a type.
fn column(cursor: &mut Cursor<'_>, mut name: String) -> Result<Tree, ParseError> {
    while cursor.eat_adjacent_dot() {
        name.push('.');
        // `a..b` is a column whose name has two dots.
        if !cursor.at_adjacent_dot() {
            name.push_str(&cursor.expect_identifier()?);
        }
    }
    let cast = if cursor.eat_symbol("::")? {
        Some(expect_cast(cursor)?)
    } else {
        None
    };
    Ok(Tree::leaf(Expr::Var(VarRef { name, cast })))
}

fn expect_cast(cursor: &mut Cursor<'_>) -> Result<Cast, ParseError> {
    let cast = match cursor.peek(Due::Operator)?.token {
        Token::Word(word) | Token::Keyword(word) => match word.to_ascii_lowercase().as_str() {
            "float" => Cast::Float,
            "integer" => Cast::Integer,
            "unsigned" => Cast::Unsigned,
            "string" => Cast::String,
            "boolean" => Cast::Boolean,
            "tag" => Cast::Tag,
            "field" => Cast::Field,
            _ => return cursor.unexpected(CASTS),
        },
        _ => return cursor.unexpected(CASTS),
    };
    cursor.take(Due::Operator)?;
    Ok(cast)
}

/// `::tag` or `::field` behind `*`, if there.
pub(super) fn wildcard_kind(cursor: &mut Cursor<'_>) -> Result<Option<WildcardKind>, ParseError> {
    if !cursor.eat_symbol("::")? {
        return Ok(None);
    }
    match cursor.eat_one_of(&["TAG", "FIELD"])? {
        Some("TAG") => Ok(Some(WildcardKind::Tag)),
        Some(_) => Ok(Some(WildcardKind::Field)),
        None => cursor.unexpected("tag, field"),
    }
}

pub(super) fn expect_regex(cursor: &mut Cursor<'_>) -> Result<Regex, ParseError> {
    if !matches!(cursor.peek(Due::Operand)?.token, Token::Regex(_)) {
        return cursor.unexpected_operand("regex");
    }
    match cursor.take(Due::Operand)?.token {
        Token::Regex(pattern) => Ok(Regex(pattern)),
        _ => cursor.unexpected_operand("regex"),
    }
}

/// A variable as a dimension: a name that has been looked at, dots, a type.
pub(super) fn expect_column(cursor: &mut Cursor<'_>) -> Result<VarRef, ParseError> {
    let name = cursor.expect_identifier()?;
    match column(cursor, name)?.expr {
        Expr::Var(column) => Ok(column),
        _ => cursor.unexpected("identifier"),
    }
}
