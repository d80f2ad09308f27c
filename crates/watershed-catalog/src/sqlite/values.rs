//! Between the integers SQLite stores and the types of the model.

use crate::CatalogError;
use uuid::Uuid;
use watershed_model::{FileId, TokenId};

/// A number as SQLite stores it.
///
/// # Errors
/// [`CatalogError::Corrupt`] above `i64::MAX`: counters and sizes don't get there.
pub(super) fn to_stored(value: u64, what: &str) -> Result<i64, CatalogError> {
    i64::try_from(value)
        .map_err(|_| CatalogError::Corrupt(format!("{what} {value} is beyond what can be stored")))
}

/// A number read back.
///
/// # Errors
/// [`CatalogError::Corrupt`] when it doesn't fit: nothing of the kind was ever stored.
pub(super) fn from_stored<T: TryFrom<i64>>(value: i64, what: &str) -> Result<T, CatalogError> {
    T::try_from(value).map_err(|_| CatalogError::Corrupt(format!("{what} is {value}")))
}

pub(super) fn uuid_from_stored(bytes: &[u8], what: &str) -> Result<Uuid, CatalogError> {
    Uuid::from_slice(bytes).map_err(|_| CatalogError::Corrupt(format!("{what} is not a UUID")))
}

pub(super) fn file_id_from_stored(bytes: &[u8]) -> Result<FileId, CatalogError> {
    uuid_from_stored(bytes, "the id of a file").map(FileId::new)
}

pub(super) fn token_id_from_stored(bytes: &[u8]) -> Result<TokenId, CatalogError> {
    uuid_from_stored(bytes, "the id of a token").map(TokenId::new)
}
