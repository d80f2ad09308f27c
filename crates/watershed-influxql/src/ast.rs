//! The syntax tree.
//!
//! Plain owned data, one type per thing the grammar names. The tree says what was written, never
//! what it means: whether `host` is a tag, whether `mean` exists or which database is the default
//! is decided by who plans the statement.
//!
//! What the parser settles, so that a reader of the tree need not:
//!
//! 1. Parentheses are gone; the shape of the tree is the grouping. The printer puts back those that
//!    are needed.
//! 2. A unary minus is folded: into the literal it stands before, else into `-1 * x`. There is no
//!    unary node.
//! 3. `DISTINCT x` is the call `distinct(x)`; names of functions are in lower case.
//! 4. A chain of `AND` (or of `OR`) is a balanced tree, so that a thousand alternatives are ten
//!    levels deep. Order from left to right is kept.
//! 5. `a.b` in an expression is one column name with the dot in it.
//!
//! Two trees are equal if they were written alike up to blanks, comments, case of keywords and
//! superfluous parentheses. `Display` of every node is InfluxQL that parses to the same node.

mod admin;
mod show;

use chrono_tz::Tz;

pub use admin::{
    CreateDatabase, Delete, DropRetentionPolicy, DropSeries, KillQuery, RetentionPolicy,
};
pub use show::{
    Cardinality, MeasurementsOn, ShowCardinality, ShowFieldKeys, ShowMeasurements,
    ShowRetentionPolicies, ShowSeries, ShowTagKeys, ShowTagValues, TagKeys,
};

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Select(Box<Select>),
    /// `SELECT … INTO target FROM …`. Parsed so that it can be refused by name.
    SelectInto(Box<SelectInto>),
    Explain(Explain),
    ShowDatabases,
    ShowMeasurements(ShowMeasurements),
    ShowFieldKeys(ShowFieldKeys),
    ShowTagKeys(ShowTagKeys),
    ShowTagValues(ShowTagValues),
    ShowRetentionPolicies(ShowRetentionPolicies),
    ShowSeries(ShowSeries),
    ShowCardinality(Box<ShowCardinality>),
    ShowQueries,
    /// `SHOW STATS [FOR 'module']`.
    ShowStats(Option<String>),
    /// `SHOW DIAGNOSTICS [FOR 'module']`.
    ShowDiagnostics(Option<String>),
    KillQuery(KillQuery),
    CreateDatabase(CreateDatabase),
    /// `DROP DATABASE name`.
    DropDatabase(String),
    /// `DROP MEASUREMENT name`.
    DropMeasurement(String),
    DropSeries(DropSeries),
    Delete(Delete),
    CreateRetentionPolicy(RetentionPolicy),
    /// At least one of the options is given.
    AlterRetentionPolicy(RetentionPolicy),
    DropRetentionPolicy(DropRetentionPolicy),
    /// A statement of InfluxDB 1.x which is known by name only; its remaining text was skipped, not
    /// checked.
    Unsupported(UnsupportedStatement),
}

impl Statement {
    /// The statement's name in capitals, for messages such as `not implemented: DROP MEASUREMENT`;
    /// `EXACT` is left out of the cardinality statements.
    pub fn name(&self) -> &'static str {
        match self {
            Statement::Select(_) => "SELECT",
            Statement::SelectInto(_) => "SELECT INTO",
            Statement::Explain(_) => "EXPLAIN",
            Statement::ShowDatabases => "SHOW DATABASES",
            Statement::ShowMeasurements(_) => "SHOW MEASUREMENTS",
            Statement::ShowFieldKeys(_) => "SHOW FIELD KEYS",
            Statement::ShowTagKeys(_) => "SHOW TAG KEYS",
            Statement::ShowTagValues(_) => "SHOW TAG VALUES",
            Statement::ShowRetentionPolicies(_) => "SHOW RETENTION POLICIES",
            Statement::ShowSeries(_) => "SHOW SERIES",
            Statement::ShowCardinality(show) => show.name(),
            Statement::ShowQueries => "SHOW QUERIES",
            Statement::ShowStats(_) => "SHOW STATS",
            Statement::ShowDiagnostics(_) => "SHOW DIAGNOSTICS",
            Statement::KillQuery(_) => "KILL QUERY",
            Statement::CreateDatabase(_) => "CREATE DATABASE",
            Statement::DropDatabase(_) => "DROP DATABASE",
            Statement::DropMeasurement(_) => "DROP MEASUREMENT",
            Statement::DropSeries(_) => "DROP SERIES",
            Statement::Delete(_) => "DELETE",
            Statement::CreateRetentionPolicy(_) => "CREATE RETENTION POLICY",
            Statement::AlterRetentionPolicy(_) => "ALTER RETENTION POLICY",
            Statement::DropRetentionPolicy(_) => "DROP RETENTION POLICY",
            Statement::Unsupported(statement) => statement.name(),
        }
    }
}

/// Statements of InfluxDB 1.x that are recognised and nothing more.
///
/// What follows the name is not kept: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnsupportedStatement {
    CreateContinuousQuery,
    CreateSubscription,
    CreateUser,
    DropContinuousQuery,
    DropShard,
    DropSubscription,
    DropUser,
    Grant,
    Revoke,
    SetPassword,
    ShowContinuousQueries,
    ShowGrants,
    ShowShardGroups,
    ShowShards,
    ShowSubscriptions,
    ShowUsers,
}

impl UnsupportedStatement {
    /// The statement's name in capitals.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateContinuousQuery => "CREATE CONTINUOUS QUERY",
            Self::CreateSubscription => "CREATE SUBSCRIPTION",
            Self::CreateUser => "CREATE USER",
            Self::DropContinuousQuery => "DROP CONTINUOUS QUERY",
            Self::DropShard => "DROP SHARD",
            Self::DropSubscription => "DROP SUBSCRIPTION",
            Self::DropUser => "DROP USER",
            Self::Grant => "GRANT",
            Self::Revoke => "REVOKE",
            Self::SetPassword => "SET PASSWORD",
            Self::ShowContinuousQueries => "SHOW CONTINUOUS QUERIES",
            Self::ShowGrants => "SHOW GRANTS",
            Self::ShowShardGroups => "SHOW SHARD GROUPS",
            Self::ShowShards => "SHOW SHARDS",
            Self::ShowSubscriptions => "SHOW SUBSCRIPTIONS",
            Self::ShowUsers => "SHOW USERS",
        }
    }
}

/// `EXPLAIN [ANALYZE] [VERBOSE] statement`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// Run the statement and report what it did.
    pub analyze: bool,
    pub verbose: bool,
    pub statement: Box<Statement>,
}

/// `SELECT fields FROM sources …`, a statement or a subquery.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// At least one, in the order written.
    pub fields: Vec<Field>,
    /// At least one, in the order written.
    pub from: Vec<Source>,
    /// `WHERE`. Comparisons with `time` are still in it.
    pub condition: Option<Expr>,
    /// `GROUP BY`, in the order written; empty without it.
    pub group_by: Vec<Dimension>,
    /// `FILL(…)`; `None` is not written, `Some(Fill::None)` is `FILL(none)`.
    pub fill: Option<Fill>,
    /// `ORDER BY time`; `None` is not written (and means ascending).
    pub order: Option<Order>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
    /// `SLIMIT`.
    pub series_limit: Option<u64>,
    /// `SOFFSET`.
    pub series_offset: Option<u64>,
    /// `TZ('Area/City')`.
    pub time_zone: Option<Tz>,
}

/// One column of the `SELECT` list.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// No comparison and no `AND`/`OR` in it.
    pub expr: Expr,
    /// `AS alias`.
    pub alias: Option<String>,
}

/// One item of `FROM`.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Measurement(Measurement),
    Subquery(Box<Select>),
}

/// `[[database.][retention policy].]name`: `m`, `rp.m`, `db.rp.m` or `db..m`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measurement {
    pub database: Option<String>,
    pub retention_policy: Option<String>,
    pub name: MeasurementName,
}

/// Which measurements are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MeasurementName {
    /// Exactly this one.
    Name(String),
    /// Every one whose name matches.
    Regex(Regex),
}

/// A regular expression as written between the slashes, with `\/` already turned into `/`.
///
/// Its syntax is that of RE2 and is not checked here; [`translate_regex`](crate::translate_regex)
/// turns it into the syntax of the `regex` crate or refuses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regex(pub String);

impl Regex {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One item of `GROUP BY`.
#[derive(Debug, Clone, PartialEq)]
pub enum Dimension {
    /// `*`, `*::tag` or `*::field`.
    Wildcard(Option<WildcardKind>),
    /// Every tag whose name matches.
    Regex(Regex),
    /// `time(interval[, offset])`. There may be more than one in a clause; the grammar does not
    /// mind.
    Time(TimeDimension),
    /// A tag, by name. `time` without parentheses is one of these, too.
    Tag(VarRef),
}

/// `time(interval[, offset])`.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeDimension {
    /// Nanoseconds. Arithmetic such as `time(2 * 1m)` has been carried out. May be zero or
    /// negative: who plans it refuses that.
    pub interval: i64,
    /// Arithmetic over [`Expr::Duration`], [`Expr::String`] (a timestamp), [`Expr::Integer`] and
    /// the call `now()`; anything else in it is for the planner to refuse.
    pub offset: Option<Expr>,
}

/// `FILL(…)`: what stands in buckets without rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    Null,
    /// Leave the bucket out.
    None,
    Previous,
    Linear,
    Integer(i64),
    Float(f64),
}

/// Direction of `ORDER BY time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    Ascending,
    Descending,
}

/// An expression: a column of a `SELECT` list, an argument, or a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Also `-9223372036854775808`.
    Integer(i64),
    /// Only for values above `i64::MAX`; a smaller one is an `Integer`.
    Unsigned(u64),
    /// Finite.
    Float(f64),
    /// A string, and also a timestamp (`'2024-01-01'`): which one is decided by what it is compared
    /// with. See [`parse_timestamp`](crate::parse_timestamp).
    String(String),
    Boolean(bool),
    /// Nanoseconds.
    Duration(i64),
    /// Argument of a call, item of a `SELECT` list, or right side of `=~` and `!~`.
    Regex(Regex),
    /// `$name`; gone after [`bind`](crate::bind).
    Parameter(String),
    /// A column, tag, field or `time` (in any case of letters).
    Var(VarRef),
    /// `*`, `*::tag` or `*::field`.
    Wildcard(Option<WildcardKind>),
    Call(Call),
    Binary(Box<Binary>),
}

impl Expr {
    /// `left op right`. No balancing, no folding.
    pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
        Expr::Binary(Box::new(Binary { op, left, right }))
    }

    /// The column `name` without a cast.
    pub fn var(name: impl Into<String>) -> Expr {
        Expr::Var(VarRef {
            name: name.into(),
            cast: None,
        })
    }

    /// The operands and arguments directly below this node, left to right.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Call(call) => call.args.iter().collect(),
            Expr::Binary(binary) => vec![&binary.left, &binary.right],
            _ => Vec::new(),
        }
    }

    /// As [`children`](Self::children), to be changed in place.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Expr::Call(call) => call.args.iter_mut().collect(),
            Expr::Binary(binary) => vec![&mut binary.left, &mut binary.right],
            _ => Vec::new(),
        }
    }

    /// Calls `visit` with this node and all below, parents before children, left before right.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Whether `test` holds for this node or any below.
    pub fn any(&self, test: &mut impl FnMut(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }
}

/// A reference to a column, `name[::cast]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VarRef {
    /// Case-sensitive, except that `time` in any case is the time column.
    pub name: String,
    pub cast: Option<Cast>,
}

impl VarRef {
    /// Whether this is the time column.
    pub fn is_time(&self) -> bool {
        self.name.eq_ignore_ascii_case("time")
    }
}

/// What may follow `::` behind a column name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cast {
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
    /// The column only if it is a tag.
    Tag,
    /// The column only if it is a field.
    Field,
}

/// What may follow `*::`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WildcardKind {
    Tag,
    Field,
}

/// `name(args)`. Neither the name nor the number of arguments is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Lower case.
    pub name: String,
    pub args: Vec<Expr>,
}

/// `left op right`.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
}

/// Operators, from those that bind closest to those that bind least. All associate to the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Mul,
    Div,
    Mod,
    BitAnd,
    Add,
    Sub,
    BitOr,
    BitXor,
    /// `=~`; the right side is an [`Expr::Regex`].
    Matches,
    /// `!~`; the right side is an [`Expr::Regex`].
    NotMatches,
    Eq,
    /// `!=` or `<>`.
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    And,
    Or,
}

impl BinaryOp {
    /// As written: `+`, `!=`, `AND`.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::BitAnd => "&",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::Matches => "=~",
            BinaryOp::NotMatches => "!~",
            BinaryOp::Eq => "=",
            BinaryOp::NotEq => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::LtEq => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::GtEq => ">=",
            BinaryOp::And => "AND",
            BinaryOp::Or => "OR",
        }
    }

    /// How close it binds: 6 for `*`, down to 1 for `OR`.
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::BitAnd => 6,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::BitOr | BinaryOp::BitXor => 5,
            BinaryOp::Matches | BinaryOp::NotMatches => 4,
            BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Lt
            | BinaryOp::LtEq
            | BinaryOp::Gt
            | BinaryOp::GtEq => 3,
            BinaryOp::And => 2,
            BinaryOp::Or => 1,
        }
    }

    /// `+ - * / % & | ^`.
    pub fn is_arithmetic(self) -> bool {
        self.precedence() >= 5
    }

    /// `= != < <= > >=`, without `=~` and `!~`.
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3
    }

    /// `=~` and `!~`.
    pub fn is_regex_match(self) -> bool {
        self.precedence() == 4
    }

    /// `AND` and `OR`.
    pub fn is_logical(self) -> bool {
        self.precedence() <= 2
    }

    /// The operator that says the same with the sides exchanged: `<` for `>`; itself for `=` and
    /// `!=`; `None` for the rest.
    pub fn swapped(self) -> Option<BinaryOp> {
        match self {
            BinaryOp::Eq | BinaryOp::NotEq => Some(self),
            BinaryOp::Lt => Some(BinaryOp::Gt),
            BinaryOp::LtEq => Some(BinaryOp::GtEq),
            BinaryOp::Gt => Some(BinaryOp::Lt),
            BinaryOp::GtEq => Some(BinaryOp::LtEq),
            _ => None,
        }
    }
}

/// `SELECT … INTO target FROM …`.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectInto {
    pub database: Option<String>,
    pub retention_policy: Option<String>,
    /// `None` is `:MEASUREMENT`, the measurement a row came from.
    pub measurement: Option<String>,
    pub select: Select,
}
