//! Statements that change something.

use super::{Expr, Measurement};

/// `CREATE DATABASE name [WITH [DURATION d] [REPLICATION n] [SHARD DURATION d] [NAME policy]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateDatabase {
    pub name: String,
    /// Retention period in nanoseconds; 0 is `INF`, for ever.
    pub duration: Option<i64>,
    pub replication: Option<u64>,
    /// Nanoseconds.
    pub shard_duration: Option<i64>,
    /// Name of the retention policy.
    pub policy: Option<String>,
}

/// `DELETE [FROM …] [WHERE …]`, at least one of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// Empty: all. None has a database.
    pub from: Vec<Measurement>,
    pub condition: Option<Expr>,
}

/// `DROP SERIES [FROM …] [WHERE …]`, at least one of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct DropSeries {
    /// Empty: all. None has a database or a retention policy.
    pub from: Vec<Measurement>,
    pub condition: Option<Expr>,
}

/// `name ON db [DURATION d] [REPLICATION n] [SHARD DURATION d] [DEFAULT]` behind `CREATE RETENTION
/// POLICY`, where the first two options are always given, or `ALTER RETENTION POLICY`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionPolicy {
    pub name: String,
    pub database: String,
    /// Retention period in nanoseconds; 0 is `INF`, for ever.
    pub duration: Option<i64>,
    /// From 1 to `i32::MAX`.
    pub replication: Option<u64>,
    /// Nanoseconds; 0 leaves it to the server.
    pub shard_duration: Option<i64>,
    pub default: bool,
}

/// `DROP RETENTION POLICY name ON db`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRetentionPolicy {
    pub name: String,
    pub database: String,
}

/// `KILL QUERY id [ON host]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillQuery {
    pub id: u64,
    /// The host that runs it.
    pub host: Option<String>,
}
