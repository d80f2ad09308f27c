//! Syntax tree to text. What is printed parses to the tree it was printed from.
//!
//! That holds for every tree the parser can build. A tree built by hand must keep to what `ast`
//! promises (finite floats, balanced chains, regular expressions without line breaks), or its text
//! parses to another tree or not at all.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::ast::{
    Binary, BinaryOp, Call, Cast, Dimension, Explain, Expr, Field, Fill, Measurement,
    MeasurementName, Order, Regex, Select, SelectInto, Source, Statement, TimeDimension,
    UnsupportedStatement, VarRef, WildcardKind,
};
use crate::duration::format_duration;
use crate::identifier::{continues_word, is_plain};

mod admin;
mod show;
#[cfg(test)]
mod tests;

/// A name, in double quotes where it needs them.
struct Identifier<'a>(&'a str);

impl Display for Identifier<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            f.write_str(self.0)
        } else {
            quoted(f, '"', self.0)
        }
    }
}

/// A string in single quotes.
struct Literal<'a>(&'a str);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        quoted(f, '\'', self.0)
    }
}

fn quoted(f: &mut Formatter<'_>, quote: char, text: &str) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\\' => f.write_str("\\\\")?,
            _ if c == quote => write!(f, "\\{c}")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// `keyword item`, if there is one.
fn clause<T: Display>(f: &mut Formatter<'_>, keyword: &str, item: Option<T>) -> fmt::Result {
    match item {
        Some(item) => write!(f, " {keyword} {item}"),
        None => Ok(()),
    }
}

/// `keyword items`, if there are any.
fn list_clause<T: Display>(f: &mut Formatter<'_>, keyword: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    write!(f, " {keyword} ")?;
    separated(f, items)
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statement::Select(select) => select.fmt(f),
            Statement::SelectInto(select) => select.fmt(f),
            Statement::Explain(explain) => explain.fmt(f),
            Statement::ShowDatabases => f.write_str(self.name()),
            Statement::ShowMeasurements(show) => show.fmt(f),
            Statement::ShowFieldKeys(show) => show.fmt(f),
            Statement::ShowTagKeys(show) => show.fmt(f),
            Statement::ShowTagValues(show) => show.fmt(f),
            Statement::ShowRetentionPolicies(show) => show.fmt(f),
            Statement::ShowSeries(show) => show.fmt(f),
            Statement::ShowCardinality(show) => show.fmt(f),
            Statement::ShowQueries => f.write_str(self.name()),
            Statement::ShowStats(module) | Statement::ShowDiagnostics(module) => {
                f.write_str(self.name())?;
                clause(f, "FOR", module.as_deref().map(Literal))
            }
            Statement::KillQuery(kill) => kill.fmt(f),
            Statement::CreateDatabase(create) => create.fmt(f),
            Statement::DropDatabase(name) | Statement::DropMeasurement(name) => {
                write!(f, "{} {}", self.name(), Identifier(name))
            }
            Statement::DropSeries(drop) => drop.fmt(f),
            Statement::Delete(delete) => delete.fmt(f),
            Statement::CreateRetentionPolicy(policy) | Statement::AlterRetentionPolicy(policy) => {
                write!(f, "{} {policy}", self.name())
            }
            Statement::DropRetentionPolicy(drop) => drop.fmt(f),
            Statement::Unsupported(statement) => statement.fmt(f),
        }
    }
}

impl Display for UnsupportedStatement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let analyze = if self.analyze { "ANALYZE " } else { "" };
        let verbose = if self.verbose { "VERBOSE " } else { "" };
        write!(f, "EXPLAIN {analyze}{verbose}{}", self.statement)
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        separated(f, &self.fields)?;
        after_fields(f, self)
    }
}

fn after_fields(f: &mut Formatter<'_>, select: &Select) -> fmt::Result {
    list_clause(f, "FROM", &select.from)?;
    clause(f, "WHERE", select.condition.as_ref())?;
    list_clause(f, "GROUP BY", &select.group_by)?;
    if let Some(fill) = select.fill {
        write!(f, " FILL({fill})")?;
    }
    clause(f, "ORDER BY time", select.order)?;
    clause(f, "LIMIT", select.limit)?;
    clause(f, "OFFSET", select.offset)?;
    clause(f, "SLIMIT", select.series_limit)?;
    clause(f, "SOFFSET", select.series_offset)?;
    match select.time_zone {
        Some(zone) => write!(f, " TZ('{}')", zone.name()),
        None => Ok(()),
    }
}

impl Display for SelectInto {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        separated(f, &self.select.fields)?;
        f.write_str(" INTO ")?;
        qualifier(f, &self.database, &self.retention_policy)?;
        match &self.measurement {
            Some(name) => Identifier(name).fmt(f)?,
            None => f.write_str(":MEASUREMENT")?,
        }
        after_fields(f, &self.select)
    }
}

/// `db.rp.`, `db..`, `rp.` or nothing.
fn qualifier(
    f: &mut Formatter<'_>,
    database: &Option<String>,
    retention_policy: &Option<String>,
) -> fmt::Result {
    if let Some(database) = database {
        write!(f, "{}.", Identifier(database))?;
    }
    match retention_policy {
        Some(policy) => write!(f, "{}.", Identifier(policy)),
        None if database.is_some() => f.write_char('.'),
        None => Ok(()),
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        clause(f, "AS", self.alias.as_deref().map(Identifier))
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Source::Measurement(measurement) => measurement.fmt(f),
            Source::Subquery(select) => write!(f, "({select})"),
        }
    }
}

impl Display for Measurement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        qualifier(f, &self.database, &self.retention_policy)?;
        self.name.fmt(f)
    }
}

impl Display for MeasurementName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MeasurementName::Name(name) => Identifier(name).fmt(f),
            MeasurementName::Regex(regex) => regex.fmt(f),
        }
    }
}

impl Display for Regex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.0.replace('/', "\\/"))
    }
}

impl Display for Dimension {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Wildcard(kind) => wildcard(f, *kind),
            Dimension::Regex(regex) => regex.fmt(f),
            Dimension::Time(time) => time.fmt(f),
            Dimension::Tag(column) => column.fmt(f),
        }
    }
}

impl Display for TimeDimension {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "time({}", format_duration(self.interval))?;
        if let Some(offset) = &self.offset {
            write!(f, ", {offset}")?;
        }
        f.write_char(')')
    }
}

impl Display for Fill {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Fill::Null => f.write_str("null"),
            Fill::None => f.write_str("none"),
            Fill::Previous => f.write_str("previous"),
            Fill::Linear => f.write_str("linear"),
            Fill::Integer(value) => value.fmt(f),
            Fill::Float(value) => float(f, *value),
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        })
    }
}

/// Always with a decimal point and never with an exponent, which InfluxQL does not know.
fn float(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    let text = value.to_string();
    let fraction = if text.contains('.') { "" } else { ".0" };
    write!(f, "{text}{fraction}")
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Integer(value) => value.fmt(f),
            Expr::Unsigned(value) => value.fmt(f),
            Expr::Float(value) => float(f, *value),
            Expr::String(text) => quoted(f, '\'', text),
            Expr::Boolean(value) => value.fmt(f),
            Expr::Duration(nanoseconds) => f.write_str(&format_duration(*nanoseconds)),
            Expr::Regex(regex) => regex.fmt(f),
            Expr::Parameter(name) => parameter(f, name),
            Expr::Var(column) => column.fmt(f),
            Expr::Wildcard(kind) => wildcard(f, *kind),
            Expr::Call(call) => call.fmt(f),
            Expr::Binary(binary) => binary.fmt(f),
        }
    }
}

fn parameter(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    f.write_char('$')?;
    let plain = !name.is_empty() && name.bytes().all(continues_word);
    if plain {
        f.write_str(name)
    } else {
        quoted(f, '"', name)
    }
}

fn wildcard(f: &mut Formatter<'_>, kind: Option<WildcardKind>) -> fmt::Result {
    f.write_str(match kind {
        None => "*",
        Some(WildcardKind::Tag) => "*::tag",
        Some(WildcardKind::Field) => "*::field",
    })
}

impl Display for VarRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Identifier(&self.name).fmt(f)?;
        match self.cast {
            Some(cast) => write!(f, "::{cast}"),
            None => Ok(()),
        }
    }
}

impl Display for Cast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cast::Float => "float",
            Cast::Integer => "integer",
            Cast::Unsigned => "unsigned",
            Cast::String => "string",
            Cast::Boolean => "boolean",
            Cast::Tag => "tag",
            Cast::Field => "field",
        })
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        separated(f, &self.args)?;
        f.write_char(')')
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A chain of AND or OR is regrouped by the parser, so its operands need no parentheses on
        // either side.
        let own = self.op.precedence();
        let right_least = if self.op.is_logical() { own } else { own + 1 };
        operand(f, &self.left, own)?;
        write!(f, " {} ", self.op.as_str())?;
        operand(f, &self.right, right_least)
    }
}

/// An operand, in parentheses if it binds less than `least`.
fn operand(f: &mut Formatter<'_>, expr: &Expr, least: u8) -> fmt::Result {
    match expr {
        Expr::Binary(binary) if binary.op.precedence() < least => write!(f, "({binary})"),
        _ => expr.fmt(f),
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
