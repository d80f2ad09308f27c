//! `SHOW …` to text.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{Identifier, clause, list_clause, separated};
use crate::ast::{
    Cardinality, MeasurementName, MeasurementsOn, ShowCardinality, ShowFieldKeys, ShowMeasurements,
    ShowRetentionPolicies, ShowSeries, ShowTagKeys, ShowTagValues, TagKeys,
};

impl Display for ShowMeasurements {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW MEASUREMENTS")?;
        clause(f, "ON", self.on.as_ref())?;
        if let Some(measurement) = &self.with {
            let op = if matches!(measurement.name, MeasurementName::Regex(_)) {
                "=~"
            } else {
                "="
            };
            write!(f, " WITH MEASUREMENT {op} {measurement}")?;
        }
        clause(f, "WHERE", self.condition.as_ref())?;
        clause(f, "LIMIT", self.limit)?;
        clause(f, "OFFSET", self.offset)
    }
}

impl Display for MeasurementsOn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MeasurementsOn::Database {
                name,
                retention_policy,
            } => {
                Identifier(name).fmt(f)?;
                match retention_policy {
                    Some(policy) => write!(f, ".{}", Identifier(policy)),
                    None => Ok(()),
                }
            }
            MeasurementsOn::AllDatabases => f.write_char('*'),
            MeasurementsOn::AllDatabasesAndPolicies => f.write_str("*.*"),
        }
    }
}

impl Display for ShowFieldKeys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW FIELD KEYS")?;
        clause(f, "ON", self.on.as_deref().map(Identifier))?;
        list_clause(f, "FROM", &self.from)?;
        clause(f, "LIMIT", self.limit)?;
        clause(f, "OFFSET", self.offset)
    }
}

impl Display for ShowTagKeys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW TAG KEYS")?;
        clause(f, "ON", self.on.as_deref().map(Identifier))?;
        list_clause(f, "FROM", &self.from)?;
        clause(f, "WITH KEY", self.keys.as_ref())?;
        clause(f, "WHERE", self.condition.as_ref())?;
        clause(f, "LIMIT", self.limit)?;
        clause(f, "OFFSET", self.offset)
    }
}

impl Display for ShowTagValues {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW TAG VALUES")?;
        clause(f, "ON", self.on.as_deref().map(Identifier))?;
        list_clause(f, "FROM", &self.from)?;
        write!(f, " WITH KEY {}", self.keys)?;
        clause(f, "WHERE", self.condition.as_ref())?;
        clause(f, "LIMIT", self.limit)?;
        clause(f, "OFFSET", self.offset)
    }
}

impl Display for TagKeys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            TagKeys::Eq(name) => write!(f, "= {}", Identifier(name)),
            TagKeys::NotEq(name) => write!(f, "!= {}", Identifier(name)),
            TagKeys::Matches(regex) => write!(f, "=~ {regex}"),
            TagKeys::NotMatches(regex) => write!(f, "!~ {regex}"),
            TagKeys::In(names) => {
                let names: Vec<Identifier<'_>> =
                    names.iter().map(|name| Identifier(name)).collect();
                f.write_str("IN (")?;
                separated(f, &names)?;
                f.write_char(')')
            }
        }
    }
}

impl Display for ShowRetentionPolicies {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW RETENTION POLICIES")?;
        clause(f, "ON", self.on.as_deref().map(Identifier))
    }
}

impl Display for ShowSeries {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW SERIES")?;
        clause(f, "ON", self.on.as_deref().map(Identifier))?;
        list_clause(f, "FROM", &self.from)?;
        clause(f, "WHERE", self.condition.as_ref())?;
        clause(f, "LIMIT", self.limit)?;
        clause(f, "OFFSET", self.offset)
    }
}

impl Display for ShowCardinality {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (what, keys) = match &self.of {
            Cardinality::Series => ("SERIES", None),
            Cardinality::Measurements => ("MEASUREMENT", None),
            Cardinality::TagKeys => ("TAG KEY", None),
            Cardinality::TagValues(keys) => ("TAG VALUES", Some(keys)),
            Cardinality::FieldKeys => ("FIELD KEY", None),
        };
        let exact = if self.exact { "EXACT " } else { "" };
        write!(f, "SHOW {what} {exact}CARDINALITY")?;
        clause(f, "ON", self.on.as_deref().map(Identifier))?;
        list_clause(f, "FROM", &self.from)?;
        clause(f, "WITH KEY", keys)?;
        clause(f, "WHERE", self.condition.as_ref())?;
        list_clause(f, "GROUP BY", &self.group_by)?;
        clause(f, "LIMIT", self.limit)?;
        clause(f, "OFFSET", self.offset)
    }
}
