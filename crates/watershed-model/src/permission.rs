//! What a token may do.

use crate::DatabaseName;
use std::fmt;

/// Something done to a database. Writing does not include reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Query it.
    Read,
    /// Write points to it.
    Write,
}

/// The databases a permission speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Every database, present and future. Written `*`.
    Every,
    /// The database of that name, whether it exists or not.
    Database(DatabaseName),
}

/// One right of a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What may be done.
    pub action: Action,
    /// To which databases.
    pub resource: Resource,
}

impl Permission {
    /// Whether this right allows `action` on `database`.
    pub fn allows(&self, action: Action, database: &DatabaseName) -> bool {
        self.action == action
            && match &self.resource {
                Resource::Every => true,
                Resource::Database(name) => name == database,
            }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Database(name) => name.fmt(f),
        }
    }
}
