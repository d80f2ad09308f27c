//! Identifiers. Names are for the door; inside, everything is known by a number that never changes
//! and is never used again.

use std::fmt;
use uuid::Uuid;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $repr:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($repr);

        impl $name {
            /// Wraps a number handed out by the catalog (or read back from a file or the log).
            pub const fn new(value: $repr) -> Self {
                Self(value)
            }

            /// The bare number.
            pub const fn get(self) -> $repr {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// A database, stable across renames.
    DatabaseId, i64
);
number_id!(
    /// A table. A table that was deleted and created again under the same name is another table.
    TableId, i64
);
number_id!(
    /// A column of one table. Unique over all tables.
    ColumnId, i64
);
number_id!(
    /// One owner of a log: it numbers the batches it accepts.
    WriterId, i64
);
number_id!(
    /// The generation of the slot map. On one machine it is the number of starts. Higher is newer.
    Epoch, u64
);
number_id!(
    /// The number a writer gives to a batch. Grows by one with each batch, over all epochs.
    Counter, u64
);

impl Counter {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A contiguous run of counters, both ends inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CounterRange {
    /// The oldest batch in the run.
    pub min: Counter,
    /// The newest batch in the run.
    pub max: Counter,
}

/// Where a piece (a file, or a run of buffered rows) stands among the pieces of its partition.
///
/// Two pieces that may hold the same series are ordered by epoch, then by counter; the derived order
/// is that order. Pieces of one writer never share a counter, so no two pieces compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PieceOrder {
    /// The epoch in which every row of the piece was accepted.
    pub epoch: Epoch,
    /// The newest batch in the piece.
    pub max_counter: Counter,
}

/// A Parquet file in the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(Uuid);

impl FileId {
    /// Wraps a UUID read from the catalog, or a fresh one.
    pub const fn new(value: Uuid) -> Self {
        Self(value)
    }

    /// The UUID.
    pub const fn get(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A token. The id is public; the token itself is a secret and only its hash is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(Uuid);

impl TokenId {
    /// Wraps a UUID read from the catalog, or a fresh one.
    pub const fn new(value: Uuid) -> Self {
        Self(value)
    }

    /// The UUID.
    pub const fn get(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
