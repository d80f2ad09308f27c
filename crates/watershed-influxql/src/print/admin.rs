//! Statements that change something, to text.

use std::fmt::{self, Display, Formatter};

use super::{Identifier, clause, list_clause};
use crate::ast::{
    CreateDatabase, Delete, DropRetentionPolicy, DropSeries, KillQuery, RetentionPolicy,
};
use crate::duration::format_duration;

impl Display for CreateDatabase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE DATABASE {}", Identifier(&self.name))?;
        let plain = CreateDatabase {
            name: self.name.clone(),
            ..CreateDatabase::default()
        };
        if *self != plain {
            f.write_str(" WITH")?;
        }
        clause(f, "DURATION", self.duration.map(duration_or_infinite))?;
        clause(f, "REPLICATION", self.replication)?;
        clause(
            f,
            "SHARD DURATION",
            self.shard_duration.map(duration_or_infinite),
        )?;
        clause(f, "NAME", self.policy.as_deref().map(Identifier))
    }
}

fn duration_or_infinite(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        "INF".to_owned()
    } else {
        format_duration(nanoseconds)
    }
}

impl Display for Delete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("DELETE")?;
        list_clause(f, "FROM", &self.from)?;
        clause(f, "WHERE", self.condition.as_ref())
    }
}

impl Display for DropSeries {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("DROP SERIES")?;
        list_clause(f, "FROM", &self.from)?;
        clause(f, "WHERE", self.condition.as_ref())
    }
}

/// What follows `CREATE RETENTION POLICY` or `ALTER RETENTION POLICY`.
impl Display for RetentionPolicy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )?;
        clause(f, "DURATION", self.duration.map(duration_or_infinite))?;
        clause(f, "REPLICATION", self.replication)?;
        clause(
            f,
            "SHARD DURATION",
            self.shard_duration.map(format_duration),
        )?;
        f.write_str(if self.default { " DEFAULT" } else { "" })
    }
}

impl Display for DropRetentionPolicy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DROP RETENTION POLICY {} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )
    }
}

impl Display for KillQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "KILL QUERY {}", self.id)?;
        clause(f, "ON", self.host.as_deref().map(Identifier))
    }
}
