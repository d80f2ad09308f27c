//! Names as users write them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The name of the time column of every table.
pub const TIME_COLUMN: &str = "time";

/// The most bytes a database name may have.
const DATABASE_NAME_BYTES_MAX: usize = 64;

/// The name of a database: 1 to 64 bytes; letters and digits (of any script), `/`, `_` and `-`.
/// Upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseName(Arc<str>);

/// Why a database name was refused. The texts are those that clients of the original see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or over 64 bytes.
    #[error("namespace name {name} length must be between 1 and 64 characters")]
    Length {
        /// The name as given.
        name: String,
    },
    /// A character outside the allowed set.
    #[error(
        "namespace name '{name}' contains invalid character, character number {position} is not allowed"
    )]
    Character {
        /// The name as given.
        name: String,
        /// The zero-based index of the first bad character, counted in characters.
        position: usize,
    },
}

impl DatabaseName {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`NameError`] when the name is too long, empty, or has a character outside the allowed set.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > DATABASE_NAME_BYTES_MAX {
            return Err(NameError::Length {
                name: name.to_owned(),
            });
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-');
        match name.chars().position(|c| !allowed(c)) {
            Some(position) => Err(NameError::Character {
                name: name.to_owned(),
                position,
            }),
            None => Ok(Self(name.into())),
        }
    }

    /// The database that a 1.x pair of database and retention policy means.
    ///
    /// An absent or empty `rp`, the two characters `''`, `autogen` and `default` (in any case) mean
    /// `db` itself; any other policy means `db/rp` with the policy in lower case.
    ///
    /// # Errors
    /// [`NameError`] when the resulting name is not a database name.
    pub fn from_v1(db: &str, rp: Option<&str>) -> Result<Self, NameError> {
        let rp = rp.unwrap_or_default().to_lowercase();
        match rp.as_str() {
            "" | "''" | "autogen" | "default" => Self::new(db),
            rp if db.is_empty() => Err(NameError::Length {
                name: format!("/{rp}"),
            }),
            rp => Self::new(&format!("{db}/{rp}")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! free_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

free_name!(
    /// The name of a table: any text line protocol can carry as a measurement.
    TableName
);
free_name!(
    /// The name of a column: any text line protocol can carry as a tag or field key.
    ColumnName
);

impl Borrow<str> for DatabaseName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
