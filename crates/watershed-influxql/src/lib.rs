//! InfluxQL: text to syntax tree and back.
//!
//! 1. [`parse_statements`] turns a text into [`Statement`]s or says where it stopped making sense.
//! 2. [`bind`] puts values in the place of `$name`.
//! 3. `Display` of every node prints InfluxQL that parses to the same node.
//!
//! Beside them the rules of the language that need nothing but text: names of result columns
//! ([`column_name`]), timestamps and durations ([`parse_timestamp`], [`format_duration`]), and
//! regular expressions ([`translate_regex`]). [`closest`] finds the word that was meant, for hints in
//! errors.
//!
//! What anything means is left to others: no schemas, no functions, no clock. Nothing here panics
//! or overflows the stack, whatever the text; time and memory are linear in its length, which is
//! limited.

mod ast;
mod bind;
mod closest;
mod duration;
mod error;
mod identifier;
mod lexer;
mod naming;
mod parser;
mod print;
mod regex;
mod timestamp;
mod work;

pub use ast::{
    Binary, BinaryOp, Call, Cardinality, Cast, CreateDatabase, Delete, Dimension,
    DropRetentionPolicy, DropSeries, Explain, Expr, Field, Fill, KillQuery, Measurement,
    MeasurementName, MeasurementsOn, Order, Regex, RetentionPolicy, Select, SelectInto,
    ShowCardinality, ShowFieldKeys, ShowMeasurements, ShowRetentionPolicies, ShowSeries,
    ShowTagKeys, ShowTagValues, Source, Statement, TagKeys, TimeDimension, UnsupportedStatement,
    VarRef, WildcardKind,
};
pub use bind::{BindError, ParamValue, bind, check_all_used};
pub use closest::closest;
pub use duration::{format_duration, format_go_duration};
pub use error::ParseError;
pub use naming::{column_name, unique_names};
pub use parser::{
    EXPR_HEIGHT_MAX, NESTING_DEPTH_MAX, STATEMENTS_MAX, TEXT_BYTES_MAX, parse_expr,
    parse_statements,
};
pub use regex::{RegexError, translate_regex};
pub use timestamp::{TimestampError, parse_timestamp};
