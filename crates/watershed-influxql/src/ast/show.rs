//! `SHOW …`: what there is in a database.
//!
//! `ORDER BY time` is taken behind `WHERE` and leaves no trace in the tree: such answers are in
//! order of their names whatever it says, as in InfluxDB 1.x.

use super::{Dimension, Expr, Measurement, Regex};

/// `SHOW MEASUREMENTS [ON …] [WITH MEASUREMENT …] [WHERE …] [LIMIT n] [OFFSET n]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowMeasurements {
    pub on: Option<MeasurementsOn>,
    /// `WITH MEASUREMENT = name` or `=~ /regex/`.
    pub with: Option<Measurement>,
    pub condition: Option<Expr>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// `ON` of `SHOW MEASUREMENTS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MeasurementsOn {
    /// `ON database[.retention policy]`.
    Database {
        name: String,
        retention_policy: Option<String>,
    },
    /// `ON *`: every database, default retention policy.
    AllDatabases,
    /// `ON *.*`.
    AllDatabasesAndPolicies,
}

/// `SHOW FIELD KEYS [ON db] [FROM …] [LIMIT n] [OFFSET n]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowFieldKeys {
    pub on: Option<String>,
    /// Empty: all.
    pub from: Vec<Measurement>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// `SHOW TAG KEYS [ON db] [FROM …] [WITH KEY …] [WHERE …] [LIMIT n] [OFFSET n]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowTagKeys {
    pub on: Option<String>,
    /// Empty: all.
    pub from: Vec<Measurement>,
    /// `WITH KEY …`; `None` is all.
    pub keys: Option<TagKeys>,
    pub condition: Option<Expr>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// `SHOW TAG VALUES [ON db] [FROM …] WITH KEY … [WHERE …] [LIMIT n] [OFFSET n]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowTagValues {
    pub on: Option<String>,
    /// Empty: all.
    pub from: Vec<Measurement>,
    pub keys: TagKeys,
    pub condition: Option<Expr>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// `WITH KEY …`: which tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TagKeys {
    /// `= name`.
    Eq(String),
    /// `!= name`.
    NotEq(String),
    /// `=~ /regex/`.
    Matches(Regex),
    /// `!~ /regex/`.
    NotMatches(Regex),
    /// `IN (name, …)`, at least one.
    In(Vec<String>),
}

/// `SHOW RETENTION POLICIES [ON db]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShowRetentionPolicies {
    pub on: Option<String>,
}

/// `SHOW SERIES [ON db] [FROM …] [WHERE …] [LIMIT n] [OFFSET n]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowSeries {
    pub on: Option<String>,
    /// Empty: all.
    pub from: Vec<Measurement>,
    pub condition: Option<Expr>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// `SHOW what [EXACT] CARDINALITY [ON db] [FROM …] [WITH KEY …] [WHERE …] [GROUP BY …] [LIMIT n]
/// [OFFSET n]`, with `WITH KEY` only, and always, for the values of tags.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowCardinality {
    pub of: Cardinality,
    /// Count; otherwise an estimate will do.
    pub exact: bool,
    pub on: Option<String>,
    /// Empty: all.
    pub from: Vec<Measurement>,
    pub condition: Option<Expr>,
    /// `GROUP BY`, in the order written; empty without it.
    pub group_by: Vec<Dimension>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

impl ShowCardinality {
    /// The statement's name in capitals, without `EXACT`.
    pub fn name(&self) -> &'static str {
        match self.of {
            Cardinality::Series => "SHOW SERIES CARDINALITY",
            Cardinality::Measurements => "SHOW MEASUREMENT CARDINALITY",
            Cardinality::TagKeys => "SHOW TAG KEY CARDINALITY",
            Cardinality::TagValues(_) => "SHOW TAG VALUES CARDINALITY",
            Cardinality::FieldKeys => "SHOW FIELD KEY CARDINALITY",
        }
    }
}

/// What `SHOW … CARDINALITY` counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cardinality {
    Series,
    Measurements,
    TagKeys,
    /// Values of these tags.
    TagValues(TagKeys),
    FieldKeys,
}
